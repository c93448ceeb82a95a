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
    #[allow(dead_code, reason = "watches are the next subject but two")]
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
