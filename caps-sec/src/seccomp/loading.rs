// SPDX-License-Identifier: MIT OR Apache-2.0
//! Loading: how a filter is put in force, beyond the plain way.
//!
//! Man: seccomp(2), `SECCOMP_SET_MODE_FILTER`.

use std::fmt;
use std::io;

use super::{Filter, Listener, sys};
use crate::error::{Error, ErrorKind, Object};

/// How a filter is loaded. The plain way is [`enter_seccomp`](super::enter_seccomp)'s: for the calling thread alone.
///
/// ```no_run
/// use skep_caps_sec::{CapSet, Loading, Policy, enter_no_new_privs};
///
/// enter_no_new_privs()?;
/// // Every thread of this program, those of libraries too.
/// Loading::new().all_threads().log().enter(&Policy::standard(CapSet::empty()).compile()?)?;
/// # Ok::<(), skep_caps_sec::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Loading {
    /// Whether what is refused is written to the audit log, as far as `kernel.seccomp.actions_logged` has it.
    pub log: bool,
    /// Whether all threads of the process get the filter.
    pub all_threads: bool,
    /// Whether the processor may go on speculating under it, as without a filter.
    pub speculation: bool,
    /// Whether a thread that waits for its supervisor can only be killed, so that no signal makes a call be made twice.
    pub wait_killable: bool,
}

impl Loading {
    /// The plain way.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is refused is written to the machine's audit log. Linux 4.14.
    #[must_use]
    #[doc(alias = "SECCOMP_FILTER_FLAG_LOG")]
    pub const fn log(self) -> Self {
        Self { log: true, ..self }
    }

    /// Every thread of the process gets the filter, and the filters that the calling one has. Linux 3.17.
    #[must_use]
    #[doc(alias = "SECCOMP_FILTER_FLAG_TSYNC")]
    pub const fn all_threads(self) -> Self {
        Self { all_threads: true, ..self }
    }

    /// The processor's defence against reading by speculation is left as it is. Linux 4.17; since 5.16 it is anyway.
    #[must_use]
    #[doc(alias = "SECCOMP_FILTER_FLAG_SPEC_ALLOW")]
    pub const fn speculation(self) -> Self {
        Self { speculation: true, ..self }
    }

    /// Once its supervisor has received a call, the thread waits for the answer whatever signals come, but for SIGKILL.
    /// Linux 5.19; only with a listener.
    #[must_use]
    #[doc(alias = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")]
    pub const fn wait_killable(self) -> Self {
        Self { wait_killable: true, ..self }
    }

    /// The flags, `SECCOMP_FILTER_FLAG_*` of linux/seccomp.h, with a listener or without: some go with one alone.
    #[must_use]
    pub const fn flags(self, listener: bool) -> u32 {
        // A thread that cannot be synchronised is an errno then, not a thread's number, which could be a descriptor.
        let esrch = self.all_threads && listener;
        (self.all_threads as u32)
            | (self.log as u32) << 1
            | (self.speculation as u32) << 2
            | (listener as u32) << 3
            | (esrch as u32) << 4
            | ((self.wait_killable && listener) as u32) << 5
    }

    /// The way of loading that these flags say, whether with a listener or not.
    pub(crate) fn of_flags(flags: u32) -> Self {
        let has = |place: u32| flags >> place & 1 == 1;
        Self { all_threads: has(0), log: has(1), speculation: has(2), wait_killable: has(5) }
    }

    /// Puts the filter in force for the calling thread, or for all of them; there is no way back.
    ///
    /// # Errors
    /// As [`enter_seccomp`](super::enter_seccomp), and: `Busy` if another thread has a filter that this one has not, so
    /// that they cannot have the same; `Invalid` for what this kernel does not know.
    /// # Privileges
    /// As [`enter_seccomp`](super::enter_seccomp).
    /// # Kernel
    /// Linux 3.17; each way says since when there is it. See seccomp(2).
    pub fn enter(self, filter: &Filter) -> Result<(), Error> {
        check(filter)?;
        self.apply(filter).map_err(|error| failed(&error))
    }

    /// The same without a heap, for `CommandExt::pre_exec`; the error number alone is told.
    ///
    /// # Errors
    /// The kernel's; `EINVAL` for a filter that is not for this machine.
    pub fn apply(self, filter: &Filter) -> io::Result<()> {
        if !filter.runs_here() {
            return Err(io::Error::from_raw_os_error(sys::EINVAL));
        }
        sys::load(filter.as_bytes(), self.flags(false)).and_then(|answer| match answer {
            // The thread that could not be synchronised.
            1.. => Err(io::Error::from_raw_os_error(sys::EBUSY)),
            _ => Ok(()),
        })
    }

    /// Puts the filter in force, and gives what its [`Notify`](super::Verdict::Notify) asks: for the calling thread to hand
    /// on to whoever supervises it.
    ///
    /// Whoever is under the filter must not need an answer to get there: the supervisor is another thread that is not
    /// filtered, or another process. To have a [`Command`](std::process::Command) supervised there is
    /// [`Prepared`](super::Prepared).
    ///
    /// # Errors
    /// As [`enter`](Self::enter); `Busy` if the thread has a filter with a listener already.
    /// # Privileges
    /// As [`enter_seccomp`](super::enter_seccomp).
    /// # Kernel
    /// Linux 5.0; with [`all_threads`](Self::all_threads) 5.7. See seccomp_unotify(2).
    #[doc(alias = "SECCOMP_FILTER_FLAG_NEW_LISTENER")]
    pub fn enter_with_listener(self, filter: &Filter) -> Result<Listener, Error> {
        check(filter)?;
        self.apply_with_listener(filter).map_err(|error| failed(&error))
    }

    /// The same without a heap.
    pub(super) fn apply_with_listener(self, filter: &Filter) -> io::Result<Listener> {
        sys::load_with_listener(filter.as_bytes(), self.flags(true)).map(Listener::from)
    }
}

const OP: &str = "filter the system calls of";
const OBJECT: Object = Object::Named("the calling thread");

fn check(filter: &Filter) -> Result<(), Error> {
    match filter.foreign() {
        Some(why) => Err(Error::because(OP, OBJECT, ErrorKind::Unsupported, why)),
        None => Ok(()),
    }
}

fn failed(error: &io::Error) -> Error {
    let made = Error::io(OP, OBJECT, error);
    match error.raw_os_error() {
        Some(sys::EACCES) => made.with_hint(
            "it takes no_new_privs, or CAP_SYS_ADMIN in the user namespace of the thread: call enter_no_new_privs before",
        ),
        Some(sys::EBUSY) => made.with_hint("a thread has one listener at most, and filters that others lack keep it from having the same"),
        _ => made,
    }
}

/// "for all threads, logged"; "plain".
impl fmt::Display for Loading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.all_threads, "for all threads"),
            (self.log, "logged"),
            (self.speculation, "with speculation"),
            (self.wait_killable, "waiting killable"),
        ];
        let words: Vec<&str> = words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
        if words.is_empty() { f.write_str("plain") } else { f.write_str(&words.join(", ")) }
    }
}
