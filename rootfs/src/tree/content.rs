// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a file holds, copied: as the same blocks where the file system can, else data for data and hole for hole.

use std::fs::File;
use std::os::unix::fs::FileExt;

use rustix::fs::{SeekFrom, copy_file_range, ftruncate, ioctl_ficlone, seek};
use rustix::io::Errno;

/// Copies `len` bytes; answers how many of them were data.
pub(super) fn copy(from: &File, to: &File, len: u64) -> Result<u64, Errno> {
    if len == 0 {
        return Ok(0);
    }
    if ioctl_ficlone(to, from).is_ok() {
        return Ok(len);
    }
    let (mut at, mut copied) = (0, 0);
    while at < len {
        let data = match seek(from, SeekFrom::Data(at)) {
            Ok(data) => data,
            // Nothing but a hole to the end.
            Err(Errno::NXIO) => break,
            // A file system that does not know of holes.
            Err(_) => at,
        };
        let end = seek(from, SeekFrom::Hole(data)).ok().filter(|end| *end > data).unwrap_or(len).min(len);
        copied += range(from, to, data, end)?;
        at = end.max(data);
    }
    ftruncate(to, len)?;
    Ok(copied)
}

fn range(from: &File, to: &File, start: u64, end: u64) -> Result<u64, Errno> {
    let (mut read_at, mut write_at) = (start, start);
    while write_at < end {
        let wanted = usize::try_from(end - write_at).unwrap_or(usize::MAX).min(1 << 30);
        match copy_file_range(from, Some(&mut read_at), to, Some(&mut write_at), wanted) {
            // Shorter than it was; or a file system whose files say so of themselves.
            Ok(0) => return through_memory(from, to, write_at, end).map(|more| write_at - start + more),
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM | Errno::TXTBSY) => {
                return through_memory(from, to, write_at, end).map(|more| write_at - start + more);
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(write_at - start)
}

fn through_memory(from: &File, to: &File, start: u64, end: u64) -> Result<u64, Errno> {
    let number = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    let mut buffer = vec![0; 128 << 10];
    let mut at = start;
    while at < end {
        let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        let Some(space) = buffer.get_mut(..wanted) else { break };
        let len = from.read_at(space, at).map_err(number)?;
        let Some(read) = space.get(..len).filter(|read| !read.is_empty()) else { break };
        to.write_all_at(read, at).map_err(number)?;
        at += len as u64;
    }
    Ok(at - start)
}
