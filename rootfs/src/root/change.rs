// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is changed in a root: names, owners, modes, times, and what files hold.
//!
//! Names that are moved are never followed. What is set is set on a descriptor, never by a name.

use std::collections::hash_map::RandomState;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps, UTIME_OMIT, Uid, chmodat, chownat,
    fchmod, fchown, fstat, linkat, openat, renameat, renameat_with, statat, unlinkat, utimensat,
};
use rustix::io::Errno as Refusal;

use super::{Root, links_for, names_directory, refusal};
use crate::error::Error;
use crate::procfs::Procfs;
use crate::sys;

impl Root {
    /// Gives what is at `from` the path `to`, in place of what is there: a file, a link itself, an empty directory for a
    /// directory.
    ///
    /// # Errors
    /// `ENOENT`; `EXDEV` for another mount; `ENOTEMPTY`, `EISDIR`, `ENOTDIR` for what cannot be replaced; `EINVAL` for a
    /// directory into itself; `EBUSY`, `EROFS`, `EACCES`; `ELOOP` for links below /proc, /sys and /dev.
    pub fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), Error> {
        self.renamed(from.as_ref(), to.as_ref(), RenameFlags::empty())
    }

    /// The same, but not in place of anything (`EEXIST`).
    ///
    /// # Errors
    /// As [`rename`](Self::rename); `EINVAL` where the file system cannot do it.
    #[doc(alias = "RENAME_NOREPLACE")]
    pub fn rename_new(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), Error> {
        self.renamed(from.as_ref(), to.as_ref(), RenameFlags::NOREPLACE)
    }

    /// Exchanges what is at two paths, at once.
    ///
    /// # Errors
    /// As [`rename_new`](Self::rename_new), but for `EEXIST`.
    #[doc(alias = "RENAME_EXCHANGE")]
    pub fn exchange(&self, one: impl AsRef<Path>, other: impl AsRef<Path>) -> Result<(), Error> {
        self.renamed(one.as_ref(), other.as_ref(), RenameFlags::EXCHANGE)
    }

    fn renamed(&self, from: &Path, to: &Path, flags: RenameFlags) -> Result<(), Error> {
        let refused = |errno: Refusal| self.error("rename", from, errno.raw_os_error());
        let (above, name) = self.parent(from).map_err(|errno| refused(refusal(errno)))?;
        let refused_to = |errno: Refusal| self.error("rename something to", to, errno.raw_os_error());
        let (to_above, to_name) = self.parent(to).map_err(|errno| refused_to(refusal(errno)))?;
        let (above, to_above) = (sys::owned(above), sys::owned(to_above));
        for (path, directory, name, refused) in
            [(from, &above, name, &refused as &dyn Fn(Refusal) -> Error), (to, &to_above, to_name, &refused_to)]
        {
            // Of "a/" the kernel demands that it is a directory; a new name of a directory may be written so too.
            if names_directory(path)
                && statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
                    .is_ok_and(|found| FileType::from_raw_mode(found.st_mode) != FileType::Directory)
            {
                return Err(refused(Refusal::NOTDIR));
            }
        }
        let done = if flags.is_empty() {
            renameat(&above, name, &to_above, to_name)
        } else {
            renameat_with(&above, name, &to_above, to_name, flags)
        };
        done.map_err(refused)
    }

    /// Gives the file at `original`, a link itself if it is one, another name.
    ///
    /// # Errors
    /// `EEXIST`; `EXDEV` for another mount; `EPERM` for a directory, and by `fs.protected_hardlinks` for what this account
    /// neither owns nor may write; `EMLINK`; and as [`rename`](Self::rename).
    #[doc(alias = "link")]
    pub fn hard_link(&self, original: impl AsRef<Path>, link: impl AsRef<Path>) -> Result<(), Error> {
        let (original, link) = (original.as_ref(), link.as_ref());
        let refused = |errno: Refusal| self.error("make", link, errno.raw_os_error());
        let (above, name) = self.parent(original).map_err(|errno| self.error("link to", original, errno.0.into()))?;
        let (to_above, to_name) = self.parent(link).map_err(|errno| refused(refusal(errno)))?;
        if names_directory(original) || names_directory(link) {
            return Err(refused(Refusal::NOTDIR));
        }
        linkat(sys::owned(above), name, sys::owned(to_above), to_name, AtFlags::empty()).map_err(refused)
    }

    /// Makes what is at `path` a user's and a group's, where they are given; a link is followed, in the root. Bits of a
    /// file's mode that have it run as its owner are cleared by the kernel.
    ///
    /// # Errors
    /// `EPERM`; `EINVAL` for an id that this user namespace does not have; `EROFS`; as [`open_path`](Self::open_path).
    /// # Privileges
    /// `CAP_CHOWN`; none to give one's own to a group that one is in.
    #[doc(alias = "chown")]
    pub fn set_owner(&self, path: impl AsRef<Path>, user: Option<u32>, group: Option<u32>) -> Result<(), Error> {
        let path = path.as_ref();
        let refused = |errno: Refusal| self.error("set the owner of", path, errno.raw_os_error());
        // u32::MAX is how the kernel spells "as it is".
        if user == Some(u32::MAX) || group == Some(u32::MAX) {
            return Err(refused(Refusal::INVAL));
        }
        let place =
            self.place_with(path, links_for(path)).map_err(|errno| refused(Refusal::from_raw_os_error(errno)))?;
        let (user, group) = (user.map(Uid::from_raw), group.map(Gid::from_raw));
        chownat(place, "", user, group, AtFlags::EMPTY_PATH).map_err(refused)
    }

    /// Sets the mode of what is at `path`, 0 to 07777; a link is followed, in the root.
    ///
    /// # Errors
    /// `EPERM`, `EROFS`; `EINVAL` for another mode; `EXDEV` where neither /proc is a proc nor one can be made; as
    /// [`open_path`](Self::open_path).
    #[doc(alias = "chmod")]
    pub fn set_mode(&self, path: impl AsRef<Path>, mode: u32) -> Result<(), Error> {
        let path = path.as_ref();
        let refused = |errno: Refusal| self.error("set the mode of", path, errno.raw_os_error());
        if mode & !0o7777 != 0 {
            return Err(refused(Refusal::INVAL));
        }
        let place =
            self.place_with(path, links_for(path)).map_err(|errno| refused(Refusal::from_raw_os_error(errno)))?;
        set_mode_of(place.as_fd(), mode).map_err(refused)
    }

    /// Sets when what is at `path` was last read and last written, where given; a link is followed, in the root.
    ///
    /// # Errors
    /// `EPERM`, `EROFS`; as [`open_path`](Self::open_path).
    #[doc(alias = "utimensat")]
    pub fn set_times(
        &self,
        path: impl AsRef<Path>,
        read: Option<SystemTime>,
        written: Option<SystemTime>,
    ) -> Result<(), Error> {
        let path = path.as_ref();
        let refused = |errno: Refusal| self.error("set the times of", path, errno.raw_os_error());
        let place =
            self.place_with(path, links_for(path)).map_err(|errno| refused(Refusal::from_raw_os_error(errno)))?;
        let times = Timestamps { last_access: timespec(read), last_modification: timespec(written) };
        utimensat(place, "", &times, AtFlags::EMPTY_PATH).map_err(refused)
    }

    /// Makes `content` what the file at `path` holds: at once, so that whoever opens it finds the old or the new whole.
    ///
    /// A new file takes the name; it has the mode and, where this process may, the owner of the ordinary file that it
    /// replaces, else mode 0644 less this process's umask. A link at the end of `path` is replaced, not followed. Nothing is
    /// said of what a crash of the machine leaves: who cares has the file synced.
    ///
    /// # Errors
    /// `EISDIR` for a directory, `ENOENT` for an absent one above; `EROFS`, `EACCES`, `ENOSPC`; `ELOOP` for links below
    /// /proc, /sys and /dev.
    pub fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Result<(), Error> {
        let path = path.as_ref();
        let refused = |errno: Refusal| self.error("write", path, errno.raw_os_error());
        let (directory, name) = self.parent(path).map_err(|errno| refused(refusal(errno)))?;
        if names_directory(path) {
            return Err(refused(Refusal::ISDIR));
        }
        replace(&sys::owned(directory), name, content.as_ref()).map_err(refused)
    }
}

/// How many names are tried for a new file: whoever owns the directory may have taken one.
const NAMES: u32 = 64;

/// A new file in place of what has the name `name` in `directory`.
fn replace(directory: &OwnedFd, name: &OsStr, content: &[u8]) -> Result<(), Refusal> {
    let before = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(before) if FileType::from_raw_mode(before.st_mode) == FileType::RegularFile => Some(before),
        Ok(_) | Err(Refusal::NOENT) => None,
        Err(errno) => return Err(errno),
    };
    // Nobody else's until it has the mode of what it replaces: who opens it before that would keep it open.
    let mode = if before.is_some() { 0o600 } else { 0o644 };
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for _ in 0..NAMES {
        let mut chance = RandomState::new().build_hasher();
        chance.write_u8(0);
        let temporary = OsString::from(format!(".skep-{:016x}", chance.finish()));
        let file = match openat(directory, &temporary, flags, Mode::from_raw_mode(mode)) {
            Err(Refusal::EXIST) => continue,
            opened => File::from(opened?),
        };
        let done =
            filled(file, before.as_ref(), content).and_then(|()| renameat(directory, &temporary, directory, name));
        if done.is_err() {
            // Why it was made in vain is the better answer than why it stays.
            let _stays = unlinkat(directory, &temporary, AtFlags::empty());
        }
        return done;
    }
    Err(Refusal::EXIST)
}

/// Writes what it holds, and makes it what was there before.
fn filled(mut file: File, before: Option<&Stat>, content: &[u8]) -> Result<(), Refusal> {
    file.write_all(content).map_err(|error| Refusal::from_io_error(&error).unwrap_or(Refusal::IO))?;
    let Some(before) = before else { return Ok(()) };
    // Before the mode: giving a file away clears bits of it. Who may not keeps what is written their own.
    let is_theirs = fchown(&file, Some(Uid::from_raw(before.st_uid)), Some(Gid::from_raw(before.st_gid))).is_ok();
    // What is somebody else's now does not run as them, nor as a group that it has not.
    let kept = if is_theirs { 0o7777 } else { 0o777 };
    fchmod(&file, Mode::from_raw_mode(before.st_mode & kept))
}

/// Sets the mode of what `place` is open on, by its descriptor: fchmod(2) takes none that is open as a place.
pub(crate) fn set_mode_of(place: BorrowedFd<'_>, mode: u32) -> Result<(), Refusal> {
    let number = place.as_raw_fd().to_string();
    // A mode is set through a link, and a link of proc leads to what is open.
    let is_link = FileType::from_raw_mode(fstat(place)?.st_mode) == FileType::Symlink;
    if is_link {
        return Err(Refusal::OPNOTSUPP);
    }
    let proc = Procfs::nearest()?;
    proc.demand_link(place)?;
    chmodat(proc.descriptors()?, number, Mode::from_raw_mode(mode), AtFlags::empty())
}

fn timespec(time: Option<SystemTime>) -> Timespec {
    let Some(time) = time else { return Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT } };
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => Timespec {
            tv_sec: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: since.subsec_nanos().into(),
        },
        Err(before) => {
            let before = before.duration();
            let (seconds, nanos) = (i64::try_from(before.as_secs()).unwrap_or(i64::MAX), before.subsec_nanos());
            // Nanoseconds count forwards from the second before.
            let seconds =
                if nanos == 0 { seconds.saturating_neg() } else { seconds.saturating_neg().saturating_sub(1) };
            Timespec { tv_sec: seconds, tv_nsec: if nanos == 0 { 0 } else { 1_000_000_000 - i64::from(nanos) } }
        }
    }
}
