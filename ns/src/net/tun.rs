// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links whose other end is a program: packets (tun) or frames (tap), read and written by a descriptor.
//!
//! Man: none; Kernel: Documentation/networking/tuntap.rst.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::handle::Net;
use super::link::{Link, problem_of_name};
use crate::error::{Error, ErrorKind, Object};
use crate::sys::netlink;

/// A link whose other end is a program, to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Tun {
    name: String,
    frames: bool,
    header: bool,
    persistent: bool,
}

impl Tun {
    /// A link of packets of IP, without anything before them.
    #[must_use]
    #[doc(alias = "IFF_TUN")]
    pub fn packets(name: impl Into<String>) -> Self {
        Self { name: name.into(), frames: false, header: false, persistent: false }
    }

    /// A link of frames of Ethernet.
    #[must_use]
    #[doc(alias = "IFF_TAP")]
    pub fn frames(name: impl Into<String>) -> Self {
        Self { frames: true, ..Self::packets(name) }
    }

    /// With four bytes before each packet: flags and the protocol.
    #[must_use]
    pub fn with_header(mut self) -> Self {
        self.header = true;
        self
    }

    /// It stays when its descriptor is closed.
    #[must_use]
    #[doc(alias = "TUNSETPERSIST")]
    pub fn persistent(mut self) -> Self {
        self.persistent = true;
        self
    }

    /// Everything wrong with it that can be known beforehand.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        problem_of_name(&self.name).map(|problem| format!("name: {problem}")).into_iter().collect()
    }
}

/// The program's end of a link: what is read from its descriptor was sent to the link, and what is written comes in by it.
#[derive(Debug)]
pub struct TunEnd {
    fd: OwnedFd,
}

impl AsFd for TunEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<TunEnd> for OwnedFd {
    fn from(end: TunEnd) -> Self {
        end.fd
    }
}

impl Net {
    /// Makes a link whose other end is a program, and answers that end; the link goes with it, unless it is to stay. A
    /// persistent one that is there is taken up again.
    ///
    /// # Errors
    /// `Invalid` for a name that cannot be, before anything is made; `NotFound` without /dev/net/tun; `Busy` if another
    /// program is its end, `Invalid` if there is another link of its name; `Denied` without the right.
    /// # Privileges
    /// `CAP_NET_ADMIN` over the namespace.
    /// # Kernel
    /// `TUNSETIFF`. See Documentation/networking/tuntap.rst.
    #[doc(alias = "TUNSETIFF")]
    pub fn open_tun(&self, tun: &Tun) -> Result<TunEnd, Error> {
        const IFF_TUN: u16 = 1;
        const IFF_TAP: u16 = 2;
        const IFF_NO_PI: u16 = 0x1000;
        let object = || Object::Link(tun.name.clone());
        let problems = tun.problems();
        if !problems.is_empty() {
            return Err(Error::invalid("create", object(), problems));
        }
        let kind = if tun.frames { IFF_TAP } else { IFF_TUN };
        let flags = if tun.header { kind } else { kind | IFF_NO_PI };
        // The link is made in the namespace of whoever opens the file.
        let opened = self.run(|| {
            let file = rustix::fs::open("/dev/net/tun", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
            file.map_err(|errno| Error::os("open", Object::Path("/dev/net/tun".into()), errno.raw_os_error()))
        })?;
        let fd = opened?;
        let attached = netlink::attach_tun(fd.as_fd(), &tun.name, flags);
        attached.map_err(|errno| {
            let busy = Errno::from_raw_os_error(errno.0.into()) == Errno::BUSY;
            let kind = if busy { ErrorKind::Busy } else { ErrorKind::of_errno(errno.0.into()) };
            Error::of_kind("create", object(), kind, errno.0.into())
        })?;
        if tun.persistent {
            netlink::keep_tun(fd.as_fd()).map_err(|errno| Error::os("keep", object(), errno.0.into()))?;
        }
        Ok(TunEnd { fd })
    }

    /// The link of a program's end, by its name.
    ///
    /// # Errors
    /// As [`Net::link`].
    pub fn tun_link(&self, tun: &Tun) -> Result<Link, Error> {
        self.link(tun.name.as_str())
    }
}
