// SPDX-License-Identifier: MIT OR Apache-2.0
//! A copy of what is somewhere, whose files are seen with other ids.
//!
//! The kernel takes a map by a user namespace that has it. One is made for ranges that are given, by a process that sleeps
//! in it until it has been opened, and shares this one's memory meanwhile: nothing of a large program is copied.

use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use super::sys::Sleeper;
use super::{failed, receive_only, text, words};
use crate::error::{Error, Object};
use crate::floor::attach::set;
use crate::floor::sys::{MountAttr, fstatfs, mount_setattr, open_tree, openat};
use crate::floor::{Errno, sys};
use crate::mounts::{Bind, IdRange, Idmap};
use crate::sys::owned;

const MOUNT_ATTR_IDMAP: u64 = 0x10_0000;
const MS_SLAVE: u64 = 1 << 19;

const NEEDS: &str = "maps of ids need Linux 5.12";

/// A copy of the source, with its map and its attributes; `None` where there is none, and need not be.
pub(crate) fn mapped(bind: &Bind) -> Result<Option<OwnedFd>, Error> {
    let source = &bind.source;
    let fd = match openat(sys::CWD, &text(source), sys::open::PATH, 0) {
        Err(Errno::NOENT) if bind.optional => return Ok(None),
        opened => opened.map_err(|Errno(errno)| Error::os("bind", Object::Path(source.clone()), errno.into()))?,
    };
    let tree = open_tree(fd.number(), bind.recursive)
        .map_err(|errno| failed("bind", source, errno, "copying the mount".to_owned()))?;
    // It hears of mounts at its source, and tells of none: what is mounted in it later stays in its namespace.
    let receives = MountAttr { propagation: MS_SLAVE, ..MountAttr::default() };
    mount_setattr(tree.number(), &receives, true).map_err(|errno| match errno {
        Errno::NOSYS => failed("bind", source, errno, NEEDS.to_owned()),
        errno => failed("bind", source, errno, "cutting its way to the outside".to_owned()),
    })?;
    let (attributes, below) = bind.changes();
    let attributes_set = set(&tree, below, true).and_then(|all| Ok(all && set(&tree, attributes, false)?));
    let refused = match attributes_set {
        Ok(true) => None,
        // One of them is newer than the call: none of its word was set.
        Ok(false) => Some(Errno::NOSYS),
        Err(failure) => Some(failure.errno),
    };
    if let Some(errno) = refused {
        return Err(failed("bind", source, errno, "its attributes".to_owned()));
    }
    let tree = owned(tree);
    // Before it is attached anywhere: the namespace that it comes to cuts its own mounts off, not this one.
    receive_only(tree.as_fd(), bind.recursive)
        .map_err(|errno| failed("bind", source, errno, "cutting its way of mounts to the outside".to_owned()))?;
    map_ids(&tree, bind).map(|()| Some(tree))
}

/// Has what is attached nowhere be seen with the ids of a bind's map, if it has one.
pub(crate) fn map_ids(tree: &OwnedFd, bind: &Bind) -> Result<(), Error> {
    let source = &bind.source;
    let Some(map) = &bind.idmap else { return Ok(()) };
    let namespace = namespace(map, source)?;
    let attr = MountAttr {
        set: MOUNT_ATTR_IDMAP,
        userns_fd: u64::try_from(namespace.as_raw_fd()).unwrap_or_default(),
        ..MountAttr::default()
    };
    mount_setattr(tree.as_raw_fd(), &attr, bind.recursive && bind.idmap_deep)
        .map_err(|errno| refused(errno, source, tree, bind))
}

/// Why a map was refused.
fn refused(errno: Errno, source: &Path, tree: &OwnedFd, bind: &Bind) -> Error {
    let kind = fstatfs(tree.as_raw_fd()).map(|(magic, _)| kind(magic));
    let why = match (errno, kind) {
        (Errno::NOSYS, _) => NEEDS.to_owned(),
        (Errno::INVAL, Ok(Some((name, Some(since))))) => {
            format!("{name} can have its ids mapped since Linux {since}; so must what is mounted below it")
        }
        (Errno::INVAL, Ok(Some((name, None)))) => format!("{name} cannot have its ids mapped"),
        (Errno::INVAL, _) => "its file system, or one that is mounted below it, cannot have its ids mapped".to_owned(),
        (Errno::PERM, _) => "it has a map already, or CAP_SYS_ADMIN is missing over the user namespace that its file \
                             system was mounted in, or the map is that of the first user namespace"
            .to_owned(),
        _ => "mapping its ids".to_owned(),
    };
    let error = failed("bind", source, errno, why);
    if errno == Errno::INVAL && bind.recursive && bind.idmap_deep {
        return error.with_hint("for its own mount alone: idmap_on_top_only()");
    }
    error
}

/// The name of a file system, and since when its ids can be mapped.
fn kind(magic: u64) -> Option<(&'static str, Option<&'static str>)> {
    Some(match magic {
        0xef53 => ("ext4", Some("5.12")),
        0x4d44 => ("vfat", Some("5.12")),
        0x5846_5342 => ("xfs", Some("5.12")),
        0x9123_683e => ("btrfs", Some("5.15")),
        0xf2f5_2010 => ("f2fs", Some("5.18")),
        0xe0f5_e1e2 => ("erofs", Some("5.19")),
        0x7371_7368 => ("squashfs", Some("6.2")),
        0x0102_1994 => ("tmpfs", Some("6.3")),
        0x00c3_6400 => ("ceph", Some("6.7")),
        0x6573_5546 => ("FUSE", Some("6.12, where its server asks for it")),
        0x794c_7630 => ("overlay", None),
        0x9fa0 => ("proc", None),
        0x6265_6572 => ("sysfs", None),
        0x6969 => ("nfs", None),
        0x0102_1997 => ("9p", None),
        0x1cd1 => ("devpts", None),
        0x6367_7270 => ("cgroup2", None),
        0x8584_58f6 => ("ramfs", None),
        _ => return None,
    })
}

/// A user namespace that has this map.
fn namespace(map: &Idmap, source: &Path) -> Result<OwnedFd, Error> {
    let path = match map {
        Idmap::Ranges { users, groups } => return made(users, groups, source),
        Idmap::Namespace(path) => path,
    };
    let opened = File::open(path).map_err(|error| errno_of(&error));
    let file = opened.map_err(|errno| failed("bind", source, errno, format!("the user namespace {path:?}")))?;
    // A link of a proc, which names what is open.
    let is = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap_or_default();
    if is.to_string_lossy().starts_with("user:[") {
        return Ok(file.into());
    }
    Err(failed("bind", source, Errno::INVAL, format!("{path:?} is no user namespace")))
}

/// A new user namespace with these ranges.
fn made(users: &[IdRange], groups: &[IdRange], source: &Path) -> Result<OwnedFd, Error> {
    let failed = |errno, why: &str| failed("bind", source, errno, why.to_owned());
    let sleeper = Sleeper::new().map_err(|errno| failed(errno, "a user namespace for its map of ids"))?;
    let of = |name: &str| format!("/proc/{}/{name}", sleeper.pid());
    for (name, ranges) in [("uid_map", users), ("gid_map", groups)] {
        let lines: String =
            ranges.iter().map(|IdRange { stored, seen, count }| format!("{stored} {seen} {count}\n")).collect();
        fs::write(of(name), lines).map_err(|error| match errno_of(&error) {
            Errno::PERM => failed(Errno::PERM, "ids that this process may not map: CAP_SETUID and CAP_SETGID"),
            errno => failed(errno, &format!("writing its {name}: {}", words(errno))),
        })?;
    }
    let opened = File::open(of("ns/user")).map_err(|error| errno_of(&error));
    opened.map(Into::into).map_err(|errno| failed(errno, "a user namespace for its map of ids"))
}

pub(super) fn errno_of(error: &std::io::Error) -> Errno {
    Errno(error.raw_os_error().and_then(|errno| u16::try_from(errno).ok()).unwrap_or_default())
}
