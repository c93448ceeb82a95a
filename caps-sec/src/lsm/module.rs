// SPDX-License-Identifier: MIT OR Apache-2.0
//! The modules: which of them are on.
//!
//! Kernel: include/uapi/linux/lsm.h.

use std::fmt;
use std::fs;

use crate::error::{Error, ErrorKind, Object};
use crate::floor::sys::{Errno, lsm};

/// A security module of the kernel.
///
/// Displays as the kernel's name for it ("apparmor"); one that has no name here is its number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(from = "String", into = "String"))]
pub struct SecurityModule(String);

/// Numbers and names.
const NAMES: [(u64, &str); 14] = [
    (100, "capability"),
    (101, "selinux"),
    (102, "smack"),
    (103, "tomoyo"),
    (104, "apparmor"),
    (105, "yama"),
    (106, "loadpin"),
    (107, "safesetid"),
    (108, "lockdown"),
    (109, "bpf"),
    (110, "landlock"),
    (111, "ima"),
    (112, "evm"),
    (113, "ipe"),
];

impl SecurityModule {
    /// The module of this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Its name, or its number.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    fn of_number(number: u64) -> Self {
        let known = NAMES.iter().find(|(known, _)| *known == number);
        Self(known.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned()))
    }

    /// The modules that are on, in the order in which they are asked.
    ///
    /// # Errors
    /// `Unsupported` before Linux 6.8 where securityfs is not mounted at /sys/kernel/security.
    /// # Kernel
    /// Linux 6.8 by lsm_list_modules(2); before, by /sys/kernel/security/lsm.
    #[doc(alias = "lsm_list_modules")]
    pub fn active() -> Result<Vec<Self>, Error> {
        const OP: &str = "list";
        const OBJECT: Object = Object::Named("the security modules of this kernel");
        let mut numbers = [0; 64];
        match lsm::list(&mut numbers) {
            Ok(count) => Ok(numbers.into_iter().take(count).map(Self::of_number).collect()),
            Err(Errno::NOSYS) => match fs::read_to_string("/sys/kernel/security/lsm") {
                Ok(text) => Ok(text.trim().split(',').filter(|name| !name.is_empty()).map(Self::new).collect()),
                Err(error) => {
                    let why = format!("this kernel has no lsm_list_modules(2), and /sys/kernel/security/lsm: {error}");
                    Err(Error::because(OP, OBJECT, ErrorKind::Unsupported, why).with_hint(
                        "securityfs must be mounted at /sys/kernel/security, or the kernel be Linux 6.8 or newer",
                    ))
                }
            },
            Err(errno) => Err(Error::os(OP, OBJECT, errno.0.into())),
        }
    }

    /// Whether it is among those that are on.
    ///
    /// # Errors
    /// As [`active`](Self::active).
    pub fn is_active(&self) -> Result<bool, Error> {
        Ok(Self::active()?.contains(self))
    }
}

impl From<String> for SecurityModule {
    fn from(name: String) -> Self {
        Self(name)
    }
}

impl From<SecurityModule> for String {
    fn from(module: SecurityModule) -> Self {
        module.0
    }
}

impl fmt::Display for SecurityModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
