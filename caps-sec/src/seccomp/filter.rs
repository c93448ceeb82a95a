// SPDX-License-Identifier: MIT OR Apache-2.0
//! Filters: a compiled policy, as the kernel takes it.
//!
//! Man: seccomp(2), `SECCOMP_SET_MODE_FILTER`.

use std::fmt;

use super::bpf::{self, Instruction, SIZE};
use super::{Arch, Verdict};
use crate::error::{Error, ErrorKind, Object};
use crate::floor;

/// A filter of system calls: what [`Policy::compile`](super::Policy::compile) makes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Filter {
    arches: Vec<Arch>,
    bytes: Vec<u8>,
}

impl Filter {
    pub(super) fn new(arches: &[Arch], program: &[Instruction]) -> Self {
        let big_endian = arches.iter().any(|arch| arch.is_big_endian());
        let bytes = program.iter().flat_map(|instruction| instruction.to_bytes(big_endian)).collect();
        Self { arches: arches.to_vec(), bytes }
    }

    /// A filter that the kernel refuses: for a policy that has none, which was not asked before.
    pub(crate) const fn none() -> Self {
        Self { arches: Vec::new(), bytes: Vec::new() }
    }

    /// The filter of these bytes, which somebody else has compiled for this architecture, or [`as_bytes`](Self::as_bytes)
    /// has given: checked as the kernel does.
    ///
    /// # Errors
    /// `Invalid`, with what the kernel would not take, and at which instruction.
    #[doc(alias = "seccomp_check_filter")]
    pub fn from_bytes(arch: Arch, bytes: &[u8]) -> Result<Self, Error> {
        let filter = Self { arches: vec![arch], bytes: bytes.to_vec() };
        match filter.fault() {
            None => Ok(filter),
            Some(fault) => Err(Error::invalid("read", Object::Named("the seccomp filter"), vec![fault])),
        }
    }

    /// The architecture whose programs it is for; the first, where it is for several.
    #[must_use]
    pub fn arch(&self) -> Arch {
        self.arches.first().copied().unwrap_or(Arch::NATIVE)
    }

    /// The architectures whose programs it is for. It kills processes of others.
    #[must_use]
    pub fn arches(&self) -> &[Arch] {
        &self.arches
    }

    /// Whether it can be loaded here: it is for programs that this machine runs.
    #[must_use]
    pub fn runs_here(&self) -> bool {
        self.arches.iter().any(|arch| arch.runs_here())
    }

    pub(super) fn is_big_endian(&self) -> bool {
        self.arch().is_big_endian()
    }

    /// Why it cannot be loaded here.
    pub(crate) fn foreign(&self) -> Option<String> {
        let arch = self.arch();
        (!self.bytes.is_empty() && !self.runs_here())
            .then(|| format!("the filter is for {arch}, and this is {}: it would kill every process", Arch::NATIVE))
    }

    /// How many instructions it has.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "none is empty")]
    pub const fn len(&self) -> usize {
        self.bytes.len() / SIZE
    }

    /// How many instructions the kernel performs for a call at most.
    #[must_use]
    pub fn worst_depth(&self) -> usize {
        // All jumps lead forward: from the end on, each is one more than the deepest that it can lead to.
        let mut depths = vec![0_usize; self.len()];
        for at in (0..self.len()).rev() {
            let next = self.instruction(at).map(|instruction| instruction.leads_to(at)).unwrap_or_default();
            let deepest = next.into_iter().flatten().filter_map(|place| depths.get(place)).max().copied();
            if let Some(depth) = depths.get_mut(at) {
                *depth = 1 + deepest.unwrap_or_default();
            }
        }
        depths.first().copied().unwrap_or_default()
    }

    /// Whether it asks a supervisor about some calls: it is to be loaded with a [`Listener`](super::Listener) then.
    #[must_use]
    pub fn asks_supervisor(&self) -> bool {
        let asks =
            |instruction: Instruction| instruction.code == bpf::ANSWER && Verdict::of(instruction.k) == Verdict::Notify;
        (0..self.len()).filter_map(|at| self.instruction(at)).any(asks)
    }

    /// The instructions, 8 bytes each: an array of `struct sock_filter`, in the byte order of its architecture.
    #[must_use]
    #[doc(alias = "sock_filter")]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Instruction number `at`.
    pub(super) fn instruction(&self, at: usize) -> Option<Instruction> {
        let bytes = self.bytes.get(at.checked_mul(SIZE)?..)?.first_chunk::<SIZE>()?;
        Some(Instruction::of_bytes(*bytes, self.is_big_endian()))
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arches: Vec<_> = self.arches.iter().map(Arch::to_string).collect();
        write!(f, "Filter({} instructions for {})", self.len(), arches.join(", "))
    }
}

/// Puts the filter in force for the calling thread and all that it starts; there is no way back.
///
/// It comes on top of those that are in force already: of all their verdicts the severest counts. Other threads of the
/// process are not filtered.
///
/// # Errors
/// `Unsupported` for a filter of an architecture whose programs this machine does not run; `Denied` without `no_new_privs` and without `CAP_SYS_ADMIN`; `Invalid` for a kernel without filters; `Exhausted` where
/// those of the thread have more than 32768 instructions together; the error of a filter that forbids the call.
/// # Privileges
/// [`no_new_privs`](crate::enter_no_new_privs), or `CAP_SYS_ADMIN` in the thread's user namespace.
/// # Kernel
/// Linux 3.17; `SECCOMP_RET_KILL_PROCESS` and `SECCOMP_RET_LOG` 4.14. See seccomp(2).
#[doc(alias = "SECCOMP_SET_MODE_FILTER")]
pub fn enter_seccomp(filter: &Filter) -> Result<(), Error> {
    const OP: &str = "filter the system calls of";
    const OBJECT: Object = Object::Named("the calling thread");
    if let Some(why) = filter.foreign() {
        return Err(Error::because(OP, OBJECT, ErrorKind::Unsupported, why));
    }
    let step = floor::Step::Seccomp { program: filter.as_bytes(), flags: 0 };
    step.perform().map_err(|failure| {
        let errno = i32::from(failure.errno.0);
        let error = Error::os(OP, OBJECT, errno);
        match step.hint(failure.part, errno) {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    })
}
