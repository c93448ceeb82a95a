// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps: what has to be done for a description to hold, in the one right order.
//!
//! The change of user stands in the middle. Before it there is the right to limit oneself; after it, what the change would
//! take away is set. What the process denies itself, a Landlock ruleset and a filter of system calls, comes last of all,
//! since whatever comes after it must be allowed by it; but without `no_new_privs` it takes a right that the change of user
//! takes away.
//!
//! Man: capabilities(7), "Effect of user ID changes on capabilities"; seccomp(2).

mod words;

#[cfg(test)]
mod tests;

use std::{fmt, io};

use crate::caps::Capabilities;
use crate::floor::Step;
use crate::lsm::{Label, LabelOf, Landlock};
use crate::privileges::Privileges;
use crate::seccomp::{Filter, Loading, Policy};
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
    before: Vec<Held>,
    after: Vec<Held>,
    /// A Landlock ruleset.
    ruleset: Option<Vec<u8>>,
    filter: Option<Filter>,
    /// How the filter is loaded.
    loading: Loading,
    /// Whether ruleset and filter come last, rather than before the change of user.
    denied_last: bool,
}

/// A step with the bytes that it borrows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Held {
    Plain(Step<'static>),
    Affinity(Vec<u8>),
    MemoryPolicy(u32, Vec<u8>),
    Scheduler(Vec<u8>),
    Label(LabelOf, Vec<u8>),
}

impl Held {
    fn step(&self) -> Step<'_> {
        match self {
            Self::Plain(step) => *step,
            Self::Affinity(processors) => Step::Affinity { processors },
            Self::MemoryPolicy(mode, nodes) => Step::MemoryPolicy { mode: *mode, nodes },
            Self::Scheduler(attributes) => Step::Scheduler { attributes },
            Self::Label(of, context) => Label::step(*of, context),
        }
    }
}

impl From<Step<'static>> for Held {
    fn from(step: Step<'static>) -> Self {
        Self::Plain(step)
    }
}

impl Privileges {
    /// The steps for a process that becomes user `uid` between the first two parts; `None` if it stays who it is.
    ///
    /// Only what is needed is in them. Nothing is looked at: [`check`](Self::check) the description first. The step for a
    /// seccomp policy that has problems fails.
    #[must_use]
    pub fn steps(&self, uid: Option<u32>) -> Steps {
        // One that has problems, or is for another machine, must not be left out in silence.
        let compiled = |policy: &Policy| policy.compile().ok().filter(Filter::runs_here).unwrap_or_else(Filter::none);
        Steps {
            before: self.before_identity(uid),
            after: self.after_identity(),
            ruleset: self.landlock.as_ref().map(Landlock::to_bytes),
            filter: self.seccomp.as_ref().map(compiled),
            loading: self.seccomp_loading,
            // The promise lets everybody deny himself what he likes: then nothing that comes before has to be allowed by
            // it. Else there must be CAP_SYS_ADMIN, which the change of user takes.
            denied_last: self.no_new_privs,
        }
    }

    fn before_identity(&self, uid: Option<u32>) -> Vec<Held> {
        let mut steps: Vec<Held> = Vec::new();
        // First of all: it opens a file, which the limits may forbid; and the file becomes root's once ids have changed,
        // since the process is not dumpable then.
        if let Some(adjustment) = self.oom_score_adj {
            steps.push(Step::OomScoreAdj { value: adjustment.value() }.into());
        }
        self.place(&mut steps);
        // While there is CAP_SYS_RESOURCE, which it takes to raise them. That of processes is not judged by the change of
        // user, but by the exec after it.
        steps.extend(self.rlimits.iter().map(|rlimit| {
            let (soft, hard) = (rlimit.soft.to_kernel(), rlimit.hard.to_kernel());
            Held::Plain(Step::Rlimit { resource: rlimit.resource.number(), soft, hard })
        }));
        // While CAP_SETPCAP is in force: a change from root to another user takes it out, whatever is kept. Before
        // capset, which judges the inheritable set by it.
        if let Some(sets) = &self.capabilities {
            steps.push(Step::DropBounding { keep: sets.bounding.bits() }.into());
        }
        // Likewise. After the bounding set because a failure leaves the less behind: a bit may be locked for good.
        if let Some(bits) = self.securebits {
            steps.push(Step::Securebits { bits: bits.bits() }.into());
        }
        // Last: it is a securebit itself, and lasts till the exec.
        if self.keeps_over_identity(uid) {
            steps.push(Step::KeepCaps.into());
        }
        steps
    }

    /// When and where it runs: while there is CAP_SYS_NICE, and before resource limits lower what is allowed without it.
    fn place(&self, steps: &mut Vec<Held>) {
        // Before the scheduler: a deadline is refused to who cannot run everywhere, and a thread with one cannot move.
        if let Some(processors) = &self.cpu_affinity {
            steps.push(Held::Affinity(processors.to_bytes()));
        }
        if let Some(policy) = &self.memory_policy {
            steps.push(Held::MemoryPolicy(policy.mode_bits(), policy.nodes.to_bytes()));
        }
        if let Some(scheduler) = &self.scheduler {
            steps.push(Held::Scheduler(scheduler.to_bytes()));
        }
        if let Some(priority) = self.io_priority {
            steps.push(Step::IoPriority { value: priority.value() }.into());
        }
        // Of the whole process, which has one thread when it performs this; in a std Command, too.
        if self.core_scheduling {
            steps.push(Step::CoreScheduling { scope: 1 }.into());
        }
        if let Some(personality) = self.personality {
            steps.push(Step::Personality { bits: personality.bits() }.into());
        }
    }

    fn after_identity(&self) -> Vec<Held> {
        let mut steps: Vec<Held> = Vec::new();
        // Before the keyring that is to have it.
        if let Some(label) = &self.keyring_label {
            steps.push(Held::Label(LabelOf::Keys, label.context(LabelOf::Keys)));
        }
        // As the user whose it is to be, and before anything may forbid the call.
        if self.session_keyring {
            steps.push(Step::SessionKeyring.into());
        }
        // It binds to the exec. Before capset, since a policy may ask for a capability; before the promise of no new
        // privileges, under which a change of profile may be refused.
        if let Some(label) = &self.label {
            steps.push(Held::Label(LabelOf::Program, label.context(LabelOf::Program)));
        }
        if let Some(sets) = &self.capabilities {
            let Capabilities { permitted, effective, inheritable, ambient, .. } = *sets;
            // After the change of user, which takes SETUID and SETGID, and clears the effective set.
            let set_caps = Step::SetCaps {
                effective: effective.bits(),
                permitted: permitted.bits(),
                inheritable: inheritable.bits(),
            };
            steps.push(set_caps.into());
            // After capset: only what is permitted and inheritable can be ambient. And where nothing is, the kernel has
            // cleared the ambient set by itself.
            if !(permitted & inheritable).is_empty() {
                steps.push(Step::Ambient { set: ambient.bits() }.into());
            }
        }
        // After the changes of ids and capabilities, which undo it.
        if let Some(signal) = self.parent_death_signal {
            steps.push(Step::ParentDeathSignal { signal: signal.number() }.into());
        }
        // After the changes of ids and capabilities, of which some switch it by themselves.
        if self.undumpable {
            steps.push(Step::Undumpable.into());
        }
        if let Some(how) = self.deny_write_execute {
            steps.push(Step::DenyWriteExecute { bits: how.bits() }.into());
        }
        // Last: a change of the security label, which comes before, may be forbidden by it; a ruleset and a filter, which
        // may be entered without a right because of it, come after.
        if self.no_new_privs {
            steps.push(Step::NoNewPrivs.into());
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

/// A line a step, with a number, the change of user in its place, and the right that each takes.
impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.before_identity().map(Some);
        let after = self.after_identity().chain(self.last()).map(Some);
        for (at, step) in (1..).zip(before.chain([None]).chain(after)) {
            write!(f, "{at:2}. ")?;
            match step {
                None => writeln!(f, "become the user and groups")?,
                Some(step) => match step.right() {
                    Some(right) => writeln!(f, "{step} ({right})")?,
                    None => writeln!(f, "{step}")?,
                },
            }
        }
        Ok(())
    }
}

impl Steps {
    /// What is done while the process still is who it was.
    pub fn before_identity(&self) -> impl Iterator<Item = Step<'_>> {
        // What denies last: what is before it need not be allowed by it.
        self.before.iter().map(Held::step).chain(self.denying().filter(|_| !self.denied_last))
    }

    /// What is done once it has become its user and groups.
    pub fn after_identity(&self) -> impl Iterator<Item = Step<'_>> {
        self.after.iter().map(Held::step)
    }

    /// What is done last of all, as shortly before the exec as can be: a Landlock ruleset, and a filter of system calls, that
    /// are entered by the promise of `no_new_privs`. What is done between them and the exec must be allowed by them.
    pub fn last(&self) -> impl Iterator<Item = Step<'_>> {
        self.denying().filter(|_| self.denied_last)
    }

    /// The filter that one of them loads.
    #[must_use]
    pub const fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    /// The ruleset, then the filter: which need not allow the calls of Landlock then.
    fn denying(&self) -> impl Iterator<Item = Step<'_>> {
        let ruleset = self.ruleset.as_deref().map(Landlock::step);
        let flags = self.loading.flags(false);
        ruleset
            .into_iter()
            .chain(self.filter.as_ref().map(|filter| Step::Seccomp { program: filter.as_bytes(), flags }))
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
    /// limits, and to lower the OOM score adjustment; `CAP_SYS_NICE` for real time and deadlines; `CAP_SYS_ADMIN` for a
    /// seccomp policy or a Landlock ruleset without `no_new_privs`. None for the others.
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
