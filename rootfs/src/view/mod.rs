// SPDX-License-Identifier: MIT OR Apache-2.0
//! A copy-on-write view of this machine's own root: its files, of which none is changed.
//!
//! What the kernel will have as a layer of an overlay is known beforehand as far as it can be: by the kind of file system,
//! and by what is mounted below. What cannot is tried when the mounts are made, and is read-only then. What a view does not
//! give is said in its notes.

mod layer;
mod look;
mod privileged;
#[cfg(test)]
mod tests;
mod unprivileged;

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, Object};
use crate::mounts::{Changes, Mount, Mounts, Overlay, Tmpfs, is_in_root};
use crate::steps::RootSpec;
use crate::table::{MountInfo, MountTree};

/// What is not taken over, with all that is mounted below it: a root has its own of each.
const REPLACED: [&str; 5] = ["/dev", "/proc", "/run", "/sys", "/tmp"];

/// A copy-on-write view of this machine's own root.
///
/// Everything of this machine is seen where it is, and can be changed as far as the kernel lets it be; what is changed goes
/// elsewhere. /tmp and /run are new and empty; /proc, /sys and /dev are not there yet: [`Mounts::standard`] has them.
/// Nothing in it is a device. What could not be had is in the notes.
///
/// Made by root, each file system of this machine has an overlay of its own, and set-user-ID programs keep their rights. In
/// a user namespace the root is in memory; of its top-level directories those without a mount below them are overlays, the
/// others read-only. What belongs to users that are not mapped there can be read and not changed.
///
/// ```
/// use skep_rootfs::{Changes, Mounts, Setting, Steps, View};
///
/// let setting = Setting { user_namespace: true, own_pid: true, ..Setting::default() };
/// let view = View::of_this_machine(setting.user_namespace, Changes::in_memory())?;
/// let mounts = view.mounts.and(Mounts::standard());
/// let steps = Steps::new(Some(&view.root), &mounts, setting);
/// assert!(steps.len() > 10);
/// for note in &view.notes {
///     println!("note: {note}");
/// }
/// # Ok::<(), skep_rootfs::Error>(())
/// ```
/// # Kernel
/// Linux 5.11 in a user namespace; see [`Overlay`](crate::Overlay).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct View {
    /// What becomes "/".
    pub root: RootSpec,
    /// What is mounted in it.
    pub mounts: Mounts,
    /// What is otherwise than on this machine, a sentence each.
    pub notes: Vec<String>,
}

/// What was seen of this machine.
#[derive(Debug, Clone, Default)]
struct Seen {
    mounts: Vec<MountInfo>,
    /// What is in "/".
    top: Vec<TopEntry>,
    /// Targets of mounts that are no directories.
    files: HashSet<PathBuf>,
    /// Whether "/" is known to be no layer of an overlay.
    no_overlays: bool,
}

/// An entry of "/".
#[derive(Debug, Clone, PartialEq, Eq)]
struct TopEntry {
    name: OsString,
    kind: TopKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TopKind {
    Directory {
        /// Whether this account may list and enter it.
        open: bool,
    },
    File,
    Link(PathBuf),
    /// A pipe, a socket, a device.
    Other,
}

impl View {
    /// The view of this machine as it is now: made as root, or in a user namespace that is made with the mount namespace.
    /// Looks, and changes nothing.
    ///
    /// With [`Changes::Kept`] each overlay keeps its changes in a directory of its own in that one, which must be there.
    ///
    /// # Errors
    /// `Invalid` for [`Changes::InPlace`], and for a directory to keep changes in that is none, or somebody else's; what
    /// reading "/" and /proc/thread-self/mountinfo fails with.
    /// # Privileges
    /// None to look.
    pub fn of_this_machine(user_namespace: bool, changes: Changes) -> Result<Self, Error> {
        let problems = problems_of(&changes);
        if !problems.is_empty() {
            return Err(Error::invalid("make", Object::Named("a view of this machine"), problems));
        }
        Ok(Self::of(&Seen::of_this_machine(user_namespace)?, user_namespace, &changes))
    }

    /// The view with this directory of the machine in it too, where what is new lies over it: one below /tmp, say. Not what
    /// is below /dev, /proc and /sys, of which there are others; a note says so.
    ///
    /// `changes` are those that the view was made with.
    #[must_use]
    pub fn showing(mut self, directory: &Path, changes: &Changes) -> Self {
        if self.shows(directory) {
            return self;
        }
        let is_new = |mount: &Mount| matches!(mount, Mount::Tmpfs(_)) && directory.starts_with(mount.target());
        match changes.share(directory) {
            Some(share) if self.mounts.mounts.iter().any(is_new) && is_in_root(directory) => {
                let overlay = Overlay::new(directory).lower(directory).changes(share);
                self.add(overlay.nosuid().nodev().or_read_only_bind().create_target());
            }
            _ => self.notes.push(format!("{directory:?} is not seen: there is another in its place")),
        }
        self
    }

    /// Whether this path of the machine leads to the same in the view.
    #[must_use]
    pub fn shows(&self, path: &Path) -> bool {
        let leads_there = |mount: &Mount| match mount {
            Mount::Tmpfs(_) => path == mount.target(),
            _ => path.starts_with(mount.target()),
        };
        !is_replaced(path) || self.mounts.mounts.iter().any(leads_there)
    }

    /// The view of what was seen; pure.
    fn of(seen: &Seen, user_namespace: bool, changes: &Changes) -> Self {
        let mut view = Self { root: RootSpec::default(), mounts: Mounts::new(), notes: Vec::new() };
        let sight = MountTree::new(&seen.mounts);
        if user_namespace || seen.no_overlays {
            view.fill_memory(seen, &sight, user_namespace, changes);
        } else {
            view.lie_over_all(seen, &sight, changes);
        }
        view.mounts = view
            .mounts
            .add(Tmpfs::new("/run").mode(0o755).create_target())
            .add(Tmpfs::new("/tmp").mode(0o1777).create_target());
        view
    }

    fn add(&mut self, mount: impl Into<Mount>) {
        self.mounts.mounts.push(mount.into());
    }

    /// A note about several paths, if there are any.
    fn note(&mut self, paths: &[String], what: &str) {
        match paths {
            [] => {}
            [path] => self.notes.push(format!("{path} is {what}")),
            paths => self.notes.push(format!("{} are {what}", paths.join(", "))),
        }
    }
}

/// What is said of several paths in both kinds of view.
const REFUSED: &str = "read-only: such a file system cannot lie under an overlay";
const UNKNOWN: &str = "read-only if the kernel refuses an overlay there";

/// What is wrong with where changes shall go.
fn problems_of(changes: &Changes) -> Vec<String> {
    let mut problems = changes.problems(std::iter::empty::<&Path>());
    match changes {
        Changes::InPlace => problems.push("in_place would be this machine's own files".to_owned()),
        Changes::Kept(path) if problems.is_empty() => {
            if path.exists() {
                problems.extend(changes.lack());
            } else {
                problems.push(format!("kept {path:?} does not exist"));
            }
        }
        _ => {}
    }
    problems.into_iter().map(|problem| format!("changes: {problem}")).collect()
}

/// Whether a path is replaced, or in what is.
fn is_replaced(path: &Path) -> bool {
    REPLACED.iter().any(|replaced| path.starts_with(replaced))
}

fn said(path: &Path) -> String {
    format!("{path:?}")
}
