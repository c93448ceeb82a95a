// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of mounts: what mountinfo and statmount(2) tell is the same, whatever names there are.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of tests may be as blunt as tests"
)]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use needs::{Scratch, isolated, needs};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, mount_remount, unmount,
};
use skep_rootfs::{Attributes, ErrorKind, MountInfo, MountTree, MountWatch};

/// Names as nobody would give them; the last is no text.
const NAMES: [&[u8]; 9] = [b"plain", b"a b", b"a\nb", b"a\tb", b"a\\b", b"\\040", b"#", b" - ", b"\xff\xfe\x80"];

fn tmpfs(at: &Path, source: &OsStr) {
    mount(source, at, "tmpfs", MountFlags::NOSUID, Some(c"size=1m,mode=700")).unwrap();
}

/// A table with everything in it that is odd, in a directory.
fn odd_mounts(dir: &Path) -> Vec<PathBuf> {
    tmpfs(dir, OsStr::new("top"));
    mount_change(dir, MountPropagationFlags::PRIVATE).unwrap();
    let mut paths = Vec::new();
    for name in NAMES {
        let path = dir.join(OsStr::from_bytes(name));
        fs::create_dir(&path).unwrap();
        tmpfs(&path, OsStr::from_bytes(name));
        fs::create_dir(path.join(OsStr::from_bytes(name))).unwrap();
        paths.push(path);
    }
    // Part of a file system, and a directory that is removed then.
    let part = |name: &str| {
        fs::create_dir(dir.join(name)).unwrap();
        dir.join(name)
    };
    let (seen, removed) = (part("seen"), part("removed"));
    mount_bind(paths[2].join(OsStr::from_bytes(NAMES[2])), &seen).unwrap();
    let doomed = paths[1].join("doomed");
    fs::create_dir(&doomed).unwrap();
    mount_bind(&doomed, &removed).unwrap();
    fs::remove_dir(&doomed).unwrap();
    // One over another, and one that is hidden by it.
    let over = part("over");
    tmpfs(&over, OsStr::new("under"));
    fs::create_dir(over.join("hidden")).unwrap();
    tmpfs(&over.join("hidden"), OsStr::new("hidden"));
    tmpfs(&over, OsStr::new(""));
    // Every kind of propagation.
    let (shared, slave, both, unbindable) = (part("shared"), part("slave"), part("both"), part("unbindable"));
    tmpfs(&shared, OsStr::new("shared"));
    mount_change(&shared, MountPropagationFlags::SHARED).unwrap();
    for path in [&slave, &both] {
        mount_bind(&shared, path).unwrap();
        mount_change(path, MountPropagationFlags::DOWNSTREAM).unwrap();
    }
    mount_change(&both, MountPropagationFlags::SHARED).unwrap();
    tmpfs(&unbindable, OsStr::new("unbindable"));
    mount_change(&unbindable, MountPropagationFlags::UNBINDABLE).unwrap();
    // How access times are kept, and links.
    let nosymfollow = MountFlags::from_bits_retain(0x100);
    for (name, flags) in [("strict", MountFlags::STRICTATIME | MountFlags::NODIRATIME), ("links", nosymfollow)] {
        let path = part(name);
        tmpfs(&path, OsStr::new(name));
        mount_remount(&path, MountFlags::BIND | flags, "").unwrap();
    }
    // Attributes of the mount, and of the file system.
    let (read_only, whole) = (part("read only"), part("whole"));
    mount_bind(&shared, &read_only).unwrap();
    let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NODEV | MountFlags::NOATIME;
    mount_remount(&read_only, flags, "").unwrap();
    tmpfs(&whole, OsStr::new("whole"));
    mount_remount(&whole, MountFlags::RDONLY | MountFlags::SYNCHRONOUS | MountFlags::LAZYTIME, "").unwrap();
    // Options that have to be escaped, and a file.
    let overlay = part("overlay");
    for name in ["lower, one", "lower:\ttwo"] {
        fs::create_dir(dir.join(name)).unwrap();
    }
    let lowers = [dir.join("lower\\, one"), dir.join("lower\\:\ttwo")].map(|path| path.to_str().unwrap().to_owned());
    let options = std::ffi::CString::new(format!("lowerdir={}", lowers.join(":"))).unwrap();
    mount("a b", &overlay, "overlay", MountFlags::empty(), Some(options.as_c_str())).unwrap();
    let file = dir.join("file");
    fs::write(&file, "").unwrap();
    mount_bind("/proc/self/ns/net", &file).unwrap();
    paths
}

fn at<'a>(mounts: &'a [MountInfo], path: &Path) -> &'a MountInfo {
    MountTree::new(mounts).at(path).filter(|found| found.target == path).unwrap_or_else(|| panic!("{path:?}"))
}

/// What statmount tells, where the kernel has it.
fn asked() -> Option<Vec<MountInfo>> {
    match MountInfo::by_statmount() {
        Ok(mounts) => Some(mounts),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
            None
        }
    }
}

#[test]
fn every_name_is_read_as_it_is() {
    needs!(root);
    isolated(|| {
        let dir = Scratch::new();
        let paths = odd_mounts(dir.path());
        let mounts = MountInfo::of_this_thread().unwrap();
        for (path, name) in paths.iter().zip(NAMES) {
            let found = at(&mounts, path);
            assert_eq!((found.source.as_bytes(), found.kind.as_str()), (name, "tmpfs"));
            assert_eq!(found.attributes, Attributes::NOSUID);
        }
        let tree = MountTree::new(&mounts);
        let path = |name: &str| dir.join(name);
        assert_eq!(at(&mounts, &path("seen")).root.as_os_str().as_bytes(), b"/a\nb");
        assert_eq!(at(&mounts, &path("removed")).root, Path::new("/doomed//deleted"));
        assert_eq!(at(&mounts, &path("over")).source, "");
        let under = tree.parent(at(&mounts, &path("over"))).unwrap();
        assert_eq!((under.source.to_str(), tree.over(under).unwrap().source.to_str()), (Some("under"), Some("")));
        let hidden = mounts.iter().find(|mount| mount.source == "hidden").unwrap();
        assert!(!tree.sees(hidden) && !tree.sees(under) && tree.parent(hidden) == Some(under));
        let group = at(&mounts, &path("shared")).propagation.shared.unwrap();
        let (slave, both) = (at(&mounts, &path("slave")), at(&mounts, &path("both")));
        assert_eq!((slave.propagation.master, slave.propagation.shared), (Some(group), None));
        assert!(both.propagation.master == Some(group) && both.propagation.shared.is_some_and(|own| own != group));
        assert_eq!(tree.followers(group).count(), 2);
        assert_eq!(tree.peers(group).count(), 2, "the other is read-only");
        assert!(at(&mounts, &path("unbindable")).propagation.unbindable);
        assert!(at(&mounts, &path("plain")).propagation.is_private());
        assert!(at(&mounts, &path("read only")).attributes.contains(Attributes::READ_ONLY | Attributes::NODEV));
        let whole = at(&mounts, &path("whole"));
        assert!(whole.is_read_only() && whole.options.as_bytes().starts_with(b"ro,sync"), "{whole:?}");
        assert_eq!(at(&mounts, &path("overlay")).source, "a b");
        assert_eq!(at(&mounts, &path("file")).kind, "nsfs");
        assert_eq!(tree.below(dir.path()).count(), mounts.iter().filter(|mount| mount.is_below(dir.path())).count());
        unmount(dir.path(), UnmountFlags::DETACH).unwrap();
    });
}

#[test]
fn both_sources_tell_the_same() {
    needs!(root);
    isolated(|| {
        let dir = Scratch::new();
        odd_mounts(dir.path());
        let compare = |said: &str| {
            let read = MountInfo::of_this_thread().unwrap();
            let Some(asked) = asked() else { return };
            // The whole of it first by numbers, so that a difference is short.
            let ids = |mounts: &[MountInfo]| mounts.iter().map(|mount| mount.id).collect::<Vec<_>>();
            assert_eq!(ids(&read), ids(&asked), "{said}");
            for (read, asked) in read.iter().zip(&asked) {
                assert_eq!(read, asked, "{said}");
            }
        };
        compare("everything");
        let read = MountInfo::of_this_thread().unwrap();
        let of = |name: &str| read.iter().find(|mount| mount.target == dir.join(name)).unwrap().attributes;
        assert_eq!(of("strict"), Attributes::STRICTATIME | Attributes::NODIRATIME);
        assert_eq!(of("links"), Attributes::NOSYMFOLLOW);
        // Where only some of it can be seen: from a root that is a mount, and from one that is none.
        fs::create_dir(dir.join("directory")).unwrap();
        for (root, has_top) in [("plain", true), ("directory", false)] {
            let root = dir.join(root);
            for name in ["proc", "below"] {
                fs::create_dir(root.join(name)).unwrap();
            }
            mount_bind("/proc", root.join("proc")).unwrap();
            tmpfs(&root.join("below"), OsStr::new("below"));
            thread::scope(|scope| {
                scope.spawn(|| {
                    own_root();
                    rustix::process::chroot(&root).unwrap();
                    compare("in a chroot");
                    let mounts = MountInfo::of_this_thread().unwrap();
                    let tree = MountTree::new(&mounts);
                    assert_eq!(tree.top().is_some(), has_top);
                    assert_eq!(tree.at(Path::new("/below/x")).unwrap().source, "below");
                });
            });
        }
        unmount(dir.path(), UnmountFlags::DETACH).unwrap();
    });
}

#[test]
fn more_mounts_than_are_listed_at_once_are_listed() {
    needs!(root);
    isolated(|| {
        let dir = Scratch::new();
        tmpfs(dir.path(), OsStr::new("top"));
        mount_change(dir.path(), MountPropagationFlags::PRIVATE).unwrap();
        fs::create_dir(dir.join("source")).unwrap();
        for number in 0..1100 {
            let path = dir.join(number.to_string());
            fs::create_dir(&path).unwrap();
            mount_bind(dir.join("source"), &path).unwrap();
        }
        let read = MountInfo::of_this_thread().unwrap();
        assert_eq!(MountTree::new(&read).below(dir.path()).count(), 1100);
        if let Some(asked) = asked() {
            assert!(read == asked, "{} and {}", read.len(), asked.len());
        }
        unmount(dir.path(), UnmountFlags::DETACH).unwrap();
    });
}

/// Has this thread have a root of its own.
#[allow(deprecated, reason = "of a thread that ends, and whose descriptors are not unshared")]
fn own_root() {
    rustix::thread::unshare(rustix::thread::UnshareFlags::FS).unwrap();
}

/// The same of mounts.
#[allow(deprecated, reason = "of a thread that ends, and whose descriptors are not unshared")]
fn own_mounts() {
    rustix::thread::unshare(rustix::thread::UnshareFlags::NEWNS).unwrap();
}

#[test]
fn another_namespace_is_listed_from_its_top() {
    needs!(root);
    isolated(|| {
        let dir = Scratch::new();
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
        for denied in ["kcmp", "statmount", "listmount=EPERM"] {
            thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    own_mounts();
                    tmpfs(dir.path(), OsStr::new("of the other"));
                    (File::open("/proc/thread-self/ns/mnt").unwrap(), MountInfo::of_this_thread().unwrap())
                });
                let (namespace, theirs) = thread.join().unwrap();
                let thread = scope.spawn(move || {
                    needs::deny(&denied.parse().unwrap()).unwrap();
                    MountInfo::of_namespace(&namespace).unwrap()
                });
                let listed = thread.join().unwrap();
                assert_eq!(listed, theirs, "{denied}");
                assert!(listed.iter().any(|mount| mount.source == "of the other"));
            });
        }
        let ours = MountInfo::of_this_thread().unwrap();
        assert!(ours.iter().all(|mount| mount.source != "of the other"));
        for wrong in ["/proc/self/ns/net", "/proc/self/status"] {
            let error = MountInfo::of_namespace(File::open(wrong).unwrap().as_fd()).unwrap_err();
            assert_eq!((error.kind(), error.hint().is_some()), (ErrorKind::Invalid, true), "{error:?}");
        }
    });
}

#[test]
fn a_process_has_its_own_table() {
    isolated(|| {
        let own = MountInfo::of_process(std::process::id()).unwrap();
        assert_eq!(own, MountInfo::of_this_thread().unwrap());
        let error = MountInfo::of_process(u32::MAX).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    });
}

#[test]
fn a_watch_tells_each_change_once() {
    needs!(root);
    isolated(|| {
        let dir = Scratch::new();
        let watch = MountWatch::of_this_thread().unwrap();
        let now = || watch.wait(Some(Duration::ZERO)).unwrap();
        assert!(!now());
        tmpfs(dir.path(), OsStr::new("new"));
        assert!(now() && !now());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| watch.wait(None).unwrap());
            unmount(dir.path(), UnmountFlags::DETACH).unwrap();
            assert!(waiting.join().unwrap());
        });
    });
}
