// SPDX-License-Identifier: MIT OR Apache-2.0
//! Id maps of mounts: files are seen with other owners than they are stored with.
//!
//! Man: mount_setattr(2), "ID-mapped mounts"; mount(8), "X-mount.idmap".

use std::fmt;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::check::path_problems;

/// The most ranges that the kernel takes.
const RANGES_MAX: usize = 340;

/// Which ids the files of a mount are seen with: ranges, or what a user namespace maps.
///
/// As text it is what mount(8) takes behind `X-mount.idmap=`: "u:0:100000:65536 g:0:100000:65536", "b:…" for both at once,
/// or the path of a user namespace.
///
/// ```
/// use skep_rootfs::Idmap;
///
/// let map = Idmap::new().both(0, 100_000, 65_536);
/// assert_eq!(map, "b:0:100000:65536".parse()?);
/// assert_eq!(map.to_string(), "u:0:100000:65536 g:0:100000:65536");
/// # Ok::<(), String>(())
/// ```
/// # Kernel
/// Linux 5.12 for ext4, vfat, xfs; 5.15 btrfs, ntfs3; 5.18 f2fs; 5.19 erofs; 6.2 squashfs; 6.3 tmpfs; 6.7 ceph; 6.12 FUSE
/// whose server asks for it. No overlay, proc, sysfs, nfs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Idmap {
    /// These ranges; an id in none of them is seen as the overflow id, and nothing can be made that would have it.
    Ranges {
        /// Of users.
        users: Vec<IdRange>,
        /// Of groups.
        groups: Vec<IdRange>,
    },
    /// As the user namespace that this path leads to: "/proc/7/ns/user".
    Namespace(#[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))] PathBuf),
}

/// Ids that are seen as others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct IdRange {
    /// The first id as files have it that are stored.
    pub stored: u32,
    /// The first id as they are seen by this process.
    pub seen: u32,
    /// How many, at least 1.
    pub count: u32,
}

impl Idmap {
    /// No ranges yet.
    #[must_use]
    pub const fn new() -> Self {
        Self::Ranges { users: Vec::new(), groups: Vec::new() }
    }

    /// Those of the user namespace that `path` leads to.
    #[must_use]
    pub fn namespace(path: impl Into<PathBuf>) -> Self {
        Self::Namespace(path.into())
    }

    /// Those of the user namespace that `fd` is open on, which must be open, with this number, until the mounts are
    /// prepared ([`Steps::prepare`](crate::Steps::prepare)).
    #[must_use]
    pub fn descriptor(fd: impl AsFd) -> Self {
        Self::Namespace(Path::new("/proc/self/fd").join(fd.as_fd().as_raw_fd().to_string()))
    }

    /// Adds users; takes the place of a namespace.
    #[must_use]
    pub fn users(self, stored: u32, seen: u32, count: u32) -> Self {
        self.with(true, false, IdRange { stored, seen, count })
    }

    /// Adds groups; takes the place of a namespace.
    #[must_use]
    pub fn groups(self, stored: u32, seen: u32, count: u32) -> Self {
        self.with(false, true, IdRange { stored, seen, count })
    }

    /// Adds users and groups of the same numbers.
    #[must_use]
    pub fn both(self, stored: u32, seen: u32, count: u32) -> Self {
        self.with(true, true, IdRange { stored, seen, count })
    }

    fn with(self, to_users: bool, to_groups: bool, range: IdRange) -> Self {
        let (mut users, mut groups) = match self {
            Self::Ranges { users, groups } => (users, groups),
            Self::Namespace(_) => (Vec::new(), Vec::new()),
        };
        users.extend(to_users.then_some(range));
        groups.extend(to_groups.then_some(range));
        Self::Ranges { users, groups }
    }

    /// Everything that is wrong with it whatever the machine is, a sentence each: no range, one that is empty or ends
    /// beyond the last id, or has ids that another one has.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let (users, groups) = match self {
            Self::Ranges { users, groups } => (users, groups),
            Self::Namespace(path) => {
                let found = path_problems(path).into_iter();
                return found.map(|problem| format!("namespace {path:?} {problem}")).collect();
            }
        };
        let mut problems = Vec::new();
        for (name, ranges) in [("users", users), ("groups", groups)] {
            if ranges.is_empty() || ranges.len() > RANGES_MAX {
                problems.push(format!("{name} has {} ranges: the kernel takes 1 to {RANGES_MAX}", ranges.len()));
                continue;
            }
            for (at, range) in ranges.iter().enumerate() {
                let fits = |first: u32| first.checked_add(range.count).is_some();
                if range.count == 0 {
                    problems.push(format!("{name}[{at}] has no ids"));
                } else if !fits(range.stored) || !fits(range.seen) {
                    problems.push(format!("{name}[{at}] ends beyond 4294967294, the last id"));
                }
                for (other, earlier) in ranges.iter().enumerate().take(at) {
                    let meet = |one: u32, two: u32| {
                        u64::from(one) < u64::from(two) + u64::from(earlier.count)
                            && u64::from(two) < u64::from(one) + u64::from(range.count)
                    };
                    if meet(range.stored, earlier.stored) || meet(range.seen, earlier.seen) {
                        problems.push(format!("{name}[{at}] has ids that are in {name}[{other}] too"));
                    }
                }
            }
        }
        problems
    }
}

impl Default for Idmap {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Idmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace(path) => write!(f, "{}", path.display()),
            Self::Ranges { users, groups } => {
                let ranges = users.iter().map(|range| ('u', range)).chain(groups.iter().map(|range| ('g', range)));
                for (at, (kind, IdRange { stored, seen, count })) in ranges.enumerate() {
                    write!(f, "{}{kind}:{stored}:{seen}:{count}", if at == 0 { "" } else { " " })?;
                }
                Ok(())
            }
        }
    }
}

/// The error is what is wrong with the text.
impl FromStr for Idmap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return Ok(Self::namespace(text));
        }
        let mut map = Self::new();
        for word in text.split_ascii_whitespace() {
            let mut parts = word.split(':');
            let kind = parts.next().unwrap_or_default();
            let numbers: Vec<u32> = parts.map_while(decimal).collect();
            let (&[stored, seen, count], 3) = (&*numbers, word.matches(':').count()) else {
                return Err(format!("{word:?} is no range: u:STORED:SEEN:COUNT, g:… or b:… for both"));
            };
            map = match kind {
                "u" => map.users(stored, seen, count),
                "g" => map.groups(stored, seen, count),
                "b" => map.both(stored, seen, count),
                _ => return Err(format!("{word:?} begins with neither u, g nor b")),
            };
        }
        Ok(map)
    }
}

/// A number of decimal digits alone.
fn decimal(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}
