// SPDX-License-Identifier: MIT OR Apache-2.0
//! The walk and openat2 mean the same by a path, whatever the tree; and neither is led out while names are exchanged.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use needs::{Scratch, isolated_for, needs};
use proptest::prelude::*;
use rustix::fs::{AtFlags, CWD, RenameFlags, StatxFlags, renameat_with, statx};
use skep_rootfs::Root;
use skep_rootfs::floor::resolve::{Links, place, walk};
use skep_rootfs::floor::{Errno, Fd};

/// What is put into a tree.
#[derive(Debug, Clone)]
enum Entry {
    Directory,
    File,
    Link(String),
}

/// A path of few names, so that it often leads somewhere, with all that makes paths odd.
fn a_path() -> impl Strategy<Value = String> {
    let name =
        prop_oneof![4 => "[abc]", 2 => Just("..".to_owned()), 1 => Just(".".to_owned()), 1 => Just(String::new())];
    let names = proptest::collection::vec(name, 1..7);
    (any::<bool>(), names, any::<bool>()).prop_map(|(absolute, names, slash)| {
        format!("{}{}{}", if absolute { "/" } else { "" }, names.join("/"), if slash { "/" } else { "" })
    })
}

fn an_entry() -> impl Strategy<Value = (String, Entry)> {
    let entry = prop_oneof![
        3 => Just(Entry::Directory),
        1 => Just(Entry::File),
        3 => a_path().prop_map(Entry::Link),
    ];
    (proptest::collection::vec("[abc]", 1..4).prop_map(|names| names.join("/")), entry)
}

/// What a descriptor is open on: file system and number.
fn identity(found: Result<Fd, Errno>) -> Result<(u64, u64), Errno> {
    found.map(|fd| {
        let found = fs::metadata(format!("/proc/self/fd/{}", fd.number())).unwrap();
        (found.dev(), found.ino())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(needs::rounds(200)) })]

    #[test]
    fn walk_and_openat2_find_the_same(
        entries in proptest::collection::vec(an_entry(), 0..14),
        paths in proptest::collection::vec(a_path(), 12),
    ) {
        needs!(syscall("openat2"));
        let (_dir, top) = tree_of(entries);
        let root = fs::File::open(&top).unwrap();
        let root = std::os::fd::AsRawFd::as_raw_fd(&root);
        for path in paths {
            let text = CString::new(path.clone()).unwrap();
            for links in [Links::Follow, Links::Refuse] {
                let found = identity(place(root, &text, links));
                prop_assert_eq!(identity(walk(root, &text, links)), found, "{:?} {:?}", path, links);
            }
        }
    }

    #[test]
    fn both_find_what_a_process_finds_whose_root_it_is(
        entries in proptest::collection::vec(an_entry(), 0..14),
        paths in proptest::collection::vec(a_path(), 12),
    ) {
        needs!(root, syscall("statx"));
        let (_dir, top) = tree_of(entries);
        let root = fs::File::open(&top).unwrap();
        let root = std::os::fd::AsRawFd::as_raw_fd(&root);
        for path in paths {
            let text = CString::new(path.clone()).unwrap();
            let found = found_in_chroot(&top, &path);
            prop_assert_eq!(identity(place(root, &text, Links::Follow)), found, "{:?}", path);
            prop_assert_eq!(identity(walk(root, &text, Links::Follow)), found, "{:?}", path);
        }
    }
}

#[test]
fn the_walk_goes_as_far_as_the_kernel_and_no_farther() {
    needs!(syscall("openat2"));
    isolated_for(std::time::Duration::from_secs(120), || {
        let dir = Scratch::new();
        let top = dir.join("root");
        fs::create_dir_all(top.join("a/b/c")).unwrap();
        symlink("a", top.join("link-0")).unwrap();
        for number in 1..45 {
            symlink(format!("link-{}", number - 1), top.join(format!("link-{number}"))).unwrap();
        }
        symlink(format!("{}b", "./".repeat(2040)), top.join("a/long")).unwrap();
        let root = fs::File::open(&top).unwrap();
        let root = std::os::fd::AsRawFd::as_raw_fd(&root);
        let up = |many| format!("a/b/c/{}a/b", "../".repeat(many));
        let paths = [
            "link-39".to_owned(),
            "link-40".to_owned(),
            "link-38/b/../../link-0".to_owned(),
            "link-38/b/../../link-1".to_owned(),
            up(2),
            up(3),
            up(1000),
            format!("{}a", "a/../".repeat(600)),
            format!("{}a", "a/./../".repeat(500)),
            format!("{}a/long/c", "./".repeat(2000)),
            format!("{}a", "./".repeat(2047)),
            format!("{}aa", "./".repeat(2047)),
            "a/b/c/../..".to_owned(),
            "a/b/../../".to_owned(),
            "a/b/.././..//..".to_owned(),
            "..".to_owned(),
            "a/b/c/../../nothing".to_owned(),
            format!("a/{}", "n".repeat(255)),
            format!("a/{}", "n".repeat(256)),
        ];
        for path in paths {
            let text = CString::new(path.clone()).unwrap();
            let found = identity(place(root, &text, Links::Follow));
            assert_eq!(identity(walk(root, &text, Links::Follow)), found, "{path:?}");
        }
    });
}

/// A directory, and a root in it that has these entries.
fn tree_of(entries: Vec<(String, Entry)>) -> (Scratch, PathBuf) {
    let dir = Scratch::new();
    let top = dir.join("top/root");
    fs::create_dir_all(&top).unwrap();
    // Outside are the same names, for a way out to be seen.
    for name in ["top/a", "top/b/c", "a/b", "c"] {
        fs::create_dir_all(dir.join(name)).unwrap();
    }
    for (path, entry) in entries {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", &path));
        // What does not fit to what is there already is left out. Above it no link is followed: it may lead to the machine.
        let Some(above) = directories_of(&top, above) else { continue };
        let path = above.join(name);
        let done = match entry {
            Entry::Directory => fs::create_dir(path),
            Entry::File => fs::OpenOptions::new().write(true).create_new(true).open(path).map(drop),
            Entry::Link(to) => symlink(to, path),
        };
        drop(done);
    }
    (dir, top)
}

/// The directory at `path` below `top`, made with those above it; none where something else has one of the names.
fn directories_of(top: &Path, path: &str) -> Option<PathBuf> {
    path.split('/').filter(|name| !name.is_empty()).try_fold(top.to_owned(), |above, name| {
        let here = above.join(name);
        drop(fs::create_dir(&here));
        fs::symlink_metadata(&here).is_ok_and(|found| found.is_dir()).then_some(here)
    })
}

/// What a process finds whose root it is, by the kernel's own resolution of the path: a thread does that has called chroot.
fn found_in_chroot(top: &Path, path: &str) -> Result<(u64, u64), Errno> {
    thread::scope(|scope| {
        let life = scope.spawn(|| {
            // The thread's own from here on: root and working directory are a process's otherwise.
            skep_rootfs::floor::sys::unshare_mounts().unwrap();
            rustix::process::chroot(top).unwrap();
            rustix::process::chdir("/").unwrap();
            let found = statx(CWD, path, AtFlags::empty(), StatxFlags::INO);
            found.map(|found| (rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor), found.stx_ino))
        });
        let found = life.join().unwrap();
        found.map_err(|errno| Errno(u16::try_from(errno.raw_os_error()).unwrap()))
    })
}

/// All that is below a directory, by mount and number, and itself.
fn all_of(dir: &Path) -> BTreeSet<(u64, u64)> {
    let mut all = BTreeSet::from([number_of(CWD, dir, AtFlags::SYMLINK_NOFOLLOW)]);
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            all.append(&mut all_of(&entry.path()));
        } else {
            all.insert(number_of(CWD, &entry.path(), AtFlags::SYMLINK_NOFOLLOW));
        }
    }
    all
}

fn number_of(at: impl std::os::fd::AsFd, path: &Path, flags: AtFlags) -> (u64, u64) {
    let wanted = StatxFlags::INO | StatxFlags::MNT_ID;
    let found = statx(at, path.as_os_str().as_bytes(), flags, wanted).unwrap();
    (found.stx_mnt_id, found.stx_ino)
}

/// Opens paths of a root while what they go through is exchanged for a link that leads out, and moved out itself.
fn race() {
    let dir = Scratch::new();
    for name in ["root/a/b/c", "root/canary", "outside/b/c", "outside/canary", "canary"] {
        fs::create_dir_all(dir.join(name)).unwrap();
    }
    symlink("../../outside", dir.join("root/a/link")).unwrap();
    let root = Root::open(dir.join("root")).unwrap();
    // What ever is in the root: the directory that is moved in for the one that is moved out too.
    let mut inside = all_of(&dir.join("root"));
    inside.append(&mut all_of(&dir.join("outside/b")));
    let stop = AtomicBool::new(false);
    let (mut found, mut refused, mut led_out) = (0, 0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let exchange = |one: &str, other: &str| {
                renameat_with(CWD, dir.join(one), CWD, dir.join(other), RenameFlags::EXCHANGE).unwrap();
            };
            while !stop.load(Ordering::Relaxed) {
                exchange("root/a/b", "root/a/link");
                exchange("root/a/b", "root/a/link");
                exchange("root/a/b", "outside/b");
            }
        });
        // Until whoever believes a path was led out some times, else nothing was raced; and then as often as is asked for.
        for round in 0..1_000_000 {
            if round >= needs::rounds(2000) && led_out >= 10 {
                break;
            }
            for path in
                ["a/b/c", "a/b/canary", "a/b/../../../canary", "a/b/c/../../../../canary", "a/link/../../canary"]
            {
                match root.open_path(path) {
                    Ok(fd) => {
                        let number = number_of(&fd, Path::new(""), AtFlags::EMPTY_PATH);
                        assert!(inside.contains(&number), "{path} leads out");
                        found += 1;
                    }
                    Err(_) => refused += 1,
                }
            }
            // Whoever believes the path as it is.
            let wanted = StatxFlags::INO | StatxFlags::MNT_ID;
            if let Ok(seen) = statx(CWD, dir.join("root/a/b/canary").as_os_str().as_bytes(), AtFlags::empty(), wanted) {
                led_out += usize::from(!inside.contains(&(seen.stx_mnt_id, seen.stx_ino)));
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let counts = format!("{found} found, {refused} refused, {led_out} led out");
    assert!(found > 0 && refused > 0 && led_out > 0, "{counts}: nothing was raced");
}

/// mount-race: CVE-2021-30465, CVE-2024-45310.
#[test]
fn nothing_outside_is_found_while_names_are_exchanged() {
    needs!(syscall("statx"));
    isolated_for(std::time::Duration::from_secs(120), race);
}

#[test]
fn nothing_outside_is_found_by_the_walk_while_names_are_exchanged() {
    needs!(syscall("statx"));
    isolated_for(std::time::Duration::from_secs(120), || {
        needs::deny(&"openat2".parse().unwrap()).unwrap();
        race();
    });
}
