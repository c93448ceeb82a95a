// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables read from mountinfo: of this thread, of a process, of a mount namespace.
//!
//! Man: proc_pid_mountinfo(5), setns(2).

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::thread;

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::{MountInfo, asked};
use crate::error::{Error, Object};
use crate::floor::Errno;
use crate::sys::threads;

/// More than the kernel gives at once.
const PIECE: usize = 1 << 16;

impl MountInfo {
    /// What the calling thread has mounted, as far as it is below its root: the table is in the order in which the mounts
    /// were made.
    ///
    /// # Errors
    /// `ENOENT` where no proc is mounted; `Invalid` if the kernel tells what we do not understand.
    #[doc(alias = "/proc/self/mountinfo")]
    pub fn of_this_thread() -> Result<Vec<Self>, Error> {
        of_file("/proc/thread-self/mountinfo".as_ref())
    }

    /// The same of a process, as far as it is below *its* root: targets are its paths. See proc_pid_mountinfo(5).
    ///
    /// # Errors
    /// `ENOENT` for a process that is not there (or has ended: `EINVAL`), or that this account may not see.
    pub fn of_process(pid: u32) -> Result<Vec<Self>, Error> {
        of_file(format!("/proc/{pid}/mountinfo").as_ref())
    }

    /// Everything that is mounted in a mount namespace, by an open file of it (`/proc/PID/ns/mnt`): targets are paths from
    /// its top.
    ///
    /// The kernel is asked for it by number; where it cannot be, a thread that is let die enters it and reads.
    ///
    /// # Errors
    /// `Invalid` for a descriptor that is no mount namespace; `Denied` without the right.
    /// # Privileges
    /// `CAP_SYS_ADMIN` in the user namespace that owns it; before Linux 6.13 `CAP_SYS_ADMIN` and `CAP_SYS_CHROOT` in the
    /// caller's too.
    /// # Kernel
    /// listmount(2) and statmount(2) since Linux 6.13, setns(2) before. Of the caller's own it is what the caller sees.
    #[doc(alias = "listmount")]
    pub fn of_namespace(namespace: impl AsFd) -> Result<Vec<Self>, Error> {
        let namespace = namespace.as_fd();
        match asked::of_namespace(namespace) {
            Ok(mounts) => return Ok(mounts),
            // EPERM is a filter's answer to what it does not know, too.
            Err(Errno::NOSYS | Errno::PERM) => {}
            Err(errno) => return Err(namespace_error("list the mounts of", namespace, errno)),
        }
        thread::scope(|scope| {
            let read = || -> Result<Vec<u8>, Errno> {
                // Of this thread, whatever it will have for a /proc.
                let own =
                    openat(CWD, "/proc/thread-self", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(errno)?;
                threads::enter_mounts_of(namespace)?;
                let table =
                    openat(&own, "mountinfo", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(errno)?;
                whole(File::from(table)).map_err(|error| number(&error))
            };
            let read = thread::Builder::new().spawn_scoped(scope, read).map_err(|error| number(&error));
            let read = read.and_then(|thread| thread.join().unwrap_or(Err(Errno::PROTO)));
            let text = read.map_err(|errno| namespace_error("list the mounts of", namespace, errno))?;
            understood(&text, "/proc/thread-self/mountinfo".as_ref())
        })
    }
}

/// What to say of a mount namespace that did not do.
pub(crate) fn namespace_error(op: &'static str, namespace: BorrowedFd<'_>, Errno(errno): Errno) -> Error {
    use std::os::fd::AsRawFd;
    let error = Error::os(op, Object::Descriptor(namespace.as_raw_fd()), errno.into());
    if errno == Errno::INVAL.0 {
        error.with_hint("it must be an open file of a mount namespace, /proc/PID/ns/mnt")
    } else {
        error
    }
}

fn of_file(path: &Path) -> Result<Vec<MountInfo>, Error> {
    let text = File::open(path).and_then(whole);
    let text = text
        .map_err(|error| Error::os("read", Object::Path(path.to_owned()), error.raw_os_error().unwrap_or_default()))?;
    understood(&text, path)
}

/// All of a file that gives a page at a time and does not know its size.
fn whole(mut file: File) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(PIECE);
    file.read_to_end(&mut text)?;
    Ok(text)
}

fn understood(text: &[u8], path: &Path) -> Result<Vec<MountInfo>, Error> {
    MountInfo::parse_all(text).ok_or_else(|| {
        let problem = "a line of it is not as proc_pid_mountinfo(5) has it".to_owned();
        Error::invalid("read", Object::Path(path.to_owned()), vec![problem])
    })
}

fn errno(errno: rustix::io::Errno) -> Errno {
    Errno(u16::try_from(errno.raw_os_error()).unwrap_or_default())
}

fn number(error: &std::io::Error) -> Errno {
    Errno(error.raw_os_error().and_then(|errno| u16::try_from(errno).ok()).unwrap_or(Errno::PROTO.0))
}
