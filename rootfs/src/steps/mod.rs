// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps: a root and its mounts as a list of what a thread has to do, in order.
//!
//! Made purely, from descriptions; performed by a thread in a mount namespace of its own, without a heap. What is shown of
//! them is what is done.

mod cgroups;
mod compile;
mod hint;
mod root;
#[cfg(test)]
mod tests;
mod trees;
mod words;

use std::ffi::{CStr, CString};
use std::fmt;
use std::path::PathBuf;

use crate::error::{Error, Object};
use crate::floor::{Errno, Room, Step, WORDS};
use crate::mounts::{Bind, Device, Disk, Mounts, Tmpfs};
pub use root::{Base, RootSpec};
pub use trees::Trees;

/// In what namespaces the steps will be performed: what can be mounted depends on it.
///
/// A new proc, sysfs and mqueue are owned by the user namespace that owns the pid, network and IPC namespace they show. In
/// a user namespace without such a one of its own the kernel refuses them (`EPERM`), and this machine's are bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Setting {
    /// A user namespace is made with the mount namespace.
    pub user_namespace: bool,
    /// A network namespace too.
    pub own_net: bool,
    /// A pid namespace too.
    pub own_pid: bool,
    /// An IPC namespace too.
    pub own_ipc: bool,
    /// A cgroup namespace too, by the time that the steps are performed.
    pub own_cgroup: bool,
    /// The user namespace maps the groups that mounts name: [`Devpts::gid`](crate::Devpts::gid). Else they are left out.
    pub groups_mapped: bool,
    /// A user and group of the user namespace that what is made shall belong to: the tops of new file systems, devices,
    /// links, directories. Unset is whoever performs the steps, and must not be where the user namespace does not map them:
    /// the kernel makes nothing there for who has no number (`EOVERFLOW`).
    ///
    /// ```
    /// use skep_rootfs::{Mounts, Setting, Steps};
    ///
    /// let setting = Setting { user_namespace: true, owner: Some((1000, 1000)), ..Setting::default() };
    /// let steps = Steps::new(None, &Mounts::standard(), setting);
    /// assert!(steps.iter().any(|step| step.to_string() == "give user 1000 and group 1000 what is made"));
    /// ```
    pub owner: Option<(u32, u32)>,
}

/// What a thread has to do to have a root and its mounts: a list, in order.
///
/// ```
/// use skep_rootfs::{Mounts, RootSpec, Setting, Steps, Tmpfs};
///
/// let root = RootSpec::new("/srv/web").read_only();
/// let steps = Steps::new(Some(&root), &Mounts::new().add(Tmpfs::new("/run").size(64 << 20)), Setting::default());
/// let words: Vec<String> = steps.iter().map(|step| step.to_string()).collect();
/// assert_eq!(words, [
///     "cut the way of mounts to the outside",
///     "make sure that nothing is mounted above the root or on it",
///     "take \"/srv/web\" as the root",
///     "mount tmpfs on \"/run\" (size 64 MiB, nosuid, nodev)",
///     "make the root read-only",
///     "move into the root, and leave nothing of the old one",
/// ]);
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Steps {
    words: Vec<[u32; WORDS]>,
    texts: Vec<u8>,
    /// What is made before any of them is performed, each for the next [`Step::Attach`].
    needs: Vec<Need>,
}

/// What is made before steps are performed, by who may do more than who performs them.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Need {
    /// A bind with other ids, or of what the caller alone may reach.
    Bind(Bind),
    /// A device.
    Device(Device),
    /// A tmpfs that begins with a copy of what the root has there, if it is made of a directory.
    CopyUp(Tmpfs, Option<PathBuf>),
    /// A file with a file system in it.
    Disk(Disk),
}

/// Where a thread stopped that performs [`Steps`]. Plain numbers: they fit through a pipe, and nothing is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// Which step it was, from 0.
    pub step: u16,
    /// Which half of it.
    pub part: u16,
    /// The kernel's number.
    pub errno: i32,
}

/// How many steps there may be: the two numbers above theirs tell of what is done before them.
pub(crate) const MOST: usize = u16::MAX as usize - 1;

impl Steps {
    /// What has to be done for `root` and `mounts`. Without a root the mounts are made in this machine's own "/".
    ///
    /// Pure. The descriptions must be without [problems](Mounts::problems), also [in this setting](Setting::problems).
    #[must_use]
    pub fn new(root: Option<&RootSpec>, mounts: &Mounts, setting: Setting) -> Self {
        let mut steps = Self::default();
        compile::compile(&mut steps, root, mounts, setting);
        steps
    }

    /// The steps, in order.
    pub fn iter(&self) -> impl Iterator<Item = Step<'_>> {
        self.words.iter().map_while(|words| Step::decode(*words, &|at| self.text(at)))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Performs them in the mount namespace that this thread is in. Neither allocates nor takes a lock.
    /// What the kernel has noted of a refusal is left in the room.
    pub(crate) fn perform(&self, room: &mut Room) -> Result<(), Stop> {
        let stop = |step, part, Errno(errno)| Stop { step, part, errno: errno.into() };
        let mut at = 0_u16;
        for step in self.iter() {
            step.perform(room).map_err(|failure| stop(at, failure.part, failure.errno))?;
            // Without a panic in the child, whatever it was given; more than there are numbers for are refused before.
            at = at.saturating_add(1);
        }
        Ok(())
    }

    /// What a [`Stop`] means, with the step's words and a hint where we are sure.
    #[must_use]
    pub fn error(&self, stop: Stop) -> Error {
        self.error_with_log(stop, "")
    }

    /// The same with what the kernel has noted of a file system that it refused ([`fs_log`](crate::fs_log)).
    #[must_use]
    pub fn error_with_log(&self, stop: Stop, log: &str) -> Error {
        let Stop { step: at, part, errno } = stop;
        let Some(step) = self.iter().nth(at.into()) else {
            return Error::os("perform", Object::Named("a step that is not in the list"), errno);
        };
        let object = Object::Step(step.object());
        let error = match step.part(part) {
            Some(half) if log.is_empty() => Error::explained(step.verb(), object, errno, half),
            Some(half) => Error::explained(step.verb(), object, errno, format!("{half}: {log}")),
            None => Error::os(step.verb(), object, errno),
        };
        match step.hint(part, errno) {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    /// Refuses more than can be told apart when one of them fails.
    fn demand_numbers(&self) -> Result<(), Error> {
        if self.len() <= MOST {
            return Ok(());
        }
        let problem = format!("{} steps, of which there may be {MOST}", self.len());
        Err(Error::invalid("perform", Object::Named("a list of steps"), vec![problem]))
    }

    fn push(&mut self, step: Step<'_>) {
        let texts = &mut self.texts;
        let words = step.encode(&mut |text| {
            let at = u32::try_from(texts.len()).unwrap_or(u32::MAX);
            texts.extend_from_slice(text.to_bytes_with_nul());
            at
        });
        self.words.push(words);
    }

    /// Attaches at `target` what is made for `need`.
    fn push_tree(&mut self, what: &str, target: &CStr, make: bool, need: Need) {
        let what = CString::new(what.replace('\0', "")).unwrap_or_default();
        self.push(Step::Attach { tree: -1, what: &what, target, make });
        self.needs.push(need);
    }

    fn text(&self, at: u32) -> Option<&CStr> {
        CStr::from_bytes_until_nul(self.texts.get(usize::try_from(at).ok()?..)?).ok()
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|step| step.to_string())).finish()
    }
}
