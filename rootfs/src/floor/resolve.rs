// SPDX-License-Identifier: MIT OR Apache-2.0
//! Places in a root: one question, two answers, openat2(2) and a walk.
//!
//! A path is taken from the root's descriptor as a process whose root it is would take it: an absolute link leads to the
//! root's own top, and ".." ends there. What is answered is a descriptor, and everything after uses that: whoever moves
//! names in the tree meanwhile moves names, not us.
//!
//! Man: openat2(2), path_resolution(7).

use core::ffi::CStr;

use super::fd::Fd;
use super::sys::{self, Errno, Stat, open, resolve};
use super::text::{Bytes, Text, Word, components, split};

/// How often a path is asked for again when something was moved while the kernel resolved it.
const TRIES: u32 = 64;

/// How many links are followed, as the kernel does (`MAXSYMLINKS`).
const LINKS: u32 = 40;

/// How often the walk begins again: for each link, and each ".." or several of them in a row. The kernel does not count the
/// latter, of which a path and the texts of 40 links can have some thousands; but each costs it no more than the others.
const TURNS: u32 = 1024;

const PROC_SUPER_MAGIC: u64 = 0x9fa0;

/// File systems that hold nothing of a tree: proc, sysfs, devpts, cgroup, cgroup2, mqueue, debugfs, tracefs, securityfs,
/// selinuxfs, bpf, pstore, efivarfs, binfmt_misc, configfs. See linux/magic.h.
const KERNEL_S: [u64; 15] = [
    PROC_SUPER_MAGIC,
    0x6265_6572,
    0x1cd1,
    0x0027_e0eb,
    0x6367_7270,
    0x1980_0202,
    0x6462_6720,
    0x7472_6163,
    0x7363_6673,
    0xf97c_ff8c,
    0xcafe_4a11,
    0x6165_676c,
    0xde5e_81e4,
    0x4249_4e4d,
    0x6265_6570,
];

/// Whether links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Those of the tree, inside the root; never those of a proc that lead to open files, and none to where a path would
    /// have to be without them: below a proc, a sysfs, a /dev and the like.
    Follow,
    /// None, also not on the way.
    Refuse,
}

impl Links {
    /// What a mount's target may have: below /proc, /sys and /dev a link is never innocent. Whoever can make one there
    /// has our mounts, nodes and masks land where it leads.
    #[must_use]
    pub fn for_target(path: &CStr) -> Self {
        match components(path.to_bytes()).next() {
            Some(b"proc" | b"sys" | b"dev") => Self::Refuse,
            _ => Self::Follow,
        }
    }
}

/// What is made where nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// A directory, mode 0755.
    Directory,
    /// An empty file, mode 0644.
    File,
}

/// The place that `path` names in `root`, open as a place (`O_PATH`).
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `EACCES`; `ELOOP` for a link where none may be, or too many.
pub fn place(root: i32, path: &CStr, links: Links) -> Result<Fd, Errno> {
    // What is on the root's own mount is the tree's own, and nothing of the kernel's: mostly this is all.
    let on_one_mount = resolve::IN_ROOT | resolve::NO_MAGICLINKS | resolve::NO_XDEV;
    if links == Links::Follow
        && let answer @ (Ok(_) | Err(Errno::NOENT)) = sys::openat2(root, path, on_one_mount)
    {
        return answer;
    }
    let found = asked(root, path, links)?;
    // A tree cannot have us make, mount or write where only the kernel's things are: what is there is named, or not found.
    if links == Links::Follow && is_closed_to_links(root, &found)? {
        asked(root, path, Links::Refuse)
    } else {
        Ok(found)
    }
}

/// Whether what was found is in a file system of the kernel's own that is mounted in the root, or in what is mounted at its
/// /dev.
fn is_closed_to_links(root: i32, found: &Fd) -> Result<bool, Errno> {
    let (top, place) = (sys::fstat(root)?.device, sys::fstat(found.number())?.device);
    if place == top {
        return Ok(false);
    }
    if KERNEL_S.contains(&sys::fstatfs(found.number())?.0) {
        return Ok(true);
    }
    match sys::openat(root, c"dev", open::PATH | open::NOFOLLOW, 0) {
        Ok(dev) => Ok(sys::fstat(dev.number())?.device == place),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// As the kernel has it: openat2(2), or the walk where that is refused.
fn asked(root: i32, path: &CStr, links: Links) -> Result<Fd, Errno> {
    let restrictions = resolve::IN_ROOT
        | match links {
            Links::Follow => resolve::NO_MAGICLINKS,
            Links::Refuse => resolve::NO_SYMLINKS,
        };
    for _ in 0..TRIES {
        match sys::openat2(root, path, restrictions) {
            // Something was renamed while ".." was resolved: the kernel cannot say whether that was inside.
            Err(Errno::AGAIN) => {}
            // Before Linux 5.6, or a seccomp filter, some of which answer EPERM to what they do not know.
            Err(Errno::NOSYS | Errno::PERM) => break,
            answer => return answer,
        }
    }
    walked(root, path, links, &mut |_, _| Ok(()))
}

/// The same without openat2: one name at a time, each opened in the directory before it and none followed by the kernel.
///
/// A link, and "..", change the path that is walked, and the walk begins again at the root: it only ever goes down.
///
/// # Errors
/// As [`place`].
pub fn walk(root: i32, path: &CStr, links: Links) -> Result<Fd, Errno> {
    walk_seeing(root, path, links, &mut |_, _| Ok(()))
}

/// The same, and whoever asks is told of each name before it is opened: of the directory that it is in, as a path from the
/// root without links, and of the name. An error of theirs ends the walk.
///
/// # Errors
/// As [`place`].
pub fn walk_seeing(
    root: i32,
    path: &CStr,
    links: Links,
    seen: &mut impl FnMut(&[u8], &[u8]) -> Result<(), Errno>,
) -> Result<Fd, Errno> {
    let found = walked(root, path, links, seen)?;
    if links == Links::Follow && is_closed_to_links(root, &found)? {
        walked(root, path, Links::Refuse, seen)
    } else {
        Ok(found)
    }
}

fn walked(
    root: i32,
    path: &CStr,
    links: Links,
    seen: &mut impl FnMut(&[u8], &[u8]) -> Result<(), Errno>,
) -> Result<Fd, Errno> {
    if path.is_empty() {
        return Err(Errno::NOENT);
    }
    // As long as a path may be, for the kernel.
    let mut path = Long::of(Text::of(path.to_bytes())?.bytes())?;
    let mut followed = 0_u32;
    for _ in 0..TURNS {
        let mut turn = Long::new();
        match walk_down(root, path.bytes(), links, &mut turn, seen)? {
            Way::Found(fd) => return Ok(fd),
            Way::Link if followed >= LINKS => return Err(Errno::LOOP),
            Way::Link => followed = followed.saturating_add(1),
            Way::Up => {}
        }
        path = turn;
    }
    Err(Errno::LOOP)
}

/// A path with the text of a link in it.
type Long = Bytes<8192>;

/// Where a walk has ended.
enum Way {
    /// Where the path leads.
    Found(Fd),
    /// At a link.
    Link,
    /// At a "..".
    Up,
}

/// Walks until a link or a "..": then `turn` is the path as it is with that taken out of it.
fn walk_down(
    root: i32,
    path: &[u8],
    links: Links,
    turn: &mut Long,
    seen: &mut impl FnMut(&[u8], &[u8]) -> Result<(), Errno>,
) -> Result<Way, Errno> {
    let mut here = sys::openat(root, c".", open::PATH, 0)?;
    // What was walked, and within it where the last name begins.
    let mut done = Long::new();
    let mut parent = 0;
    let mut rest = path;
    while let Some((name, after)) = first_name(rest) {
        rest = after;
        if matches!(name, b"." | b"..") {
            // The kernel looks whether there is a way through, also where it leads back.
            sys::openat(here.number(), c".", open::PATH | open::DIRECTORY, 0)?;
            if name == b"." {
                continue;
            }
            let mut above = done.bytes().get(..parent).unwrap_or_default();
            // Those that follow lead to where we have come through.
            while let Some((b"." | b"..", after)) = first_name(rest) {
                if let Some((b"..", _)) = first_name(rest) {
                    let end = above.iter().rposition(|byte| *byte == b'/').unwrap_or_default();
                    above = above.get(..end).unwrap_or_default();
                }
                rest = after;
            }
            turn.push(above)?;
            turn.push(rest)?;
            return Ok(Way::Up);
        }
        seen(done.bytes(), name)?;
        let next = sys::openat(here.number(), Word::of(name)?.as_c_str(), open::PATH | open::NOFOLLOW, 0)?;
        if sys::fstat(next.number())?.is_symlink() {
            if links == Links::Refuse || sys::fstatfs(next.number())?.0 == PROC_SUPER_MAGIC {
                return Err(Errno::LOOP);
            }
            target_of(&next, &done, turn)?;
            turn.push(rest)?;
            return Ok(Way::Link);
        }
        parent = done.bytes().len();
        done.push(b"/")?;
        done.push(name)?;
        here = next;
    }
    if path.ends_with(b"/") { directory(here) } else { Ok(here) }.map(Way::Found)
}

/// The first name of a path, and what is behind it, with its slashes.
fn first_name(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let slashes = path.iter().take_while(|byte| **byte == b'/').count();
    let path = path.get(slashes..)?;
    let len = path.iter().take_while(|byte| **byte != b'/').count();
    if len == 0 { None } else { path.split_at_checked(len) }
}

/// Where a link leads that stands in the directory `done`.
fn target_of(link: &Fd, done: &Long, turn: &mut Long) -> Result<(), Errno> {
    let mut buffer = [0; 4096];
    let len = sys::readlink(link.number(), &mut buffer)?;
    let target = buffer.get(..len).filter(|target| !target.is_empty()).ok_or(Errno::NOENT)?;
    if !target.starts_with(b"/") {
        turn.push(done.bytes())?;
    }
    turn.push(b"/")?;
    turn.push(target)
}

/// A way to find places: [`place`] or [`walk`].
pub type Ask = fn(i32, &CStr, Links) -> Result<Fd, Errno>;

/// The place that `path` names in `root`, as `ask` finds it; what is absent of it is made, a name at a time, each in the
/// directory before it.
///
/// A link that leads nowhere is refused (`EEXIST`, `ENOTDIR`): nothing is made at its other end.
///
/// # Errors
/// As [`place`]; `EROFS`, `EACCES`; `EINVAL` for "..".
pub fn place_or_make(ask: Ask, root: i32, path: &CStr, links: Links, make: Make) -> Result<Fd, Errno> {
    place_or_made(ask, root, path, links, make).map(|(place, _)| place)
}

/// The same, and whether the last of it was made: it may be there by now although it was absent before.
///
/// # Errors
/// As [`place_or_make`].
pub fn place_or_made(ask: Ask, root: i32, path: &CStr, links: Links, make: Make) -> Result<(Fd, bool), Errno> {
    match ask(root, path, links) {
        Err(Errno::NOENT) => missing_made(ask, root, path, links, make).map(|place| (place, true)),
        answer => answer.map(|place| (place, false)),
    }
}

/// The same of a place that is known to be absent.
///
/// # Errors
/// As [`place_or_make`].
pub fn missing_made(ask: Ask, root: i32, path: &CStr, links: Links, make: Make) -> Result<Fd, Errno> {
    let path = path.to_bytes();
    if components(path).any(|name| name == b"..") {
        return Err(Errno::INVAL);
    }
    // The beginning that exists may have links in it: each shorter piece is asked for from the root.
    let mut exists = path;
    let mut here = loop {
        exists = split(exists).0;
        if components(exists).next().is_none() {
            break sys::openat(root, c".", open::PATH, 0)?;
        }
        match ask(root, Text::of(exists)?.as_c_str(), links) {
            Err(Errno::NOENT) => {}
            answer => break answer?,
        }
    };
    let mut names = components(path.get(exists.len()..).unwrap_or_default()).peekable();
    while let Some(name) = names.next() {
        let make = if names.peek().is_some() { Make::Directory } else { make };
        here = made(&here, Text::of(name)?.as_c_str(), make)?;
    }
    Ok(here)
}

/// A new directory or file `name` in the directory `here`; a directory that somebody else makes meanwhile will do.
///
/// # Errors
/// `EEXIST` for a file or a link of this name; `EROFS`, `EACCES`.
pub fn made(here: &Fd, name: &CStr, make: Make) -> Result<Fd, Errno> {
    match make {
        Make::Directory => {
            match sys::mkdirat(here.number(), name, 0o755) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
            sys::openat(here.number(), name, open::PATH | open::NOFOLLOW | open::DIRECTORY, 0)
        }
        Make::File => {
            let flags = open::WRONLY | open::CREAT | open::EXCL | open::NOFOLLOW;
            sys::openat(here.number(), name, flags, 0o644)
        }
    }
}

/// What is open as `fd`, if it is a directory.
///
/// # Errors
/// `ENOTDIR`.
pub fn directory(fd: Fd) -> Result<Fd, Errno> {
    let stat: Stat = sys::fstat(fd.number())?;
    if stat.is_directory() { Ok(fd) } else { Err(Errno::NOTDIR) }
}
