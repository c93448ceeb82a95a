// SPDX-License-Identifier: MIT OR Apache-2.0
//! A step: one thing that a process does to have less power, as a value, as words of a plan, and done.
//!
//! Man: capabilities(7).

use super::sys::Errno;
use super::{limits, thread};

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
    },
}

/// Why a step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// The kernel's answer.
    pub errno: Errno,
    /// Where within the step: a capability's number, [`thread::WHOLE`], [`limits::OPENING`] or [`limits::WRITING`].
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
            // Longer than a word can say is longer than any plan is: what decodes it finds no such bytes.
            Step::Seccomp { program } => {
                [11, keep(program), u32::try_from(program.len()).unwrap_or(u32::MAX), 0, 0, 0, 0]
            }
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
            11 => Step::Seccomp { program: bytes(a, b)? },
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
            Step::Seccomp { program } => thread::seccomp(program),
        }
    }
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
