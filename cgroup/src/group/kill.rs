// SPDX-License-Identifier: MIT OR Apache-2.0
//! Killing: every process of a group and of all groups below it, whatever they do meanwhile.
//!
//! Version 2 has one write for it, which catches forks under way. Where there is none we have forks refused (`pids.max`),
//! freeze (version 2 before 5.14, the freezer of version 1), as far as there is either, and go round until nobody is listed.
//! A number from a list may have become another process's: it is signalled by a pidfd, and only if the list still has it
//! after the pidfd was opened.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "cgroup.kill"; cgroup-v1/freezer-subsystem.rst.

use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use super::members::Members;
use super::{Cgroup, Directory};
use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::layout::{self, Version};
use crate::{dir, file};

const OP: &str = "kill the processes of";

/// How long the rounds may take before we say who does not die.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long a freezing is waited for before killing goes on without it: a process in an uninterruptible call is not frozen.
const FREEZING: Duration = Duration::from_millis(100);

/// How many processes are held at a time: descriptors are limited.
const AT_ONCE: usize = 128;

impl Cgroup {
    /// Kills every process of the group and of all groups below it, frozen ones and those that fork meanwhile included.
    ///
    /// When it returns all have been killed, and none can start another; that they are gone is for
    /// [`wait_empty`](Self::wait_empty). Where the kernel has no call for it this waits until they are. A group of version
    /// 1 that was frozen is not afterwards. A group that is gone has no processes.
    ///
    /// # Errors
    /// `WrongState` if the calling process is in the group itself; `Denied` without the right; `TimedOut`, naming them, if
    /// some do not die in 10 seconds where the kernel has no call for it: they hang in the kernel, or are in a pid
    /// namespace that does not reach ours.
    /// # Privileges
    /// Write access to `cgroup.kill`; without it those of kill(2) over each process.
    /// # Kernel
    /// Linux 5.14 (`cgroup.kill`); below it, and under version 1, freezing and signals.
    #[doc(alias = "cgroup.kill")]
    #[doc(alias = "SIGKILL")]
    pub fn kill(&self) -> Result<(), Error> {
        let Some(tracking) = self.tracking() else { return Ok(()) };
        self.refuse_with_the_caller(OP)?;
        if tracking.version() == Version::V2 {
            match file::write_text(tracking.fd(), "cgroup.kill", "1") {
                // Somebody may be in the group in another hierarchy alone.
                Ok(()) => return self.kill_in_rounds(Whom::Strays),
                // Before 5.14; a group of threads; removed, which leaves the others to look at.
                Err(Errno::NOENT | Errno::OPNOTSUPP | Errno::NODEV) => {}
                // A signal takes other rights.
                Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) => {}
                Err(errno) => return Err(Error::os(OP, Object::Group(tracking.path().into()), errno.raw_os_error())),
            }
        }
        self.kill_in_rounds(Whom::All)
    }

    /// An error if what is done to the group would be done to us.
    pub(super) fn refuse_with_the_caller(&self, op: &'static str) -> Result<(), Error> {
        const FILE: &str = "/proc/self/cgroup";
        let text = std::fs::read(FILE)
            .map_err(|error| Error::os("read", Object::Path(FILE.into()), error.raw_os_error().unwrap_or_default()))?;
        let groups = layout::groups(&text);
        match self.directories.iter().find(|directory| directory.holds(&groups)) {
            Some(directory) => Err(with_the_caller(op, directory)),
            None => Ok(()),
        }
    }

    pub(super) fn kill_in_rounds(&self, whom: Whom) -> Result<(), Error> {
        let begin = Instant::now();
        let mut no_forks = None;
        let mut pause = Duration::from_micros(250);
        loop {
            let members = self.targets(whom)?;
            if members.is_empty() {
                return Ok(());
            }
            // We are not in it, we have seen: then it is not the group that we take it for.
            if members.pids.contains(&std::process::id()) {
                return Err(with_the_caller(OP, self.held(OP)?));
            }
            if begin.elapsed() > DEADLINE {
                let object = Object::Group(self.tracking().map(|found| found.path().to_owned()).unwrap_or_default());
                let why = format!("{} did not die in {} seconds", members.said(), DEADLINE.as_secs());
                return Err(Error::because(OP, object, ErrorKind::TimedOut, why));
            }
            let directories = self.directories.get(whom.skips()..).unwrap_or_default();
            // From the first round to the last: on a slow machine the survivors of a round would make up for it.
            no_forks.get_or_insert_with(|| Forks::refuse(directories));
            let frozen = Forks::freeze(directories);
            let killed = self.kill_once(whom);
            // Frozen processes of version 1 die when they thaw.
            drop(frozen);
            killed?;
            // Dying takes a moment; a round without need costs more than this wait.
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(10));
        }
    }

    /// One round over those who are listed now.
    fn kill_once(&self, whom: Whom) -> Result<(), Error> {
        let listed: Vec<u32> = self.targets(whom)?.pids.into_iter().collect();
        for pids in listed.chunks(AT_ONCE) {
            let held: Vec<(u32, Held)> = pids.iter().filter_map(|pid| Some((*pid, Held::open(*pid)?))).collect();
            let still = self.targets(whom)?.pids;
            for (pid, held) in held.iter().filter(|(pid, _)| still.contains(pid)) {
                match held.kill() {
                    Ok(()) | Err(Errno::SRCH) => {}
                    Err(errno) => {
                        let object = Object::Group(self.held(OP)?.path().to_owned());
                        let why = format!("process {pid} may not be signalled");
                        return Err(Error::explained(
                            OP,
                            object,
                            ErrorKind::of_errno(errno.raw_os_error()),
                            errno.raw_os_error(),
                            why,
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// Whom to kill. A process leaves all its groups at the same moment: who is listed elsewhere and, looked at later, not
    /// by the tracking directory is dying or astray, and a signal is right for both.
    fn targets(&self, whom: Whom) -> Result<Members, Error> {
        let mut all = Members::default();
        for directory in self.directories.iter().skip(whom.skips()) {
            let members = directory.members()?;
            all.pids.extend(members.pids);
            all.strangers |= members.strangers;
        }
        if let (Whom::Strays, Some(tracking), false) = (whom, self.tracking(), all.is_empty()) {
            let known = tracking.members()?;
            all.pids.retain(|pid| !known.pids.contains(pid));
            // Their numbers cannot be compared: they are taken for the tracked ones, which are dead.
            all.strangers = false;
        }
        Ok(all)
    }
}

fn with_the_caller(op: &'static str, directory: &Directory) -> Error {
    let why = "the calling process is in it, and would share its fate";
    Error::explained(op, Object::Group(directory.path().to_owned()), ErrorKind::WrongState, 0, why)
}

/// Whom a round is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    /// Everybody.
    All,
    /// Those that the tracking directory does not list.
    Strays,
}

impl Whom {
    /// How many of the directories are not looked at.
    const fn skips(self) -> usize {
        match self {
            Self::All => 0,
            Self::Strays => 1,
        }
    }
}

/// A process that is held, where the kernel lets us.
enum Held {
    Fd(OwnedFd),
    /// A seccomp profile may refuse pidfds: then the number has to do.
    Number(Pid),
}

impl Held {
    /// `None` if it has ended.
    fn open(pid: u32) -> Option<Self> {
        let number = Pid::from_raw(i32::try_from(pid).ok()?)?;
        match pidfd_open(number, PidfdFlags::empty()) {
            Ok(fd) => Some(Self::Fd(fd)),
            Err(Errno::SRCH | Errno::INVAL) => None,
            Err(_) => Some(Self::Number(number)),
        }
    }

    fn kill(&self) -> Result<(), Errno> {
        match self {
            Self::Fd(fd) => pidfd_send_signal(fd, Signal::KILL),
            Self::Number(pid) => kill_process(*pid, Signal::KILL),
        }
    }
}

/// Forks that are stopped while we kill; on drop the processes thaw, and may fork if any is left.
pub(super) struct Forks<'a> {
    undo: Vec<(&'a Directory, &'static str, String)>,
}

impl<'a> Forks<'a> {
    /// Has them refused, where the group can count; that it fails costs rounds, not the outcome.
    pub(super) fn refuse(directories: &'a [Directory]) -> Self {
        let mut forks = Self { undo: Vec::new() };
        let v2 = directories.iter().find(|found| found.version() == Version::V2);
        if let Some(pids) = with(directories, Controller::Pids).or(v2) {
            forks.put(pids, "pids.max", "0");
        }
        forks
    }

    /// Has everybody stand still, as far as that goes in a moment.
    pub(super) fn freeze(directories: &'a [Directory]) -> Self {
        let freezer = with(directories, Controller::Freezer);
        let v2 = directories.iter().find(|found| found.version() == Version::V2);
        let mut forks = Self { undo: Vec::new() };
        if v2.is_some_and(|v2| forks.put(v2, "cgroup.freeze", "1")) {
            forks.wait(v2, |text| text.lines().any(|line| line == "frozen 1"), "cgroup.events");
        } else if freezer.is_some_and(|freezer| forks.put(freezer, "freezer.state", "FROZEN")) {
            forks.wait(freezer, |text| text.trim() == "FROZEN", "freezer.state");
        }
        forks
    }

    /// Writes a file, and notes what was there.
    fn put(&mut self, directory: &'a Directory, name: &'static str, text: &str) -> bool {
        let Ok(old) = file::read_text(directory.fd(), name) else { return false };
        let written = file::write_text(directory.fd(), name, text).is_ok();
        if written {
            self.undo.push((directory, name, old.trim().to_owned()));
        }
        written
    }

    fn wait(&self, directory: Option<&Directory>, is_frozen: impl Fn(&str) -> bool, name: &str) {
        let begin = Instant::now();
        while let Some(text) = directory.and_then(|found| file::read_text(found.fd(), name).ok()) {
            if is_frozen(&text) || begin.elapsed() > FREEZING {
                return;
            }
            thread::sleep(Duration::from_micros(500));
        }
    }
}

/// The directory of version 1 with a controller.
fn with(directories: &[Directory], controller: Controller) -> Option<&Directory> {
    directories.iter().find(|found| found.controllers().contains(&controller))
}

impl Drop for Forks<'_> {
    fn drop(&mut self) {
        for (directory, name, old) in self.undo.drain(..) {
            if name == "freezer.state" {
                thaw(directory);
            } else {
                // The group may be gone.
                let _gone = file::write_text(directory.fd(), name, &old);
            }
        }
    }
}

/// Thaws a group of version 1 and all groups below it, which may have been frozen each by itself.
fn thaw(directory: &Directory) {
    let mut enter = |group: std::os::fd::BorrowedFd<'_>| {
        let _gone = file::write_text(group, "freezer.state", "THAWED");
        Ok(())
    };
    let _gone = dir::walk(directory.fd(), &mut enter, &mut |_, _| Ok(()));
}
