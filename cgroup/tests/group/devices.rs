// SPDX-License-Identifier: MIT OR Apache-2.0
//! Device rules: what the rules allow is what processes may do, in both versions.
//!
//! Where this machine has devices in version 1, its hierarchy is taken out of view for the tests of version 2: a process
//! is then in the root of the one, and limited by its group in the other.

use std::fs;

use needs::{Scratch, isolated, needs, rounds, token};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
use skep_cgroup::{
    Cgroup, Controller, DeviceAccess, DeviceKind, DeviceRules, Devices, ErrorKind, Layout, Limits, Reason, Version,
};

use crate::support::{Swept, create, directory, has_version, name, only, said, sh_in};

/// What the tests do to devices: the words of a shell, and what it takes.
const TRIES: [(&str, u32, u32, &str); 8] = [
    (": </dev/null", 1, 3, "r"),
    (": >/dev/null", 1, 3, "w"),
    (": <>/dev/null", 1, 3, "rw"),
    (": </dev/zero", 1, 5, "r"),
    (": >/dev/full", 1, 7, "w"),
    (": >/dev/kmsg", 1, 11, "w"),
    ("mknod $0/null c 1 3", 1, 3, "m"),
    ("mknod $0/tty c 5 0", 5, 0, "m"),
];

/// Does all of it in the group, and says what went well.
fn tried(group: &Cgroup) -> Vec<bool> {
    let scratch = Scratch::new();
    let each: String =
        TRIES.iter().map(|(words, ..)| format!("( {words} ) && echo 1 >>$0/said || echo 0 >>$0/said; ")).collect();
    let script = each.replace("$0", scratch.path().to_str().unwrap());
    assert!(sh_in(group, &script).wait().unwrap().success());
    fs::read_to_string(scratch.path().join("said")).unwrap().lines().map(|line| line == "1").collect()
}

/// What the rules say of it.
fn expected(rules: &DeviceRules) -> Vec<bool> {
    let may = |(_, major, minor, wanted): (&str, u32, u32, &str)| {
        rules.allowed(DeviceKind::Char, major, minor).contains(wanted.parse().unwrap())
    };
    TRIES.map(may).to_vec()
}

/// Lists that differ in every way, and can be expressed in version 1.
fn lists() -> [DeviceRules; 7] {
    let read = DeviceAccess::READ;
    [
        DeviceRules::standard(),
        DeviceRules::deny_all(),
        DeviceRules::deny_all().allow(Devices::char(1, None).access(read)).allow(Devices::char(1, 3)),
        DeviceRules::allow_all().deny(Devices::char(1, 5)).deny(Devices::char(None, None).access(DeviceAccess::MKNOD)),
        DeviceRules::deny_all().allow(Devices::char(None, 3).access(read)).allow(Devices::char(1, None).access(!read)),
        DeviceRules::allow_all().deny(Devices::char(1, 3).access(DeviceAccess::WRITE)),
        DeviceRules::allow_all(),
    ]
}

/// Every list in the place of every other.
fn every_list_holds(group: &Cgroup) {
    for former in lists() {
        for rules in lists() {
            group.apply(&Limits::new().devices(former.clone())).unwrap();
            group.apply(&Limits::new().devices(rules.clone())).unwrap();
            assert_eq!(tried(group), expected(&rules), "{rules} after {former}");
            let told = group.device_rules().unwrap();
            assert!(told.is_none_or(|told| told == rules.normal()));
        }
    }
}

#[test]
fn the_lists_of_these_tests_tell_the_rules_apart() {
    let all: Vec<_> = lists().iter().map(expected).collect();
    for (at, one) in all.iter().enumerate() {
        assert!(!all[..at].contains(one), "{at}");
    }
}

#[test]
fn version_1_allows_and_denies_as_the_rules_say_whatever_was_there_before() {
    needs!(root, cgroup1("devices"), program("mknod"));
    isolated(|| {
        let group = create("devices");
        assert_eq!(
            Layout::detect().unwrap().assess(name("devices"), &Limits::new().devices(DeviceRules::standard())).unwrap(),
            []
        );
        every_list_holds(&group);
        assert!(group.device_programs().unwrap().is_empty());
        // What is denied is told exactly, what is allowed but for exceptions not at all.
        group.apply(&Limits::new().devices(DeviceRules::standard())).unwrap();
        assert_eq!(group.device_rules().unwrap(), Some(DeviceRules::standard().normal()));
        group.apply(&Limits::new().devices(DeviceRules::allow_all())).unwrap();
        assert_eq!(group.device_rules().unwrap(), None);
    });
}

#[test]
fn version_2_allows_and_denies_as_the_rules_say_whatever_was_there_before() {
    needs!(root, program("mknod"));
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        only(Version::V2);
        let group = create("devices");
        assert_eq!(group.device_rules().unwrap(), Some(DeviceRules::allow_all()));
        every_list_holds(&group);
        // A hole, which version 1 does not know.
        let hole = DeviceRules::standard().deny(Devices::char(1, 3).access(DeviceAccess::WRITE));
        group.apply(&Limits::new().devices(hole.clone())).unwrap();
        assert_eq!(tried(&group), expected(&hole));
        assert_eq!(group.device_rules().unwrap(), Some(hole.normal()));
    });
}

#[test]
fn version_2_has_one_program_of_ours_which_is_replaced_and_read_back() {
    needs!(root);
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        only(Version::V2);
        let layout = Layout::detect().unwrap();
        let group = Swept(Cgroup::create_with(&layout, name("program"), [Controller::Devices]).unwrap());
        assert_eq!(group.device_programs().unwrap(), []);
        let mut ids = Vec::new();
        for rules in lists() {
            group.apply(&Limits::new().devices(rules.clone())).unwrap();
            let programs = group.device_programs().unwrap();
            assert_eq!(programs.len(), 1, "{programs:?}");
            assert_eq!(programs[0].rules(), Some(&rules.normal()));
            assert_eq!(programs[0].name(), "skep_devices");
            assert!(!ids.contains(&programs[0].id()));
            ids.push(programs[0].id());
        }
        // Equal rules make equal programs.
        let tag = || group.device_programs().unwrap()[0].tag();
        let before = tag();
        group.apply(&Limits::new().devices(DeviceRules::deny_all())).unwrap();
        assert_ne!(tag(), before);
        group.apply(&Limits::new().devices(DeviceRules::deny_all().allow(Devices::ALL))).unwrap();
        assert_eq!(tag(), before);
        // Another handle finds it.
        let again = Cgroup::open(name("program")).unwrap();
        assert_eq!(again.device_programs().unwrap(), group.device_programs().unwrap());
    });
}

/// Between two lists that both deny it, a device is denied at every moment.
#[test]
fn a_device_that_both_lists_deny_is_never_opened_while_one_replaces_the_other() {
    needs!(root);
    isolated(|| {
        if Layout::detect().unwrap().v2().is_some_and(|v2| !v2.controllers().is_empty()) {
            never_opened("v2", || only(Version::V2));
        }
    });
}

#[test]
fn the_same_holds_in_version_1_between_lists_that_deny_by_default() {
    needs!(root, cgroup1("devices"));
    isolated(|| never_opened("v1", || ()));
}

fn never_opened(word: &str, view: impl FnOnce()) {
    view();
    let group = create(word);
    let scratch = Scratch::new();
    let lists = [(1, 3), (1, 8)].map(|(major, minor)| DeviceRules::deny_all().allow(Devices::char(major, minor)));
    group.apply(&Limits::new().devices(lists[0].clone())).unwrap();
    let at = scratch.path().to_str().unwrap().to_owned();
    // Each round tries; it ends when it is told to.
    let script =
        format!("while ! [ -e {at}/stop ]; do ( : </dev/zero ) && echo opened >>{at}/opened; echo >>{at}/rounds; done");
    let mut child = sh_in(&group, &script);
    let done = || fs::read(scratch.path().join("rounds")).map_or(0, |text| text.len());
    for round in 0..rounds(200) {
        group.apply(&Limits::new().devices(lists[usize::from(round % 2 == 0)].clone())).unwrap();
    }
    let seen = done();
    while done() < seen + 2 {
        group.apply(&Limits::new().devices(lists[0].clone())).unwrap();
    }
    fs::write(scratch.path().join("stop"), "").unwrap();
    assert!(child.wait().unwrap().success());
    assert!(!scratch.path().join("opened").exists());
}

#[test]
fn a_hole_in_version_1_is_an_error_before_anything_is_written() {
    needs!(root, cgroup1("devices"));
    isolated(|| {
        let group = create("hole");
        let at = directory(&group, Some(Controller::Devices));
        let hole = DeviceRules::standard().deny(Devices::char(136, 7).access(DeviceAccess::WRITE));
        let limits = Limits::new().devices(hole).pids_max(7);
        let error = group.apply(&limits).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        said::check("device rules that version 1 cannot express", &error, &[(said_at(&group).as_str(), "GROUP")]);
        assert_eq!(fs::read_to_string(at.join("devices.list")).unwrap(), "a *:* rwm\n");
        let lacks = Layout::detect().unwrap().assess(name("hole"), &limits).unwrap();
        assert_eq!(lacks.iter().map(|lack| lack.reason()).collect::<Vec<_>>(), [Reason::Inexpressible]);
        let why = "version 1 cannot deny \"c 136:7 w\" where \"c 136:* w\" is allowed";
        assert_eq!(lacks[0].to_string(), format!("devices cannot be applied: {why}"));
        assert_eq!(limits.without(&lacks), Limits::new().pids_max(7));
        // Who asks for what can be had is told the same.
        assert_eq!(group.apply_possible(&limits).unwrap(), lacks);
        assert_eq!(fs::read_to_string(at.join("devices.list")).unwrap(), "a *:* rwm\n");
    });
}

/// The path of the directory that errors name.
fn said_at(group: &Cgroup) -> String {
    group.directories().next().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn version_1_gives_nothing_that_the_group_above_does_not_have() {
    needs!(root, cgroup1("devices"));
    isolated(|| {
        let above = create("above");
        let few = DeviceRules::deny_all().allow(Devices::char(1, 3)).allow(Devices::char(1, 5));
        above.apply(&Limits::new().devices(few.clone())).unwrap();
        let below = Cgroup::create(format!("{}/below", name("above"))).unwrap();
        let at = directory(&below, Some(Controller::Devices));
        assert_eq!(below.device_rules().unwrap(), Some(few.clone()));
        // What is allowed before the line that is refused is taken back.
        let null = DeviceRules::deny_all().allow(Devices::char(1, 3));
        below.apply(&Limits::new().devices(null.clone())).unwrap();
        let error = below.apply(&Limits::new().devices(few.clone().allow(Devices::char(1, 8)))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        said::check("device rules beyond those of the group above", &error, &[(at.to_str().unwrap(), "GROUP")]);
        let beyond = Limits::new().devices(few.clone().allow(Devices::char(1, 8)));
        assert_eq!(below.apply_possible(&beyond).unwrap_err().kind(), ErrorKind::Denied);
        assert_eq!(below.device_rules().unwrap(), Some(null));
        below.apply(&Limits::new().devices(few.clone())).unwrap();
        assert_eq!(below.device_rules().unwrap(), Some(few));
        // A default is not changed once there are groups below.
        let error = above.apply(&Limits::new().devices(DeviceRules::allow_all())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState);
        let above_at = at.parent().unwrap().to_str().unwrap();
        said::check("a default of device rules with groups below", &error, &[(above_at, "GROUP")]);
    });
}

/// Takes away what device rules ask for, from this process for good.
fn without_rights() {
    let mine = capabilities(None).unwrap();
    let taken = CapabilitySet::SYS_ADMIN | CapabilitySet::BPF | CapabilitySet::NET_ADMIN;
    let sets = CapabilitySets { effective: mine.effective - taken, ..mine };
    set_capabilities(None, sets).unwrap();
}

/// All of them again, so that the group can be swept.
fn with_rights() {
    let mine = capabilities(None).unwrap();
    set_capabilities(None, CapabilitySets { effective: mine.permitted, ..mine }).unwrap();
}

#[test]
fn who_lacks_the_right_to_load_programs_is_told_which() {
    needs!(root);
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        only(Version::V2);
        let group = create("rights");
        let limits = Limits::new().devices(DeviceRules::standard());
        assert_eq!(Layout::detect().unwrap().assess(name("rights"), &limits).unwrap(), []);
        without_rights();
        let error = group.apply(&limits).unwrap_err();
        let listed = group.device_programs().unwrap_err();
        let rest = group.apply_possible(&limits).unwrap();
        let lacks = Layout::detect().unwrap().assess(name("rights"), &limits).unwrap();
        with_rights();
        assert_eq!((error.kind(), listed.kind()), (ErrorKind::Denied, ErrorKind::Denied));
        let at = said_at(&group);
        said::check("device rules without the right to load programs", &error, &[(at.as_str(), "GROUP")]);
        said::check("listing device programs without the right", &listed, &[(at.as_str(), "GROUP")]);
        assert_eq!(lacks.iter().map(|lack| lack.reason()).collect::<Vec<_>>(), [Reason::NotPermitted]);
        assert_eq!(rest.iter().map(|lack| lack.reason()).collect::<Vec<_>>(), [Reason::NotPermitted]);
    });
}

#[test]
fn who_lacks_the_right_to_write_lines_is_told_which() {
    needs!(root, cgroup1("devices"));
    isolated(|| {
        let group = create("rights");
        let limits = Limits::new().devices(DeviceRules::standard());
        without_rights();
        let error = group.apply(&limits).unwrap_err();
        let rest = group.apply_possible(&limits).unwrap();
        let lacks = Layout::detect().unwrap().assess(name("rights"), &limits).unwrap();
        with_rights();
        let at = directory(&group, Some(Controller::Devices));
        said::check("device rules without the right to write them", &error, &[(at.to_str().unwrap(), "GROUP")]);
        assert_eq!(lacks.iter().map(|lack| lack.reason()).collect::<Vec<_>>(), [Reason::NotPermitted]);
        assert_eq!(rest.iter().map(|lack| lack.reason()).collect::<Vec<_>>(), [Reason::NotPermitted]);
    });
}

#[test]
fn a_group_is_limited_before_anybody_is_in_it_and_a_group_that_is_gone_says_so() {
    needs!(root);
    isolated(|| {
        let path = format!("/{}-first", token());
        let group = Swept(Cgroup::create(path).unwrap());
        let none = DeviceRules::deny_all();
        group.apply(&Limits::new().devices(none.clone())).unwrap();
        // Its first access is denied.
        assert_eq!(tried(&group), expected(&none));
        let gone = Cgroup::open(name("first")).unwrap();
        group.remove().unwrap();
        let error = gone.apply(&Limits::new().devices(DeviceRules::standard())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", said::all(&error));
        assert_eq!(gone.device_rules().unwrap_err().kind(), ErrorKind::NotFound);
    });
}
