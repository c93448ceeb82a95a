// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way into a group as a list of open files, for a child that somebody else makes.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::io::{Errno, retry_on_intr, write};

use super::add::threads_file;
use super::{Cgroup, Directory};
use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::file;
use crate::layout::{Version, controllers};

const OP: &str = "prepare the way into";

/// What [`Cgroup::prepare`] answers: the way into a group, to be taken by a child itself.
///
/// A program of std's `Command` that is under limits from its first instruction on:
///
/// ```no_run
/// use std::os::unix::process::CommandExt;
/// use std::process::Command;
/// use skep_cgroup::{Cgroup, Limits, MIB};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let job = Cgroup::create("/job-7")?;
/// job.apply(&Limits::new().memory_max(256 * MIB).pids_max(64))?;
/// let (mut command, inside) = (Command::new("make"), job.prepare()?);
/// // SAFETY: apply() makes system calls and nothing else: it allocates nothing and takes no lock.
/// unsafe { command.pre_exec(move || inside.apply()) };
/// println!("{}", command.status()?);
/// # job.kill()?;
/// # job.remove()?;
/// # Ok(())
/// # }
/// ```
///
/// A clone shares the descriptors.
#[derive(Debug, Clone)]
pub struct Prepared(Vec<Arc<OwnedFd>>);

impl Cgroup {
    /// Opens the files by which a child joins the group: `cgroup.procs` in version 2, `tasks` in version 1.
    ///
    /// What would be refused for sure later, where an error number is all that can be told, is an error here.
    ///
    /// # Errors
    /// `Denied` without the right; `NotFound` if the group was removed; `Busy` if it gives controllers to groups below it,
    /// and so may have no processes; `WrongState` if it is good for nothing (`domain invalid`), or has no processors.
    /// # Privileges
    /// Write access to these files, as for [`add`](Self::add). It is asked for here: a child that is another user by then
    /// joins all the same. Before Linux 5.16 without its later corrections the child itself needs the right.
    pub fn prepare(&self) -> Result<Prepared, Error> {
        self.ways(|_| true)
    }

    /// [`prepare`](Self::prepare) for the hierarchies of version 1 alone: for a child that is cloned into
    /// [`v2_fd`](Self::v2_fd), and is in that of version 2 already.
    ///
    /// On a machine with version 1 this is the way that waits for nothing: see [`Prepared::apply`].
    ///
    /// # Errors
    /// Those of [`prepare`](Self::prepare).
    /// # Privileges
    /// Those of [`prepare`](Self::prepare).
    #[doc(alias = "CLONE_INTO_CGROUP")]
    pub fn prepare_v1(&self) -> Result<Prepared, Error> {
        self.ways(|version| version == Version::V1)
    }

    fn ways(&self, wanted: impl Fn(Version) -> bool) -> Result<Prepared, Error> {
        self.held(OP)?;
        let open = |directory: &Directory| {
            may_have_processes(directory)?;
            let file = match directory.version() {
                Version::V2 => file::open_to_write(directory.fd(), "cgroup.procs"),
                Version::V1 => match file::open_to_write(directory.fd(), "tasks") {
                    // Whoever gave the group away may have thought of processes alone.
                    Err(Errno::ACCESS) => file::open_to_write(directory.fd(), "cgroup.procs"),
                    opened => opened,
                },
            };
            file.map(Arc::new).map_err(|errno| refused(directory, errno))
        };
        let directories = self.directories.iter().filter(|found| wanted(found.version()));
        directories.map(open).collect::<Result<_, _>>().map(Prepared)
    }

    /// Opens the files by which a single thread joins the group: `cgroup.threads` in version 2, `tasks` in version 1. Then
    /// [`Prepared::apply`] moves the calling thread, and no other of its process.
    ///
    /// Version 2 takes a thread into a group of threads alone ([`make_threaded`](Self::make_threaded)), whose nearest
    /// group above that is none the process is in: EOPNOTSUPP otherwise.
    ///
    /// # Errors
    /// `WrongState` if the group of version 2 takes no single threads; those of [`prepare`](Self::prepare) but `Busy`.
    /// # Privileges
    /// Those of [`prepare`](Self::prepare), with these files.
    #[doc(alias = "cgroup.threads")]
    #[doc(alias = "tasks")]
    pub fn prepare_thread(&self) -> Result<Prepared, Error> {
        self.held(OP)?;
        let open = |directory: &Directory| {
            match directory.version() {
                Version::V2 => takes_threads(directory)?,
                Version::V1 => has_processors(directory)?,
            }
            let name = threads_file(directory);
            let file = file::open_to_write(directory.fd(), name).map_err(|errno| refused(directory, errno))?;
            Ok(Arc::new(file))
        };
        self.directories.iter().map(open).collect::<Result<_, _>>().map(Prepared)
    }
}

impl Prepared {
    /// The open files, for a child that is made by other means: it writes "0" to each, as [`apply`](Self::apply) does.
    /// Those of a clone are duplicates.
    ///
    /// # Errors
    /// EMFILE, if they have to be.
    pub fn into_files(self) -> io::Result<Vec<OwnedFd>> {
        self.0.into_iter().map(|file| Arc::try_unwrap(file).or_else(|shared| shared.try_clone())).collect()
    }

    /// Joins, on the **calling thread**: for the closure of `CommandExt::pre_exec`, which runs in the child, where the thread
    /// is the process. In a program with several threads version 1 moves the calling one alone, and version 2 all of them.
    ///
    /// It writes "0", which is the writer, to each file; it allocates nothing, takes no lock and calls no function of libc.
    /// Into a frozen group one goes and stops: `Command::spawn` then waits until it is thawed.
    ///
    /// # Speed
    /// [`Cgroup::add`] from outside waits for a grace period of the kernel's, whatever the number of hierarchies; a thread
    /// that moves itself alone, as here under version 1, does not. Median of 40 joins of nine hierarchies, 150 ms apart
    /// (Linux 6.18, two processors): `add` 5.6 ms, the same from nine threads at once 6.5 ms, version 1 by this
    /// function 0.2 ms. Version 2 has no such way: there `CLONE_INTO_CGROUP` is what does not wait.
    ///
    /// # Errors
    /// The kernel's error number; which directory it was is not told, since std passes the number on alone. EACCES is a
    /// missing right, to this group or under version 2 to the nearest one above it and our own; ENODEV a group that was removed;
    /// EBUSY one that gives controllers to groups below it. Those before it are joined.
    pub fn apply(&self) -> io::Result<()> {
        for file in &self.0 {
            retry_on_intr(|| write(file.as_fd(), b"0"))?;
        }
        Ok(())
    }
}

fn refused(directory: &Directory, errno: Errno) -> Error {
    let object = Object::Group(directory.path().to_owned());
    let raw = errno.raw_os_error();
    match errno {
        Errno::NODEV | Errno::NOENT if directory.is_gone() => {
            Error::explained(OP, object, ErrorKind::NotFound, raw, "the group was removed")
        }
        Errno::ACCESS | Errno::PERM => {
            Error::explained(OP, object, ErrorKind::Denied, raw, "the group is not delegated to this user")
        }
        Errno::ROFS => Error::explained(OP, object, ErrorKind::Denied, raw, "the hierarchy is mounted read-only"),
        _ => Error::os(OP, object, raw),
    }
}

/// Whether a process may be in the group, as far as it can be seen.
fn may_have_processes(directory: &Directory) -> Result<(), Error> {
    let object = || Object::Group(directory.path().to_owned());
    if directory.version() == Version::V1 {
        return has_processors(directory);
    }
    if kind(directory)?.as_deref() == Some("domain invalid") {
        let why = "it is below a group of threads, and good for nothing until it is made one too";
        return Err(Error::explained(OP, object(), ErrorKind::WrongState, 0, why)
            .with_hint("make it a group of threads, or take a group elsewhere"));
    }
    // With controllers that know threads alone it becomes the top of groups of threads instead.
    let know_threads = [Controller::Cpu, Controller::Cpuset, Controller::Pids, Controller::PerfEvent];
    let listed = directory.read("cgroup.subtree_control")?;
    if controllers(&listed).iter().any(|listed| !know_threads.contains(listed)) {
        let why = "the group gives controllers to groups below it, and so may have no processes of its own";
        return Err(Error::explained(OP, object(), ErrorKind::Busy, 0, why).with_hint("take a group below it"));
    }
    Ok(())
}

/// Whether a group of version 2 takes single threads.
fn takes_threads(directory: &Directory) -> Result<(), Error> {
    match kind(directory)?.as_deref() {
        Some("threaded" | "domain threaded") => Ok(()),
        _ => {
            let object = Object::Group(directory.path().to_owned());
            let why = "it is none of threads, and version 2 takes single threads into those alone";
            Err(Error::explained(OP, object, ErrorKind::WrongState, 0, why)
                .with_hint("make it a group of threads, below the group that the process is in"))
        }
    }
}

fn kind(directory: &Directory) -> Result<Option<String>, Error> {
    Ok(directory.read_if_there("cgroup.type")?.map(|text| text.trim().to_owned()))
}

/// Whether a group of version 1 has processors and memory nodes, where those are counted out.
fn has_processors(directory: &Directory) -> Result<(), Error> {
    if !directory.controllers().contains(&Controller::Cpuset) {
        return Ok(());
    }
    for name in ["cpuset.cpus", "cpuset.mems"] {
        if directory.read(name)?.trim().is_empty() {
            let object = Object::Group(directory.path().to_owned());
            let why = format!("{name} of the group is empty");
            return Err(Error::because(OP, object, ErrorKind::WrongState, why));
        }
    }
    Ok(())
}
