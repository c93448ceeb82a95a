// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of what is in a root, and what it holds.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::readlinkat;
use rustix::io::Errno as Refusal;

use super::Root;
use crate::error::{Error, ErrorKind};

impl Root {
    /// What the kernel knows of what is at `path`; a link is followed, in the root.
    ///
    /// # Errors
    /// As [`open_path`](Self::open_path).
    #[doc(alias = "stat")]
    pub fn metadata(&self, path: impl AsRef<Path>) -> Result<Metadata, Error> {
        let path = path.as_ref();
        self.known(path, File::from(self.open_path(path)?))
    }

    /// The same of a link itself, if there is one at the end of `path`.
    ///
    /// # Errors
    /// As [`open_path`](Self::open_path).
    #[doc(alias = "lstat")]
    pub fn symlink_metadata(&self, path: impl AsRef<Path>) -> Result<Metadata, Error> {
        let path = path.as_ref();
        self.known(path, File::from(self.open_link(path)?))
    }

    /// Whether something is at `path`; a link is followed, in the root, and nothing is there if it leads nowhere.
    ///
    /// # Errors
    /// As [`open_path`](Self::open_path), but for `ENOENT`, `ENOTDIR`.
    pub fn exists(&self, path: impl AsRef<Path>) -> Result<bool, Error> {
        match self.open_path(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound || error.errno() == Some(20) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Where the link at `path` leads, as it is written: a path of the root, if it is absolute.
    ///
    /// # Errors
    /// As [`open_path`](Self::open_path); `EINVAL` for what is no link.
    #[doc(alias = "readlink")]
    pub fn read_link(&self, path: impl AsRef<Path>) -> Result<PathBuf, Error> {
        let path = path.as_ref();
        let link = self.open_link(path)?;
        let text = readlinkat(link, "", Vec::new()).map_err(|errno| {
            // The kernel says ENOENT where the descriptor itself is no link.
            let errno = if errno == Refusal::NOENT { Refusal::INVAL } else { errno };
            self.error("read", path, errno.raw_os_error())
        })?;
        Ok(OsString::from_vec(text.into_bytes()).into())
    }

    /// What the file at `path` holds.
    ///
    /// # Errors
    /// As [`open_file`](Self::open_file).
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, Error> {
        let path = path.as_ref();
        let mut content = Vec::new();
        let read = self.open_file(path)?.read_to_end(&mut content);
        read.map_err(|error| self.error("read", path, error.raw_os_error().unwrap_or_default()))?;
        Ok(content)
    }

    fn known(&self, path: &Path, place: File) -> Result<Metadata, Error> {
        place.metadata().map_err(|error| self.error("look at", path, error.raw_os_error().unwrap_or_default()))
    }
}
