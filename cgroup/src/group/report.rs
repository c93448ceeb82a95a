// SPDX-License-Identifier: MIT OR Apache-2.0
//! The report of an application: what was applied, and what could not be.

use rustix::io::Errno;

use super::Directory;
use crate::error::{Error, ErrorKind};
use crate::layout::{Lack, Reason};
use crate::limits::Setting;

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

    /// What cannot be had is noted.
    pub(crate) fn lenient() -> Self {
        Self { lenient: true, ..Self::default() }
    }

    pub(crate) fn is_lenient(&self) -> bool {
        self.lenient
    }

    pub(crate) fn applied(&self) -> &[String] {
        &self.applied
    }

    pub(crate) fn lack(&mut self, lack: Lack) {
        self.lacks.push(lack);
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
        let Some(reason) = reason(&error).filter(|_| self.lenient) else { return Err(error.after(&self.applied)) };
        let path = directory.path();
        self.lacks.extend(settings.iter().map(|setting| Lack::of(setting, reason, Some(path.to_owned()))));
        Ok(())
    }
}

/// Which lack an error is, if it is one.
fn reason(error: &Error) -> Option<Reason> {
    match error.kind() {
        ErrorKind::Unsupported if error.operation() == "write" => Some(Reason::NoSuchFile),
        ErrorKind::Unsupported => Some(Reason::NotOffered),
        ErrorKind::Denied if error.errno() == Some(Errno::ROFS.raw_os_error()) => Some(Reason::ReadOnly),
        ErrorKind::Denied => Some(Reason::NotDelegated),
        ErrorKind::WrongState if error.operation() != "make a partition of" => Some(Reason::HasProcesses),
        _ => None,
    }
}
