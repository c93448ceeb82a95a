// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounts that are attached nowhere yet, and take more rights than attaching them does: with other ids, of a file, of a
//! device, of a copy.
//!
//! Man: mount_setattr(2), loop(4).

mod disk;
mod ids;
mod memory;
mod sys;

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

pub(crate) use disk::disk;
pub(crate) use ids::{map_ids, mapped};
pub(crate) use memory::{copied_up, device};

use crate::error::{Error, Object, errno_in_words};
use crate::floor::sys::{self as floor, MountAttr};
use crate::floor::{Errno, Fd};

/// `MS_SLAVE`: it hears of mounts at its source, and tells of none.
const MS_SLAVE: u64 = 1 << 19;

/// Has a copy tell nobody of what is mounted in it: what a shared mount is copied from would have that too.
pub(crate) fn receive_only(tree: BorrowedFd<'_>, deep: bool) -> Result<(), Errno> {
    let attr = MountAttr { propagation: MS_SLAVE, ..MountAttr::default() };
    floor::mount_setattr(tree.as_raw_fd(), &attr, deep)
}

/// A path that the checks found free of NUL bytes.
fn text(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap_or_default()
}

fn failed(op: &'static str, path: &Path, errno: Errno, why: String) -> Error {
    Error::explained(op, Object::Path(path.to_owned()), errno.0.into(), why)
}

/// What the kernel has noted of a file system in the making: its errors and warnings, in one line.
fn log(fs: &Fd) -> String {
    log_of(fs.number())
}

/// What the kernel has noted of a file system in the making: its errors and warnings, in one line; empty where it has noted
/// nothing, or where `context` is none of fsopen(2). It is told once.
///
/// For whoever performs [`Steps`](crate::Steps) in a process of its own making.
#[must_use]
#[doc(alias = "fsconfig")]
pub fn fs_log(context: impl AsFd) -> String {
    let fd = context.as_fd().as_raw_fd();
    let link = std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap_or_default();
    // Anything else could have us wait for ever.
    if link.as_os_str() == "anon_inode:[fscontext]" { log_of(fd) } else { String::new() }
}

pub(crate) fn log_of(fs: i32) -> String {
    let mut lines = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(len) = floor::read(fs, &mut buffer) {
        let Some(line) = buffer.get(..len).filter(|line| !line.is_empty()) else { break };
        lines.push(line_in_words(line));
    }
    lines.join("; ")
}

/// A line of that log, without the letter for how bad it is and the blank in front.
pub(crate) fn line_in_words(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    line.trim().split_once(' ').map_or(line.trim(), |(_, said)| said).to_owned()
}

/// A number of the kernel's, for a sentence.
fn words(errno: Errno) -> String {
    errno_in_words(errno.0.into())
}
