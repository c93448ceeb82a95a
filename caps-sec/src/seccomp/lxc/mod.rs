// SPDX-License-Identifier: MIT OR Apache-2.0
//! LXC's policy text, `lxc.seccomp.profile`, of both versions: read, and written as version 2.
//!
//! ```text
//! 2
//! denylist                                    or: allowlist, each with an action for everything else
//! reject_force_umount                         umount2 with MNT_FORCE: EACCES
//! [all]                                       or an architecture: what follows is for it alone
//! kexec_load errno 1                          a call, an action, tests of arguments
//! ioctl errno 1 [1,0x5412,SCMP_CMP_EQ]
//! ```
//! Version 1 is a list of numbers that are allowed.
//!
//! Man: lxc.container.conf(5), "SECCOMP CONFIGURATION".

mod read;
mod write;

use super::{Arch, Compare, Policy, Verdict};
use crate::error::{Error, Object};

const OBJECT: Object = Object::Named("LXC's seccomp policy");

/// What a policy in LXC's text says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LxcPolicy {
    /// The policy, for all that a machine of the architecture runs.
    pub policy: Policy,
    /// Calls that no architecture has up to [`Arch::newest_kernel`], each with its line. LXC warns of them, and goes on.
    pub unknown: Vec<(usize, String)>,
}

impl LxcPolicy {
    /// Reads a policy as a machine of this architecture does.
    ///
    /// A rule without a test takes all of a call, wherever it stands, as with LXC; only `reject_force_umount` comes first.
    ///
    /// ```
    /// use skep_caps_sec::{Arch, Call, Errno, LxcPolicy, Verdict};
    ///
    /// let read = LxcPolicy::from_text("2\ndenylist\n[all]\nkexec_load errno 1\nreboot trap\n", Arch::NATIVE)?;
    /// let filter = read.policy.compile()?;
    /// assert_eq!(filter.decide(&Call::named("kexec_load").unwrap_or_default()), Verdict::Errno(Errno::PERM));
    /// assert_eq!(filter.decide(&Call::named("read").unwrap_or_default()), Verdict::Allow);
    /// # Ok::<(), skep_caps_sec::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Invalid`, with every problem, its line and column.
    pub fn from_text(text: &str, arch: Arch) -> Result<Self, Error> {
        read::read(text, arch).map_err(|problems| Error::invalid("read", OBJECT, problems))
    }
}

impl Policy {
    /// The policy in LXC's text, version 2.
    ///
    /// # Errors
    /// `Invalid` with everything that the format cannot say: verdicts that log, trace or kill a process; comparisons of
    /// some bits but for being equal; of one call, verdicts that depend on the order of rules.
    pub fn to_lxc_text(&self) -> Result<String, Error> {
        write::write(self).map_err(|problems| Error::invalid("write", OBJECT, problems))
    }
}

/// Comparisons: as they are written, and in words of libseccomp, which are read too. That of masked bits has none.
const COMPARISONS: [(&str, &str, Option<Compare>); 7] = [
    ("==", "SCMP_CMP_EQ", Some(Compare::Eq)),
    ("!=", "SCMP_CMP_NE", Some(Compare::Ne)),
    ("<", "SCMP_CMP_LT", Some(Compare::Lt)),
    ("<=", "SCMP_CMP_LE", Some(Compare::Le)),
    (">", "SCMP_CMP_GT", Some(Compare::Gt)),
    (">=", "SCMP_CMP_GE", Some(Compare::Ge)),
    ("&=", "SCMP_CMP_MASKED_EQ", None),
];

/// `MNT_FORCE`, of umount2's flags.
const FORCE: u64 = 1;

/// The words of actions but for `errno`, which has a number.
const ACTIONS: [(&str, Verdict); 4] =
    [("kill", Verdict::KillThread), ("allow", Verdict::Allow), ("trap", Verdict::Trap), ("notify", Verdict::Notify)];
