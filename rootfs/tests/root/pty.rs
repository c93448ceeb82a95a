// SPDX-License-Identifier: MIT OR Apache-2.0
//! Terminals in a devpts that is given.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use needs::{Scratch, isolated, needs};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};
use rustix::termios::{LocalModes, tcgetattr};
use skep_rootfs::{Pty, RawMode};

/// A devpts of its own, and the directory that it is mounted on.
fn devpts() -> Scratch {
    let dir = Scratch::new();
    mount("devpts", dir.path(), "devpts", MountFlags::empty(), Some(c"newinstance,ptmxmode=0666,max=2")).unwrap();
    dir
}

#[test]
fn a_terminal_is_made_in_the_devpts_that_is_given() {
    needs!(root, syscall("statx"));
    isolated(|| {
        let dir = devpts();
        let pty = Pty::open_in(File::open(dir.path()).unwrap()).unwrap();
        assert_eq!(pty.number().unwrap(), 0);
        let peer = File::from(pty.peer().unwrap());
        assert_eq!(peer.metadata().unwrap().ino(), fs::metadata(dir.join("0")).unwrap().ino());
        assert_eq!(peer.metadata().unwrap().dev(), fs::metadata(dir.path()).unwrap().dev());
        assert_eq!(pty.size().unwrap(), (0, 0));
        pty.resize(24, 80).unwrap();
        assert_eq!(pty.size().unwrap(), (24, 80));
        (&peer).write_all(b"shown").unwrap();
        let mut shown = [0; 5];
        let mut main = File::from(OwnedFd::from(pty));
        main.read_exact(&mut shown).unwrap();
        assert_eq!(&shown, b"shown");
        // As many as it may have.
        let place = File::open(dir.path()).unwrap();
        let second = Pty::open_in(&place).unwrap();
        assert_eq!(second.number().unwrap(), 1);
        assert_eq!(Pty::open_in(&place).unwrap_err().errno(), Some(28));
        drop((main, peer, second, place));
        unmount(dir.path(), UnmountFlags::empty()).unwrap();
    });
}

/// CVE-2025-52565: what is laid where a terminal is made.
#[test]
fn what_lies_over_ptmx_or_is_no_devpts_is_refused() {
    needs!(root, syscall("statx"));
    isolated(|| {
        let dir = devpts();
        let other = devpts();
        let place = File::open(dir.path()).unwrap();
        for over in [other.join("ptmx"), "/dev/null".into()] {
            mount_bind(&over, dir.join("ptmx")).unwrap();
            // The naive way opens it.
            assert!(fs::OpenOptions::new().read(true).write(true).open(dir.join("ptmx")).is_ok());
            let error = Pty::open_in(&place).unwrap_err();
            assert_eq!(error.problems(), ["something lies over its ptmx"]);
            unmount(dir.join("ptmx"), UnmountFlags::empty()).unwrap();
        }
        assert!(Pty::open_in(&place).is_ok());
        let none = Scratch::new();
        mount("tmpfs", none.path(), "tmpfs", MountFlags::empty(), None::<&CStr>).unwrap();
        fs::write(none.join("ptmx"), "").unwrap();
        let error = Pty::open_in(File::open(none.path()).unwrap()).unwrap_err();
        assert_eq!(error.problems(), ["it is no devpts"]);
        drop(place);
        for dir in [dir, other, none] {
            unmount(dir.path(), UnmountFlags::empty()).unwrap();
        }
    });
}

#[test]
fn raw_mode_ends_with_its_guard() {
    needs!(root, syscall("statx"));
    isolated(|| {
        let dir = devpts();
        let pty = Pty::open_in(File::open(dir.path()).unwrap()).unwrap();
        let peer = pty.peer().unwrap();
        let is_raw = || !tcgetattr(&peer).unwrap().local_modes.contains(LocalModes::ICANON);
        assert!(!is_raw());
        let raw = RawMode::begin(&peer).unwrap();
        assert!(is_raw());
        raw.end().unwrap();
        assert!(!is_raw());
        {
            let _raw = RawMode::begin(&peer).unwrap();
            assert!(is_raw());
        }
        assert!(!is_raw());
        let error = RawMode::begin(File::open("/dev/null").unwrap()).unwrap_err();
        assert_eq!(error.errno(), Some(25));
        drop((pty, peer));
        unmount(dir.path(), UnmountFlags::empty()).unwrap();
    });
}
