// SPDX-License-Identifier: MIT OR Apache-2.0
//! Down into a tree and up again, with one directory open.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

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

/// With the NUL that ends a path for the kernel.
const PATH_MAX: usize = 4096;

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

    /// The path of `name` here, from the top; of one that is longer than any call takes it is the end, behind "…": a tree
    /// may be so deep that a few thousand of its paths are all of a machine's memory.
    pub(super) fn path_of(&self, name: &CStr) -> PathBuf {
        let mut names = vec![OsStr::from_bytes(name.to_bytes())];
        let mut len = name.to_bytes().len();
        for (_, above) in self.above.iter().rev() {
            len += above.len() + 1;
            if len >= PATH_MAX {
                names.push(OsStr::new("…"));
                break;
            }
            names.push(above);
        }
        // An empty name adds nothing but a slash.
        names.into_iter().rev().filter(|name| !name.is_empty()).collect()
    }

    /// What the directory at this depth is called, the top being at 0.
    pub(super) fn name_at(&self, depth: usize) -> Option<&OsStr> {
        self.above.get(depth.checked_sub(1)?).map(|(_, name)| name.as_os_str())
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

/// How many names are in a directory.
pub(super) fn count(directory: BorrowedFd<'_>) -> Result<u64, Errno> {
    let listed = openat(directory, ".", DIRECTORY, Mode::empty())?;
    let mut space = [MaybeUninit::<u8>::uninit(); 16 << 10];
    let mut entries = RawDir::new(listed, &mut space);
    let mut count = 0_u64;
    while let Some(entry) = entries.next() {
        entry?;
        count += 1;
    }
    // Without "." and "..".
    Ok(count.saturating_sub(2))
}

pub(super) fn identity(found: &Stat) -> Identity {
    (found.st_dev, found.st_ino)
}

pub(super) fn mount_of(place: BorrowedFd<'_>) -> Result<u64, Errno> {
    sys::mount_id(place.as_raw_fd()).map_err(|errno| Errno::from_raw_os_error(errno.0.into()))
}

/// The directory below `top` that these names lead to, which were written down from a tree: none of them is followed,
/// however many there are.
pub(super) fn below(top: BorrowedFd<'_>, names: &[&OsStr]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut here = openat(top, ".", flags, Mode::empty())?;
    for name in names {
        here = openat(&here, *name, flags, Mode::empty())?;
    }
    Ok(here)
}
