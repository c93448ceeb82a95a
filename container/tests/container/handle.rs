// SPDX-License-Identifier: MIT OR Apache-2.0
//! Handles: create, start, wait, signal, drop, from one thread and from several.

use std::time::Duration;

use needs::{isolated, needs};
use skep::ns::PidFd;
use skep::{Container, Created};

use crate::common::{DEADLINE, is_alive, program, shell, until};

fn sleeper() -> skep::Builder {
    program("/bin/sleep", &["1000"])
}

#[test]
fn the_status_is_the_program_s_and_stays_known() {
    needs!(userns);
    isolated(|| {
        let container = shell("exit 7").start().unwrap();
        assert_eq!(container.wait().unwrap().code(), Some(7));
        assert_eq!(container.wait().unwrap().code(), Some(7));
        assert_eq!(container.try_wait().unwrap().unwrap().code(), Some(7));
        container.kill().unwrap();
    });
}

#[test]
fn a_running_container_has_no_status_until_it_is_killed() {
    needs!(userns);
    isolated(|| {
        let container = sleeper().start().unwrap();
        assert_eq!(container.try_wait().unwrap(), None);
        assert_eq!(container.wait_for(Duration::from_millis(20)).unwrap(), None);
        container.kill().unwrap();
        assert_eq!(container.wait().unwrap().signal(), Some(9));
    });
}

#[test]
fn a_signal_reaches_a_program_that_handles_it() {
    needs!(userns);
    isolated(|| {
        let builder = shell("trap 'exit 9' USR1; echo up; while :; do sleep 0.01; done").stdout(skep::ns::Stdio::Piped);
        let mut container = builder.start().unwrap();
        std::io::Read::read_exact(container.stdout.as_mut().unwrap(), &mut [0; 3]).unwrap();
        container.signal(10).unwrap();
        assert_eq!(container.wait().unwrap().code(), Some(9));
    });
}

#[test]
fn with_the_first_process_all_others_of_the_container_end() {
    needs!(userns);
    isolated(|| {
        let builder = shell("sleep 1000 & sleep 1000 & echo up; wait").stdout(skep::ns::Stdio::Piped);
        let mut container = builder.start().unwrap();
        let mut output = container.stdout.take().unwrap();
        std::io::Read::read_exact(&mut output, &mut [0; 3]).unwrap();
        container.kill().unwrap();
        container.wait().unwrap();
        // They held the pipe; the leak check looks for them too.
        assert_eq!(std::io::Read::read(&mut output, &mut [0; 1]).unwrap(), 0);
    });
}

#[test]
fn another_thread_may_start_and_a_third_one_wait() {
    needs!(userns);
    isolated(|| {
        let create = || shell("exit 3").create().unwrap();
        let start = |created: Created| created.start().unwrap();
        let wait = |container: Container| container.wait().unwrap();
        // Each thread has ended before the next begins.
        let created = std::thread::spawn(create).join().unwrap();
        let container = std::thread::spawn(move || start(created)).join().unwrap();
        let status = std::thread::spawn(move || wait(container)).join().unwrap();
        assert_eq!(status.code(), Some(3));
    });
}

#[test]
fn a_container_outlives_the_thread_that_made_it() {
    needs!(userns);
    isolated(|| {
        let container = std::thread::spawn(|| sleeper().start().unwrap()).join().unwrap();
        assert_eq!(container.wait_for(Duration::from_millis(100)).unwrap(), None);
        container.kill().unwrap();
        container.wait().unwrap();
    });
}

#[test]
fn a_container_that_dies_with_its_caller_ends_with_the_thread_that_made_it() {
    needs!(userns);
    isolated(|| {
        let container = std::thread::spawn(|| sleeper().die_with_caller().start().unwrap()).join().unwrap();
        let status = container.wait_for(DEADLINE).unwrap().expect("it runs on");
        assert_eq!(status.signal(), Some(9));
    });
}

#[test]
fn a_created_container_that_dies_with_its_caller_cannot_be_started_after_it() {
    needs!(userns);
    isolated(|| {
        let created = std::thread::spawn(|| sleeper().die_with_caller().create().unwrap()).join().unwrap();
        let pid = created.pid();
        until("it has ended", || !is_alive(pid));
        let error = created.start().unwrap_err();
        assert_eq!(error.kind(), skep::ErrorKind::WrongState);
        assert!(skep::Report(&error).to_string().contains("the child ended before it had done its work: signal 9"));
    });
}

#[test]
fn dropping_a_created_container_leaves_nothing() {
    needs!(userns);
    isolated(|| {
        let created = sleeper().create().unwrap();
        let pid = created.pid();
        drop(created);
        // Reaped: not even a zombie.
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    });
}

#[test]
fn dropping_a_container_lets_it_run_on() {
    needs!(userns, syscall("pidfd_open"));
    isolated(|| {
        let container = sleeper().start().unwrap();
        let process = PidFd::open(container.pid().unwrap()).unwrap();
        drop(container);
        assert_eq!(process.wait_for(Duration::from_millis(100)).unwrap(), None);
        process.kill().unwrap();
        assert_eq!(process.wait().unwrap().signal(), Some(9));
    });
}

#[test]
fn dropping_a_container_kills_and_reaps_it_where_that_was_asked_for() {
    needs!(userns);
    isolated(|| {
        let container = sleeper().kill_on_drop().start().unwrap();
        let pid = container.pid().unwrap();
        drop(container);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    });
}

#[test]
fn the_handle_becomes_readable_at_the_end() {
    needs!(userns);
    isolated(|| {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let container = sleeper().start().unwrap();
        let ready = |container: &Container, seconds| {
            poll(&mut [PollFd::new(container, PollFlags::IN)], Some(&Timespec { tv_sec: seconds, tv_nsec: 0 })).unwrap()
        };
        assert_eq!(ready(&container, 0), 0);
        container.kill().unwrap();
        assert_eq!(ready(&container, 60), 1);
        container.wait().unwrap();
    });
}
