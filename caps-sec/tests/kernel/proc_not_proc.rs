// SPDX-License-Identifier: MIT OR Apache-2.0
//! A /proc that is not the kernel's, or that somebody has mounted over a part of: nothing is written there, where a naive
//! writer writes it (CVE-2019-16884, CVE-2019-19921, CVE-2025-52881).

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use needs::{Scratch, isolated, needs};
use skep_caps_sec::floor::procfs::{self, FOREIGN};
use skep_caps_sec::{Label, LabelOf};

use super::support::on_a_thread;

/// In a mount namespace of the test's own, which `isolated` gives to root.
fn mount(arguments: &[&str]) {
    assert!(Command::new("mount").args(arguments).status().unwrap().success(), "mount {arguments:?}");
}

/// Not by umount(8), which looks into /proc.
pub(super) fn umount(path: &str) {
    let path = CString::new(path).unwrap();
    // SAFETY: the kernel reads a live string that ends in NUL.
    assert_eq!(unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) }, 0);
}

const SCORE: &str = "/proc/self/oom_score_adj";

/// What is written is written by the naive one, and not by ours.
fn refused(trap: &Path) {
    fs::write(trap, "untouched").unwrap();
    fs::write(SCORE, "5").unwrap();
    assert_eq!(
        fs::read_to_string(trap).unwrap().trim(),
        "5",
        "the naive writer was not trapped: the test tests nothing"
    );
    fs::write(trap, "untouched").unwrap();
    let failure = procfs::write(c"self/oom_score_adj", b"6").unwrap_err();
    assert_eq!((failure.errno.0, failure.part), (18, FOREIGN));
    assert_eq!(fs::read_to_string(trap).unwrap(), "untouched");
}

#[test]
fn a_file_over_the_file_is_not_written() {
    needs!(root);
    isolated(|| {
        let scratch = Scratch::new();
        let trap = scratch.join("trap");
        fs::write(&trap, "").unwrap();
        let target = format!("/proc/{}/oom_score_adj", std::process::id());
        mount(&["--bind", trap.to_str().unwrap(), &target]);
        refused(&trap);
        umount(&target);
        procfs::write(c"self/oom_score_adj", b"7").unwrap();
        assert_eq!(fs::read_to_string(SCORE).unwrap().trim(), "7");
        assert_eq!(fs::read_to_string(&trap).unwrap(), "untouched");
    });
}

#[test]
fn another_file_of_the_same_proc_over_the_file_is_not_written() {
    needs!(root);
    isolated(|| {
        // What CVE-2025-52881 does with core_pattern: here it is a harmless file, this process' name.
        let (target, trap) = (format!("/proc/{}/oom_score_adj", std::process::id()), "/proc/self/comm");
        mount(&["--bind", &format!("/proc/{}/comm", std::process::id()), &target]);
        fs::write(SCORE, "naive").unwrap();
        assert_eq!(fs::read_to_string(trap).unwrap(), "naive\n");
        // It is on a procfs, so that asking the file system says nothing.
        let failure = procfs::write(c"self/oom_score_adj", b"6").unwrap_err();
        assert_eq!((failure.errno.0, failure.part), (18, FOREIGN));
        assert_eq!(fs::read_to_string(trap).unwrap(), "naive\n");
        umount(&target);
    });
}

#[test]
fn a_tmpfs_at_proc_is_not_written() {
    needs!(root);
    isolated(|| {
        mount(&["-t", "tmpfs", "tmpfs", "/proc"]);
        fs::create_dir_all("/proc/self").unwrap();
        refused(Path::new(SCORE));
        let label = on_a_thread(|| {
            fs::create_dir_all("/proc/thread-self/attr/apparmor").unwrap();
            fs::write("/proc/thread-self/attr/apparmor/exec", "").unwrap();
            Label::apparmor("web").enter(LabelOf::Program)
        });
        // Whichever way there is, by a system call or a file: no label landed in that file.
        assert!(label.is_err());
        assert_eq!(fs::read_to_string("/proc/thread-self/attr/apparmor/exec").unwrap(), "");
        umount("/proc");
    });
}

#[test]
fn a_directory_of_proc_at_proc_is_not_written() {
    needs!(root);
    isolated(|| {
        let scratch = Scratch::new();
        // A tree of the kernel's own, but not its root: "self" is whatever stands there.
        let own = format!("/proc/{}", std::process::id());
        mount(&["--bind", &own, scratch.path().to_str().unwrap()]);
        mount(&["--rbind", scratch.path().to_str().unwrap(), "/proc"]);
        let failure = procfs::write(c"oom_score_adj", b"6").unwrap_err();
        assert_eq!((failure.errno.0, failure.part), (18, FOREIGN));
        umount("/proc");
        umount(scratch.path().to_str().unwrap());
    });
}

#[test]
fn a_link_at_proc_is_not_followed() {
    needs!(root);
    isolated(|| {
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.join("elsewhere/self")).unwrap();
        fs::write(scratch.join("elsewhere/self/oom_score_adj"), "untouched").unwrap();
        std::os::unix::fs::symlink("elsewhere", scratch.join("proc")).unwrap();
        let root = scratch.path().to_owned();
        let mut command = Command::new("true");
        let lured = move || {
            std::os::unix::fs::chroot(&root)?;
            let written = procfs::write(c"self/oom_score_adj", b"6");
            written.map_err(|failure| io::Error::from_raw_os_error(failure.errno.0.into()))
        };
        // SAFETY: between fork and exec it makes system calls; the string of chroot is short enough for the stack.
        let error = unsafe { command.pre_exec(lured) }.status().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOTDIR));
        assert_eq!(fs::read_to_string(scratch.join("elsewhere/self/oom_score_adj")).unwrap(), "untouched");
    });
}
