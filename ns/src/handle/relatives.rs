// SPDX-License-Identifier: MIT OR Apache-2.0
//! Relatives: who owns a namespace, what is above it, who made it.

use std::os::fd::{AsFd, AsRawFd};

use rustix::io::Errno as Known;

use super::Namespace;
use crate::error::{Error, Object};
use crate::floor::sys::Errno;
use crate::kind::NamespaceKind;
use crate::sys::nsfs::{self, Request};

impl Namespace {
    /// The user namespace that owns it: capabilities there are rights over it. Of a user namespace it is the parent.
    ///
    /// `None` if it is outside of what the caller can see, as is that of the initial user namespace, which has none.
    ///
    /// # Errors
    /// `Exhausted` at the limit on open descriptors.
    /// # Kernel
    /// Linux 4.9. See ioctl_nsfs(2).
    #[doc(alias = "NS_GET_USERNS")]
    pub fn owner(&self) -> Result<Option<Self>, Error> {
        self.relative(Request::Owner, NamespaceKind::User, "ask for the owner of")
    }

    /// The pid or user namespace in which it was made.
    ///
    /// `None` if it is outside of what the caller can see, as is that of an initial namespace, which has none.
    ///
    /// # Errors
    /// `Invalid` for kinds that do not nest: all but pid and user.
    /// # Kernel
    /// Linux 4.9. See ioctl_nsfs(2).
    #[doc(alias = "NS_GET_PARENT")]
    pub fn parent(&self) -> Result<Option<Self>, Error> {
        if !self.kind.nests() {
            return Err(self.wrong_kind("ask for the parent of", "pid and user namespaces alone have a parent"));
        }
        self.relative(Request::Parent, self.kind, "ask for the parent of")
    }

    /// The effective user of who made this user namespace, as a number of the caller's user namespace.
    ///
    /// A user without a number there is the overflow user, 65534 (/proc/sys/kernel/overflowuid).
    ///
    /// # Errors
    /// `Invalid` for all kinds but user.
    /// # Kernel
    /// Linux 4.11. See ioctl_nsfs(2).
    #[doc(alias = "NS_GET_OWNER_UID")]
    pub fn owner_uid(&self) -> Result<u32, Error> {
        if self.kind != NamespaceKind::User {
            return Err(self.wrong_kind("ask for the maker of", "user namespaces alone know who made them"));
        }
        nsfs::owner_uid(self.as_fd()).map_err(|errno| self.error("ask for the maker of", errno.0.into()))
    }

    /// The number that listmount(2) and statmount(2) know this mount namespace by. It is never given anew.
    ///
    /// # Errors
    /// `Invalid` for all kinds but mount, `Unsupported` before Linux 6.11.
    /// # Kernel
    /// Linux 6.11. See ioctl_nsfs(2).
    #[doc(alias = "NS_GET_MNTNS_ID")]
    pub fn mount_namespace_id(&self) -> Result<u64, Error> {
        const OP: &str = "ask for the number of";
        if self.kind != NamespaceKind::Mount {
            return Err(self.wrong_kind(OP, "mount namespaces alone have such a number"));
        }
        nsfs::mount_namespace_id(self.as_fd()).map_err(|errno| self.unknown_request(OP, errno))
    }

    fn relative(&self, request: Request, kind: NamespaceKind, op: &'static str) -> Result<Option<Self>, Error> {
        match nsfs::relative(self.as_fd(), request) {
            Ok(fd) => Ok(Some(Self::known(fd, kind))),
            Err(Errno::PERM) => Ok(None),
            Err(errno) => Err(self.error(op, errno.0.into())),
        }
    }

    pub(crate) fn wrong_kind(&self, op: &'static str, rule: &str) -> Error {
        let number = self.fd.as_raw_fd();
        let problem = format!("descriptor {number} is a {} namespace; {rule}", self.kind);
        Error::invalid(op, Object::Descriptor(number), vec![problem])
    }

    /// ENOTTY is how a kernel says that it does not know the question.
    fn unknown_request(&self, op: &'static str, errno: Errno) -> Error {
        match i32::from(errno.0) {
            raw if raw == Known::NOTTY.raw_os_error() => {
                self.error(op, Known::NOSYS.raw_os_error()).with_hint("it needs Linux 6.11")
            }
            raw => self.error(op, raw),
        }
    }
}
