// SPDX-License-Identifier: MIT OR Apache-2.0
//! Options of a netlink socket, which rustix lacks.
//!
//! Man: netlink(7). Kernel: include/uapi/linux/netlink.h.

use std::os::fd::{AsRawFd, BorrowedFd};

use crate::floor::sys::{Errno, nr, syscall};

/// An option that is a number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum NetlinkOption {
    /// `NETLINK_ADD_MEMBERSHIP`: one more multicast group.
    AddMembership = 1,
    /// `NETLINK_CAP_ACK`: answers do not repeat the request. Linux 4.3.
    CapAck = 10,
    /// `NETLINK_EXT_ACK`: answers have the kernel's words. Linux 4.12.
    ExtAck = 11,
    /// `NETLINK_GET_STRICT_CHK`: dumps are filtered as asked, or refused. Linux 4.20.
    StrictCheck = 12,
}

/// Sets `option` of a netlink socket.
pub(crate) fn set(socket: BorrowedFd<'_>, option: NetlinkOption, value: u32) -> Result<(), Errno> {
    const SOL_NETLINK: usize = 270;
    let at = (&raw const value).expose_provenance();
    let args = [socket.as_raw_fd() as usize, SOL_NETLINK, option as usize, at, size_of::<u32>(), 0];
    // SAFETY: the kernel reads as many bytes as it is told, four, at a live local of that size.
    unsafe { syscall(nr::SETSOCKOPT, args) }.map(drop)
}

/// `struct ifreq` of uapi/linux/if.h, as far as a tun link is made by it.
#[repr(C)]
#[derive(Debug)]
struct TunRequest {
    name: [u8; 16],
    flags: u16,
    rest: [u8; 22],
}
const _: () = assert!(size_of::<TunRequest>() == 40);

/// Makes an open /dev/net/tun the end of the link `name`, which is made if it is not there.
pub(crate) fn attach_tun(fd: BorrowedFd<'_>, name: &str, flags: u16) -> Result<(), Errno> {
    const TUNSETIFF: usize = 0x4004_54ca;
    let mut request = TunRequest { name: [0; 16], flags, rest: [0; 22] };
    // One NUL remains at the end: the name was checked to be shorter.
    for (place, byte) in request.name.iter_mut().take(15).zip(name.bytes()) {
        *place = byte;
    }
    let at = (&raw mut request).expose_provenance();
    // SAFETY: the kernel reads and writes a struct ifreq, 40 bytes, at a live local of that size.
    unsafe { syscall(nr::IOCTL, [fd.as_raw_fd() as usize, TUNSETIFF, at, 0, 0, 0]) }.map(drop)
}

/// Lets the link of an open /dev/net/tun stay when that is closed.
pub(crate) fn keep_tun(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    const TUNSETPERSIST: usize = 0x4004_54cb;
    // SAFETY: no pointer: the argument is a number.
    unsafe { syscall(nr::IOCTL, [fd.as_raw_fd() as usize, TUNSETPERSIST, 1, 0, 0, 0]) }.map(drop)
}
