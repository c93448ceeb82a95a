// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parent's death: a signal that a process gets when the thread that started it ends.
//!
//! Man: PR_SET_PDEATHSIG(2const).

use crate::error::{Error, Object};
use crate::floor::{sys, thread};

const THREAD: Object = Object::Named("the calling thread");

/// The signal that a process gets when the *thread* that started it ends, by its number.
///
/// A change of user, group or capabilities undoes it, and so does the exec of a setuid program or one with capabilities of
/// its own. Who has asked for it must look at his parent afterwards: it may have ended before. A process whose starter must
/// be watched without these traps is better held by a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct ParentDeathSignal(u32);

impl ParentDeathSignal {
    /// Nobody can ignore it.
    pub const KILL: Self = Self(9);
    /// The polite one.
    pub const TERM: Self = Self(15);

    /// The signal of this number, from 1 to 64; other numbers are a [problem](Self::problems).
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// What is wrong with it, in sentences.
    #[must_use]
    pub fn problems(self) -> Vec<String> {
        if (1..=64).contains(&self.0) {
            Vec::new()
        } else {
            vec![format!("parent_death_signal: {} is no signal: they are 1 to 64", self.0)]
        }
    }

    /// That of the calling thread, if it has one.
    ///
    /// # Errors
    /// Where a filter forbids prctl(2).
    #[doc(alias = "PR_GET_PDEATHSIG")]
    pub fn current() -> Result<Option<Self>, Error> {
        let number = sys::parent_death_signal()
            .map_err(|errno| Error::os("read the parent death signal of", THREAD, errno.0.into()))?;
        Ok(u32::try_from(number).ok().filter(|number| *number != 0).map(Self))
    }

    /// Asks for it, or for none, for the calling thread. Allocates nothing where it succeeds.
    ///
    /// # Errors
    /// `Invalid` for what is no signal.
    #[doc(alias = "PR_SET_PDEATHSIG")]
    pub fn enter_thread(signal: Option<Self>) -> Result<(), Error> {
        thread::parent_death_signal(signal.map_or(0, Self::number))
            .map_err(|failure| Error::os("set the parent death signal of", THREAD, failure.errno.0.into()))
    }
}
