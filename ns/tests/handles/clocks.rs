// SPDX-License-Identifier: MIT OR Apache-2.0
//! Offsets of clocks, written for a process' children.
#![allow(unsafe_code, reason = "Request::copy and libc's unshare are unsafe: a program of one thread is wanted")]

use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::time::Duration;

use needs::{Scratch, isolated, needs};
use skep_ns::{Child, ClockOffset, ErrorKind, Request, TimeOffsets};

use crate::support::check;

/// A process that has unshared its time namespace and has no child, until a byte is written to `0`.
fn unshared() -> (OwnedFd, Child) {
    let ((told, tell), (wait, end)) = (rustix::pipe::pipe().unwrap(), rustix::pipe::pipe().unwrap());
    let work = || {
        // SAFETY: no pointer, and the copy has one thread.
        let done = unsafe { libc::unshare(libc::CLONE_NEWTIME) };
        let _ = rustix::io::write(&tell, &[u8::from(done == 0)]);
        let _ = rustix::io::read(&wait, &mut [0; 1]);
        0
    };
    // SAFETY: the copy makes system calls and no more.
    let copy = unsafe { Request::new().copy(work) }.unwrap();
    let mut done = [0];
    rustix::io::read(&told, &mut done).unwrap();
    assert_eq!(done, [1], "unshare has failed");
    (end, copy)
}

#[test]
fn offsets_are_written_once_before_the_first_child() {
    needs!(root, program("nsenter"), syscall("pidfd_open"));
    isolated(|| {
        let own = File::open("/proc/self").unwrap();
        let day = ClockOffset::ahead(Duration::from_secs(86_400));
        let offsets = TimeOffsets::new().boottime(day).monotonic(ClockOffset::behind(Duration::from_millis(1)));
        check("clocks of the initial namespace", &offsets.write_to(&own).unwrap_err());

        let (end, mut copy) = unshared();
        let directory = File::open(format!("/proc/{}", copy.pid())).unwrap();
        let too_far = TimeOffsets::new().boottime(ClockOffset::behind(Duration::from_secs(9_000_000_000)));
        check("clocks before their beginning", &too_far.write_to(&directory).unwrap_err());
        assert_eq!(TimeOffsets::of(&directory).unwrap(), TimeOffsets::new());

        offsets.write_to(&directory).unwrap();
        assert_eq!(TimeOffsets::of(&directory).unwrap(), offsets);
        assert_eq!(TimeOffsets::current().unwrap(), TimeOffsets::new());
        let namespace = format!("--time=/proc/{}/ns/time_for_children", copy.pid());
        let out = Command::new("nsenter").args([&namespace, "cat", "/proc/uptime"]).output().unwrap();
        let uptime = String::from_utf8(out.stdout).unwrap();
        let uptime: f64 = uptime
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&out.stderr)));
        assert!(uptime > 86_400.0, "{uptime}");
        let error = TimeOffsets::new().write_to(&directory).unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::WrongState, Some(13)));
        rustix::io::write(&end, b"x").unwrap();
        copy.wait().unwrap();
        check("clocks of a process that has ended", &TimeOffsets::of(&directory).unwrap_err());
    });
}

#[test]
fn offsets_are_written_to_no_directory_but_of_a_process() {
    isolated(|| {
        let directory = Scratch::new();
        let file = directory.join("timens_offsets");
        std::fs::write(&file, "mine").unwrap();
        let held = File::open(directory.path()).unwrap();
        check("clocks of a directory of files", &TimeOffsets::new().write_to(&held).unwrap_err());
        assert_eq!(TimeOffsets::of(&held).unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    });
}
