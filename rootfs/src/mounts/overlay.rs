// SPDX-License-Identifier: MIT OR Apache-2.0
//! An overlay: directories of this machine seen as one, which stay as they are whatever is changed in it.
//!
//! Kernel: Documentation/filesystems/overlayfs.rst.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::attributes::{Attributes, common_methods};
use super::check::{path_problems, plain};

/// Where what is changed goes.
///
/// With the feature `serde` it is `"in_place"`, `{"in_memory": {"size": null}}` or `{"kept": "/srv/changes"}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Changes {
    /// Where it was before: nothing lies over it. For an [`Overlay`], which has no such place, it means that nothing can be
    /// changed.
    #[default]
    InPlace,
    /// Into memory, gone with the last process that sees it.
    ///
    /// There is one such memory for a root and all the mounts in it. Its limit is the largest that is asked for.
    InMemory {
        /// The most that it holds, in bytes, at least 1; the kernel rounds up to pages. Unset is half of the machine's
        /// memory.
        size: Option<u64>,
    },
    /// Into a directory of this machine, to be found there the next time: `upper` in it has what was changed, `work` is the
    /// kernel's.
    ///
    /// The directory is made, mode 0700, if it is absent and the one that it is in is there. It must be this user's own, on
    /// a file system that can be an upper layer (ext4, xfs, btrfs, tmpfs; no NFS), and not be used by two at a time: the
    /// kernel does not stop that, and what is seen then is nobody's business.
    Kept(#[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))] PathBuf),
}

impl Changes {
    /// Into memory, as much as the kernel gives.
    #[must_use]
    pub const fn in_memory() -> Self {
        Self::InMemory { size: None }
    }

    /// Whether they go elsewhere than where they are made.
    #[must_use]
    pub fn go_elsewhere(&self) -> bool {
        *self != Self::InPlace
    }

    /// Those of one directory of several, where each has its own: of what is kept the directory in it that has this one's
    /// path for a name, with `%2F` for each `/`. `None` if no name is that long.
    #[must_use]
    pub fn share(&self, directory: &Path) -> Option<Self> {
        let Self::Kept(kept) = self else { return Some(self.clone()) };
        let path = directory.as_os_str().as_bytes();
        let path = path.strip_prefix(b"/").filter(|path| !path.is_empty()).unwrap_or(path);
        let name = path.iter().flat_map(|byte| match byte {
            b'/' => b"%2F".to_vec(),
            b'%' => b"%25".to_vec(),
            byte => vec![*byte],
        });
        let name: Vec<u8> = name.collect();
        (name.len() <= 255).then(|| Self::Kept(kept.join(OsString::from_vec(name))))
    }

    /// Everything that is wrong with it, with `lowers` to lie over, a sentence each.
    pub(crate) fn problems(&self, lowers: impl Iterator<Item = impl AsRef<Path>>) -> Vec<String> {
        let mut problems = Vec::new();
        match self {
            Self::InPlace => {}
            Self::InMemory { size: Some(0) } => {
                problems
                    .push("in_memory.size 0 would be no limit to the kernel: leave it out if none is wanted".into());
            }
            Self::InMemory { .. } => {}
            Self::Kept(path) => {
                problems.extend(path_problems(path).into_iter().map(|problem| format!("kept {path:?} {problem}")));
                for lower in lowers.filter(|lower| plain(lower.as_ref()).starts_with(plain(path))) {
                    let lower = lower.as_ref();
                    problems.push(format!("kept {path:?} cannot have {lower:?} in it, which it is to lie over"));
                }
            }
        }
        problems
    }
}

/// Directories of this machine seen as one, the topmost first; what is changed in it goes elsewhere.
///
/// What is mounted below a lower directory is not seen. The top has the permissions and the owner of the topmost lower
/// directory; in a user namespace an owner that is not mapped cannot be given to anything, and the top is whose the
/// namespace is, who can then make files in it. Attributes beyond those (ACLs, labels) are not taken over.
///
/// Lower directories are followed if they are links: they are this machine's, and believed.
///
/// ```
/// use skep_rootfs::{Changes, Mounts, Overlay};
///
/// let code = Overlay::new("/src").lower("/home/me/patched").lower("/home/me/code").changes(Changes::in_memory());
/// assert!(Mounts::new().add(code).problems().is_empty());
/// ```
/// # Privileges
/// `CAP_SYS_ADMIN` over the mount namespace. In a user namespace a directory that the kernel shows from a lower layer alone
/// cannot be renamed (`EXDEV`, which mv takes for a reason to copy), and files of users that are not mapped can be read and
/// not changed.
/// # Kernel
/// Each layer takes a descriptor while the overlay is made. What is too much for one option (some sixty layers) is told one at
/// a time since Linux 6.8, and by mount(2) before.
///
/// Linux 5.11 in a user namespace (`userxattr`). There, in memory before Linux 6.6, a directory of a lower layer that was
/// removed cannot be made again (`EIO`): its tmpfs has no attributes of users.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[doc(alias = "overlayfs")]
#[doc(alias = "lowerdir")]
#[non_exhaustive]
pub struct Overlay {
    /// Where in the root: an absolute path.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub target: PathBuf,
    /// What is seen: absolute paths of this machine, 1 to 500, the topmost first.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::paths"))]
    pub lowers: Vec<PathBuf>,
    /// Where what is changed goes.
    pub changes: Changes,
    /// Whether the topmost lower directory is bound, read-only with all below it, where the kernel will not have it as a
    /// layer.
    pub or_read_only_bind: bool,
    /// What becomes of a directory of a lower layer that is renamed. Unset is `On` where something can be changed outside
    /// of a user namespace, else the kernel's own.
    pub redirect: Option<Redirect>,
    /// Whether what the kernel has to note of files is in `user.overlay.*`, not `trusted.overlay.*`: in a user namespace it
    /// always is.
    pub user_attributes: bool,
    /// Whether nothing is ever written out for the sake of a crash: the changes are then good for nothing.
    pub volatile: bool,
    /// Whether a file with several names is still one file after it was changed. Unset is the kernel's own.
    pub index: Option<bool>,
    /// Whether a new mode or owner leaves a file's content in its layer. Unset is the kernel's own.
    pub metacopy: Option<bool>,
    /// Whether file numbers tell of their layer. Unset is the kernel's own.
    pub xino: Option<Xino>,
    /// What may not be done through it.
    pub attributes: Attributes,
    /// Whether the target is made where it is absent.
    pub create: bool,
}

impl Overlay {
    /// An overlay at `target`, of nothing so far.
    #[must_use]
    pub fn new(target: impl Into<PathBuf>) -> Self {
        Self {
            target: target.into(),
            lowers: Vec::new(),
            changes: Changes::InPlace,
            or_read_only_bind: false,
            redirect: None,
            user_attributes: false,
            volatile: false,
            index: None,
            metacopy: None,
            xino: None,
            attributes: Attributes::empty(),
            create: false,
        }
    }

    /// Adds a directory of this machine, below those that are there.
    #[must_use]
    pub fn lower(mut self, path: impl Into<PathBuf>) -> Self {
        self.lowers.push(path.into());
        self
    }

    /// Where what is changed goes. Nothing can be changed by default.
    #[must_use]
    #[doc(alias = "upperdir")]
    pub fn changes(mut self, changes: Changes) -> Self {
        self.changes = changes;
        self
    }

    /// Binds the topmost lower directory, read-only with all that is mounted below it, where the kernel will not have it as
    /// a layer: for what its file system is, for overlays that lie in it already, or in a user namespace for what is mounted
    /// below it.
    #[must_use]
    pub fn or_read_only_bind(mut self) -> Self {
        self.or_read_only_bind = true;
        self
    }

    /// What becomes of a directory of a lower layer that is renamed.
    #[must_use]
    #[doc(alias = "redirect_dir")]
    pub fn redirect(mut self, redirect: Redirect) -> Self {
        self.redirect = Some(redirect);
        self
    }

    /// Has the kernel note what it must of files in `user.overlay.*`, as in layers that a user namespace has made.
    /// # Kernel
    /// Linux 5.11.
    #[must_use]
    #[doc(alias = "userxattr")]
    pub fn user_attributes(mut self) -> Self {
        self.user_attributes = true;
        self
    }

    /// Writes nothing out for the sake of a crash, which is faster; after one the changes are good for nothing, and the
    /// kernel refuses to use them again until `work/incompat` is removed.
    /// # Kernel
    /// Linux 5.10.
    #[must_use]
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Whether a file with several names is still one file after it was changed.
    #[must_use]
    pub fn index(mut self, on: bool) -> Self {
        self.index = Some(on);
        self
    }

    /// Whether a new mode or owner leaves a file's content in its layer. Not for lower directories that others can write.
    #[must_use]
    pub fn metacopy(mut self, on: bool) -> Self {
        self.metacopy = Some(on);
        self
    }

    /// Whether file numbers tell of their layer.
    #[must_use]
    pub fn xino(mut self, xino: Xino) -> Self {
        self.xino = Some(xino);
        self
    }

    /// What else the kernel is told, in its words.
    pub(crate) fn options(&self, user_namespace: bool) -> String {
        let on_off = |key: &str, on: bool| format!("{key}={}", if on { "on" } else { "off" });
        let mut words = Vec::new();
        let in_users = user_namespace || self.user_attributes;
        // So that a directory of a lower layer can be renamed; with userxattr there is no such thing.
        let redirect = self.redirect.or((self.changes.go_elsewhere() && !in_users).then_some(Redirect::On));
        words.extend(redirect.map(|redirect| format!("redirect_dir={}", redirect.word())));
        words.extend(in_users.then(|| "userxattr".to_owned()));
        words.extend(self.volatile.then(|| "volatile".to_owned()));
        words.extend(self.index.map(|on| on_off("index", on)));
        words.extend(self.metacopy.map(|on| on_off("metacopy", on)));
        words.extend(self.xino.map(|xino| format!("xino={}", xino.word())));
        words.join(",")
    }

    /// Everything that is wrong with it but its target, a sentence each that begins with the field.
    pub(super) fn own_problems(&self) -> Vec<String> {
        let most = crate::floor::overlay::LOWERS_MAX;
        let mut problems = Vec::new();
        if self.lowers.is_empty() || self.lowers.len() > most {
            problems.push(format!("lowers has {} directories: the kernel is given 1 to {most}", self.lowers.len()));
        }
        for (at, lower) in self.lowers.iter().enumerate() {
            problems
                .extend(path_problems(lower).into_iter().map(|problem| format!("lowers[{at}] {lower:?} {problem}")));
            let above = self.lowers.iter().enumerate().find(|(other, above)| {
                *other != at && plain(lower).starts_with(plain(above)) && (plain(lower) != plain(above) || *other < at)
            });
            if let Some((other, above)) = above {
                problems
                    .push(format!("lowers[{at}] {lower:?} is in lowers[{other}], {above:?}: the kernel refuses that"));
            }
        }
        let changes = self.changes.problems(self.lowers.iter());
        problems.extend(changes.into_iter().map(|problem| format!("changes.{problem}")));
        let redirects = matches!(self.redirect, Some(Redirect::On | Redirect::Follow));
        if self.user_attributes && redirects {
            problems.push("redirect cannot be with user_attributes: the kernel refuses it".to_owned());
        }
        if self.metacopy == Some(true) && (self.user_attributes || (self.redirect.is_some() && !redirects)) {
            problems.push("metacopy needs redirects, and no user_attributes: the kernel refuses it".to_owned());
        }
        if self.volatile && !self.changes.go_elsewhere() {
            problems.push("volatile says how changes are written: nothing can be changed".to_owned());
        }
        problems
    }
}

/// What becomes of a directory of a lower layer that is renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Redirect {
    /// It is renamed, and the kernel notes where its content is.
    On,
    /// It cannot be renamed (`EXDEV`, which mv takes for a reason to copy); what was noted before is followed.
    Follow,
    /// As `Follow`, and what was noted is followed where the kernel's own setting says so.
    Off,
    /// It cannot be renamed, and what was noted is not followed.
    NoFollow,
}

impl Redirect {
    const fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Follow => "follow",
            Self::Off => "off",
            Self::NoFollow => "nofollow",
        }
    }
}

/// Whether file numbers tell of their layer, so that they stay what they are when a file is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Xino {
    /// They do.
    On,
    /// They do not.
    Off,
    /// They do where the layers' own numbers leave room for it.
    Auto,
}

impl Xino {
    const fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Auto => "auto",
        }
    }
}

common_methods!(Overlay);

impl Default for Overlay {
    fn default() -> Self {
        Self::new("")
    }
}

/// Paths as the floor takes them: with a ':' between them, and a '\' before every ':' and '\' in one.
pub(crate) fn joined(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Vec<u8> {
    let mut joined = Vec::new();
    for path in paths {
        if !joined.is_empty() {
            joined.push(b':');
        }
        for byte in path.as_ref().as_os_str().as_bytes() {
            if matches!(byte, b':' | b'\\') {
                joined.push(b'\\');
            }
            joined.push(*byte);
        }
    }
    joined
}
