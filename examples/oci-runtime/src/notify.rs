// SPDX-License-Identifier: MIT OR Apache-2.0
//! Readiness: what a program tells systemd of itself is handed on to who waits for us.
//!
//! Who started us tells by `NOTIFY_SOCKET` where it listens. A container does not see that place, and its processes have
//! other numbers: so it is given a socket of its own, in a directory that is mounted into it by `create`, and listened at by
//! `start` or `run`, until the program is ready, or in the foreground until it has ended.
//!
//! Man: sd_notify(3).

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout};
use skep::rootfs::Bind;

use crate::failure::Failure;

const VARIABLE: &str = "NOTIFY_SOCKET";

/// Where the directory is in a container, as with other runtimes.
const INSIDE: &str = "/run/notify";

const SOCKET: &str = "notify.sock";

/// The directories of all containers, below the root of their states: no id begins so.
const ABOVE: &str = ".notify";

/// The longest message, in bytes, that is handed on.
const LONGEST: usize = 64 << 10;

/// How often somebody else may remove the directory of all, when its last container goes, while we make one in it.
const TRIES: usize = 16;

/// Who is to be told of a program's readiness.
#[derive(Debug)]
pub(crate) struct Listener(SocketAddr);

impl Listener {
    /// Whoever has started us, if it wants to know.
    pub(crate) fn ours() -> Result<Option<Self>, Failure> {
        let Some(said) = std::env::var_os(VARIABLE).filter(|said| !said.is_empty()) else { return Ok(None) };
        let address = match said.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None if said.as_bytes().starts_with(b"/") => SocketAddr::from_pathname(&said),
            None => return Err(Failure::from(format!("{VARIABLE}: {said:?} is neither a path nor @ and a name"))),
        };
        let unusable = |error| Failure::from(format!("{VARIABLE}: {said:?} is no address of a socket: {error}"));
        address.map(|address| Some(Self(address))).map_err(unusable)
    }

    fn tell(&self, message: &[u8]) -> std::io::Result<()> {
        UnixDatagram::unbound()?.send_to_addr(message, &self.0).map(drop)
    }
}

/// The directory of a container's socket. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Directory(Option<PathBuf>);

impl Directory {
    /// Makes it.
    pub(crate) fn make(root: &Path, id: &str) -> Result<Self, Failure> {
        let path = path(root, id);
        let failed = |error: std::io::Error| Failure::from(format!("{VARIABLE}: cannot make {path:?}: {error}"));
        for _ in 0..TRIES {
            DirBuilder::new().recursive(true).mode(0o700).create(root.join(ABOVE)).map_err(failed)?;
            match DirBuilder::new().mode(0o755).create(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                // What a call left behind that was killed.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => remove(root, id),
                made => return made.map(|()| Self(Some(path.clone()))).map_err(failed),
            }
        }
        Err(Failure::from(format!("{VARIABLE}: cannot make {path:?}: others remove it again and again")))
    }

    /// The mount that a container sees it by.
    pub(crate) fn mount(&self) -> Option<Bind> {
        let path = self.0.as_ref()?;
        Some(Bind::new(path, INSIDE).create_target().read_only().nosuid().nodev().noexec())
    }

    /// The variable that tells a program of the socket.
    pub(crate) fn variable() -> (&'static str, String) {
        (VARIABLE, format!("{INSIDE}/{SOCKET}"))
    }

    /// Leaves one to who deletes the container.
    pub(crate) fn keep(made: Option<Self>) {
        drop(made.map(|mut made| made.0.take()));
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Some((id, root)) = self.0.as_deref().and_then(|path| Some((path.file_name()?, path.parent()?.parent()?)))
        {
            remove(root, &id.to_string_lossy());
        }
    }
}

fn path(root: &Path, id: &str) -> PathBuf {
    root.join(ABOVE).join(id)
}

/// Removes the directory of a container, if it has one.
pub(crate) fn remove(root: &Path, id: &str) {
    let path = path(root, id);
    if fs::remove_dir_all(path).is_ok() {
        // That of all stays where there are others.
        drop(fs::remove_dir(root.join(ABOVE)));
    }
}

/// The socket of a container, and who is told what arrives at it.
#[derive(Debug)]
pub(crate) struct Proxy {
    socket: UnixDatagram,
    listener: Listener,
}

impl Proxy {
    /// Listens, if the container was given a place for it and somebody wants to know. To be called before its program runs.
    pub(crate) fn listen(root: &Path, id: &str) -> Result<Option<Self>, Failure> {
        let directory = path(root, id);
        let Some(listener) = Listener::ours()?.filter(|_| directory.is_dir()) else { return Ok(None) };
        let path = directory.join(SOCKET);
        let failed = |error: std::io::Error| Failure::from(format!("{VARIABLE}: cannot listen at {path:?}: {error}"));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        // By the descriptor of the directory: an address has no room for a long path.
        let held = fs::File::open(&directory).map_err(failed)?;
        let socket = UnixDatagram::bind(format!("/proc/self/fd/{}/{SOCKET}", held.as_raw_fd())).map_err(failed)?;
        // Whoever the program is.
        fs::set_permissions(&path, Permissions::from_mode(0o777)).map_err(failed)?;
        Ok(Some(Self { socket, listener }))
    }

    /// Waits until the program is ready, or has ended, and says which number its first process has here.
    pub(crate) fn until_ready(&self, process: BorrowedFd<'_>, pid: u32) {
        self.hand_on(process, pid, true);
    }

    /// Hands on what it says until it has ended.
    pub(crate) fn until_end(&self, process: BorrowedFd<'_>, pid: u32) {
        self.hand_on(process, pid, false);
    }

    fn hand_on(&self, process: BorrowedFd<'_>, pid: u32, is_over_when_ready: bool) {
        let mut message = vec![0; LONGEST];
        loop {
            let mut fds =
                [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN), PollFd::new(process, PollFlags::POLLIN)];
            if !matches!(nix::poll::poll(&mut fds, PollTimeout::NONE), Ok(_) | Err(nix::Error::EINTR)) {
                return;
            }
            let [has_message, has_ended] = fds.map(|fd| fd.any().unwrap_or_default());
            if has_message {
                let Ok(length) = self.socket.recv(&mut message) else { continue };
                let said = message.get(..length).unwrap_or_default();
                let is_ready = is_ready(said);
                // Nobody is there to hear that it cannot be told.
                drop(self.listener.tell(&translated(said, pid)));
                if is_ready && is_over_when_ready {
                    return;
                }
            } else if has_ended {
                return;
            }
        }
    }
}

fn lines(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    message.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

fn is_ready(message: &[u8]) -> bool {
    lines(message).any(|line| line == b"READY=1")
}

/// A message as it is outside: with the number that the first process has here, and without what needs a descriptor that is
/// not handed on.
fn translated(message: &[u8], pid: u32) -> Vec<u8> {
    let is_inside = |line: &&[u8]| {
        let name = line.split(|byte| *byte == b'=').next().unwrap_or_default();
        matches!(name, b"MAINPID" | b"MAINPIDFDID" | b"FDSTORE" | b"FDSTOREREMOVE" | b"FDNAME" | b"FDPOLL" | b"BARRIER")
    };
    let mut said: Vec<&[u8]> = lines(message).filter(|line| !is_inside(line)).collect();
    let main = format!("MAINPID={pid}");
    if is_ready(message) {
        said.insert(0, OsStr::new(&main).as_bytes());
    }
    said.join(&b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_handed_on_with_the_number_that_counts_outside() {
        let said = |message: &str| String::from_utf8(translated(message.as_bytes(), 71)).unwrap();
        assert_eq!(said("READY=1\nSTATUS=up\n"), "MAINPID=71\nREADY=1\nSTATUS=up");
        assert_eq!(said("MAINPID=1\nREADY=1"), "MAINPID=71\nREADY=1");
        assert_eq!(said("WATCHDOG=1"), "WATCHDOG=1");
        assert_eq!(said("FDSTORE=1\nFDNAME=x"), "");
        assert!(!is_ready(b"STATUS=READY=1"));
    }
}
