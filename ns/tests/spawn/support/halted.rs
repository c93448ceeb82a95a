// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program that has stopped itself at its first step, to be looked at from outside.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use rustix::process::{WaitId, WaitIdOptions, waitid};
use skep_ns::{Child, Spawn, Stdio};

use super::said;

/// What makes a shell stop itself. By a builtin: there is no other process.
pub(crate) const HALT: &str = "kill -STOP $$";

/// What makes a shell say that it runs, and wait.
pub(crate) const WAIT: &str = "echo; read line";

/// A stopped or waiting program; ended when dropped.
#[derive(Debug)]
pub(crate) struct Halted(Child);

impl Halted {
    /// Starts the program, which must be a shell that is told to [`HALT`], and waits until it has.
    pub(crate) fn start(spawn: &mut Spawn) -> Self {
        let child = spawn.spawn();
        let child = child.unwrap_or_else(|error| panic!("{}", said::all(&error)));
        let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::PidFd(child.as_fd()), options).unwrap().unwrap();
        assert!(status.stopped(), "{status:?}");
        Self(child)
    }

    /// Starts a shell that is told to [`WAIT`], and waits until it has said so: for process 1 of a pid namespace, which
    /// cannot stop itself.
    pub(crate) fn waiting(spawn: &mut Spawn) -> Self {
        let child = spawn.stdin(Stdio::Piped).stdout(Stdio::Piped).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{}", said::all(&error)));
        let mut line = [0];
        child.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
        Self(child)
    }

    /// A shell in the caller's circumstances.
    pub(crate) fn shell() -> Self {
        Self::start(Spawn::new("/bin/sh").args(["-c", HALT]))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.pid()
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(format!("/proc/{}/{name}", self.0.pid())).unwrap()
    }

    pub(crate) fn link(&self, name: &str) -> PathBuf {
        fs::read_link(format!("/proc/{}/{name}", self.0.pid())).unwrap()
    }

    /// Its descriptors and what they lead to.
    pub(crate) fn descriptors(&self) -> BTreeMap<i32, PathBuf> {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.0.pid())).unwrap();
        let numbers = entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap());
        numbers.map(|number: i32| (number, self.link(&format!("fd/{number}")))).collect()
    }

    /// The strings of a file in which each ends with a NUL byte.
    pub(crate) fn strings(&self, name: &str) -> Vec<String> {
        let text = String::from_utf8(self.read(name)).unwrap();
        text.split_terminator('\0').map(str::to_owned).collect()
    }

    /// One line of its status.
    pub(crate) fn status(&self, key: &str) -> String {
        let text = String::from_utf8(self.read("status")).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(":\t"));
        line.unwrap().to_owned()
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        // No panic, which could be the second one; the leak check sees what stays.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
