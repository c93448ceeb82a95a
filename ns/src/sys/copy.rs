// SPDX-License-Identifier: MIT OR Apache-2.0
//! A clone in the copying form.

use std::os::fd::{AsFd, RawFd};

use super::mask::SignalMask;
use super::{CLONE_PARENT, CLONE_PIDFD, CloneArgs, Extras, SIGCHLD, address, adopt};
use crate::error::{Error, Object};
use crate::floor::sys::{Errno, exit_group, nr, syscall};
use crate::request::Request;
use crate::spawn::{Child, Pipes};

impl Request {
    /// Makes a copy of the calling thread that runs `child` and exits with the status it answers.
    ///
    /// ```
    /// # fn main() -> Result<(), skep_ns::Error> {
    /// // SAFETY: the copy only reads a local, takes no lock and allocates nothing.
    /// let mut copy = unsafe { skep_ns::Request::new().copy(|| 7) }?;
    /// assert_eq!(copy.wait()?.code(), Some(7));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Denied` without the right to make the namespaces, `Exhausted` at a limit, `Unsupported` where a filter refuses
    /// clone3 and clone(2) cannot express the request.
    /// # Safety
    /// The copy has this one thread. A lock that another thread held at that moment, malloc's among them, stays locked for
    /// ever: in a program with threads `child` may make system calls and no more. It must not unwind into the caller's
    /// frames: a panic in it ends the copy with exit code 134.
    /// # Kernel
    /// Linux 5.3 (clone3); clone(2) where that is refused.
    #[doc(alias = "clone3")]
    #[doc(alias = "fork")]
    pub unsafe fn copy(&self, child: impl FnOnce() -> u8) -> Result<Child, Error> {
        let object = || Object::Named("a copy of this thread");
        let mut pidfd: RawFd = -1;
        let flags = self.namespaces.flags().bits() | CLONE_PIDFD;
        let mut args =
            CloneArgs { flags, pidfd: address(&raw mut pidfd), exit_signal: SIGCHLD, ..CloneArgs::default() };
        Extras { cgroup: self.cgroup.as_ref().map(AsFd::as_fd), pids: &self.pids }.add_to(&mut args);
        let mask = SignalMask::block_all();
        // SAFETY: no stack is set and no memory is shared; the caller vouches for what the copy does.
        let made = unsafe { clone(&args) };
        if let Ok(0) = made {
            mask.restore();
            let _bomb = AbortOnUnwind;
            let status = child();
            exit_group(status.into());
        }
        mask.restore();
        let pid = made.map_err(|errno| Error::os("make", object(), errno.0.into()))?;
        let pid = u32::try_from(pid).unwrap_or(0);
        Ok(Child::new(pid, adopt(pidfd).into(), Pipes::default()))
    }
}

/// clone3, or clone(2) where that is refused and can express the request: answers 0 in the child.
///
/// # Safety
/// As [`clone3`].
pub(super) unsafe fn clone(args: &CloneArgs) -> Result<usize, Errno> {
    // SAFETY: the caller vouches.
    match unsafe { clone3(args) } {
        // SAFETY: as above.
        Err(Errno::NOSYS | Errno::PERM) if args.flags & !CLONE_2 == 0 && args.set_tid == 0 => unsafe { clone2(args) },
        made => made,
    }
}

/// What of a request clone(2) can express: namespaces but for time, whose number lies within the exit signal, a
/// pidfd, and the caller's parent as parent.
const CLONE_2: u64 = 0x7e02_0000 | CLONE_PIDFD | CLONE_PARENT;

/// Ends a copy whose code panics: beyond it are frames of a thread that goes on elsewhere.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        exit_group(134);
    }
}

/// clone3 as it is: answers 0 in the child.
///
/// # Safety
/// Without `CLONE_VM` the child is a copy of this one thread: locks that others held stay locked. The pointers in `args`
/// must be live, and no `stack` may be set.
unsafe fn clone3(args: &CloneArgs) -> Result<usize, Errno> {
    let args = std::ptr::from_ref(args).expose_provenance();
    // SAFETY: the kernel reads 88 bytes at a live struct of that size; the caller vouches for the rest.
    unsafe { syscall(nr::CLONE3, [args, size_of::<CloneArgs>(), 0, 0, 0, 0]) }
}

/// The same by clone(2).
///
/// # Safety
/// As [`clone3`].
unsafe fn clone2(args: &CloneArgs) -> Result<usize, Errno> {
    let flags = args.flags | args.exit_signal;
    // SAFETY: a null stack goes on with a copy of the present one; the pidfd's place is live; the caller vouches for the rest.
    unsafe { syscall(nr::CLONE, [flags as usize, 0, args.pidfd as usize, 0, 0, 0]) }
}
