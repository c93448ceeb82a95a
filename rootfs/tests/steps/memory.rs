// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices and copies that are made in memory before anything is mounted, and what only the caller may reach.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink};

use needs::{isolated, needs};
use rustix::fs::OFlags;
use skep_rootfs::{
    Bind, Changes, Dev, Device, Devpts, MountInfo, Mounts, NewNamespaces, Pty, Root, RootSpec, Setting, Steps, Tmpfs,
};

use crate::support::{Tree, live_prepared};

/// What a file is: type, owner, mode, number.
fn looks(path: &str) -> (fs::FileType, u32, u32, u32, u64) {
    let found = fs::symlink_metadata(path).unwrap();
    (found.file_type(), found.uid(), found.gid(), found.mode() & 0o7777, found.rdev())
}

#[test]
fn a_device_has_the_owner_and_mode_that_were_asked_for_and_nothing_is_on_the_disk() {
    needs!(root, syscall("fsopen"), syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated(|| {
        let tree = Tree::new();
        let before = MountInfo::of_this_thread().unwrap();
        let mounts = Mounts::new()
            .add(Dev::new("/dev"))
            .add(Device::character("/dev/other", 1, 3).mode(0o626).owner(7, 8))
            .add(Device::fifo("/dev/pipe").mode(0o777))
            .add(Device::block("/run/disk", 7, 300).owner(0, 9))
            .add(Device::character("/dev/bound", 1, 5).bind_from("/dev/zero"));
        let steps = Steps::new(Some(&tree.spec()), &mounts, Setting::default());
        assert!(steps.need_preparing());
        // Whatever the mask of whoever asks.
        let mask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o777));
        let prepared = steps.prepare(NewNamespaces::Mounts).unwrap();
        rustix::process::umask(mask);
        assert_eq!(MountInfo::of_this_thread().unwrap(), before);
        live_prepared(&prepared, |view| {
            let (kind, uid, gid, mode, number) = looks("/dev/other");
            assert!(kind.is_char_device() && number == rustix::fs::makedev(1, 3));
            assert_eq!((uid, gid, mode), (7, 8, 0o626));
            fs::write("/dev/other", "gone").unwrap();
            assert_eq!(fs::read("/dev/other").unwrap(), b"");
            assert!(view.at("/dev/other").attributes().contains("nosuid,noexec"));
            assert!(looks("/dev/pipe").0.is_fifo() && looks("/dev/pipe").3 == 0o777);
            let (kind, uid, gid, mode, number) = looks("/run/disk");
            assert!(kind.is_block_device() && number == rustix::fs::makedev(7, 300));
            assert_eq!((uid, gid, mode), (0, 9, 0o600));
            assert_eq!(looks("/dev/bound").4, rustix::fs::makedev(1, 5));
            assert_eq!(
                fs::set_permissions("/dev/bound", fs::Permissions::from_mode(0o600)).unwrap_err().raw_os_error(),
                Some(30)
            );
        })
        .unwrap();
        assert!(fs::read(tree.join("run/disk")).unwrap().is_empty());
    });
}

#[test]
fn what_a_device_is_bound_from_must_be_that_device() {
    needs!(syscall("openat2"));
    isolated(|| {
        let tree = Tree::new();
        let device = |from: &str| Mounts::new().add(Device::character("/run/x", 1, 3).bind_from(from));
        let root = Root::open(tree.join("")).unwrap();
        assert_eq!(root.problems_of(&device("/dev/null")), [""; 0]);
        for from in ["/dev/zero", "/proc"] {
            let problem = format!("mounts[0].from {from:?} is not the device c 1:3");
            assert_eq!(root.problems_of(&device(from)), [problem]);
        }
    });
}

#[test]
fn a_tmpfs_begins_with_what_was_beneath_it_and_the_original_stays() {
    needs!(root, syscall("fsopen"), syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated(|| {
        let tree = Tree::new();
        fs::create_dir(tree.join("data/sub")).unwrap();
        fs::write(tree.join("data/sub/file"), "kept").unwrap();
        symlink("sub/file", tree.join("data/link")).unwrap();
        chown(tree.join("data"), Some(3), Some(4)).unwrap();
        fs::set_permissions(tree.join("data"), fs::Permissions::from_mode(0o2750)).unwrap();
        let mounts = Mounts::new()
            .add(Tmpfs::new("/data").copy_up().size(1 << 20).inodes(5).noexec())
            .add(Tmpfs::new("/run").copy_up().mode(0o711))
            .add(Tmpfs::new("/new/here").copy_up().create_target());
        let prepared =
            Steps::new(Some(&tree.spec()), &mounts, Setting::default()).prepare(NewNamespaces::Mounts).unwrap();
        live_prepared(&prepared, |view| {
            assert_eq!(view.at("/data").kind, "tmpfs");
            assert!(view.at("/data").attributes().contains("nosuid,nodev,noexec"));
            assert_eq!(fs::read_to_string("/data/link").unwrap(), "kept");
            let (_, uid, gid, mode, _) = looks("/data");
            assert_eq!((uid, gid, mode), (3, 4, 0o2750));
            assert_eq!((looks("/run").3, looks("/new/here").3), (0o711, 0o1777));
            fs::write("/data/sub/file", "changed").unwrap();
            fs::write("/data/fifth", "").unwrap();
            assert_eq!(fs::write("/data/sixth", "").unwrap_err().raw_os_error(), Some(28));
        })
        .unwrap();
        assert_eq!(fs::read_to_string(tree.join("data/sub/file")).unwrap(), "kept");
        // A link that leads out of the root leads nowhere.
        tree.link("sys", tree.beside("canary"));
        let steps =
            Steps::new(Some(&tree.spec()), &Mounts::new().add(Tmpfs::new("/sys").copy_up()), Setting::default());
        let done = steps.prepare(NewNamespaces::Mounts).and_then(|prepared| live_prepared(&prepared, |_| ()));
        assert!(done.is_err());
        tree.assert_canary_is_untouched();
    });
}

#[test]
fn what_cannot_be_copied_is_refused_beforehand() {
    let mounts = Mounts::new().add(Tmpfs::new("/a")).add(Tmpfs::new("/a/b").copy_up());
    let why = "what is copied is what the root itself has there, and this lies over it";
    assert_eq!(mounts.problems(), [format!("mounts[1].copy_up: {why}: mounts[0]")]);
    let root = RootSpec::new("/srv").changes(Changes::Kept("/var/changes".into()));
    let mounts = Mounts::new().add(Tmpfs::new("/a").copy_up());
    let why = "what was changed there earlier, and is kept elsewhere, would not be copied";
    assert_eq!(Setting::default().problems(Some(&root), &mounts), [format!("mounts[0].copy_up: {why}")]);
}

#[test]
fn a_console_is_the_terminal_that_was_given() {
    needs!(root, syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"), file("/dev/pts/ptmx"));
    isolated(|| {
        let tree = Tree::new();
        let devpts = rustix::fs::open("/dev/pts", OFlags::PATH | OFlags::CLOEXEC, rustix::fs::Mode::empty()).unwrap();
        let pty = Pty::open_in(devpts).unwrap();
        let peer = pty.peer().unwrap();
        let mounts = Mounts::new()
            .add(Dev::new("/dev"))
            .add(Devpts::new("/dev/pts"))
            .add(Bind::of_descriptor(&peer, "/dev/console").create_target());
        let prepared =
            Steps::new(Some(&tree.spec()), &mounts, Setting::default()).prepare(NewNamespaces::Mounts).unwrap();
        let expected = rustix::fs::fstat(&peer).unwrap();
        // From here on it is the mount that holds it.
        drop(peer);
        live_prepared(&prepared, |_| {
            let found = fs::metadata("/dev/console").unwrap();
            assert_eq!((found.dev(), found.ino(), found.rdev()), (expected.st_dev, expected.st_ino, expected.st_rdev));
        })
        .unwrap();
    });
}
