// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way through /proc: each process once, by descriptors, with as few calls as tell its namespaces.
//!
//! Nine of ten processes are in the same namespaces as the one before: for these it is an open, a readlink for each kind and
//! a close, and nothing is allocated. Owner, parent and command are asked when a namespace is met first; /proc lists
//! processes in the order of their numbers, so that is its first process.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, RawDir, openat, readlinkat_raw};
use rustix::io::Errno;

use super::{Hidden, Listed, Listing, pins, process};
use crate::error::{Error, Object};
use crate::handle::{Namespace, NamespaceId};
use crate::kind::NamespaceKind;

/// Whether descriptors are looked at too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holders {
    Leave,
    Find,
}

/// A listing in the making.
#[derive(Debug)]
struct Scan {
    device: u64,
    found: Vec<Listed>,
    /// Where in `found` the namespace of an inode is: nsfs gives each a number of its own, whatever its kind.
    by_inode: HashMap<u64, usize>,
    /// Of each kind, the inode and place of the last process' namespace.
    last: [(u64, usize); NamespaceKind::ALL.len()],
    users: process::Users,
    hidden: Hidden,
    /// Of descriptors or memory: what was not opened for it is there all the same.
    exhausted: Option<Errno>,
}

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

/// Goes through /proc once.
pub(super) fn scan(holders: Holders) -> Result<Listing, Error> {
    let failed = |errno: Errno| Error::os("read", Object::Path("/proc".into()), errno.raw_os_error());
    let proc = openat(CWD, c"/proc", DIRECTORY, Mode::empty()).map_err(failed)?;
    let mut scan = Scan {
        device: process::device(proc.as_fd()).map_err(failed)?,
        found: Vec::new(),
        by_inode: HashMap::new(),
        last: [(0, 0); NamespaceKind::ALL.len()],
        users: process::Users::default(),
        hidden: Hidden::default(),
        exhausted: None,
    };
    let mut space = [MaybeUninit::<u8>::uninit(); 16 << 10];
    let mut entries = RawDir::new(proc.as_fd(), &mut space);
    while let Some(entry) = entries.next() {
        let name = entry.map_err(failed)?;
        let Some((pid, path)) = below_process(name.file_name().to_bytes()) else { continue };
        match openat(proc.as_fd(), path.name(), OFlags::PATH | DIRECTORY, Mode::empty()) {
            Ok(directory) => {
                scan.process(pid, directory.as_fd());
                if holders == Holders::Find {
                    scan.holders(pid, directory.as_fd());
                }
            }
            // A /proc that is mounted with hidepid.
            Err(Errno::ACCESS | Errno::PERM) => {
                scan.hidden.processes = scan.hidden.processes.saturating_add(1);
                if holders == Holders::Find {
                    scan.hide_holder();
                }
            }
            // One that has ended since is none of ours.
            Err(errno) => scan.not_opened(errno),
        }
        if let Some(errno) = scan.exhausted {
            return Err(failed(errno));
        }
    }
    scan.pins();
    match scan.exhausted {
        Some(errno) => Err(failed(errno)),
        None => Ok(scan.finish()),
    }
}

impl Scan {
    /// What was opened, if it was. What has ended cannot be, which is no error; what there is no room for is one.
    fn opened<T>(&mut self, opened: Result<T, Errno>) -> Option<T> {
        opened.map_err(|errno| self.not_opened(errno)).ok()
    }

    fn not_opened(&mut self, errno: Errno) {
        if matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOMEM) {
            self.exhausted = Some(errno);
        }
    }

    fn hide_holder(&mut self) {
        self.hidden.holders = self.hidden.holders.saturating_add(1);
    }

    /// Counts a process to each of its namespaces, which `directory` (/proc/PID/ns) shows.
    fn process(&mut self, pid: u32, directory: BorrowedFd<'_>) {
        for (at, kind) in NamespaceKind::ALL.into_iter().enumerate() {
            let inode = match link(directory, kind.proc_c_name()).map(|link| link.namespace()) {
                Ok(Some((_, inode))) => inode,
                Err(Errno::ACCESS | Errno::PERM) => {
                    // It is one right for all of them.
                    self.hidden.processes = self.hidden.processes.saturating_add(1);
                    return;
                }
                // It has ended, wholly or but for its parent's wait; or the kernel has no such kind.
                Ok(None) | Err(_) => continue,
            };
            let last = self.last.get(at).copied().filter(|(known, _)| *known == inode);
            let place = match last {
                Some((_, place)) => place,
                None => self.place(kind, inode, || openat(directory, kind.proc_c_name(), READ, Mode::empty())),
            };
            if let Some(last) = self.last.get_mut(at) {
                *last = (inode, place);
            }
            let Some(found) = self.found.get_mut(place) else { continue };
            found.processes = found.processes.saturating_add(1);
            if found.first.is_none() {
                let first = process::first(pid, directory, &mut self.users);
                let first = self.opened(first).flatten();
                if let Some(found) = self.found.get_mut(place) {
                    found.first = first;
                }
            }
        }
    }

    /// Where the namespace is; new, and asked for its relatives, if it was not met before.
    fn place(&mut self, kind: NamespaceKind, inode: u64, open: impl FnOnce() -> Result<OwnedFd, Errno>) -> usize {
        if let Some(place) = self.by_inode.get(&inode) {
            return *place;
        }
        let place = self.found.len();
        self.by_inode.insert(inode, place);
        self.found.push(Listed::new(NamespaceId::new(kind, self.device, inode)));
        if let Some(namespace) = self.opened(open()).and_then(|fd| Namespace::from_fd(fd).ok()) {
            self.relatives(place, &namespace);
        }
        place
    }

    /// Asks for owner and parent; these are then listed too, though no process may be in them.
    fn relatives(&mut self, place: usize, namespace: &Namespace) {
        // Another one, if the process has moved between two looks.
        let Some(found) = self.found.get(place).filter(|found| namespace.id().is_ok_and(|id| id == found.id)) else {
            return;
        };
        let kind = found.id.kind;
        let owner = self.relative(namespace.owner());
        let parent = if kind.nests() { self.relative(namespace.parent()) } else { None };
        if let Some(found) = self.found.get_mut(place) {
            (found.owner, found.parent) = (owner, parent);
        }
    }

    fn relative(&mut self, told: Result<Option<Namespace>, Error>) -> Option<NamespaceId> {
        let told = told.map_err(|error| Errno::from_raw_os_error(error.errno().unwrap_or_default()));
        let relative = self.opened(told)??;
        let id = relative.id().ok()?;
        self.place(id.kind, id.inode, || Ok(relative.into()));
        Some(id)
    }

    /// Looks at every descriptor of a process.
    fn holders(&mut self, pid: u32, directory: BorrowedFd<'_>) {
        let descriptors = match openat(directory, c"../fd", DIRECTORY, Mode::empty()) {
            Ok(descriptors) => descriptors,
            Err(Errno::ACCESS | Errno::PERM) => return self.hide_holder(),
            Err(errno) => return self.not_opened(errno),
        };
        let mut space = [MaybeUninit::<u8>::uninit(); 4 << 10];
        let mut entries = RawDir::new(descriptors.as_fd(), &mut space);
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(Errno::ACCESS | Errno::PERM) => return self.hide_holder(),
                Err(errno) => return self.not_opened(errno),
            };
            let name = entry.file_name();
            let held = match link(descriptors.as_fd(), name) {
                Ok(link) => link.namespace(),
                // It has become another user's between two looks: one right for all of them.
                Err(Errno::ACCESS | Errno::PERM) => return self.hide_holder(),
                Err(_) => None,
            };
            let Some((kind, inode)) = held else { continue };
            let open = || openat(descriptors.as_fd(), name, READ, Mode::empty());
            let place = self.place(kind, inode, open);
            if let Some(found) = self.found.get_mut(place).filter(|found| found.holders.last() != Some(&pid)) {
                found.holders.push(pid);
            }
        }
    }

    /// Adds what is pinned by a mount.
    fn pins(&mut self) {
        let device = self.device;
        for pin in pins::read().into_iter().filter(|pin| pin.device == device) {
            let open = || {
                let failed = |error: Error| Errno::from_raw_os_error(error.errno().unwrap_or_default());
                Namespace::open(&pin.path).map(OwnedFd::from).map_err(failed)
            };
            let place = self.place(pin.kind, pin.inode, open);
            if let Some(found) = self.found.get_mut(place) {
                found.pins.push(pin.path);
            }
        }
    }

    fn finish(mut self) -> Listing {
        self.found.sort_unstable_by_key(|found| (found.id.inode, found.id.kind));
        Listing { namespaces: self.found, hidden: self.hidden, for_children: Vec::new() }
    }
}

const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

/// The path of a process' links below /proc, "PID/ns", with the NUL that ends it.
struct Path([u8; 16]);

impl Path {
    fn name(&self) -> &std::ffi::CStr {
        std::ffi::CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

/// The number that an entry of /proc is, and the path of its links.
fn below_process(name: &[u8]) -> Option<(u32, Path)> {
    let pid = crate::floor::process::number(name)?;
    let mut path = [0; 16];
    path.get_mut(..name.len())?.copy_from_slice(name);
    path.get_mut(name.len()..name.len() + 3)?.copy_from_slice(b"/ns");
    Some((pid, Path(path)))
}

/// What a link says, as far as a namespace's has room: longer ones are something else.
pub(super) struct Link {
    text: [u8; 40],
    length: usize,
}

impl Link {
    /// The kind and inode, if it is "mnt:[4026531841]" or the like.
    pub(super) fn namespace(&self) -> Option<(NamespaceKind, u64)> {
        pins::namespace_of(self.text.get(..self.length)?)
    }
}

pub(super) fn link(directory: BorrowedFd<'_>, name: &std::ffi::CStr) -> Result<Link, Errno> {
    let mut link = Link { text: [0; 40], length: 0 };
    link.length = readlinkat_raw(directory, name, &mut link.text[..])?;
    Ok(link)
}
