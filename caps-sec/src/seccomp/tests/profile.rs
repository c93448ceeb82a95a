// SPDX-License-Identifier: MIT OR Apache-2.0
//! Profiles in JSON: Docker's is the standard policy; what is wrong is told with its place.

use proptest::prelude::*;

use super::{NOSYS, PERM};
use crate::ErrorKind;
use crate::caps::{Cap, CapSet};
use crate::seccomp::{Arch, Call, Errno, Policy, Profile, Rule, Setting, Verdict, arg};

/// The facts of Docker's profile as of 2026 (moby/profiles, seccomp/default.json at 02e898b), in another arrangement.
const DOCKER: &str = include_str!("../../../fuzz/seeds/profile/docker.json");
const OCI: &str = include_str!("../../../fuzz/seeds/profile/oci.json");

fn setting(caps: CapSet) -> Setting {
    Setting::new(caps, (6, 12))
}

fn docker(setting: &Setting) -> Policy {
    let found = Profile::from_json(DOCKER).unwrap().resolve(setting).unwrap();
    assert_eq!((found.unknown, found.listener_path), (Vec::<String>::new(), None));
    found.policy
}

/// Values that the profile compares with, and their neighbours.
fn arguments() -> Vec<u64> {
    let mut values: Vec<u64> = (0..50).collect();
    values.extend([0x2_0000, 0x2_0008, 0xffff_ffff, 0x1_0000_0005, 0x0120_0011, 17 | 1 << 28, 17 | 1 << 17, u64::MAX]);
    values
}

#[test]
fn docker_s_profile_decides_as_the_standard_policy() {
    let few = CapSet::from([Cap::SYS_PTRACE, Cap::SYS_TIME, Cap::BPF]);
    for caps in [CapSet::empty(), CapSet::standard(), Cap::SYS_ADMIN.into(), few, CapSet::all()] {
        for native in [Arch::X86_64, Arch::Aarch64, Arch::Riscv64, Arch::S390x, Arch::Loongarch64] {
            let theirs = docker(&setting(caps).on(native)).for_arches([native]);
            let ours = Policy::standard(caps).for_arches(theirs.arches.iter().copied());
            let (theirs, ours) = (theirs.compile().unwrap(), ours.compile().unwrap());
            for arch in theirs.arches() {
                for (number, name) in arch.all_calls() {
                    // What is newer than Docker's list: for some of it an older kernel is what programs know. And what is
                    // for another member of the family is by the machine with Docker, by its own arch here.
                    const OTHERWISE: [&str; 9] = [
                        "file_getattr",
                        "file_setattr",
                        "listns",
                        "rseq_slice_yield",
                        "open_tree_attr",
                        "uprobe",
                        "cacheflush",
                        "arch_prctl",
                        "modify_ldt",
                    ];
                    if OTHERWISE.contains(&name) {
                        continue;
                    }
                    for value in arguments() {
                        let call = Call::new(number).on(arch.audit_number()).arg(0, value).arg(1, value / 2);
                        assert_eq!(theirs.decide(&call), ours.decide(&call), "{caps} {arch} {name} {value:#x}");
                    }
                }
            }
        }
    }
}

#[test]
fn rules_count_by_capability_kernel_and_architecture() {
    let decide = |setting: &Setting, name: &str| {
        docker(setting).compile_for(Arch::NATIVE).unwrap().decide(&Call::named(name).unwrap())
    };
    let plain = setting(CapSet::empty());
    assert_eq!((decide(&plain, "ptrace"), decide(&plain, "mount")), (Verdict::Allow, PERM));
    assert_eq!(decide(&Setting::new(CapSet::empty(), (4, 7)), "ptrace"), PERM);
    assert_eq!(decide(&Setting::new(CapSet::empty(), (4, 8)), "ptrace"), Verdict::Allow);
    assert_eq!((decide(&plain, "clone3"), decide(&setting(Cap::SYS_ADMIN.into()), "clone3")), (NOSYS, Verdict::Allow));
    assert_eq!(docker(&plain.on(Arch::X86_64)).arches, Arch::X86_64.family());
}

#[test]
fn flags_listener_and_what_is_not_known_are_handed_back() {
    let found = Profile::from_json(OCI).unwrap().resolve(&setting(CapSet::empty()).on(Arch::X86_64)).unwrap();
    assert_eq!(found.unknown, ["call_of_next_year"]);
    assert_eq!(
        found.unread,
        ["syscalls[1].arg", "architectures: \"SCMP_ARCH_PARISC\"", "flags: \"SECCOMP_FILTER_FLAG_NEW\""]
    );
    assert!(found.loading.log && found.loading.wait_killable && !found.loading.all_threads);
    assert_eq!(found.listener_path.as_deref(), Some("/run/seccomp.sock".as_ref()));
    assert_eq!(found.listener_metadata.as_deref(), Some("web"));
    assert_eq!(found.policy.default, Verdict::KillProcess);
    let filter = found.policy.compile().unwrap();
    let decide = |name: &str, zero, one| filter.decide(&Call::of(Arch::X86_64, name).unwrap().arg(0, zero).arg(1, one));
    assert_eq!(decide("mknod", 0, 0), Verdict::Notify);
    // Of one argument that is compared twice, either is enough; of two, both must hold.
    assert_eq!((decide("ioctl", 0, 21522), decide("ioctl", 0, 21523)), (Verdict::Trace(7), Verdict::Trace(7)));
    assert_eq!(decide("ioctl", 0, 1), Verdict::KillProcess);
    assert_eq!(
        (decide("fcntl", 3, 1), decide("fcntl", 3, 0), decide("fcntl", 4, 1)),
        (Verdict::Log, Verdict::KillProcess, Verdict::KillProcess)
    );
    assert!(filter.asks_supervisor());
}

#[test]
fn what_is_wrong_is_told_with_line_and_column() {
    let problem = |text: &str| {
        let error = Profile::from_json(text).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Invalid, "cannot read the seccomp profile"));
        error.problems().join("\n")
    };
    assert_eq!(problem(""), "line 1, column 0: EOF while parsing a value");
    assert_eq!(
        problem("{\n \"defaultAction\": 7}"),
        "line 2, column 19: invalid type: integer `7`, expected an action, such as \"SCMP_ACT_ALLOW\""
    );
    assert_eq!(
        problem("{\n \"defaultAction\": \"SCMP_ACT_ALOW\"}"),
        "line 2, column 33: \"SCMP_ACT_ALOW\" is no action, did you mean SCMP_ACT_ALLOW or SCMP_ACT_LOG?"
    );
    let args = |args: &str| {
        format!(
            "{{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{{\"names\": [\"read\"],\n\"action\": \"SCMP_ACT_ERRNO\", \"args\": [{args}]}}]}}"
        )
    };
    assert!(
        problem(&args(r#"{"index": 0, "value": 1, "op": "EQ"}"#))
            .contains("\"EQ\" is no comparison; they are SCMP_CMP_EQ, ")
    );
    assert!(problem(&args(r#"{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}"#)).starts_with("line 2, column"));
    assert!(problem("{\"syscalls\": []}").ends_with("missing field `defaultAction`"));
}

#[test]
fn what_makes_no_sense_in_a_setting_is_told_with_its_place() {
    let problems = |text: &str| {
        let profile = Profile::from_json(text).unwrap();
        profile.resolve(&setting(CapSet::empty())).unwrap_err().problems().to_vec()
    };
    let text = r#"{"defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64"], "archMap": [{"architecture": "SCMP_ARCH_X86_64"}],
        "syscalls": [
            {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["write"], "action": "SCMP_ACT_LOG"},
            {"names": ["close"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "new"}},
            {"names": ["open"], "action": "SCMP_ACT_LOG", "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}
        ]}"#;
    assert_eq!(
        problems(text),
        [
            "architectures: there is an archMap too, and only one of them can count",
            "syscalls[2].includes.minKernel: \"new\" is no version, such as \"4.8\"",
            "syscalls[3].args[0].index: there are arguments 0 to 5, and 6 is none",
        ]
    );
}

#[test]
fn of_two_rules_without_conditions_the_first_counts_and_the_other_is_told() {
    let text = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
        {"names": ["setns", "read"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["bpf", "setns"], "action": "SCMP_ACT_ERRNO", "errnoRet": 22},
        {"names": ["setns"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["read"], "action": "SCMP_ACT_LOG", "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]}]}"#;
    let resolved = Profile::from_json(text).unwrap().resolve(&setting(CapSet::empty())).unwrap();
    let filter = resolved.policy.compile().unwrap();
    for (name, verdict) in
        [("setns", Verdict::Allow), ("read", Verdict::Allow), ("bpf", Verdict::Errno(Errno::INVAL)), ("write", PERM)]
    {
        assert_eq!(filter.decide(&Call::named(name).unwrap()), verdict, "{name}");
    }
    assert_eq!(resolved.covered, ["syscalls[1]: \"setns\": deny with EINVAL; but allow by syscalls[0]"]);
    // What is written of it again is what counts.
    let again = Profile::from_json(&resolved.policy.to_oci_json().unwrap()).unwrap();
    assert_eq!(again.resolve(&setting(CapSet::empty())).unwrap().covered, [""; 0]);
}

#[test]
fn a_rule_without_a_condition_takes_all_of_a_call_wherever_it_stands() {
    let text = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]},
        {"names": ["socket"], "action": "SCMP_ACT_ERRNO"}]}"#;
    let policy = Profile::from_json(text).unwrap().resolve(&setting(CapSet::empty())).unwrap().policy;
    assert_eq!(policy.compile().unwrap().decide(&Call::named("socket").unwrap().arg(0, 1)), PERM);
}

#[test]
fn a_policy_is_written_so_that_it_is_read_as_the_same() {
    for caps in [CapSet::empty(), CapSet::all()] {
        let policy = Policy::standard(caps).for_arches(Arch::X86_64.family().iter().copied());
        // What is for the members of other families says nothing, what is for some of this one cannot be said.
        let mut policy = policy;
        policy.rules.retain(|rule| rule.arches.is_empty() || rule.calls.iter().any(|name| name == "clone"));
        let text = policy.to_oci_json().unwrap();
        let profile = Profile::from_json(&text).unwrap();
        let read = profile.resolve(&setting(caps).on(Arch::X86_64)).unwrap();
        assert_eq!((read.unknown.len(), read.unread.len()), (0, 0));
        let (one, other) = (policy.compile().unwrap(), read.policy.compile().unwrap());
        for arch in Arch::X86_64.family() {
            for (number, name) in arch.all_calls() {
                for value in arguments() {
                    let call = Call::new(number).on(arch.audit_number()).arg(0, value);
                    assert_eq!(one.decide(&call), other.decide(&call), "{arch} {name} {value:#x}\n{text}");
                }
            }
        }
    }
}

#[test]
fn what_the_format_cannot_say_is_not_written() {
    let policy = Policy::deny_with(Errno::PERM)
        .for_arches([Arch::X86_64, Arch::I386])
        .allow_if(["read"], [arg(0).masked(6).ne(2)])
        .allow_if(["write"], [arg(0).gt(2), arg(0).ne(7)])
        .allow_if(["close"], [arg(0).gt(2)])
        .deny(["close"])
        .rule(Rule::new(Verdict::Allow, ["open"]).on([Arch::I386]))
        .allow(["getpid"]);
    let error = policy.to_oci_json().unwrap_err();
    assert_eq!(
        error.problems(),
        [
            "rules[0].when[0]: arg 0 & 0x6 != 2: of some bits only equality can be written",
            "rules[1].when[0]: argument 0 is compared more than once",
            "rules[3].calls: what becomes of \"close\" depends on the order of rules",
            "rules[4].arches: the rule is for some of the architectures alone",
        ]
    );
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        if let Ok(profile) = Profile::from_json(&text) {
            drop(profile.resolve(&setting(CapSet::empty())));
        }
    }
}
