// SPDX-License-Identifier: MIT OR Apache-2.0
//! A directory, of one layer or of several that are seen as one.
//!
//! What the kernel notes of layers is read as it reads it: a character device without a number, or since Linux 6.7 an empty
//! file with an attribute, is a name that is removed; an opaque directory hides those of its name below it.
//!
//! Kernel: Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories".

use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, StatxFlags, fgetxattr, fstat, openat, readlinkat, statx};
use rustix::io::{Errno as Refusal, fcntl_dupfd_cloexec};

use super::walk::{Node, Stop};
use crate::mounts::Changes;
use crate::procfs::Procfs;

const PLACE: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The layers of a directory, the topmost first.
#[derive(Debug)]
pub(super) struct Directory {
    layers: Vec<OwnedFd>,
    manner: Manner,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// One, with what is mounted below it.
    Whole,
    /// One, without.
    Alone,
    /// An overlay, and where it keeps its notes: in attributes of users, or in trusted ones.
    Overlay { user: bool },
}

impl Directory {
    pub(super) fn whole(fd: OwnedFd) -> Self {
        Self { layers: vec![fd], manner: Manner::Whole }
    }

    /// The same without what is mounted below it.
    pub(super) fn alone(self) -> Self {
        let manner = if self.manner == Manner::Whole { Manner::Alone } else { self.manner };
        Self { manner, ..self }
    }

    /// Lower directories with what was kept of changes in them.
    pub(super) fn overlay(
        changes: &Changes,
        lowers: impl IntoIterator<Item = Result<OwnedFd, Refusal>>,
        user: bool,
    ) -> Result<Self, Stop> {
        let mut layers = Vec::new();
        if let Changes::Kept(path) = changes {
            match openat(CWD, path.join("upper"), PLACE | OFlags::DIRECTORY, Mode::empty()) {
                Ok(upper) => layers.push(upper),
                // It will be made.
                Err(Refusal::NOENT) => {}
                Err(errno) => return Err(Stop::Os(errno)),
            }
        }
        for lower in lowers {
            layers.push(lower?);
        }
        Ok(Self { layers, manner: Manner::Overlay { user } })
    }

    pub(super) fn try_clone(&self) -> Result<Self, Refusal> {
        let layers = self.layers.iter().map(|layer| fcntl_dupfd_cloexec(layer, 0)).collect::<Result<_, _>>()?;
        Ok(Self { layers, manner: self.manner })
    }

    /// What has this name in it.
    pub(super) fn entry(&self, name: &OsStr) -> Result<Option<Node>, Stop> {
        let mut merged = Vec::new();
        // Whether a layer above has the file's owner and mode, and one of those below what is in it.
        let mut lacks_content = false;
        for layer in &self.layers {
            let fd = match openat(layer, name, PLACE, Mode::empty()) {
                Err(Refusal::NOENT) => continue,
                found => found?,
            };
            self.demand_same_mount(layer, &fd, name)?;
            let stat = fstat(&fd)?;
            let is = FileType::from_raw_mode(stat.st_mode);
            if self.is_removed(layer, &fd, &stat)? {
                break;
            }
            if is == FileType::Directory && !lacks_content {
                let hides = self.hides_others(&fd, name)?;
                merged.push(fd);
                if hides {
                    break;
                }
                continue;
            }
            // What is no directory is hidden by one above it.
            if !merged.is_empty() {
                break;
            }
            match is {
                FileType::Symlink => return Ok(Some(Node::Link(link(&fd)?))),
                FileType::RegularFile if self.is_elsewhere(&fd, name)? => lacks_content = true,
                _ => return Ok(Some(Node::File(fd))),
            }
        }
        if lacks_content {
            return Err(Stop::Unforeseen(format!("{name:?} has its content in no layer of the overlay")));
        }
        Ok((!merged.is_empty()).then_some(Node::Directory(Self { layers: merged, manner: self.manner })))
    }

    /// An overlay, or a bind without what is below, does not have what is mounted on its layers, and what is covered by that
    /// cannot be looked at.
    fn demand_same_mount(&self, above: &OwnedFd, found: &OwnedFd, name: &OsStr) -> Result<(), Stop> {
        if self.manner == Manner::Whole || mount_of(above)? == mount_of(found)? {
            return Ok(());
        }
        Err(Stop::Unforeseen(format!(
            "something is mounted on {name:?} on this machine, and what it covers, which would be seen there, cannot be looked at"
        )))
    }

    /// Whether this is how a name is kept that was removed.
    fn is_removed(&self, above: &OwnedFd, found: &OwnedFd, stat: &Stat) -> Result<bool, Refusal> {
        let Manner::Overlay { .. } = self.manner else { return Ok(false) };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::CharacterDevice => Ok(stat.st_rdev == 0),
            FileType::RegularFile if stat.st_size == 0 => {
                Ok(self.note(above, "opaque")?.as_deref() == Some(b"x") && self.note(found, "whiteout")?.is_some())
            }
            _ => Ok(false),
        }
    }

    /// Whether directories of the same name in layers below are not seen.
    fn hides_others(&self, found: &OwnedFd, name: &OsStr) -> Result<bool, Stop> {
        if !matches!(self.manner, Manner::Overlay { .. }) {
            return Ok(true);
        }
        self.demand_own_name(found, name)?;
        Ok(self.note(found, "opaque")?.as_deref() == Some(b"y"))
    }

    /// Whether this is but the owner and the mode of a file whose content is in a layer below.
    fn is_elsewhere(&self, found: &OwnedFd, name: &OsStr) -> Result<bool, Stop> {
        if !matches!(self.manner, Manner::Overlay { .. }) || self.note(found, "metacopy")?.is_none() {
            return Ok(false);
        }
        self.demand_own_name(found, name)?;
        Ok(true)
    }

    /// What was renamed has its content under another name below.
    fn demand_own_name(&self, found: &OwnedFd, name: &OsStr) -> Result<(), Stop> {
        match self.note(found, "redirect")? {
            None => Ok(()),
            Some(_) => Err(Stop::Unforeseen(format!(
                "{name:?} was renamed in a layer of the overlay, and has more in another under the name it had"
            ))),
        }
    }

    /// What an overlay has noted of it.
    fn note(&self, found: &OwnedFd, key: &str) -> Result<Option<Vec<u8>>, Refusal> {
        let Manner::Overlay { user } = self.manner else { return Ok(None) };
        let name = format!("{}.overlay.{key}", if user { "user" } else { "trusted" });
        let name = CString::new(name).unwrap_or_default();
        // Attributes are not to be had of a place.
        let open = Procfs::nearest().and_then(|proc| proc.again(found.as_fd(), OFlags::RDONLY))?;
        let mut value = vec![0; 4096];
        match fgetxattr(&open, &name, value.as_mut_slice()) {
            Ok(len) => {
                value.truncate(len);
                Ok(Some(value))
            }
            Err(Refusal::NODATA | Refusal::NOTSUP) => Ok(None),
            Err(errno) => Err(errno),
        }
    }
}

/// Where a link leads, as it is written.
fn link(fd: &OwnedFd) -> Result<PathBuf, Refusal> {
    readlinkat(fd, "", Vec::new()).map(|text| OsString::from_vec(text.into_bytes()).into())
}

/// The number of the mount that it is on, where the kernel tells it: Linux 5.8.
fn mount_of(fd: &OwnedFd) -> Result<Option<u64>, Refusal> {
    match statx(fd, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID) {
        Ok(told) => Ok((told.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(told.stx_mnt_id)),
        Err(Refusal::NOSYS) => Ok(None),
        Err(errno) => Err(errno),
    }
}
