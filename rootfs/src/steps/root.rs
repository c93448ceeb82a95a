// SPDX-License-Identifier: MIT OR Apache-2.0
//! The root: what it is made of, and where what is changed in it goes.

use std::path::{Path, PathBuf};

use super::Setting;
use crate::mounts::{Attributes, Changes, Mount, Mounts, Propagation, Redirect, Tmpfs, path_problems, plain};

/// What a root is made of.
///
/// With the feature `serde` it is `{"directory": "/srv/web"}` or `{"tmpfs": {"size": null}}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Base {
    /// A directory: an absolute path of this machine; not a link.
    Directory(#[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))] PathBuf),
    /// Nothing but memory. Every target of a mount in it is made.
    Tmpfs {
        /// The most that it holds, in bytes, at least 1; the kernel rounds up to pages. Unset is half of the machine's
        /// memory.
        size: Option<u64>,
    },
}

impl Default for Base {
    fn default() -> Self {
        Self::Directory(PathBuf::new())
    }
}

/// What becomes "/".
///
/// A directory is seen with what is mounted below it, unless its changes go elsewhere: then it is the lower layer of an
/// [`Overlay`](crate::Overlay), and all that is said there holds.
///
/// ```
/// use skep_rootfs::RootSpec;
///
/// let root = RootSpec::new("/srv/web").copy_on_write().nodev();
/// assert!(root.problems().is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct RootSpec {
    /// What it is made of.
    pub base: Base,
    /// Where what is changed in it goes.
    pub changes: Changes,
    /// Whether it becomes read-only once everything is mounted; what is mounted in it does not.
    pub read_only: bool,
    /// What may not be done through it, nor through what of this machine is mounted below it. Read-only is the same as
    /// `read_only`.
    pub attributes: Attributes,
    /// Where mounts go to that are made in it later, and where they come from. Unset is `RSlave`: what is mounted on this
    /// machine is seen in it too, and nothing goes out. `Private` cuts both. With `Shared` and `Unbindable` nothing goes out
    /// to this machine either: they hold among the copies that are made of the root from then on.
    pub propagation: Option<Propagation>,
    /// Whether it becomes "/" by chroot(2) alone, and can be left.
    pub chroot_that_can_be_left: bool,
}

impl RootSpec {
    /// The directory at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { base: Base::Directory(path.into()), ..Self::default() }
    }

    /// An empty root in memory, mode 0755.
    #[must_use]
    pub fn tmpfs() -> Self {
        Self { base: Base::Tmpfs { size: None }, ..Self::default() }
    }

    /// The directory that it is made of, if it is made of one.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        match &self.base {
            Base::Directory(path) => Some(path),
            Base::Tmpfs { .. } => None,
        }
    }

    /// Keeps what is changed in memory, as much as the kernel gives.
    #[must_use]
    pub fn copy_on_write(self) -> Self {
        self.changes(Changes::in_memory())
    }

    /// Where what is changed goes.
    #[must_use]
    pub fn changes(mut self, changes: Changes) -> Self {
        self.changes = changes;
        self
    }

    /// Makes it read-only once everything is mounted; what is mounted in it stays as it is.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Set-user-ID bits and file capabilities mean nothing in it.
    #[must_use]
    pub fn nosuid(mut self) -> Self {
        self.attributes |= Attributes::NOSUID;
        self
    }

    /// Device nodes in it are not devices.
    #[must_use]
    pub fn nodev(mut self) -> Self {
        self.attributes |= Attributes::NODEV;
        self
    }

    /// Where mounts go to that are made in it later, and where they come from.
    #[must_use]
    #[doc(alias = "rootfsPropagation")]
    pub fn propagation(mut self, propagation: Propagation) -> Self {
        self.propagation = Some(propagation);
        self
    }

    /// Becomes "/" by chroot(2) alone: for where pivot_root is refused, and for programs that are trusted.
    ///
    /// **It keeps nobody in.** The machine's own root, and all that is mounted there, stays in the mount namespace: a program
    /// with `CAP_SYS_CHROOT` gets back to it by a second chroot, and any program by a directory that it has open from before,
    /// or that another one hands it. With what pivot_root does instead, nothing of the old root is there.
    #[must_use]
    #[doc(alias = "chroot")]
    #[doc(alias = "no_pivot")]
    pub fn chroot_that_can_be_left(mut self) -> Self {
        self.chroot_that_can_be_left = true;
        self
    }

    /// Whether it is read-only in the end.
    pub(crate) fn ends_read_only(&self) -> bool {
        self.read_only || self.attributes.contains(Attributes::READ_ONLY)
    }

    /// Everything that is wrong with it whatever the machine is, a sentence each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        match &self.base {
            Base::Directory(path) => {
                let found = path_problems(path).into_iter();
                problems.extend(found.map(|problem| format!("base.directory {path:?} {problem}")));
            }
            Base::Tmpfs { size } => {
                if *size == Some(0) {
                    problems.push("base.tmpfs.size 0 would be no limit to the kernel: leave it out".to_owned());
                }
                if self.changes.go_elsewhere() {
                    problems.push("changes: a tmpfs has nothing that changes could lie over".to_owned());
                }
            }
        }
        let changes = self.changes.problems(self.directory().into_iter());
        problems.extend(changes.into_iter().map(|problem| format!("changes.{problem}")));
        problems.extend(self.attributes.problem());
        problems
    }
}

impl Setting {
    /// What cannot be had in this setting, whatever the machine is, a sentence each that begins with the place: in a user
    /// namespace an overlay over "/"; a copy of what is changed elsewhere.
    #[must_use]
    pub fn problems(&self, root: Option<&RootSpec>, mounts: &Mounts) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(RootSpec { changes: Changes::Kept(_), .. }) = root {
            let copies = |mount: &&(usize, &Mount)| matches!(mount.1, Mount::Tmpfs(Tmpfs { copy_up: true, .. }));
            let why = "what was changed there earlier, and is kept elsewhere, would not be copied";
            let found = mounts.mounts.iter().enumerate();
            problems.extend(found.filter(|mount| copies(&mount)).map(|(at, _)| format!("mounts[{at}].copy_up: {why}")));
        }
        if !self.user_namespace {
            return problems;
        }
        let is_top = |path: &Path| plain(path) == Path::new("/");
        let why = "in a user namespace \"/\" can be no layer of an overlay: what is mounted below it must stay covered. \
                   View::of_this_machine gives what is nearest to it";
        let root = root.filter(|root| root.changes.go_elsewhere() && root.directory().is_some_and(is_top));
        problems.extend(root.iter().map(|_| format!("root.changes: {why}")));
        for (at, mount) in mounts.mounts.iter().enumerate() {
            if let Mount::Overlay(overlay) = mount
                && !overlay.or_read_only_bind
                && let Some(lower) = overlay.lowers.iter().position(|lower| is_top(lower))
            {
                problems.push(format!("mounts[{at}].lowers[{lower}]: {why}"));
            }
            if let Mount::Overlay(overlay) = mount
                && (overlay.metacopy == Some(true) || matches!(overlay.redirect, Some(Redirect::On | Redirect::Follow)))
            {
                problems
                    .push(format!("mounts[{at}]: in a user namespace an overlay has neither redirects nor metacopy"));
            }
        }
        problems
    }
}
