// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is made in a root, and removed from it.
//!
//! The last name is never followed, and nothing is made through a link below /proc, /sys and /dev.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, makedev, mknodat, symlinkat, unlinkat};
use rustix::io::Errno as Refusal;

use super::{Root, links_for, names_directory, text};
use crate::error::Error;
use crate::floor::resolve::{self, Links, Make};
use crate::floor::{Errno, Fd};
use crate::sys;

/// A node that is no file, directory or link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Node {
    /// A character device: a terminal, null.
    Character {
        /// Which driver.
        major: u32,
        /// Which of its devices.
        minor: u32,
    },
    /// A block device: a disk.
    Block {
        /// Which driver.
        major: u32,
        /// Which of its devices.
        minor: u32,
    },
    /// A pipe with a name.
    Pipe,
}

impl Root {
    /// The directory at `path`, held open as a place (`O_PATH`); what is absent of it is made, mode 0755 less this
    /// process's umask.
    ///
    /// # Errors
    /// `ENOTDIR` for what is no directory, or a link that leads nowhere; `EROFS`, `EACCES`; `ELOOP` for a link below /proc,
    /// /sys and /dev; `EINVAL` for ".." behind what is absent.
    #[doc(alias = "mkdir")]
    pub fn create_dir_all(&self, path: impl AsRef<Path>) -> Result<OwnedFd, Error> {
        let path = path.as_ref();
        let made = text(path).and_then(|text| {
            let links = Links::for_target(&text);
            resolve::directory(resolve::place_or_make(resolve::place, self.number(), &text, links, Make::Directory)?)
        });
        made.map(sys::owned).map_err(|Errno(errno)| self.error("make", path, errno.into()))
    }

    /// A new file at `path`, open for writing; mode 0644 less this process's umask.
    ///
    /// # Errors
    /// `EEXIST` for whatever has this name, a link too; `ENOENT` for an absent directory; `EROFS`, `EACCES`; `ELOOP` for a
    /// link below /proc, /sys and /dev.
    #[doc(alias = "O_EXCL")]
    pub fn create_file(&self, path: impl AsRef<Path>) -> Result<File, Error> {
        let path = path.as_ref();
        let made = self.parent_of_new(path).and_then(|(directory, name)| {
            resolve::made(&directory, &text(Path::new(name))?, Make::File).map(|fd| File::from(sys::owned(fd)))
        });
        made.map_err(|Errno(errno)| self.error("make", path, errno.into()))
    }

    /// A new link at `path`, which leads to `to`, whatever is there.
    ///
    /// # Errors
    /// As [`create_file`](Self::create_file).
    pub fn symlink(&self, to: impl AsRef<Path>, path: impl AsRef<Path>) -> Result<(), Error> {
        self.make(path.as_ref(), |directory, name| symlinkat(to.as_ref(), directory, name))
    }

    /// A new device or pipe at `path`; `mode` is 0 to 0777, less this process's umask.
    ///
    /// # Errors
    /// As [`create_file`](Self::create_file); `EPERM` without the right to make devices.
    /// # Privileges
    /// `CAP_MKNOD` in the first user namespace, for devices.
    #[doc(alias = "mknod")]
    pub fn device(&self, path: impl AsRef<Path>, node: Node, mode: u32) -> Result<(), Error> {
        let (kind, device) = match node {
            Node::Character { major, minor } => (FileType::CharacterDevice, makedev(major, minor)),
            Node::Block { major, minor } => (FileType::BlockDevice, makedev(major, minor)),
            Node::Pipe => (FileType::Fifo, 0),
        };
        self.make(path.as_ref(), |directory, name| {
            mknodat(directory, name, kind, Mode::from_raw_mode(mode & 0o777), device)
        })
    }

    /// Removes what is at `path`: a file, a link, a node, an empty directory.
    ///
    /// # Errors
    /// `ENOENT`; `ENOTEMPTY`; `EBUSY` for what something is mounted on; `EROFS`, `EACCES`.
    #[doc(alias = "unlink")]
    pub fn remove(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let refused = |errno: Refusal| self.error("remove", path, errno.raw_os_error());
        let (directory, name) = self.parent(path).map_err(|Errno(errno)| self.error("remove", path, errno.into()))?;
        let directory = sys::owned(directory);
        let done =
            if names_directory(path) { Err(Refusal::ISDIR) } else { unlinkat(&directory, name, AtFlags::empty()) };
        match done {
            Err(Refusal::ISDIR) => unlinkat(&directory, name, AtFlags::REMOVEDIR).map_err(refused),
            done => done.map_err(refused),
        }
    }

    fn make(&self, path: &Path, call: impl FnOnce(OwnedFd, &OsStr) -> Result<(), Refusal>) -> Result<(), Error> {
        let (directory, name) =
            self.parent_of_new(path).map_err(|Errno(errno)| self.error("make", path, errno.into()))?;
        call(sys::owned(directory), name).map_err(|errno| self.error("make", path, errno.raw_os_error()))
    }

    /// The directory that something is to be made in that is no directory, and its name.
    fn parent_of_new<'a>(&self, path: &'a Path) -> Result<(Fd, &'a OsStr), Errno> {
        const ISDIR: Errno = Errno(21);
        let found = self.parent(path)?;
        if names_directory(path) { Err(ISDIR) } else { Ok(found) }
    }

    /// The directory that `path` is in, and its last name.
    pub(super) fn parent<'a>(&self, path: &'a Path) -> Result<(Fd, &'a OsStr), Errno> {
        self.parent_with(path, links_for(path))
    }

    pub(crate) fn parent_with<'a>(&self, path: &'a Path, links: Links) -> Result<(Fd, &'a OsStr), Errno> {
        let name = path.file_name().ok_or(Errno::INVAL)?;
        let above = Path::new("/").join(path.parent().unwrap_or(path));
        text(path)?;
        Ok((resolve::place(self.number(), &text(&above)?, links)?, name))
    }
}
