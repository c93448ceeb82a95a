// SPDX-License-Identifier: MIT OR Apache-2.0
//! The label: what a module is to know a process, its next program, its keys or its files by.
//!
//! A label is written by the thread itself: by lsm_set_self_attr(2), which no file system stands between, or before Linux 6.8
//! to a file of /proc that was checked to be the kernel's. A label that lands in another file is no label (CVE-2019-16884),
//! and may be what somebody else wanted written there (CVE-2025-52881).
//!
//! Kernel: Documentation/userspace-api/lsm.rst, Documentation/admin-guide/LSM/apparmor.rst.

use std::fmt;

use crate::error::{Error, Object};
use crate::floor::label::{APPARMOR, CALLING, CURRENT, EXEC, FSCREATE, HEADER, KEYCREATE, SELINUX, SOCKCREATE, set};
use crate::floor::procfs::FOREIGN;
use crate::floor::{Failure, Step};

/// What is to be known by a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LabelOf {
    /// The program that the thread executes next, and what that starts.
    #[doc(alias = "LSM_ATTR_EXEC")]
    Program,
    /// The thread itself, from now on.
    #[doc(alias = "LSM_ATTR_CURRENT")]
    Thread,
    /// Files that the thread makes until its next exec; SELinux alone.
    #[doc(alias = "LSM_ATTR_FSCREATE")]
    Files,
    /// Keys and keyrings that the thread makes until its next exec; SELinux alone.
    #[doc(alias = "LSM_ATTR_KEYCREATE")]
    Keys,
    /// Sockets that the thread makes until its next exec; SELinux alone.
    #[doc(alias = "LSM_ATTR_SOCKCREATE")]
    Sockets,
}

impl LabelOf {
    const fn number(self) -> u32 {
        match self {
            Self::Program => EXEC,
            Self::Thread => CURRENT,
            Self::Files => FSCREATE,
            Self::Keys => KEYCREATE,
            Self::Sockets => SOCKCREATE,
        }
    }
}

/// A profile of AppArmor or a context of SELinux, by its name.
///
/// ```
/// use skep_caps_sec::Label;
///
/// let label = Label::apparmor("web");
/// assert_eq!(label.to_string(), "the AppArmor profile \"web\"");
/// assert_eq!(Label::apparmor("a\nb").problems(), ["label: \"a\\nb\" has a control character in it"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Label {
    /// A profile of AppArmor takes the place of the present one.
    Apparmor(String),
    /// A profile of AppArmor comes on top of the present one: both must allow.
    ApparmorStacked(String),
    /// A context of SELinux.
    Selinux(String),
}

impl Label {
    /// The profile of AppArmor of this name, or "unconfined".
    pub fn apparmor(profile: impl Into<String>) -> Self {
        Self::Apparmor(profile.into())
    }

    /// The profile of AppArmor of this name on top of what there is: what neither allows is denied.
    pub fn apparmor_stacked(profile: impl Into<String>) -> Self {
        Self::ApparmorStacked(profile.into())
    }

    /// This context of SELinux.
    pub fn selinux(context: impl Into<String>) -> Self {
        Self::Selinux(context.into())
    }

    /// The name of the profile, or the context.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Apparmor(name) | Self::ApparmorStacked(name) | Self::Selinux(name) => name,
        }
    }

    /// The name of the module that knows it.
    #[must_use]
    pub const fn module(&self) -> &'static str {
        match self {
            Self::Apparmor(_) | Self::ApparmorStacked(_) => "apparmor",
            Self::Selinux(_) => "selinux",
        }
    }

    /// What is wrong with it, in sentences. Whether the module knows it is not asked.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        /// A page, less what stands around it.
        const LONGEST: usize = 4000;
        let name = self.name();
        let mut problems = Vec::new();
        if name.trim().is_empty() {
            problems.push("label: it is empty".to_owned());
        }
        if name.chars().any(char::is_control) {
            problems.push(format!("label: {name:?} has a control character in it"));
        }
        if name.len() > LONGEST {
            problems.push(format!("label: it has {} bytes, and the kernel takes {LONGEST}", name.len()));
        }
        if let Self::Selinux(context) = self {
            problems.extend(
                context.parse::<super::SelinuxContext>().err().map(|_| {
                    format!("label: {context:?} is no context of SELinux: user:role:type, and a level with MLS")
                }),
            );
        }
        problems
    }

    /// What the kernel is told: a `struct lsm_ctx`, and the text that the module reads.
    pub(crate) fn context(&self, of: LabelOf) -> Vec<u8> {
        let (module, text) = match (self, of) {
            (Self::Apparmor(name), LabelOf::Thread) => (APPARMOR, format!("changeprofile {name}")),
            (Self::Apparmor(name), _) => (APPARMOR, format!("exec {name}")),
            (Self::ApparmorStacked(name), _) => (APPARMOR, format!("stack {name}")),
            (Self::Selinux(context), _) => (SELINUX, context.clone()),
        };
        let length = text.len() as u64;
        let header = [module, 0, HEADER as u64 + length, length];
        header.into_iter().flat_map(u64::to_ne_bytes).chain(text.into_bytes()).collect()
    }

    /// The step that does it, in these bytes.
    pub(crate) const fn step(of: LabelOf, context: &[u8]) -> Step<'_> {
        Step::Label { attribute: of.number(), context }
    }

    /// Has the calling thread, or what it makes, known by this label.
    ///
    /// # Errors
    /// `Invalid` with every problem, before anything is touched, and for a name that the module does not know; `NotFound`
    /// for a profile that is not loaded; `Denied` where the module's policy forbids the change; `Unsupported` where the
    /// module is not on, or has no such attribute; `Os` (`EXDEV`) where /proc, or a part of it, is not the kernel's.
    /// # Privileges
    /// What the module's policy says: none for an unconfined thread under AppArmor.
    /// # Kernel
    /// Linux 6.8 by lsm_set_self_attr(2); before, by a checked file of /proc.
    pub fn enter(&self, of: LabelOf) -> Result<(), Error> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(Error::invalid(OP, Object::Named("the calling thread"), problems));
        }
        set(of.number(), &self.context(of)).map_err(|failure| {
            let error = Error::os(OP, Object::Named("the calling thread"), failure.errno.0.into());
            match hint(self.module(), failure) {
                Some(hint) => error.with_hint(hint),
                None => error,
            }
        })
    }
}

const OP: &str = "label";

/// What to do about a refusal, where that is certain.
pub(crate) fn hint(module: &str, failure: Failure) -> Option<String> {
    const ENOENT: u16 = 2;
    const EOPNOTSUPP: u16 = 95;
    match (failure.errno.0, failure.part) {
        (_, FOREIGN) => Some(
            "what is at /proc is not the kernel's, or something is mounted over a part of it: a label written there would \
             be none"
                .to_owned(),
        ),
        (EOPNOTSUPP, _) => Some(format!("{module} is not on in this kernel: see /sys/kernel/security/lsm")),
        (ENOENT, CALLING | crate::floor::procfs::WRITING) => {
            Some("there is no profile of this name; those that are loaded are in /sys/kernel/security/apparmor/profiles".to_owned())
        }
        (ENOENT, _) => Some(format!("there is no file for it in /proc: {module} is not on in this kernel")),
        _ => None,
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apparmor(name) => write!(f, "the AppArmor profile {name:?}"),
            Self::ApparmorStacked(name) => write!(f, "the AppArmor profile {name:?} on top of the present one"),
            Self::Selinux(context) => write!(f, "the SELinux context {context:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_is_told_is_its_structure_and_the_module_s_words() {
        let context = Label::apparmor("web").context(LabelOf::Program);
        let words: Vec<u64> =
            context[..32].chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap())).collect();
        assert_eq!(words, [104, 0, 40, 8]);
        assert_eq!(&context[32..], b"exec web");
        assert_eq!(&Label::apparmor_stacked("web").context(LabelOf::Thread)[32..], b"stack web");
        assert_eq!(&Label::apparmor("web").context(LabelOf::Thread)[32..], b"changeprofile web");
        assert_eq!(&Label::selinux("u:r:t").context(LabelOf::Keys)[32..], b"u:r:t");
    }

    #[test]
    fn a_label_that_cannot_be_one_is_refused_before_it_is_written() {
        for label in
            [Label::apparmor(""), Label::apparmor("a\0b"), Label::selinux("t"), Label::apparmor("x".repeat(4001))]
        {
            assert_eq!(label.problems().len(), 1, "{label:?}");
            assert_eq!(label.enter(LabelOf::Program).unwrap_err().problems().len(), 1);
        }
    }
}
