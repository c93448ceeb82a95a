// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of descriptions: what is wrong with them, in words; nothing here asks the kernel.

use std::error::Error as _;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::*;
use crate::{ErrorKind, RootSpec};

#[test]
fn presets_and_examples_are_without_problems() {
    assert_eq!(Mounts::standard().problems(), [""; 0]);
    assert_eq!(Mounts::new().problems(), [""; 0]);
    assert!(Mounts::new().is_empty() && !Mounts::standard().is_empty());
}

#[test]
fn more_than_there_are_numbers_for_are_refused() {
    let paths = |count: u32| (0..count).map(|at| format!("/masked/{at}"));
    assert_eq!(Mounts::new().mask(paths(65_533)).add(Tmpfs::new("/run")).problems(), [""; 0]);
    let problem = "mounts: 65535 of them, with the paths, of which there may be 65534";
    assert_eq!(Mounts::new().mask(paths(65_534)).add(Tmpfs::new("/run")).problems(), [problem]);
}

#[test]
fn every_problem_is_told_at_once_and_by_its_place() {
    let mounts = Mounts::new()
        .add(Tmpfs::new("run").size(0).inodes(0).mode(0o10_000))
        .add(Tmpfs::new("/run/lock"))
        .add(Tmpfs::new("/proc/../etc"))
        .add(Tmpfs::new("/run"))
        .add(Tmpfs::new("//run/./lock/"))
        .add(Bind::new("var", "/"))
        .add(Tmpfs::new("/a\nb"))
        .add(Tmpfs::new(Path::new(OsStr::from_bytes(b"/a\0b"))))
        .add(Devpts::new("/dev/pts").mode(0o1000).ptmx_mode(0o1666).gid(u32::MAX).max(0).nodev())
        .add(Dev::new("/dev").size(0))
        .add(Dev::new("/dev2").nodev())
        .directories(["/srv/a", "/srv//a", "/srv/../etc"])
        .read_only(["/proc/sys", "sys", "/proc//sys"])
        .mask(["/", "/a/.."]);
    assert_eq!(
        mounts.problems(),
        [
            "mounts[0].size 0 would be no limit to the kernel: leave it out if none is wanted",
            "mounts[0].inodes 0 would be no limit to the kernel: leave it out if none is wanted",
            "mounts[0].mode 0o10000 has bits beyond 07777",
            "mounts[0].target \"run\" is not absolute",
            "mounts[2].target \"/proc/../etc\" leaves the root",
            "mounts[3].target \"/run\" hides mounts[1], which is at \"/run/lock\"",
            "mounts[4].target \"//run/./lock/\" is mounted already, by mounts[1]",
            "mounts[5].source \"var\" is not absolute",
            "mounts[5].target \"/\" is the root itself",
            "mounts[6].target \"/a\\nb\" has a line break in it",
            "mounts[7].target \"/a\\0b\" has a NUL byte in it, which ends a string for the kernel",
            "mounts[8].mode 0o1000 has bits beyond 0777",
            "mounts[8].ptmx_mode 0o1666 has bits beyond 0777",
            "mounts[8].gid 4294967295 means \"no group\"",
            "mounts[8].max 0 is not within 1 and 1048576",
            "mounts[8].attributes have nodev: its terminals would not be terminals",
            "mounts[9].size 0 would be no limit to the kernel",
            "mounts[9].target \"/dev\" hides mounts[8], which is at \"/dev/pts\"",
            "mounts[10].attributes have nodev: its devices would not be devices",
            "directories[1] \"/srv//a\" is directories[0] already",
            "directories[2] \"/srv/../etc\" leaves the root",
            "read_only[1] \"sys\" is not absolute",
            "read_only[2] \"/proc//sys\" is read_only[0] already",
            "masked[0] \"/\" is the root itself",
            "masked[1] \"/a/..\" leaves the root",
        ]
    );
    let error = mounts.check().unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Invalid, "cannot use mounts"));
    assert_eq!(error.problems().len(), 25);
    assert!(error.source().unwrap().to_string().starts_with("mounts[0].size 0"));
}

#[test]
fn over_a_proc_lies_nothing_that_could_be_taken_for_it() {
    let problems = |mount: Mount| Mounts::new().add(mount).problems();
    let no_proc = ["mounts[0].target \"/proc\" can hold a proc alone: programs believe what they read there"];
    assert_eq!(problems(Tmpfs::new("/proc").into()), no_proc);
    assert_eq!(problems(Bind::new("/srv/proc", "/proc").into()), no_proc);
    assert_eq!(problems(Bind::new("/proc/", "/proc").into()), [""; 0]);
    assert_eq!(problems(Bind::new("/var/lib/lxcfs/proc/meminfo", "/proc/meminfo").into()), [""; 0]);
    for target in ["/proc/self", "/proc/sys", "/proc/sys/kernel", "/proc/meminfo/x", "/proc/1/attr"] {
        let found = problems(Tmpfs::new(target).into());
        assert!(found.len() == 1 && found[0].contains("is below /proc, where only these may be covered: cpuinfo"));
    }
    assert_eq!(problems(Tmpfs::new("/process").into()), [""; 0]);
}

#[test]
fn what_no_overlay_can_be_made_of_is_told() {
    let overlay = |target: &str| Overlay::new(target);
    let many = (0..501).fold(overlay("/c"), |overlay, at| overlay.lower(format!("/l/{at}")));
    let mounts = Mounts::new()
        .add(overlay("/a").changes(Changes::InMemory { size: Some(0) }))
        .add(overlay("/b").lower("b").lower("/b/c").lower("/b/./").changes(Changes::Kept("k".into())))
        .add(many)
        .add(overlay("/d").lower("/d").lower("//d"))
        .add(overlay("/e").lower("/k/l").lower("/kl").changes(Changes::Kept("/k/".into())))
        .add(Symlink::new("/f", ""));
    assert_eq!(
        mounts.problems(),
        [
            "mounts[0].lowers has 0 directories: the kernel is given 1 to 500",
            "mounts[0].changes.in_memory.size 0 would be no limit to the kernel: leave it out if none is wanted",
            "mounts[1].lowers[0] \"b\" is not absolute",
            "mounts[1].lowers[1] \"/b/c\" is in lowers[2], \"/b/./\": the kernel refuses that",
            "mounts[1].changes.kept \"k\" is not absolute",
            "mounts[2].lowers has 501 directories: the kernel is given 1 to 500",
            "mounts[3].lowers[1] \"//d\" is in lowers[0], \"/d\": the kernel refuses that",
            "mounts[4].changes.kept \"/k/\" cannot have \"/k/l\" in it, which it is to lie over",
            "mounts[5].to \"\" leads nowhere: a link has 1 to 4095 bytes, none of them NUL",
        ]
    );
    let mut root = RootSpec::tmpfs().copy_on_write();
    root.base = crate::Base::Tmpfs { size: Some(0) };
    assert_eq!(
        root.problems(),
        [
            "base.tmpfs.size 0 would be no limit to the kernel: leave it out",
            "changes: a tmpfs has nothing that changes could lie over",
        ]
    );
}

#[test]
fn in_a_user_namespace_no_overlay_lies_over_the_top() {
    let (root, setting) = (RootSpec::new("/").copy_on_write(), crate::Setting::default());
    let mounts = Mounts::new()
        .add(Overlay::new("/a").lower("/b").lower("/").changes(Changes::in_memory()))
        .add(Overlay::new("/c").lower("/c").changes(Changes::in_memory()));
    assert_eq!(setting.problems(Some(&root), &mounts), [""; 0]);
    let setting = crate::Setting { user_namespace: true, ..setting };
    let told = setting.problems(Some(&root), &mounts);
    assert!(told.len() == 2 && told[0].starts_with("root.changes: in a user namespace \"/\" can be no layer"));
    assert!(told[1].starts_with("mounts[0].lowers[1]: in a user namespace"));
    assert_eq!(setting.problems(Some(&RootSpec::new("/")), &Mounts::new()), [""; 0]);
}

#[test]
fn paths_end_where_the_kernel_s_do() {
    let path = |names: usize, last: usize| format!("{}/{}", "/a".repeat(names), "b".repeat(last));
    let problems = |path: String| RootSpec::new(path).problems().len();
    assert_eq!(problems(path(1920, 254)), 0);
    assert_eq!(problems(path(1920, 255)), 1);
    assert_eq!(problems(path(0, 255)), 0);
    assert_eq!(problems(path(0, 256)), 1);
    assert_eq!(RootSpec::new("").problems(), ["base.directory \"\" is not absolute"]);
}

#[test]
fn a_mount_that_hides_another_is_sorted_or_allowed() {
    let paths = ["/a/b/c", "/a", "/z", "/a/b"];
    let mounts = paths.into_iter().fold(Mounts::new(), |mounts, path| mounts.add(Tmpfs::new(path)));
    assert_eq!(mounts.problems().len(), 2);
    assert_eq!(mounts.clone().may_hide().problems(), [""; 0]);
    let sorted = mounts.parents_first();
    assert_eq!(sorted.problems(), [""; 0]);
    let order: Vec<_> = sorted.mounts.iter().map(|mount| mount.target().to_str().unwrap()).collect();
    assert_eq!(order, ["/a", "/z", "/a/b", "/a/b/c"]);
}

#[test]
fn ten_thousand_mounts_are_checked_in_one_pass() {
    let mounts = (0..10_000).fold(Mounts::new(), |mounts, at| mounts.add(Tmpfs::new(format!("/a/b/c/{at}"))));
    assert_eq!(mounts.problems(), [""; 0]);
    assert_eq!(mounts.add(Tmpfs::new("/a/b")).problems().len(), 1);
}

#[cfg(feature = "serde")]
mod serialised {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_description_is_the_same_after_a_round_trip() {
        for mounts in [Mounts::new(), Mounts::standard(), Mounts::standard().add(Bind::new("/a", "/b").read_only())] {
            let text = serde_json::to_string(&mounts).unwrap();
            assert_eq!(serde_json::from_str::<Mounts>(&text).unwrap(), mounts);
        }
    }

    fn a_path() -> impl Strategy<Value = PathBuf> {
        proptest::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| OsStr::from_bytes(&bytes).into())
    }

    proptest! {
        #[test]
        fn a_path_of_any_bytes_is_the_same_after_a_round_trip(
            targets in proptest::collection::vec(a_path(), 13),
            lists in proptest::collection::vec(a_path(), 4),
            root in a_path(),
        ) {
            let [a, b, c, d, e, f, g, h, i, j, k, l, m] = targets.try_into().unwrap();
            let mounts = Mounts::new()
                .add(Bind::new(a, b))
                .add(Tmpfs::new(c))
                .add(Proc::new(d))
                .add(Sysfs::new(e))
                .add(Devpts::new(f))
                .add(Mqueue::new(g))
                .add(Dev::new(h))
                .add(Overlay::new(i).lower(j).changes(Changes::Kept(k)).or_read_only_bind())
                .add(Symlink::new(l, m))
                .read_only(lists[..2].to_vec())
                .mask(lists[2..].to_vec());
            let text = serde_json::to_string(&mounts).unwrap();
            prop_assert_eq!(serde_json::from_str::<Mounts>(&text).unwrap(), mounts);
            let root = RootSpec::new(&root).changes(Changes::Kept(root)).nodev();
            let text = serde_json::to_string(&root).unwrap();
            prop_assert_eq!(serde_json::from_str::<RootSpec>(&text).unwrap(), root);
        }
    }

    #[test]
    fn a_path_is_stored_as_text_where_it_is_text() {
        let stored = |path: &[u8]| {
            serde_json::to_value(RootSpec::new(OsStr::from_bytes(path))).unwrap()["base"]["directory"].clone()
        };
        assert_eq!(stored("/srv/wéb".as_bytes()), serde_json::json!("/srv/wéb"));
        assert_eq!(stored(b"/\xff"), serde_json::json!([47, 255]));
    }

    #[test]
    fn what_is_left_out_is_what_the_builder_begins_with() {
        let text = r#"{"mounts": [{"type": "tmpfs", "target": "/run", "attributes": ["ro", "noexec"]},
                                  {"type": "bind", "source": "/a", "target": "/b"}, {"type": "proc", "target": "/proc"}]}"#;
        let attributes = Attributes::READ_ONLY | Attributes::NOEXEC;
        let built = Mounts::new()
            .add(Tmpfs::new("/run").attributes(attributes))
            .add(Bind::new("/a", "/b"))
            .add(Proc::new("/proc"));
        assert_eq!(serde_json::from_str::<Mounts>(text).unwrap(), built);
    }

    #[test]
    fn a_root_is_written_as_it_is_documented() {
        let text = |root: RootSpec| serde_json::to_string(&root).unwrap();
        assert_eq!(
            text(RootSpec::new("/srv").copy_on_write().nosuid()),
            r#"{"base":{"directory":"/srv"},"changes":{"in_memory":{"size":null}},"read_only":false,"attributes":["nosuid"],"propagation":null,"chroot_that_can_be_left":false}"#
        );
        assert_eq!(
            text(RootSpec::tmpfs().read_only()),
            r#"{"base":{"tmpfs":{"size":null}},"changes":"in_place","read_only":true,"attributes":[],"propagation":null,"chroot_that_can_be_left":false}"#
        );
        let kept = r#"{"base": {"directory": "/srv"}, "changes": {"kept": "/srv/changes"}}"#;
        assert_eq!(
            serde_json::from_str::<RootSpec>(kept).unwrap(),
            RootSpec::new("/srv").changes(Changes::Kept("/srv/changes".into()))
        );
    }

    #[test]
    fn an_unknown_word_is_refused() {
        for text in [
            r#"{"mount": []}"#,
            r#"{"mounts": [{"type": "nfs", "target": "/a"}]}"#,
            r#"{"mounts": [{"type": "tmpfs", "target": "/a", "sise": 1}]}"#,
            r#"{"mounts": [{"type": "tmpfs", "target": "/a", "attributes": ["suid"]}]}"#,
        ] {
            assert!(serde_json::from_str::<Mounts>(text).is_err(), "{text}");
        }
    }
}
