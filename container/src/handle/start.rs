// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starting a container that was made to wait for it.

use std::time::Duration;

use super::exec::Furthers;
use super::known::Known;
use super::running::Container;
use crate::error::{Error, ErrorKind};
use crate::parent::Waiting;

const OP: &str = "start";

/// How long it may take to end that was not to become its program.
const DYING_TAKES: Duration = Duration::from_secs(2);

impl Container {
    /// Executes the program of a container that [was made to wait](crate::Builder::create_waiting) for it, whoever has made
    /// it; the answer comes when it runs, or could not be executed. One that fails here has ended, and is to be
    /// [deleted](Self::delete).
    ///
    /// Where its policy asks about execve(2), it waits for the answer to that too, by whoever has the
    /// [listener](Self::listener). Hooks at [`StartContainer`](crate::Moment::StartContainer) are run before, those at
    /// [`Poststart`](crate::Moment::Poststart) after it; what of the latter fails is in the [notes](Self::notes).
    ///
    /// ```
    /// use skep::{Container, Status};
    /// use skep::ns::{IdMap, NamespaceKind::*, Namespaces};
    ///
    /// # let states = std::env::temp_dir().join(format!("skep-waiting-{}", std::process::id()));
    /// # std::fs::create_dir(&states).unwrap();
    /// # std::fs::set_permissions(&states, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    /// let made = Container::builder("web")
    /// #   .state_root(&states)
    ///     .namespaces(Namespaces::new().make([Mount, Pid]).user(IdMap::current_as_root()))
    ///     .command("/bin/sh", ["-c", "exit 7"])
    ///     .create_waiting();
    /// # if made.as_ref().is_err_and(|error| error.kind() == skep::ErrorKind::Denied) { return Ok(()); }
    /// let made = made?;
    ///
    /// // Here, or in another process, later.
    /// # let open = || Container::open_in(&states, "web");
    /// # /*
    /// let mut found = Container::open("web")?;
    /// # */ let mut found = open()?;
    /// assert_eq!(found.status()?, Status::Created);
    /// found.start()?;
    /// assert_eq!(made.wait()?.code(), Some(7));
    /// found.delete()?;
    /// # std::fs::remove_dir(&states).unwrap();
    /// # Ok::<(), skep::Error>(())
    /// ```
    /// # Errors
    /// `NotFound`, `NotExecutable` and `Denied` tell apart why the program cannot be executed, `NotFound` also that it was
    /// deleted meanwhile; `WrongState` for one that does not wait: that was started, has ended, is still being made, or is
    /// frozen; `Busy` while somebody else starts, renames or deletes it; `TimedOut` if its first process does not answer
    /// within ten seconds, or takes no one of those who ask it.
    /// # Privileges
    /// Those of its maker.
    pub fn start(&mut self) -> Result<(), Error> {
        let state =
            self.undo.state().ok_or_else(|| self.not_waiting("it has no name, and so was started by its maker"))?;
        if !state.lock_patiently()? {
            let why = "another process is making, starting or deleting it".to_owned();
            return Err(Error::because(OP, self.object(), ErrorKind::Busy, why));
        }
        let place = state.demand_place(OP);
        let started = place.and_then(|()| self.start_alone());
        if let Some(state) = self.undo.state() {
            state.unlock();
        }
        self.notes.extend(started?);
        Ok(())
    }

    /// Starts it, while nobody else does anything with it; answers what has failed since then, a sentence each.
    fn start_alone(&mut self) -> Result<Vec<String>, Error> {
        let Some(state) = self.undo.state() else { return Ok(Vec::new()) };
        let known = Known::of(state)?;
        let connection = state.knock()?;
        if self.first.process().is_none() {
            // It was opened while it was still being made.
            self.further = Furthers::of(known.first.pid());
            (self.first, self.was_started) = (known.first, known.was_started);
        }
        let spec = known.description.demand(OP, || self.object())?;
        let (Some(process), Some(pid), Some(spec)) = (self.first.process(), self.first.pid(), spec) else {
            return Err(self.not_waiting("it has ended, or was not made to the end"));
        };
        let Some(connection) = connection else {
            return Err(self.not_waiting("it was started already, or has ended"));
        };
        let group = self.undo.cgroup().unwrap_or_default();
        let described = (self.name(), spec.clone(), state.path());
        let mut waiting = Waiting::new(connection, described, (pid, process), group)?;
        let started = waiting.start();
        state.waits_no_more();
        if let Err(error) = started {
            // So that it has ended for who looks at it next; and if not, that is how it is.
            let _ended = self.further.wait_for(process, Some(DYING_TAKES));
            return Err(error);
        }
        state.unlock();
        Ok(waiting.after_start())
    }

    fn not_waiting(&self, why: &str) -> Error {
        Error::because(OP, self.object(), ErrorKind::WrongState, why.to_owned())
    }
}
