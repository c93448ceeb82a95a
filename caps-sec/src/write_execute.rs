// SPDX-License-Identifier: MIT OR Apache-2.0
//! Write or execute: memory that was ever writable cannot be executed.
//!
//! Man: PR_SET_MDWE(2const). Kernel: mm/mprotect.c.

use crate::error::{Error, Object};
use crate::floor::{sys, thread};

const PROCESS: Object = Object::Named("this process");

/// That memory of a process cannot be written and executed, nor become executable later. It cannot be undone.
///
/// Programs that make code as they run (Java, JavaScript, some regular expressions) do not run under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
#[doc(alias = "MDWE")]
pub enum DenyWriteExecute {
    /// For the process, what it starts, and what that executes.
    Inherited,
    /// For the process alone, until it executes a program. Linux 6.6.
    Here,
}

impl DenyWriteExecute {
    const REFUSE_EXEC_GAIN: u32 = 1;
    const NO_INHERIT: u32 = 2;

    pub(crate) const fn bits(self) -> u32 {
        match self {
            Self::Inherited => Self::REFUSE_EXEC_GAIN,
            Self::Here => Self::REFUSE_EXEC_GAIN | Self::NO_INHERIT,
        }
    }

    /// Whether and how it is denied to this process.
    ///
    /// # Errors
    /// `Invalid` before Linux 6.3.
    #[doc(alias = "PR_GET_MDWE")]
    pub fn current() -> Result<Option<Self>, Error> {
        let bits = sys::prctl(sys::pr::GET_MDWE, 0, 0)
            .map_err(|errno| Error::os("ask for memory that is written and executed in", PROCESS, errno.0.into()))?;
        Ok(match u32::try_from(bits).unwrap_or_default() {
            0 => None,
            bits if bits & Self::NO_INHERIT != 0 => Some(Self::Here),
            _ => Some(Self::Inherited),
        })
    }

    /// Denies it to this *process*, all threads of it; there is no way back. Allocates nothing where it succeeds.
    ///
    /// # Errors
    /// `Invalid` before Linux 6.3 and, of what is not inherited, 6.6; `Denied` for another kind than the process has.
    #[doc(alias = "PR_SET_MDWE")]
    pub fn enter_process(self) -> Result<(), Error> {
        thread::deny_write_execute(self.bits()).map_err(|failure| {
            Error::os("deny memory that is written and executed to", PROCESS, failure.errno.0.into())
        })
    }
}
