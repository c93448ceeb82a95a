// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bind: something of this machine that is seen in the root too.
//!
//! Man: mount(8), "Bind mount operation".

use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

use super::attributes::{Attributes, common_methods};
use super::check::path_problems;
use super::idmap::Idmap;
use super::propagation::Propagation;
use crate::floor::attach::attribute::REMOVED;

/// A file or directory of this machine, seen at a place in the root too.
///
/// What is mounted below the source comes along, and the attributes hold for that too, unless
/// [`without_submounts`](Self::without_submounts) or [`attributes_on_top_only`](Self::attributes_on_top_only) says
/// otherwise. The source is followed if it is a link: it is this machine's, and believed.
///
/// ```
/// use skep_rootfs::{Bind, Mounts};
///
/// let mounts = Mounts::new().add(Bind::new("/var/log/web", "/logs").read_only().create_target());
/// assert!(mounts.problems().is_empty());
/// ```
/// # Kernel
/// Attributes on what is mounted below the source are set by one call since Linux 5.12 (`mount_setattr`); before it, or
/// where a filter refuses that, one mount at a time, at most 1024. What cannot be set is an error: nothing is left writable
/// in silence. Of what is mounted below a directory that nobody of the user namespace can enter, as those of Docker for an
/// ordinary account, the attributes stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[doc(alias = "MS_BIND")]
#[non_exhaustive]
pub struct Bind {
    /// An absolute path of this machine.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub source: PathBuf,
    /// Where in the root: an absolute path.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub target: PathBuf,
    /// What may not be done through it.
    pub attributes: Attributes,
    /// Whether what is mounted below the source comes along.
    pub recursive: bool,
    /// Whether the attributes hold for that too.
    pub deep: bool,
    /// What may not be done through it nor through anything that comes along, whatever `deep` says.
    pub below: Attributes,
    /// What may be done through it again, although the source's own mount forbids it. How access times are kept is none of
    /// that.
    pub cleared: Attributes,
    /// The same of all that comes along too.
    pub cleared_below: Attributes,
    /// Which ids its files are seen with.
    pub idmap: Option<Idmap>,
    /// Whether that holds for what is mounted below the source too.
    pub idmap_deep: bool,
    /// Where mounts go to that are made in it later, and where they come from. Unset is as at the source.
    pub propagation: Option<Propagation>,
    /// Whether the source is a path in the root, resolved as targets are, and not one of this machine.
    pub inside: bool,
    /// Whether the source is one of who prepares the mounts, and opened then.
    pub by_caller: bool,
    /// Whether nothing is done where the source is absent.
    pub optional: bool,
    /// Whether the target is made where it is absent: a directory or a file, as the source is.
    pub create: bool,
}

impl Bind {
    /// `source`, seen at `target`.
    #[must_use]
    pub fn new(source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        Self {
            source: source.into(),
            target: target.into(),
            attributes: Attributes::empty(),
            recursive: true,
            deep: true,
            below: Attributes::empty(),
            cleared: Attributes::empty(),
            cleared_below: Attributes::empty(),
            idmap: None,
            idmap_deep: true,
            propagation: None,
            inside: false,
            by_caller: false,
            optional: false,
            create: false,
        }
    }

    /// What `fd` is open on, seen at `target`: a directory, a file, a terminal. It must be open, with this number, until the
    /// mounts are prepared ([`Steps::prepare`](crate::Steps::prepare)).
    ///
    /// ```
    /// # use std::fs::File;
    /// use skep_rootfs::{Bind, Dev, Mounts, Pty};
    ///
    /// # if File::open("/dev/pts/ptmx").is_err() { return Ok(()) }
    /// // A console that is a given terminal.
    /// let pty = Pty::open_in(File::open("/dev/pts")?)?;
    /// let peer = pty.peer()?;
    /// let mounts = Mounts::new().add(Dev::new("/dev")).add(Bind::of_descriptor(&peer, "/dev/console").create_target());
    /// mounts.check()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    /// # Privileges
    /// As [`taken_by_caller`](Self::taken_by_caller).
    #[must_use]
    #[doc(alias = "console")]
    pub fn of_descriptor(fd: impl AsFd, target: impl Into<PathBuf>) -> Self {
        let source = Path::new("/proc/self/fd").join(fd.as_fd().as_raw_fd().to_string());
        Self::new(source, target).taken_by_caller()
    }

    /// Has the source be opened by who prepares the mounts, before the steps are performed: it may be what a user namespace
    /// has no right to reach.
    /// # Privileges
    /// `CAP_SYS_ADMIN` for mounts of this machine's.
    #[must_use]
    pub fn taken_by_caller(mut self) -> Self {
        self.by_caller = true;
        self
    }

    /// Leaves what is mounted below the source behind.
    ///
    /// In a user namespace the kernel refuses that (`EINVAL`): what was mounted over shall stay covered.
    #[must_use]
    #[doc(alias = "MS_REC")]
    pub fn without_submounts(mut self) -> Self {
        self.recursive = false;
        self
    }

    /// Sets the attributes on the source's own mount alone: what is mounted below it stays writable, for instance.
    #[must_use]
    #[doc(alias = "AT_RECURSIVE")]
    pub fn attributes_on_top_only(mut self) -> Self {
        self.deep = false;
        self
    }

    /// Sets these on it and on all that comes along, beside those that may be set on it alone.
    #[must_use]
    pub fn attributes_below(mut self, attributes: Attributes) -> Self {
        self.below = attributes;
        self
    }

    /// Takes these away, which the source's own mount has: it becomes writable again, for instance.
    ///
    /// In a user namespace the kernel refuses that for what was set outside of it (`EPERM`).
    #[must_use]
    pub fn clear(mut self, attributes: Attributes) -> Self {
        self.cleared = attributes;
        self
    }

    /// Has its files be seen with other ids than they are stored with.
    /// # Privileges
    /// `CAP_SYS_ADMIN` over the user namespace that the source's file system was mounted in: in the first one, for most.
    /// # Kernel
    /// Linux 5.12, and a file system that can: see [`Idmap`].
    #[must_use]
    #[doc(alias = "MOUNT_ATTR_IDMAP")]
    pub fn idmap(mut self, map: Idmap) -> Self {
        self.idmap = Some(map);
        self
    }

    /// Has that hold for the source's own mount alone.
    #[must_use]
    pub fn idmap_on_top_only(mut self) -> Self {
        self.idmap_deep = false;
        self
    }

    /// Where mounts go to that are made in it later, and where they come from.
    #[must_use]
    pub fn propagation(mut self, propagation: Propagation) -> Self {
        self.propagation = Some(propagation);
        self
    }

    /// Takes the source for a path in the root, where an earlier mount may have put it.
    #[must_use]
    #[doc(alias = "relative")]
    pub fn from_inside(mut self) -> Self {
        self.inside = true;
        self
    }

    /// Does nothing where the source is absent.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Everything that is wrong with it but its target, a sentence each that begins with the field.
    pub(super) fn own_problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = path_problems(&self.source)
            .into_iter()
            .map(|problem| format!("source {:?} {problem}", self.source))
            .collect();
        for (name, set, cleared) in
            [("attributes", self.attributes, self.cleared), ("below", self.below, self.cleared_below)]
        {
            let both = set.intersection(cleared);
            if !both.is_empty() {
                problems.push(format!("{name} have {both}, which is to be cleared too"));
            }
            let times = cleared.intersection(Attributes::TIMES);
            if !times.is_empty() {
                problems.push(format!("{name} cannot be cleared of {times}: another one takes its place"));
            }
        }
        if let Some(map) = &self.idmap {
            problems.extend(map.problems().into_iter().map(|problem| format!("idmap.{problem}")));
            if self.inside {
                problems.push("idmap: what is in the root is not there yet when maps are made".to_owned());
            }
        }
        if self.by_caller && self.inside {
            problems.push("by_caller: what is in the root is not there yet when mounts are prepared".to_owned());
        }
        problems
    }

    /// What becomes of the attributes of its own mount, and of all that comes along, in the floor's words.
    pub(crate) fn changes(&self) -> (u32, u32) {
        let word = |set: Attributes, cleared: Attributes| set.bits() | cleared.bits() << REMOVED;
        if self.deep {
            let (set, cleared) = (self.attributes.union(self.below), self.cleared.union(self.cleared_below));
            (0, word(set, cleared.difference(set)))
        } else {
            (word(self.attributes, self.cleared), word(self.below, self.cleared_below))
        }
    }
}

common_methods!(Bind);

impl Default for Bind {
    fn default() -> Self {
        Self::new("", "")
    }
}
