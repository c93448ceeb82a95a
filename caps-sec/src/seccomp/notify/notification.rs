// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notifications: a call that waits for an answer.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags};

use super::{Listener, Memory};
use crate::error::{Error, ErrorKind, Object};
use crate::seccomp::rule::problem_of_errno;
use crate::seccomp::sys::{self, Received, Response};
use crate::seccomp::{Call, Errno};

/// A call that waits for an answer. One that is dropped without is answered `ENOSYS`.
///
/// Whoever made it may be killed at any moment, and its number given to somebody else: what is opened by that number
/// is used only after the kernel has said that the call still waits, which all of the functions here do.
#[derive(Debug)]
pub struct Notification<'a> {
    listener: &'a Listener,
    id: u64,
    pid: u32,
    call: Call,
    answered: bool,
}

impl<'a> Notification<'a> {
    pub(super) const fn new(listener: &'a Listener, received: &Received) -> Self {
        let Received { id, pid, number, arch, args, .. } = *received;
        let call = Call::described(arch, number.cast_unsigned(), args);
        Self { listener, id, pid, call, answered: false }
    }

    /// The call.
    #[must_use]
    pub const fn call(&self) -> &Call {
        &self.call
    }

    /// Its name, where it is known.
    #[must_use]
    pub fn name(&self) -> Option<&'static str> {
        self.call.name()
    }

    /// The value of an argument, 0 to 5; 0 for others.
    #[must_use]
    pub fn arg(&self, number: u8) -> u64 {
        self.call.args().get(usize::from(number)).copied().unwrap_or_default()
    }

    /// The thread that made it, by its number in the pid namespace of whoever received it; 0 if it has none there.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// The kernel's number of the notification.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Whether the call still waits. If not, whoever made it was killed, or interrupted by a signal.
    #[must_use]
    #[doc(alias = "SECCOMP_IOCTL_NOTIF_ID_VALID")]
    pub fn waits(&self) -> bool {
        sys::check(self.listener.as_fd(), self.id).is_ok()
    }

    /// The memory of whoever made the call: to read what its arguments point to, and to write what it waits for.
    ///
    /// It stays the memory of that process, whoever gets its number. Other threads of it may change what is in it at
    /// any time: copy once, decide by the copy, and act by the copy.
    ///
    /// # Errors
    /// `NotFound` if the call no longer waits; `Denied` without the right.
    /// # Privileges
    /// That to trace the process (ptrace(2)): the same user, or `CAP_SYS_PTRACE`.
    pub fn memory(&self) -> Result<Memory, Error> {
        let pid = self.pid;
        self.opened("open the memory of", || Memory::open(pid))
    }

    /// The directory that a call's paths begin at: for a descriptor of the process that, for `AT_FDCWD` its current one.
    ///
    /// An `O_PATH` descriptor, to resolve below it with openat2(2) and `RESOLVE_IN_ROOT`: a path of a process is meant
    /// in its root, and may lead out of it by symbolic links that it changes meanwhile.
    ///
    /// # Errors
    /// As [`memory`](Self::memory); `NotFound` too if it has no such descriptor.
    /// # Privileges
    /// As [`memory`](Self::memory).
    pub fn directory(&self, fd: i32) -> Result<OwnedFd, Error> {
        const AT_FDCWD: i32 = -100;
        match fd {
            AT_FDCWD => self.open_below("cwd"),
            fd => self.open_below(&format!("fd/{fd}")),
        }
    }

    /// The root directory of the process, as [`directory`](Self::directory) gives it.
    ///
    /// # Errors
    /// As [`memory`](Self::memory).
    /// # Privileges
    /// As [`memory`](Self::memory).
    pub fn root(&self) -> Result<OwnedFd, Error> {
        self.open_below("root")
    }

    /// A copy of a descriptor of the process: the same open file.
    ///
    /// # Errors
    /// As [`memory`](Self::memory); `Os` with `EBADF` if it has no such descriptor.
    /// # Privileges
    /// As [`memory`](Self::memory).
    /// # Kernel
    /// Linux 5.6.
    #[doc(alias = "pidfd_getfd")]
    pub fn descriptor(&self, fd: i32) -> Result<OwnedFd, Error> {
        self.opened("take a descriptor of", || {
            let pidfd = rustix::process::pidfd_open(group(self.pid)?, PidfdFlags::empty())?;
            Ok(rustix::process::pidfd_getfd(pidfd, fd, PidfdGetfdFlags::empty())?)
        })
    }

    fn open_below(&self, name: &str) -> Result<OwnedFd, Error> {
        self.opened("open a directory of", || {
            let path = format!("/proc/{}/{name}", self.pid);
            Ok(rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
        })
    }

    /// What is opened by the process's number, if the call still waits then: the number was its own.
    fn opened<T>(&self, op: &'static str, open: impl FnOnce() -> io::Result<T>) -> Result<T, Error> {
        let object = || Object::Pid(self.pid);
        if self.pid == 0 {
            let why = "it is in a pid namespace that this process does not see".to_owned();
            return Err(Error::because(op, object(), ErrorKind::Unsupported, why));
        }
        let opened = open();
        if !self.waits() {
            let why = "its system call no longer waits: it was killed, or interrupted by a signal".to_owned();
            return Err(Error::because(op, object(), ErrorKind::NotFound, why));
        }
        opened.map_err(|error| Error::io(op, object(), &error))
    }

    /// Answers a value, as if the call had been made. `false` if it no longer waited: what was done for it is to be undone.
    ///
    /// # Errors
    /// None that the kernel documents.
    pub fn value(self, value: i64) -> Result<bool, Error> {
        self.send(Response { value, ..Response::default() })
    }

    /// Answers an error. `false` if the call no longer waited.
    ///
    /// # Errors
    /// `Invalid` for what is no error number, which the program would take for success: the call is answered `ENOSYS`.
    pub fn error(self, errno: Errno) -> Result<bool, Error> {
        if let Some(problem) = problem_of_errno(errno.number()) {
            return Err(Error::invalid("answer a system call of", Object::Pid(self.pid), vec![problem]));
        }
        self.send(Response { error: -i32::from(errno.number()), ..Response::default() })
    }

    /// Lets the kernel make the call, as if it had been allowed. `false` if it no longer waited.
    ///
    /// What its arguments point to can have changed since it was looked at: this is for calls that would do no harm, never
    /// a way to allow what was found harmless in memory.
    ///
    /// # Errors
    /// `Invalid` before Linux 5.5.
    #[doc(alias = "SECCOMP_USER_NOTIF_FLAG_CONTINUE")]
    pub fn proceed(self) -> Result<bool, Error> {
        self.send(Response { flags: sys::CONTINUE, ..Response::default() })
    }

    /// Gives the process a copy of a descriptor, close-on-exec, under a free number, which is answered; the call goes on
    /// waiting.
    ///
    /// # Errors
    /// `NotFound` if the call no longer waits; `Exhausted` if the process may have no more descriptors.
    /// # Kernel
    /// Linux 5.9.
    #[doc(alias = "SECCOMP_IOCTL_NOTIF_ADDFD")]
    pub fn add_descriptor(&self, fd: impl AsFd) -> Result<u32, Error> {
        self.add(fd.as_fd().as_raw_fd(), None)
    }

    /// The same under this number, in the place of what is there.
    ///
    /// # Errors
    /// As [`add_descriptor`](Self::add_descriptor).
    /// # Kernel
    /// Linux 5.9.
    pub fn add_descriptor_at(&self, fd: impl AsFd, number: u32) -> Result<(), Error> {
        self.add(fd.as_fd().as_raw_fd(), Some(number)).map(drop)
    }

    /// Gives the process a copy of a descriptor, close-on-exec, and answers its number, in one step: nothing is left in it
    /// if it is killed between. `false` if the call no longer waited.
    ///
    /// A process that may have no more descriptors, by a limit that it can set itself, is answered the error that open(2)
    /// would have (`EMFILE`): that is its own affair, and no failure of whoever supervises it.
    ///
    /// # Errors
    /// None that the kernel documents.
    /// # Kernel
    /// Linux 5.14; before, [`add_descriptor`](Self::add_descriptor) and [`value`](Self::value) are taken.
    #[doc(alias = "SECCOMP_ADDFD_FLAG_SEND")]
    pub fn value_descriptor(mut self, fd: impl AsFd) -> Result<bool, Error> {
        let number = fd.as_fd().as_raw_fd();
        let given = match self.give(number, None, sys::AND_ANSWER) {
            Ok(_) => {
                self.answered = true;
                return Ok(true);
            }
            Err(error) if error.raw_os_error() == Some(sys::EINVAL) => self.give(number, None, 0),
            Err(error) => Err(error),
        };
        match given {
            Ok(number) => self.value(number.into()),
            // The send says whether it still waits.
            Err(error) => {
                let errno = error.raw_os_error().and_then(|errno| u16::try_from(errno).ok());
                self.error(errno.map_or(Errno::NOSYS, Errno::new))
            }
        }
    }

    fn add(&self, source: i32, target: Option<u32>) -> Result<u32, Error> {
        let failed = |error| Error::io("give a descriptor to", Object::Pid(self.pid), &error);
        self.give(source, target, 0).map_err(failed)
    }

    fn give(&self, source: i32, target: Option<u32>, flags: u32) -> io::Result<u32> {
        let add = sys::AddFd {
            id: self.id,
            flags: flags | if target.is_some() { sys::AT_NUMBER } else { 0 },
            source: source.cast_unsigned(),
            target: target.unwrap_or_default(),
            target_flags: sys::CLOEXEC,
        };
        loop {
            match sys::add_fd(self.listener.as_fd(), &add) {
                Err(error) if error.raw_os_error() == Some(sys::EINTR) => {}
                done => return done,
            }
        }
    }

    fn send(mut self, response: Response) -> Result<bool, Error> {
        self.answered = true;
        loop {
            match sys::send(self.listener.as_fd(), &Response { id: self.id, ..response }) {
                Ok(()) => return Ok(true),
                Err(error) => match error.raw_os_error() {
                    Some(sys::EINTR) => {}
                    // Killed; or answered by another holder of the listener.
                    Some(sys::ENOENT | sys::EINPROGRESS) => return Ok(false),
                    _ => return Err(Error::io("answer a system call of", Object::Pid(self.pid), &error)),
                },
            }
        }
    }
}

/// Else the thread would wait as long as there is a listener: a handler that has panicked, say.
impl Drop for Notification<'_> {
    fn drop(&mut self) {
        if !self.answered {
            let error = -i32::from(Errno::NOSYS.number());
            drop(sys::send(self.listener.as_fd(), &Response { id: self.id, error, ..Response::default() }));
        }
    }
}

/// The process of a thread, which a pidfd is of.
fn group(pid: u32) -> io::Result<Pid> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let leader = status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok());
    leader.and_then(Pid::from_raw).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}
