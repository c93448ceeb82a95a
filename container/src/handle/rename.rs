// SPDX-License-Identifier: MIT OR Apache-2.0
//! Another name for a container.

use super::known::Known;
use super::running::Container;
use crate::error::{Error, ErrorKind};

const OP: &str = "rename";

impl Container {
    /// Gives it another name, under which it is [opened](Self::open) and listed from now on; at once and as a whole, or not
    /// at all. Whatever it is doing it goes on with: its host name, its cgroup and its links keep the names that they were
    /// made with, and go with it as before.
    ///
    /// Other handles that were opened by the old name still see its processes; what they would write down or delete by that
    /// name they refuse (`WrongState`).
    ///
    /// # Errors
    /// `Invalid` for a name that none can have, and for a container without one; `Busy` if the name is in use, and while it
    /// is being made or deleted; `NotFound` if it was deleted; `Unsupported` on a file system without `RENAME_NOREPLACE`.
    /// # Privileges
    /// Those of its maker.
    ///
    /// See renameat2(2).
    pub fn rename(&mut self, name: impl Into<String>) -> Result<(), Error> {
        let name = name.into();
        let object = self.object();
        let Some(state) = self.undo.state_mut() else {
            let problem = "name: it has none, and is nowhere to be found by one: Container::builder makes one that is";
            return Err(Error::invalid(OP, object, vec![problem.to_owned()]));
        };
        if let Some(problem) = crate::state::problem_of(&name) {
            return Err(Error::invalid(OP, object, vec![problem]));
        }
        let is_locked = state.lock_patiently()?;
        let renamed = state.demand_place(OP).and_then(|()| {
            let known = Known::of(state)?;
            // A maker that was killed may have left its lock to a copy of itself.
            if !is_locked && known.maker_lives != Some(false) {
                let why = "another process is making or deleting it".to_owned();
                return Err(Error::because(OP, object.clone(), ErrorKind::Busy, why));
            }
            state.rename(&name)
        });
        if is_locked {
            state.unlock();
        }
        self.name = Some(state.name().to_owned());
        renamed
    }
}
