// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control files: one value is one write(2), because the kernel parses what one call brings.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, read, retry_on_intr, write};

const READ: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const BOTH: OFlags = OFlags::RDWR.union(OFlags::NONBLOCK).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const WRITE: OFlags = OFlags::WRONLY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What the kernel tells at once, of most files.
const PAGE: usize = 4096;

/// Opens a control file for reading, which poll(2) takes too.
pub(crate) fn open(group: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| openat(group, name, READ, Mode::empty()))
}

/// Opens a control file that what is written to tells of, by poll(2): a trigger.
pub(crate) fn open_trigger(group: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| openat(group, name, BOTH, Mode::empty()))
}

/// Reads a control file.
pub(crate) fn read_text(group: BorrowedFd<'_>, name: &str) -> Result<String, Errno> {
    read_all(open(group, name)?.as_fd())
}

/// Reads an open control file from where it stands to its end.
pub(crate) fn read_all(file: BorrowedFd<'_>) -> Result<String, Errno> {
    let mut text = Vec::with_capacity(PAGE);
    loop {
        text.reserve(PAGE);
        let count = retry_on_intr(|| read(file, spare_capacity(&mut text)))?;
        // The kernel stops short at the end, or at a line that does not fit into the rest of a page; none is that long but
        // where it makes the whole text at once. So the end need not be asked for.
        if count < PAGE / 2 {
            break;
        }
    }
    Ok(String::from_utf8(text).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Reads a file of the kernel's by its path, to its end.
pub(crate) fn read_path(path: &str) -> Result<Vec<u8>, Errno> {
    let file = retry_on_intr(|| openat(CWD, path, READ, Mode::empty()))?;
    let mut bytes = Vec::with_capacity(PAGE);
    // A line that does not fit any more is told with the next.
    while retry_on_intr(|| read(&file, spare_capacity(&mut bytes)))? > 0 {
        bytes.reserve(PAGE);
    }
    Ok(bytes)
}

/// Opens a control file for writing, which is never made by that.
pub(crate) fn open_to_write(group: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| openat(group, name, WRITE, Mode::empty()))
}

/// Writes a value to an open control file.
pub(crate) fn put(file: BorrowedFd<'_>, text: &str) -> Result<(), Errno> {
    // Nothing at all would not be seen as a write; a line break is how a shell writes nothing.
    let text = if text.is_empty() { "\n" } else { text };
    match retry_on_intr(|| write(file, text.as_bytes()))? {
        written if written == text.len() => Ok(()),
        _ => Err(Errno::IO),
    }
}

/// Writes a control file.
pub(crate) fn write_text(group: BorrowedFd<'_>, name: &str, text: &str) -> Result<(), Errno> {
    put(open_to_write(group, name)?.as_fd(), text)
}
