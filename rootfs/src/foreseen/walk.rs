// SPDX-License-Identifier: MIT OR Apache-2.0
//! The walk: from name to name, as a program in the root will go.
//!
//! Where it is, is the list of names from the top without links, ".." and ".": so a place has one path, by which mounts are
//! found that lie over it. A mount hides what earlier ones have put below it.
//!
//! Man: path_resolution(7).

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::io::{Errno as Refusal, fcntl_dupfd_cloexec};

use super::directory::Directory;
use crate::error::Error;
use crate::mounts::{Mount, Mounts};
use crate::root::names_directory;

/// As many links as the kernel follows: `MAXSYMLINKS`.
const LINKS_MAX: u32 = 40;

/// What is at a place.
#[derive(Debug)]
pub(super) enum Node {
    Directory(Directory),
    /// A directory with nothing in it but what is mounted there.
    Empty,
    /// A file with nothing in it.
    Blank,
    /// What is no directory and no link, as a place (`O_PATH`).
    File(OwnedFd),
    Link(PathBuf),
    /// Nobody knows yet, and why.
    Unknown(String),
}

impl Node {
    /// A directory with all that is mounted below it.
    pub(super) fn whole(fd: OwnedFd) -> Self {
        Self::Directory(Directory::whole(fd))
    }

    pub(super) fn try_clone(&self) -> Result<Self, Refusal> {
        Ok(match self {
            Self::Directory(directory) => Self::Directory(directory.try_clone()?),
            Self::Empty => Self::Empty,
            Self::Blank => Self::Blank,
            Self::File(fd) => Self::File(fcntl_dupfd_cloexec(fd, 0)?),
            Self::Link(to) => Self::Link(to.clone()),
            Self::Unknown(why) => Self::Unknown(why.clone()),
        })
    }

    fn is_no_directory(&self) -> bool {
        matches!(self, Self::Blank | Self::File(_) | Self::Link(_))
    }
}

/// Why a walk ends before it is there.
#[derive(Debug)]
pub(super) enum Stop {
    Os(Refusal),
    /// It is no file to be read, in a sentence.
    NoFile(String),
    /// It cannot be told beforehand, in a sentence.
    Unforeseen(String),
    Leaf(Error),
}

impl From<Refusal> for Stop {
    fn from(errno: Refusal) -> Self {
        Self::Os(errno)
    }
}

/// A root, and where everything is mounted in it.
pub(super) struct Walk<'a> {
    top: &'a Node,
    pub(super) mounts: &'a [Mount],
    pub(super) user_namespace: bool,
    pub(super) placed: Vec<Placed>,
    masked: Vec<Vec<OsString>>,
}

/// A mount of the list, by its number, and where it is.
pub(super) struct Placed {
    pub(super) at: usize,
    pub(super) path: Vec<OsString>,
}

/// Where a walk has ended.
pub(super) struct Place {
    /// The names that lead there.
    pub(super) path: Vec<OsString>,
    /// What is there; nothing of what is absent.
    pub(super) node: Option<Arc<Node>>,
}

/// What a walk sees, and how it ends.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    /// How many mounts of the list are there already.
    pub(super) mounts: usize,
    /// Whether a link at the end is followed.
    pub(super) follow: bool,
}

/// A directory on the way.
struct Stage {
    name: OsString,
    node: Arc<Node>,
    /// The mounts of the list from this number on lie over what is in it; those before are hidden.
    since: usize,
}

enum Part {
    Up,
    /// What must be a directory: a slash ends the path.
    Here,
    Name(OsString),
}

impl<'a> Walk<'a> {
    pub(super) fn new(top: &'a Node, mounts: &'a Mounts, user_namespace: bool) -> Self {
        let mut walk = Self { top, mounts: &mounts.mounts, user_namespace, placed: Vec::new(), masked: Vec::new() };
        for (at, mount) in mounts.mounts.iter().enumerate() {
            // A link is made where it is said to be, whatever is there.
            let manner = Manner { mounts: at, follow: !matches!(mount, Mount::Symlink(_)) };
            let path = walk.path_of(mount.target(), manner);
            walk.placed.push(Placed { at, path });
        }
        let all = Manner { mounts: usize::MAX, follow: true };
        walk.masked = mounts.masked.iter().map(|path| walk.path_of(path, all)).collect();
        walk
    }

    /// The names that lead to it. What cannot be walked to is as it is written: whoever goes there fails in the same way.
    fn path_of(&self, path: &Path, manner: Manner) -> Vec<OsString> {
        let written = || path.components().filter_map(name_of).map(OsStr::to_owned).collect();
        self.resolve(path, manner).map_or_else(|_| written(), |place| place.path)
    }

    /// What is at `path` once everything is mounted.
    pub(super) fn find(&self, path: &Path) -> Result<Option<Arc<Node>>, Stop> {
        self.resolve(path, Manner { mounts: usize::MAX, follow: true }).map(|place| place.node)
    }

    pub(super) fn resolve(&self, path: &Path, manner: Manner) -> Result<Place, Stop> {
        let mut to_do: Vec<Part> = parts(path).collect();
        let mut way: Vec<Stage> = Vec::new();
        let mut links = 0;
        while let Some(part) = to_do.pop() {
            let name = match part {
                Part::Name(name) => name,
                Part::Up | Part::Here if way.last().is_some_and(|stage| stage.node.is_no_directory()) => {
                    return Err(Stop::Os(Refusal::NOTDIR));
                }
                Part::Up => {
                    way.pop();
                    continue;
                }
                Part::Here => continue,
            };
            let mut names: Vec<OsString> = way.iter().map(|stage| stage.name.clone()).collect();
            names.push(name.clone());
            let Some((node, since)) = self.entry(way.last(), &names, manner.mounts)? else {
                names.extend(to_do.into_iter().rev().filter_map(|part| match part {
                    Part::Up | Part::Here => None,
                    Part::Name(name) => Some(name),
                }));
                return Ok(Place { path: names, node: None });
            };
            if let Node::Link(to) = &*node
                && (manner.follow || !to_do.is_empty())
            {
                links += 1;
                if links > LINKS_MAX {
                    return Err(Stop::Os(Refusal::LOOP));
                }
                if to.is_absolute() {
                    way.clear();
                }
                to_do.extend(parts(to));
                continue;
            }
            way.push(Stage { name, node, since });
        }
        let node =
            way.last().map_or_else(|| self.top.try_clone().map(Arc::new), |stage| Ok(Arc::clone(&stage.node)))?;
        Ok(Place { path: way.into_iter().map(|stage| stage.name).collect(), node: Some(node) })
    }

    /// What has the last of `names` in the directory that the others lead to, and since which mount that holds.
    fn entry(
        &self,
        above: Option<&Stage>,
        names: &[OsString],
        mounts: usize,
    ) -> Result<Option<(Arc<Node>, usize)>, Stop> {
        let (directory, since) = above.map_or((self.top, 0), |stage| (&*stage.node, stage.since));
        let found = self.entry_unmasked(directory, since, names, mounts)?;
        if mounts == usize::MAX && self.masked.iter().any(|masked| masked == names) {
            let covered = |node: &Node| if node.is_no_directory() { Node::Blank } else { Node::Empty };
            return Ok(found.map(|(node, _)| (Arc::new(covered(&node)), usize::MAX)));
        }
        Ok(found)
    }

    fn entry_unmasked(
        &self,
        directory: &Node,
        since: usize,
        names: &[OsString],
        mounts: usize,
    ) -> Result<Option<(Arc<Node>, usize)>, Stop> {
        let there = |placed: &&Placed| (since..mounts).contains(&placed.at);
        for placed in self.placed.iter().rev().filter(there).filter(|placed| placed.path == names) {
            if let Some(node) = self.mounted(placed.at)? {
                return Ok(Some((Arc::new(node), placed.at.saturating_add(1))));
            }
        }
        let name = names.last().map_or(OsStr::new(""), OsString::as_os_str);
        let own = match directory {
            Node::Directory(directory) => directory.entry(name)?,
            Node::Empty => None,
            Node::Unknown(why) => return Err(Stop::Unforeseen(why.clone())),
            Node::Blank | Node::File(_) | Node::Link(_) => return Err(Stop::Os(Refusal::NOTDIR)),
        };
        // Where something is mounted below, the directories on the way to it are made.
        let leads_on = |placed: &Placed| placed.path.len() > names.len() && placed.path.starts_with(names);
        let made = || self.placed.iter().filter(there).any(leads_on).then_some(Node::Empty);
        Ok(own.or_else(made).map(|node| (Arc::new(node), since)))
    }
}

/// The parts of a path, the last first: so they are taken from the end of a list.
fn parts(path: &Path) -> impl Iterator<Item = Part> + '_ {
    let names = path.components().rev().filter_map(|part| match part {
        Component::ParentDir => Some(Part::Up),
        part => name_of(part).map(|name| Part::Name(name.to_owned())),
    });
    names_directory(path).then_some(Part::Here).into_iter().chain(names)
}

fn name_of(part: Component<'_>) -> Option<&OsStr> {
    match part {
        Component::Normal(name) => Some(name),
        _ => None,
    }
}
