// SPDX-License-Identifier: MIT OR Apache-2.0
//! Privileges: everything that this crate can say about what a process may do, in one value.
//!
//! A [`Privileges`] is a description: build it, check it, ask what a program will have of it
//! ([`Privileges::after_exec`]); [`Privileges::steps`] makes of it what has to be done, in order.
//!
//! Man: capabilities(7), prctl(2), prlimit(2).

use crate::affinity;
use crate::caps::{CapSet, Capabilities};
use crate::error::{Error, Object};
use crate::io_priority::IoPriority;
use crate::lsm::{Label, Landlock};
use crate::memory_policy::MemoryPolicy;
use crate::number_set::NumberSet;
use crate::oom_score_adj::OomScoreAdj;
use crate::parent_death_signal::ParentDeathSignal;
use crate::personality::Personality;
use crate::rlimit::Rlimit;
use crate::scheduler::Scheduler;
use crate::seccomp::{Loading, Policy};
use crate::securebits::Securebits;
use crate::write_execute::DenyWriteExecute;

/// What a process may do. What is not said stays as its parent has it.
///
/// ```
/// use skep_caps_sec::{Capabilities, CapSet, Privileges, Resource, Rlimit};
///
/// let web = Privileges::new()
///     .capabilities(Capabilities::exactly(CapSet::standard()))
///     .no_new_privs()
///     .rlimit(Rlimit::new(Resource::Nofile, 1024, 4096));
/// web.check()?;
/// let has = web.after_exec(0).unwrap_or_default();
/// assert_eq!(has.permitted, CapSet::standard());
/// # Ok::<(), skep_caps_sec::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Privileges {
    /// The five sets.
    pub capabilities: Option<Capabilities>,
    /// All of the securebits.
    pub securebits: Option<Securebits>,
    /// Whether gaining privileges by an exec is forbidden for good.
    pub no_new_privs: bool,
    /// The resource limits, each once.
    pub rlimits: Vec<Rlimit>,
    /// Whom the kernel kills first.
    pub oom_score_adj: Option<OomScoreAdj>,
    /// Whether others are denied to look into the process until it executes a program.
    pub undumpable: bool,
    /// Whether it leaves the caller's session keyring, and the keys in it, for an empty one.
    pub session_keyring: bool,
    /// Which system calls it may make.
    pub seccomp: Option<Policy>,
    /// How the filter of these is loaded.
    pub seccomp_loading: Loading,
    /// The processors that it runs on.
    pub cpu_affinity: Option<NumberSet>,
    /// The nodes that its memory comes from.
    pub memory_policy: Option<MemoryPolicy>,
    /// By which rule it gets processor time.
    pub scheduler: Option<Scheduler>,
    /// Whose requests a disk sees first.
    pub io_priority: Option<IoPriority>,
    /// Whether nobody else may run on the sibling of its processor.
    pub core_scheduling: bool,
    /// What the machine is said to be.
    pub personality: Option<Personality>,
    /// The signal that it gets when the thread that starts it ends.
    pub parent_death_signal: Option<ParentDeathSignal>,
    /// Whether it is denied memory that is written and executed.
    pub deny_write_execute: Option<DenyWriteExecute>,
    /// What a security module knows its program by.
    pub label: Option<Label>,
    /// What SELinux knows its session keyring by.
    pub keyring_label: Option<Label>,
    /// What it denies itself.
    pub landlock: Option<Landlock>,
}

impl Privileges {
    /// Everything as the parent has it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The five sets of capabilities.
    #[must_use]
    pub fn capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = Some(capabilities);
        self
    }

    /// The securebits, all of them.
    #[must_use]
    pub fn securebits(mut self, securebits: Securebits) -> Self {
        self.securebits = Some(securebits);
        self
    }

    /// No exec gives the process, and what it starts, more than it has.
    #[must_use]
    #[doc(alias = "PR_SET_NO_NEW_PRIVS")]
    pub fn no_new_privs(mut self) -> Self {
        self.no_new_privs = true;
        self
    }

    /// Adds a resource limit.
    #[must_use]
    pub fn rlimit(mut self, rlimit: Rlimit) -> Self {
        self.rlimits.push(rlimit);
        self
    }

    /// Whom the kernel kills first when memory runs out.
    #[must_use]
    pub fn oom_score_adj(mut self, oom_score_adj: OomScoreAdj) -> Self {
        self.oom_score_adj = Some(oom_score_adj);
        self
    }

    /// Nobody below root may look into the process until it executes a program.
    #[must_use]
    #[doc(alias = "PR_SET_DUMPABLE")]
    pub fn undumpable(mut self) -> Self {
        self.undumpable = true;
        self
    }

    /// The keys of the caller's session are not the process's: it gets a session keyring of its own. See keyrings(7).
    #[must_use]
    #[doc(alias = "KEYCTL_JOIN_SESSION_KEYRING")]
    pub fn session_keyring(mut self) -> Self {
        self.session_keyring = true;
        self
    }

    /// Which system calls the process, and what it starts, may make.
    ///
    /// Without [`no_new_privs`](Self::no_new_privs) it takes `CAP_SYS_ADMIN`, and the policy must allow what comes after it:
    /// the change of user and of capabilities.
    #[must_use]
    #[doc(alias = "SECCOMP_SET_MODE_FILTER")]
    pub fn seccomp(mut self, policy: Policy) -> Self {
        self.seccomp = Some(policy);
        self
    }

    /// The filter of its [policy](Self::seccomp) is loaded so. A listener it has of whoever starts it, if of anybody:
    /// [`Loading::wait_killable`] says nothing without one.
    #[must_use]
    pub fn seccomp_loading(mut self, loading: Loading) -> Self {
        self.seccomp_loading = loading;
        self
    }

    /// It runs on these processors alone.
    #[must_use]
    #[doc(alias = "sched_setaffinity")]
    pub fn cpu_affinity(mut self, processors: impl Into<NumberSet>) -> Self {
        self.cpu_affinity = Some(processors.into());
        self
    }

    /// Its memory comes from these nodes.
    #[must_use]
    #[doc(alias = "set_mempolicy")]
    pub fn memory_policy(mut self, policy: MemoryPolicy) -> Self {
        self.memory_policy = Some(policy);
        self
    }

    /// It gets processor time by this rule.
    #[must_use]
    #[doc(alias = "sched_setattr")]
    pub fn scheduler(mut self, scheduler: Scheduler) -> Self {
        self.scheduler = Some(scheduler);
        self
    }

    /// A disk sees its requests with this priority.
    #[must_use]
    #[doc(alias = "ioprio_set")]
    pub fn io_priority(mut self, priority: IoPriority) -> Self {
        self.io_priority = Some(priority);
        self
    }

    /// Nobody else runs on the sibling of its processor, and what it starts shares with it.
    #[must_use]
    #[doc(alias = "PR_SCHED_CORE")]
    pub fn core_scheduling(mut self) -> Self {
        self.core_scheduling = true;
        self
    }

    /// The machine is said to be this.
    #[must_use]
    pub fn personality(mut self, personality: Personality) -> Self {
        self.personality = Some(personality);
        self
    }

    /// It gets this signal when the *thread* that starts it ends. See [`ParentDeathSignal`] for what undoes it.
    #[must_use]
    #[doc(alias = "PR_SET_PDEATHSIG")]
    pub fn parent_death_signal(mut self, signal: ParentDeathSignal) -> Self {
        self.parent_death_signal = Some(signal);
        self
    }

    /// It has no memory that is written and executed.
    #[must_use]
    #[doc(alias = "PR_SET_MDWE")]
    pub fn deny_write_execute(mut self, how: DenyWriteExecute) -> Self {
        self.deny_write_execute = Some(how);
        self
    }

    /// A security module knows its program by this label.
    #[must_use]
    #[doc(alias = "apparmor")]
    #[doc(alias = "selinux")]
    pub fn label(mut self, label: Label) -> Self {
        self.label = Some(label);
        self
    }

    /// SELinux knows its [session keyring](Self::session_keyring) by this label.
    #[must_use]
    pub fn keyring_label(mut self, label: Label) -> Self {
        self.keyring_label = Some(label);
        self
    }

    /// It denies itself this, in the root directory that it then has. Without [`no_new_privs`](Self::no_new_privs) it takes
    /// `CAP_SYS_ADMIN`.
    #[must_use]
    pub fn landlock(mut self, landlock: Landlock) -> Self {
        self.landlock = Some(landlock);
        self
    }

    /// Everything wrong with the description, a sentence each, which begins with the place.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = Vec::new();
        if let Some(capabilities) = &self.capabilities {
            problems.extend(capabilities.problems().into_iter().map(|problem| format!("capabilities.{problem}")));
        }
        if let Some(bits) = self.securebits {
            problems.extend(self.problems_of_securebits(bits));
        }
        for (at, rlimit) in self.rlimits.iter().enumerate() {
            let place = |problem: String| format!("rlimits[{at}]: {problem}");
            problems.extend(rlimit.problems().into_iter().map(place));
            if self.rlimits.iter().take(at).any(|earlier| earlier.resource == rlimit.resource) {
                problems.push(place(format!("{} is limited twice", rlimit.resource)));
            }
        }
        problems.extend(self.oom_score_adj.into_iter().flat_map(OomScoreAdj::problems));
        match self.seccomp.as_ref().map(Policy::compile) {
            Some(Err(error)) => problems.extend(error.problems().iter().map(|problem| format!("seccomp.{problem}"))),
            Some(Ok(filter)) => problems.extend(filter.foreign().map(|why| format!("seccomp.arches: {why}"))),
            None => {}
        }
        if self.seccomp.is_none() && self.seccomp_loading != Loading::new() {
            problems.push(format!("seccomp_loading: there is no policy to be loaded {}", self.seccomp_loading));
        }
        problems.extend(self.cpu_affinity.iter().flat_map(affinity::problems));
        problems.extend(self.memory_policy.iter().flat_map(MemoryPolicy::problems));
        problems.extend(self.scheduler.iter().flat_map(Scheduler::problems));
        problems.extend(self.io_priority.into_iter().flat_map(IoPriority::problems));
        problems.extend(self.parent_death_signal.into_iter().flat_map(ParentDeathSignal::problems));
        problems.extend(self.label.iter().flat_map(Label::problems));
        problems.extend(self.problems_of_keyring());
        problems.extend(self.landlock.iter().flat_map(Landlock::problems));
        problems
    }

    fn problems_of_keyring(&self) -> Vec<String> {
        match &self.keyring_label {
            None => Vec::new(),
            Some(label) if label.module() != "selinux" => {
                vec![format!("keyring_label: {label} is none: keys have labels of SELinux alone")]
            }
            Some(_) if !self.session_keyring => {
                vec!["keyring_label: no session keyring is asked for that it could be given to".to_owned()]
            }
            Some(label) => label.problems().into_iter().map(|problem| format!("keyring_{problem}")).collect(),
        }
    }

    /// The switches that stand in the way of the sets: they are thrown while there still is the right to.
    fn problems_of_securebits(&self, bits: Securebits) -> Vec<String> {
        let mut problems = Vec::new();
        if bits.contains(Securebits::NO_CAP_AMBIENT_RAISE) && self.sets().is_some_and(|sets| !sets.ambient.is_empty()) {
            problems.push("securebits: no_cap_ambient_raise forbids the ambient set that is asked for".to_owned());
        }
        problems
    }

    fn sets(&self) -> Option<&Capabilities> {
        self.capabilities.as_ref()
    }

    /// Whether the description makes sense by itself. What this kernel has, and the caller may give, is not asked.
    ///
    /// # Errors
    /// `Invalid`, with every [problem](Self::problems).
    pub fn check(&self) -> Result<(), Error> {
        let problems = self.problems();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid("use", Object::Named("privileges"), problems)) }
    }

    /// The sets that a program has once user `uid` has executed it, if it is neither setuid nor setgid and its file has no
    /// capabilities; `None` where they are not described.
    ///
    /// It may differ from what was asked: the kernel gives root's programs everything in the bounding and inheritable
    /// sets, other users' what is ambient. `uid` is the number inside of the user namespace; where the securebits are not
    /// described they are taken to be all off.
    #[must_use]
    pub fn after_exec(&self, uid: u32) -> Option<Capabilities> {
        let sets = *self.sets()?;
        let bits = self.securebits.unwrap_or_default();
        if uid != 0 || bits.contains(Securebits::NOROOT) {
            return Some(Capabilities { permitted: sets.ambient, effective: sets.ambient, ..sets });
        }
        let mut permitted: CapSet = sets.inheritable | sets.bounding;
        if self.no_new_privs {
            permitted &= sets.permitted;
        }
        // What is ambient is among them: it is permitted and inheritable.
        Some(Capabilities { permitted, effective: permitted, ..sets })
    }
}
