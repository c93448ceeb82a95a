// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paths of groups: the names from a root downwards, checked before anything is touched.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Object};
use crate::value::shown;

/// A file system's names are no longer than this.
const LONGEST: usize = 255;

/// A checked path: at least one name, none that leads anywhere but down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupPath {
    absolute: bool,
    path: PathBuf,
}

/// The names of a path.
pub(crate) fn parts(path: &Path) -> impl Iterator<Item = &OsStr> {
    path.as_os_str().as_bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty()).map(OsStr::from_bytes)
}

impl GroupPath {
    /// Checks a path.
    ///
    /// # Errors
    /// `Invalid`, with every problem.
    pub(crate) fn new(op: &'static str, path: &Path) -> Result<Self, Error> {
        let mut problems: Vec<String> = parts(path).filter_map(problem).collect();
        if parts(path).next().is_none() {
            let what = if path.has_root() { "is the root of a hierarchy" } else { "is empty" };
            problems.push(format!("the path {} {what}: a group has a name", shown(&path.to_string_lossy())));
        }
        if !problems.is_empty() {
            return Err(Error::invalid(op, Object::Group(path.to_owned()), problems));
        }
        Ok(Self { absolute: path.has_root(), path: parts(path).collect() })
    }

    /// Whether it begins at the root of the visible hierarchy.
    pub(crate) fn is_absolute(&self) -> bool {
        self.absolute
    }

    /// The names, of which there is at least one.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &OsStr> {
        parts(&self.path)
    }

    /// The names as a relative path.
    pub(crate) fn as_path(&self) -> &Path {
        &self.path
    }

    /// The same names below others, from the root.
    pub(crate) fn below(&self, above: impl Iterator<Item: AsRef<Path>>) -> Self {
        let above: PathBuf = above.collect();
        Self { absolute: true, path: above.join(&self.path) }
    }
}

/// What is wrong with a name.
fn problem(part: &OsStr) -> Option<String> {
    let bytes = part.as_bytes();
    let length = bytes.len();
    let what = match bytes {
        b"." | b".." => "does not lead down".to_owned(),
        _ if bytes.contains(&0) => "has a NUL byte in it".to_owned(),
        _ if bytes.contains(&b'\n') => "has a line break in it, which the kernel refuses".to_owned(),
        _ if length > LONGEST => format!("is {length} bytes long: the kernel takes {LONGEST}"),
        _ => return None,
    };
    Some(format!("the name {} {what}", shown(&part.to_string_lossy())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str) -> Vec<String> {
        let answer = GroupPath::new("create", Path::new(path));
        answer.err().map(|error| error.problems().to_vec()).unwrap_or_default()
    }

    #[test]
    fn every_bad_name_is_told_at_once() {
        assert_eq!(
            problems("a/../b\n/./c\0d"),
            [
                "the name \"..\" does not lead down",
                "the name \"b\\n\" has a line break in it, which the kernel refuses",
                "the name \".\" does not lead down",
                "the name \"c\\0d\" has a NUL byte in it",
            ]
        );
        assert_eq!(problems(""), ["the path \"\" is empty: a group has a name"]);
        assert_eq!(problems("//"), ["the path \"//\" is the root of a hierarchy: a group has a name"]);
        let long = "x".repeat(256);
        assert_eq!(problems(&long).len(), 1);
        assert!(problems(&long[1..]).is_empty());
    }

    #[test]
    fn names_are_what_lies_between_slashes() {
        let path = GroupPath::new("create", Path::new("/web.slice//web-1/")).unwrap();
        assert!(path.is_absolute());
        assert_eq!(path.parts().collect::<Vec<_>>(), ["web.slice", "web-1"]);
        let relative = GroupPath::new("create", Path::new("a...b")).unwrap();
        assert!(!relative.is_absolute());
        assert_eq!(relative.below(["x", "y"].map(OsStr::new).into_iter()).as_path(), Path::new("x/y/a...b"));
    }
}
