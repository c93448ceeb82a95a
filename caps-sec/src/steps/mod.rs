// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps: what has to be done for a description to hold, in the one right order.
//!
//! The change of user stands in the middle. Before it there is the right to limit oneself; after it, what the change would
//! take away is set. A filter of system calls comes last of all, since whatever comes after it must be allowed by it; but
//! without `no_new_privs` it takes a right that the change of user takes away.
//!
//! Man: capabilities(7), "Effect of user ID changes on capabilities"; seccomp(2).

mod words;

#[cfg(test)]
mod tests;

use std::io;

use crate::caps::Capabilities;
use crate::floor::Step;
use crate::privileges::Privileges;
use crate::seccomp::{Filter, Policy};
use crate::securebits::Securebits;

/// What a process does to itself for a [`Privileges`] to hold, in three parts: before and after it becomes another user,
/// and [last](Self::last) of all.
///
/// The steps are performed by the calling thread ([`enter_thread`](Self::enter_thread)), which fits
/// `std::os::unix::process::CommandExt::pre_exec`: nothing is allocated and no lock is taken.
///
/// ```
/// use std::os::unix::process::CommandExt;
/// use std::process::Command;
///
/// use skep_caps_sec::{Privileges, Resource, Rlimit};
///
/// let steps = Privileges::new().no_new_privs().rlimit(Rlimit::both(Resource::Core, 0)).steps(None);
/// let mut command = Command::new("sh");
/// command.args(["-c", "grep NoNewPrivs /proc/self/status; ulimit -c"]);
/// // SAFETY: between fork and exec the closure makes system calls, and allocates nothing.
/// unsafe { command.pre_exec(move || steps.enter_thread()) };
/// let output = command.output()?;
/// assert_eq!(String::from_utf8_lossy(&output.stdout), "NoNewPrivs:\t1\n0\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Steps {
    before: Vec<Step<'static>>,
    after: Vec<Step<'static>>,
    filter: Option<Filter>,
    /// Whether the filter is loaded last, rather than before the change of user.
    filter_last: bool,
}

impl Privileges {
    /// The steps for a process that becomes user `uid` between the first two parts; `None` if it stays who it is.
    ///
    /// Only what is needed is in them. Nothing is looked at: [`check`](Self::check) the description first. The step for a
    /// seccomp policy that has problems fails.
    #[must_use]
    pub fn steps(&self, uid: Option<u32>) -> Steps {
        // One that has problems must not be left out in silence.
        let compiled = |policy: &Policy| policy.compile().unwrap_or_else(|_| Filter::none());
        Steps {
            before: self.before_identity(uid),
            after: self.after_identity(),
            filter: self.seccomp.as_ref().map(compiled),
            // The promise lets everybody load a filter: then nothing that comes before has to be allowed by it. Else there
            // must be CAP_SYS_ADMIN, which the change of user takes.
            filter_last: self.no_new_privs,
        }
    }

    fn before_identity(&self, uid: Option<u32>) -> Vec<Step<'static>> {
        let mut steps = Vec::new();
        // First of all: it opens a file, which the limits may forbid; and the file becomes root's once ids have changed,
        // since the process is not dumpable then.
        if let Some(adjustment) = self.oom_score_adj {
            steps.push(Step::OomScoreAdj { value: adjustment.value() });
        }
        // While there is CAP_SYS_RESOURCE, which it takes to raise them. That of processes is not judged by the change of
        // user, but by the exec after it.
        steps.extend(self.rlimits.iter().map(|rlimit| Step::Rlimit {
            resource: rlimit.resource.number(),
            soft: rlimit.soft.to_kernel(),
            hard: rlimit.hard.to_kernel(),
        }));
        // While CAP_SETPCAP is in force: a change from root to another user takes it out, whatever is kept. Before
        // capset, which judges the inheritable set by it.
        if let Some(sets) = &self.capabilities {
            steps.push(Step::DropBounding { keep: sets.bounding.bits() });
        }
        // Likewise. After the bounding set because a failure leaves the less behind: a bit may be locked for good.
        if let Some(bits) = self.securebits {
            steps.push(Step::Securebits { bits: bits.bits() });
        }
        // Last: it is a securebit itself, and lasts till the exec.
        if self.keeps_over_identity(uid) {
            steps.push(Step::KeepCaps);
        }
        steps
    }

    fn after_identity(&self) -> Vec<Step<'static>> {
        let mut steps = Vec::new();
        // As the user whose it is to be, and before anything may forbid the call.
        if self.session_keyring {
            steps.push(Step::SessionKeyring);
        }
        if let Some(sets) = &self.capabilities {
            let Capabilities { permitted, effective, inheritable, ambient, .. } = *sets;
            // After the change of user, which takes SETUID and SETGID, and clears the effective set.
            steps.push(Step::SetCaps {
                effective: effective.bits(),
                permitted: permitted.bits(),
                inheritable: inheritable.bits(),
            });
            // After capset: only what is permitted and inheritable can be ambient. And where nothing is, the kernel has
            // cleared the ambient set by itself.
            if !(permitted & inheritable).is_empty() {
                steps.push(Step::Ambient { set: ambient.bits() });
            }
        }
        // After the changes of ids and capabilities, of which some switch it by themselves.
        if self.undumpable {
            steps.push(Step::Undumpable);
        }
        // Last: a change of the security label, which comes before, may be forbidden by it; a seccomp filter, which
        // may be loaded without a right because of it, comes after.
        if self.no_new_privs {
            steps.push(Step::NoNewPrivs);
        }
        steps
    }

    /// Whether the permitted set has to outlive a change to user `uid`: something of it is wanted, and would be lost.
    fn keeps_over_identity(&self, uid: Option<u32>) -> bool {
        let becomes_user = uid.is_some_and(|uid| uid != 0);
        // Inheritable ones, too, can only come from what is permitted.
        let wanted = self.capabilities.is_some_and(|sets| !(sets.permitted | sets.inheritable).is_empty());
        let kept = Securebits::KEEP_CAPS | Securebits::NO_SETUID_FIXUP;
        becomes_user && wanted && !self.securebits.unwrap_or_default().intersects(kept)
    }
}

impl Steps {
    /// What is done while the process still is who it was.
    pub fn before_identity(&self) -> impl Iterator<Item = Step<'_>> {
        // The filter last: what is before it need not be allowed by it.
        self.before.iter().copied().chain(self.filter_step().filter(|_| !self.filter_last))
    }

    /// What is done once it has become its user and groups.
    pub fn after_identity(&self) -> impl Iterator<Item = Step<'_>> {
        self.after.iter().copied()
    }

    /// What is done last of all, as shortly before the exec as can be: a filter of system calls that is loaded by the
    /// promise of `no_new_privs`. What is done between it and the exec must be allowed by it.
    pub fn last(&self) -> impl Iterator<Item = Step<'_>> {
        self.filter_step().filter(|_| self.filter_last).into_iter()
    }

    /// The filter that one of them loads.
    #[must_use]
    pub const fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    fn filter_step(&self) -> Option<Step<'_>> {
        self.filter.as_ref().map(|filter| Step::Seccomp { program: filter.as_bytes() })
    }

    /// Performs all of them, on the calling thread. Allocates nothing.
    ///
    /// `Command::uid` changes the user *before* `pre_exec`, when the right to many of the steps is gone; let the closure
    /// change it, between [`enter_before_identity`](Self::enter_before_identity) and
    /// [`enter_after_identity`](Self::enter_after_identity).
    ///
    /// # Errors
    /// The first failure's error number; steps before it stay done.
    /// # Privileges
    /// `CAP_SETPCAP` to drop from the bounding set what is in it, and for securebits; `CAP_SYS_RESOURCE` to raise hard
    /// limits, and to lower the OOM score adjustment; `CAP_SYS_ADMIN` for a seccomp policy without `no_new_privs`. None for
    /// the others.
    pub fn enter_thread(&self) -> io::Result<()> {
        self.enter_before_identity()?;
        self.enter_after_identity()
    }

    /// Performs the first part, on the calling thread. Allocates nothing.
    ///
    /// # Errors
    /// As [`enter_thread`](Self::enter_thread).
    pub fn enter_before_identity(&self) -> io::Result<()> {
        perform(self.before_identity())
    }

    /// Performs the second part and what is [last](Self::last), on the calling thread. Allocates nothing.
    ///
    /// # Errors
    /// As [`enter_thread`](Self::enter_thread).
    pub fn enter_after_identity(&self) -> io::Result<()> {
        perform(self.after_identity().chain(self.last()))
    }
}

#[allow(single_use_lifetimes, reason = "an anonymous one cannot stand here yet")]
fn perform<'a>(mut steps: impl Iterator<Item = Step<'a>>) -> io::Result<()> {
    steps.try_for_each(|step| step.perform().map_err(|failure| io::Error::from_raw_os_error(failure.errno.0.into())))
}
