// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is on disk of an OCI bundle: its directory, and the text of its configuration.

use std::fs::{self, File};
use std::io::{ErrorKind as Io, Read, Result};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Object};

/// The name of the configuration in a bundle.
const FILE: &str = "config.json";

/// The longest configuration that is read, in bytes.
const LONGEST: u64 = 16 << 20;

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

/// The text of an ordinary file, if it is one that is not too long. Nothing waits for a pipe.
fn text(path: &Path) -> Result<Option<String>> {
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut text = String::new();
    File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    Ok(u64::try_from(text.len()).is_ok_and(|length| length <= LONGEST).then_some(text))
}
