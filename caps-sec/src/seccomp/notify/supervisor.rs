// SPDX-License-Identifier: MIT OR Apache-2.0
//! Supervisors: handlers by the names of calls, and the loop that asks them.

use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::{fmt, io};

use super::{Listener, Notification, Prepared, prepared};
use crate::error::{Error, Object};
use crate::seccomp::{Errno, Filter, Loading, sys};

/// What a handler decides.
#[derive(Debug)]
#[non_exhaustive]
pub enum Answer {
    /// The call answers this value, as if it had been made.
    Value(i64),
    /// The call answers this error.
    Error(Errno),
    /// The kernel makes the call. See [`Notification::proceed`] for what that is not fit for.
    Proceed,
    /// The process gets this descriptor, and the call answers its number.
    Descriptor(OwnedFd),
}

type Handler<'h> = Box<dyn FnMut(&Notification<'_>) -> Answer + Send + 'h>;

/// Handlers of calls by name; what has none answers `ENOSYS`, as where nobody listens.
///
/// ```
/// use std::process::Command;
///
/// use skep_caps_sec::{Answer, Policy, Rule, Supervisor, Verdict};
///
/// let policy = Policy::allow_all().rule(Rule::new(Verdict::Notify, ["uname"]));
/// let mut supervisor = Supervisor::new();
/// supervisor.on(["uname"], |_| Answer::Proceed);
/// let (mut child, supervision) = supervisor.start(Command::new("uname").arg("-s"), &policy.compile()?)?;
/// assert!(child.wait()?.success());
/// assert!(supervision.join().is_ok_and(|answered| answered.is_ok_and(|count| count > 0)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Supervisor<'h> {
    handlers: Vec<(Vec<String>, Handler<'h>)>,
    otherwise: Option<Handler<'h>>,
}

impl<'h> Supervisor<'h> {
    /// One without a handler.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Has these calls handled so, on every architecture.
    pub fn on(
        &mut self,
        calls: impl IntoIterator<Item = impl Into<String>>,
        handler: impl FnMut(&Notification<'_>) -> Answer + Send + 'h,
    ) -> &mut Self {
        self.handlers.push((calls.into_iter().map(Into::into).collect(), Box::new(handler)));
        self
    }

    /// Has all other calls handled so.
    pub fn otherwise(&mut self, handler: impl FnMut(&Notification<'_>) -> Answer + Send + 'h) -> &mut Self {
        self.otherwise = Some(Box::new(handler));
        self
    }

    /// Answers calls until nobody is left under the filter; how many it were. Another thread waits for the process
    /// meanwhile: see [`Listener::receive`].
    ///
    /// # Errors
    /// As [`Listener::receive`], and as the functions of [`Notification`] that answer.
    pub fn supervise(&mut self, listener: &Listener) -> Result<u64, Error> {
        let mut count = 0;
        while let Some(notification) = listener.receive()? {
            self.answer(notification)?;
            count += 1;
        }
        Ok(count)
    }

    /// Answers one call: for a loop of one's own, that polls the listener among other things. Whether it still waited.
    ///
    /// # Errors
    /// As the functions of [`Notification`] that answer.
    pub fn answer(&mut self, notification: Notification<'_>) -> Result<bool, Error> {
        let name = notification.name();
        let named = |calls: &[String]| calls.iter().any(|call| Some(call.as_str()) == name);
        let handler = self.handlers.iter_mut().find(|(calls, _)| named(calls)).map(|(_, handler)| handler);
        let answer = match handler.or(self.otherwise.as_mut()) {
            Some(handler) => handler(&notification),
            None => Answer::Error(Errno::NOSYS),
        };
        match answer {
            Answer::Value(value) => notification.value(value),
            Answer::Error(errno) => notification.error(errno),
            Answer::Proceed => notification.proceed(),
            Answer::Descriptor(fd) => notification.value_descriptor(fd),
        }
    }
}

impl Supervisor<'static> {
    /// Starts a program under the filter, with `no_new_privs`, and supervises it in a thread; that ends when nobody is left
    /// under the filter, with the number of calls that it answered.
    ///
    /// The program's own execve(2), and read(2) before it, are under the filter already. The command can be started again
    /// afterwards, in this way or as it was.
    ///
    /// # Errors
    /// As [`Command::spawn`], and as [`Loading::prepare`].
    /// # Privileges
    /// As [`Expected::listener`](super::Expected::listener).
    /// # Kernel
    /// Linux 5.6.
    pub fn start(mut self, command: &mut Command, filter: &Filter) -> Result<(Child, Supervision), Error> {
        let failed = |error| Error::io("start a program under", Object::Named("a supervised filter"), &error);
        let (prepared, expected) = Loading::new().prepare(filter)?;
        let cancel = prepared.canceller().map_err(failed)?;
        let prepared = Arc::new(prepared);
        sys::before_exec(command, Arc::downgrade(&prepared), Prepared::apply);
        // Before the spawn: that returns only when the program is there, which takes answers.
        let body = move || self.supervise(&expected.listener()?);
        let supervision = thread::Builder::new().name("supervisor".to_owned()).spawn(body).map_err(failed)?;
        match command.spawn() {
            Ok(child) => Ok((child, supervision)),
            Err(error) => {
                prepared::cancel(&cancel);
                match supervision.join() {
                    // The child only knows that it was left alone.
                    Ok(Err(why)) if error.kind() == io::ErrorKind::BrokenPipe => Err(why),
                    _ => Err(failed(error)),
                }
            }
        }
    }
}

/// The thread that supervises: it answers how many calls it has answered.
pub type Supervision = JoinHandle<Result<u64, Error>>;

impl fmt::Debug for Supervisor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls: Vec<_> = self.handlers.iter().flat_map(|(calls, _)| calls).collect();
        f.debug_struct("Supervisor").field("calls", &calls).finish_non_exhaustive()
    }
}
