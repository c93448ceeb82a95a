// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptors that are passed on to a program: those that systemd listens on for us, and what `--preserve-fds` adds.
//!
//! Man: sd_listen_fds(3).

use std::os::fd::OwnedFd;

use skep::ns::PidFd;

use crate::failure::Failure;

/// The first of their numbers, here and there.
const FIRST: i32 = 3;

/// Descriptors that are passed on, under the numbers that they have here.
#[derive(Debug)]
pub(crate) struct Passed {
    fds: Vec<OwnedFd>,
    /// How many of them, the first, are listened on.
    listens: u16,
}

impl Passed {
    /// Takes them, `more` beside those of systemd. To be called before anything is opened, which would have one of their
    /// numbers.
    pub(crate) fn take(more: u16) -> Result<Self, Failure> {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
        let is_for_us = number("LISTEN_PID") == Some(std::process::id());
        let listens = number("LISTEN_FDS").filter(|_| is_for_us).and_then(|count| u16::try_from(count).ok());
        let listens = listens.unwrap_or_default();
        let count = i32::from(listens).saturating_add(i32::from(more));
        let numbers = FIRST..FIRST.saturating_add(count);
        let is_absent = |number: &i32| std::fs::read_link(format!("/proc/self/fd/{number}")).is_err();
        if let Some(absent) = numbers.clone().find(is_absent) {
            return Err(Failure::from(format!("--preserve-fds: there is no descriptor {absent} to be passed on")));
        }
        if numbers.is_empty() {
            return Ok(Self { fds: Vec::new(), listens });
        }
        let failed = |error: skep::ns::Error| Failure::from(format!("--preserve-fds: {}", sentence(&error)));
        let us = PidFd::open(std::process::id()).map_err(failed)?;
        let fds = numbers.map(|number| us.take_fd(number)).collect::<Result<_, _>>().map_err(failed)?;
        Ok(Self { fds, listens })
    }

    /// The variables that tell a program of those that are listened on; it is taken for process 1 of its pid namespace.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        match self.listens {
            0 => Vec::new(),
            listens => {
                let names = std::env::var("LISTEN_FDNAMES").ok().map(|names| ("LISTEN_FDNAMES", names));
                let numbers = [("LISTEN_FDS", listens.to_string()), ("LISTEN_PID", "1".to_owned())];
                numbers.into_iter().chain(names).collect()
            }
        }
    }

    /// Each with its number.
    pub(crate) fn numbered(self) -> impl Iterator<Item = (i32, OwnedFd)> {
        (FIRST..).zip(self.fds)
    }
}

/// An error with its causes, as a sentence.
fn sentence(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", sentence(cause)),
        None => error.to_string(),
    }
}
