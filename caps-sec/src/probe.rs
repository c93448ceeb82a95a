// SPDX-License-Identifier: MIT OR Apache-2.0
//! Facts: what this kernel has of what this crate speaks of, as the calling thread finds it.
//!
//! Everything is read, or asked by a call that changes nothing.
//!
//! Man: capabilities(7), landlock(7). Kernel: Documentation/userspace-api/lsm.rst.

use std::fmt;
use std::path::Path;

use crate::caps::{Cap, CapSet, Capabilities};
use crate::core_scheduling::CoreCookie;
use crate::floor::sys::{Errno, lsm};
use crate::keyring::session_keyring;
use crate::lsm::{Landlock, SecurityModule, SelinuxMode};
use crate::memory_policy::MemoryPolicy;
use crate::securebits::Securebits;
use crate::write_execute::DenyWriteExecute;

/// What this kernel has, as the calling thread finds it: a filter of system calls shows in it.
///
/// Displays as a list, a fact a line.
///
/// ```
/// let facts = skep_caps_sec::Facts::probe();
/// assert!(facts.last_cap >= Some(skep_caps_sec::Cap::CHECKPOINT_RESTORE));
/// println!("{facts}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Facts {
    /// The last capability that it has.
    pub last_cap: Option<Cap>,
    /// What the caller can give of them: his bounding set.
    pub bounding: CapSet,
    /// The caller's securebits.
    pub securebits: Securebits,
    /// The security modules that are on, in the order in which they are asked; empty where it cannot be known.
    pub modules: Vec<SecurityModule>,
    /// Labels are set by lsm_set_self_attr(2) (Linux 6.8), and by /proc otherwise.
    pub lsm_calls: bool,
    /// The version of Landlock's interface; `None` where it is not on.
    pub landlock: Option<u32>,
    /// Whether AppArmor decides about mounts; `None` where it is not on, or securityfs not mounted.
    pub apparmor_mounts: Option<bool>,
    /// Whether SELinux forbids or complains; `None` where it is not on.
    pub selinux: Option<SelinuxMode>,
    /// Memory that is written and executed can be denied (Linux 6.3).
    pub deny_write_execute: bool,
    /// Cores can be shared by cookie: the kernel has it, and the machine cores of several processors (Linux 5.14).
    pub core_scheduling: bool,
    /// There are nodes of memory (`CONFIG_NUMA`).
    pub memory_policy: bool,
    /// There are keyrings.
    pub keyrings: bool,
}

impl Facts {
    /// Looks at this machine. Changes nothing; what cannot be asked is taken to be absent.
    /// # Kernel
    /// Reads /sys, and asks by calls that are refused for what they ask. See capabilities(7).
    #[must_use]
    pub fn probe() -> Self {
        let modules = SecurityModule::active().unwrap_or_default();
        let features = Path::new("/sys/kernel/security/apparmor/features");
        Self {
            last_cap: Cap::last().ok(),
            bounding: Capabilities::current().unwrap_or_default().bounding,
            securebits: Securebits::current().unwrap_or_default(),
            lsm_calls: lsm::list(&mut []) != Err(Errno::NOSYS),
            landlock: Landlock::version().ok(),
            apparmor_mounts: features.exists().then(|| features.join("mount/mask").exists()),
            selinux: SelinuxMode::current().ok().flatten(),
            deny_write_execute: DenyWriteExecute::current().is_ok(),
            core_scheduling: CoreCookie::of_thread(0).is_ok(),
            memory_policy: MemoryPolicy::current().is_ok(),
            keyrings: session_keyring().is_ok(),
            modules,
        }
    }

    /// Whether this module is on; `None` where it cannot be known.
    #[must_use]
    pub fn module(&self, name: &str) -> Option<bool> {
        (!self.modules.is_empty()).then(|| self.modules.iter().any(|module| module.name() == name))
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = |has: bool| if has { "yes" } else { "no" };
        match self.last_cap {
            Some(cap) => writeln!(f, "last capability: {cap} ({})", cap.number())?,
            None => writeln!(f, "last capability: unknown")?,
        }
        writeln!(f, "the caller can give: {}", self.bounding)?;
        writeln!(f, "securebits: {}", self.securebits)?;
        let modules: Vec<&str> = self.modules.iter().map(SecurityModule::name).collect();
        writeln!(
            f,
            "security modules: {}",
            if modules.is_empty() { "unknown".to_owned() } else { modules.join(", ") }
        )?;
        writeln!(f, "lsm_set_self_attr(2): {}", has(self.lsm_calls))?;
        match self.landlock {
            Some(version) => writeln!(f, "Landlock: version {version}")?,
            None => writeln!(f, "Landlock: no")?,
        }
        if let Some(mounts) = self.apparmor_mounts {
            writeln!(f, "AppArmor decides about mounts: {}", has(mounts))?;
        }
        if let Some(mode) = self.selinux {
            writeln!(f, "SELinux: {}", if mode == SelinuxMode::Enforcing { "enforcing" } else { "permissive" })?;
        }
        writeln!(f, "deny memory that is written and executed: {}", has(self.deny_write_execute))?;
        writeln!(f, "core scheduling: {}", has(self.core_scheduling))?;
        writeln!(f, "nodes of memory: {}", has(self.memory_policy))?;
        write!(f, "keyrings: {}", has(self.keyrings))
    }
}
