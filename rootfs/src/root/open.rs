// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is in a root, opened.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno as Refusal;

use super::{OpenOptions, Root, names_directory, refusal, text};
use crate::error::Error;
use crate::floor::resolve::{self, Links};
use crate::sys;

impl Root {
    /// What is at `path`, held open as a place (`O_PATH`): not for reading or writing, but for whatever else a descriptor
    /// is taken for.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `EACCES`; `ELOOP` for too many links, and for one that leads into /proc, /sys
    /// or /dev.
    #[doc(alias = "openat2")]
    #[doc(alias = "RESOLVE_IN_ROOT")]
    pub fn open_path(&self, path: impl AsRef<Path>) -> Result<OwnedFd, Error> {
        let path = path.as_ref();
        self.place(path).map_err(|errno| self.error("open", path, errno))
    }

    /// The directory at `path`, open for reading.
    ///
    /// # Errors
    /// As [`open_path`](Self::open_path); `ENOTDIR` for what is no directory.
    pub fn open_dir(&self, path: impl AsRef<Path>) -> Result<OwnedFd, Error> {
        let path = path.as_ref();
        let place = self.open_path(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&place, ".", flags, Mode::empty()).map_err(|errno| self.error("open", path, errno.raw_os_error()))
    }

    /// What is at `path` itself, held open as a place: a link at the end is not followed.
    ///
    /// # Errors
    /// As [`open_path`](Self::open_path).
    #[doc(alias = "O_NOFOLLOW")]
    pub fn open_link(&self, path: impl AsRef<Path>) -> Result<OwnedFd, Error> {
        let path = path.as_ref();
        self.place_itself(path).map_err(|errno| self.error("open", path, errno.raw_os_error()))
    }

    /// The file at `path`, open for reading: an ordinary file, for whoever made the root may have put a device or a pipe
    /// there, and to open those can do something, or take for ever.
    ///
    /// # Errors
    /// As [`open_path`](Self::open_path); `Invalid` for what is no ordinary file; `EXDEV` where neither this machine's /proc
    /// is a proc nor one can be made.
    pub fn open_file(&self, path: impl AsRef<Path>) -> Result<File, Error> {
        let path = path.as_ref();
        let place = self.open_path(path)?;
        self.open_place(path, &place, &OpenOptions::new().read())
    }

    /// The same, as a number when it fails.
    fn place(&self, path: &Path) -> Result<OwnedFd, i32> {
        self.place_with(path, Links::Follow)
    }

    pub(super) fn place_with(&self, path: &Path, links: Links) -> Result<OwnedFd, i32> {
        let found = text(path).and_then(|path| resolve::place(self.number(), &path, links));
        found.map(sys::owned).map_err(|errno| errno.0.into())
    }

    /// What is at `path`, a link itself if it is one. Where the path does not end in a name it leads to a directory.
    pub(crate) fn place_itself(&self, path: &Path) -> Result<OwnedFd, Refusal> {
        if names_directory(path) || path.file_name().is_none() {
            return self.place(path).map_err(Refusal::from_raw_os_error);
        }
        let (directory, name) = self.parent_with(path, Links::Follow).map_err(refusal)?;
        openat(sys::owned(directory), name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
    }
}
