// SPDX-License-Identifier: MIT OR Apache-2.0
//! One process of /proc: who it is, and which namespaces it is in.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, statat};
use rustix::io::Errno;

use super::FirstProcess;
use super::scan::link;
use crate::accounts;
use crate::error::{Error, ErrorKind, Object};
use crate::handle::NamespaceId;
use crate::kind::NamespaceKind;

/// Names of users, read when the first is asked for.
#[derive(Debug, Default)]
pub(super) struct Users(Option<HashMap<u32, String>>);

impl Users {
    fn name(&mut self, uid: u32) -> Result<Option<String>, Errno> {
        let names = match &self.0 {
            Some(names) => names,
            None => {
                let accounts = match accounts::read() {
                    Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => return Err(errno),
                    accounts => accounts.unwrap_or_default(),
                };
                // Of several with one number the first, as id(1) has it: the last that is put in stays.
                self.0.insert(accounts.into_iter().rev().map(|found| (found.uid, found.name)).collect())
            }
        };
        Ok(names.get(&uid).cloned())
    }
}

/// The device of nsfs, of which there is one.
pub(super) fn device(proc: BorrowedFd<'_>) -> Result<u64, Errno> {
    // A kind that no kernel can be without.
    statat(proc, c"thread-self/ns/mnt", AtFlags::empty()).map(|stat| stat.st_dev)
}

/// Who a process is, whose /proc/PID/ns is `directory`; `None` if that cannot be read from what /proc says.
pub(super) fn first(pid: u32, directory: BorrowedFd<'_>, users: &mut Users) -> Result<Option<FirstProcess>, Errno> {
    // A few lines from the top are enough; it is read at once, or the process might end in between.
    let status = head(directory, c"../status")?;
    let status = String::from_utf8_lossy(&status);
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let uid = field("Uid:").and_then(|ids| ids.split_whitespace().next()?.parse().ok());
    let (Some(uid), Some(name)) = (uid, field("Name:")) else { return Ok(None) };
    let line = match head(directory, c"../cmdline") {
        Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => return Err(errno),
        line => line.unwrap_or_default(),
    };
    let line: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let line = line.join(" ");
    let command = match line.trim() {
        // Status escapes only newline and backslash in it.
        "" => name.to_owned(),
        line => line.to_owned(),
    };
    Ok(Some(FirstProcess { pid, uid, user: users.name(uid)?, command }))
}

/// The first 4 KiB of a file.
fn head(directory: BorrowedFd<'_>, name: &std::ffi::CStr) -> Result<Vec<u8>, Errno> {
    let fd = openat(directory, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut text = Vec::with_capacity(4096);
    let read = File::from(fd).take(4096).read_to_end(&mut text);
    read.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    Ok(text)
}

/// Which namespaces a process is in, and those of its next children that are others.
pub(super) fn ids_of(pid: u32) -> Result<(Vec<NamespaceId>, Vec<NamespaceId>), Error> {
    let object = || Object::Pid(pid);
    let failed = |errno: Errno| match errno {
        Errno::NOENT | Errno::SRCH => {
            let why = "there is no such process";
            Error::explained("list the namespaces of", object(), ErrorKind::NotFound, Errno::SRCH.raw_os_error(), why)
        }
        _ => Error::os("list the namespaces of", object(), errno.raw_os_error()),
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = openat(CWD, format!("/proc/{pid}/ns"), flags, Mode::empty()).map_err(failed)?;
    let device = device(openat(CWD, c"/proc", flags, Mode::empty()).map_err(failed)?.as_fd()).map_err(failed)?;
    let mut ids = Vec::new();
    for kind in NamespaceKind::ALL {
        match link(directory.as_fd(), kind.proc_c_name()).map(|link| link.namespace()) {
            Ok(Some((kind, inode))) => ids.push(NamespaceId::new(kind, device, inode)),
            // A kernel without the kind.
            Ok(None) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed(errno)),
        }
    }
    let mut for_children = Vec::new();
    for name in [c"pid_for_children", c"time_for_children"] {
        // A pid namespace that has no first process yet does not show.
        let Ok(Some((kind, inode))) = link(directory.as_fd(), name).map(|link| link.namespace()) else { continue };
        let id = NamespaceId::new(kind, device, inode);
        if !ids.contains(&id) {
            for_children.push(id);
        }
    }
    Ok((ids, for_children))
}
