// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a container's stream of events tells, in which order, and when it is ready.

use std::time::Duration;

use needs::{isolated_for, needs};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use skep::cgroup::{Event as GroupEvent, Limits, MIB};
use skep::ns::Stdio;
use skep::{Container, ErrorKind, Event, Events, Report};

use crate::common::{DEADLINE, at_every_low_limit_on_descriptors, program};
use crate::exec::{sh, sleeper, text_of};
use crate::tree::Tree;

/// The next event, which must come.
#[track_caller]
fn next(events: &mut Events) -> Event {
    let next = events.next_within(DEADLINE).unwrap_or_else(|error| panic!("{}", Report(&error)));
    next.expect("nothing has happened")
}

fn is_ready(events: &Events, seconds: i64) -> bool {
    let within = Timespec { tv_sec: seconds, tv_nsec: 0 };
    poll(&mut [PollFd::new(events, PollFlags::IN)], Some(&within)).unwrap() > 0
}

#[test]
fn further_programs_and_the_end_are_told_in_their_order() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let container = sleeper().start().unwrap();
        let before = sh(&container, "sleep 1000").start().unwrap();
        let mut events = container.events().unwrap();
        assert!(!is_ready(&events, 0) && events.try_next().unwrap().is_none());
        let mut executed = sh(&container, "read line; exit 7").stdin(Stdio::Piped).start().unwrap();
        assert!(is_ready(&events, 60));
        assert_eq!(next(&mut events), Event::Executed { pid: executed.pid() });
        assert!(events.try_next().unwrap().is_none());
        drop(executed.stdin.take());
        assert!(is_ready(&events, 60));
        match next(&mut events) {
            Event::FurtherEnded { pid, status } => assert_eq!((pid, status.code()), (executed.pid(), Some(7))),
            other => panic!("{other:?}"),
        }
        // Told of, and still to be had by who executed it.
        assert_eq!(executed.wait().unwrap().code(), Some(7));
        // One that was there before is told of when it ends. By another thread, without the container's handle.
        let told = std::thread::spawn(move || events.collect::<Result<Vec<_>, _>>().unwrap());
        container.kill().unwrap();
        let told = told.join().unwrap();
        assert!(matches!(told[..], [Event::FurtherEnded { pid, .. }, Event::Ended] if pid == before.pid()), "{told:?}");
        container.wait().unwrap();
    });
}

#[test]
fn an_end_is_told_once_and_the_status_is_left_to_who_waits() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let container = program("/bin/sh", &["-c", "exit 3"]).start().unwrap();
        let (mut first, mut second) = (container.events().unwrap(), container.events().unwrap());
        for events in [&mut first, &mut second] {
            assert_eq!(next(events), Event::Ended);
            assert!(events.is_over() && events.next().is_none() && events.try_next().unwrap().is_none());
        }
        assert_eq!(container.wait().unwrap().code(), Some(3));
        // All at once, for who looks late: the end comes last.
        let container = sleeper().start().unwrap();
        let events = container.events().unwrap();
        text_of(sh(&container, ":"));
        container.kill().unwrap();
        container.wait().unwrap();
        let told = events.collect::<Result<Vec<_>, _>>().unwrap();
        assert!(matches!(told[..], [Event::Executed { .. }, Event::FurtherEnded { .. }, Event::Ended]), "{told:?}");
        // After the end too, by who still holds it.
        assert_eq!(next(&mut container.events().unwrap()), Event::Ended);
    });
}

#[test]
fn who_opens_it_by_name_is_told_too() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let made = tree.named("web", "sleep 1000").start().unwrap();
        let found = tree.open("web").unwrap();
        let mut events = found.events().unwrap();
        // By whatever handle of this process.
        text_of(sh(&made, ":"));
        assert!(matches!(next(&mut events), Event::Executed { .. }));
        assert!(matches!(next(&mut events), Event::FurtherEnded { .. }));
        found.delete().unwrap();
        assert_eq!(next(&mut events), Event::Ended);
        made.wait().unwrap();
        let ended = tree.named("web", ":").start().unwrap();
        ended.wait().unwrap();
        let error = tree.open("web").unwrap().events().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", Report(&error));
        ended.delete().unwrap();
    });
}

#[test]
fn a_freeze_is_told_and_a_thaw() {
    needs!(root, cgroup("pids"));
    isolated_for(DEADLINE, || {
        let container = sleeper().limits(Limits::new().pids_max(9)).start().unwrap();
        let mut events = container.events().unwrap();
        container.freeze(DEADLINE).unwrap();
        assert_eq!(next(&mut events), Event::Group(GroupEvent::Frozen));
        container.thaw(DEADLINE).unwrap();
        assert_eq!(next(&mut events), Event::Group(GroupEvent::Thawed));
        container.kill().unwrap();
        assert_eq!(next(&mut events), Event::Ended);
        container.wait().unwrap();
    });
}

#[test]
fn kills_for_want_of_memory_and_refused_forks_are_told() {
    needs!(root, cgroup("memory"), cgroup("pids"));
    isolated_for(DEADLINE, || {
        let limits = Limits::new().memory_max(16 * MIB).swap_max(MIB).pids_max(5);
        let container: Container =
            program("/bin/sleep", &["1000"]).limits_where_possible(limits).kill_on_drop().start().unwrap();
        let mut events = container.events().unwrap();
        let eater = "exec 2>/dev/null; x=x; while :; do x=$x$x; done";
        let out = sh(&container, eater).output().unwrap();
        assert_eq!(out.status.signal(), Some(9), "{}", out.status);
        let mut told = Vec::new();
        while !told.iter().any(|event| matches!(event, Event::FurtherEnded { .. })) {
            told.push(next(&mut events));
        }
        let killed = |event: &Event| matches!(event, Event::Group(GroupEvent::OomKill(1..)));
        while !told.iter().any(killed) {
            told.push(next(&mut events));
        }
        // By one that lives on: nothing else is told meanwhile. It has executed nothing else.
        let forks = "(for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done); read line";
        let out = sh(&container, forks).stdin(Stdio::Piped).stderr(Stdio::Null).start().unwrap();
        // What else there was to say of memory may come before it.
        while !matches!(told.last(), Some(Event::Executed { .. })) {
            told.push(next(&mut events));
        }
        while !told.iter().any(|event| matches!(event, Event::Group(GroupEvent::ForksRefused(1..)))) {
            told.push(next(&mut events));
        }
        container.kill().unwrap();
        assert_eq!(events.last().unwrap().unwrap(), Event::Ended);
        container.wait().unwrap();
        drop(out);
    });
}

#[test]
fn at_every_low_limit_on_descriptors_it_works_or_says_which() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let container = sleeper().start().unwrap();
        at_every_low_limit_on_descriptors(|| container.events().map(drop));
        // Nothing of those that failed is told, or left behind.
        let mut events = container.events().unwrap();
        assert!(events.next_within(Duration::from_millis(1)).unwrap().is_none());
        container.kill().unwrap();
        assert_eq!(next(&mut events), Event::Ended);
    });
}
