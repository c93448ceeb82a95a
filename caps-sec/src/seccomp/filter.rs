// SPDX-License-Identifier: MIT OR Apache-2.0
//! Filters: a compiled policy, as the kernel takes it.
//!
//! Man: seccomp(2), `SECCOMP_SET_MODE_FILTER`.

use std::fmt;

use super::Arch;
use super::bpf::{Instruction, SIZE};
use crate::error::{Error, Object};
use crate::floor;

/// A filter of system calls: what [`Policy::compile`](super::Policy::compile) makes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Filter {
    arch: Arch,
    bytes: Vec<u8>,
}

impl Filter {
    pub(super) fn new(arch: Arch, program: &[Instruction]) -> Self {
        Self { arch, bytes: program.iter().flat_map(|instruction| instruction.to_bytes()).collect() }
    }

    /// A filter that the kernel refuses: for a policy that has none, which was not asked before.
    pub(crate) const fn none() -> Self {
        Self { arch: Arch::NATIVE, bytes: Vec::new() }
    }

    /// The architecture whose programs it is for.
    #[must_use]
    pub const fn arch(&self) -> Arch {
        self.arch
    }

    /// How many instructions it has.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "none is empty")]
    pub const fn len(&self) -> usize {
        self.bytes.len() / SIZE
    }

    /// The instructions, 8 bytes each: an array of `struct sock_filter`.
    #[must_use]
    #[doc(alias = "sock_filter")]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Instruction number `at`.
    pub(super) fn instruction(&self, at: usize) -> Option<Instruction> {
        let bytes = self.bytes.get(at.checked_mul(SIZE)?..)?.first_chunk::<SIZE>()?;
        Some(Instruction::of_bytes(*bytes))
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({} instructions for {})", self.len(), self.arch)
    }
}

/// Puts the filter in force for the calling thread and all that it starts; there is no way back.
///
/// It comes on top of those that are in force already: of all their verdicts the severest counts. Other threads of the
/// process are not filtered.
///
/// # Errors
/// `Denied` without `no_new_privs` and without `CAP_SYS_ADMIN`; `Invalid` for a kernel without filters; `Exhausted` where
/// those of the thread have more than 32768 instructions together; the error of a filter that forbids the call.
/// # Privileges
/// [`no_new_privs`](crate::enter_no_new_privs), or `CAP_SYS_ADMIN` in the thread's user namespace.
/// # Kernel
/// Linux 3.17; `SECCOMP_RET_KILL_PROCESS` and `SECCOMP_RET_LOG` 4.14. See seccomp(2).
#[doc(alias = "SECCOMP_SET_MODE_FILTER")]
pub fn enter_seccomp(filter: &Filter) -> Result<(), Error> {
    let step = floor::Step::Seccomp { program: filter.as_bytes() };
    step.perform().map_err(|failure| {
        let errno = i32::from(failure.errno.0);
        let error = Error::os("filter the system calls of", Object::Named("the calling thread"), errno);
        match step.hint(failure.part, errno) {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    })
}
