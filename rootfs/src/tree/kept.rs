// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a copy keeps beside what is in it: owner, extended attributes, mode, times.

use std::ffi::{CStr, CString};
use std::os::fd::BorrowedFd;

use rustix::fs::{
    Gid, Mode, Stat, Timespec, Timestamps, Uid, XattrFlags, fchmod, fchown, fgetxattr, flistxattr, fsetxattr, futimens,
};
use rustix::io::Errno;

pub(super) const OWNER: &str = "setting its owner";
pub(super) const ATTRIBUTES: &str = "copying its extended attributes";
pub(super) const MODE: &str = "setting its mode";
pub(super) const TIMES: &str = "setting its times";

/// Gives `to`, a file or a directory, what `found` and `from` have; what is refused is told, and the rest done.
///
/// The order matters: a new owner clears bits of the mode and capabilities, and all of it changes times.
pub(super) fn keep(
    from: BorrowedFd<'_>,
    found: &Stat,
    to: BorrowedFd<'_>,
    is_owner_kept: bool,
    refuse: &mut impl FnMut(&'static str, Errno),
) {
    let mut mode = found.st_mode & 0o7777;
    if is_owner_kept
        && let Err(errno) = fchown(to, Some(Uid::from_raw(found.st_uid)), Some(Gid::from_raw(found.st_gid)))
    {
        refuse(OWNER, errno);
        // What ran as its owner must not run as us.
        mode &= 0o1777;
    }
    if !is_owner_kept {
        mode &= 0o1777;
    }
    match names(from) {
        Ok(names) => {
            for name in names {
                match copied(from, to, &name) {
                    // Gone since it was listed.
                    Ok(()) | Err(Errno::NODATA) => {}
                    Err(errno) => refuse(ATTRIBUTES, errno),
                }
            }
        }
        Err(Errno::OPNOTSUPP) => {}
        Err(errno) => refuse(ATTRIBUTES, errno),
    }
    if let Err(errno) = fchmod(to, Mode::from_raw_mode(mode)) {
        refuse(MODE, errno);
    }
    if let Err(errno) = futimens(to, &times(found)) {
        refuse(TIMES, errno);
    }
}

pub(super) fn times(found: &Stat) -> Timestamps {
    let time = |seconds, nanos: u64| Timespec { tv_sec: seconds, tv_nsec: i64::try_from(nanos).unwrap_or_default() };
    Timestamps {
        last_access: time(found.st_atime, found.st_atime_nsec),
        last_modification: time(found.st_mtime, found.st_mtime_nsec),
    }
}

/// The names of the extended attributes: as many bytes as the kernel gives, with a NUL behind each.
fn names(from: BorrowedFd<'_>) -> Result<Vec<CString>, Errno> {
    /// `XATTR_LIST_MAX`, linux/limits.h.
    const MOST: usize = 64 << 10;
    let mut list = vec![0_u8; MOST];
    let len = flistxattr(from, list.as_mut_slice())?;
    let list = list.get(..len).unwrap_or_default();
    Ok(list
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .filter_map(|name| CString::new(name).ok())
        .collect())
}

fn copied(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    /// `XATTR_SIZE_MAX`, linux/limits.h.
    const MOST: usize = 64 << 10;
    let mut value = vec![0_u8; MOST];
    let len = fgetxattr(from, name, value.as_mut_slice())?;
    fsetxattr(to, name, value.get(..len).unwrap_or_default(), XattrFlags::empty())
}
