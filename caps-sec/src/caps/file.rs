// SPDX-License-Identifier: MIT OR Apache-2.0
//! Capabilities of files: what a program gets by its own file, kept in the attribute `security.capability`.
//!
//! Version 2 of the attribute holds for everybody; version 3 only in the user namespaces whose root is the user that it
//! names, and those below. The kernel translates: who writes version 2 as root of a user namespace has version 3 on the
//! disk, with the number that his root has outside; who reads that inside sees version 2 again, and who reads it elsewhere
//! sees version 3 with the number that the root has for him (`EOVERFLOW` where it has none).
//!
//! Man: capabilities(7), "File capabilities", "Namespaced file capabilities". Kernel: include/uapi/linux/capability.h.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, XattrFlags};
use rustix::io::Errno;

use super::{CapSet, CapText};
use crate::error::{Error, ErrorKind, Object};

const ATTRIBUTE: &str = "security.capability";
/// The longest that the kernel knows: version 3.
const LONGEST: usize = 24;
const VERSION: u32 = 0xff00_0000;
const EFFECTIVE: u32 = 1;

/// What a program gets by its own file.
///
/// ```
/// use skep_caps_sec::{Cap, CapSet, FileCaps};
///
/// let ping = FileCaps::new(CapSet::from(Cap::NET_RAW)).effective();
/// assert_eq!(ping.to_string(), "cap_net_raw=ep");
/// assert_eq!(FileCaps::from_bytes(&ping.to_bytes())?, ping);
/// # Ok::<(), skep_caps_sec::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[doc(alias = "getcap")]
#[doc(alias = "setcap")]
pub struct FileCaps {
    /// What the program is permitted, within the bounding set of who executes it.
    pub permitted: CapSet,
    /// What of his inheritable set it is permitted as well.
    pub inheritable: CapSet,
    /// Whether it is all in force from the start: for programs that know nothing of capabilities.
    pub effective: bool,
    /// The root of the user namespaces that it holds in, by his number in the reader's; `None` is everywhere.
    #[doc(alias = "rootid")]
    pub root: Option<u32>,
}

impl FileCaps {
    /// These as permitted ones, which the program has to put in force by itself.
    #[must_use]
    pub const fn new(permitted: CapSet) -> Self {
        Self { permitted, inheritable: CapSet::empty(), effective: false, root: None }
    }

    /// They are in force from the start.
    #[must_use]
    pub const fn effective(self) -> Self {
        Self { effective: true, ..self }
    }

    /// These of the caller's inheritable set are permitted as well.
    #[must_use]
    pub const fn inheritable(self, inheritable: CapSet) -> Self {
        Self { inheritable, ..self }
    }

    /// They hold in the user namespaces alone whose user 0 is user `uid` here.
    #[must_use]
    pub const fn root(self, uid: u32) -> Self {
        Self { root: Some(uid), ..self }
    }

    /// The attribute's value: version 3 if a root is named, else version 2.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let version: u32 = if self.root.is_some() { 0x0300_0000 } else { 0x0200_0000 };
        let (permitted, inheritable) = (self.permitted.bits(), self.inheritable.bits());
        let low = |bits: u64| u32::try_from(bits & 0xffff_ffff).unwrap_or_default();
        let words = [
            version | if self.effective { EFFECTIVE } else { 0 },
            low(permitted),
            low(inheritable),
            low(permitted >> 32),
            low(inheritable >> 32),
        ];
        words.into_iter().chain(self.root).flat_map(u32::to_le_bytes).collect()
    }

    /// Reads the attribute's value, of version 1 to 3.
    ///
    /// # Errors
    /// `Invalid` for what is none: a version that is not known, a length that is not its version's.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let words: Vec<u32> =
            bytes.chunks_exact(4).filter_map(|word| word.try_into().ok().map(u32::from_le_bytes)).collect();
        let (version, permitted, inheritable, root) = match *words.as_slice() {
            [magic, p, i] => (magic, (p, 0), (i, 0), None),
            [magic, p, i, p2, i2] => (magic, (p, p2), (i, i2), None),
            [magic, p, i, p2, i2, root] => (magic, (p, p2), (i, i2), Some(root)),
            _ => (0, (0, 0), (0, 0), None),
        };
        let known = match bytes.len() {
            12 => 0x0100_0000,
            20 => 0x0200_0000,
            24 => 0x0300_0000,
            _ => 0,
        };
        if known == 0 || version & VERSION != known {
            let why = format!(
                "{} bytes of version {:#x} are none: version 1 has 12 bytes, 2 has 20, 3 has 24",
                bytes.len(),
                version & VERSION
            );
            return Err(Error::invalid("read", Object::Named("capabilities of a file"), vec![why]));
        }
        let set = |(low, high): (u32, u32)| CapSet::from_bits(u64::from(low) | u64::from(high) << 32);
        Ok(Self { permitted: set(permitted), inheritable: set(inheritable), effective: version & EFFECTIVE != 0, root })
    }

    /// Those of the file at `path`, or of the link itself where that is one; `None` if it has none.
    ///
    /// # Errors
    /// `NotFound`; `Unsupported` on a file system without attributes; `Os` (`EOVERFLOW`) if they are for a root that has no
    /// number in this user namespace.
    #[doc(alias = "lgetxattr")]
    pub fn of_path(path: impl AsRef<Path>) -> Result<Option<Self>, Error> {
        let path = path.as_ref();
        let mut value = [0; LONGEST];
        Self::read(rustix::fs::lgetxattr(path, ATTRIBUTE, &mut value), &value, || Object::Path(path.into()))
    }

    /// Those of an open file, which was not opened by `O_PATH`; `None` if it has none.
    ///
    /// # Errors
    /// As [`of_path`](Self::of_path).
    #[doc(alias = "fgetxattr")]
    pub fn of_file(file: impl AsFd) -> Result<Option<Self>, Error> {
        let mut value = [0; LONGEST];
        Self::read(rustix::fs::fgetxattr(file, ATTRIBUTE, &mut value), &value, || Object::Named("an open file"))
    }

    /// Those of the file at `path` below the directory `dir`, of which the path cannot lead out: no link of it is followed
    /// that would; `None` if it has none.
    ///
    /// # Errors
    /// As [`of_path`](Self::of_path); `Invalid` for what is not a regular file; `Denied` for a file that may not be read.
    /// # Kernel
    /// Linux 5.6, for openat2(2). Where a filter refuses that, open the file by other means and ask
    /// [`of_file`](Self::of_file).
    pub fn of_path_in(dir: impl AsFd, path: impl AsRef<Path>) -> Result<Option<Self>, Error> {
        let path = path.as_ref();
        let file = open_in(dir, path, "read the capabilities of")?;
        let mut value = [0; LONGEST];
        Self::read(rustix::fs::fgetxattr(&file, ATTRIBUTE, &mut value), &value, || Object::Path(path.into()))
    }

    fn read(length: Result<usize, Errno>, value: &[u8], object: impl Fn() -> Object) -> Result<Option<Self>, Error> {
        const OP: &str = "read the capabilities of";
        match length {
            Ok(length) => {
                let read = Self::from_bytes(value.get(..length).unwrap_or_default());
                let why = |error: Error| error.problems().join("; ");
                read.map(Some).map_err(|error| Error::because(OP, object(), ErrorKind::Unsupported, why(error)))
            }
            Err(Errno::NODATA) => Ok(None),
            Err(Errno::OVERFLOW) => Err(Error::os(OP, object(), Errno::OVERFLOW.raw_os_error())
                .with_hint("they are for a user namespace whose root has no number in this one")),
            Err(Errno::RANGE) => {
                let why = format!("the attribute {ATTRIBUTE} is longer than any that is known");
                Err(Error::because(OP, object(), ErrorKind::Unsupported, why))
            }
            Err(errno) => Err(Error::os(OP, object(), errno.raw_os_error())),
        }
    }

    /// Gives these, and no others, to the file at `path`; a link is not followed.
    ///
    /// Whoever writes to the file, or changes its owner, takes them away again.
    ///
    /// # Errors
    /// `NotFound`; `Denied` without the right; `Unsupported` on a file system without attributes.
    /// # Privileges
    /// `CAP_SETFCAP` in the user namespace that the file's owner and group have numbers in, and, for one that names no root
    /// from within a user namespace, in that, of which it then is.
    #[doc(alias = "lsetxattr")]
    pub fn apply_to_path(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        Self::wrote(rustix::fs::lsetxattr(path, ATTRIBUTE, &self.to_bytes(), XattrFlags::empty()), || path.into())
    }

    /// Gives these, and no others, to an open file, which was not opened by `O_PATH`; for reading is enough.
    ///
    /// # Errors
    /// As [`apply_to_path`](Self::apply_to_path).
    /// # Privileges
    /// As [`apply_to_path`](Self::apply_to_path).
    #[doc(alias = "fsetxattr")]
    pub fn apply_to_file(&self, file: impl AsFd) -> Result<(), Error> {
        rustix::fs::fsetxattr(file, ATTRIBUTE, &self.to_bytes(), XattrFlags::empty())
            .map_err(|errno| refused(Object::Named("an open file"), errno))
    }

    /// Gives these, and no others, to the file at `path` below the directory `dir`, of which the path cannot lead out.
    ///
    /// # Errors
    /// As [`apply_to_path`](Self::apply_to_path); `Invalid` for what is not a regular file; `Denied` for a file that may not
    /// be read.
    /// # Privileges
    /// As [`apply_to_path`](Self::apply_to_path).
    /// # Kernel
    /// Linux 5.6, for openat2(2).
    pub fn apply_to_path_in(&self, dir: impl AsFd, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let file = open_in(dir, path, GIVE)?;
        Self::wrote(rustix::fs::fsetxattr(file, ATTRIBUTE, &self.to_bytes(), XattrFlags::empty()), || path.into())
    }

    /// Takes the capabilities of the file at `path` away, and answers whether it had any; a link is not followed.
    ///
    /// # Errors
    /// As [`apply_to_path`](Self::apply_to_path).
    /// # Privileges
    /// As [`apply_to_path`](Self::apply_to_path).
    #[doc(alias = "lremovexattr")]
    pub fn remove_of_path(path: impl AsRef<Path>) -> Result<bool, Error> {
        let path = path.as_ref();
        match rustix::fs::lremovexattr(path, ATTRIBUTE) {
            Ok(()) => Ok(true),
            Err(Errno::NODATA) => Ok(false),
            Err(errno) => Err(Error::os("take the capabilities from", Object::Path(path.into()), errno.raw_os_error())),
        }
    }

    fn wrote(done: Result<(), Errno>, path: impl Fn() -> PathBuf) -> Result<(), Error> {
        done.map_err(|errno| refused(Object::Path(path()), errno))
    }
}

const GIVE: &str = "give capabilities to";

fn refused(object: Object, errno: Errno) -> Error {
    let error = Error::os(GIVE, object, errno.raw_os_error());
    match errno {
        Errno::PERM => error.with_hint(
            "it takes CAP_SETFCAP in a user namespace in which the file's owner and group have numbers, and that the root \
             it names is the root of",
        ),
        _ => error,
    }
}

/// Opens a regular file for reading, without being led out of `dir`, stopped by a pipe, or given another kind of thing.
fn open_in(dir: impl AsFd, path: &Path, op: &'static str) -> Result<OwnedFd, Error> {
    let failed = |errno: Errno| Error::os(op, Object::Path(path.into()), errno.raw_os_error());
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let file = rustix::fs::openat2(dir, path, flags, Mode::empty(), resolve).map_err(failed)?;
    let stat = rustix::fs::fstat(&file).map_err(failed)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
        Ok(file)
    } else {
        let why = "it is not a regular file, and others cannot have capabilities".to_owned();
        Err(Error::invalid(op, Object::Path(path.into()), vec![why]))
    }
}

impl fmt::Display for FileCaps {
    /// As getcap(8) shows it: "cap_net_raw=ep", with " [rootid=1000]" after it where a root is named.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (permitted, inheritable) = (self.permitted, self.inheritable);
        let effective = if self.effective { permitted | inheritable } else { CapSet::empty() };
        CapText { effective, inheritable, permitted }.fmt(f)?;
        match self.root {
            Some(root) => write!(f, " [rootid={root}]"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Cap;

    #[test]
    fn the_bytes_are_those_of_the_kernel_s_header() {
        let ping = FileCaps::new(Cap::NET_RAW.into()).effective();
        assert_eq!(ping.to_bytes(), [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let bpf = FileCaps::new(Cap::BPF.into()).inheritable(Cap::CHOWN.into()).root(1000);
        assert_eq!(bpf.to_bytes(), [0, 0, 0, 3, 0, 0, 0, 0, 1, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0xe8, 3, 0, 0]);
        let first = FileCaps::from_bytes(&[1, 0, 0, 1, 0, 0x20, 0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(first, ping);
        assert_eq!(bpf.root(7).to_string(), "cap_chown=i cap_bpf+p [rootid=7]");
    }

    #[test]
    fn what_is_no_attribute_is_refused_with_the_reason() {
        let error = FileCaps::from_bytes(&[0; 20]).unwrap_err();
        assert_eq!(error.problems(), ["20 bytes of version 0x0 are none: version 1 has 12 bytes, 2 has 20, 3 has 24"]);
        for length in [0, 1, 4, 13, 19, 21, 23, 25, 100] {
            let mut bytes = vec![0; length];
            if let Some(version) = bytes.get_mut(3) {
                *version = 2;
            }
            assert!(FileCaps::from_bytes(&bytes).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn capabilities_of_a_file_are_their_bytes(
            sets in [any::<u64>(), any::<u64>()], effective in any::<bool>(), root in any::<Option<u32>>(),
        ) {
            let [permitted, inheritable] = sets.map(CapSet::from_bits);
            let caps = FileCaps { permitted, inheritable, effective, root };
            prop_assert_eq!(FileCaps::from_bytes(&caps.to_bytes()).unwrap(), caps);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..30)) {
            if let Ok(caps) = FileCaps::from_bytes(&bytes) {
                prop_assert_eq!(FileCaps::from_bytes(&caps.to_bytes()).unwrap(), caps);
            }
        }
    }
}
