// SPDX-License-Identifier: MIT OR Apache-2.0
//! Delegation: a group given to a user, who may divide it and may not widen it.
//!
//! What is given away is what the kernel says may be: the directory, and the files by which processes and controllers are
//! distributed below it. The files of its limits stay with whoever gave it.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "Delegation"; Documentation/ABI/stable/sysfs-kernel-cgroup. Systemd:
//! CGROUP_DELEGATION.md.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{AtFlags, Gid, Uid, chownat, fstat};
use rustix::io::Errno;

use super::{Cgroup, Directory};
use crate::error::{Error, ErrorKind, Object};
use crate::{delegate, dir};

const OP: &str = "delegate";

impl Cgroup {
    /// Gives the group to a user: they may make groups below it, limit those, and move processes about between them. The
    /// limits of the group itself they may not change. Give it back with the numbers of before (0, 0 for root).
    ///
    /// The owner changes of each directory and, in version 2, of the files that `/sys/kernel/cgroup/delegate` lists (without
    /// it `cgroup.procs`, `cgroup.threads`, `cgroup.subtree_control`); in version 1, of `cgroup.procs`, `tasks` and
    /// `cgroup.clone_children`. A file that the group does not have is passed over; so enable controllers first
    /// ([`create_with`](Self::create_with), [`apply`](Self::apply)). After a failure everything has the owner of before; what could not
    /// be given back is named ([`Error::applied`]).
    ///
    /// Groups that are below it already keep their owner: each is given by itself, or made by the user.
    ///
    /// # Who may move what
    /// Under version 2 a process moves only if the mover may write `cgroup.procs` of the group it goes to *and* of the nearest
    /// group above both: within what was given all is free, and nothing gets out or in. To start with, somebody with
    /// rights over both sides puts the first process in. Version 1 asks for the group it goes to alone, and for the mover to
    /// have the process' user id: its owner can take processes of theirs in from anywhere, and controllers of version 1 were not made
    /// to be given to whom one does not trust.
    ///
    /// Processes of the group itself keep version 2 from giving controllers below it: leave it empty, and put the first process
    /// into a group below.
    ///
    /// # User namespaces
    /// The numbers are those of the caller's user namespace. To give a group to the root of another one, pass the user and
    /// group that its 0 is mapped to. In a cgroup namespace the group that is its root is the border
    /// where version 2 is mounted with `nsdelegate`, whoever owns the files.
    ///
    /// # Errors
    /// `Invalid` for 4294967295, which is nobody's, and for a number that is not mapped in the caller's user namespace;
    /// `Denied` without the right, or where the hierarchy is mounted read-only; `WrongState` if something is mounted on one of
    /// the files; `NotFound` if the group was removed.
    /// # Privileges
    /// `CAP_CHOWN`, in a user namespace that has the old owner and the new one.
    /// # Kernel
    /// `/sys/kernel/cgroup/delegate` since Linux 4.15.
    #[doc(alias = "chown")]
    #[doc(alias = "Delegate=")]
    pub fn delegate(&self, uid: u32, gid: u32) -> Result<(), Error> {
        let held = self.held(OP)?;
        let problem = |(name, id)| (id == u32::MAX).then(|| format!("the {name} id {id} is nobody's"));
        let problems: Vec<String> = [("user", uid), ("group", gid)].into_iter().filter_map(problem).collect();
        if !problems.is_empty() {
            return Err(Error::invalid(OP, Object::Group(held.path().to_owned()), problems));
        }
        // All are found before the first is changed.
        let mut files = Vec::new();
        for directory in &self.directories {
            files.extend(of(directory)?);
        }
        for (number, file) in files.iter().enumerate() {
            if let Err(errno) = file.give(uid, gid) {
                let kept: Vec<String> = files.iter().take(number).rev().filter_map(File::give_back).collect();
                return Err(explain(file.path.clone(), uid, gid, errno).after(&kept));
            }
        }
        Ok(())
    }
}

/// A file that changes hands.
struct File {
    fd: OwnedFd,
    path: PathBuf,
    uid: u32,
    gid: u32,
}

impl File {
    fn give(&self, uid: u32, gid: u32) -> Result<(), Errno> {
        chownat(&self.fd, c"", Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)), AtFlags::EMPTY_PATH)
    }

    /// To the owner of before; its path if that is refused.
    fn give_back(&self) -> Option<String> {
        self.give(self.uid, self.gid).err().map(|_| format!("{:?}", self.path))
    }
}

/// The files of a directory, and the directory last: before that nothing can be made below it.
fn of(directory: &Directory) -> Result<Vec<File>, Error> {
    let mut files = Vec::new();
    for name in delegate::files(directory.version()) {
        match dir::open_to_pass(directory.fd(), name.as_ref()) {
            Ok(fd) => files.push(file(fd, directory.path().join(name))?),
            // Of a controller that it does not have.
            Err(Errno::NOENT) if !directory.is_gone() => {}
            Err(errno) => return Err(unopened(directory, directory.path().join(name), errno)),
        }
    }
    let itself = dir::open_child(directory.fd(), ".".as_ref());
    let itself = itself.map_err(|errno| unopened(directory, directory.path().to_owned(), errno))?;
    files.push(file(itself, directory.path().to_owned())?);
    Ok(files)
}

fn file(fd: OwnedFd, path: PathBuf) -> Result<File, Error> {
    let owner = fstat(&fd).map_err(|errno| Error::os(OP, Object::Path(path.clone()), errno.raw_os_error()))?;
    Ok(File { fd, path, uid: owner.st_uid, gid: owner.st_gid })
}

fn unopened(directory: &Directory, path: PathBuf, errno: Errno) -> Error {
    let raw = errno.raw_os_error();
    match errno {
        Errno::NOENT | Errno::NODEV if directory.is_gone() => {
            Error::explained(OP, Object::Path(path), ErrorKind::NotFound, raw, "the group was removed")
        }
        Errno::XDEV => {
            let why = "another mount is on top of it, and is not given away";
            Error::explained(OP, Object::Path(path), ErrorKind::WrongState, raw, why)
        }
        _ => Error::os(OP, Object::Path(path), raw),
    }
}

fn explain(path: PathBuf, uid: u32, gid: u32, errno: Errno) -> Error {
    let raw = errno.raw_os_error();
    let object = Object::Path(path);
    match errno {
        Errno::INVAL => {
            let why = format!("the user id {uid} or the group id {gid} is not mapped in this user namespace");
            Error::explained(OP, object, ErrorKind::Invalid, raw, why)
        }
        Errno::PERM | Errno::ACCESS => {
            let why = "it takes CAP_CHOWN, in a user namespace that has its owner and the new one";
            Error::explained(OP, object, ErrorKind::Denied, raw, why)
        }
        Errno::ROFS => Error::explained(OP, object, ErrorKind::Denied, raw, "the hierarchy is mounted read-only"),
        _ => Error::os(OP, object, raw),
    }
}
