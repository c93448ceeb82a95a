// SPDX-License-Identifier: MIT OR Apache-2.0
//! Adding processes.

use std::os::fd::AsFd;

use needs::{isolated, needs};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use skep_cgroup::ErrorKind;

use crate::support::{create, end, sleeper};

fn pidfd(child: &std::process::Child) -> std::os::fd::OwnedFd {
    pidfd_open(Pid::from_raw(child.id().try_into().unwrap()).unwrap(), PidfdFlags::empty()).unwrap()
}

#[test]
fn a_process_is_added_to_every_directory_by_its_pidfd() {
    needs!(root, syscall("pidfd_open"));
    isolated(|| {
        let group = create("pidfd");
        let child = sleeper();
        group.add_pidfd(pidfd(&child)).unwrap();
        for directory in group.directories() {
            assert_eq!(crate::support::read(directory.join("cgroup.procs")), child.id().to_string(), "{directory:?}");
        }
        end(child);
    });
}

#[test]
fn who_has_ended_and_what_is_no_pidfd_is_refused() {
    needs!(root, syscall("pidfd_open"));
    isolated(|| {
        let group = create("refused");
        let child = sleeper();
        let (held, pid) = (pidfd(&child), child.id());
        end(child);
        assert_eq!(group.add_pidfd(held.as_fd()).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(group.add(pid).unwrap_err().kind(), ErrorKind::NotFound);
        let file = std::fs::File::open("/proc/self/status").unwrap();
        assert_eq!(group.add_pidfd(&file).unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(group.add(0).unwrap_err().kind(), ErrorKind::Invalid);
        // Nobody was moved, we least of all.
        assert_eq!(group.procs().unwrap(), [0_u32; 0]);
    });
}

#[test]
fn a_zombie_is_not_added() {
    needs!(root, syscall("pidfd_open"));
    isolated(|| {
        let group = create("zombie");
        let mut child = sleeper();
        let held = pidfd(&child);
        child.kill().unwrap();
        let mut fds = [rustix::event::PollFd::new(&held, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut fds, None).unwrap();
        assert_eq!(group.add_pidfd(&held).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(group.procs().unwrap(), [0_u32; 0]);
        child.wait().unwrap();
    });
}
