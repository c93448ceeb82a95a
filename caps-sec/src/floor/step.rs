// SPDX-License-Identifier: MIT OR Apache-2.0
//! A step: one thing that a process does to have less power, as a value, as words of a plan, and done.
//!
//! Man: capabilities(7).

use super::sys::{Errno, sched};
use super::{label, landlock, limits, thread};

/// Words of a step: its kind and six operands, numbers or where bytes are.
pub const WORDS: usize = 7;

/// One thing that the child does to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Drop from the bounding set what is not to be kept, unknown capabilities included.
    DropBounding {
        /// What stays, if it is there.
        keep: u64,
    },
    /// Have the permitted set outlive the change from root to another user.
    KeepCaps,
    /// Set the effective, permitted and inheritable sets.
    SetCaps {
        /// What is in force.
        effective: u64,
        /// What may be put in force.
        permitted: u64,
        /// What a program with inheritable file capabilities gets.
        inheritable: u64,
    },
    /// Set the ambient set.
    Ambient {
        /// What programs get though they have no file capabilities.
        set: u64,
    },
    /// Set the securebits.
    Securebits {
        /// `SECBIT_*`, all of them.
        bits: u32,
    },
    /// Forbid to gain privileges by an exec.
    NoNewPrivs,
    /// Set a resource limit.
    Rlimit {
        /// `RLIMIT_*`.
        resource: u32,
        /// What holds; `u64::MAX` is no limit.
        soft: u64,
        /// What it can be raised to.
        hard: u64,
    },
    /// Set whom the kernel kills first.
    OomScoreAdj {
        /// From -1000, never, to 1000, first.
        value: i32,
    },
    /// Deny others to look into this process.
    Undumpable,
    /// Leave the caller's session keyring for a new one.
    SessionKeyring,
    /// Filter the system calls.
    Seccomp {
        /// `struct sock_filter`, 8 bytes each.
        program: &'a [u8],
        /// `SECCOMP_FILTER_FLAG_*`, without that for a listener.
        flags: u32,
    },
    /// Get a signal when the thread that started this one ends.
    ParentDeathSignal {
        /// Its number.
        signal: u32,
    },
    /// Deny memory that is written and executed.
    DenyWriteExecute {
        /// `PR_MDWE_*`.
        bits: u32,
    },
    /// Share processor cores with nobody else.
    CoreScheduling {
        /// Whose cookie is made: 0 this thread's, 1 its process's, 2 its process group's.
        scope: u32,
    },
    /// Set the personality.
    Personality {
        /// All of it.
        bits: u32,
    },
    /// Set how this thread is scheduled.
    Scheduler {
        /// `struct sched_attr`.
        attributes: &'a [u8],
    },
    /// Set the priority of input and output.
    IoPriority {
        /// Its class in bits 13 to 15.
        value: u32,
    },
    /// Set where memory comes from.
    MemoryPolicy {
        /// `MPOL_*` and its flags.
        mode: u32,
        /// The nodes, a bit each, in whole words of 8 bytes.
        nodes: &'a [u8],
    },
    /// Set the processors to run on.
    Affinity {
        /// A bit each.
        processors: &'a [u8],
    },
    /// Set a label of a security module.
    Label {
        /// `LSM_ATTR_*`.
        attribute: u32,
        /// `struct lsm_ctx` with its text behind it.
        context: &'a [u8],
    },
    /// Restrict the thread by a Landlock ruleset.
    Landlock {
        /// As [`landlock`] describes it.
        ruleset: &'a [u8],
    },
}

/// Why a step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// The kernel's answer.
    pub errno: Errno,
    /// Where within the step: a capability's number, a rule's; [`thread::WHOLE`]; what [`procfs`](super::procfs),
    /// [`label`] and [`landlock`] say of themselves.
    pub part: u16,
}

impl Failure {
    /// A failure of a step that is one call.
    pub(super) const fn whole(errno: Errno) -> Self {
        Self { errno, part: thread::WHOLE }
    }
}

impl<'a> Step<'a> {
    /// The step as words of a plan. `keep` keeps bytes and answers their offset.
    pub fn encode(&self, keep: &mut impl FnMut(&[u8]) -> u32) -> [u32; WORDS] {
        match *self {
            Step::DropBounding { keep } => [1, low(keep), high(keep), 0, 0, 0, 0],
            Step::KeepCaps => [2, 0, 0, 0, 0, 0, 0],
            Step::SetCaps { effective: e, permitted: p, inheritable: i } => {
                [3, low(e), high(e), low(p), high(p), low(i), high(i)]
            }
            Step::Ambient { set } => [4, low(set), high(set), 0, 0, 0, 0],
            Step::Securebits { bits } => [5, bits, 0, 0, 0, 0, 0],
            Step::NoNewPrivs => [6, 0, 0, 0, 0, 0, 0],
            Step::Rlimit { resource, soft, hard } => [7, resource, low(soft), high(soft), low(hard), high(hard), 0],
            Step::OomScoreAdj { value } => [8, value.cast_unsigned(), 0, 0, 0, 0, 0],
            Step::Undumpable => [9, 0, 0, 0, 0, 0, 0],
            Step::SessionKeyring => [10, 0, 0, 0, 0, 0, 0],
            Step::Seccomp { program, flags } => [11, keep(program), length(program), flags, 0, 0, 0],
            Step::ParentDeathSignal { signal } => [12, signal, 0, 0, 0, 0, 0],
            Step::DenyWriteExecute { bits } => [13, bits, 0, 0, 0, 0, 0],
            Step::CoreScheduling { scope } => [14, scope, 0, 0, 0, 0, 0],
            Step::Personality { bits } => [15, bits, 0, 0, 0, 0, 0],
            Step::Scheduler { attributes } => [16, keep(attributes), length(attributes), 0, 0, 0, 0],
            Step::IoPriority { value } => [17, value, 0, 0, 0, 0, 0],
            Step::MemoryPolicy { mode, nodes } => [18, keep(nodes), length(nodes), mode, 0, 0, 0],
            Step::Affinity { processors } => [19, keep(processors), length(processors), 0, 0, 0, 0],
            Step::Label { attribute, context } => [20, keep(context), length(context), attribute, 0, 0, 0],
            Step::Landlock { ruleset } => [21, keep(ruleset), length(ruleset), 0, 0, 0, 0],
        }
    }

    /// The step of these words; `None` for what [`encode`](Self::encode) never answers. `bytes` answers those at an offset,
    /// as many as are asked for.
    pub fn decode(words: [u32; WORDS], bytes: &impl Fn(u32, u32) -> Option<&'a [u8]>) -> Option<Self> {
        let [kind, a, b, c, d, e, f] = words;
        let step = match kind {
            1 => Step::DropBounding { keep: join(a, b) },
            2 => Step::KeepCaps,
            3 => Step::SetCaps { effective: join(a, b), permitted: join(c, d), inheritable: join(e, f) },
            4 => Step::Ambient { set: join(a, b) },
            5 => Step::Securebits { bits: a },
            6 => Step::NoNewPrivs,
            7 => Step::Rlimit { resource: a, soft: join(b, c), hard: join(d, e) },
            8 => Step::OomScoreAdj { value: a.cast_signed() },
            9 => Step::Undumpable,
            10 => Step::SessionKeyring,
            11 => Step::Seccomp { program: bytes(a, b)?, flags: c },
            12 => Step::ParentDeathSignal { signal: a },
            13 => Step::DenyWriteExecute { bits: a },
            14 => Step::CoreScheduling { scope: a },
            15 => Step::Personality { bits: a },
            16 => Step::Scheduler { attributes: bytes(a, b)? },
            17 => Step::IoPriority { value: a },
            18 => Step::MemoryPolicy { mode: c, nodes: bytes(a, b)? },
            19 => Step::Affinity { processors: bytes(a, b)? },
            20 => Step::Label { attribute: c, context: bytes(a, b)? },
            21 => Step::Landlock { ruleset: bytes(a, b)? },
            _ => return None,
        };
        // Operands that a kind does not have are 0: then a plan says nothing that is not performed.
        (step.encode(&mut |_| a) == words).then_some(step)
    }

    /// Does it, to the calling thread.
    ///
    /// # Errors
    /// The kernel's answer, and where within the step.
    pub fn perform(&self) -> Result<(), Failure> {
        match *self {
            Step::DropBounding { keep } => thread::drop_bounding(keep),
            Step::KeepCaps => thread::keep_caps(),
            Step::SetCaps { effective, permitted, inheritable } => thread::set_caps(effective, permitted, inheritable),
            Step::Ambient { set } => thread::ambient(set),
            Step::Securebits { bits } => thread::securebits(bits),
            Step::NoNewPrivs => thread::no_new_privs(),
            Step::Rlimit { resource, soft, hard } => limits::rlimit(resource, soft, hard),
            Step::OomScoreAdj { value } => limits::oom_score_adj(value),
            Step::Undumpable => thread::undumpable(),
            Step::SessionKeyring => thread::session_keyring(),
            Step::Seccomp { program, flags } => thread::seccomp(program, flags),
            Step::ParentDeathSignal { signal } => thread::parent_death_signal(signal),
            Step::DenyWriteExecute { bits } => thread::deny_write_execute(bits),
            Step::CoreScheduling { scope } => sched::create_core_cookie(0, scope).map_err(Failure::whole),
            Step::Personality { bits } => thread::personality(bits),
            Step::Scheduler { attributes } => sched::set_scheduler(0, attributes).map_err(Failure::whole),
            Step::IoPriority { value } => sched::set_io_priority(0, value).map_err(Failure::whole),
            Step::MemoryPolicy { mode, nodes } => sched::set_memory_policy(mode, nodes).map_err(Failure::whole),
            Step::Affinity { processors } => sched::set_affinity(0, processors).map_err(Failure::whole),
            Step::Label { attribute, context } => label::set(attribute, context),
            Step::Landlock { ruleset } => landlock::enter(ruleset),
        }
    }
}

/// Longer than a word can say is longer than any plan is: what decodes it finds no such bytes.
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

const fn low(number: u64) -> u32 {
    (number & 0xffff_ffff) as u32
}

const fn high(number: u64) -> u32 {
    (number >> 32) as u32
}

const fn join(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}
