// SPDX-License-Identifier: MIT OR Apache-2.0
//! Landlock: what a process denies itself, and everything that it starts, for good. No right is needed for it.
//!
//! A [`Landlock`] names what is denied, and the exceptions. Rights that a kernel does not know are an error, unless less is
//! asked for by name ([`Landlock::limited_to`], [`Landlock::enter_thread_where_possible`]), which says what was left out.
//!
//! Man: landlock(7). Kernel: Documentation/userspace-api/landlock.rst, include/uapi/linux/landlock.h.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Object};
use crate::floor::landlock::{CREATING, ENTERING, OF_FILES, OPTIONAL_PATH, PATH, PORT, enter};
use crate::floor::sys::Errno;
use crate::floor::sys::landlock::version;
use crate::floor::{Failure, Step};

bitflags::bitflags! {
    /// What can be done to files and directories.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
    #[doc(alias = "LANDLOCK_ACCESS_FS")]
    pub struct FileRights: u64 {
        /// Execute a file.
        const EXECUTE = 1 << 0;
        /// Open a file for writing.
        const WRITE_FILE = 1 << 1;
        /// Open a file for reading.
        const READ_FILE = 1 << 2;
        /// List a directory.
        const READ_DIR = 1 << 3;
        /// Remove or rename an empty directory.
        const REMOVE_DIR = 1 << 4;
        /// Remove or rename a file.
        const REMOVE_FILE = 1 << 5;
        /// Make a character device.
        const MAKE_CHAR = 1 << 6;
        /// Make a directory.
        const MAKE_DIR = 1 << 7;
        /// Make a regular file.
        const MAKE_REG = 1 << 8;
        /// Make a socket.
        const MAKE_SOCK = 1 << 9;
        /// Make a pipe.
        const MAKE_FIFO = 1 << 10;
        /// Make a block device.
        const MAKE_BLOCK = 1 << 11;
        /// Make a symbolic link.
        const MAKE_SYM = 1 << 12;
        /// Link or rename a file into another directory; denied without being named on kernels that do not know it. Version 2.
        const REFER = 1 << 13;
        /// Truncate a file. Version 3.
        const TRUNCATE = 1 << 14;
        /// Control a device by ioctl(2). Version 5.
        const IOCTL_DEV = 1 << 15;
    }
}

impl FileRights {
    /// Reading files and directories.
    pub const READ: Self = Self::READ_FILE.union(Self::READ_DIR);
    /// Reading and executing.
    pub const READ_EXECUTE: Self = Self::READ.union(Self::EXECUTE);
}

bitflags::bitflags! {
    /// What can be done to ports.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
    #[doc(alias = "LANDLOCK_ACCESS_NET")]
    pub struct NetRights: u64 {
        /// Listen on, or send from, a TCP port. Version 4.
        const BIND_TCP = 1 << 0;
        /// Connect to a TCP port. Version 4.
        const CONNECT_TCP = 1 << 1;
    }
}

bitflags::bitflags! {
    /// What can be reached only within: among those who were restricted together.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
    #[doc(alias = "LANDLOCK_SCOPE")]
    pub struct Scopes: u64 {
        /// Unix sockets with abstract names. Version 6.
        const ABSTRACT_UNIX_SOCKET = 1 << 0;
        /// Processes, by signals. Version 6.
        const SIGNAL = 1 << 1;
    }
}

/// Rights of all three sorts: what is denied, enforced or left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct LandlockRights {
    /// To files.
    pub files: FileRights,
    /// To ports.
    pub net: NetRights,
    /// Beyond those who are restricted together.
    pub scopes: Scopes,
}

impl LandlockRights {
    /// Those that version `version` of the interface knows; newer versions than 6 have no more of these.
    #[must_use]
    #[doc(alias = "ABI")]
    pub fn known_to(version: u32) -> Self {
        let first = FileRights::from_bits_truncate(0x1fff);
        let files = [(1, first), (2, FileRights::REFER), (3, FileRights::TRUNCATE), (5, FileRights::IOCTL_DEV)];
        let files = files.into_iter().filter(|(since, _)| version >= *since).map(|(_, rights)| rights).collect();
        Self {
            files,
            net: if version >= 4 { NetRights::all() } else { NetRights::empty() },
            scopes: if version >= 6 { Scopes::all() } else { Scopes::empty() },
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.files.is_empty() && self.net.is_empty() && self.scopes.is_empty()
    }

    fn and(self, other: Self) -> Self {
        Self { files: self.files & other.files, net: self.net & other.net, scopes: self.scopes & other.scopes }
    }

    fn without(self, other: Self) -> Self {
        Self { files: self.files - other.files, net: self.net - other.net, scopes: self.scopes - other.scopes }
    }
}

impl fmt::Display for LandlockRights {
    /// "read_file, bind_tcp, signal", or "none".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = self.files.iter_names().map(|(name, _)| name);
        let net = self.net.iter_names().map(|(name, _)| name);
        let scopes = self.scopes.iter_names().map(|(name, _)| name);
        let names: Vec<String> = files.chain(net).chain(scopes).map(str::to_ascii_lowercase).collect();
        f.write_str(if names.is_empty() { "none" } else { "" })?;
        f.write_str(&names.join(", "))
    }
}

/// An exception from what is denied.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LandlockRule {
    /// What is at and below a path.
    Path {
        /// The path, as the restricted thread sees it; links in it are followed.
        path: PathBuf,
        /// What is allowed there. Of a file that is no directory those that it can have.
        rights: FileRights,
        /// Whether it is no error that there is no such path.
        optional: bool,
    },
    /// A port.
    Port {
        /// Its number.
        port: u16,
        /// What is allowed with it.
        rights: NetRights,
    },
}

/// What a process denies itself, and the exceptions.
///
/// ```
/// use skep_caps_sec::{FileRights, Landlock, NetRights};
///
/// let reader = Landlock::new()
///     .deny_files(FileRights::all())
///     .deny_net(NetRights::all())
///     .allow_path("/usr", FileRights::READ_EXECUTE)
///     .allow_port(443, NetRights::CONNECT_TCP);
/// assert!(reader.problems().is_empty());
/// // What Linux 6.1 would not enforce of it:
/// let (_, left_out) = reader.limited_to(2);
/// assert_eq!(left_out.to_string(), "truncate, ioctl_dev, bind_tcp, connect_tcp");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct Landlock {
    /// What is denied unless a rule allows it.
    pub denied: LandlockRights,
    /// What is allowed.
    pub rules: Vec<LandlockRule>,
}

impl Landlock {
    /// Nothing is denied yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These rights to files are denied unless a rule allows them.
    #[must_use]
    pub fn deny_files(mut self, rights: FileRights) -> Self {
        self.denied.files |= rights;
        self
    }

    /// These rights to ports are denied unless a rule allows them.
    #[must_use]
    pub fn deny_net(mut self, rights: NetRights) -> Self {
        self.denied.net |= rights;
        self
    }

    /// These are reached only among those who are restricted together.
    #[must_use]
    pub fn deny_beyond(mut self, scopes: Scopes) -> Self {
        self.denied.scopes |= scopes;
        self
    }

    /// Allows these rights to what is at and below a path, which must exist.
    #[must_use]
    pub fn allow_path(mut self, path: impl AsRef<Path>, rights: FileRights) -> Self {
        self.rules.push(LandlockRule::Path { path: path.as_ref().into(), rights, optional: false });
        self
    }

    /// Allows these rights to what is at and below a path, if it exists.
    #[must_use]
    pub fn allow_path_if_present(mut self, path: impl AsRef<Path>, rights: FileRights) -> Self {
        self.rules.push(LandlockRule::Path { path: path.as_ref().into(), rights, optional: true });
        self
    }

    /// Allows these rights to a port.
    #[must_use]
    pub fn allow_port(mut self, port: u16, rights: NetRights) -> Self {
        self.rules.push(LandlockRule::Port { port, rights });
        self
    }

    /// What is wrong with it, in sentences. What this kernel knows is not asked.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.denied.is_empty() {
            problems.push("landlock.denied: nothing is denied".to_owned());
        }
        for (at, rule) in self.rules.iter().enumerate() {
            let (allowed, what) = match rule {
                LandlockRule::Path { path, rights, .. } => {
                    use std::os::unix::ffi::OsStrExt;
                    if path.as_os_str().is_empty() || path.as_os_str().as_bytes().contains(&0) {
                        problems.push(format!("landlock.rules[{at}]: {path:?} is no path"));
                    }
                    (LandlockRights { files: *rights, ..LandlockRights::default() }, format!("{path:?}"))
                }
                LandlockRule::Port { port, rights } => {
                    (LandlockRights { net: *rights, ..LandlockRights::default() }, format!("port {port}"))
                }
            };
            if allowed.is_empty() {
                problems.push(format!("landlock.rules[{at}]: nothing is allowed to {what}"));
            }
            let idle = allowed.without(self.denied);
            if !idle.is_empty() {
                problems.push(format!("landlock.rules[{at}]: {idle} is allowed to {what}, and not denied anywhere"));
            }
        }
        problems
    }

    /// Whether the description makes sense by itself.
    ///
    /// # Errors
    /// `Invalid`, with every [problem](Self::problems).
    pub fn check(&self) -> Result<(), Error> {
        let problems = self.problems();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Error::invalid("use", Object::Named("Landlock ruleset"), problems))
        }
    }

    /// What version `version` of the interface can enforce of it, and what had to be left out.
    ///
    /// For who would rather run with less than not run. A rule of which nothing is left is left out.
    #[must_use]
    pub fn limited_to(&self, version: u32) -> (Self, LandlockRights) {
        let known = LandlockRights::known_to(version);
        let left_out = self.denied.without(known);
        let rules = self.rules.iter().cloned().filter_map(|mut rule| {
            let left = match &mut rule {
                LandlockRule::Path { rights, .. } => {
                    *rights &= known.files;
                    !rights.is_empty()
                }
                LandlockRule::Port { rights, .. } => {
                    *rights &= known.net;
                    !rights.is_empty()
                }
            };
            left.then_some(rule)
        });
        (Self { denied: self.denied.and(known), rules: rules.collect() }, left_out)
    }

    /// The version of Landlock's interface that this kernel has.
    ///
    /// # Errors
    /// `Unsupported` where it is not built in, or not on.
    #[doc(alias = "LANDLOCK_CREATE_RULESET_VERSION")]
    pub fn version() -> Result<u32, Error> {
        version().map(|version| u32::try_from(version).unwrap_or(u32::MAX)).map_err(|errno| {
            Error::os("ask for", Object::Named("Landlock"), errno.0.into()).with_hint(
                "Landlock is not built into this kernel (CONFIG_SECURITY_LANDLOCK), or not among the modules that are on \
                 (the boot option lsm=)",
            )
        })
    }

    /// The ruleset as the floor reads it.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        use std::os::unix::ffi::OsStrExt;
        let denied = [self.denied.files.bits(), self.denied.net.bits(), self.denied.scopes.bits(), 0];
        let mut bytes: Vec<u8> = denied.into_iter().flat_map(u64::to_le_bytes).collect();
        for rule in &self.rules {
            match rule {
                LandlockRule::Port { port, rights } => {
                    bytes.extend([PORT, rights.bits(), u64::from(*port)].into_iter().flat_map(u64::to_le_bytes));
                }
                LandlockRule::Path { path, rights, optional } => {
                    let mut path = path.as_os_str().as_bytes().to_vec();
                    path.push(0);
                    path.resize(path.len().next_multiple_of(8), 0);
                    let kind = if *optional { OPTIONAL_PATH } else { PATH };
                    bytes.extend([kind, rights.bits(), path.len() as u64].into_iter().flat_map(u64::to_le_bytes));
                    bytes.extend(path);
                }
            }
        }
        bytes
    }

    /// Restricts the calling thread, and what it starts, by all of it; there is no way back. Other threads are as they were.
    ///
    /// Paths are opened by the calling thread, as it sees them. The thread must have promised
    /// [`no_new_privs`](crate::enter_no_new_privs), or have the right.
    ///
    /// # Errors
    /// `Invalid` with every problem, before anything is touched; `Unsupported` where the kernel has no Landlock, or does not
    /// know a right that is denied, and names it; `NotFound` and others for a path that cannot be opened; `Denied` without
    /// the promise and without the right.
    /// # Privileges
    /// None with `no_new_privs`; else `CAP_SYS_ADMIN` in the thread's user namespace.
    /// # Kernel
    /// Linux 5.13; see the rights for the version of each.
    #[doc(alias = "landlock_restrict_self")]
    pub fn enter_thread(&self) -> Result<(), Error> {
        self.check()?;
        enter(&self.to_bytes()).map_err(|failure| self.failed(failure))
    }

    /// Restricts the calling thread by what of it this kernel can enforce, and answers what that was: nothing where it has
    /// no Landlock.
    ///
    /// # Errors
    /// As [`enter_thread`](Self::enter_thread), but for what the kernel does not know.
    /// # Privileges
    /// As [`enter_thread`](Self::enter_thread).
    pub fn enter_thread_where_possible(&self) -> Result<LandlockRights, Error> {
        self.check()?;
        let (given, _) = match Self::version() {
            Ok(version) => self.limited_to(version),
            Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(LandlockRights::default()),
            Err(error) => return Err(error),
        };
        if !given.denied.is_empty() {
            enter(&given.to_bytes()).map_err(|failure| given.failed(failure))?;
        }
        Ok(given.denied)
    }

    /// The step that does it, in these bytes.
    pub(crate) const fn step(ruleset: &[u8]) -> Step<'_> {
        Step::Landlock { ruleset }
    }

    fn failed(&self, failure: Failure) -> Error {
        const OP: &str = "restrict by Landlock";
        const THREAD: Object = Object::Named("the calling thread");
        let Failure { errno, part } = failure;
        if part == CREATING && matches!(errno, Errno::INVAL | Errno::TOOBIG) {
            let version = Self::version().unwrap_or_default();
            let (_, left_out) = self.limited_to(version);
            let why = format!("version {version} of Landlock, which this kernel has, does not know: {left_out}");
            return Error::because(OP, THREAD, ErrorKind::Unsupported, why);
        }
        let rule = self.rules.get(usize::from(part)).filter(|_| part < CREATING);
        let object = match rule {
            Some(LandlockRule::Path { path, .. }) => {
                return Error::os("allow by Landlock", Object::Path(path.clone()), errno.0.into());
            }
            _ => THREAD,
        };
        let error = Error::os(OP, object, errno.0.into());
        match hint(failure) {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

/// What to do about a refusal, where that is certain.
pub(crate) fn hint(failure: Failure) -> Option<&'static str> {
    const EOPNOTSUPP: Errno = Errno(95);
    match (failure.errno, failure.part) {
        (Errno::PERM, ENTERING) => {
            Some("without no_new_privs it takes CAP_SYS_ADMIN in the user namespace of the thread")
        }
        (Errno::NOSYS | EOPNOTSUPP, CREATING) => {
            Some("Landlock is not built into this kernel, or not among the modules that are on (the boot option lsm=)")
        }
        (Errno::INVAL | Errno::TOOBIG, CREATING) => Some(
            "this kernel's version of Landlock does not know all rights that are denied; less can be asked for by name",
        ),
        _ => None,
    }
}

const _: () = assert!(
    OF_FILES
        == FileRights::EXECUTE
            .union(FileRights::WRITE_FILE)
            .union(FileRights::READ_FILE)
            .union(FileRights::TRUNCATE)
            .union(FileRights::IOCTL_DEV)
            .bits()
);

#[cfg(test)]
mod tests {
    use landlock::{ABI, Access, AccessFs, AccessNet, Scope};

    use super::*;

    #[test]
    fn what_each_version_knows_is_what_the_package_landlock_says() {
        let versions = [ABI::V1, ABI::V2, ABI::V3, ABI::V4, ABI::V5, ABI::V6];
        for (number, version) in (1..).zip(versions) {
            let ours = LandlockRights::known_to(number);
            assert_eq!(ours.files.bits(), AccessFs::from_all(version).bits(), "version {number}");
            assert_eq!(ours.net.bits(), AccessNet::from_all(version).bits(), "version {number}");
            assert_eq!(ours.scopes.bits(), Scope::from_all(version).bits(), "version {number}");
        }
        assert!(LandlockRights::known_to(0).is_empty());
    }

    #[test]
    fn a_limited_ruleset_has_no_problem_and_says_what_it_lacks() {
        let all = Landlock::new()
            .deny_files(FileRights::all())
            .deny_net(NetRights::all())
            .deny_beyond(Scopes::all())
            .allow_path("/dev", FileRights::IOCTL_DEV)
            .allow_path("/usr", FileRights::READ | FileRights::TRUNCATE)
            .allow_port(1, NetRights::BIND_TCP);
        for version in 1..8 {
            let (given, left_out) = all.limited_to(version);
            assert_eq!(given.problems(), [""; 0], "version {version}");
            assert_eq!(left_out.is_empty(), version >= 6);
        }
        let (given, left_out) = all.limited_to(1);
        assert_eq!(given.rules, Landlock::new().allow_path("/usr", FileRights::READ).rules);
        assert_eq!(
            left_out.to_string(),
            "refer, truncate, ioctl_dev, bind_tcp, connect_tcp, abstract_unix_socket, signal"
        );
    }

    #[test]
    fn bytes_that_are_no_ruleset_are_refused_before_anything_is_entered() {
        let good = Landlock::new().deny_files(FileRights::READ).allow_path("/", FileRights::READ).to_bytes();
        for length in 0..good.len() {
            let told = enter(&good[..length]);
            // A ruleset that ends after its head is one without rules: it is not tried here.
            if length != 32 {
                assert_eq!(told.unwrap_err().errno, Errno::INVAL, "{length}");
            }
        }
    }
}
