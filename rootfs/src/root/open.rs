// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is in a root, opened.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, fstatfs, openat};

use super::{Root, text};
use crate::error::Error;
use crate::floor::resolve::{self, Links};
use crate::sys;

impl Root {
    /// What is at `path`, held open as a place (`O_PATH`): not for reading or writing, but for whatever else a descriptor
    /// is taken for.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `EACCES`; `ELOOP` for too many links, or one of a proc that leads to an open file.
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

    /// The file at `path`, open for reading: an ordinary file, for whoever made the root may have put a device or a pipe
    /// there, and to open those can do something, or take for ever.
    ///
    /// # Errors
    /// As [`open_path`](Self::open_path); `Invalid` for what is no ordinary file; `ENODEV` if this machine's /proc is no
    /// proc.
    pub fn open_file(&self, path: impl AsRef<Path>) -> Result<File, Error> {
        let path = path.as_ref();
        let place = self.open_path(path)?;
        let error = |errno: rustix::io::Errno| self.error("open", path, errno.raw_os_error());
        if FileType::from_raw_mode(fstat(&place).map_err(error)?.st_mode) != FileType::RegularFile {
            return Err(Error::invalid("open", self.object(path), vec![format!("{path:?} is no ordinary file")]));
        }
        again(&place).map(File::from).map_err(error)
    }

    /// The same, as a number when it fails.
    fn place(&self, path: &Path) -> Result<OwnedFd, i32> {
        let found = text(path).and_then(|path| resolve::place(self.number(), &path, Links::Follow));
        found.map(sys::owned).map_err(|errno| errno.0.into())
    }
}

/// What `place` is open on, open for reading: by its number, not by a name that could lead elsewhere by now.
fn again(place: &OwnedFd) -> Result<OwnedFd, rustix::io::Errno> {
    const PROC_SUPER_MAGIC: i64 = 0x9fa0;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let links = openat(CWD, "/proc/thread-self/fd", flags, Mode::empty())?;
    if fstatfs(&links)?.f_type != PROC_SUPER_MAGIC {
        return Err(rustix::io::Errno::NODEV);
    }
    openat(&links, place.as_raw_fd().to_string(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}
