// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process in namespaces of its own, and what the tests say of errors.

use std::fs::read_to_string;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use needs::{Messages, in_words};
use skep_ns::{Error, NamespaceKind, PidFd};

const MESSAGES: Messages =
    Messages::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/handles/messages.txt"), include_str!("messages.txt"));

/// Compares all that an error says with what is kept.
#[track_caller]
pub(crate) fn check(name: &str, error: &Error) {
    MESSAGES.check(name, &in_words(error, &error.kind(), error.errno(), error.hint()));
}

/// A process that sleeps in new namespaces, ended when dropped.
pub(crate) struct Sleeper {
    child: Child,
    /// Its number; in a new pid namespace that of the first process there.
    pub(crate) pid: u32,
}

impl Sleeper {
    /// By unshare(1) with these arguments.
    pub(crate) fn unshared(arguments: &[&str]) -> Self {
        let mut child = Command::new("unshare")
            .args(arguments)
            .args(["sh", "-c", "echo; exec sleep 600"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Its line says that it is where it shall be.
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "\n", "unshare {arguments:?} has failed");
        let pid = if arguments.contains(&"--fork") { child_of(child.id()) } else { child.id() };
        let deadline = Instant::now() + Duration::from_secs(20);
        while read_to_string(format!("/proc/{pid}/comm")).unwrap() != "sleep\n" {
            assert!(Instant::now() < deadline, "no sleep after 20 s");
            thread::yield_now();
        }
        Self { child, pid }
    }

    /// In a namespace of this kind; as an ordinary user in a user namespace too.
    pub(crate) fn of_kind(kind: NamespaceKind) -> Self {
        let own: &[&str] = match kind {
            NamespaceKind::Mount => &["--mount"],
            NamespaceKind::Uts => &["--uts"],
            NamespaceKind::Ipc => &["--ipc"],
            NamespaceKind::Pid => &["--pid", "--fork", "--kill-child"],
            NamespaceKind::Net => &["--net"],
            NamespaceKind::User => &["--user"],
            NamespaceKind::Cgroup => &["--cgroup"],
            NamespaceKind::Time => &["--time", "--fork", "--kill-child"],
            _ => panic!("unshare has no option for {kind}"),
        };
        let user: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
        Self::unshared(&[user, own].concat())
    }

    pub(crate) fn pidfd(&self) -> PidFd {
        PidFd::open(self.pid).unwrap()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        // What unshare has forked dies with it (--kill-child), and is then a child of the test, if that is process 1.
        let sleeper = self.pidfd();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        sleeper.wait().unwrap();
    }
}

fn child_of(pid: u32) -> u32 {
    let children = read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.trim().parse().unwrap()
}
