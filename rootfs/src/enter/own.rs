// SPDX-License-Identifier: MIT OR Apache-2.0
//! A user namespace of one's own, with a mount namespace: made and mapped by the one process in it, without a heap.
//!
//! Man: user_namespaces(7), "The setgroups file".

use std::ffi::CStr;

use crate::floor::Errno;
use crate::floor::sys::{CWD, open, openat};
use crate::sys::threads;

/// What is written to be somebody in it.
#[derive(Debug, Clone)]
pub(crate) struct OwnUser {
    uid_map: Vec<u8>,
    gid_map: Vec<u8>,
}

/// Which half failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    Make,
    Map,
}

impl OwnUser {
    /// This account, which has these ids there.
    pub(crate) fn new(uid: u32, gid: u32) -> Self {
        let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        Self { uid_map: format!("{uid} {user} 1").into_bytes(), gid_map: format!("{gid} {group} 1").into_bytes() }
    }

    /// Makes the namespaces and maps the ids, on this thread: it must be the only one of its process.
    pub(crate) fn enter(&self) -> Result<(), (Half, Errno)> {
        threads::leave_user_and_mounts().map_err(|errno| (Half::Make, errno))?;
        let map = |errno| (Half::Map, errno);
        // Who maps a group without a right over it gives up that of changing groups. Linux 3.19.
        write(c"/proc/thread-self/../../setgroups", b"deny").map_err(map)?;
        write(c"/proc/thread-self/../../uid_map", &self.uid_map).map_err(map)?;
        write(c"/proc/thread-self/../../gid_map", &self.gid_map).map_err(map)
    }
}

fn write(path: &CStr, text: &[u8]) -> Result<(), Errno> {
    let file = crate::sys::owned(openat(CWD, path, open::WRONLY, 0)?);
    let number = |errno: rustix::io::Errno| Errno(u16::try_from(errno.raw_os_error()).unwrap_or_default());
    // The whole of a map is one write.
    rustix::io::write(&file, text).map(drop).map_err(number)
}
