// SPDX-License-Identifier: MIT OR Apache-2.0
//! The report of an application: what was applied, and what could not be.

use rustix::io::Errno;

use super::Directory;
use crate::devices;
use crate::error::{Error, ErrorKind};
use crate::layout::{Lack, Reason};
use crate::limits::{Key, Setting};

/// What has become of limits so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    lenient: bool,
    applied: Vec<String>,
    lacks: Vec<Lack>,
}

impl Report {
    /// Every failure is an error.
    pub(crate) fn strict() -> Self {
        Self::default()
    }

    /// What cannot be had is noted, beside those that are known to have no place.
    pub(crate) fn lenient(lacks: Vec<Lack>) -> Self {
        Self { lenient: true, applied: Vec::new(), lacks }
    }

    pub(crate) fn is_lenient(&self) -> bool {
        self.lenient
    }

    pub(crate) fn applied(&self) -> &[String] {
        &self.applied
    }

    pub(crate) fn lacks(self) -> Vec<Lack> {
        self.lacks
    }

    /// Notes what has become of settings that were written together.
    pub(crate) fn done(
        &mut self,
        directory: &Directory,
        settings: &[&Setting],
        result: Result<(), Error>,
    ) -> Result<(), Error> {
        match result {
            Ok(()) => {
                self.applied.extend(settings.iter().map(|setting| setting.place()));
                Ok(())
            }
            Err(error) => self.failed(directory, settings, error),
        }
    }

    /// Notes a failure, or hands it back if it is not one of what can be had.
    pub(crate) fn failed(&mut self, directory: &Directory, settings: &[&Setting], error: Error) -> Result<(), Error> {
        let Some(reason) = reason(settings, &error).filter(|_| self.lenient) else {
            return Err(error.after(&self.applied));
        };
        let path = directory.path();
        self.lacks.extend(settings.iter().map(|setting| Lack::of(setting, reason, Some(path.to_owned()))));
        Ok(())
    }
}

/// Which lack an error is, if it is one.
fn reason(settings: &[&Setting], error: &Error) -> Option<Reason> {
    let of_devices = settings.iter().any(|setting| setting.key == Key::Devices);
    let has_errno = |errno: Errno| error.errno() == Some(errno.raw_os_error());
    match error.kind() {
        ErrorKind::Unsupported if of_devices || error.operation() == "write" => Some(Reason::NoSuchFile),
        ErrorKind::Unsupported => Some(Reason::NotOffered),
        ErrorKind::Denied if has_errno(Errno::ROFS) => Some(Reason::ReadOnly),
        // Who has the right is refused these rules here: the group above denies them, or a program is there alone.
        ErrorKind::Denied if of_devices && has_errno(Errno::PERM) => {
            (!devices::is_admin()).then_some(Reason::NotPermitted)
        }
        ErrorKind::Denied => Some(Reason::NotDelegated),
        ErrorKind::WrongState if !of_devices && error.operation() != "make a partition of" => {
            Some(Reason::HasProcesses)
        }
        _ => None,
    }
}
