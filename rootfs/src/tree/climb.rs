// SPDX-License-Identifier: MIT OR Apache-2.0
//! Down into a tree and up again, with one directory open.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, RawDir, Stat, fstat, openat};
use rustix::io::Errno;

use crate::floor::sys;

/// Which directory it is.
type Identity = (u64, u64);

/// A directory that we are in, and which ones are above it.
#[derive(Debug)]
pub(super) struct Climb {
    here: OwnedFd,
    mount: u64,
    above: Vec<(Identity, OsString)>,
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Climb {
    /// In `top`, which is open for reading.
    pub(super) fn new(top: OwnedFd) -> Result<Self, Errno> {
        let mount = mount_of(top.as_fd())?;
        Ok(Self { here: top, mount, above: Vec::new() })
    }

    pub(super) fn here(&self) -> BorrowedFd<'_> {
        self.here.as_fd()
    }

    /// Whether it is where it began.
    pub(super) fn is_at_top(&self) -> bool {
        self.above.is_empty()
    }

    /// The path of `name` here, from the top.
    pub(super) fn path_of(&self, name: &CStr) -> PathBuf {
        let mut path: PathBuf = self.above.iter().map(|(_, name)| name).collect();
        if !name.is_empty() {
            path.push(OsStr::from_bytes(name.to_bytes()));
        }
        path
    }

    /// Whether something is on the mount that the tree is on.
    pub(super) fn is_on_mount(&self, place: BorrowedFd<'_>) -> Result<bool, Errno> {
        Ok(mount_of(place)? == self.mount)
    }

    /// Into the directory `name`: `EXDEV` if another mount begins there, `ENOTDIR` or `ELOOP` for what is none.
    pub(super) fn down(&mut self, name: &CStr) -> Result<Stat, Errno> {
        let next = openat(&self.here, name, DIRECTORY, Mode::empty())?;
        if !self.is_on_mount(next.as_fd())? {
            return Err(Errno::XDEV);
        }
        let found = fstat(&next)?;
        self.above.push((identity(&fstat(&self.here)?), OsString::from_vec(name.to_bytes().to_vec())));
        self.here = next;
        Ok(found)
    }

    /// Back to where we came from, and what it is called that we come from; `ESTALE` if ".." is another directory now.
    pub(super) fn up(&mut self) -> Result<CString, Errno> {
        let (before, name) = self.above.pop().ok_or(Errno::INVAL)?;
        let above = openat(&self.here, "..", DIRECTORY, Mode::empty())?;
        if identity(&fstat(&above)?) != before {
            return Err(Errno::STALE);
        }
        self.here = above;
        CString::new(name.into_vec()).map_err(|_| Errno::INVAL)
    }

    /// Names here, at most `most` of them, without those that `passed` says.
    pub(super) fn names(&self, most: usize, passed: impl Fn(&CStr) -> bool) -> Result<Vec<CString>, Errno> {
        // Opened anew: from its beginning.
        let listed = openat(&self.here, ".", DIRECTORY, Mode::empty())?;
        let mut space = [MaybeUninit::<u8>::uninit(); 16 << 10];
        let mut entries = RawDir::new(listed, &mut space);
        let mut names = Vec::new();
        while names.len() < most
            && let Some(entry) = entries.next()
        {
            let entry = entry?;
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") && !passed(name) {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }
}

pub(super) fn identity(found: &Stat) -> Identity {
    (found.st_dev, found.st_ino)
}

pub(super) fn mount_of(place: BorrowedFd<'_>) -> Result<u64, Errno> {
    sys::mount_id(place.as_raw_fd()).map_err(|errno| Errno::from_raw_os_error(errno.0.into()))
}

/// What is at a path below `top` that was written down from a tree: no name of it is followed, however long it is.
pub(super) fn below(top: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut here = openat(top, ".", flags, Mode::empty())?;
    for name in path {
        here = openat(&here, name, flags, Mode::empty())?;
    }
    Ok(here)
}
