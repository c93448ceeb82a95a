// SPDX-License-Identifier: MIT OR Apache-2.0
//! `CLONE_INTO_CGROUP`: a process that begins in the group.

#![allow(unsafe_code, reason = "libc has clone3 as a raw call alone")]

use std::os::fd::AsRawFd;

use needs::{isolated, needs};
use skep_cgroup::Version;

use crate::support::{LONG, create, directory, has_version};

/// `struct clone_args` of linux/sched.h.
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// A copy of this process that waits for its end.
fn clone_into(directory: impl AsRawFd) -> u32 {
    let mut args = CloneArgs {
        flags: CLONE_INTO_CGROUP,
        exit_signal: 17,
        cgroup: u64::try_from(directory.as_raw_fd()).unwrap(),
        ..CloneArgs::default()
    };
    // SAFETY: clone3 reads size_of::<CloneArgs>() bytes at the pointer, which is a live local of that size. Without
    // CLONE_VM the child has memory of its own; it calls nothing but pause(2), which takes no lock.
    let answer = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<CloneArgs>()) };
    if answer == 0 {
        loop {
            // SAFETY: takes nothing.
            unsafe { libc::pause() };
        }
    }
    u32::try_from(answer).unwrap_or_else(|_| panic!("clone3: {}", std::io::Error::last_os_error()))
}

#[test]
fn a_process_that_is_cloned_into_the_group_begins_there() {
    needs!(root, syscall("clone3"));
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        let group = create("clone");
        let pid = clone_into(group.v2_fd().unwrap());
        assert_eq!(crate::support::read(directory(&group, None).join("cgroup.procs")), pid.to_string());
        if group.has_v1() {
            // In that hierarchy alone: add does the rest.
            let others = group.directories().filter(|found| *found != directory(&group, None));
            let all: String = others.map(|found| crate::support::read(found.join("cgroup.procs"))).collect();
            assert_eq!(all, "");
            group.add(pid).unwrap();
        }
        for directory in group.directories() {
            assert_eq!(crate::support::read(directory.join("cgroup.procs")), pid.to_string());
        }
        group.kill().unwrap();
        group.wait_empty(LONG).unwrap();
        let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap());
        let (_, status) = rustix::process::waitpid(pid, rustix::process::WaitOptions::empty()).unwrap().unwrap();
        assert_eq!(status.terminating_signal(), Some(9));
    });
}
