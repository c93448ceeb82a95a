// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processes that are held by pidfds, and who is at the other end of a socket.

use std::error::Error as _;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use needs::{isolated, needs};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::fake::{Act, Fake, answer, is};
use crate::error::{Error, ErrorKind};
use crate::systemd::dbus::{Kind, Message, Value};
use crate::systemd::start::numbers;
use crate::systemd::{Systemd, UnitSpec};

const LONG: Duration = Duration::from_secs(60);

type Lines = &'static [&'static [(&'static str, &'static str)]];
const AGREES: Lines = &[&[("AUTH EXTERNAL", "DATA"), ("DATA", "OK 5cef"), ("NEGOTIATE_UNIX_FD", "AGREE_UNIX_FD")]];
const REFUSES: Lines = &[&[("AUTH EXTERNAL", "DATA"), ("DATA", "OK 5cef"), ("NEGOTIATE_UNIX_FD", "ERROR")]];
/// Who lets us in at the number alone.
const NAMED: Lines = &[
    &[("AUTH EXTERNAL", "REJECTED EXTERNAL"), ("DATA", "ERROR"), ("NEGOTIATE_UNIX_FD", "ERROR")],
    &[("AUTH EXTERNAL 3", "OK 5cef"), ("NEGOTIATE_UNIX_FD", "AGREE_UNIX_FD")],
];

/// A process that is there until it is let go.
struct Held(Child, OwnedFd);

impl Held {
    fn new() -> Self {
        let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        Self(child, pidfd_open(pid, PidfdFlags::empty()).unwrap())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

/// A manager of this version.
fn manager(introductions: Lines, version: &'static str) -> Fake {
    Fake::introduced(introductions, move |call| {
        is(call, "Get").then(|| vec![answer(call, &[Value::text(version).variant()])])
    })
}

/// The property of this name that a start had.
fn property(fake: &Fake, wanted: &str) -> Option<Value> {
    let body = fake.body("StartTransientUnit");
    let Some(Value::Array(_, properties)) = body.get(2) else { panic!("{body:?}") };
    properties.iter().find_map(|property| match property {
        Value::Structure(pair) if pair[0] == Value::text(wanted) => match &pair[1] {
            Value::Variant(value) => Some((**value).clone()),
            other => panic!("{other:?}"),
        },
        _ => None,
    })
}

fn pid_of(pidfd: &OwnedFd) -> String {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).unwrap();
    text.lines().find_map(|line| line.strip_prefix("Pid:")).unwrap().trim().to_owned()
}

fn why(error: &Error) -> String {
    error.source().unwrap().to_string()
}

#[test]
fn a_systemd_that_takes_pidfds_gets_them() {
    needs!(syscall("pidfd_open"));
    let held = [Held::new(), Held::new()];
    for lines in [AGREES, NAMED] {
        let fake = manager(lines, "257.1");
        let pidfds = held.each_ref().map(|held| held.1.as_fd());
        fake.systemd().start_with_pidfds(&UnitSpec::new("web.scope"), &pidfds, LONG).unwrap();
        let places = vec![Value::Descriptor(0), Value::Descriptor(1)];
        assert_eq!(property(&fake, "PIDFDs"), Some(Value::Array("h".to_owned(), places)));
        assert_eq!(property(&fake, "PIDs"), None);
        let given: Vec<String> = fake.given().iter().map(pid_of).collect();
        assert_eq!(given, held.each_ref().map(|held| held.0.id().to_string()));
    }
}

#[test]
fn an_older_systemd_and_a_bus_without_descriptors_get_the_numbers() {
    needs!(syscall("pidfd_open"));
    let held = Held::new();
    for (lines, version) in [(AGREES, "254.9"), (REFUSES, "257.1")] {
        let fake = manager(lines, version);
        let spec = UnitSpec::new("web.scope").process(4711);
        fake.systemd().start_with_pidfds(&spec, &[held.1.as_fd()], LONG).unwrap();
        let both = vec![Value::U32(4711), Value::U32(held.0.id())];
        assert_eq!(property(&fake, "PIDs"), Some(Value::Array("u".to_owned(), both)), "{version}");
        assert_eq!((property(&fake, "PIDFDs"), fake.given().len()), (None, 0), "{version}");
    }
    // Numbers that are others there are not sent.
    let error = numbers(&[held.1.as_fd()], false).unwrap_err();
    assert!(error.kind() == ErrorKind::WrongState && why(&error).contains("its pid namespace"), "{error}");
}

#[test]
fn what_is_no_pidfd_or_no_process_any_more_is_an_error_before_anything_is_asked_for() {
    needs!(syscall("pidfd_open"));
    let file = std::fs::File::open("/proc/self/status").unwrap();
    let mut child = Held::new();
    drop(child.0.stdin.take());
    child.0.wait().unwrap();
    for (descriptor, kind) in [(file.as_fd(), ErrorKind::Invalid), (child.1.as_fd(), ErrorKind::NotFound)] {
        let fake = manager(REFUSES, "257");
        let error = fake.systemd().start_with_pidfds(&UnitSpec::new("web.scope"), &[descriptor], LONG).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!fake.members().contains(&"StartTransientUnit".to_owned()), "{:?}", fake.members());
    }
    let fake = manager(AGREES, "257");
    let many = vec![file.as_fd(); 254];
    let error = fake.systemd().start_with_pidfds(&UnitSpec::new("web.scope"), &many, LONG).unwrap_err();
    assert_eq!(error.problems(), ["processes are 254 by pidfds, and 253 can be sent"]);
    let error = fake.systemd().start_with_pidfds(&UnitSpec::new("web.slice"), &many[..1], LONG).unwrap_err();
    assert!(error.problems()[0].starts_with("processes is of scopes"), "{error:?}");
}

#[test]
fn a_message_that_brings_descriptors_is_refused() {
    let fake = Fake::new(|call| {
        is(call, "Hello").then(|| {
            let message = Message::new(Kind::Return, &[Value::text(":1.9")]);
            vec![Act::Say(Message { answers: Some(call.serial), descriptors: 1, ..message })]
        })
    });
    let error = fake.systemd().version(LONG).unwrap_err();
    assert!(why(&error).contains("brings descriptors"), "{}", why(&error));
}

#[test]
fn a_socket_of_a_users_that_somebody_else_listens_at_is_refused() {
    needs!(root);
    isolated(|| {
        let dir = needs::Scratch::new();
        let socket = dir.join("private");
        let fake = Fake::at(socket.clone(), |_| None);
        // Root listens, and the file is given away.
        std::os::unix::fs::chown(&socket, Some(1234), None).unwrap();
        let error = Systemd::of_user_at(1234, socket.clone()).version(LONG).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(why(&error).contains("who listens there is another user"), "{}", why(&error));
        assert!(fake.members().is_empty(), "{:?}", fake.members());
        std::os::unix::fs::chown(&socket, Some(0), None).unwrap();
        assert_eq!(Systemd::of_user_at(0, socket).version(LONG).unwrap(), 252);
    });
}
