// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a mount will show at its top.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno as Refusal;

use super::directory::Directory;
use super::walk::{Manner, Node, Stop, Walk};
use crate::mounts::{Bind, Mount, Overlay, Tmpfs};

impl Walk<'_> {
    /// What number `at` of the list shows; nothing if it is not made.
    pub(super) fn mounted(&self, at: usize) -> Result<Option<Node>, Stop> {
        match self.mounts.get(at) {
            None => Ok(None),
            Some(Mount::Tmpfs(tmpfs)) if tmpfs.copy_up => self.copied(tmpfs).map(Some),
            Some(Mount::Tmpfs(_)) => Ok(Some(Node::Empty)),
            Some(Mount::Symlink(link)) => Ok(Some(Node::Link(link.to.clone()))),
            Some(Mount::Overlay(overlay)) => self.overlay(overlay).map(Some),
            Some(Mount::Bind(bind)) if bind.inside => self.inside(bind, at),
            Some(Mount::Bind(bind)) => match node(&bind.source, bind.recursive) {
                Err(Refusal::NOENT) if bind.optional => Ok(None),
                node => Ok(Some(node?)),
            },
            Some(mount) => Ok(Some(Node::Unknown(format!(
                "mounts[{at}] is there, at {:?}, and nobody knows what it shows before it is mounted",
                mount.target()
            )))),
        }
    }

    fn overlay(&self, overlay: &Overlay) -> Result<Node, Stop> {
        let Overlay { lowers, changes, user_attributes, .. } = overlay;
        if let [only] = lowers.as_slice()
            && !changes.go_elsewhere()
        {
            // It is a bind.
            return Ok(node(only, true)?);
        }
        let lowers = lowers.iter().map(|lower| source(lower, OFlags::DIRECTORY));
        Ok(Node::Directory(Directory::overlay(changes, lowers, self.user_namespace || *user_attributes)?))
    }

    /// A copy of what the root itself has there, before anything is mounted.
    fn copied(&self, tmpfs: &Tmpfs) -> Result<Node, Stop> {
        let found = self.resolve(&tmpfs.target, Manner { mounts: 0, follow: true })?.node;
        match found.as_deref() {
            Some(Node::Directory(directory)) => Ok(Node::Directory(directory.try_clone()?.alone())),
            _ => Ok(Node::Empty),
        }
    }

    /// What the mounts before it have put at its source.
    fn inside(&self, bind: &Bind, at: usize) -> Result<Option<Node>, Stop> {
        let place = self.resolve(&bind.source, Manner { mounts: at, follow: true })?;
        let is_below = |path: &[_]| path.len() > place.path.len() && path.starts_with(&place.path);
        if self.placed.iter().any(|placed| placed.at < at && is_below(&placed.path)) {
            let why = format!("mounts[{at}] binds a directory of the root that has other mounts below it");
            return Ok(Some(Node::Unknown(why)));
        }
        match place.node {
            Some(node) => Ok(Some(node.try_clone()?)),
            None if bind.optional => Ok(None),
            None => Err(Stop::Os(Refusal::NOENT)),
        }
    }
}

/// What is at a path of this machine, with what is mounted below it or without.
fn node(path: &Path, whole: bool) -> Result<Node, Refusal> {
    let fd = source(path, OFlags::empty())?;
    if FileType::from_raw_mode(fstat(&fd)?.st_mode) != FileType::Directory {
        return Ok(Node::File(fd));
    }
    let directory = Directory::whole(fd);
    Ok(Node::Directory(if whole { directory } else { directory.alone() }))
}

/// What is at a path of this machine, which is believed.
fn source(path: &Path, flags: OFlags) -> Result<OwnedFd, Refusal> {
    openat(CWD, path, flags | OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}
