// SPDX-License-Identifier: MIT OR Apache-2.0
//! The launcher as a file that can be executed, wherever this machine allows one.

use std::error::Error as _;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use skep_ns::{Child, ErrorKind as NsErrorKind, Spawn};

use super::file::{self, Use};
use crate::error::{Cause, Error, ErrorKind, Object};

/// The launcher, a static program of a few kilobytes: for who wants to install it as a file.
pub const LAUNCHER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/launcher"));

/// A place for the launcher's file.
#[derive(Debug)]
enum Place {
    Memfd,
    DetachedTmpfs,
    Directory(PathBuf),
    /// A file that somebody has installed.
    Installed(PathBuf),
}

impl Place {
    /// All places in the order in which they are tried; an installed file is tried alone.
    fn all(installed: Option<PathBuf>) -> impl Iterator<Item = Self> {
        let own = installed.is_none().then(Self::of_our_own);
        installed.map(Place::Installed).into_iter().chain(own.into_iter().flatten())
    }

    fn of_our_own() -> impl Iterator<Item = Self> {
        [Place::Memfd, Place::DetachedTmpfs].into_iter().chain(file::directories().into_iter().map(Place::Directory))
    }

    fn make(&self) -> Result<OwnedFd, Errno> {
        match self {
            Place::Memfd => file::sealed_memfd("skep", LAUNCHER, Use::Execute),
            Place::DetachedTmpfs => file::on_detached_tmpfs(LAUNCHER, Use::Execute),
            Place::Directory(directory) => file::in_directory(directory, LAUNCHER, Use::Execute),
            Place::Installed(path) => rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()),
        }
    }

    fn name(&self) -> String {
        match self {
            Place::Memfd => "a memfd".to_owned(),
            Place::DetachedTmpfs => "a detached tmpfs".to_owned(),
            Place::Directory(directory) => format!("a nameless file in {directory:?}"),
            Place::Installed(path) => format!("{path:?}"),
        }
    }
}

/// Starts the launcher by `spawn`, which has everything but the file to execute.
///
/// A machine may forbid to make or to execute a memfd (`vm.memfd_noexec`, a security module); the next place is tried then.
pub(super) fn start(spawn: &mut Spawn, installed: Option<PathBuf>) -> Result<Child, Error> {
    let mut tried = Vec::new();
    for place in Place::all(installed) {
        if matches!(&place, Place::Directory(directory) if !file::allows_programs(directory)) {
            tried.push(format!("{}: it is mounted noexec", place.name()));
            continue;
        }
        let file = match place.make() {
            Ok(file) => file,
            Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::FBIG)) => return Err(exhausted(errno)),
            Err(errno) => {
                tried.push(format!("{}: {}", place.name(), Cause::Os(errno.raw_os_error())));
                continue;
            }
        };
        spawn.executable(file);
        match patiently(spawn) {
            Err(error) if is_refusal(&error) => {
                let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                tried.push(format!("{}: {cause}", place.name()));
            }
            done => return done.map_err(|error| Error::of_leaf("start", Object::Named("the launcher"), error)),
        }
    }
    let why = format!("this machine lets it be executed from no place that was tried:\n{}", tried.join("\n"));
    Err(Error::because("start", Object::Named("the launcher"), ErrorKind::Denied, why)
        .with_hint("see the sysctl vm.memfd_noexec, noexec mounts, and the security module's log"))
}

/// A copy of the writer's descriptor may live on in a child that another thread of the caller is just starting, and the
/// kernel executes nothing that is open for writing: a matter of microseconds.
fn patiently(spawn: &mut Spawn) -> Result<Child, skep_ns::Error> {
    for _ in 0..100 {
        match spawn.spawn() {
            Err(error) if error.kind() == NsErrorKind::Busy => std::thread::sleep(Duration::from_millis(1)),
            done => return done,
        }
    }
    spawn.spawn()
}

/// Whether it is the file that could not be executed, and nothing else that failed.
fn is_refusal(error: &skep_ns::Error) -> bool {
    error.operation() == "execute"
        && matches!(error.kind(), NsErrorKind::Denied | NsErrorKind::NotExecutable | NsErrorKind::Busy)
}

fn exhausted(errno: Errno) -> Error {
    Error::os("make a file for", Object::Named("the launcher"), errno.raw_os_error()).with_hint_of_limits()
}
