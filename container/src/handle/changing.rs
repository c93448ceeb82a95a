// SPDX-License-Identifier: MIT OR Apache-2.0
//! One at a time: changes that begin with what is so now, and would lose what others change meanwhile.

use std::sync::{MutexGuard, PoisonError};

use super::running::Container;
use crate::error::{Error, ErrorKind};
use crate::state::StateDir;

/// The right to change a container, for as long as this is kept.
#[derive(Debug)]
pub(super) struct Changing<'a> {
    state: Option<&'a StateDir>,
    // The lock of a state belongs to the handle: between its threads it would be nobody's.
    _alone: MutexGuard<'a, ()>,
}

impl Container {
    /// Waits until nobody else changes it: another thread, or whoever has it open by its name.
    pub(super) fn changing(&self, op: &'static str) -> Result<Changing<'_>, Error> {
        let alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = self.undo.state() {
            if !state.lock_patiently()? {
                let why = "another process is changing or deleting it".to_owned();
                return Err(Error::because(op, self.object(), ErrorKind::Busy, why));
            }
            if state.is_removed() {
                state.unlock();
                let why = "somebody else has deleted it".to_owned();
                return Err(Error::because(op, self.object(), ErrorKind::NotFound, why));
            }
        }
        Ok(Changing { state: self.undo.state(), _alone: alone })
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        if let Some(state) = self.state {
            state.unlock();
        }
    }
}
