// SPDX-License-Identifier: MIT OR Apache-2.0
//! New things in memory, mounted by themselves: a device, a copy of a directory.
//!
//! They are made in a tmpfs that a thread of ours mounts in a mount namespace of its own, where nobody else sees it, and
//! from which the kernel copies a part: of what is attached nowhere it copies nothing before Linux 6.15.

use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::thread;

use rustix::fs::{AtFlags, Gid, Mode, Uid, chmodat, chownat};

use super::failed;
use crate::error::{Error, ErrorKind};
use crate::floor::attach::{New, attribute, configure, mount_of, set};
use crate::floor::{Errno, Failure, mount, sys};
use crate::mounts::{Device, Tmpfs};
use crate::root::Root;
use crate::sys::owned;
use crate::tree::TreeCopy;

/// What is made in the tmpfs, beside nothing else.
const NAME: &str = "it";

/// A device, pipe: a mount of that alone.
pub(crate) fn device(device: &Device) -> Result<OwnedFd, Error> {
    let target = &device.target;
    let refused = |errno: rustix::io::Errno, why: &str| {
        let errno = Errno(u16::try_from(errno.raw_os_error()).unwrap_or_default());
        failed("make", target, errno, why.to_owned())
    };
    let fill = |top: BorrowedFd<'_>| {
        let name = CString::new(NAME).unwrap_or_default();
        let (kind, number) = (device.kind.mode(), device.number());
        sys::mknodat(top.as_raw_fd(), &name, kind | 0o600, number).map_err(|errno| match errno {
            Errno::PERM => {
                failed("make", target, errno, "a device takes CAP_MKNOD in the first user namespace".to_owned())
                    .with_hint("who has not that binds this machine's: Device::bind_from()")
            }
            errno => failed("make", target, errno, "making it".to_owned()),
        })?;
        let (uid, gid) = device.owner;
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        chownat(top, NAME, uid, gid, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| refused(errno, "its owner"))?;
        // After its owner, a change of which takes bits away; whatever the mask of this process is.
        chmodat(top, NAME, Mode::from_raw_mode(device.mode), AtFlags::empty())
            .map_err(|errno| refused(errno, "its mode"))
    };
    made("make", target, "size=4k,nr_inodes=3", device.attributes.bits(), fill)
}

/// A tmpfs with a copy of what the directory `root` has at its target.
pub(crate) fn copied_up(tmpfs: &Tmpfs, root: Option<&Path>) -> Result<OwnedFd, Error> {
    // Its paths are those of this thread's namespace.
    let root = root.map(Root::open).transpose()?;
    let fill = |top: BorrowedFd<'_>| {
        let to = Root::from_fd(top)?;
        let is_made = match &root {
            Some(root) => match TreeCopy::new().copy(root, &tmpfs.target, &to, NAME) {
                Ok(copied) => copied.whole().map(|_| true)?,
                Err(error) if error.kind() == ErrorKind::NotFound => false,
                Err(error) => return Err(error),
            },
            None => false,
        };
        if !is_made {
            to.create_dir_all(NAME)?;
        }
        match tmpfs.mode {
            Some(mode) => to.set_mode(NAME, mode),
            None if is_made => Ok(()),
            None => to.set_mode(NAME, 0o1777),
        }
    };
    let mut whole = tmpfs.clone();
    // For the top that nobody sees.
    whole.inodes = tmpfs.inodes.map(|count| count.saturating_add(1));
    made("fill", &tmpfs.target, &whole.options(), tmpfs.attributes.bits(), fill)
}

/// A mount of what `fill` makes by [`NAME`] in a new tmpfs, attached nowhere.
fn made(
    op: &'static str,
    target: &Path,
    options: &str,
    attributes: u32,
    fill: impl FnOnce(BorrowedFd<'_>) -> Result<(), Error> + Send,
) -> Result<OwnedFd, Error> {
    let refused = |errno: Errno, why: &str| {
        let error = failed(op, target, errno, why.to_owned());
        match errno {
            Errno::PERM => error.with_hint("it takes CAP_SYS_ADMIN before the other steps are performed, for mounts"),
            _ => error,
        }
    };
    let work = || {
        sys::unshare_mounts().map_err(|errno| refused(errno, "a mount namespace to make it in"))?;
        mount::receive_only().map_err(|errno| refused(errno, "a mount namespace to make it in"))?;
        let memory = |errno| refused(errno, "memory to make it in");
        let options = CString::new(options).unwrap_or_default();
        let fs = sys::fsopen(c"tmpfs").map_err(memory)?;
        configure(&fs, New::of(c"tmpfs", &options)).map_err(memory)?;
        // A copy of it has the same attributes, without a call that only newer kernels have.
        let writable = attributes & !attribute::READ_ONLY;
        let (top, of_copy) = match mount_of(&fs, writable) {
            Err(Failure { errno: Errno::NOSYS, .. }) => (mount_of(&fs, 0), attributes),
            made => (made, attributes & attribute::READ_ONLY),
        };
        let top = top.map_err(|failure| memory(failure.errno))?;
        let over = sys::openat(sys::CWD, c"/", sys::open::PATH | sys::open::DIRECTORY, 0).map_err(memory)?;
        sys::move_mount(top.number(), over.number()).map_err(memory)?;
        let top = owned(top);
        fill(std::os::fd::AsFd::as_fd(&top))?;
        let name = CString::new(NAME).unwrap_or_default();
        let flags = sys::open::PATH | sys::open::NOFOLLOW;
        let it = sys::openat(top.as_raw_fd(), &name, flags, 0).map_err(memory)?;
        let tree = sys::open_tree(it.number(), false).map_err(|errno| refused(errno, "a mount of it"))?;
        match set(&tree, of_copy, false) {
            Ok(true) => Ok(owned(tree)),
            Ok(false) => Err(refused(Errno::NOSYS, "its attributes")),
            Err(failure) => Err(refused(failure.errno, "its attributes")),
        }
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, work);
        let thread = thread.map_err(|error| refused(super::ids::errno_of(&error), "a thread for it"))?;
        thread.join().unwrap_or_else(|_| Err(refused(Errno::PROTO, "a thread for it")))
    })
}
