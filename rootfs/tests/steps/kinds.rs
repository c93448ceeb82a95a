// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every kind of mount, as the kernel shows it afterwards.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};

use needs::{isolated, needs};
use rustix::fs::Mode;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use skep_rootfs::{Attributes, Bind, Dev, Devpts, FileSystem, HidePid, Mounts, Proc, Root, Setting, Steps, Tmpfs};

use crate::support::{Tree, live, live_prepared, mounted_below, names, write_errno};

const EROFS: Option<i32> = Some(30);

#[test]
fn the_standard_mounts_are_what_docker_gives() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        tree.live(&Mounts::standard(), |view| {
            for (target, kind, attributes) in [
                ("/proc", "proc", "rw,nosuid,nodev,noexec"),
                ("/dev", "tmpfs", "rw,nosuid"),
                ("/dev/pts", "devpts", "rw,nosuid,noexec"),
                ("/dev/shm", "tmpfs", "rw,nosuid,nodev,noexec"),
                ("/dev/mqueue", "mqueue", "rw,nosuid,nodev,noexec"),
                ("/sys", "sysfs", "ro,nosuid,nodev,noexec"),
            ] {
                let mount = view.at(target);
                assert_eq!((mount.kind.as_str(), mount.attributes().as_str()), (kind, attributes), "{target}");
            }
            for option in ["gid=5", "mode=620", "ptmxmode=666"] {
                view.at("/dev/pts").assert_option(option);
            }
            view.at("/dev/shm").assert_option("size=65536k");
            view.at("/dev").assert_option("mode=755");
            assert_eq!(fs::metadata("/dev/shm").unwrap().mode(), 0o041_777);
            assert!(fs::read_to_string("/proc/self/status").unwrap().starts_with("Name:"));
        })
        .unwrap();
        assert_eq!(mounted_below(&tree.join("")), [""; 0]);
    });
}

#[test]
fn a_minimal_dev_has_its_devices_links_and_directories() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        let mounts = Mounts::new().add(Dev::new("/dev")).add(Devpts::new("/dev/pts").max(7));
        tree.live(&mounts, |view| {
            let all = "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero";
            assert_eq!(names("/dev").join(" "), all);
            for (name, device) in [
                ("null", 0x103),
                ("zero", 0x105),
                ("full", 0x107),
                ("random", 0x108),
                ("urandom", 0x109),
                ("tty", 0x500),
            ] {
                let found = fs::metadata(format!("/dev/{name}")).unwrap();
                assert!(found.file_type().is_char_device(), "{name}");
                assert_eq!((found.rdev(), found.mode() & 0o7777), (device, 0o666), "{name}");
            }
            assert_eq!(fs::read_link("/dev/stderr").unwrap().to_str(), Some("/proc/self/fd/2"));
            view.at("/dev/pts").assert_option("max=7");
            fs::write("/dev/null", "x").unwrap();
            assert!(fs::metadata("/dev/ptmx").unwrap().file_type().is_char_device());
        })
        .unwrap();
        assert_eq!(names(tree.join("dev")), [""; 0]);
    });
}

#[test]
fn a_tmpfs_has_its_limits_and_attributes() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        let run = Tmpfs::new("/run").size(1 << 20).inodes(10).mode(0o750).noexec().read_only();
        let plain = Tmpfs::new("/data").attributes(Attributes::empty());
        tree.live(&Mounts::new().add(run).add(plain), |view| {
            let run = view.at("/run");
            assert_eq!(run.attributes(), "ro,nosuid,nodev,noexec");
            for option in ["size=1024k", "nr_inodes=10", "mode=750"] {
                run.assert_option(option);
            }
            assert_eq!(write_errno("/run/file").map(|_| ()), Some(()));
            assert_eq!(view.at("/data").attributes(), "rw");
        })
        .unwrap();
    });
}

#[test]
fn a_proc_hides_what_it_is_asked_to_hide() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        let proc = Proc::new("/proc").hide(HidePid::All).processes_only();
        tree.live(&Mounts::new().add(proc), |view| {
            view.at("/proc").assert_option("hidepid=invisible");
            view.at("/proc").assert_option("subset=pid");
            assert!(!fs::exists("/proc/sys").unwrap() && fs::exists("/proc/self").unwrap());
        })
        .unwrap();
    });
}

#[test]
fn masked_paths_are_empty_and_those_that_are_absent_are_passed_over() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        fs::create_dir_all(tree.join("secret/inner")).unwrap();
        fs::create_dir_all(tree.join("other/inner")).unwrap();
        fs::write(tree.join("key"), "secret").unwrap();
        let mounts = Mounts::new().add(Proc::new("/proc")).mask([
            "/secret",
            "/other",
            "/key",
            "/absent",
            "/key/x",
            "/proc/keys",
        ]);
        tree.live(&mounts, |view| {
            for path in ["/secret", "/other"] {
                assert_eq!(names(path), [""; 0]);
                assert_eq!(view.at(path).attributes(), "ro,nosuid,nodev,noexec");
                assert_eq!(fs::create_dir(format!("{path}/x")).unwrap_err().raw_os_error(), EROFS);
            }
            for path in ["/key", "/proc/keys"] {
                assert_eq!(fs::read(path).unwrap(), b"");
                assert!(view.at(path).attributes().starts_with("ro,"));
            }
            assert!(!fs::exists("/absent").unwrap());
        })
        .unwrap();
        assert_eq!(fs::read_to_string(tree.join("key")).unwrap(), "secret");
    });
}

#[test]
fn directories_are_made_where_there_is_nothing() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        fs::create_dir_all(tree.join("data/there")).unwrap();
        fs::set_permissions(tree.join("data/there"), Permissions::from_mode(0o700)).unwrap();
        fs::write(tree.join("key"), "").unwrap();
        symlink("/data", tree.join("link")).unwrap();
        symlink("/../../..", tree.join("up")).unwrap();
        rustix::process::umask(Mode::from_raw_mode(0o077));
        // The tree as a root of its own that is read-only, with a tmpfs in it.
        let mounts = Mounts::new().add(Tmpfs::new("/run").create_target()).directories([
            "/run/a/b",
            "/data/there",
            "/data/made/deep",
            "/link/by/a/link",
            "/up/not/outside",
            "/key",
            "/data/made",
        ]);
        live(&Steps::new(Some(&tree.spec().read_only()), &mounts, Setting::default()), |_| {
            for made in ["/run/a", "/run/a/b", "/data/made/deep", "/data/by/a/link", "/not/outside"] {
                let found = fs::metadata(made).unwrap();
                assert_eq!((found.mode(), found.uid()), (0o040_755, 0), "{made}");
            }
            assert_eq!(fs::metadata("/data/there").unwrap().mode(), 0o040_700);
            assert!(fs::metadata("/key").unwrap().is_file());
            assert_eq!(fs::create_dir("/new").unwrap_err().raw_os_error(), EROFS);
        })
        .unwrap();
        assert!(fs::metadata(tree.join("data/made/deep")).unwrap().is_dir(), "it stays");
    });
}

#[test]
fn a_directory_that_cannot_be_made_is_told_by_its_place_before_and_by_its_path_then() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        let mounts = Mounts::new().add(Tmpfs::new("/run").create_target().read_only()).directories(["/run/a"]);
        let error = tree.live(&mounts, |_| ()).unwrap_err();
        assert_eq!(error.errno(), EROFS);
        assert_eq!(error.to_string(), "cannot make the directory \"/run/a\" if it is absent");
        symlink("/nowhere", tree.join("link")).unwrap();
        let mounts = Mounts::new().directories(["/link/x", "/link"]);
        let problems = Root::open(tree.join("")).unwrap().problems_of(&mounts);
        let why = "cannot be made: \"/link\" is a link that leads nowhere";
        assert_eq!(problems, [format!("directories[0] \"/link/x\" {why}"), format!("directories[1] \"/link\" {why}")]);
    });
}

#[test]
fn read_only_paths_cannot_be_written_with_all_below_them() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        fs::create_dir_all(tree.join("data/inner")).unwrap();
        let mounts = Mounts::new().add(Proc::new("/proc")).add(Tmpfs::new("/data/inner")).read_only([
            "/proc/sys",
            "/data",
            "/absent",
        ]);
        tree.live(&mounts, |view| {
            assert_eq!(write_errno("/proc/sys/kernel/core_pattern"), EROFS);
            assert_eq!(fs::create_dir("/data/x").unwrap_err().raw_os_error(), EROFS);
            assert_eq!(fs::create_dir("/data/inner/x").unwrap_err().raw_os_error(), EROFS);
            assert_eq!(view.at("/data/inner").attributes(), "ro,nosuid,nodev");
            assert_eq!(view.at("/proc").attributes(), "rw,nosuid,nodev,noexec");
        })
        .unwrap();
    });
}

/// A source with a tmpfs mounted in it; unmounted when dropped.
struct Source<'a>(&'a Tree);

impl<'a> Source<'a> {
    fn new(tree: &'a Tree) -> Self {
        let inner = tree.beside("source/inner");
        fs::create_dir_all(&inner).unwrap();
        fs::write(tree.beside("source/file"), "shared").unwrap();
        mount("tmpfs", &inner, "tmpfs", MountFlags::empty(), None::<&std::ffi::CStr>).unwrap();
        fs::write(inner.join("deep"), "deep").unwrap();
        Self(tree)
    }
}

impl Drop for Source<'_> {
    fn drop(&mut self) {
        unmount(self.0.beside("source/inner"), UnmountFlags::empty()).unwrap();
    }
}

#[test]
fn a_bind_is_read_only_with_all_below_it_unless_it_is_told_otherwise() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        let source = Source::new(&tree);
        let bind = || Bind::new(tree.beside("source"), "/new/place").create_target();
        let deep = Mounts::new().add(bind().read_only().noexec());
        tree.live(&deep, |view| {
            assert_eq!(fs::read_to_string("/new/place/file").unwrap(), "shared");
            assert_eq!(write_errno("/new/place/file"), EROFS);
            assert_eq!(write_errno("/new/place/inner/deep"), EROFS);
            assert_eq!(view.at("/new/place/inner").attributes(), "ro,noexec");
        })
        .unwrap();
        let top = Mounts::new().add(bind().read_only().attributes_on_top_only());
        tree.live(&top, |_| {
            assert_eq!(write_errno("/new/place/file"), EROFS);
            assert_eq!(write_errno("/new/place/inner/deep"), None);
        })
        .unwrap();
        drop(source);
    });
}

#[test]
fn a_bind_takes_along_what_is_mounted_below_it_unless_it_is_told_otherwise() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        let source = Source::new(&tree);
        let all = Mounts::new().add(Bind::new(tree.beside("source"), "/data"));
        tree.live(&all, |_| assert_eq!(names("/data/inner"), ["deep"])).unwrap();
        let one = Mounts::new().add(Bind::new(tree.beside("source"), "/data").without_submounts().read_only());
        tree.live(&one, |view| {
            assert_eq!(names("/data/inner"), [""; 0]);
            assert_eq!(view.at("/data").attributes(), "ro");
        })
        .unwrap();
        drop(source);
    });
}

#[test]
fn a_file_is_bound_to_a_file_that_is_made_for_it() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        fs::write(tree.beside("resolv.conf"), "nameserver 10.0.3.1").unwrap();
        let bind = Bind::new(tree.beside("resolv.conf"), "//etc/./resolv.conf").read_only().nosuid().create_target();
        let absent = Bind::new(tree.beside("absent"), "/absent").optional().create_target();
        tree.live(&Mounts::new().add(bind).add(absent), |view| {
            assert_eq!(fs::read_to_string("/etc/resolv.conf").unwrap(), "nameserver 10.0.3.1");
            assert_eq!(view.at("/etc/resolv.conf").attributes(), "ro,nosuid");
            assert!(!fs::exists("/absent").unwrap());
        })
        .unwrap();
        // What was made stays: an empty file with the mode that was promised, whatever the caller's mask.
        let made = fs::metadata(tree.join("etc/resolv.conf")).unwrap();
        assert_eq!((made.len(), made.mode()), (0, 0o100_644));
        assert_eq!(fs::metadata(tree.join("etc")).unwrap().mode(), 0o040_755);
    });
}

#[test]
fn what_the_kernel_has_noted_of_a_file_system_is_in_the_error() {
    needs!(root, syscall("fsopen"));
    isolated(|| {
        let tree = Tree::new();
        let mounts = Mounts::new().add(FileSystem::new("tmpfs", "none", "/data").options("nonsense=1"));
        let steps = Steps::new(Some(&tree.spec()), &mounts, Setting::default());
        let cause = |error: skep_rootfs::Error| std::error::Error::source(&error).unwrap().to_string();
        let expected = "making the file system: tmpfs: Unknown parameter 'nonsense': Invalid argument (EINVAL)";
        assert_eq!(cause(live(&steps, |_| ()).unwrap_err()), expected);
        let prepared = steps.prepare(skep_rootfs::NewNamespaces::Mounts).unwrap();
        for _ in 0..2 {
            assert_eq!(cause(live_prepared(&prepared, |_| ()).unwrap_err()), expected);
        }
        // What is no file system in the making has nothing to say, and is not waited for.
        let (reader, _writer) = std::io::pipe().unwrap();
        assert_eq!(skep_rootfs::fs_log(reader), "");
    });
}
