// SPDX-License-Identifier: MIT OR Apache-2.0
//! Settings: keys with the values that they are to have.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rustix::fs::OFlags;
use rustix::io::{Errno, retry_on_intr, write};

use super::SysctlKey;
use crate::error::{Error, ErrorKind, Object};
use crate::kind::NamespaceFlags;
use crate::words::shown;

/// Values for keys, in the order of the keys. See sysctl.conf(5).
///
/// Displays, and parses, as lines of sysctl.conf(5): `kernel.shmmax = 65536`; what begins with `#` or `;` is a comment.
///
/// ```
/// use skep_ns::{NamespaceFlags, SysctlKey, Sysctls};
///
/// let wanted = Sysctls::new().value(SysctlKey::SHMMAX, 65536).value(SysctlKey::HOSTNAME, "hive");
/// assert_eq!(wanted.kinds(), NamespaceFlags::IPC | NamespaceFlags::UTS);
/// assert_eq!(wanted.to_string(), "kernel.hostname = hive\nkernel.shmmax = 65536\n");
/// wanted.check()?;
/// # Ok::<(), skep_ns::Error>(())
/// ```
///
/// With the feature `serde` it is an object: `{"kernel.shmmax": "65536"}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Sysctls(BTreeMap<SysctlKey, String>);

impl Sysctls {
    /// Nothing is set.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// With this value, in place of an earlier one of the key.
    #[must_use]
    pub fn value(mut self, key: SysctlKey, value: impl ToString) -> Self {
        self.0.insert(key, value.to_string());
        self
    }

    /// Every key and its value.
    pub fn iter(&self) -> impl Iterator<Item = (&SysctlKey, &str)> {
        self.0.iter().map(|(key, value)| (key, value.as_str()))
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The kinds of namespace that the keys belong to: where these are the machine's, so is what is set.
    #[must_use]
    pub fn kinds(&self) -> NamespaceFlags {
        self.0.keys().map(SysctlKey::kind).collect()
    }

    /// Everything wrong with the values, as far as the kernel's ranges are known, a sentence each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.iter().flat_map(|(key, value)| key.problems_of(value)).collect()
    }

    /// Whether the values can be set.
    ///
    /// # Errors
    /// `Invalid`, with every problem found.
    pub fn check(&self) -> Result<(), Error> {
        let problems = self.problems();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid("use", Object::Named("sysctls"), problems)) }
    }

    /// Sets the values **in the namespaces that the calling thread is in**: for every process in them, which may be the whole
    /// machine.
    ///
    /// # Errors
    /// `Invalid` before anything is set, for what [`check`](Self::check) refuses. At the first that fails, when those before
    /// it are set: `Unsupported` if the kernel has no such key, `Denied` without the right, `Invalid` if the kernel does not
    /// take the value; `WrongState` if what is at /proc, or in the way to a key, is not the kernel's: who has joined a mount
    /// namespace may find anything there, and nothing of it is written to.
    /// # Privileges
    /// By kind: `CAP_NET_ADMIN` over a net namespace, `CAP_SYS_ADMIN` over a uts namespace; for the others to be root in the
    /// user namespace that owns it.
    /// # Kernel
    /// Writes below /proc/sys. See proc_sys(5), sysctl(8).
    #[doc(alias = "sysctl")]
    pub fn enter_here(&self) -> Result<(), Error> {
        self.check()?;
        for (key, value) in self.iter() {
            let file = key.open(OFlags::WRONLY);
            // In one call: the kernel takes no part of a value.
            let taken = file.and_then(|file| retry_on_intr(|| write(&file, value.as_bytes())));
            taken.and_then(|taken| if taken == value.len() { Ok(()) } else { Err(Errno::INVAL) }).map_err(|errno| {
                let errno = errno.raw_os_error();
                match ErrorKind::of_errno(errno) {
                    ErrorKind::Invalid => {
                        let why = "the kernel does not take this value";
                        Error::explained("set", Object::Key(key.to_string()), ErrorKind::Invalid, errno, why)
                    }
                    _ => key.error("set", errno),
                }
            })?;
        }
        Ok(())
    }
}

impl fmt::Display for Sysctls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in self.iter() {
            writeln!(f, "{key} = {value}")?;
        }
        Ok(())
    }
}

impl FromStr for Sysctls {
    type Err = Error;

    /// Reads lines of sysctl.conf(5). Whether the values can be set is for [`Sysctls::check`].
    ///
    /// # Errors
    /// `Invalid`, with a problem for each line that cannot be read, naming line and column, and for each key that is not a
    /// namespace's.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut all = Self::new();
        let mut problems = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let begin = line.chars().take_while(|at| at.is_whitespace()).count() + 1;
            let said = line.trim();
            if said.is_empty() || said.starts_with(['#', ';']) {
                continue;
            }
            let Some((key, value)) = said.split_once('=') else {
                problems.push(format!("line {number}, column {begin}: {} is not KEY = VALUE", shown(said)));
                continue;
            };
            match SysctlKey::parse(key.trim_end()) {
                Err((column, problem)) => {
                    problems.push(format!("line {number}, column {}: {problem}", begin + column - 1));
                }
                Ok(key) if all.0.contains_key(&key) => {
                    problems.push(format!("line {number}, column {begin}: {key} has a value already"));
                }
                Ok(key) => drop(all.0.insert(key, value.trim().to_owned())),
            }
        }
        if problems.is_empty() { Ok(all) } else { Err(Error::invalid("parse", Object::Named("sysctls"), problems)) }
    }
}
