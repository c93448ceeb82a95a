// SPDX-License-Identifier: MIT OR Apache-2.0
//! One mount, and the line of mountinfo that tells of it.
//!
//! Man: proc_pid_mountinfo(5).

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::mounts::Attributes;

/// One mount, as a line of mountinfo and statmount(2) tell of it.
///
/// Names are bytes, and whole: the kernel's escapes are undone, and what is not text stays as it is.
///
/// ```
/// use skep_rootfs::{Attributes, MountInfo};
///
/// let line = b"36 35 98:0 /sub /mnt/a\\040b rw,nosuid,relatime master:1 - ext4 /dev/sda1 rw,errors=continue";
/// let mount = MountInfo::parse(line).unwrap();
/// assert_eq!(mount.target.to_str(), Some("/mnt/a b"));
/// assert_eq!((mount.kind.as_str(), mount.attributes), ("ext4", Attributes::NOSUID));
/// assert_eq!(mount.propagation.master, Some(1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MountInfo {
    /// Its number. It is unique at one time, and used again when the mount has gone.
    pub id: u64,
    /// The number of the mount that it is mounted on. Of the topmost mount that can be seen, one that cannot.
    pub parent: u64,
    /// Major and minor number of its file system (`st_dev`).
    pub device: (u32, u32),
    /// Which directory or file of its file system is seen. One that was removed ends with "//deleted", and a path that
    /// begins with "/.." is not in what this process sees of it.
    pub root: PathBuf,
    /// Where it is mounted, from the root of whoever asked.
    pub target: PathBuf,
    /// What may not be done through this mount, and how access times are kept where that is not
    /// [`RELATIME`](Attributes::RELATIME), as it is for nearly every mount. mountinfo has no word for
    /// [`STRICTATIME`](Attributes::STRICTATIME); it is where neither of the others is.
    pub attributes: Attributes,
    /// Whether files have other owners through it than on the disk (Linux 5.12).
    #[doc(alias = "MOUNT_ATTR_IDMAP")]
    pub idmapped: bool,
    /// Where what is mounted in it is seen too.
    pub propagation: PeerGroups,
    /// The kind of file system: "ext4", "fuse.sshfs".
    pub kind: String,
    /// What is mounted: a device, a server's directory, or nothing in particular.
    pub source: OsString,
    /// Options of the file system, with commas between them; the first is "ro" or "rw".
    pub options: OsString,
}

/// Where what is mounted in a mount is seen too: mount_namespaces(7), "SHARED SUBTREES". Without any of these it is private.
///
/// Displays as mountinfo has it: "shared:7 master:3".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct PeerGroups {
    /// The group of peers that tell each other of mounts. `MS_SHARED`.
    pub shared: Option<u64>,
    /// The group of peers that it hears of mounts from, and does not tell. `MS_SLAVE`.
    pub master: Option<u64>,
    /// The nearest group that it hears from and that can be seen, where that is not `master`.
    pub from: Option<u64>,
    /// It cannot be bound elsewhere. `MS_UNBINDABLE`.
    pub unbindable: bool,
}

impl PeerGroups {
    /// Whether mounts go neither out nor in.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.shared.is_none() && self.master.is_none()
    }

    /// Takes one field of a line; those that are unknown are passed over, as proc_pid_mountinfo(5) asks.
    fn take(&mut self, field: &[u8]) -> Option<()> {
        let mut halves = field.splitn(2, |byte| *byte == b':');
        let (name, value) = (halves.next()?, halves.next());
        let group = match name {
            b"shared" => &mut self.shared,
            b"master" => &mut self.master,
            b"propagate_from" => &mut self.from,
            b"unbindable" => {
                self.unbindable = true;
                return Some(());
            }
            _ => return Some(()),
        };
        *group = Some(number(value?)?);
        Some(())
    }
}

impl fmt::Display for PeerGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut space = "";
        let groups = [("shared", self.shared), ("master", self.master), ("propagate_from", self.from)];
        for (name, group) in groups.into_iter().filter_map(|(name, group)| Some((name, group?))) {
            write!(f, "{space}{name}:{group}")?;
            space = " ";
        }
        if self.unbindable { write!(f, "{space}unbindable") } else { Ok(()) }
    }
}

impl MountInfo {
    /// The mount that a line tells of; `None` for what is no such line.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ');
        let mut field = || fields.next();
        let (id, parent) = (number(field()?)?, number(field()?)?);
        let device = field()?;
        let colon = device.iter().position(|byte| *byte == b':')?;
        let (major, minor) = (device.get(..colon)?, device.get(colon.checked_add(1)?..)?);
        let device = (number(major)?.try_into().ok()?, number(minor)?.try_into().ok()?);
        let (root, target) = (unescaped(field()?), unescaped(field()?));
        let (mut attributes, mut idmapped, mut relative) = (Attributes::empty(), false, false);
        for word in std::str::from_utf8(field()?).ok()?.split(',') {
            match word {
                "rw" => {}
                "relatime" => relative = true,
                "idmapped" => idmapped = true,
                word => attributes |= Attributes::of_word(word).unwrap_or_default(),
            }
        }
        if !relative && !attributes.intersects(Attributes::TIMES) {
            attributes |= Attributes::STRICTATIME;
        }
        let mut propagation = PeerGroups::default();
        loop {
            match field()? {
                b"-" => break,
                one => propagation.take(one)?,
            }
        }
        let kind = text(unescaped(field()?));
        let source = OsString::from_vec(unescaped(field()?));
        let options = OsString::from_vec(unescaped(field()?));
        Some(Self {
            id,
            parent,
            device,
            root: path(root),
            target: path(target),
            attributes,
            idmapped,
            propagation,
            kind,
            source,
            options,
        })
    }

    /// All mounts of a mountinfo, in its order: a mount comes before what is mounted on it, unless that was moved there.
    /// `None` if a line is none.
    #[must_use]
    pub fn parse_all(text: &[u8]) -> Option<Vec<Self>> {
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        // Of so many bytes few lines have less; a list that grows is moved.
        let mut mounts = Vec::with_capacity(text.len() / 100);
        for line in lines {
            mounts.push(Self::parse(line)?);
        }
        Some(mounts)
    }

    /// Whether nothing can be changed in it, by this mount or by its file system.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.attributes.contains(Attributes::READ_ONLY)
            || self.options.as_encoded_bytes().split(|byte| *byte == b',').any(|word| word == b"ro")
    }

    /// Whether it is mounted below `path`, and not at it.
    #[must_use]
    pub fn is_below(&self, path: &Path) -> bool {
        self.target != path && self.target.starts_with(path)
    }
}

pub(super) fn path(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

/// The name of a kind of file system, which is text.
pub(super) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// A field without its escapes: three octal digits behind a '\\'.
pub(super) fn unescaped(field: &[u8]) -> Vec<u8> {
    if !field.contains(&b'\\') {
        return field.to_vec();
    }
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
    bytes
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
        let said = mount.propagation.to_string();
        assert_eq!(said, "shared:1 master:2 propagate_from:3 unbindable");
        let mount = parsed("1 0 0:1 / /a rw,relatime - squashfs /dev/loop0 ro,errors=continue").unwrap();
        assert!(mount.attributes.is_empty() && mount.is_read_only());
        let times = |words: &str| parsed(&format!("1 0 0:1 / / {words} - a b c")).unwrap().attributes;
        assert_eq!(times("rw"), Attributes::STRICTATIME);
        assert_eq!(times("rw,noatime,nodiratime"), Attributes::NOATIME | Attributes::NODIRATIME);
        assert_eq!(times("rw,relatime,nosymfollow"), Attributes::NOSYMFOLLOW);
        for line in ["", "1 0 0:1 / / rw", "1 0 0:1 / / rw - ext4", "x 0 0:1 / / rw - a b c", "1 0 1 / / rw - a b c"] {
            assert_eq!(parsed(line), None, "{line}");
        }
    }

    #[test]
    fn what_only_looks_like_an_escape_is_text() {
        let name = |text: &str| String::from_utf8(unescaped(text.as_bytes())).unwrap();
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
            line.extend([&escaped(&root)[..], b" ", &escaped(&target), b" rw,noexec,relatime - ext4 ", &escaped(&source), b" rw"].concat());
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
