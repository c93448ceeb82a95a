// SPDX-License-Identifier: MIT OR Apache-2.0
//! A proc that is believed, on machines whose /proc is somebody else's making.

use std::ffi::CStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use needs::{isolated, needs};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, unmount};
use skep_rootfs::{OpenOptions, Procfs, Root, Whose};

use crate::support::both_ways;

/// What is at /proc, with a mount namespace of its own around it.
fn own_mounts() {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
}

fn comm_of_file(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn a_process_reads_of_itself_and_of_others() {
    both_ways(|| {
        let proc = Procfs::open().unwrap();
        let read = |whose, path: &str| String::from_utf8(proc.read(whose, path).unwrap()).unwrap();
        assert_eq!(read(Whose::Process, "comm"), comm_of_file("/proc/self/comm"));
        assert_eq!(read(Whose::Thread, "comm"), comm_of_file("/proc/thread-self/comm"));
        let own = std::process::id();
        assert_eq!(read(Whose::Pid(own), "comm"), read(Whose::Process, "comm"));
        assert!(read(Whose::Thread, "status").contains(&format!("Tgid:\t{own}\n")));
        let exe = proc.read_link(Whose::Process, "exe").unwrap();
        assert_eq!(exe, std::env::current_exe().unwrap());
        assert!(proc.read_link(Whose::Thread, "ns/mnt").unwrap().to_str().unwrap().starts_with("mnt:["));
        proc.write(Whose::Thread, "comm", "renamed").unwrap();
        assert_eq!(read(Whose::Thread, "comm"), "renamed\n");
        for (path, errno) in [("exe", 40), ("../1/comm", 22), ("/etc/passwd", 22), ("", 22), ("absent", 2)] {
            let error = proc.read(Whose::Process, path).unwrap_err();
            assert_eq!(error.errno(), Some(errno), "{path}");
        }
        assert_eq!(proc.read_link(Whose::Process, "comm").unwrap_err().errno(), Some(2));
        assert_eq!(proc.write(Whose::Process, "oom_score_adj", "5000").unwrap_err().errno(), Some(22));
    });
}

/// CVE-2019-16884, CVE-2025-52881: what is written for a process lands in a file of others, or in another file of proc.
#[test]
fn nothing_is_read_or_written_that_lies_over_a_file_of_proc() {
    needs!(root, syscall("fsopen"));
    both_ways(|| {
        own_mounts();
        let other = std::env::temp_dir().join(format!("{}-fake", needs::token()));
        fs::write(&other, "fake").unwrap();
        let own = std::process::id();
        // A file of others, and another of proc itself: the most that fstatfs alone would believe.
        for over in [other.as_path(), Path::new("/proc/version")] {
            let target = format!("/proc/{own}/comm");
            mount_bind(over, &target).unwrap();
            // The naive look: what is there is a proc, or is a file.
            assert_eq!(fs::read(format!("/proc/{own}/comm")).unwrap(), fs::read(over).unwrap());
            let proc = Procfs::open().unwrap();
            assert!(proc.is_detached());
            assert_ne!(proc.read(Whose::Process, "comm").unwrap(), fs::read(over).unwrap());
            proc.write(Whose::Process, "comm", "true").unwrap();
            // Where neither call for a proc of its own is there, it is seen.
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    needs::deny(&"fsopen,open_tree".parse().unwrap()).unwrap();
                    let proc = Procfs::open().unwrap();
                    assert!(!proc.is_detached());
                    for error in [
                        proc.read(Whose::Process, "comm").unwrap_err(),
                        proc.write(Whose::Process, "comm", "x").unwrap_err(),
                        proc.read(Whose::Pid(own), "comm").unwrap_err(),
                    ] {
                        assert_eq!(error.errno(), Some(18));
                        let said =
                            "what is at /proc is not the kernel's for this pid namespace, or something lies over it";
                        assert_eq!(error.hint(), Some(said));
                    }
                    assert!(proc.read(Whose::Process, "status").is_ok());
                });
            });
            unmount(&target, UnmountFlags::empty()).unwrap();
        }
        assert_eq!(fs::read(&other).unwrap(), b"fake");
        fs::remove_file(other).unwrap();
    });
}

/// A tmpfs with the right names at /proc.
#[test]
fn a_tmpfs_at_proc_is_no_proc() {
    needs!(root, syscall("fsopen"));
    both_ways(|| {
        own_mounts();
        let pid = std::process::id().to_string();
        let root = Root::open("/").unwrap();
        let dir = needs::Scratch::new();
        fs::write(dir.join("file"), "true").unwrap();
        mount("tmpfs", "/proc", "tmpfs", MountFlags::empty(), None::<&CStr>).unwrap();
        fs::create_dir_all(Path::new("/proc").join(&pid).join("attr")).unwrap();
        fs::write(Path::new("/proc").join(&pid).join("attr/exec"), "").unwrap();
        symlink(&pid, "/proc/self").unwrap();
        symlink(&pid, "/proc/thread-self").unwrap();
        // The naive look finds what it looks for.
        assert!(fs::metadata("/proc/self/attr/exec").is_ok());
        let proc = Procfs::open().unwrap();
        assert!(proc.is_detached() && proc.read(Whose::Process, "comm").is_ok());
        // A file of a root is opened again by a proc too.
        assert_eq!(root.read(dir.join("file")).unwrap(), b"true");
        root.open_with(dir.join("file"), &OpenOptions::new().append()).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                needs::deny(&"fsopen,open_tree".parse().unwrap()).unwrap();
                let error = Procfs::open().unwrap_err();
                assert_eq!(error.errno(), Some(18));
                assert_eq!(error.to_string(), "cannot open \"/proc\"");
                assert_eq!(root.read(dir.join("file")).unwrap_err().errno(), Some(18));
            });
        });
        unmount("/proc", UnmountFlags::empty()).unwrap();
    });
}

#[test]
fn an_ordinary_user_has_the_one_that_is_mounted() {
    needs!(user);
    isolated(|| {
        let proc = Procfs::open().unwrap();
        assert!(!proc.is_detached());
        assert!(proc.read(Whose::Process, "status").unwrap().starts_with(b"Name:"));
    });
}

/// What lies at /proc is of the kernel's proc, and another directory of it.
#[test]
fn a_part_of_a_proc_at_proc_is_no_proc() {
    needs!(root);
    both_ways(|| {
        own_mounts();
        let dir = needs::Scratch::new();
        fs::write(dir.join("file"), "true").unwrap();
        let root = Root::open(dir.path()).unwrap();
        for part in ["/proc/sys".to_owned(), format!("/proc/{}", std::process::id())] {
            mount_bind(&part, "/proc").unwrap();
            let refused = std::thread::scope(|scope| {
                let refused = scope.spawn(|| {
                    needs::deny(&"fsopen,open_tree".parse().unwrap()).unwrap();
                    (Procfs::open().map(drop), root.read("file"))
                });
                refused.join().unwrap()
            });
            unmount("/proc", UnmountFlags::empty()).unwrap();
            let errnos = (refused.0.unwrap_err().errno(), refused.1.unwrap_err().errno());
            assert_eq!(errnos, (Some(18), Some(18)), "{part}");
        }
    });
}

/// Whether the proc at /proc is taken for this process's own, and that of its own is right anyhow.
fn is_taken() -> bool {
    let own = Procfs::open().unwrap().read(Whose::Pid(std::process::id()), "comm").unwrap();
    assert_eq!(own, Procfs::open().unwrap().read(Whose::Process, "comm").unwrap());
    let taken = std::thread::scope(|scope| {
        let opened = scope.spawn(|| {
            needs::deny(&"fsopen,open_tree".parse().unwrap()).unwrap();
            Procfs::open()
        });
        opened.join().unwrap()
    });
    assert!(taken.is_ok() || taken.as_ref().unwrap_err().errno() == Some(18), "{taken:?}");
    taken.is_ok()
}

/// The half of the test below that runs in the new namespace.
#[test]
fn sample_in_another_pid_namespace() {
    if std::env::var_os("SKEP_SAMPLE").is_some() {
        assert_ne!(fs::read_link("/proc/self").unwrap(), Path::new(&std::process::id().to_string()));
        assert!(!is_taken());
    }
}

/// In a new pid namespace where /proc is still the machine's: its numbers are those of other processes.
#[test]
fn a_proc_of_another_pid_namespace_is_refused() {
    needs!(root, program("unshare"), syscall("fsopen"));
    isolated(|| {
        assert!(is_taken());
        let mut inside = std::process::Command::new("unshare");
        inside.args(["--pid", "--fork", "--"]).arg(std::env::current_exe().unwrap());
        inside.args(["procfs::sample_in_another_pid_namespace", "--exact", "--nocapture"]).env("SKEP_SAMPLE", "1");
        let output = inside.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    });
}
