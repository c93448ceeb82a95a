// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writing the id maps of a child that waits for them.

use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use skep_ns::{IdMap, PidFd};

use crate::error::{Error, ErrorKind, Object};

/// Writes `map` to the child, and answers whether its namespace denies setgroups(2).
pub(super) fn write(map: &IdMap, pid: u32, child: &PidFd) -> Result<bool, Error> {
    let path = format!("/proc/{pid}");
    let flags = OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC;
    let process = rustix::fs::open(path.as_str(), flags, Mode::empty()).map_err(|errno| {
        let error = Error::os("write the id map of", Object::Container(None), errno.raw_os_error());
        match errno {
            Errno::NOENT => error.with_hint("the caller needs a /proc of its own pid namespace"),
            Errno::MFILE => error.with_hint("the limit on open descriptors of this process is reached (ulimit -n)"),
            _ => error,
        }
    })?;
    // Held now. If the child still lives, the number that led here was its own.
    has_ended(child, Duration::ZERO)?;
    match map.write_to(&process, pid) {
        Ok(written) => Ok(written.setgroups_denied),
        Err(error) => {
            // A dying child's files refuse in ways that say nothing of the map; its death may take a moment to be told.
            has_ended(child, DYING_TAKES)?;
            Err(Error::of_leaf("write the id map of", Object::Container(None), error))
        }
    }
}

/// How long a child that was killed may take until it has ended.
const DYING_TAKES: Duration = Duration::from_millis(200);

/// An error if the child has ended, or does within `patience`, and how.
fn has_ended(child: &PidFd, patience: Duration) -> Result<(), Error> {
    match child.wait_for(patience) {
        Ok(None) => Ok(()),
        Ok(Some(status)) => {
            let why = format!("the child ended before it had done its work: {status}");
            Err(Error::because("create", Object::Container(None), ErrorKind::WrongState, why))
        }
        Err(error) => Err(Error::of_leaf("write the id map of", Object::Container(None), error)),
    }
}
