// SPDX-License-Identifier: MIT OR Apache-2.0
//! Probe: what seccomp can do on the kernel that runs this program.

use std::fmt;

use super::{Errno, Loading, Verdict, sys};

/// What the running kernel's seccomp can do. Nothing is loaded to find it out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct SeccompFeatures {
    /// The verdicts that it knows, one of each kind.
    pub verdicts: Vec<Verdict>,
    /// The ways of loading that it knows.
    pub loading: Loading,
    /// Whether a filter can have a listener.
    pub listener: bool,
}

impl SeccompFeatures {
    /// Asks the kernel.
    ///
    /// # Kernel
    /// Linux 4.14 says which verdicts it knows; an older one knows none by this.
    #[must_use]
    #[doc(alias = "SECCOMP_GET_ACTION_AVAIL")]
    #[doc(alias = "SECCOMP_GET_NOTIF_SIZES")]
    pub fn probe() -> Self {
        let kinds = [
            Verdict::Allow,
            Verdict::Log,
            Verdict::Trace(0),
            Verdict::Notify,
            Verdict::Errno(Errno::PERM),
            Verdict::Trap,
            Verdict::KillThread,
            Verdict::KillProcess,
        ];
        let known = |verdict: &Verdict| sys::knows_answer(verdict.answer() & 0xffff_0000);
        let mut loading = Loading::new();
        loading.all_threads = sys::knows_flags(1);
        loading.log = sys::knows_flags(1 << 1);
        loading.speculation = sys::knows_flags(1 << 2);
        // It is known together with a listener alone.
        loading.wait_killable = sys::knows_flags(1 << 5 | 1 << 3);
        let listener = sys::notify_sizes().is_some() && sys::knows_flags(1 << 3);
        Self { verdicts: kinds.into_iter().filter(known).collect(), loading, listener }
    }
}

impl fmt::Display for SeccompFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdicts: Vec<String> = self.verdicts.iter().map(Verdict::to_string).collect();
        writeln!(f, "verdicts: {}", verdicts.join(", "))?;
        writeln!(f, "loading: {}", self.loading)?;
        write!(f, "listener: {}", if self.listener { "yes" } else { "no" })
    }
}
