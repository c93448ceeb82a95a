// SPDX-License-Identifier: MIT OR Apache-2.0
//! Trees that are copied.

use std::ffi::CStr;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use needs::{Scratch, isolated, isolated_for, needs};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, XattrFlags, lgetxattr, linkat, lsetxattr, mkdirat, openat};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::process::{Resource, Rlimit, setrlimit};
use skep_rootfs::{Node, Root, TreeCopy};

use crate::support::{both_ways, errno};

fn scratch() -> (Scratch, Root) {
    let dir = Scratch::new();
    fs::create_dir_all(dir.join("root/from/inner")).unwrap();
    fs::write(dir.join("root/from/inner/file"), "content").unwrap();
    let root = Root::open(dir.join("root")).unwrap();
    (dir, root)
}

/// What a tree is: each path with kind, mode, owner, time, size, links and content.
fn told(dir: &Path) -> Vec<String> {
    fn tell(dir: &Path, top: &Path, all: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let found = fs::symlink_metadata(&path).unwrap();
            let holds = match found.file_type() {
                is if is.is_symlink() => format!("{:?}", fs::read_link(&path).unwrap()),
                is if is.is_file() => format!("{} bytes, {:?}", found.len(), fs::read(&path).unwrap().get(..20)),
                _ => String::new(),
            };
            let time = (found.mtime(), found.mtime_nsec());
            let what = (found.mode(), found.uid(), found.gid(), found.rdev(), time);
            let links = if found.is_dir() { 0 } else { found.nlink() };
            all.push(format!("{:?} {what:?} {links} {holds}", path.strip_prefix(top).unwrap()));
            if found.is_dir() {
                tell(&path, top, all);
            }
        }
    }
    let mut all = Vec::new();
    tell(dir, dir, &mut all);
    all.sort();
    all
}

fn xattr(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut value = vec![0_u8; 256];
    let len = lgetxattr(path, name, value.as_mut_slice()).ok()?;
    Some(value.get(..len).unwrap().to_vec())
}

#[test]
fn a_copy_is_what_it_was_copied_from() {
    needs!(syscall("statx"));
    both_ways(|| {
        let (dir, root) = scratch();
        let from = dir.join("root/from");
        symlink("/nowhere", from.join("link")).unwrap();
        fs::hard_link(from.join("inner/file"), from.join("again")).unwrap();
        fs::write(from.join(std::ffi::OsStr::from_bytes(b"\xff\n\\ name")), vec![7; 100_000]).unwrap();
        root.device("from/pipe", Node::Pipe, 0o640).unwrap();
        std::os::unix::net::UnixListener::bind(from.join("socket")).unwrap();
        root.set_mode("from/inner/file", 0o4755).unwrap();
        root.set_mode("from/inner", 0o2550).unwrap();
        let then = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 7);
        for path in ["from/inner/file", "from/inner", "from/pipe"] {
            root.set_times(path, Some(then), Some(then)).unwrap();
        }
        let copied = TreeCopy::new().copy(&root, "from", &root, "to").unwrap().whole().unwrap();
        assert_eq!((copied.files, copied.directories, copied.others, copied.hard_links), (2, 2, 3, 1));
        assert_eq!(told(&dir.join("root/to")), told(&from));
        let (one, other) = (root.metadata("to/again").unwrap(), root.metadata("to/inner/file").unwrap());
        assert_eq!(one.ino(), other.ino());
        assert_ne!(one.ino(), root.metadata("from/again").unwrap().ino());
        // One's own has no bits of somebody else's.
        TreeCopy::new().own().copy(&root, "from", &root, "own").unwrap().whole().unwrap();
        assert_eq!(root.metadata("own/inner/file").unwrap().mode() & 0o7777, 0o755);
        assert_eq!(errno(TreeCopy::new().copy(&root, "from", &root, "to")), Some(17));
        assert_eq!(errno(TreeCopy::new().copy(&root, "absent", &root, "x")), Some(2));
        assert_eq!(errno(TreeCopy::new().copy(&root, "from/link", &root, "x")), Some(2));
        root.set_mode("from/inner", 0o755).unwrap();
        root.remove_dir_all("to").unwrap();
        root.remove_dir_all("own").unwrap();
    });
}

#[test]
fn holes_stay_holes() {
    needs!(syscall("statx"));
    isolated(|| {
        let (dir, root) = scratch();
        let file = fs::File::create(dir.join("root/from/sparse")).unwrap();
        file.set_len(64 << 20).unwrap();
        file.write_all_at(b"data", 32 << 20).unwrap();
        file.write_all_at(b"end", (64 << 20) - 3).unwrap();
        // As the kernel does it, and where it may not.
        for (denied, to) in [("kcmp", "to"), ("copy_file_range", "through-memory")] {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    needs::deny(&denied.parse().unwrap()).unwrap();
                    TreeCopy::new().copy(&root, "from", &root, to).unwrap().whole().unwrap();
                });
            });
            let copy = fs::File::open(dir.join("root").join(to).join("sparse")).unwrap();
            let found = copy.metadata().unwrap();
            assert_eq!(found.len(), 64 << 20);
            assert!(found.blocks() * 512 < 1 << 20, "{} blocks", found.blocks());
            let mut said = [0; 4];
            copy.read_exact_at(&mut said, 32 << 20).unwrap();
            assert_eq!(&said, b"data");
        }
    });
}

#[test]
fn owners_capabilities_and_devices_are_copied_by_root() {
    needs!(root, syscall("statx"));
    both_ways(|| {
        let (dir, root) = scratch();
        let file = dir.join("root/from/inner/file");
        root.device("from/null", Node::Character { major: 1, minor: 3 }, 0o666).unwrap();
        root.device("from/whiteout", Node::Character { major: 0, minor: 0 }, 0o600).unwrap();
        symlink("x", dir.join("root/from/link")).unwrap();
        std::os::unix::fs::lchown(dir.join("root/from/link"), Some(7), Some(8)).unwrap();
        root.set_owner("from/inner/file", Some(4711), Some(815)).unwrap();
        root.set_owner("from/null", Some(4711), None).unwrap();
        // cap_net_bind_service=ep, capabilities(7): VFS_CAP_REVISION_2 and the effective bit.
        let capability: Vec<u8> =
            [0x0200_0001_u32, 1 << 10, 0, 0, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
        lsetxattr(&file, "security.capability", &capability, XattrFlags::empty()).unwrap();
        lsetxattr(dir.join("root/from/inner"), "trusted.overlay.opaque", b"y", XattrFlags::empty()).unwrap();
        root.set_mode("from/inner/file", 0o755).unwrap();
        assert_eq!(xattr(&file, "security.capability"), Some(capability.clone()));
        TreeCopy::new().copy(&root, "from", &root, "to").unwrap().whole().unwrap();
        assert_eq!(told(&dir.join("root/to")), told(&dir.join("root/from")));
        assert!(root.metadata("to/null").unwrap().file_type().is_char_device());
        assert_eq!(xattr(&dir.join("root/to/inner/file"), "security.capability"), Some(capability));
        assert_eq!(xattr(&dir.join("root/to/inner"), "trusted.overlay.opaque").as_deref(), Some(&b"y"[..]));
    });
}

#[test]
fn what_is_not_copied_is_listed() {
    needs!(root, syscall("statx"));
    isolated(|| {
        let (dir, root) = scratch();
        for name in ["mounted", "inner/to"] {
            fs::create_dir_all(dir.join("root/from").join(name)).unwrap();
        }
        let target = dir.join("root/from/mounted");
        mount("tmpfs", &target, "tmpfs", MountFlags::empty(), None::<&CStr>).unwrap();
        fs::write(target.join("file"), "").unwrap();
        let copied = TreeCopy::new().copy(&root, "from", &root, "from/inner/to/itself").unwrap();
        let mut said: Vec<_> = copied.refused.iter().map(ToString::to_string).collect();
        said.sort();
        assert_eq!(
            said,
            [
                "\"inner/to/itself\": copying it into itself: Invalid argument (EINVAL)",
                "\"mounted\": crossing into what is mounted there: Cross-device link (EXDEV)"
            ]
        );
        let error = copied.whole().unwrap_err();
        assert_eq!((error.to_string().as_str(), error.errno().is_some()), ("cannot copy all of the tree", true));
        assert!(root.exists("from/inner/to/itself/inner/file").unwrap());
        unmount(&target, UnmountFlags::empty()).unwrap();
    });
}

#[test]
fn a_user_is_told_what_could_not_be_kept() {
    needs!(user, syscall("statx"), file("/etc/pam.d"));
    let (_dir, root) = scratch();
    let etc = Root::open("/etc").unwrap();
    let copied = TreeCopy::new().copy(&etc, "pam.d", &root, "to").unwrap();
    assert!(copied.files > 0);
    assert!(copied.refused.iter().all(|refused| refused.what == "setting its owner" && refused.errno == 1));
    assert_eq!(copied.refused.len() as u64 + copied.unlisted, copied.files + copied.directories + copied.others);
    TreeCopy::new().own().copy(&etc, "pam.d", &root, "own").unwrap().whole().unwrap();
}

#[test]
fn a_tree_may_be_deeper_than_a_path_is_long() {
    needs!(syscall("statx"));
    isolated_for(Duration::from_secs(120), || {
        let (dir, root) = scratch();
        setrlimit(Resource::Nofile, Rlimit { current: Some(32), maximum: Some(32) }).unwrap();
        let open = |at: &std::os::fd::OwnedFd, name: &str| {
            openat(at, name, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut here = openat(CWD, dir.join("root/from"), flags, Mode::empty()).unwrap();
        for _ in 0..3000 {
            mkdirat(&here, "deep", Mode::RWXU).unwrap();
            here = open(&here, "deep");
        }
        drop(here);
        let copied = TreeCopy::new().copy(&root, "from", &root, "to").unwrap().whole().unwrap();
        assert_eq!(copied.directories, 3002);
        assert_eq!(root.remove_tree("to").unwrap().names, 3003);
        root.remove_dir_all("from").unwrap();
    });
}

/// What is told of 1,200 refusals 240,000 bytes deep does not take the machine's memory.
#[test]
fn a_deep_tree_does_not_make_a_long_answer() {
    needs!(user, syscall("statx"));
    isolated_for(Duration::from_secs(300), || {
        let (dir, root) = scratch();
        let name = "n".repeat(200);
        let directory =
            |at: &dyn AsFd, name: &str| openat(at.as_fd(), name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        let mut here = directory(&CWD, dir.join("root/from").to_str().unwrap()).unwrap();
        for _ in 0..1200 {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
            drop(openat(&here, "shut", flags, Mode::empty()).unwrap());
            drop(openat(&here, "open", flags, Mode::RUSR | Mode::WUSR).unwrap());
            linkat(&here, "open", &here, "again", AtFlags::empty()).unwrap();
            mkdirat(&here, &name, Mode::RWXU).unwrap();
            here = directory(&here, &name).unwrap();
        }
        let copied = TreeCopy::new().copy(&root, "from", &root, "to").unwrap();
        assert_eq!((copied.refused.len(), copied.unlisted, copied.hard_links), (1000, 200, 1200));
        let paths = copied.refused.iter().map(|refused| refused.path.as_os_str());
        let longest = paths.max_by_key(|path| path.len()).unwrap();
        assert!(longest.len() < 4100 && longest.as_bytes().starts_with("…/nnn".as_bytes()), "{}", longest.len());
        let error = copied.whole().unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().ends_with("\nand 200 more"), "{error:?}");
        root.remove_dir_all("to").unwrap();
        root.remove_dir_all("from").unwrap();
    });
}
