// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files with a file system in them.

use std::fs;
use std::path::Path;
use std::process::Command;

use needs::{isolated, needs};
use skep_rootfs::{Disk, Mounts, NewNamespaces, Prepared, Setting, Steps};

use crate::support::{Tree, live_prepared};

/// A file of 2 MiB with an ext4 in it, which begins after `offset` bytes.
fn ext4(tree: &Tree, offset: u64) -> std::path::PathBuf {
    let path = tree.beside(&format!("disk-{offset}"));
    fs::File::create(&path).unwrap().set_len((2 << 20) + offset).unwrap();
    let offset = format!("offset={offset}");
    let made = Command::new("mkfs.ext4").args(["-q", "-F", "-E", &offset]).arg(&path).arg("2048k").output().unwrap();
    assert!(made.status.success(), "{made:?}");
    path
}

fn prepared(tree: &Tree, disk: Disk) -> Result<Prepared, skep_rootfs::Error> {
    Steps::new(Some(&tree.spec()), &Mounts::new().add(disk), Setting::default()).prepare(NewNamespaces::Mounts)
}

/// The loop devices that show a file.
fn loops(path: &Path) -> Vec<String> {
    let backing = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("loop/backing_file")).ok();
    let shown = fs::read_dir("/sys/block").unwrap().filter_map(|entry| backing(entry.unwrap()));
    shown.filter(|shown| shown.trim().ends_with(path.file_name().unwrap().to_str().unwrap())).collect()
}

#[track_caller]
fn assert_freed(path: &Path) {
    // The kernel frees a device when whoever had it open last is quite gone.
    for _ in 0..1000 {
        if loops(path).is_empty() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{path:?} is still shown by {:?}", loops(path));
}

#[test]
fn a_file_is_mounted_and_its_loop_device_freed_with_it() {
    needs!(root, file("/dev/loop-control"), program("mkfs.ext4"), syscall("fsopen"), syscall("move_mount"));
    isolated(|| {
        let tree = Tree::new();
        for offset in [0, 1 << 20] {
            let path = ext4(&tree, offset);
            let disk = || Disk::new(&path, "ext4", "/data").part(offset, 2 << 20).direct_io();
            let writable = prepared(&tree, disk()).unwrap();
            assert_eq!(loops(&path).len(), 1);
            live_prepared(&writable, |view| {
                assert_eq!(view.at("/data").kind, "ext4");
                assert_eq!(view.at("/data").attributes(), "rw,nosuid,nodev");
                fs::write("/data/file", "kept").unwrap();
            })
            .unwrap();
            drop(writable);
            assert_freed(&path);
            let read_only = prepared(&tree, disk().read_only().noexec()).unwrap();
            live_prepared(&read_only, |view| {
                assert_eq!(fs::read_to_string("/data/file").unwrap(), "kept");
                assert_eq!(fs::write("/data/file", "").unwrap_err().raw_os_error(), Some(30));
                assert_eq!(view.at("/data").attributes(), "ro,nosuid,nodev,noexec");
            })
            .unwrap();
            drop(read_only);
            assert_freed(&path);
            // Prepared, and never attached.
            drop(prepared(&tree, disk()).unwrap());
            assert_freed(&path);
        }
    });
}

#[test]
fn many_at_a_time_each_find_a_device_of_their_own() {
    needs!(root, file("/dev/loop-control"), program("mkfs.ext4"), syscall("fsopen"));
    isolated(|| {
        let tree = Tree::new();
        let paths: Vec<_> = (0..8).map(|at| ext4(&tree, at * 512)).collect();
        std::thread::scope(|scope| {
            for (at, path) in (0..).zip(&paths) {
                let tree = &tree;
                scope.spawn(move || {
                    drop(prepared(tree, Disk::new(path, "ext4", "/data").part(at * 512, None).read_only()).unwrap());
                });
            }
        });
        paths.iter().for_each(|path| assert_freed(path));
    });
}

#[test]
fn what_is_no_file_system_is_told_with_the_kernel_s_own_words() {
    needs!(root, file("/dev/loop-control"), program("mkfs.ext4"), syscall("fsopen"));
    isolated(|| {
        let tree = Tree::new();
        let path = ext4(&tree, 0);
        let why = |disk: Disk| {
            let error = prepared(&tree, disk).unwrap_err();
            std::error::Error::source(&error).unwrap().to_string()
        };
        let unknown = why(Disk::new(&path, "ext4", "/data").options("no_such_option"));
        assert!(unknown.contains("no_such_option"), "{unknown}");
        let none = why(Disk::new(&path, "nosuchfs", "/data"));
        assert_eq!(none, "the kernel knows no file system \"nosuchfs\": No such device (ENODEV)");
        fs::write(tree.beside("zeros"), vec![0; 1 << 20]).unwrap();
        let zeros = why(Disk::new(tree.beside("zeros"), "ext4", "/data"));
        assert!(zeros.ends_with("(EINVAL)"), "{zeros}");
        assert_freed(&path);
        assert_freed(&tree.beside("zeros"));
    });
}
