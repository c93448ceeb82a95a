// SPDX-License-Identifier: MIT OR Apache-2.0
//! `run`: a container from its making to its end, or with `--detach` to its start.

use std::os::fd::AsFd;

use clap::ArgMatches;

use super::{id, path};
use crate::FAILED;
use crate::arguments::Globals;
use crate::failure::Failure;
use crate::foreground::{self, Signals};
use crate::making::{self, Console};

pub(super) fn run(globals: &Globals, asked: &ArgMatches) -> Result<u8, Failure> {
    let is_detached = asked.get_flag("detach");
    let console = if is_detached { Console::OfSocket } else { Console::Ours };
    let described = making::describe(globals, id(asked), asked, console)?;
    let signals = if is_detached { None } else { Some(Signals::block()?) };
    let started = described.create()?.start().inspect_err(|_| {
        // It is of nobody then.
        drop(path(asked, "pid-file").map(std::fs::remove_file));
    });
    let mut container = started?;
    container.notes().iter().for_each(|note| globals.log.debug(note));
    let Some(signals) = signals else { return Ok(0) };
    let terminal = container.terminal.take();
    foreground::attend(container.as_fd(), &signals, terminal, |signal| {
        let _ended_meanwhile = container.signal(signal);
    });
    let status = container.wait()?;
    if !asked.get_flag("keep") {
        container.delete()?;
    }
    Ok(status.shell_code().unwrap_or(FAILED))
}
