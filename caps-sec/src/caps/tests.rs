// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the values: names against two other crates, algebra against sets of std, texts; nothing here asks the kernel.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

use proptest::prelude::*;
use rustix::thread::CapabilitySet;

use super::{Cap, CapSet, Capabilities};
use crate::status::Status;

fn set(text: &str) -> CapSet {
    text.parse().unwrap()
}

#[test]
fn names_and_numbers_are_those_of_the_kernel_s_header() {
    // rustix has them from linux-raw-sys, which is generated from include/uapi/linux/capability.h.
    let header: Vec<_> = CapabilitySet::all().iter_names().map(|(name, bit)| (name, bit.bits())).collect();
    assert_eq!(header.len(), Cap::NAMED.len());
    for (cap, (name, bit)) in Cap::NAMED.into_iter().zip(header) {
        assert_eq!(cap.kernel_name().unwrap(), format!("CAP_{name}"));
        assert_eq!(cap.name().unwrap(), name.to_ascii_lowercase());
        assert_eq!(CapSet::from(cap).bits(), bit, "{cap}");
    }
}

#[test]
fn names_and_numbers_are_those_of_the_package_caps() {
    let theirs: HashSet<(String, u8)> = caps::all().iter().map(|cap| (cap.to_string(), cap.index())).collect();
    let ours = Cap::NAMED.map(|cap| (cap.kernel_name().unwrap().to_owned(), cap.number()));
    assert_eq!(theirs, HashSet::from(ours));
}

#[test]
fn every_spelling_of_every_capability_is_understood() {
    for cap in Cap::NAMED {
        let (word, kernel) = (cap.name().unwrap(), cap.kernel_name().unwrap());
        let (upper, number) = (word.to_uppercase(), cap.number().to_string());
        for text in [word, kernel, &upper, &kernel.to_lowercase(), &number] {
            assert_eq!(text.parse::<Cap>().unwrap(), cap, "{text}");
        }
    }
    assert_eq!("63".parse::<Cap>().unwrap().to_string(), "63");
    for text in ["", "64", "-1", "+1", "CAP_", "CAP_1", "CAP_CAP_KILL", "kill ", "killer", "256", "ﬃ"] {
        assert!(text.parse::<Cap>().is_err(), "{text:?}");
    }
}

#[test]
fn a_word_that_is_no_capability_is_answered_with_what_is() {
    let error = "net-admin".parse::<Cap>().unwrap_err();
    assert_eq!(error.problems(), ["\"net-admin\" is no capability, did you mean net_admin?"]);
    let error = "CAP_SYSADMIN".parse::<Cap>().unwrap_err();
    assert_eq!(error.problems(), ["\"CAP_SYSADMIN\" is no capability, did you mean sys_admin?"]);
    let error = "flying".parse::<Cap>().unwrap_err();
    assert_eq!(error.to_string(), "cannot parse capability");
    assert_eq!(
        error.problems(),
        ["\"flying\" is no capability: they are named as in capabilities(7), such as net_admin or CAP_NET_ADMIN, or \
          numbered from 0 to 63"]
    );
    let error = "kill, foo; CHOWN bar".parse::<CapSet>().unwrap_err();
    assert_eq!(error.problems(), ["\"foo;\" is no capability", "\"bar\" is no capability"]);
}

#[test]
fn capabilities_without_a_name_are_given_by_ranges_of_numbers() {
    assert_eq!(set("41-63").bits(), u64::MAX << 41);
    assert_eq!(set("0-63").bits(), u64::MAX);
    assert_eq!(set("kill 5-5, 62-63") - set("62-63"), Cap::KILL.into());
    for text in ["5-4", "0-64", "-5", "5-", "kill-41", "1-2-3", "+1-2"] {
        assert!(text.parse::<CapSet>().is_err(), "{text:?}");
    }
}

#[test]
fn the_standard_set_is_docker_s_fourteen() {
    let docker = "audit_write, chown, dac_override, fowner, fsetid, kill, mknod, net_bind_service, net_raw, setfcap, \
                  setgid, setpcap, setuid, sys_chroot";
    assert_eq!(CapSet::standard(), set(docker));
    assert_eq!(CapSet::standard().len(), 14);
    assert_eq!(CapSet::standard().bits(), 0xa804_25fb);
}

#[test]
fn all_is_what_has_a_name_and_up_to_reaches_further() {
    assert_eq!(CapSet::all(), Cap::NAMED.into_iter().collect());
    assert_eq!(CapSet::all().to_string(), "all");
    assert_eq!(CapSet::empty().to_string(), "none");
    let newest = Cap::new(41).unwrap();
    assert_eq!(CapSet::up_to(newest) - CapSet::all(), newest.into());
    assert_eq!(CapSet::up_to(Cap::new(63).unwrap()).bits(), u64::MAX);
    assert_eq!(CapSet::up_to(Cap::CHOWN), Cap::CHOWN.into());
    assert_eq!(Cap::new(64), None);
}

fn any_set() -> impl Strategy<Value = CapSet> {
    any::<u64>().prop_map(CapSet::from_bits)
}

fn model(set: CapSet) -> BTreeSet<u8> {
    (0..64).filter(|number| set.contains(Cap::new(*number).unwrap())).collect()
}

proptest! {
    #[test]
    fn the_algebra_is_that_of_sets(one in any_set(), other in any_set(), number in 0..64_u8) {
        let (a, b) = (model(one), model(other));
        prop_assert_eq!(model(one | other), &a | &b);
        prop_assert_eq!(model(one & other), &a & &b);
        prop_assert_eq!(model(one - other), &a - &b);
        prop_assert_eq!(one.is_subset(other), a.is_subset(&b));
        prop_assert!((one & other).is_subset(one));
        prop_assert_eq!(one.len(), u32::try_from(a.len()).unwrap());
        prop_assert_eq!(one.iter().len(), a.len());
        prop_assert_eq!(one.is_empty(), a.is_empty());
        let numbers: Vec<u8> = one.iter().map(Cap::number).collect();
        prop_assert_eq!(numbers, a.iter().copied().collect::<Vec<_>>());
        prop_assert_eq!(one.into_iter().collect::<CapSet>(), one);
        let cap = Cap::new(number).unwrap();
        prop_assert_eq!(one.with(cap), one | cap.into());
        prop_assert_eq!(one.without(cap), one - cap.into());
        prop_assert_eq!(model(one ^ other), &a ^ &b);
        let mut grown = one;
        grown.extend(other);
        prop_assert_eq!(grown, one | other);
    }

    #[test]
    fn a_set_is_its_text(set in any_set()) {
        prop_assert_eq!(set.to_string().parse::<CapSet>().unwrap(), set);
        prop_assert_eq!(set.to_string().replace(", ", "\n").to_uppercase().parse::<CapSet>().unwrap(), set);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_lists_names(set in any_set()) {
        let json = serde_json::to_value(set).unwrap();
        let names: Vec<String> = set.iter().map(|cap| cap.to_string()).collect();
        prop_assert_eq!(&json, &serde_json::json!(names));
        prop_assert_eq!(serde_json::from_value::<CapSet>(json).unwrap(), set);
    }

    #[test]
    fn what_is_limited_has_no_problem_that_it_had_not(
        sets in [any_set(), any_set(), any_set(), any_set(), any_set()],
        available in any_set(),
    ) {
        let [bounding, permitted, effective, inheritable, ambient] = sets;
        let asked = Capabilities { bounding, permitted, effective, inheritable, ambient };
        let (given, left_out) = asked.limited_to(available);
        prop_assert!(given.lacking(available).is_empty());
        prop_assert_eq!(left_out, asked.lacking(available));
        prop_assert!(given.problems().len() <= asked.problems().len());
    }

    #[test]
    fn sets_within_each_other_are_no_problem_and_others_are(sets in [any_set(), any_set(), any_set(), any_set(), any_set()]) {
        let [bounding, permitted, effective, inheritable, ambient] = sets;
        let wild = Capabilities { bounding, permitted, effective, inheritable, ambient };
        let good = permitted.is_subset(bounding) && effective.is_subset(permitted) && inheritable.is_subset(bounding)
            && ambient.is_subset(permitted & inheritable);
        prop_assert_eq!(wild.problems().is_empty(), good);
        let permitted = permitted & bounding;
        let inheritable = inheritable & bounding;
        let tame = Capabilities {
            bounding, permitted, effective: effective & permitted, inheritable, ambient: ambient & permitted & inheritable,
        };
        prop_assert_eq!(tame.problems(), Vec::<String>::new());
    }
}

#[test]
fn every_problem_is_told_at_once_and_by_name() {
    let sets = Capabilities {
        bounding: set("chown kill"),
        permitted: set("chown net_raw"),
        effective: set("kill setuid"),
        inheritable: set("mknod"),
        ambient: set("kill"),
    };
    assert_eq!(
        sets.problems(),
        [
            "permitted: net_raw is not in the bounding set: lost with the exec",
            "effective: kill, setuid are not permitted: only that can be in force",
            "inheritable: mknod is not in the bounding set: the kernel demands it",
            "ambient: kill is not permitted: the kernel demands it",
            "ambient: kill is not inheritable: the kernel demands it",
        ]
    );
    assert_eq!(sets.check().unwrap_err().to_string(), "cannot use capabilities");
    assert_eq!(sets.unknown_to(Cap::SETUID), set("net_raw mknod"));
}

#[test]
fn exactly_is_what_it_says() {
    let few = set("chown kill");
    let root = Capabilities::exactly(few);
    assert_eq!((root.bounding, root.permitted, root.effective), (few, few, few));
    assert!((root.inheritable | root.ambient).is_empty() && root.check().is_ok());
    let user = root.with_ambient();
    assert_eq!(user, Capabilities { inheritable: few, ambient: few, ..root });
    assert!(user.check().is_ok());
    assert_eq!(Capabilities::none(), Capabilities::default());
    assert_eq!(root.to_string().lines().next(), Some("bounding: chown, kill"));
}

#[test]
fn the_lines_of_status_are_read_and_missing_ones_noticed() {
    let text = "Name:\tCapBnd: x\nCapInh:\t0000000000000001\nCapPrm:\t000001fffeffffff\nCapEff:\t0000000000000002\n\
                CapBnd:\t8000000000000000\nCapAmb:\t0000000000000020\nNoNewPrivs:\t0\n";
    let status = Status { path: PathBuf::new(), text: text.to_owned() };
    let sets = Capabilities::from_status(&status).unwrap();
    assert_eq!(sets.permitted, CapSet::all().without(Cap::SYS_RESOURCE));
    assert_eq!((sets.inheritable, sets.effective, sets.ambient), (set("chown"), set("dac_override"), set("kill")));
    assert_eq!(sets.bounding, set("63"));
    let cut = Status { path: PathBuf::new(), text: text.replace("CapAmb", "CapXmb") };
    assert_eq!(Capabilities::from_status(&cut), None);
}

#[cfg(feature = "serde")]
#[test]
fn serde_reads_oci_s_names_and_refuses_what_it_does_not_know() {
    let json = serde_json::json!({"bounding": ["CAP_KILL", "chown"], "permitted": ["kill"]});
    let sets: Capabilities = serde_json::from_value(json).unwrap();
    assert_eq!(sets, Capabilities { bounding: set("kill chown"), permitted: set("kill"), ..Capabilities::none() });
    assert_eq!(serde_json::from_str::<Capabilities>(&serde_json::to_string(&sets).unwrap()).unwrap(), sets);
    assert!(serde_json::from_str::<Capabilities>("{\"bounding\": [\"killer\"]}").is_err());
    assert!(serde_json::from_str::<Capabilities>("{\"bonding\": []}").is_err());
}
