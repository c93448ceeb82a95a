// SPDX-License-Identifier: MIT OR Apache-2.0
//! Resource limits: what one process may use of sixteen resources.
//!
//! A [`Rlimit`] is a value: a [`Resource`], the soft [`Limit`] that holds, and the hard one up to which the process may
//! raise it by itself. Children inherit them.
//!
//! Man: getrlimit(2), prlimit(2).

mod limit;
mod resource;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Object};
use crate::floor::sys::{self, Limits};

pub use limit::Limit;
pub use resource::Resource;

/// One resource limit: what holds, and what it can be raised to.
///
/// Its text, both ways, is that of `docker run --ulimit`: "nofile=1024:4096" is soft and hard, "core=0" both,
/// "memlock=unlimited" neither.
///
/// ```
/// use skep_caps_sec::{Limit, Resource, Rlimit};
///
/// let files: Rlimit = "nofile=1024:4096".parse()?;
/// assert_eq!(files, Rlimit::new(Resource::Nofile, 1024, 4096));
/// assert_eq!(Rlimit::both(Resource::Memlock, Limit::UNLIMITED).to_string(), "memlock=unlimited");
/// assert_eq!(Rlimit::new(Resource::Nofile, 2, 1).problems(), ["nofile: the soft limit 2 is above the hard limit 1"]);
/// # Ok::<(), skep_caps_sec::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Rlimit {
    /// What is limited.
    pub resource: Resource,
    /// What holds, in the unit of the resource.
    pub soft: Limit,
    /// What the process may raise the soft limit to. It may lower this, and not raise it again.
    pub hard: Limit,
}

impl Rlimit {
    /// Soft and hard, in the unit of the resource.
    #[must_use]
    pub fn new(resource: Resource, soft: impl Into<Limit>, hard: impl Into<Limit>) -> Self {
        Self { resource, soft: soft.into(), hard: hard.into() }
    }

    /// The same soft and hard.
    #[must_use]
    pub fn both(resource: Resource, limit: impl Into<Limit>) -> Self {
        let limit = limit.into();
        Self { resource, soft: limit, hard: limit }
    }

    /// What is wrong with it by itself, in sentences.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let Self { resource, soft, hard } = self;
        if soft > hard {
            return vec![format!("{resource}: the soft limit {soft} is above the hard limit {hard}")];
        }
        Vec::new()
    }

    /// Whether its hard limit is above that of `present`, which takes `CAP_SYS_RESOURCE` in the first user namespace.
    #[must_use]
    pub fn raises(&self, present: &Self) -> bool {
        self.hard > present.hard
    }

    /// The limit of this process.
    ///
    /// # Errors
    /// `Invalid` for a resource that the kernel does not know; where a filter forbids prlimit(2).
    #[doc(alias = "getrlimit")]
    pub fn current(resource: Resource) -> Result<Self, Error> {
        Self::exchange(resource, 0, None, "read the limit")
    }

    /// The limit of process `pid`.
    ///
    /// # Errors
    /// `NotFound` if there is no such process; `Denied` if it is another user's.
    /// # Privileges
    /// None for one's own processes, by real user and group; else `CAP_SYS_RESOURCE`.
    #[doc(alias = "prlimit")]
    pub fn of_process(resource: Resource, pid: u32) -> Result<Self, Error> {
        Self::exchange(resource, pid, None, "read the limit")
    }

    /// Limits process `pid`, and answers what was before.
    ///
    /// # Errors
    /// `Invalid` with every problem, before anything is touched; `NotFound` if there is no such process; `Denied` if it is
    /// another user's, or the hard limit would be raised.
    /// # Privileges
    /// As [`of_process`](Self::of_process); `CAP_SYS_RESOURCE` in the first user namespace to raise a hard limit.
    #[doc(alias = "prlimit")]
    pub fn apply_to(&self, pid: u32) -> Result<Self, Error> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(Error::invalid("limit", Object::Resource(self.resource, pid), problems));
        }
        let new = Limits { soft: self.soft.to_kernel(), hard: self.hard.to_kernel() };
        Self::exchange(self.resource, pid, Some(new), "limit").map_err(|error| match error.errno() {
            Some(EPERM) if self.resource == Resource::Nofile => error.with_hint(
                "a hard limit can only be raised with CAP_SYS_RESOURCE in the first user namespace, and that of nofile \
                 not above the sysctl fs.nr_open",
            ),
            Some(EPERM) => error.with_hint(
                "a hard limit can only be raised with CAP_SYS_RESOURCE in the first user namespace, and another user's \
                 process only be limited with it",
            ),
            _ => error,
        })
    }

    fn exchange(resource: Resource, pid: u32, new: Option<Limits>, op: &'static str) -> Result<Self, Error> {
        let old = sys::prlimit(pid, resource.number(), new.as_ref()).map_err(|errno| {
            let pid = if pid == 0 { std::process::id() } else { pid };
            Error::os(op, Object::Resource(resource, pid), errno.0.into())
        })?;
        Ok(Self { resource, soft: Limit::from_kernel(old.soft), hard: Limit::from_kernel(old.hard) })
    }
}

const EPERM: i32 = 1;

impl fmt::Display for Rlimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, soft, hard } = self;
        if soft == hard { write!(f, "{resource}={soft}") } else { write!(f, "{resource}={soft}:{hard}") }
    }
}

impl FromStr for Rlimit {
    type Err = Error;

    /// Reads "nofile=1024:4096", or "nofile=1024" for both.
    ///
    /// # Errors
    /// `Invalid` for anything else. A soft limit above the hard one is read, and a [problem](Self::problems).
    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |why: String| Error::invalid("parse", Object::Named("resource limit"), vec![why]);
        let (name, limits) = text.split_once('=').ok_or_else(|| {
            bad(format!("{text:?} is not a resource, \"=\" and its limits, such as nofile=1024:4096"))
        })?;
        let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
        Ok(Self { resource: name.parse()?, soft: soft.parse()?, hard: hard.parse()? })
    }
}
