// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ending a container for good.

use super::running::Container;
use crate::error::{Error, ErrorKind};

impl Container {
    /// Kills what runs of it, waits until that has ended, and removes everything that was made for it: its cgroup, and its
    /// state with its name.
    ///
    /// It does so from whatever point its making was broken off at. What it cannot remove it leaves in the record: it may
    /// be called again on a container that is opened anew.
    ///
    /// # Errors
    /// `Busy` if somebody else is making or deleting it at the moment; `TimedOut` if a process of its cgroup does not die,
    /// with the numbers of those that are left.
    /// # Privileges
    /// Those of its maker.
    pub fn delete(mut self) -> Result<(), Error> {
        let object = || self.object();
        if let Some(state) = self.undo.state() {
            if !state.lock()? {
                let why = "another process is making or deleting it".to_owned();
                return Err(Error::because("delete", object(), ErrorKind::Busy, why));
            }
            if !state.is_linked() {
                // Somebody else has deleted it in between, and all that was in it.
                std::mem::take(&mut self.undo).forget();
                return Ok(());
            }
        }
        self.kill()?;
        if let Some(process) = self.first.process() {
            process.wait().map_err(|error| Error::of_leaf("delete", object(), error))?;
        }
        self.undo.run()
    }
}
