// SPDX-License-Identifier: MIT OR Apache-2.0
//! Held processes: what they tell, what they lend, and whom a signal reaches.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use needs::{isolated, needs};
use skep_ns::{ErrorKind, ExitStatus, PidFd, SignalScope, Stdio};

use crate::support::halted::{HALT, Halted};
use crate::support::{raw, said, sh};

fn check(name: &str, error: &skep_ns::Error) {
    said::check(name, error, Path::new("/none"));
}

fn check_without(name: &str, error: &skep_ns::Error, number: u32) {
    said::MESSAGES.check(name, &said::all(error).replace(&number.to_string(), "PID"));
}

#[test]
fn a_process_tells_who_it_is_and_how_it_ended() {
    needs!(kernel(6, 15));
    isolated(|| {
        let child = Halted::start(&mut sh(HALT));
        let pidfd = PidFd::from(child.fd().try_clone_to_owned().unwrap());
        let info = pidfd.info().unwrap();
        let numbers = info.numbers.unwrap();
        assert_eq!((numbers.process, numbers.thread, numbers.parent), (child.pid(), child.pid(), std::process::id()));
        let own = [rustix::process::getuid().as_raw(), rustix::process::geteuid().as_raw()];
        let users = info.users.unwrap();
        assert_eq!([users.real, users.effective, users.saved, users.file_system], [own[0], own[1], own[1], own[1]]);
        assert_eq!(info.groups.unwrap().real, rustix::process::getgid().as_raw());
        let cgroup = info.cgroup;
        assert!(cgroup.is_some_and(|cgroup| cgroup > 0));
        assert_eq!(info.status, None);
        drop(child);
        let left = pidfd.info().unwrap();
        assert_eq!(left.status.unwrap().signal(), Some(9));
        assert_eq!((left.numbers, left.users, left.groups, left.cgroup), (None, None, None, cgroup));
    });
}

#[test]
fn an_open_file_is_taken_from_a_process() {
    needs!(syscall("pidfd_getfd"));
    isolated(|| {
        let (mut ours, theirs) = std::io::pipe().unwrap();
        let child = Halted::start(sh(HALT).fd(7, theirs));
        let pidfd = PidFd::from(child.fd().try_clone_to_owned().unwrap());
        let mut taken = File::from(pidfd.take_fd(7).unwrap());
        taken.write_all(b"x").unwrap();
        let mut byte = [0];
        ours.read_exact(&mut byte).unwrap();
        assert_eq!(byte, *b"x");
        check("descriptor that it has not", &pidfd.take_fd(93).unwrap_err());
        drop(child);
        check("descriptor of the dead", &pidfd.take_fd(7).unwrap_err());
        check("signal to the dead", &pidfd.signal(15).unwrap_err());
    });
}

#[test]
fn a_signal_reaches_the_thread_the_process_or_the_group() {
    needs!(kernel(6, 9));
    isolated(|| {
        let group = |script: &str| {
            let mut spawn = sh(script);
            spawn.process_group(0).stdin(Stdio::Piped).stdout(Stdio::Piped);
            let mut child = spawn.spawn().unwrap();
            child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
            child
        };
        let mut leader = group("sleep 600 & echo; wait; exit 3");
        leader.pidfd().signal_scope(0, SignalScope::Group).unwrap();
        leader.pidfd().signal_scope(15, SignalScope::Group).unwrap();
        assert_eq!(leader.wait().unwrap().signal(), Some(15));
        // Its child had the other end of the pipe too: the end of file says that it was ended as well.
        assert_eq!(leader.stdout.take().unwrap().read(&mut [0]).unwrap(), 0);
        let alone = Halted::shell();
        let pidfd = PidFd::from(alone.fd().try_clone_to_owned().unwrap());
        let error = pidfd.signal_scope(0, SignalScope::Group).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState);
        check("group of a process that leads none", &error);
        drop(alone);
        let error = pidfd.signal_scope(0, SignalScope::Group).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", said::all(&error));
        for scope in [SignalScope::Thread, SignalScope::Process] {
            let mut child = group("echo; read line");
            child.pidfd().signal_scope(10, scope).unwrap();
            assert_eq!(child.wait().unwrap().signal(), Some(10));
        }
    });
}

#[test]
fn one_thread_is_held_and_signalled_alone() {
    needs!(kernel(6, 9), syscall("pidfd_open"));
    isolated(|| {
        raw::handle(libc::SIGUSR1);
        let thread = std::thread::spawn(|| {
            let own = u32::try_from(raw::this_thread()).unwrap();
            let pidfd = PidFd::open_thread(own).unwrap();
            check_without("thread that is no process", &PidFd::open(own).unwrap_err(), own);
            let before = raw::handled().0;
            pidfd.signal_scope(libc::SIGUSR1, SignalScope::Thread).unwrap();
            // Delivered before the call returns: it is this very thread.
            assert_eq!(raw::handled().0, before + 1);
            assert!(!pidfd.has_ended().unwrap());
            pidfd
        });
        let pidfd = thread.join().unwrap();
        while !pidfd.has_ended().unwrap() {
            std::thread::yield_now();
        }
        assert_eq!(pidfd.wait().unwrap(), ExitStatus::UNKNOWN);
    });
}

#[test]
fn a_descriptor_that_is_no_process_is_named_by_every_question() {
    isolated(|| {
        let other = || PidFd::from(std::os::fd::OwnedFd::from(File::open("/proc/self/ns/net").unwrap()));
        let errors = [
            other().signal(0).unwrap_err(),
            other().signal_scope(0, SignalScope::Process).unwrap_err(),
            other().take_fd(0).unwrap_err(),
            other().info().unwrap_err(),
            other().wait().unwrap_err(),
            other().wait_for(std::time::Duration::ZERO).unwrap_err(),
            other().try_wait().unwrap_err(),
            other().has_ended().unwrap_err(),
            other().kill().unwrap_err(),
        ];
        for error in &errors {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{}", said::all(error));
            let said = said::all(error);
            assert!(said.contains("it is a net namespace, not a process (a pidfd)"), "{said}");
        }
    });
}
