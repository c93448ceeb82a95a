// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ending a container for good.

use std::time::Duration;

use super::known::Known;
use super::running::Container;
use crate::error::{Error, ErrorKind};
use crate::parent::{Poststop, State};
use crate::state::Record;

/// How long a killed process may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

impl Container {
    /// Kills what runs of it, waits until that has ended, and removes everything that was made for it: its cgroup, and its
    /// state with its name.
    ///
    /// What runs of it is its first process; with a pid namespace of its own, every process in that; with a cgroup, every
    /// process in that. Without either, what the program has started is not known, and runs on.
    ///
    /// It does so from whatever point its making was broken off at. What it cannot remove it leaves in the record: it may
    /// be called again on a container that is opened anew, which is also what is left to do when the caller was killed here.
    ///
    /// # Errors
    /// `Busy` if somebody else is making or deleting it at the moment; `WrongState` if it cannot be known whether it runs,
    /// and why; `TimedOut` if its first process does not end within ten seconds; `Busy` if others of its cgroup do not, with
    /// their numbers. `WrongState` if its links are in another network namespace than the caller's and whether that is still
    /// there cannot be seen; `Denied` to who may not join it: its record is kept then.
    /// # Privileges
    /// Those of its maker.
    pub fn delete(mut self) -> Result<(), Error> {
        // What fails here has done nothing by itself: dropping the handle then is no second way to it.
        self.kill_on_drop = false;
        if let Some(state) = self.undo.state() {
            let is_locked = state.lock_patiently()?;
            if state.is_removed() {
                // Somebody else has deleted it in between, and all that was in it.
                std::mem::take(&mut self.undo).forget();
                return Ok(());
            }
            state.demand_place("delete")?;
            // Read again, under the lock: it may have been started since it was opened.
            let known = Known::of(state)?;
            // A maker that was killed may have left its lock to a copy of itself.
            if !is_locked && known.maker_lives != Some(false) {
                let why = "another process is making or deleting it".to_owned();
                return Err(Error::because("delete", self.object(), ErrorKind::Busy, why));
            }
            let is_held = self.first.process().is_some();
            if let Some(why) = known.doubt.filter(|_| known.removals.is_empty() && !is_held) {
                let error = Error::because("delete", self.object(), ErrorKind::WrongState, why);
                return Err(
                    error.with_hint(format!("end its processes by hand, then remove {}", state.path().display()))
                );
            }
            if !is_held {
                self.first = known.first;
            }
            let bundle = state.path().to_path_buf();
            let hooks = match known.description.hooks().filter(|hooks| !hooks.poststop.is_empty()) {
                Some(_) => known.description.demand("delete", || self.object())?,
                None => None,
            };
            let hooks = hooks.and_then(|spec| {
                let name = self.name();
                Poststop::of(&spec.hooks, name, State::new(name, None, Some(&bundle), spec))
            });
            if hooks.is_some() {
                // A maker that is dead keeps nobody away, and hooks take long. On a full disk there are still hooks to run.
                let _unwritten = Record::claim_deletion(state);
            }
            self.undo.keep_hooks(hooks);
            self.undo.replace(known.removals);
        }
        self.kill()?;
        // Not by our own wait, which writes down how it ended, and gives the lock back with it.
        let ended = self.first.process().map(|process| self.has_ended_within(process, PATIENCE)).transpose();
        if ended.map_err(|error| Error::of_leaf("delete", self.object(), error))? == Some(false) {
            let why = "its first process was killed and does not end: it is in the kernel's or a tracer's hands, or a \
                 program that was executed in it has ended and was not waited for by who executed it"
                .to_owned();
            return Err(Error::because("delete", self.object(), ErrorKind::TimedOut, why));
        }
        self.undo.run()
    }
}
