// SPDX-License-Identifier: MIT OR Apache-2.0
//! `run`: a container from its making to its end, or with `--detach` to its start.

use std::os::fd::AsFd;

use clap::ArgMatches;

use super::{id, path};
use crate::FAILED;
use crate::arguments::Globals;
use crate::failure::Failure;
use crate::foreground::{self, Signals};
use crate::known;
use crate::making::{self, Console};
use crate::notify::{self, Proxy};

pub(super) fn run(globals: &Globals, asked: &ArgMatches) -> Result<u8, Failure> {
    let is_detached = asked.get_flag("detach");
    let console = if is_detached { Console::OfSocket } else { Console::Ours };
    let described = making::describe(globals, id(asked), asked, console)?;
    let signals = if is_detached { None } else { Some(Signals::block()?) };
    let created = described.create()?;
    let planned = created.notes().len();
    let started = Proxy::listen(&globals.root, id(asked)).and_then(|proxy| Ok((created.start()?, proxy)));
    let (mut container, proxy) = started.inspect_err(|_| {
        // It is of nobody then.
        drop(path(asked, "pid-file").map(std::fs::remove_file));
        notify::remove(&globals.root, id(asked));
    })?;
    making::tell_notes(globals, planned, container.notes());
    let pid = container.pid().unwrap_or_default();
    let Some(signals) = signals else {
        if let Some(proxy) = proxy {
            proxy.until_ready(container.as_fd(), pid);
        }
        return Ok(0);
    };
    let terminal = container.terminal.take();
    std::thread::scope(|scope| {
        if let Some(proxy) = &proxy {
            scope.spawn(|| proxy.until_end(container.as_fd(), pid));
        }
        foreground::attend(container.as_fd(), &signals, terminal, |signal| {
            let _ended_meanwhile = container.signal(signal);
        });
    });
    let status = container.wait()?;
    if !asked.get_flag("keep") {
        known::delete(globals, id(asked), container)?;
    }
    Ok(status.shell_code().unwrap_or(FAILED))
}
