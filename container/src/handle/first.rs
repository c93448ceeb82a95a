// SPDX-License-Identifier: MIT OR Apache-2.0
//! The first process of a container, as long as there is one.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::EventfdFlags;
use skep_ns::PidFd;

use crate::error::{Error, ErrorKind, Object};

/// The first process, or that there is none any more.
#[derive(Debug)]
pub(super) enum First {
    /// It was there when we looked, and this is it, whatever its number is given to later.
    Found {
        /// Its number, to show.
        pid: u32,
        /// The process.
        process: PidFd,
    },
    /// It had ended before we looked, or was never there: a descriptor that is readable, as that of an ended process is.
    Gone(OwnedFd),
}

impl First {
    /// The process that is not there.
    pub(super) fn gone() -> Result<Self, Error> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let readable = rustix::event::eventfd(1, flags)
            .map_err(|errno| Error::os("open", Object::Container(None), errno.raw_os_error()))?;
        Ok(Self::Gone(readable))
    }

    pub(super) fn pid(&self) -> Option<u32> {
        match self {
            First::Found { pid, .. } => Some(*pid),
            First::Gone(_) => None,
        }
    }

    pub(super) fn process(&self) -> Option<&PidFd> {
        match self {
            First::Found { process, .. } => Some(process),
            First::Gone(_) => None,
        }
    }

    /// The process, to do `op` to.
    pub(super) fn demand(&self, op: &'static str, object: impl FnOnce() -> Object) -> Result<&PidFd, Error> {
        self.process().ok_or_else(|| has_none(op, object()))
    }

    /// The same, if it has not ended: whoever holds it, and whether or not it was waited for.
    pub(super) fn demand_alive(&self, op: &'static str, object: impl Fn() -> Object) -> Result<&PidFd, Error> {
        let process = self.demand(op, &object)?;
        match process.has_ended() {
            Ok(false) => Ok(process),
            Ok(true) => Err(has_none(op, object())),
            Err(error) => Err(Error::of_leaf(op, object(), error)),
        }
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, op: &'static str, signal: i32, object: impl Fn() -> Object) -> Result<(), Error> {
        self.demand_alive(op, &object)?.signal(signal).map_err(|error| match error.kind() {
            // It has ended between the two, and was waited for.
            ErrorKind::NotFound => has_none(op, object()),
            _ => Error::of_leaf(op, object(), error),
        })
    }
}

fn has_none(op: &'static str, object: Object) -> Error {
    let why = "it has no process: it has ended, or was never started".to_owned();
    Error::because(op, object, ErrorKind::WrongState, why)
}

impl AsFd for First {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            First::Found { process, .. } => process.as_fd(),
            First::Gone(readable) => readable.as_fd(),
        }
    }
}
