// SPDX-License-Identifier: MIT OR Apache-2.0
//! One system call of a child's table: a number and six arguments.
//!
//! A [`Call`] can only be made by the constructors here, which borrow what their pointers point to. So a slice of them is
//! safe to perform for as long as it lives, and whoever reads this file knows all that a child can do before its exec.

use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::mem::offset_of;
use std::os::fd::RawFd;

use crate::floor::sys::nr;

/// What the loop does when the call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum OnError {
    /// Stop: write down which call and why, and end the child.
    Stop = 0,
    /// Go on with the next call.
    GoOn = 1,
    /// The call was close_range: close the numbers from its first argument up to its fourth one by one.
    CloseEach = 2,
    /// Go on after ENOENT and ENOSYS, stop after everything else.
    GoOnIfUnknown = 3,
}

/// One raw system call. The assembly in `sys/vfork.rs` knows this layout.
#[repr(C)]
#[derive(Debug, Clone)]
pub(crate) struct Call<'a> {
    number: u64,
    args: [u64; 6],
    on_error: OnError,
    borrowed: PhantomData<&'a CStr>,
}
/// Where the loop finds what to do on an error.
pub(crate) const ON_ERROR: usize = offset_of!(Call<'_>, on_error);
// The loop loads the number and the six arguments from here on, eight bytes each.
const _: () = assert!(offset_of!(Call<'_>, number) == 0 && offset_of!(Call<'_>, args) == 8);

/// `struct kernel_sigaction` with everything zero: the default, no flags, no mask.
#[derive(Debug, Default)]
pub(crate) struct DefaultAction([u64; 4]);

/// The signal mask in which nothing is blocked.
#[derive(Debug, Default)]
pub(crate) struct EmptyMask(u64);

/// `argv` or `envp`: pointers to strings, and a null pointer at the end.
#[derive(Debug)]
pub(crate) struct Strings<'a> {
    pointers: Vec<u64>,
    borrowed: PhantomData<&'a CString>,
}

impl<'a> Strings<'a> {
    pub(crate) fn new(strings: &'a [CString]) -> Self {
        let pointers = strings.iter().map(|text| string(text)).chain([0]).collect();
        Self { pointers, borrowed: PhantomData }
    }
}

impl<'a> Call<'a> {
    const fn new(number: usize, args: [u64; 6], on_error: OnError) -> Self {
        Self { number: number as u64, args, on_error, borrowed: PhantomData }
    }

    /// Puts descriptor `source` under the number `target`, open across exec.
    pub(crate) fn place(source: RawFd, target: RawFd) -> Self {
        const F_SETFD: u64 = 2;
        if source == target {
            return Self::new(nr::FCNTL, [descriptor(source), F_SETFD, 0, 0, 0, 0], OnError::Stop);
        }
        Self::new(nr::DUP3, [descriptor(source), descriptor(target), 0, 0, 0, 0], OnError::Stop)
    }

    /// Closes the numbers from `first` to `last`; below `end` one by one, where close_range is refused.
    pub(crate) fn close(first: u32, last: u32, end: u32) -> Self {
        let args = [first.into(), last.into(), 0, u64::from(end).min(u64::from(last) + 1), 0, 0];
        Self::new(nr::CLOSE_RANGE, args, OnError::CloseEach)
    }

    /// Names the machine of this uts namespace.
    pub(crate) fn hostname(name: &'a CStr) -> Self {
        Self::new(nr::SETHOSTNAME, [string(name), name.count_bytes() as u64, 0, 0, 0, 0], OnError::Stop)
    }

    /// Names the NIS domain of this uts namespace.
    pub(crate) fn domainname(name: &'a CStr) -> Self {
        Self::new(nr::SETDOMAINNAME, [string(name), name.count_bytes() as u64, 0, 0, 0, 0], OnError::Stop)
    }

    /// Sets the supplementary groups. Not in shared memory.
    pub(crate) fn groups(groups: &'a [u32], on_error: OnError) -> Self {
        Self::new(nr::SETGROUPS, [groups.len() as u64, address(groups.as_ptr()), 0, 0, 0, 0], on_error)
    }

    /// Becomes this group in all three forms. Not in shared memory.
    pub(crate) fn group(gid: u32, on_error: OnError) -> Self {
        let gid = u64::from(gid);
        Self::new(nr::SETRESGID, [gid, gid, gid, 0, 0, 0], on_error)
    }

    /// Becomes this user in all three forms. Not in shared memory.
    pub(crate) fn user(uid: u32, on_error: OnError) -> Self {
        let uid = u64::from(uid);
        Self::new(nr::SETRESUID, [uid, uid, uid, 0, 0, 0], on_error)
    }

    /// Leads a session of its own.
    pub(crate) fn session() -> Self {
        Self::new(nr::SETSID, [0; 6], OnError::Stop)
    }

    /// Joins a process group, or leads one of its own for 0.
    pub(crate) fn process_group(group: i32) -> Self {
        Self::new(nr::SETPGID, [0, descriptor(group), 0, 0, 0, 0], OnError::Stop)
    }

    /// Sets the umask.
    pub(crate) fn umask(mask: u32) -> Self {
        Self::new(nr::UMASK, [mask.into(), 0, 0, 0, 0, 0], OnError::Stop)
    }

    /// No exec gives a privilege from now on.
    pub(crate) fn no_new_privileges() -> Self {
        const PR_SET_NO_NEW_PRIVS: u64 = 38;
        Self::new(nr::PRCTL, [PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0], OnError::Stop)
    }

    /// The signal that comes when the thread that is the parent ends.
    pub(crate) fn death_signal(signal: u32) -> Self {
        const PR_SET_PDEATHSIG: u64 = 1;
        Self::new(nr::PRCTL, [PR_SET_PDEATHSIG, signal.into(), 0, 0, 0, 0], OnError::Stop)
    }

    /// Enters a directory.
    pub(crate) fn enter(directory: &'a CStr) -> Self {
        Self::new(nr::CHDIR, [string(directory), 0, 0, 0, 0, 0], OnError::Stop)
    }

    /// Gives `signal` its default disposition. The two that nobody can change answer an error, and are at it.
    pub(crate) fn default_action(signal: u8, action: &'a DefaultAction) -> Self {
        Self::new(nr::RT_SIGACTION, [signal.into(), address(&raw const action.0), 0, 8, 0, 0], OnError::GoOn)
    }

    /// Sets this thread's signal mask.
    pub(crate) fn unblock(mask: &'a EmptyMask) -> Self {
        const SIG_SETMASK: u64 = 2;
        Self::new(nr::RT_SIGPROCMASK, [SIG_SETMASK, address(&raw const mask.0), 0, 8, 0, 0], OnError::Stop)
    }

    /// Executes the program at `path`. By execve, not execveat: older tracers and filters know it.
    pub(crate) fn execute(path: &'a CStr, argv: &'a Strings<'a>, envp: &'a Strings<'a>) -> Self {
        let args = [string(path), address(argv.pointers.as_ptr()), address(envp.pointers.as_ptr()), 0, 0, 0];
        Self::new(nr::EXECVE, args, OnError::Stop)
    }

    /// Executes the file that a descriptor refers to. The table goes on where execveat is refused, or mistaken for a
    /// path: valgrind looks for a file with an empty name.
    pub(crate) fn execute_descriptor(program: RawFd, argv: &'a Strings<'a>, envp: &'a Strings<'a>) -> Self {
        const AT_EMPTY_PATH: u64 = 0x1000;
        let (argv, envp) = (address(argv.pointers.as_ptr()), address(envp.pointers.as_ptr()));
        Self::new(
            nr::EXECVEAT,
            [descriptor(program), string(c""), argv, envp, AT_EMPTY_PATH, 0],
            OnError::GoOnIfUnknown,
        )
    }

    /// The call as it is made: number, arguments, what to do on an error.
    pub(crate) fn raw(&self) -> (u64, [u64; 6], OnError) {
        (self.number, self.args, self.on_error)
    }

    #[cfg(test)]
    pub(crate) fn range_and_end(&self) -> Option<(u64, u64, u64)> {
        let [first, last, _, end, ..] = self.args;
        (self.number == nr::CLOSE_RANGE as u64).then_some((first, last, end))
    }
}

fn string(text: &CStr) -> u64 {
    address(text.as_ptr())
}

fn address<T>(pointer: *const T) -> u64 {
    pointer.expose_provenance() as u64
}

/// A descriptor's number as the kernel takes it.
fn descriptor(fd: RawFd) -> u64 {
    u64::from(fd.cast_unsigned())
}
