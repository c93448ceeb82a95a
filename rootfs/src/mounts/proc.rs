// SPDX-License-Identifier: MIT OR Apache-2.0
//! A proc: the processes of a pid namespace, and the kernel's own files.
//!
//! Man: proc(5), "Mount options".

use std::path::PathBuf;

use super::attributes::{Attributes, common_methods};

/// A new proc of the pid namespace that the mounts are made in; nosuid, nodev, noexec.
///
/// In a user namespace whose pid namespace is not its own the kernel refuses one; then this machine's /proc is bound, and
/// the step's words say so ([`Setting`](crate::Setting)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Proc {
    /// Where in the root: an absolute path.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub target: PathBuf,
    /// Whose processes a user sees.
    pub hide: Option<HidePid>,
    /// Whether it shows processes alone, and none of the kernel's own files.
    pub processes_only: bool,
    /// What may not be done through it.
    pub attributes: Attributes,
    /// Whether the target is made where it is absent.
    pub create: bool,
}

/// What a user sees of processes that are not theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[doc(alias = "hidepid")]
#[non_exhaustive]
pub enum HidePid {
    /// That they are there; not their command lines and states.
    #[doc(alias = "noaccess")]
    Access,
    /// Nothing.
    #[doc(alias = "invisible")]
    All,
    /// Nothing of those that they may not trace, whoever they belong to. Linux 5.8.
    #[doc(alias = "ptraceable")]
    Untraceable,
}

impl Proc {
    /// A proc at `target`.
    #[must_use]
    pub fn new(target: impl Into<PathBuf>) -> Self {
        Self {
            target: target.into(),
            hide: None,
            processes_only: false,
            attributes: Attributes::DATA_ONLY,
            create: false,
        }
    }

    /// Hides other users' processes.
    #[must_use]
    pub fn hide(mut self, what: HidePid) -> Self {
        self.hide = Some(what);
        self
    }

    /// Shows processes alone, and none of the kernel's own files: no /proc/sys, no /proc/kcore, no /proc/meminfo.
    /// # Kernel
    /// Linux 5.8.
    #[must_use]
    #[doc(alias = "subset=pid")]
    pub fn processes_only(mut self) -> Self {
        self.processes_only = true;
        self
    }

    /// The options, in the kernel's words: numbers, which kernels before 5.8 know too.
    pub(crate) fn options(&self) -> String {
        let hide = self.hide.map(|what| match what {
            HidePid::Access => "hidepid=1",
            HidePid::All => "hidepid=2",
            HidePid::Untraceable => "hidepid=4",
        });
        let subset = self.processes_only.then_some("subset=pid");
        hide.into_iter().chain(subset).collect::<Vec<_>>().join(",")
    }
}

common_methods!(Proc);

impl Default for Proc {
    fn default() -> Self {
        Self::new("")
    }
}
