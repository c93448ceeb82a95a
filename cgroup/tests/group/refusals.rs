// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is said when a request makes no sense or cannot be had. The sentences stand in `messages.txt`, where a reworded one
//! shows in a diff.

use needs::{isolated, needs};
use skep_cgroup::{Cgroup, Controller, ErrorKind, Layout, Limits, MIB, Version};

use crate::support::{create, name, only, said, text};

#[test]
fn paths_that_name_no_group_are_refused_before_anything_is_touched() {
    let layout = Layout::detect().unwrap();
    for path in ["", "/", "a/../b", "./a", "a\nb", "a\0b"] {
        let error = Cgroup::create_in(&layout, path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{path:?}");
        assert_eq!(layout.assess(path, &Limits::new()).unwrap_err().kind(), ErrorKind::Invalid);
        assert!(layout.directories(path, [Controller::Pids]).is_empty());
    }
    let error = Cgroup::create_in(&layout, format!("a/../b\n/./{}", "x".repeat(256))).unwrap_err();
    said::check("a path that names no group", &error, &[]);
    said::check("a path that is empty", &Cgroup::create_in(&layout, "").unwrap_err(), &[]);
}

#[test]
fn without_hierarchies_nothing_can_be_made() {
    let none = Layout::default();
    let error = Cgroup::create_in(&none, "web").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    said::check("a machine without hierarchies", &error, &[]);
    said::check("a group that is not there", &Cgroup::open_in(&none, "web").unwrap_err(), &[]);
    let lacks = none.assess("web", &Limits::new().pids_max(5)).unwrap();
    assert_eq!(lacks[0].to_string(), "the group cannot be made: no cgroup hierarchy is mounted");
    assert_eq!(lacks[1].to_string(), "pids.max cannot be applied: the pids controller is not mounted");
    assert!(none.directories("web", Controller::ALL).is_empty());
}

#[test]
fn limits_that_make_no_sense_are_refused_before_anything_is_touched() {
    needs!(root);
    isolated(|| {
        let group = create("nonsense");
        let error = group.apply(&Limits::new().memory_max("1K".parse::<skep_cgroup::Bytes>().unwrap()).pids_max(0));
        said::check("limits that make no sense", &error.unwrap_err(), &[]);
        said::check(
            "adding process 0",
            &group.add(0).unwrap_err(),
            &[(text(group.directories().next().unwrap()), "GROUP")],
        );
    });
}

#[test]
fn limits_that_version_1_does_not_have_are_named_before_anything_is_written() {
    needs!(root, cgroup1("memory"), cgroup1("pids"));
    isolated(|| {
        only(Version::V1);
        let layout = Layout::detect().unwrap();
        let group = create("names");
        let limits = Limits::new().memory_high(64 * MIB).memory_min(MIB).pids_max(5);
        let error = group.apply(&limits).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let first = text(group.directories().next().unwrap()).to_owned();
        said::check("limits that version 1 does not have", &error, &[(&first, "GROUP")]);
        assert_eq!(group.stat().unwrap().pids.max, Some(skep_cgroup::Max::Unlimited));
        // What can be had without them.
        let without = limits.without(&layout.assess(name("names"), &limits).unwrap());
        assert_eq!(without, Limits::new().pids_max(5));
        group.apply(&without).unwrap();
        assert_eq!(group.stat().unwrap().pids.max, Some(skep_cgroup::Max::Limit(5)));
        let swap = group.apply(&Limits::new().swap_max(MIB)).unwrap_err();
        let memory = crate::support::directory(&group, Some(Controller::Memory));
        said::check("swap without memory under version 1", &swap, &[(text(&memory), "GROUP")]);
        let few = Cgroup::create_with(&layout, name("few"), [Controller::Pids]).unwrap();
        let error = few.apply(&Limits::new().memory_max(64 * MIB)).unwrap_err();
        let first = text(few.directories().next().unwrap()).to_owned();
        said::check("a limit of a hierarchy that was not taken", &error, &[(&first, "GROUP")]);
        few.remove().unwrap();
    });
}
