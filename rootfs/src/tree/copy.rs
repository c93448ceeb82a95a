// SPDX-License-Identifier: MIT OR Apache-2.0
//! A tree, copied.

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::vec;

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid, chownat, fstat, linkat, mkdirat, mknodat, openat, readlinkat,
    symlinkat, utimensat,
};
use rustix::io::Errno;

use super::climb::{Climb, below, identity};
use super::{Refused, content, in_one, kept, list};
use crate::error::{Error, Object};
use crate::floor::resolve::Links;
use crate::procfs::Procfs;
use crate::root::{Root, set_mode_of};

/// How a tree is copied.
///
/// Kept are owners, modes, times, hard links within the tree, holes, links as they are written, pipes, sockets' names,
/// devices, and extended attributes of files and directories: `security.capability` among them, and what an overlay keeps in
/// them (`trusted.overlay.*` as far as this process sees those, `user.overlay.*`), with its whiteouts. What a file holds is
/// shared with the original where the file system can (`FICLONE`), else copied in the kernel.
///
/// Not kept: what only some file systems have (flags of chattr(1), quota of projects, subvolumes), times of creation, and
/// extended attributes of links and nodes. What is mounted in the tree is not crossed into.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TreeCopy {
    own: bool,
}

/// What [`TreeCopy::copy`] made, and what it could not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Copied {
    /// Ordinary files, without further names of the same.
    pub files: u64,
    /// Directories, the top among them.
    pub directories: u64,
    /// Links, pipes, sockets and devices.
    pub others: u64,
    /// Further names of files that were copied already.
    pub hard_links: u64,
    /// How much data was copied or shared.
    pub bytes: u64,
    /// What is not there, or not as it was: the first 1,000.
    pub refused: Vec<Refused>,
    /// How many more of them there are.
    pub unlisted: u64,
}

impl Copied {
    /// The same, if nothing was refused.
    ///
    /// # Errors
    /// The number of the first refusal, with all of them as the cause, a line each.
    pub fn whole(self) -> Result<Self, Error> {
        in_one("copy all of", Object::Named("the tree"), &self.refused, self.unlisted).map(|()| self)
    }
}

impl TreeCopy {
    /// With everything that can be kept.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is made belongs to this process's user, whoever owns the original; bits that have a file run as its owner or
    /// group are left out.
    #[must_use]
    pub fn own(mut self) -> Self {
        self.own = true;
        self
    }

    /// Copies the directory `from` of one root to `to` of another, where nothing may be yet; its parent is there.
    ///
    /// What is refused does not end it: see [`Copied::refused`] and [`Copied::whole`].
    ///
    /// # Errors
    /// Where nothing could be done at all: `ENOENT`, `ENOTDIR`, `EEXIST`, `EROFS`, `EACCES`; `EINVAL` for a copy into the
    /// tree itself; `ESTALE` if a directory of either tree was moved meanwhile: what is there then is not whole.
    /// # Privileges
    /// `CAP_CHOWN`, `CAP_FOWNER`, `CAP_DAC_READ_SEARCH` for what others own, `CAP_SETFCAP` for capabilities, `CAP_MKNOD`
    /// outside any user namespace for devices. For trees of mapped ids: in the user namespace with that map.
    /// # Kernel
    /// copy_file_range(2) between file systems: Linux 5.3; what it refuses goes through memory.
    #[doc(alias = "cp -a")]
    pub fn copy(
        &self,
        root: &Root,
        from: impl AsRef<Path>,
        to_root: &Root,
        to: impl AsRef<Path>,
    ) -> Result<Copied, Error> {
        let (from, to) = (from.as_ref(), to.as_ref());
        let refused = |errno: Errno| root.error("copy", from, errno.raw_os_error());
        let refused_to = |errno: Errno| to_root.error("copy to", to, errno.raw_os_error());
        let source = root.open_dir(from)?;
        let found = fstat(&source).map_err(refused)?;
        let (above, name) = to_root.parent_held(to, crate::root::links_for(to)).map_err(refused_to)?;
        mkdirat(&above, name, Mode::RWXU).map_err(refused_to)?;
        let made = openat(&above, name, DIRECTORY, Mode::empty()).map_err(refused_to)?;
        let made = Climb::new(made).map_err(refused_to)?;
        let top = made.here().try_clone_to_owned().map_err(|_| refused_to(Errno::MFILE))?;
        let is_new = identity(&fstat(&top).map_err(refused_to)?);
        let source = Climb::new(source).map_err(refused)?;
        let names = source.names(usize::MAX, |_| false).map_err(refused)?.into_iter();
        let proc = Procfs::nearest().map_err(refused)?;
        let levels = vec![Level { names, found, way: None }];
        let done = Copied { directories: 1, ..Copied::default() };
        let (links, ways) = (HashMap::new(), Vec::new());
        let mut work = Work { own: self.own, proc, source, made, top, is_new, levels, links, ways, done };
        work.run().map_err(refused)?;
        Ok(work.done)
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const PLACE: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const OPENING: &str = "opening it";
const MAKING: &str = "making it";

struct Level {
    names: vec::IntoIter<CString>,
    found: Stat,
    /// Where it is written down in [`Work::ways`], if it is.
    way: Option<usize>,
}

/// Of a file with more than one name: where its copy is, and which one that is.
struct Known {
    /// The directory, in [`Work::ways`].
    way: usize,
    name: CString,
    is: (u64, u64),
}

struct Work {
    own: bool,
    proc: Procfs,
    source: Climb,
    made: Climb,
    top: OwnedFd,
    is_new: (u64, u64),
    levels: Vec<Level>,
    links: HashMap<(u64, u64), Known>,
    /// Directories that hold what is known by another name, and what is above them: which one each is in, and what it is
    /// called. A whole path for each would be all of a machine's memory where a tree is deep.
    ways: Vec<(Option<usize>, OsString)>,
    done: Copied,
}

impl Work {
    fn run(&mut self) -> Result<(), Errno> {
        while let Some(level) = self.levels.last_mut() {
            if let Some(name) = level.names.next() {
                self.name(&name)?;
                continue;
            }
            let found = level.found;
            self.levels.pop();
            self.keep(c"", self.source.here().try_clone_to_owned().ok(), &found);
            if !self.levels.is_empty() {
                self.source.up()?;
                self.made.up()?;
            }
        }
        Ok(())
    }

    fn refuse(&mut self, name: &CStr, what: &'static str, errno: Errno) {
        let Copied { refused, unlisted, .. } = &mut self.done;
        let refusal = || Refused { path: self.source.path_of(name), what, errno: errno.raw_os_error() };
        list(refused, unlisted, refusal);
    }

    /// What a directory has, for what was made of it.
    fn keep(&mut self, name: &CStr, from: Option<OwnedFd>, found: &Stat) {
        let Some(from) = from else { return self.refuse(name, kept::ATTRIBUTES, Errno::MFILE) };
        let mut refused = Vec::new();
        kept::keep(from.as_fd(), found, self.made.here(), !self.own, &mut |what, errno| refused.push((what, errno)));
        for (what, errno) in refused {
            self.refuse(name, what, errno);
        }
    }

    /// An error is that the way is lost; what is refused is told.
    fn name(&mut self, name: &CStr) -> Result<(), Errno> {
        let place =
            openat(self.source.here(), name, PLACE, Mode::empty()).and_then(|place| Ok((fstat(&place)?, place)));
        let (found, place) = match place {
            Ok(found) => found,
            Err(errno) => {
                self.refuse(name, OPENING, errno);
                return Ok(());
            }
        };
        let done = match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory => return self.directory(name, &found),
            FileType::RegularFile => self.file(name, &place, &found),
            FileType::Symlink => self.link(name, &place, &found),
            is => self.node(name, is, &found),
        };
        if let Err((what, errno)) = done {
            self.refuse(name, what, errno);
        }
        Ok(())
    }

    fn directory(&mut self, name: &CStr, found: &Stat) -> Result<(), Errno> {
        // The copy itself, in the tree that is copied: it would have no end.
        let down = if identity(found) == self.is_new { Err(Errno::INVAL) } else { self.source.down(name) };
        let found = match down {
            Ok(found) => found,
            Err(errno) => {
                let what = match errno {
                    Errno::INVAL => "copying it into itself",
                    Errno::XDEV => "crossing into what is mounted there",
                    _ => OPENING,
                };
                self.refuse(name, what, errno);
                return Ok(());
            }
        };
        let made = mkdirat(self.made.here(), name, Mode::RWXU).and_then(|()| self.made.down(name));
        let names = self.source.names(usize::MAX, |_| false);
        match (made, names) {
            (Ok(_), Ok(names)) => {
                self.done.directories += 1;
                self.levels.push(Level { names: names.into_iter(), found, way: None });
            }
            (Ok(_), Err(errno)) => {
                self.refuse(c"", "reading it", errno);
                self.done.directories += 1;
                self.levels.push(Level { names: Vec::new().into_iter(), found, way: None });
            }
            (Err(errno), _) => {
                self.refuse(c"", MAKING, errno);
                self.source.up()?;
            }
        }
        Ok(())
    }

    fn file(&mut self, name: &CStr, place: &OwnedFd, found: &Stat) -> Result<(), (&'static str, Errno)> {
        if found.st_nlink > 1 && self.linked(name, found).map_err(|errno| ("linking it to its other name", errno))? {
            return Ok(());
        }
        let from = File::from(self.proc.again(place.as_fd(), OFlags::RDONLY).map_err(|errno| (OPENING, errno))?);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let to = openat(self.made.here(), name, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| (MAKING, errno))?;
        let to = File::from(to);
        self.done.files += 1;
        let len = u64::try_from(found.st_size).unwrap_or_default();
        match content::copy(&from, &to, len) {
            Ok(bytes) => self.done.bytes += bytes,
            Err(errno) => self.refuse(name, "copying what it holds", errno),
        }
        let mut refused = Vec::new();
        kept::keep(from.as_fd(), found, to.as_fd(), !self.own, &mut |what, errno| refused.push((what, errno)));
        for (what, errno) in refused {
            self.refuse(name, what, errno);
        }
        if found.st_nlink > 1
            && let Ok(is) = fstat(&to)
        {
            let known = Known { way: self.way(), name: name.to_owned(), is: identity(&is) };
            self.links.insert(identity(found), known);
        }
        Ok(())
    }

    /// Where the directory that we are in is written down.
    fn way(&mut self) -> usize {
        let known = self.levels.iter().rposition(|level| level.way.is_some());
        let mut above = known.and_then(|depth| self.levels.get(depth)?.way);
        for (depth, level) in self.levels.iter_mut().enumerate().skip(known.map_or(0, |depth| depth + 1)) {
            self.ways.push((above, self.made.name_at(depth).unwrap_or_default().to_owned()));
            above = Some(self.ways.len() - 1);
            level.way = above;
        }
        above.unwrap_or_default()
    }

    /// Makes a further name of a file that was copied already, if it was.
    fn linked(&mut self, name: &CStr, found: &Stat) -> Result<bool, Errno> {
        let Some(Known { way, name: first, is }) = self.links.get(&identity(found)) else { return Ok(false) };
        let ways = std::iter::successors(self.ways.get(*way), |(above, _)| self.ways.get((*above)?));
        let mut names: Vec<&OsStr> = ways.map(|(_, name)| name.as_os_str()).filter(|name| !name.is_empty()).collect();
        names.reverse();
        let above = below(self.top.as_fd(), &names)?;
        linkat(&above, first, self.made.here(), name, AtFlags::empty())?;
        // By a name: somebody may have put another file there.
        let linked = fstat(openat(self.made.here(), name, PLACE, Mode::empty())?)?;
        if identity(&linked) != *is {
            return Err(Errno::STALE);
        }
        self.done.hard_links += 1;
        Ok(true)
    }

    fn link(&mut self, name: &CStr, place: &OwnedFd, found: &Stat) -> Result<(), (&'static str, Errno)> {
        let to = readlinkat(place, "", Vec::new()).map_err(|errno| (OPENING, errno))?;
        symlinkat(to, self.made.here(), name).map_err(|errno| (MAKING, errno))?;
        self.done.others += 1;
        self.keep_of_node(name, found)
    }

    fn node(&mut self, name: &CStr, is: FileType, found: &Stat) -> Result<(), (&'static str, Errno)> {
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(self.made.here(), name, is, mode, found.st_rdev).map_err(|errno| (MAKING, errno))?;
        self.done.others += 1;
        self.keep_of_node(name, found)
    }

    /// Owner, mode and times of what cannot be opened: by a place.
    fn keep_of_node(&mut self, name: &CStr, found: &Stat) -> Result<(), (&'static str, Errno)> {
        let to = openat(self.made.here(), name, PLACE, Mode::empty()).map_err(|errno| (OPENING, errno))?;
        let is = fstat(&to).map_err(|errno| (OPENING, errno))?;
        if FileType::from_raw_mode(is.st_mode) != FileType::from_raw_mode(found.st_mode) {
            return Err((MAKING, Errno::STALE));
        }
        if !self.own {
            let (user, group) = (Uid::from_raw(found.st_uid), Gid::from_raw(found.st_gid));
            chownat(&to, "", Some(user), Some(group), AtFlags::EMPTY_PATH).map_err(|errno| (kept::OWNER, errno))?;
        }
        if FileType::from_raw_mode(is.st_mode) != FileType::Symlink {
            set_mode_of(to.as_fd(), found.st_mode & 0o7777).map_err(|errno| (kept::MODE, errno))?;
        }
        utimensat(&to, "", &kept::times(found), AtFlags::EMPTY_PATH).map_err(|errno| (kept::TIMES, errno))
    }
}

impl Root {
    /// The directory that `path` is in, held, and its last name.
    pub(crate) fn parent_held<'a>(&self, path: &'a Path, links: Links) -> Result<(OwnedFd, &'a OsStr), Errno> {
        if path.as_os_str().as_bytes().contains(&0) {
            return Err(Errno::INVAL);
        }
        let (directory, name) = self.parent_with(path, links).map_err(crate::root::refusal)?;
        Ok((crate::sys::owned(directory), name))
    }
}
