// SPDX-License-Identifier: MIT OR Apache-2.0
//! The directories of the state, by descriptor; nobody else opens these paths.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Object};

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// No file of the state is larger: what is, is not ours, and is not read.
const LARGEST: u64 = 64 << 20;

/// Where the states of this user's containers are.
#[derive(Debug)]
pub(crate) struct StateRoot {
    directory: OwnedFd,
    path: PathBuf,
}

impl StateRoot {
    /// The path that is used unless another is asked for.
    pub(crate) fn default_path() -> PathBuf {
        let uid = rustix::process::geteuid();
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        match runtime.filter(|path| path.is_absolute()) {
            _ if uid.is_root() => PathBuf::from("/run/skep"),
            Some(path) => path.join("skep"),
            // Anybody may make a directory of this name there. Then it is not ours, and `open` says so.
            None => PathBuf::from(format!("/tmp/skep-{}", uid.as_raw())),
        }
    }

    /// Opens the directory at `path`; `None` if there is none.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, Error> {
        let failed = |errno: Errno| Error::os("open", Object::Path(path.into()), errno.raw_os_error());
        let directory = match rustix::fs::open(path, DIRECTORY | OFlags::RDONLY, Mode::empty()) {
            Ok(directory) => directory,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(failed(errno)),
        };
        let stat = rustix::fs::fstat(&directory).map_err(failed)?;
        if stat.st_uid != rustix::process::geteuid().as_raw() || stat.st_mode & 0o022 != 0 {
            let why =
                "it belongs to somebody else, or others may write to it: what it says cannot be trusted".to_owned();
            return Err(Error::because("use", Object::Path(path.into()), ErrorKind::Denied, why));
        }
        Ok(Some(Self { directory, path: path.into() }))
    }

    /// Opens the directory at `path`, and makes it if there is none. It stays: it is the user's, not a container's.
    pub(crate) fn make(path: &Path) -> Result<Self, Error> {
        let failed = |errno: Errno| Error::os("make", Object::Path(path.into()), errno.raw_os_error());
        match rustix::fs::mkdirat(CWD, path, Mode::RWXU) {
            // Its name must be on disk too before anything is written into it.
            Ok(()) => sync_directory(path.parent().unwrap_or(path)).map_err(failed)?,
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed(errno)),
        }
        Self::open(path)?.ok_or_else(|| failed(Errno::NOENT))
    }

    /// The names of all containers that have a state here, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>, Error> {
        let failed = |errno: Errno| Error::os("read", Object::Path(self.path.clone()), errno.raw_os_error());
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // Files that are no directories, and names that could not have been given, are not ours.
            if !matches!(entry.file_type(), FileType::Directory | FileType::Unknown) {
                continue;
            }
            let name = entry.file_name().to_str().ok().filter(|name| super::problem_of(name).is_none());
            names.extend(name.map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// Claims `name`, which must have passed [`problem_of`](super::problem_of): a fresh directory, locked.
    ///
    /// `None` if the name is in use.
    pub(crate) fn claim(&self, name: &str) -> Result<Option<StateDir>, Error> {
        let path = self.path.join(name);
        let failed = |errno: Errno| Error::os("make", Object::Path(path.clone()), errno.raw_os_error());
        loop {
            match rustix::fs::mkdirat(&self.directory, name, Mode::RWXU) {
                Ok(()) => {}
                Err(Errno::EXIST) => return Ok(None),
                Err(errno) => return Err(failed(errno)),
            }
            // Whoever deletes half-made states may have come in between: then it is gone, and is made again.
            let Some(state) = self.find(name)? else { continue };
            if state.lock_patiently()? && state.is_linked() {
                rustix::fs::fsync(&self.directory).map_err(failed)?;
                return Ok(Some(state));
            }
        }
    }

    /// The state of `name`, if there is one. Not locked.
    pub(crate) fn find(&self, name: &str) -> Result<Option<StateDir>, Error> {
        let path = self.path.join(name);
        let failed = |errno: Errno| Error::os("open", Object::Path(path.clone()), errno.raw_os_error());
        let directory = match rustix::fs::openat(&self.directory, name, DIRECTORY | OFlags::RDONLY, Mode::empty()) {
            Ok(directory) => directory,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(failed(errno)),
        };
        let root =
            self.directory.try_clone().map_err(|error| failed(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
        Ok(Some(StateDir { root, name: name.to_owned(), directory, path }))
    }
}

fn sync_directory(path: &Path) -> Result<(), Errno> {
    let directory = rustix::fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty());
    match directory {
        Ok(directory) => rustix::fs::fsync(directory),
        // Where we may make something and not look: it is as durable as its file system makes it.
        Err(Errno::ACCESS) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// The state of one container.
#[derive(Debug)]
pub(crate) struct StateDir {
    root: OwnedFd,
    name: String,
    directory: OwnedFd,
    path: PathBuf,
}

impl StateDir {
    /// The directory's path, to show.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Locks the state for whoever makes or deletes the container; `false` if somebody else does already.
    ///
    /// The lock ends with this value, and with this process and every copy of it.
    pub(crate) fn lock(&self) -> Result<bool, Error> {
        match rustix::fs::flock(&self.directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::AGAIN) => Ok(false),
            Err(errno) => Err(self.failed("lock", errno)),
        }
    }

    /// The same, if somebody else has it for a moment only: to write down how the container ended.
    pub(crate) fn lock_patiently(&self) -> Result<bool, Error> {
        for _ in 0..200 {
            if self.lock()? {
                return Ok(true);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(false)
    }

    /// Gives the lock back.
    pub(crate) fn unlock(&self) {
        let _unlocked = rustix::fs::flock(&self.directory, FlockOperation::Unlock);
    }

    /// Whether the directory is still the one under its name: a lock on one that was deleted protects nothing.
    pub(crate) fn is_linked(&self) -> bool {
        let here = rustix::fs::fstat(&self.directory);
        let there = rustix::fs::statat(&self.root, &self.name, AtFlags::SYMLINK_NOFOLLOW);
        matches!((here, there), (Ok(here), Ok(there)) if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino))
    }

    /// An error unless the directory is still the one under its name: of one that was deleted, or renamed.
    pub(crate) fn demand_place(&self, op: &'static str) -> Result<(), Error> {
        if self.is_linked() {
            return Ok(());
        }
        let object = Object::Container(Some(self.name.clone()));
        let (kind, why) = if self.is_removed() {
            (ErrorKind::NotFound, "somebody else has deleted it")
        } else {
            (ErrorKind::WrongState, "somebody else has renamed it: open it by its new name")
        };
        Err(Error::because(op, object, kind, why.to_owned()))
    }

    /// Whether the directory is nowhere any more, under whatever name.
    pub(crate) fn is_removed(&self) -> bool {
        rustix::fs::fstat(&self.directory).is_ok_and(|stat| stat.st_nlink == 0)
    }

    /// Gives the container, whose state is locked, this name, which must have passed [`problem_of`](super::problem_of).
    pub(crate) fn rename(&mut self, name: &str) -> Result<(), Error> {
        let object = || Object::Container(Some(self.name.clone()));
        let done = rustix::fs::renameat_with(&self.root, &self.name, &self.root, name, RenameFlags::NOREPLACE);
        done.map_err(|errno| match errno {
            Errno::EXIST => {
                let why = format!("the name {name:?} is in use");
                Error::because("rename", object(), ErrorKind::Busy, why)
            }
            Errno::INVAL => {
                let why = "the file system of the state directory cannot rename without replacing".to_owned();
                Error::because("rename", object(), ErrorKind::Unsupported, why)
            }
            errno => Error::os("rename", object(), errno.raw_os_error()),
        })?;
        self.path.set_file_name(name);
        name.clone_into(&mut self.name);
        rustix::fs::fsync(&self.root).map_err(|errno| self.failed("rename", errno))
    }

    /// Writes a file: as a whole, on disk when this returns, or not at all.
    pub(crate) fn write(&self, file: &str, content: &[u8]) -> Result<(), Error> {
        let new = format!("{file}.new");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let written = || -> Result<(), std::io::Error> {
            let mut out = File::from(rustix::fs::openat(&self.directory, &new, flags, Mode::RUSR | Mode::WUSR)?);
            out.write_all(content)?;
            out.sync_all()?;
            rustix::fs::renameat(&self.directory, &new, &self.directory, file)?;
            Ok(rustix::fs::fsync(&self.directory)?)
        };
        written().map_err(|error| {
            let _absent = rustix::fs::unlinkat(&self.directory, &new, AtFlags::empty());
            Error::io("write", Object::Path(self.path.join(file)), &error)
        })
    }

    /// Reads a file; `None` if there is none.
    pub(crate) fn read(&self, file: &str) -> Result<Option<Vec<u8>>, Error> {
        let object = || Object::Path(self.path.join(file));
        // Not blocked by what is no file: the directory is ours, and still.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.directory, file, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(Error::os("read", object(), errno.raw_os_error())),
        };
        let mut content = Vec::new();
        file.take(LARGEST).read_to_end(&mut content).map_err(|error| Error::io("read", object(), &error))?;
        Ok(Some(content))
    }

    /// Removes the state, files first. What is gone already is no failure.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        if !self.is_removed() {
            self.demand_place("delete")?;
        }
        for file in ["status", "record", "intent", super::waiting::FILE] {
            for name in [format!("{file}.new"), file.to_owned()] {
                match rustix::fs::unlinkat(&self.directory, &name, AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT) => {}
                    Err(errno) => return Err(self.failed("remove", errno)),
                }
            }
        }
        if !self.is_linked() {
            return Ok(());
        }
        match rustix::fs::unlinkat(&self.root, &self.name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(self.failed("remove", errno)),
        }
    }

    pub(super) fn directory(&self) -> &OwnedFd {
        &self.directory
    }

    pub(super) fn failed(&self, op: &'static str, errno: Errno) -> Error {
        Error::os(op, Object::Path(self.path.clone()), errno.raw_os_error())
    }
}
