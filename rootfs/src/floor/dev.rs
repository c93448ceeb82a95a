// SPDX-License-Identifier: MIT OR Apache-2.0
//! A minimal /dev: six devices, five links, three directories, in a tmpfs of its own.
//!
//! It is filled by way of its own top, which nobody else can have: not by paths below the root's "/dev", which may be a
//! link to the machine's.

use core::ffi::CStr;

use super::attach::{self, Manner, Place, attribute};
use super::fd::Fd;
use super::resolve::{self, Make};
use super::room::{Failure, Part, Room};
use super::sys::{self, Errno, open};

/// A device, where this machine has it, and its number (`mknod`'s encoding: 256 times the major, plus the minor).
struct Node {
    name: &'static CStr,
    path: &'static CStr,
    number: u64,
}

const fn node(name: &'static CStr, path: &'static CStr, major: u64, minor: u64) -> Node {
    Node { name, path, number: (major << 8) | minor }
}

const NULL: Node = node(c"null", c"/dev/null", 1, 3);

const NODES: [Node; 6] = [
    NULL,
    node(c"zero", c"/dev/zero", 1, 5),
    node(c"full", c"/dev/full", 1, 7),
    node(c"random", c"/dev/random", 1, 8),
    node(c"urandom", c"/dev/urandom", 1, 9),
    node(c"tty", c"/dev/tty", 5, 0),
];

const LINKS: [(&CStr, &CStr); 5] = [
    (c"fd", c"/proc/self/fd"),
    (c"stdin", c"/proc/self/fd/0"),
    (c"stdout", c"/proc/self/fd/1"),
    (c"stderr", c"/proc/self/fd/2"),
    (c"ptmx", c"pts/ptmx"),
];

const DIRECTORIES: [&CStr; 3] = [c"pts", c"shm", c"mqueue"];

/// The names of what is made in a minimal /dev, in its order: `Part::Entry` plus the index.
pub const ENTRIES: [&CStr; 14] = [
    c"null", c"zero", c"full", c"random", c"urandom", c"tty", c"fd", c"stdin", c"stdout", c"stderr", c"ptmx", c"pts",
    c"shm", c"mqueue",
];

/// Fills the top of a new tmpfs.
pub(super) fn fill(room: &mut Room, top: &Fd, bind: bool) -> Result<(), Failure> {
    let mut entry = Part::Entry as u16;
    let mut next = |done: Result<(), Errno>| {
        let part = entry;
        entry = entry.saturating_add(1);
        done.map_err(|errno| Failure { errno, part })
    };
    for node in &NODES {
        const S_IFCHR: u32 = 0o020_000;
        let made =
            if bind { Err(Errno::PERM) } else { sys::mknodat(top.number(), node.name, S_IFCHR | 0o666, node.number) };
        next(match made {
            // Root that may not make devices: in a user namespace that is not of our making, or without CAP_MKNOD.
            Err(Errno::PERM) => bound(room, top, node).map_err(|failure| failure.errno),
            made => made,
        })?;
    }
    for (name, to) in LINKS {
        next(sys::symlinkat(to, top.number(), name))?;
    }
    for name in DIRECTORIES {
        next(sys::mkdirat(top.number(), name, 0o755))?;
    }
    Ok(())
}

/// How this machine's devices are bound: to be read and written, which a read-only mount does not forbid a device, and not
/// to be changed. Root of a user namespace that maps root owns them, and could close them to the whole machine.
const ONLY_USED: u32 = attribute::READ_ONLY | attribute::NOSUID | attribute::NOEXEC;

/// This machine's device under an empty file of ours.
fn bound(room: &mut Room, top: &Fd, node: &Node) -> Result<(), Failure> {
    let source = verified(node).map_err(|errno| Part::Source.failed(errno))?;
    let fd = resolve::made(top, node.name, Make::File).map_err(|errno| Part::Create.failed(errno))?;
    attach::bind(
        room,
        source.number(),
        &Place { fd, path: c"" },
        Manner { attributes: 0, below: 0, recursive: false },
    )?;
    // By its name again, which leads onto the mount now: nobody but us sees this tree yet.
    let bound = sys::openat(top.number(), node.name, open::PATH | open::NOFOLLOW, 0);
    let bound = bound.map_err(|errno| Part::Attributes.failed(errno))?;
    attach::set_one(room, &bound, ONLY_USED)
}

/// This machine's null device.
pub(super) fn null() -> Result<Fd, Errno> {
    verified(&NULL)
}

/// This machine's device, which must be the device that its name promises: a plain file in its place would be shared by
/// everybody, a link could lead anywhere.
fn verified(node: &Node) -> Result<Fd, Errno> {
    let fd = sys::openat(sys::CWD, node.path, open::PATH | open::NOFOLLOW, 0)?;
    if sys::fstat(fd.number())?.is_character_device(node.number) { Ok(fd) } else { Err(Errno::NODEV) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_named_in_the_order_in_which_they_are_made() {
        let made = NODES.iter().map(|node| node.name).chain(LINKS.map(|(name, _)| name)).chain(DIRECTORIES);
        assert!(made.eq(ENTRIES));
        for node in &NODES {
            assert_eq!(node.path.to_bytes(), [b"/dev/", node.name.to_bytes()].concat());
        }
    }
}
