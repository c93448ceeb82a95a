// SPDX-License-Identifier: MIT OR Apache-2.0
//! Supervising a container: answering what its policy asks about for as long as it runs.

use std::panic::resume_unwind;
use std::thread;

use skep_caps_sec::Supervisor;
use skep_ns::ExitStatus;

use super::running::Container;
use crate::error::{Error, ErrorKind};

impl Container {
    /// Has `supervisor` answer what its policy asks about, in a thread, until nobody is left under the filter, and waits for
    /// the end of the first process meanwhile: how that ended.
    ///
    /// Both at once, since before Linux 6.11 who has ended is under the filter until somebody has waited for it. Without a
    /// pid namespace what the program has started is supervised until the last of it has ended. Does not read the program's
    /// output: one that nobody reads from a pipe makes it wait.
    ///
    /// # Errors
    /// `WrongState` if its policy asks about nothing, or its [`listener`](Self::listener) was taken. As [`wait`](Self::wait),
    /// and as [`Supervisor::supervise`]; what is asked about then answers `ENOSYS`, to the container's end.
    /// # Panics
    /// As the handlers of `supervisor` do.
    pub fn supervise(&mut self, supervisor: &mut Supervisor<'_>) -> Result<ExitStatus, Error> {
        const OP: &str = "supervise";
        let Some(listener) = self.listener.take() else {
            let why = "its policy asks about nothing, or its listener was taken".to_owned();
            return Err(Error::because(OP, self.object(), ErrorKind::WrongState, why));
        };
        let container = &*self;
        // The listener goes with the thread, whatever that ends by: nobody waits for an answer then.
        let serve = move || supervisor.supervise(&listener);
        thread::scope(|scope| {
            let server = thread::Builder::new().name("supervisor".to_owned()).spawn_scoped(scope, serve);
            let server = server.map_err(|error| Error::io(OP, container.object(), &error))?;
            let ended = container.wait();
            match server.join() {
                Ok(answered) => answered.map_err(|error| Error::of_leaf(OP, container.object(), error)).and(ended),
                Err(panic) => resume_unwind(panic),
            }
        })
    }
}
