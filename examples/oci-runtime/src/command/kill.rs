// SPDX-License-Identifier: MIT OR Apache-2.0
//! `kill`: a signal to a container's first process, or to all of them.

use clap::ArgMatches;
use skep::ErrorKind;

use super::{id, text};
use crate::arguments::Globals;
use crate::failure::Failure;
use crate::known::{self, STOPPED};
use crate::signal;

pub(super) fn kill(globals: &Globals, asked: &ArgMatches) -> Result<(), Failure> {
    let number = signal::number(text(asked, "signal").unwrap_or("TERM"))?;
    let container = known::open(globals, id(asked))?;
    let has_stopped = known::status(&container)? == STOPPED;
    let sent = match (has_stopped, asked.get_flag("all")) {
        // Nobody is left of it: all of those have been sent it.
        (true, true) => return Ok(()),
        (true, false) => return Err(not_running(id(asked))),
        (false, true) => container.signal_all(number),
        (false, false) => container.signal(number),
    };
    match sent {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(not_running(id(asked))),
        sent => Ok(sent?),
    }
}

fn not_running(id: &str) -> Failure {
    Failure::from(format!("container not running: {id:?} has stopped, and there is no such process any more"))
}
