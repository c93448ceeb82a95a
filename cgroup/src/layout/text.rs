// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two texts of /proc, read without asking the kernel anything else.
//!
//! Man: proc_pid_mountinfo(5), cgroups(7) "/proc/pid/cgroup".

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::{Access, Hierarchy, Version};
use crate::controller::Controller;
use crate::path;

/// A mounted hierarchy, as a line of `/proc/self/mountinfo` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// Its number, by which it is told from one on top of it.
    pub(super) id: u64,
    pub(super) version: Version,
    pub(super) root: PathBuf,
    pub(super) point: PathBuf,
    /// Whether nothing can be written by this mount.
    read_only: bool,
    /// The options of the hierarchy: controllers, "name=…" and others.
    options: Vec<String>,
}

/// A line of `/proc/self/cgroup`: the controllers or the name, none for version 2, and the group.
struct Membership {
    names: Vec<String>,
    group: PathBuf,
}

/// The mounts of hierarchies, in the order of the text; a line that cannot be understood is none.
pub(super) fn mounts(mountinfo: &[u8]) -> Vec<Mount> {
    lines(mountinfo).filter_map(mount).collect()
}

/// The hierarchies of these mounts, with our own group in each; that of version 2 first.
///
/// Of several mounts of one hierarchy that one counts in which our group is seen; if that does not decide, one that can be
/// written to, then the one with the widest view, by which most can be reached, then the first, which others will name too.
/// What version 2 offers, and what we may do, is not in these texts.
pub(super) fn hierarchies(mounts: &[Mount], cgroup: &[u8]) -> Vec<Hierarchy> {
    let memberships: Vec<Membership> = lines(cgroup).filter_map(membership).collect();
    let mut found: Vec<(Vec<String>, Rank, Hierarchy)> = Vec::new();
    for mount in mounts {
        let (names, new) = hierarchy(mount, &memberships);
        if mount.version == Version::V1 && names.is_empty() {
            continue;
        }
        let rank = (new.own.is_none(), mount.read_only, path::parts(&mount.root).count());
        match found.iter_mut().find(|(known, ..)| *known == names) {
            Some((_, old_rank, old)) if rank < *old_rank => (*old_rank, *old) = (rank, new),
            Some(_) => {}
            None => found.push((names, rank, new)),
        }
    }
    let mut hierarchies: Vec<Hierarchy> = found.into_iter().map(|(_, _, hierarchy)| hierarchy).collect();
    hierarchies.sort_by_key(|hierarchy| hierarchy.version != Version::V2);
    hierarchies
}

/// How good a mount is; less is better.
type Rank = (bool, bool, usize);

/// The hierarchy of a mount, and the names by which the kernel knows it, which are none in version 2.
fn hierarchy(mount: &Mount, memberships: &[Membership]) -> (Vec<String>, Hierarchy) {
    let v2 = mount.version == Version::V2;
    let is_name = |option: &String| !v2 && (option.starts_with("name=") || Controller::of_word(option).is_some());
    let (names, options): (Vec<String>, Vec<String>) = mount.options.iter().cloned().partition(is_name);
    let ours = memberships.iter().find(|membership| match v2 {
        true => membership.names.is_empty(),
        false => membership.names.iter().any(|name| names.contains(name)),
    });
    let hierarchy = Hierarchy {
        version: mount.version,
        name: names.iter().find_map(|name| name.strip_prefix("name=")).map(str::to_owned),
        controllers: names.iter().filter_map(|name| Controller::of_word(name)).collect(),
        mount_point: mount.point.clone(),
        mount_root: mount.root.clone(),
        own: ours.and_then(|ours| below(&mount.root, &ours.group)),
        access: Access::OutOfView,
        options: options.into_iter().filter(|option| !matches!(option.as_str(), "" | "rw" | "ro")).collect(),
        ..Hierarchy::default()
    };
    (names, hierarchy)
}

/// `group` as seen from `root`, both seen from our cgroup namespace.
///
/// In a cgroup namespace a group above or beside its root begins with "/..". Seen from a root above, our own names cannot
/// be told: the namespace hides them.
fn below(root: &Path, group: &Path) -> Option<PathBuf> {
    let mut parts = path::parts(group);
    for expected in path::parts(root) {
        if parts.next()? != expected {
            return None;
        }
    }
    let rest: Vec<&OsStr> = parts.collect();
    (!rest.iter().any(|part| *part == "..")).then(|| Path::new("/").join(rest.iter().collect::<PathBuf>()))
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// "31 23 0:28 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct".
fn mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let root = unescape(fields.nth(2)?);
    let point = unescape(fields.next()?);
    let is_ro = |options: &[u8]| options.split(|byte| *byte == b',').any(|option| option == b"ro");
    let mut read_only = is_ro(fields.next()?);
    // Behind the mount's options come tags, as many as there are, and a hyphen.
    let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
    let version = match fields.next()? {
        b"cgroup2" => Version::V2,
        b"cgroup" => Version::V1,
        _ => return None,
    };
    let options = fields.nth(1).unwrap_or_default();
    read_only |= is_ro(options);
    let options = String::from_utf8_lossy(options).split(',').map(str::to_owned).collect();
    Some(Mount { id, version, root, point, read_only, options })
}

/// "4:cpu,cpuacct:/user.slice"; the path is the rest of the line, colons included.
fn membership(line: &[u8]) -> Option<Membership> {
    let mut fields = line.splitn(3, |byte| *byte == b':');
    let (_, names, group) = (fields.next()?, std::str::from_utf8(fields.next()?).ok()?, fields.next()?);
    let names = names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Some(Membership { names, group: PathBuf::from(OsStr::from_bytes(group)) })
}

/// Mountinfo writes space, tab, newline and backslash as three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

/// The groups that `/proc/PID/cgroup` names, with the names of the hierarchy of each; none for version 2.
pub(crate) fn groups(cgroup: &[u8]) -> Vec<(Vec<String>, PathBuf)> {
    lines(cgroup).filter_map(membership).map(|ours| (ours.names, ours.group)).collect()
}

/// The controllers that `/proc/cgroups` has: those that are there, and those that were turned off at boot.
pub(super) fn kernel(cgroups: &str) -> (Vec<Controller>, Vec<Controller>) {
    let mut there = (Vec::new(), Vec::new());
    for line in cgroups.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split_ascii_whitespace();
        match (fields.next().and_then(Controller::of_word), fields.nth(2)) {
            (Some(controller), Some("1")) => there.0.push(controller),
            (Some(controller), Some("0")) => there.1.push(controller),
            _ => {}
        }
    }
    there
}
