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
        // Without a pid namespace of its own some of its group may be left; that nobody is is no failure.
        (_, true) => match container.signal_all(number) {
            Err(error) if has_stopped && error.kind() == ErrorKind::WrongState => Ok(()),
            sent => sent,
        },
        (true, false) => return Err(not_running(id(asked))),
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
