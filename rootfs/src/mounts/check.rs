// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks: what makes no sense whatever the machine is, each in a sentence that begins with its place.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::{Mount, Mounts, Symlink, Tmpfs};
use crate::error::{Error, Object};
use crate::steps::MOST;

/// `PATH_MAX`, with the NUL that ends a path for the kernel.
const PATH_MAX: usize = 4096;
/// `NAME_MAX`.
const NAME_MAX: usize = 255;

/// What may be covered below a proc: files that a program reads numbers from, which somebody else may know better. Anything
/// else there could make a program, or a runtime that joins later, believe what a file system of others says.
const COVERABLE: [&str; 10] = [
    "cpuinfo",
    "diskstats",
    "loadavg",
    "meminfo",
    "slabinfo",
    "stat",
    "swaps",
    "uptime",
    "sys/crypto/fips_enabled",
    "sys/kernel/ns_last_pid",
];

impl Mounts {
    /// Everything that is wrong with it whatever the machine is, a sentence each: targets that are relative, or leave the
    /// root, or are mounted already, or hide what was mounted before them (unless they [may](Self::may_hide)); links that lead back to themselves; what may
    /// not lie over a proc; more than 65,534 of all; numbers that the kernel would refuse, or take for "no limit".
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut order = Order::new();
        let paths = [("directories", &self.directories), ("read_only", &self.read_only), ("masked", &self.masked)];
        let count = paths.iter().fold(self.mounts.len(), |count, (_, paths)| count.saturating_add(paths.len()));
        if count > MOST {
            problems.push(format!("mounts: {count} of them, with the paths, of which there may be {MOST}"));
        }
        for (at, mount) in self.mounts.iter().enumerate() {
            let place = format!("mounts[{at}]");
            problems_of(mount, &place, &mut problems);
            if problems_of_path(mount.target(), &format!("{place}.target"), &mut problems) {
                problems_below_proc(mount, &place, &mut problems);
                let copies = matches!(mount, Mount::Tmpfs(Tmpfs { copy_up: true, .. }));
                let mut hidden = Vec::new();
                if let Some(over) = order.add(at, mount.target(), &mut hidden).filter(|_| copies) {
                    let why = "what is copied is what the root itself has there, and this lies over it";
                    problems.push(format!("{place}.copy_up: {why}: mounts[{over}]"));
                }
                if !self.may_hide {
                    problems.append(&mut hidden);
                }
            }
        }
        problems.extend(super::rings::problems(&self.mounts));
        for (list, paths) in paths {
            let mut seen = HashMap::new();
            for (at, path) in paths.iter().enumerate() {
                let place = format!("{list}[{at}]");
                if problems_of_path(path, &place, &mut problems)
                    && let Some(first) = seen.insert(plain(path), at)
                {
                    problems.push(format!("{place} {path:?} is {list}[{first}] already"));
                }
            }
        }
        problems
    }

    /// Whether it makes sense; see [`problems`](Self::problems).
    ///
    /// # Errors
    /// `Invalid`, with every problem ([`Error::problems`]).
    pub fn check(&self) -> Result<(), Error> {
        let problems = self.problems();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid("use", Object::Named("mounts"), problems)) }
    }
}

/// What is wrong with one kind of mount.
fn problems_of(mount: &Mount, place: &str, problems: &mut Vec<String>) {
    let mut say = |sentence: String| problems.push(format!("{place}.{sentence}"));
    match mount {
        Mount::Bind(bind) => {
            bind.own_problems().into_iter().for_each(&mut say);
        }
        Mount::Tmpfs(Tmpfs { size, inodes, mode, .. }) => {
            if *size == Some(0) {
                say("size 0 would be no limit to the kernel: leave it out if none is wanted".to_owned());
            }
            if *inodes == Some(0) {
                say("inodes 0 would be no limit to the kernel: leave it out if none is wanted".to_owned());
            }
            if let Some(mode) = mode.filter(|mode| *mode > 0o7777) {
                say(format!("mode {mode:#o} has bits beyond 07777"));
            }
        }
        Mount::Dev(dev) if dev.size == 0 => say("size 0 would be no limit to the kernel".to_owned()),
        Mount::Dev(dev) if dev.attributes.contains(super::Attributes::NODEV) => {
            say("attributes have nodev: its devices would not be devices".to_owned());
        }
        Mount::Devpts(devpts) => {
            for (name, mode) in [("mode", devpts.mode), ("ptmx_mode", devpts.ptmx_mode)] {
                if mode > 0o777 {
                    say(format!("{name} {mode:#o} has bits beyond 0777"));
                }
            }
            if devpts.gid == Some(u32::MAX) {
                say(format!("gid {} means \"no group\"", u32::MAX));
            }
            if devpts.max.is_some_and(|max| max == 0 || max > 1 << 20) {
                say(format!("max {} is not within 1 and 1048576", devpts.max.unwrap_or_default()));
            }
            if devpts.attributes.contains(super::Attributes::NODEV) {
                say("attributes have nodev: its terminals would not be terminals".to_owned());
            }
        }
        Mount::Overlay(overlay) => overlay.own_problems().into_iter().for_each(say),
        Mount::Symlink(Symlink { to, .. }) => {
            let bytes = to.as_os_str().as_bytes();
            if bytes.is_empty() || bytes.len() >= PATH_MAX || bytes.contains(&0) {
                say(format!("to {to:?} leads nowhere: a link has 1 to {} bytes, none of them NUL", PATH_MAX - 1));
            }
        }
        Mount::FileSystem(named) => named.own_problems().into_iter().for_each(say),
        Mount::Cgroups(cgroups) => cgroups.own_problems().into_iter().for_each(say),
        Mount::Disk(disk) => disk.own_problems().into_iter().for_each(say),
        Mount::Device(device) => device.own_problems().into_iter().for_each(say),
        Mount::Proc(_) | Mount::Sysfs(_) | Mount::Mqueue(_) | Mount::Dev(_) => {}
    }
    problems.extend(mount.attributes().problem().map(|problem| format!("{place}.{problem}")));
}

/// What is wrong with a path in the root; answers whether nothing is.
fn problems_of_path(path: &Path, place: &str, problems: &mut Vec<String>) -> bool {
    let mut found = path_problems(path);
    if found.is_empty() {
        if path.components().any(|part| part == Component::ParentDir) {
            found.push("leaves the root".to_owned());
        } else if path.components().all(|part| part == Component::RootDir) {
            found.push("is the root itself".to_owned());
        } else if path.as_os_str().as_bytes().contains(&b'\n') {
            // What lists mounts, a line each, would be made to list others.
            found.push("has a line break in it".to_owned());
        }
    }
    let fine = found.is_empty();
    problems.extend(found.into_iter().map(|problem| format!("{place} {path:?} {problem}")));
    fine
}

/// Whether a path is one of the root, and not the root itself.
pub(crate) fn is_in_root(path: &Path) -> bool {
    problems_of_path(path, "", &mut Vec::new())
}

/// What is wrong with any path.
pub(crate) fn path_problems(path: &Path) -> Vec<String> {
    let bytes = path.as_os_str().as_bytes();
    let mut problems = Vec::new();
    if bytes.contains(&0) {
        problems.push("has a NUL byte in it, which ends a string for the kernel".to_owned());
    }
    if !path.is_absolute() {
        problems.push("is not absolute".to_owned());
    }
    if bytes.len() >= PATH_MAX {
        problems.push(format!("is {} bytes long: the kernel takes at most {}", bytes.len(), PATH_MAX - 1));
    } else if bytes.split(|byte| *byte == b'/').any(|name| name.len() > NAME_MAX) {
        problems.push(format!("has a name in it that is longer than {NAME_MAX} bytes"));
    }
    problems
}

/// What may not be mounted on /proc, and in it.
fn problems_below_proc(mount: &Mount, place: &str, problems: &mut Vec<String>) {
    let target = plain(mount.target());
    let Ok(below) = target.strip_prefix("/proc") else { return };
    let said = mount.target();
    let is_proc = match mount {
        Mount::Proc(_) => true,
        Mount::FileSystem(named) => named.kind == "proc",
        Mount::Bind(bind) => plain(&bind.source) == Path::new("/proc"),
        _ => false,
    };
    if below.as_os_str().is_empty() {
        if !is_proc {
            problems
                .push(format!("{place}.target {said:?} can hold a proc alone: programs believe what they read there"));
        }
    } else if !COVERABLE.iter().any(|path| below == Path::new(path)) {
        let known = COVERABLE.join(", ");
        problems.push(format!("{place}.target {said:?} is below /proc, where only these may be covered: {known}"));
    }
}

/// The path without "." and doubled slashes.
pub(crate) fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

/// What was mounted so far: the tree of the names on the way, so that the cost of a path is its length.
#[derive(Debug)]
struct Order<'a> {
    /// Each place, by the place above it and its name.
    places: HashMap<(usize, &'a OsStr), usize>,
    /// What is at each place, the top being the first.
    known: Vec<Known<'a>>,
}

/// What is known of a place.
#[derive(Debug, Clone, Copy, Default)]
struct Known<'a> {
    /// The mount that is there.
    at: Option<usize>,
    /// The first mount below it, and where that is.
    below: Option<(usize, &'a Path)>,
}

impl<'a> Order<'a> {
    fn new() -> Self {
        Self { places: HashMap::new(), known: vec![Known::default()] }
    }

    /// Notes a mount; answers which one it is mounted in, if it is in one.
    fn add(&mut self, at: usize, target: &'a Path, problems: &mut Vec<String>) -> Option<usize> {
        let (mut here, mut inside) = (0, None);
        for part in target.components() {
            let Component::Normal(name) = part else { continue };
            if let Some(above) = self.known.get_mut(here) {
                above.below.get_or_insert((at, target));
                inside = above.at.or(inside);
            }
            let next = self.known.len();
            here = *self.places.entry((here, name)).or_insert(next);
            if here == next {
                self.known.push(Known::default());
            }
        }
        let known = self.known.get_mut(here)?;
        if let Some(first) = known.at {
            problems.push(format!("mounts[{at}].target {target:?} is mounted already, by mounts[{first}]"));
        } else if let Some((first, hidden)) = known.below {
            let hidden = plain(hidden);
            problems.push(format!("mounts[{at}].target {target:?} hides mounts[{first}], which is at {hidden:?}"));
        }
        inside = known.at.or(inside);
        known.at.get_or_insert(at);
        inside
    }
}
