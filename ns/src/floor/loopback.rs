// SPDX-License-Identifier: MIT OR Apache-2.0
//! The loopback interface, which a new network namespace has and leaves down.

use super::sys::{self, Errno, InterfaceFlags};

/// Brings `lo` up; the kernel then gives it 127.0.0.1 and ::1.
///
/// # Errors
/// `EPERM` without `CAP_NET_ADMIN` over this network namespace.
pub fn up() -> Result<(), Errno> {
    const AF_INET: i32 = 2;
    const SOCK_DGRAM: i32 = 2;
    const IFF_UP: u16 = 1;
    let socket = sys::socket(AF_INET, SOCK_DGRAM)?;
    let mut lo = InterfaceFlags::of(*b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let done = lo.read(socket).and_then(|()| {
        lo.flags |= IFF_UP;
        lo.write(socket)
    });
    sys::close(socket);
    done
}
