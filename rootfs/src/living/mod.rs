// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounts into a living tree: attached in another mount namespace, and taken out of it, while programs run there.
//!
//! What is to be attached is copied here, where nobody sees it; a thread that is let die enters the other namespace and
//! attaches it to a place that was resolved under the other root. No directory has to be shared with it beforehand.
//!
//! Man: open_tree(2), move_mount(2), setns(2).

mod refusal;
mod tree;
mod work;

use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::error::{Error, Object};
use crate::floor::Errno;
use crate::mounts::{Bind, Mounts, path_problems};
use crate::sys::{copy, mounted, statmount};
use crate::table::MountInfo;
use work::{Done, Failure, Part, Task, Work};

/// The mount namespace of a process that lives in it, and the root that paths in it begin at.
///
/// ```no_run
/// use skep_rootfs::{Bind, MountNamespace};
/// # fn pidfd_of(_: u32) -> std::io::Result<std::os::fd::OwnedFd> { Err(std::io::ErrorKind::NotFound.into()) }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let there = MountNamespace::of_process(pidfd_of(4711)?)?;
/// let music = there.attach(&Bind::new("/srv/music", "/media/music").read_only().create_target())?;
/// // Later, or in another program: it is a value. There is none where an optional source is absent.
/// if let Some(music) = music {
///     there.remove(&music)?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// Nothing there is believed: the target is resolved under the other root to a descriptor, by no link that leads out of it,
/// and the mount is attached to that. The calling thread stays where it is.
/// # Privileges
/// `CAP_SYS_ADMIN` and `CAP_SYS_CHROOT`; or none, if the mount namespace belongs to a user namespace that this account has
/// made. Then a copy of this process joins that, and what cannot be copied here (an ordinary account may not) is copied in
/// namespaces that are made for it and gone with it.
/// # Kernel
/// Linux 5.12, and that no filter refuses open_tree, move_mount and mount_setattr: there is no other way to attach a mount
/// in another namespace, since mount(2) binds nothing of one that it is not called in; what refuses them is told in a hint.
/// See mount_namespaces(7).
#[derive(Debug)]
pub struct MountNamespace {
    namespace: OwnedFd,
    root: Option<OwnedFd>,
}

/// A mount that was attached in a [`MountNamespace`]: what it takes to remove exactly that one, also by another program.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Attached {
    /// Where: a path from the root there.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub target: PathBuf,
    /// Its number, as [`MountInfo::id`](crate::MountInfo::id): used again when it has gone.
    pub id: u64,
    /// The number that no other mount ever has. `STATX_MNT_ID_UNIQUE`, Linux 6.8.
    pub unique_id: Option<u64>,
}

impl MountNamespace {
    /// That of a process, by its pidfd; paths begin at the process' own root.
    ///
    /// # Errors
    /// `NotFound` for a process that has ended; `Invalid` for what is no pidfd; `Denied` for one that this account may not
    /// look into.
    /// # Privileges
    /// `PTRACE_MODE_READ_FSCREDS` over it: ptrace(2).
    pub fn of_process(pidfd: impl AsFd) -> Result<Self, Error> {
        let pidfd = pidfd.as_fd();
        let refused = |errno| Error::os("find", Object::Named("the mount namespace of a process"), errno);
        let pid = pid_of(pidfd)?;
        let open = |name: &str, flags| {
            let opened = openat(CWD, format!("/proc/{pid}/{name}"), flags | OFlags::CLOEXEC, Mode::empty());
            opened.map_err(|errno| refused(errno.raw_os_error()))
        };
        let namespace = open("ns/mnt", OFlags::RDONLY)?;
        let root = open("root", OFlags::PATH | OFlags::DIRECTORY)?;
        // The number was this process' while it was used if the process is there after it.
        match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&Timespec::default())) {
            Ok(0) => Self::of_namespace(namespace).map(|found| found.root(root)),
            Ok(_) => Err(refused(3)),
            Err(errno) => Err(refused(errno.raw_os_error())),
        }
    }

    /// The one that a descriptor is open on (`/proc/PID/ns/mnt`, or where one is pinned); paths begin at its top.
    ///
    /// # Errors
    /// `Invalid` for a descriptor that is no mount namespace.
    pub fn of_namespace(namespace: impl Into<OwnedFd>) -> Result<Self, Error> {
        let namespace = namespace.into();
        match statmount::is_mount_namespace(namespace.as_fd()) {
            Ok(true) => Ok(Self { namespace, root: None }),
            Ok(false) => {
                let problem = "it must be an open file of a mount namespace, /proc/PID/ns/mnt".to_owned();
                Err(Error::invalid("use", Object::Descriptor(namespace.as_raw_fd()), vec![problem]))
            }
            Err(Errno(errno)) => Err(Error::os("use", Object::Descriptor(namespace.as_raw_fd()), errno.into())),
        }
    }

    /// That of the calling thread; paths begin at its root.
    ///
    /// # Errors
    /// `ENOENT` where no proc is mounted.
    pub fn of_this_thread() -> Result<Self, Error> {
        let open = |path: &'static str, flags| {
            let opened = openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty());
            opened.map_err(|errno| Error::os("open", Object::Path(path.into()), errno.raw_os_error()))
        };
        let root = open("/", OFlags::PATH | OFlags::DIRECTORY)?;
        Self::of_namespace(open("/proc/thread-self/ns/mnt", OFlags::RDONLY)?).map(|found| found.root(root))
    }

    /// Has paths begin at a directory that is in the mount namespace: `/proc/PID/root`, say.
    #[must_use]
    pub fn root(mut self, root: impl Into<OwnedFd>) -> Self {
        self.root = Some(root.into());
        self
    }

    /// Attaches what a bind describes: its source is this machine's, as the calling thread sees it, its target a path from
    /// the root there. What is mounted below the source later appears there too, and nothing that is mounted there here.
    ///
    /// Answers `None` where the source is absent and that is [optional](Bind::optional). Nothing is left of it after a
    /// failure, but for what others have put into directories that were made.
    ///
    /// # Errors
    /// `Invalid` for a description with [problems](Mounts::problems); `NotFound` for an absent source, or a target that is
    /// absent and is not to be made; `Unsupported` where the calls are absent or refused; `Denied`; what the kernel refuses
    /// is told with the half that it was.
    /// # Privileges
    /// Those of [`MountNamespace`].
    #[doc(alias = "open_tree")]
    #[doc(alias = "move_mount")]
    pub fn attach(&self, bind: &Bind) -> Result<Option<Attached>, Error> {
        match bind.detached()? {
            Some(tree) => self.attach_tree(tree, &bind.target, bind.create).map(Some),
            None => Ok(None),
        }
    }

    /// Attaches a mount that is attached nowhere: what [`Bind::detached`], fsmount(2), open_tree(2) or [`take`](Self::take) have answered. An
    /// absent target is made if `create`: a directory or a file, as the top of the mount is.
    ///
    /// # Errors
    /// As [`attach`](Self::attach).
    /// # Privileges
    /// Those of [`MountNamespace`].
    pub fn attach_tree(&self, tree: impl AsFd, target: impl AsRef<Path>, create: bool) -> Result<Attached, Error> {
        let target = target.as_ref();
        let mut problems = path_problems(target);
        if target.components().any(|part| part == Component::ParentDir) {
            problems.push("has \"..\" in it".to_owned());
        }
        if !problems.is_empty() {
            let problems = problems.into_iter().map(|problem| format!("target {target:?} {problem}"));
            return Err(Error::invalid("attach a mount at", Object::Path(target.to_owned()), problems.collect()));
        }
        let task = Task::Attach { tree: tree.as_fd().as_raw_fd(), make: create };
        let root = self.root.as_ref().map(AsRawFd::as_raw_fd);
        let done = self.perform(root, target, task).map_err(|failure| refusal::of_attach(target, create, failure))?;
        Ok(Attached { target: target.to_owned(), id: done.id, unique_id: done.unique })
    }

    /// Unmounts what was attached, with what is mounted below it by now: exactly that mount, or nothing. Programs that have
    /// something of it open keep that.
    ///
    /// Where it was made a directory or file for, that stays.
    ///
    /// # Errors
    /// `WrongState` if what is at its target is another mount: it is unmounted already, or something lies over it; `NotFound`
    /// if the target is absent, and the mount nowhere else.
    /// # Privileges
    /// Those of [`MountNamespace`].
    #[doc(alias = "umount2")]
    pub fn remove(&self, attached: &Attached) -> Result<(), Error> {
        self.unmount(attached, false).map(drop)
    }

    /// Removes it, and answers a copy of it with what is mounted below it, attached nowhere:
    /// [`attach_tree`](Self::attach_tree) attaches that again, here or there. It is gone when the descriptor is closed.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    /// # Privileges
    /// Those of [`MountNamespace`].
    pub fn take(&self, attached: &Attached) -> Result<OwnedFd, Error> {
        let refused = || Failure { part: Part::Copy, errno: Errno::PROTO };
        let fd = self.unmount(attached, true)?.ok_or_else(|| refusal::of_remove(&attached.target, refused()))?;
        Ok(fd)
    }

    fn unmount(&self, attached: &Attached, keep: bool) -> Result<Option<OwnedFd>, Error> {
        let task = Task::Remove { id: attached.id, unique: attached.unique_id, keep };
        let root = self.root.as_ref().map(AsRawFd::as_raw_fd);
        let done = match self.perform(root, &attached.target, task) {
            // Whoever lives there may have renamed what it is mounted on.
            Err(failure @ Failure { part: Part::Target | Part::Other, .. }) => match self.whereabouts(attached.id) {
                Some(target) => self.perform(None, &target, task),
                None => Err(failure),
            },
            done => done,
        };
        let done = done.map_err(|failure| refusal::of_remove(&attached.target, failure))?;
        let kept = done.fd.and_then(|fd| usize::try_from(fd).ok()).map(mounted::adopt).transpose();
        kept.map_err(|errno| refusal::of_remove(&attached.target, Failure { part: Part::Copy, errno }))
    }

    /// The path of the mount with this number, from the top of the namespace.
    fn whereabouts(&self, id: u64) -> Option<PathBuf> {
        let mounts = MountInfo::of_namespace(&self.namespace).ok()?;
        mounts.into_iter().find(|mount| mount.id == id).map(|mount| mount.target)
    }

    /// Does it on a thread; where that may not join, in a copy of this process that joins the user namespace first.
    fn perform(&self, root: Option<i32>, target: &Path, task: Task) -> Result<Done, Failure> {
        let target = CString::new(target.as_os_str().as_bytes())
            .map_err(|_| Failure { part: Part::Target, errno: Errno::INVAL })?;
        let work = Work { namespace: self.namespace.as_fd(), user: None, root, target: &target, task };
        let done = on_a_thread(&work);
        let is_denied = matches!(done, Err(Failure { part: Part::Join, errno: Errno::PERM }));
        let owner = mounted::owner(self.namespace.as_fd()).ok().filter(|owner| is_denied && !is_own(owner));
        let Some(owner) = owner else { return done };
        let work = Work { user: Some(owner.as_fd()), ..work };
        let words = copy::in_a_copy(&mut || work.perform_in_words());
        words.map_err(|errno| Failure { part: Part::Start, errno }).and_then(work::of_words)
    }
}

impl Bind {
    /// A copy of what it describes, with its attributes, attached nowhere: for [`MountNamespace::attach_tree`], once it was
    /// looked at what it is a copy of. The descriptor is that of its top, as one of `O_PATH`, and the source is opened once. It
    /// is gone when the descriptor is closed.
    ///
    /// `None` where the source is absent and that is [optional](Self::optional).
    ///
    /// # Errors
    /// As [`MountNamespace::attach`], but for those of the target, of which only the description is looked at.
    /// # Privileges
    /// `CAP_SYS_ADMIN`; none to an account that may make user namespaces.
    /// # Kernel
    /// As [`MountNamespace`].
    #[doc(alias = "open_tree")]
    pub fn detached(&self) -> Result<Option<OwnedFd>, Error> {
        let mut problems = Mounts::new().add(self.clone()).problems();
        if self.inside {
            problems.push("inside: its source is this machine's, and cannot be a path in the other root".to_owned());
        }
        if !problems.is_empty() {
            let problems = problems.into_iter().map(|text| text.trim_start_matches("mounts[0].").to_owned());
            return Err(Error::invalid("attach", Object::Path(self.source.clone()), problems.collect()));
        }
        tree::of_bind(self)
    }
}

impl AsFd for MountNamespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }
}

/// Does it on a new thread that ends with it.
fn on_a_thread(work: &Work<'_>) -> Result<Done, Failure> {
    let refused = |errno| Failure { part: Part::Start, errno };
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, || work.perform());
        let errno = |error: std::io::Error| error.raw_os_error().and_then(|errno| u16::try_from(errno).ok());
        let thread = thread.map_err(|error| refused(Errno(errno(error).unwrap_or(Errno::AGAIN.0))))?;
        thread.join().unwrap_or(Err(refused(Errno::PROTO)))
    })
}

/// Whether a user namespace is this process' own.
fn is_own(namespace: &OwnedFd) -> bool {
    let identity = |found: rustix::fs::Stat| (found.st_dev, found.st_ino);
    let own = rustix::fs::stat("/proc/self/ns/user").map(identity);
    rustix::fs::fstat(namespace).map(identity) == own
}

/// The process that a pidfd is of, as this proc numbers it.
fn pid_of(pidfd: BorrowedFd<'_>) -> Result<u32, Error> {
    let object = || Object::Descriptor(pidfd.as_raw_fd());
    let text = fs::read_to_string(format!("/proc/thread-self/fdinfo/{}", pidfd.as_raw_fd()))
        .map_err(|error| Error::os("use", object(), error.raw_os_error().unwrap_or_default()))?;
    let pid = text.lines().find_map(|line| line.strip_prefix("Pid:")).map(str::trim);
    match pid.map(str::parse::<i64>) {
        Some(Ok(-1)) => Err(Error::os("find", Object::Named("the mount namespace of a process"), 3)),
        Some(Ok(pid)) if pid > 0 => u32::try_from(pid).map_err(|_| Error::os("use", object(), 22)),
        Some(_) => {
            let problem = "its process is in a pid namespace that this /proc does not show".to_owned();
            Err(Error::invalid("use", object(), vec![problem]))
        }
        None => Err(Error::invalid("use", object(), vec!["it is no pidfd".to_owned()])),
    }
}

/// What is at a path of this machine.
fn open_source(path: &Path) -> Result<File, i32> {
    let opened = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    opened.map(File::from).map_err(rustix::io::Errno::raw_os_error)
}
