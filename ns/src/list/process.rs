// SPDX-License-Identifier: MIT OR Apache-2.0
//! One process of /proc: who it is, and which namespaces it is in.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};

use nix::unistd::{Uid, User};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, statat};
use rustix::io::Errno;

use super::FirstProcess;
use super::scan::link;
use crate::error::{Error, ErrorKind, Object};
use crate::handle::NamespaceId;
use crate::kind::NamespaceKind;

/// Names of users, each looked up once.
#[derive(Debug, Default)]
pub(super) struct Users(HashMap<u32, Option<String>>);

impl Users {
    fn name(&mut self, uid: u32) -> Option<String> {
        let look_up = || User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name);
        self.0.entry(uid).or_insert_with(look_up).clone()
    }
}

/// The device of nsfs, of which there is one.
pub(super) fn device(proc: BorrowedFd<'_>) -> Result<u64, Errno> {
    // A kind that no kernel can be without.
    statat(proc, c"thread-self/ns/mnt", AtFlags::empty()).map(|stat| stat.st_dev)
}

/// Who a process is, whose /proc/PID/ns is `directory`; `None` if it has ended.
pub(super) fn first(pid: u32, directory: BorrowedFd<'_>, users: &mut Users) -> Option<FirstProcess> {
    // A few lines from the top are enough; it is read at once, or the process might end in between.
    let status = head(directory, c"../status")?;
    let status = String::from_utf8_lossy(&status);
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let uid = field("Uid:")?.split_whitespace().next()?.parse().ok()?;
    let line = head(directory, c"../cmdline").unwrap_or_default();
    let line: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let line = line.join(" ");
    let command = match line.trim() {
        // Status escapes only newline and backslash in it.
        "" => field("Name:")?.to_owned(),
        line => line.to_owned(),
    };
    Some(FirstProcess { pid, uid, user: users.name(uid), command })
}

/// The first 4 KiB of a file.
fn head(directory: BorrowedFd<'_>, name: &std::ffi::CStr) -> Option<Vec<u8>> {
    let fd = openat(directory, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut text = Vec::with_capacity(4096);
    File::from(fd).take(4096).read_to_end(&mut text).ok()?;
    Some(text)
}

/// Which namespaces a process is in.
pub(super) fn ids_of(pid: u32) -> Result<Vec<NamespaceId>, Error> {
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
    Ok(ids)
}
