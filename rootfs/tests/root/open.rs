// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of a root, opened in every way, and what is known of what is there.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use needs::{Scratch, isolated, isolated_for, needs};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::mount::{MountFlags, UnmountFlags};
use skep_rootfs::{EntryKind, ErrorKind, Node, OpenOptions, Root};

use crate::support::{both_ways, errno};

/// A root in which `way` and `up` lead out, if somebody follows them as they stand.
fn scratch() -> (Scratch, Root) {
    let dir = Scratch::new();
    for name in ["root/etc", "root/canary", "canary"] {
        fs::create_dir_all(dir.join(name)).unwrap();
    }
    fs::write(dir.join("canary/file"), "outside").unwrap();
    fs::write(dir.join("root/canary/file"), "inside").unwrap();
    symlink("../canary", dir.join("root/up")).unwrap();
    symlink("../canary/file", dir.join("root/way")).unwrap();
    symlink("nowhere", dir.join("root/nowhere-link")).unwrap();
    let root = Root::open(dir.join("root")).unwrap();
    (dir, root)
}

#[test]
fn a_file_is_opened_as_the_options_say() {
    both_ways(|| {
        let (dir, root) = scratch();
        let new = OpenOptions::new;
        let mut file = root.open_with("up/log", &new().append().create().mode(0o600)).unwrap();
        file.write_all(b"one ").unwrap();
        root.open_with("up/log", &new().append().create()).unwrap().write_all(b"two").unwrap();
        assert_eq!(root.read("/canary/log").unwrap(), b"one two");
        assert_eq!(root.metadata("canary/log").unwrap().mode() & 0o7777, 0o600);
        let mut both = root.open_with("up/log", &new().read().write()).unwrap();
        both.write_all(b"ONE").unwrap();
        both.seek(SeekFrom::Start(0)).unwrap();
        let mut said = String::new();
        both.read_to_string(&mut said).unwrap();
        assert_eq!(said, "ONE two");
        root.open_with("way", &new().write().truncate()).unwrap();
        assert_eq!(root.read("canary/file").unwrap(), b"");
        assert_eq!(fs::read_to_string(dir.join("canary/file")).unwrap(), "outside");
        assert_eq!(errno(root.open_with("way", &new().write().create_new())), Some(17));
        assert_eq!(errno(root.open_with("way", &new().read().no_follow())), Some(40));
        assert_eq!(errno(root.open_with("absent", &new().write())), Some(2));
        assert_eq!(errno(root.open_with("absent/x", &new().write().create())), Some(2));
        assert_eq!(errno(root.open_with("new/", &new().write().create())), Some(21));
        // Nothing is made at the other end of a link.
        assert_eq!(errno(root.open_with("nowhere-link", &new().write().create())), Some(17));
        assert!(!root.exists("nowhere").unwrap());
    });
}

#[test]
fn options_that_make_no_sense_are_told_at_once() {
    let (_dir, root) = scratch();
    let said = |options: OpenOptions| root.open_with("way", &options).unwrap_err().problems().to_vec();
    assert_eq!(said(OpenOptions::new()), ["a file is opened for reading, writing or appending"]);
    assert_eq!(
        said(OpenOptions::new().read().create().truncate().mode(0o4755)),
        [
            "truncate() is for a file that is written",
            "create() is for a file that is written",
            "mode 4755 is not within 0 to 777"
        ]
    );
    assert_eq!(said(OpenOptions::new().append().truncate()), ["truncate() and append() exclude each other"]);
}

/// A fifo would have whoever opens it wait, a device would do something.
#[test]
fn what_is_no_file_is_not_opened_even_for_a_moment() {
    both_ways(|| {
        let (dir, root) = scratch();
        root.device("/pipe", Node::Pipe, 0o644).unwrap();
        std::os::unix::net::UnixListener::bind(dir.join("root/socket")).unwrap();
        for (path, is) in [("/pipe", "a pipe"), ("/etc", "a directory"), ("socket", "a socket")] {
            for options in [OpenOptions::new().read(), OpenOptions::new().write(), OpenOptions::new().append().create()]
            {
                let error = root.open_with(path, &options).unwrap_err();
                assert_eq!(error.problems(), [format!("{path:?} is {is}, no ordinary file")]);
            }
        }
    });
}

#[test]
fn what_is_there_is_told_without_following_links_out() {
    both_ways(|| {
        let (_dir, root) = scratch();
        assert_eq!(root.metadata("way").unwrap().len(), 6);
        assert!(root.symlink_metadata("way").unwrap().is_symlink());
        assert!(root.symlink_metadata("up/").unwrap().is_dir());
        assert_eq!(root.read_link("way").unwrap(), Path::new("../canary/file"));
        assert_eq!(errno(root.read_link("etc")), Some(22));
        assert_eq!(root.read("way").unwrap(), b"inside");
        for (path, is) in [("way", true), ("nowhere-link", false), ("absent", false), ("way/x", false), ("/", true)] {
            assert_eq!(root.exists(path).unwrap(), is, "{path}");
        }
        let mut names: Vec<_> = root.read_dir("/").unwrap().map(|entry| entry.unwrap()).collect();
        names.sort_by(|one, other| one.file_name().cmp(other.file_name()));
        let names: Vec<_> = names.iter().map(|entry| (entry.file_name().to_str().unwrap(), entry.kind())).collect();
        let (directory, link) = (EntryKind::Directory, EntryKind::Symlink);
        assert_eq!(
            names,
            [("canary", directory), ("etc", directory), ("nowhere-link", link), ("up", link), ("way", link)]
        );
    });
}

#[test]
fn names_may_be_of_any_bytes_and_paths_as_long_as_the_kernel_takes() {
    both_ways(|| {
        let (_dir, root) = scratch();
        for name in [&b"two\nlines"[..], b"back\\slash", b"\xff\xfe not text", b" ", &[b'x'; 255]] {
            let name = OsStr::from_bytes(name);
            root.write(name, "here").unwrap();
            assert_eq!(root.read(name).unwrap(), b"here");
            assert!(root.read_dir("").is_err());
            assert!(root.read_dir(".").unwrap().any(|entry| entry.unwrap().file_name() == name));
            root.remove(name).unwrap();
        }
        assert_eq!(errno(root.write(OsStr::from_bytes(&[b'x'; 256]), "")), Some(36));
        let whole = |bytes: usize| -> PathBuf { format!("/canary/{}file", "./".repeat((bytes - 12) / 2)).into() };
        assert_eq!(whole(4094).as_os_str().len(), 4094);
        assert_eq!(root.read(whole(4094)).unwrap(), b"inside");
        assert_eq!(errno(root.read(whole(4096))), Some(36));
        assert_eq!(errno(root.read(whole(9000))), Some(36));
    });
}

#[test]
fn a_root_from_a_descriptor_is_the_same_root() {
    let (dir, root) = scratch();
    let again = Root::from_fd(&root).unwrap();
    assert_eq!(again.path(), dir.join("root"));
    assert_eq!(again.read("way").unwrap(), b"inside");
    let opened = fs::File::open(dir.join("root")).unwrap();
    assert_eq!(Root::from_fd(&opened).unwrap().try_clone().unwrap().read("way").unwrap(), b"inside");
    let file = fs::File::open(dir.join("canary/file")).unwrap();
    let error = Root::from_fd(&file).unwrap_err();
    assert_eq!((error.errno(), error.hint()), (Some(20), Some("a root must be a directory, and no link to one")));
    let place = std::os::fd::OwnedFd::from(again);
    assert!(rustix::fs::fstat(place.as_fd()).is_ok());
}

#[test]
fn a_device_is_no_file() {
    needs!(root);
    both_ways(|| {
        let (_dir, root) = scratch();
        root.device("null", Node::Character { major: 1, minor: 3 }, 0o666).unwrap();
        let error = root.open_with("null", &OpenOptions::new().write().truncate()).unwrap_err();
        assert_eq!(error.problems(), ["\"null\" is a device, no ordinary file"]);
        assert_eq!(error.kind(), ErrorKind::Invalid);
    });
}

/// Writes by `write` while the directory that is written in is exchanged for a link that leads out, and at least once between
/// two rounds; tells whether the file outside was hit, and ends with that.
fn is_led_out(rounds: u32, write: impl Fn(&Root, &Path)) -> bool {
    let dir = Scratch::new();
    for name in ["root/a", "canary", "root/canary"] {
        fs::create_dir_all(dir.join(name)).unwrap();
    }
    symlink("../canary", dir.join("root/b")).unwrap();
    let root = Root::open(dir.join("root")).unwrap();
    let (stop, exchanged) = (AtomicBool::new(false), AtomicU32::new(0));
    let mut is_hit = false;
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, dir.join("root/a"), CWD, dir.join("root/b"), RenameFlags::EXCHANGE).unwrap();
                exchanged.fetch_add(1, Ordering::Relaxed);
            }
        });
        for _ in 0..rounds {
            let before = exchanged.load(Ordering::Relaxed);
            while exchanged.load(Ordering::Relaxed) == before {
                thread::yield_now();
            }
            write(&root, Path::new("a/file"));
            is_hit = dir.join("canary/file").exists();
            if is_hit {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    is_hit
}

/// CVE-2025-24965.
#[test]
fn nothing_is_written_outside_while_names_are_exchanged() {
    isolated_for(std::time::Duration::from_secs(300), || {
        // What everybody writes first: a look, and then the path.
        let naive = is_led_out(50_000, |root, path| {
            let whole = root.path().join(path);
            if fs::symlink_metadata(whole.parent().unwrap()).is_ok_and(|found| found.is_dir()) {
                thread::yield_now();
                drop(fs::write(whole, "x"));
            }
        });
        assert!(naive, "the race is no race");
        let ours = is_led_out(needs::rounds(3000), |root, path| {
            drop(root.write(path, "x"));
            drop(root.open_with(path, &OpenOptions::new().write().create().truncate()));
            drop(root.remove(path));
        });
        assert!(!ours);
    });
}

#[test]
fn what_is_replaced_keeps_its_mode() {
    let (dir, root) = scratch();
    fs::set_permissions(dir.join("root/canary/file"), fs::Permissions::from_mode(0o751)).unwrap();
    root.write("up/file", "new").unwrap();
    let found = root.metadata("canary/file").unwrap();
    assert_eq!((found.mode() & 0o7777, found.len()), (0o751, 3));
    // A link is what is replaced.
    root.write("way", "a file").unwrap();
    assert!(root.symlink_metadata("way").unwrap().is_file());
    assert_eq!(root.read("canary/file").unwrap(), b"new");
    assert_eq!(errno(root.write("etc", "")), Some(21));
    assert_eq!(errno(root.write("absent/x", "")), Some(2));
    // Nothing is left of what came to nothing.
    assert_eq!(root.read_dir("/").unwrap().count(), 5);
}

/// What root writes through a link of a tree that has a proc in it: the end of CVE-2022-0811 and 2025-52881.
#[test]
fn no_link_of_the_tree_leads_into_proc_sys_and_dev() {
    needs!(root);
    both_ways(|| {
        let (dir, root) = scratch();
        let mounted = |kind: &str, name: &str| {
            fs::create_dir_all(dir.join("root").join(name)).unwrap();
            rustix::mount::mount(kind, dir.join("root").join(name), kind, MountFlags::empty(), None).unwrap();
        };
        mounted("proc", "proc");
        mounted("tmpfs", "dev");
        mounted("proc", "other");
        fs::write(dir.join("root/dev/file"), "of dev").unwrap();
        let name = fs::read("/proc/sys/kernel/hostname").unwrap();
        let links = [
            ("by-top", "/proc/sys/kernel/hostname"),
            ("by-way", "canary/../proc/sys/kernel/hostname"),
            ("of-other", "other/sys/kernel/hostname"),
            ("of-dev", "dev/file"),
        ];
        for (link, to) in links {
            symlink(to, dir.join("root").join(link)).unwrap();
            let new = OpenOptions::new;
            for options in [new().append(), new().write().truncate().create(), new().read()] {
                let error = root.open_with(link, &options).unwrap_err();
                assert_eq!(error.errno(), Some(40), "{link}: {error}");
                assert!(error.hint().is_some_and(|hint| hint.contains("/proc, /sys or /dev")), "{error:?}");
            }
            assert_eq!(errno(root.read(link)), Some(40));
            assert_eq!(errno(root.metadata(link)), Some(40));
        }
        symlink("/dev", dir.join("root/to-dev")).unwrap();
        assert_eq!(errno(root.create_dir_all("to-dev/new")), Some(40));
        assert_eq!(errno(root.remove("to-dev/file")), Some(40));
        assert_eq!(errno(root.remove_dir_all("to-dev/file")), Some(40));
        assert_eq!(errno(root.symlink("x", "to-dev/link")), Some(40));
        assert_eq!(fs::read("/proc/sys/kernel/hostname").unwrap(), name);
        // Who names the place gets there, wherever it is.
        assert_eq!(root.read("proc/sys/kernel/hostname").unwrap(), name);
        assert_eq!(root.read("other/sys/kernel/hostname").unwrap(), name);
        assert_eq!(root.read("dev/file").unwrap(), b"of dev");
        for name in ["proc", "dev", "other"] {
            rustix::mount::unmount(dir.join("root").join(name), UnmountFlags::DETACH).unwrap();
        }
    });
}

#[test]
fn a_root_is_no_link_whatever_is_written_behind_it() {
    isolated(|| {
        let dir = Scratch::new();
        fs::create_dir_all(dir.join("root/in")).unwrap();
        symlink("root", dir.join("link")).unwrap();
        for end in ["", "/", "//", "/.", "/./", "/././/"] {
            let path = |name: &str| format!("{}/{name}{end}", dir.path().display());
            assert_eq!(errno(Root::open(path("link"))), Some(20), "{end:?}");
            assert!(Root::open(path("root")).unwrap().exists("in").unwrap());
            assert!(Root::open(path("link/in")).is_ok());
        }
        assert!(Root::open("/").is_ok() && Root::open(".").is_ok() && Root::open("./").is_ok());
        assert_eq!(errno(Root::open("")), Some(2));
    });
}
