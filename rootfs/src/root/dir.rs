// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a directory of a root holds, name by name.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::Errno;

use super::Root;
use crate::error::{Error, Object};

/// What a name of a directory stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// An ordinary file.
    File,
    /// A directory.
    Directory,
    /// A link, wherever it leads.
    Symlink,
    /// A pipe with a name.
    Pipe,
    /// A socket with a name.
    Socket,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// Something that this crate does not know.
    Unknown,
}

impl EntryKind {
    pub(crate) fn of(is: FileType) -> Self {
        match is {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Symlink,
            FileType::Fifo => Self::Pipe,
            FileType::Socket => Self::Socket,
            FileType::CharacterDevice => Self::CharacterDevice,
            FileType::BlockDevice => Self::BlockDevice,
            FileType::Unknown => Self::Unknown,
        }
    }
}

/// A name of a directory, and what it stood for when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    name: OsString,
    kind: EntryKind,
}

impl DirEntry {
    /// The name, without a path.
    #[must_use]
    pub fn file_name(&self) -> &OsStr {
        &self.name
    }

    /// What it stood for; a link is not followed.
    #[must_use]
    pub fn kind(&self) -> EntryKind {
        self.kind
    }
}

/// What [`Root::read_dir`] answers: names in the order of the file system, without "." and "..".
#[derive(Debug)]
pub struct ReadDir {
    dir: Dir,
    object: Object,
}

impl Iterator for ReadDir {
    type Item = Result<DirEntry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = match self.dir.read()? {
                Ok(entry) => entry,
                Err(errno) => return Some(Err(self.refused(errno))),
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let mut is = entry.file_type();
            // Some file systems do not tell.
            if is == FileType::Unknown {
                match self.dir.fd().and_then(|dir| statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)) {
                    Ok(found) => is = FileType::from_raw_mode(found.st_mode),
                    Err(Errno::NOENT) => continue,
                    Err(errno) => return Some(Err(self.refused(errno))),
                }
            }
            let name = OsString::from_vec(name.to_bytes().to_vec());
            return Some(Ok(DirEntry { name, kind: EntryKind::of(is) }));
        }
    }
}

impl ReadDir {
    fn refused(&self, errno: Errno) -> Error {
        Error::os("read", self.object.clone(), errno.raw_os_error())
    }
}

impl Root {
    /// What the directory at `path` holds.
    ///
    /// # Errors
    /// As [`open_dir`](Self::open_dir).
    #[doc(alias = "getdents64")]
    pub fn read_dir(&self, path: impl AsRef<Path>) -> Result<ReadDir, Error> {
        let path = path.as_ref();
        let fd = self.open_dir(path)?;
        let dir = Dir::new(fd).map_err(|errno| self.error("read", path, errno.raw_os_error()))?;
        Ok(ReadDir { dir, object: self.object(path) })
    }
}

impl AsRef<Path> for DirEntry {
    fn as_ref(&self) -> &Path {
        Path::new(OsStr::from_bytes(self.name.as_bytes()))
    }
}
