// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is opened, made and removed in a root; each with openat2 and without it.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};

use needs::{Scratch, needs};
use rustix::fs::{AtFlags, statat};
use skep_rootfs::{ErrorKind, Node, Root};

use crate::support::{both_ways, errno};

/// A root with links of every kind, and beside it what nobody in it may reach.
fn scratch() -> (Scratch, Root) {
    let dir = Scratch::new();
    for name in ["root/etc", "root/dev", "root/canary", "canary"] {
        fs::create_dir_all(dir.join(name)).unwrap();
    }
    fs::write(dir.join("canary/file"), "outside").unwrap();
    fs::write(dir.join("root/canary/file"), "inside").unwrap();
    symlink("../canary", dir.join("root/up")).unwrap();
    symlink(dir.join("canary"), dir.join("root/absolute")).unwrap();
    symlink("/canary", dir.join("root/etc/from-top")).unwrap();
    symlink("/proc/self/cwd", dir.join("root/magic")).unwrap();
    let root = Root::open(dir.join("root")).unwrap();
    (dir, root)
}

#[test]
fn what_is_opened_is_in_the_root() {
    both_ways(|| {
        let (_dir, root) = scratch();
        for path in ["up/file", "/up/file", "etc/from-top/file", "../../canary/file", "etc/../up/../canary/file"] {
            let mut said = String::new();
            root.open_file(path).unwrap().read_to_string(&mut said).unwrap();
            assert_eq!(said, "inside", "{path}");
        }
        assert_eq!(errno(root.open_path("absolute")), Some(2));
        assert_eq!(errno(root.open_path("magic")), Some(2));
        assert_eq!(errno(root.open_path("")), Some(2));
        assert_eq!(errno(root.open_dir("canary/file")), Some(20));
        let names: Vec<_> = rustix::fs::Dir::read_from(root.open_dir("/").unwrap()).unwrap().flatten().collect();
        assert!(names.iter().any(|entry| entry.file_name() == c"canary"));
        let error = root.open_path("/absent").unwrap_err();
        assert_eq!(error.to_string(), format!("cannot open \"/absent\" in {:?}", root.path()));
    });
}

#[test]
fn only_an_ordinary_file_is_opened_for_reading() {
    both_ways(|| {
        let (_dir, root) = scratch();
        // To open it would wait for a writer.
        root.device("/pipe", Node::Pipe, 0o644).unwrap();
        for (path, is) in [("/pipe", "a pipe"), ("/etc", "a directory")] {
            let error = root.open_file(path).unwrap_err();
            assert_eq!(error.problems(), [format!("{path:?} is {is}, no ordinary file")]);
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
        assert_eq!(root.open_path(OsStr::from_bytes(b"a\0b")).unwrap_err().kind(), ErrorKind::Invalid);
    });
}

#[test]
fn what_is_made_is_in_the_root_and_through_no_link_at_its_end() {
    both_ways(|| {
        let (dir, root) = scratch();
        let made = root.create_dir_all("up/deep/er").unwrap();
        assert!(statat(&made, "../../deep/er", AtFlags::empty()).is_ok());
        root.create_dir_all("/up/deep/er").unwrap();
        root.create_file("etc/from-top/new").unwrap().write_all(b"text").unwrap();
        root.symlink("/anywhere", "/up/link").unwrap();
        assert_eq!(fs::read_to_string(dir.join("root/canary/new")).unwrap(), "text");
        assert_eq!(fs::read_link(dir.join("root/canary/link")).unwrap().to_str(), Some("/anywhere"));
        for path in ["absolute", "absolute/x"] {
            assert!(errno(root.create_dir_all(path)).is_some());
            assert!(errno(root.create_file(path)).is_some());
        }
        for path in ["up", "etc/hosts/..", "/", "absolute"] {
            assert!(errno(root.create_file(path)).is_some(), "{path}");
            assert!(errno(root.symlink("x", path)).is_some(), "{path}");
            assert!(errno(root.device(path, Node::Pipe, 0o600)).is_some(), "{path}");
        }
        assert_eq!(errno(root.create_dir_all("canary/file")), Some(20));
        assert_eq!(fs::read_dir(dir.join("canary")).unwrap().count(), 1);
    });
}

#[test]
fn nothing_is_made_through_a_link_for_dev() {
    both_ways(|| {
        let (dir, root) = scratch();
        fs::remove_dir(dir.join("root/dev")).unwrap();
        symlink("../canary", dir.join("root/dev")).unwrap();
        for error in [
            root.create_dir_all("/dev/x").unwrap_err(),
            root.create_file("/dev/x").unwrap_err(),
            root.symlink("x", "/dev/x").unwrap_err(),
            root.device("/dev/x", Node::Pipe, 0o600).unwrap_err(),
            root.remove("/dev/file").unwrap_err(),
        ] {
            assert_eq!(error.errno(), Some(40), "{error:?}");
        }
        let said = "nothing is mounted or made through links below /proc, /sys and /dev of a root";
        assert_eq!(root.create_file("/dev/x").unwrap_err().hint(), Some(said));
        assert_eq!(fs::read_dir(dir.join("root/canary")).unwrap().count(), 1);
    });
}

#[test]
fn a_device_is_what_was_asked_for() {
    needs!(root);
    both_ways(|| {
        let (dir, root) = scratch();
        root.device("/dev/fuse", Node::Character { major: 10, minor: 229 }, 0o600).unwrap();
        root.device("/dev/loop0", Node::Block { major: 7, minor: 0 }, 0o600).unwrap();
        let fuse = fs::symlink_metadata(dir.join("root/dev/fuse")).unwrap();
        assert!(fuse.file_type().is_char_device());
        assert_eq!((fuse.rdev(), fuse.mode() & 0o777), (0xae5, 0o600));
        assert!(fs::symlink_metadata(dir.join("root/dev/loop0")).unwrap().file_type().is_block_device());
    });
}

#[test]
fn what_is_removed_is_the_name_itself() {
    both_ways(|| {
        let (dir, root) = scratch();
        root.remove("absolute").unwrap();
        root.remove("up").unwrap();
        root.remove("/etc/from-top/file").unwrap();
        root.remove("/canary").unwrap();
        assert_eq!(errno(root.remove("/etc")), Some(39));
        assert_eq!(errno(root.remove("/absent")), Some(2));
        assert_eq!(errno(root.remove("/")), Some(22));
        assert!(!dir.join("root/canary").exists() && !dir.join("root/up").is_symlink());
        assert_eq!(fs::read_to_string(dir.join("canary/file")).unwrap(), "outside");
    });
}
