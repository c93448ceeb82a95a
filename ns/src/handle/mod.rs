// SPDX-License-Identifier: MIT OR Apache-2.0
//! Handles: a namespace, held by a descriptor of it.
//!
//! A [`Namespace`] is an open file of nsfs. It keeps the namespace alive when its last process has ended, and cannot come
//! to mean another one, as a number of /proc can. It is told its kind when it is made, and is refused what is no namespace.
//!
//! Man: namespaces(7), ioctl_nsfs(2).

mod identity;
mod number;
mod process;
mod relatives;
#[cfg(test)]
mod tests;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, fstat, fstatfs};
use rustix::io::Errno;

pub use identity::NamespaceId;
pub(crate) use process::kind_exists;

use crate::descriptor::{A_NAMESPACE, NSFS, what_it_is, why_not};
use crate::error::{Error, ErrorKind, Object};
use crate::kind::{NamespaceFlags, NamespaceKind};
use crate::sys::nsfs;

/// A namespace, held open.
///
/// Dropping it closes the descriptor; a namespace that nothing else holds ends with that. See namespaces(7),
/// ioctl_nsfs(2).
///
/// ```
/// use skep_ns::{Namespace, NamespaceKind};
///
/// let ours = Namespace::of_this_thread(NamespaceKind::Uts)?;
/// let also_ours = Namespace::open("/proc/self/ns/uts")?;
/// assert_eq!(ours.kind(), NamespaceKind::Uts);
/// assert_eq!(ours.id()?, also_ours.id()?);
/// # Ok::<(), skep_ns::Error>(())
/// ```
#[derive(Debug)]
pub struct Namespace {
    fd: OwnedFd,
    kind: NamespaceKind,
}

impl Namespace {
    /// Opens the namespace that `path` shows: a link of `/proc/PID/ns`, or where one is pinned, such as `/run/netns/lab`.
    ///
    /// Links are followed; those of /proc cannot be had otherwise. What is no namespace is not opened.
    ///
    /// # Errors
    /// `NotFound` if nothing is there, `Invalid` if it is no namespace, with what it is; `Denied` if it belongs to a
    /// process that the caller may not trace.
    /// # Kernel
    /// Linux 4.11 tells the kind. See namespaces(7), ioctl_nsfs(2).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let object = || Object::Path(path.to_owned());
        let failed = |errno: Errno| match errno {
            Errno::ACCESS | Errno::PERM => process::denied(object(), errno),
            _ => Error::os("open", object(), errno.raw_os_error()),
        };
        // Looked at first: opening a device or a fifo can do things, or wait for ever.
        let seen = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
        if !is_namespace(seen.as_fd()).map_err(failed)? {
            let problem = format!("{path:?} is {}, not a namespace", what_it_is(seen.as_fd()));
            return Err(Error::invalid("open", object(), vec![problem]));
        }
        let fd = rustix::fs::open(path, OPEN, Mode::empty()).map_err(failed)?;
        Self::checked(fd, "open", object)
    }

    /// Takes a descriptor that has come from elsewhere, such as over a socket.
    ///
    /// # Errors
    /// `Invalid` if it is no namespace, with what it is; a descriptor opened with `O_PATH` is none either, for it answers
    /// nothing.
    /// # Kernel
    /// Linux 4.11 tells the kind. See ioctl_nsfs(2), `NS_GET_NSTYPE`.
    #[doc(alias = "NS_GET_NSTYPE")]
    pub fn from_fd(fd: OwnedFd) -> Result<Self, Error> {
        let number = fd.as_raw_fd();
        Self::checked(fd, "use", || Object::Descriptor(number))
    }

    /// The same, if it is of this kind.
    ///
    /// # Errors
    /// `Invalid` if it is of another; the sentence has both.
    pub fn of_kind(self, kind: NamespaceKind) -> Result<Self, Error> {
        if self.kind == kind {
            return Ok(self);
        }
        let number = self.fd.as_raw_fd();
        let problem = format!("descriptor {number} is a {} namespace, not a {kind} namespace", self.kind);
        Err(Error::invalid("use", Object::Descriptor(number), vec![problem]))
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> NamespaceKind {
        self.kind
    }

    /// A second handle of the same namespace.
    ///
    /// # Errors
    /// `Exhausted` at the limit on open descriptors.
    pub fn try_clone(&self) -> Result<Self, Error> {
        let copy = self.fd.try_clone().map_err(|error| self.error("copy", error.raw_os_error().unwrap_or(0)))?;
        Ok(Self { fd: copy, kind: self.kind })
    }

    /// Looks at what a descriptor is before it is believed.
    fn checked(fd: OwnedFd, op: &'static str, object: impl Fn() -> Object) -> Result<Self, Error> {
        let refused = || {
            let problem = format!("descriptor {} is {}", fd.as_raw_fd(), why_not(fd.as_fd(), A_NAMESPACE));
            Error::invalid(op, object(), vec![problem])
        };
        // One that is closed is none either.
        if !is_namespace(fd.as_fd()).unwrap_or(false) {
            return Err(refused());
        }
        match nsfs::kind(fd.as_fd()) {
            Ok(flag) => match NamespaceFlags::from_bits_truncate(flag).kinds().next() {
                Some(kind) => Ok(Self { fd, kind }),
                None => {
                    Err(Error::explained(op, object(), ErrorKind::Unsupported, 0, "it is of a kind too new for us"))
                }
            },
            // EBADF: with O_PATH.
            Err(errno) if i32::from(errno.0) == Errno::BADF.raw_os_error() => Err(refused()),
            Err(errno) => Err(Error::os(op, object(), i32::from(errno.0))),
        }
    }

    /// A descriptor that the kernel has just answered to a question for this kind.
    fn known(fd: OwnedFd, kind: NamespaceKind) -> Self {
        Self { fd, kind }
    }

    pub(crate) fn error(&self, op: &'static str, errno: i32) -> Error {
        Error::os(op, Object::Descriptor(self.fd.as_raw_fd()), errno)
    }
}

const OPEN: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NOCTTY).union(OFlags::NONBLOCK);

/// Whether it is the file of a namespace. A pinned one is a file too; the root of a mounted nsfs, were there one, would be a
/// directory.
fn is_namespace(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(fstatfs(fd)?.f_type == NSFS && FileType::from_raw_mode(fstat(fd)?.st_mode) == FileType::RegularFile)
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<Namespace> for OwnedFd {
    fn from(namespace: Namespace) -> Self {
        namespace.fd
    }
}

impl TryFrom<OwnedFd> for Namespace {
    type Error = Error;

    fn try_from(fd: OwnedFd) -> Result<Self, Error> {
        Self::from_fd(fd)
    }
}
