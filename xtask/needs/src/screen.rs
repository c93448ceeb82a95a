// SPDX-License-Identifier: MIT OR Apache-2.0
//! A terminal, as who sits in front of it sees it.

use std::io::Read;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

/// What a terminal shows, read as far as a test has looked at it.
#[derive(Debug)]
pub struct Screen<T> {
    /// The side of the terminal that what is shown is read from.
    pub terminal: T,
    /// What has been shown since it was last looked at.
    pub shown: Vec<u8>,
    deadline: Duration,
}

impl<T: AsFd + Read> Screen<T> {
    /// Of this terminal, on which nothing takes longer than `deadline`.
    pub fn new(terminal: T, deadline: Duration) -> Self {
        Self { terminal, shown: Vec::new(), deadline }
    }

    /// Reads until `text` has been shown, and answers all before that.
    ///
    /// # Panics
    /// If it is not shown before the deadline, or before the end.
    #[track_caller]
    pub fn until(&mut self, text: &str) -> String {
        let end = Instant::now() + self.deadline;
        loop {
            let shown = String::from_utf8_lossy(&self.shown).into_owned();
            if let Some((before, after)) = shown.split_once(text) {
                self.shown = after.as_bytes().to_vec();
                return before.to_owned();
            }
            assert!(Instant::now() < end, "{text:?} is not shown: {shown:?}");
            let second = Timespec { tv_sec: 1, tv_nsec: 0 };
            let ready = rustix::event::poll(&mut [PollFd::new(&self.terminal, PollFlags::IN)], Some(&second));
            if ready.unwrap_or_else(|errno| panic!("cannot wait for {text:?}: {errno}")) > 0 {
                let mut bytes = [0; 4096];
                let count = self.terminal.read(&mut bytes);
                let count = count.unwrap_or_else(|error| panic!("cannot read up to {text:?}: {error}"));
                assert!(count > 0, "{text:?} is not shown before the end: {shown:?}");
                self.shown.extend(bytes.iter().take(count));
            }
        }
    }
}
