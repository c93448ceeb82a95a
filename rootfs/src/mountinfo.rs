// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is mounted, as /proc/PID/mountinfo tells it.
//!
//! Man: proc_pid_mountinfo(5).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Object};
use crate::mounts::Attributes;

const OWN: &str = "/proc/thread-self/mountinfo";

/// One mount: a line of mountinfo.
///
/// ```
/// use skep_rootfs::{Attributes, MountInfo};
///
/// let line = b"36 35 98:0 /sub /mnt/a\\040b rw,nosuid master:1 - ext4 /dev/sda1 rw,errors=continue";
/// let mount = MountInfo::parse(line).unwrap();
/// assert_eq!(mount.target.to_str(), Some("/mnt/a b"));
/// assert_eq!((mount.kind.as_str(), mount.attributes), ("ext4", Attributes::NOSUID));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MountInfo {
    /// Its number in the mount namespace.
    pub id: u64,
    /// The number of the mount that it is mounted on.
    pub parent: u64,
    /// Which directory or file of its file system is seen.
    pub root: PathBuf,
    /// Where it is mounted, from the root of whoever asked.
    pub target: PathBuf,
    /// What may not be done through this mount.
    pub attributes: Attributes,
    /// The kind of file system: "ext4", "fuse.sshfs".
    pub kind: String,
    /// What is mounted: a device, a server's directory, or nothing in particular.
    pub source: OsString,
    /// Options of the file system, with commas between them.
    pub options: OsString,
}

impl MountInfo {
    /// The mount that a line tells of; `None` for what is no such line.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ');
        let mut field = || fields.next();
        let (id, parent) = (number(field()?)?, number(field()?)?);
        let (major, minor) = std::str::from_utf8(field()?).ok()?.split_once(':')?;
        let _device = (major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?);
        let (root, target) = (unescaped(field()?), unescaped(field()?));
        let words = std::str::from_utf8(field()?).ok()?;
        let attributes = words.split(',').filter_map(Attributes::of_word).collect();
        // Fields of propagation: as many as there are.
        while field()? != b"-" {}
        let kind = String::from_utf8_lossy(unescaped(field()?).as_encoded_bytes()).into_owned();
        let source = unescaped(field()?);
        let options = unescaped(field()?);
        Some(Self { id, parent, root: root.into(), target: target.into(), attributes, kind, source, options })
    }

    /// All mounts of a mountinfo, in its order: a mount comes before what is mounted on it. `None` if a line is none.
    #[must_use]
    pub fn parse_all(text: &[u8]) -> Option<Vec<Self>> {
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(Self::parse).collect()
    }

    /// What the calling thread has mounted.
    ///
    /// # Errors
    /// `ENOENT` where no proc is mounted; `Invalid` if the kernel tells what we do not understand.
    pub fn of_this_thread() -> Result<Vec<Self>, Error> {
        let object = || Object::Path(OWN.into());
        let text = std::fs::read(OWN)
            .map_err(|error| Error::os("read", object(), error.raw_os_error().unwrap_or_default()))?;
        Self::parse_all(&text).ok_or_else(|| {
            Error::invalid("read", object(), vec!["a line of it is not as proc_pid_mountinfo(5) has it".to_owned()])
        })
    }

    /// Whether nothing can be changed in it, by this mount or by its file system.
    pub(crate) fn is_read_only(&self) -> bool {
        self.attributes.contains(Attributes::READ_ONLY)
            || self.options.as_encoded_bytes().split(|byte| *byte == b',').any(|word| word == b"ro")
    }

    /// Whether it is mounted below `path`, and not at it.
    pub(crate) fn is_below(&self, path: &Path) -> bool {
        self.target != path && self.target.starts_with(path)
    }
}

fn number(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// A field without its escapes: three octal digits behind a '\'.
fn unescaped(field: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((byte, after)) = rest.split_first() {
        let digits = after.first_chunk::<3>().filter(|_| *byte == b'\\');
        match digits.and_then(octal) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes)
}

fn octal(digits: &[u8; 3]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        number.checked_mul(8)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use proptest::prelude::*;

    use super::*;

    /// As the kernel writes it.
    fn escaped(text: &[u8]) -> Vec<u8> {
        let escape = |byte: &u8| match byte {
            b' ' | b'\t' | b'\n' | b'\\' | b'#' => format!("\\{byte:03o}").into_bytes(),
            byte => vec![*byte],
        };
        text.iter().flat_map(escape).collect()
    }

    #[test]
    fn optional_fields_are_none_or_many_and_an_empty_source_is_one() {
        let parsed = |line: &str| MountInfo::parse(line.as_bytes());
        let mount = parsed("1 0 0:1 / / ro,relatime shared:1 master:2 propagate_from:3 unbindable - tmpfs  rw,size=1k");
        let mount = mount.unwrap();
        assert_eq!((mount.id, mount.parent, mount.source.len()), (1, 0, 0));
        assert!(mount.is_read_only());
        let mount = parsed("1 0 0:1 / /a rw - squashfs /dev/loop0 ro,errors=continue").unwrap();
        assert!(mount.attributes.is_empty() && mount.is_read_only());
        for line in ["", "1 0 0:1 / / rw", "1 0 0:1 / / rw - ext4", "x 0 0:1 / / rw - a b c", "1 0 1 / / rw - a b c"] {
            assert_eq!(parsed(line), None, "{line}");
        }
    }

    #[test]
    fn what_only_looks_like_an_escape_is_text() {
        let name = |text: &str| unescaped(text.as_bytes()).into_string().unwrap();
        assert_eq!(name("a\\04"), "a\\04");
        assert_eq!(name("a\\048"), "a\\048");
        assert_eq!(name("\\777"), "\\777");
        assert_eq!(name("\\134040"), "\\040");
        assert_eq!(name("a\\"), "a\\");
    }

    #[test]
    fn this_thread_s_own_is_understood() {
        let mounts = MountInfo::of_this_thread().unwrap();
        assert!(mounts.iter().any(|mount| mount.target.as_os_str() == "/proc" && mount.kind == "proc"));
    }

    proptest! {
        #[test]
        fn paths_of_any_bytes_are_read_back(
            root in proptest::collection::vec(1_u8.., 0..20),
            target in proptest::collection::vec(1_u8.., 0..20),
            source in proptest::collection::vec(1_u8.., 0..20),
        ) {
            let mut line = b"10 9 8:1 ".to_vec();
            line.extend([&escaped(&root)[..], b" ", &escaped(&target), b" rw,noexec - ext4 ", &escaped(&source), b" rw"].concat());
            let mount = MountInfo::parse(&line).unwrap();
            prop_assert_eq!(mount.root.as_os_str().as_bytes(), root);
            prop_assert_eq!(mount.target.as_os_str().as_bytes(), target);
            prop_assert_eq!(mount.source.as_bytes(), source);
            prop_assert_eq!(mount.attributes, Attributes::NOEXEC);
        }

        #[test]
        fn any_bytes_are_read_without_harm(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _read = MountInfo::parse_all(&text);
        }
    }
}
