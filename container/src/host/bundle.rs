// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is on disk of an OCI bundle: its directory, and the text of its configuration.

use std::fs::{self, File};
use std::io::{ErrorKind as Io, Read, Result};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Object};

/// The name of the configuration in a bundle.
const FILE: &str = "config.json";

/// The longest configuration that is read, in bytes.
const LONGEST: u64 = 16 << 20;

/// What most configurations have room in, in bytes.
const PAGES: usize = 64 << 10;

/// A bundle as it was found.
pub(crate) struct Found {
    /// Its directory, without links.
    pub(crate) path: PathBuf,
    /// Where its configuration is.
    pub(crate) file: PathBuf,
    /// What that says.
    pub(crate) text: String,
}

/// Looks for a bundle.
pub(crate) fn find(op: &'static str, path: &Path) -> std::result::Result<Found, Error> {
    let io = |path: &Path, error| Error::io(op, Object::Path(path.to_owned()), &error);
    #[allow(
        clippy::disallowed_methods,
        reason = "what it is resolved to is what counts from here on, as long as it is kept"
    )]
    let path = fs::canonicalize(path).map_err(|error| io(path, error))?;
    let file = path.join(FILE);
    match text(&file) {
        Ok(Some(text)) => Ok(Found { path, file, text }),
        Ok(None) => {
            let why = format!("it has more than {LONGEST} bytes, or is no ordinary file");
            Err(Error::because(op, Object::Path(file), ErrorKind::Invalid, why))
        }
        Err(error) if error.kind() == Io::NotFound => {
            Err(io(&file, error).with_hint("a bundle is a directory with a config.json in it"))
        }
        Err(error) => Err(io(&file, error)),
    }
}

/// Whether there is a directory.
pub(crate) fn is_directory(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.is_dir())
}

/// The text of an ordinary file, if it is one that is not too long. Nothing waits for a pipe, and no device is opened: what
/// is looked at is what is read, whoever puts something else into its place.
fn text(path: &Path) -> Result<Option<String>> {
    let seen = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let about = rustix::fs::fstat(&seen)?;
    if FileType::from_raw_mode(about.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    // Not more than that at once: it may grow.
    let mut text =
        String::with_capacity(usize::try_from(about.st_size).unwrap_or_default().min(PAGES).saturating_add(1));
    opened(&seen, path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    Ok(u64::try_from(text.len()).is_ok_and(|length| length <= LONGEST).then_some(text))
}

/// The same file, to be read; where there is no /proc to open it again by, by its path, which must lead to it still.
fn opened(seen: &OwnedFd, path: &Path) -> Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let same = format!("/proc/thread-self/fd/{}", seen.as_raw_fd());
    let file = match rustix::fs::open(same, flags, Mode::empty()) {
        Err(Errno::NOENT) => rustix::fs::open(path, flags, Mode::empty())?,
        opened => opened?,
    };
    let (one, other) = (rustix::fs::fstat(seen)?, rustix::fs::fstat(&file)?);
    let is_same = (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino);
    if is_same { Ok(file.into()) } else { Err(Errno::STALE.into()) }
}
