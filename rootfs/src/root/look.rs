// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looking before anything is done: whether mounts can be made in a root, as far as that can be seen.
//!
//! Targets are walked as the floor walks them, a name at a time. Where a name is one that an earlier mount of the list lies
//! over, or makes, the walk ends: what will be below it is not there yet.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno as Number;
use rustix::fs::{Access, AtFlags, FileType, accessat, fstat, statat};

use super::{NO_LINKS, Root, text};
use crate::error::{Error, Object, errno_in_words};
use crate::floor::Errno;
use crate::floor::resolve::{self, Links};
use crate::mounts::{Bind, Changes, Device, Mount, Mounts, Overlay, is_in_root, path_problems, plain};
use crate::steps::RootSpec;
use crate::sys;

impl Root {
    /// Whether `mounts` make sense, and can be made here as far as that can be seen: [`Mounts::problems`] and
    /// [`problems_of`](Self::problems_of). Nothing is changed.
    ///
    /// # Errors
    /// `Invalid`, with every problem ([`Error::problems`]).
    pub fn check(&self, mounts: &Mounts) -> Result<(), Error> {
        let mut problems = mounts.problems();
        problems.extend(self.problems_of(mounts));
        let object = || Object::Path(self.path().to_owned());
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid("mount in", object(), problems)) }
    }

    /// What this machine and this root lack for `mounts`, a sentence each: sources that are absent, targets that are absent
    /// and cannot or shall not be made, files where directories are needed or the other way round, links below /proc, /sys
    /// and /dev. Nothing is changed.
    ///
    /// What an earlier mount of the list decides is no problem, nor what this account may not look at: who performs the
    /// mounts may be allowed more. What is wrong whatever the machine is is told by [`Mounts::problems`] alone.
    #[must_use]
    pub fn problems_of(&self, mounts: &Mounts) -> Vec<String> {
        let mut look = Look { root: Some(self), later: HashSet::new(), problems: Vec::new() };
        look.mounts(mounts);
        for (at, path) in mounts.directories.iter().enumerate().filter(|(_, path)| is_in_root(path)) {
            let path = plain(path);
            if let Found::Absent(_) = look.find(&path)
                && let Some(why) = look.making(&path)
            {
                look.problems.push(format!("directories[{at}] {path:?} {why}"));
            }
        }
        for (list, paths) in [("read_only", &mounts.read_only), ("masked", &mounts.masked)] {
            for (at, path) in paths.iter().enumerate().filter(|(_, path)| is_in_root(path)) {
                if let Found::Refused(why) = look.find(&plain(path)) {
                    look.problems.push(format!("{list}[{at}] {path:?} {why}"));
                }
            }
        }
        look.problems
    }
}

impl Mounts {
    /// What this machine lacks for it in a root that begins empty, where every target is made: sources that are absent, a
    /// sentence each. Nothing is changed.
    #[must_use]
    pub fn lacks(&self) -> Vec<String> {
        let mut look = Look { root: None, later: HashSet::new(), problems: Vec::new() };
        look.mounts(self);
        look.problems
    }
}

impl RootSpec {
    /// What this machine lacks for where its changes go, a sentence each. Nothing is changed.
    #[must_use]
    pub fn lacks(&self) -> Vec<String> {
        self.changes.lack().map(|problem| format!("changes.{problem}")).into_iter().collect()
    }
}

impl Changes {
    /// What this machine lacks for it: a directory that is there, or can be made, and is this account's.
    pub(crate) fn lack(&self) -> Option<String> {
        let Self::Kept(path) = self else { return None };
        if !path_problems(path).is_empty() {
            return None;
        }
        match fs::metadata(path) {
            Ok(found) if !found.is_dir() => Some(format!("kept {path:?} is no directory")),
            Ok(found) if found.uid() != rustix::process::geteuid().as_raw() => {
                Some(format!("kept {path:?} belongs to user {}: it must be one's own", found.uid()))
            }
            Err(error) if error.raw_os_error() == Some(Number::ENOENT as i32) => {
                let above = path.parent().unwrap_or(path);
                (!above.is_dir()).then(|| format!("kept {path:?} does not exist, nor does {above:?}"))
            }
            _ => None,
        }
    }
}

/// What is at a path of the root.
enum Found {
    /// Something, and where it is without links.
    There { fd: OwnedFd, at: PathBuf, directory: bool },
    /// Nothing: this is absent, a path without links.
    Absent(PathBuf),
    /// Nothing, and nothing can be: its way leads through something that is no directory.
    Through(PathBuf),
    /// It cannot be told yet, or not by us.
    Unknown,
    /// No step will take it, and why.
    Refused(String),
}

/// What shall be mounted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Directory,
    File,
    Unknown,
    /// Nothing, and that is in order.
    Nothing,
}

struct Look<'a> {
    /// Where targets are; without one they need not be looked at.
    root: Option<&'a Root>,
    /// What mounts so far lie over, or make: paths in the root, as they are written and without links.
    later: HashSet<PathBuf>,
    problems: Vec<String>,
}

impl Look<'_> {
    fn mounts(&mut self, mounts: &Mounts) {
        for (at, mount) in mounts.mounts.iter().enumerate() {
            self.mount(&format!("mounts[{at}]"), mount);
        }
    }

    fn mount(&mut self, place: &str, mount: &Mount) {
        let target = mount.target();
        let source = match mount {
            Mount::Bind(bind) if bind.inside => self.inside(place, bind),
            Mount::Bind(bind) => self.source(place, bind),
            Mount::Disk(disk) => {
                if self.look_at(&format!("{place}.file"), &disk.file, false) == Source::Directory {
                    self.problems.push(format!("{place}.file {:?} is a directory", disk.file));
                }
                Source::Directory
            }
            Mount::Device(device) => {
                self.device(place, device);
                Source::File
            }
            Mount::Symlink(_) => {
                // Whether it can be made is known when it is made; what is behind it then, not before.
                self.later.insert(plain(target));
                return;
            }
            Mount::Overlay(overlay) => {
                self.layers(place, overlay);
                Source::Directory
            }
            _ => Source::Directory,
        };
        if source == Source::Nothing || !is_in_root(target) || self.root.is_none() {
            return;
        }
        let path = plain(target);
        let problem = match self.find(&path) {
            Found::There { at, directory, .. } => {
                let problem = mismatch(mount, source, directory);
                self.later.insert(at);
                problem
            }
            Found::Absent(_) if mount.creates_target() => self.making(&path),
            Found::Absent(at) if at == path => {
                Some("does not exist in the root, and is not to be made: create_target()".to_owned())
            }
            Found::Absent(at) => {
                Some(format!("does not exist in the root, nor does {at:?}, and is not to be made: create_target()"))
            }
            Found::Through(at) => Some(format!("leads through {at:?}, which is no directory")),
            Found::Refused(why) => Some(why),
            Found::Unknown => None,
        };
        self.problems.extend(problem.map(|problem| format!("{place}.target {target:?} {problem}")));
        self.later.insert(path);
    }

    fn source(&mut self, place: &str, bind: &Bind) -> Source {
        self.look_at(&format!("{place}.source"), &bind.source, bind.optional)
    }

    /// Whether what a device is bound from is that device.
    fn device(&mut self, place: &str, device: &Device) {
        let Some(from) = &device.from else { return };
        let place = format!("{place}.from");
        if self.look_at(&place, from, false) == Source::Unknown {
            return;
        }
        let Ok(found) = fs::metadata(from) else { return };
        let same = FileType::from_raw_mode(found.mode()) == FileType::from_raw_mode(device.kind.mode())
            && found.rdev() == rustix::fs::makedev(device.major, device.minor);
        if !same {
            self.problems.push(format!("{place} {from:?} is not {}", device.words()));
        }
    }

    /// The same where it is in the root, as it is by then.
    fn inside(&mut self, place: &str, bind: &Bind) -> Source {
        match self.find(&plain(&bind.source)) {
            Found::There { directory: true, .. } => Source::Directory,
            Found::There { .. } => Source::File,
            Found::Absent(_) if bind.optional => Source::Nothing,
            Found::Absent(_) => {
                self.problems.push(format!("{place}.source {:?} does not exist in the root", bind.source));
                Source::Unknown
            }
            _ => Source::Unknown,
        }
    }

    /// The lower directories of an overlay, and where its changes are kept.
    fn layers(&mut self, place: &str, overlay: &Overlay) {
        for (at, lower) in overlay.lowers.iter().enumerate() {
            let place = format!("{place}.lowers[{at}]");
            if self.look_at(&place, lower, false) == Source::File {
                self.problems.push(format!("{place} {lower:?} is no directory"));
            }
        }
        self.problems.extend(overlay.changes.lack().map(|problem| format!("{place}.changes.{problem}")));
    }

    /// What is at a path of this machine.
    fn look_at(&mut self, place: &str, source: &Path, optional: bool) -> Source {
        if !path_problems(source).is_empty() || self.is_later(source) {
            return Source::Unknown;
        }
        let errno = match fs::metadata(source) {
            Ok(found) if found.is_dir() => return Source::Directory,
            Ok(_) => return Source::File,
            Err(error) => error.raw_os_error().unwrap_or_default(),
        };
        let problem = match Number::from_raw(errno) {
            Number::ENOENT if optional => return Source::Nothing,
            // Not seen for want of a right or of a descriptor: nothing that the description could do better.
            Number::EACCES | Number::EPERM | Number::EMFILE | Number::ENFILE | Number::ENOMEM => {
                return Source::Unknown;
            }
            Number::ENOENT if fs::symlink_metadata(source).is_ok() => "is a link that leads nowhere".to_owned(),
            Number::ENOENT => "does not exist".to_owned(),
            Number::ENOTDIR => "leads through something that is no directory".to_owned(),
            _ => format!("cannot be looked at: {}", errno_in_words(errno)),
        };
        self.problems.push(format!("{place} {source:?} {problem}"));
        Source::Unknown
    }

    /// Whether a path of this machine lies in the root, where a mount so far will be.
    fn is_later(&self, source: &Path) -> bool {
        let source = plain(source);
        let inside = self.root.and_then(|root| source.strip_prefix(plain(root.path())).ok());
        inside.is_some_and(|path| Path::new("/").join(path).ancestors().any(|above| self.later.contains(above)))
    }

    /// What is at a path of the root.
    fn find(&self, path: &Path) -> Found {
        let Some(root) = self.root else { return Found::Unknown };
        // The walk would end before it begins.
        if path.iter().nth(1).is_some_and(|first| self.later.contains(&Path::new("/").join(first))) {
            return Found::Unknown;
        }
        let links = Links::for_target(&text(path).unwrap_or_default());
        let (mut at, mut later) = (PathBuf::from("/"), false);
        let walked = text(path).and_then(|path| {
            resolve::walk_seeing(root.number(), &path, links, &mut |directory, name| {
                at = if directory.is_empty() { "/".into() } else { OsStr::from_bytes(directory).into() };
                at.push(OsStr::from_bytes(name));
                later = self.later.contains(&at);
                if later { Err(Errno::STALE) } else { Ok(()) }
            })
        });
        // Whatever is there, or will be.
        if links == Links::Follow && Links::for_target(&text(&at).unwrap_or_default()) == Links::Refuse {
            return Found::Refused(format!("leads by a link to {at:?}: {NO_LINKS}"));
        }
        match walked.map(sys::owned) {
            Ok(fd) => {
                let (found, top) = (fstat(&fd), fstat(&root.fd));
                let (Ok(found), Ok(top)) = (found, top) else { return Found::Unknown };
                if (found.st_dev, found.st_ino) == (top.st_dev, top.st_ino) {
                    return Found::Refused("leads to the root itself".to_owned());
                }
                Found::There { fd, at, directory: FileType::from_raw_mode(found.st_mode) == FileType::Directory }
            }
            Err(_) if later => Found::Unknown,
            Err(Errno::NOENT) => Found::Absent(at),
            // 12, 23 and 24: memory and descriptors, of which there may be more in a moment.
            Err(Errno::ACCES | Errno::PERM | Errno(12 | 23 | 24)) => Found::Unknown,
            Err(Errno::NOTDIR) => Found::Through(at.parent().unwrap_or(&at).to_owned()),
            Err(Errno::LOOP) if links == Links::Refuse => {
                Found::Refused(format!("leads through the link {at:?}: {NO_LINKS}"))
            }
            Err(Errno::LOOP) => {
                Found::Refused("leads through too many links, or by one to a place of the kernel's own".to_owned())
            }
            Err(Errno(errno)) => Found::Refused(format!("cannot be looked at: {}", errno_in_words(errno.into()))),
        }
    }

    /// Why a path that is absent cannot be made, if it cannot.
    fn making(&mut self, path: &Path) -> Option<String> {
        let above: Vec<&Path> = path.ancestors().collect();
        // The deepest directory of it that there is; what is below that is made, a name at a time.
        let mut here = (None, PathBuf::from("/"));
        for prefix in above.into_iter().rev().skip(1) {
            match self.find(prefix) {
                Found::There { fd, at, .. } => here = (Some(fd), at),
                Found::Absent(_) => {
                    let (fd, mut at) = here;
                    let root = self.root?;
                    let fd = fd.as_ref().map_or(root.as_fd(), AsFd::as_fd);
                    let name = prefix.file_name().unwrap_or_default();
                    if statat(fd, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
                        return Some(format!("cannot be made: {:?} is a link that leads nowhere", at.join(name)));
                    }
                    if !root.changes_go_elsewhere
                        && accessat(fd, ".", Access::WRITE_OK, AtFlags::empty()) == Err(rustix::io::Errno::ROFS)
                    {
                        return Some(format!("cannot be made: {at:?} is on a read-only file system"));
                    }
                    let rest = path.strip_prefix(prefix).ok()?;
                    for name in std::iter::once(name).chain(rest.iter()) {
                        at.push(name);
                        self.later.insert(at.clone());
                    }
                    return None;
                }
                _ => return None,
            }
        }
        None
    }
}

/// What is wrong with mounting this there.
fn mismatch(mount: &Mount, source: Source, directory: bool) -> Option<String> {
    let kind = match mount {
        Mount::Device(_) => return directory.then(|| "is a directory: a device needs a file".to_owned()),
        Mount::Bind(Bind { source: path, .. }) => match (source, directory) {
            (Source::File, true) => return Some(format!("is a directory, and its source {path:?} is none")),
            (Source::Directory, false) => return Some(format!("is no directory, and its source {path:?} is one")),
            _ => return None,
        },
        Mount::Tmpfs(_) => "tmpfs",
        Mount::Proc(_) => "proc",
        Mount::Sysfs(_) => "sysfs",
        Mount::Devpts(_) => "devpts",
        Mount::Mqueue(_) => "mqueue",
        Mount::Dev(_) => "minimal /dev",
        Mount::Overlay(_) => "overlay",
        Mount::FileSystem(named) => &named.kind,
        Mount::Disk(disk) => &disk.kind,
        Mount::Cgroups(_) => "view of control groups",
        Mount::Symlink(_) => return None,
    };
    (!directory).then(|| format!("is no directory: a {kind} needs one"))
}
