// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pins: a namespace that lives on under a path, without a process.
//!
//! The file of a namespace is mounted over an empty one. What `ip netns add` does for network namespaces below
//! `/run/netns` goes for every kind and place; there, both see each other's.
//!
//! Man: namespaces(7), ip-netns(8), mount(2).

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstat, openat, statat, unlinkat};
use rustix::io::Errno;
use rustix::mount::{
    MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount_bind, mount_change, move_mount,
    open_tree, unmount,
};

use crate::error::{Error, ErrorKind, Object};
use crate::handle::Namespace;
use crate::kind::NamespaceKind;

/// Where ip(8) keeps network namespaces. See ip-netns(8).
pub const RUN_NETNS: &str = "/run/netns";

impl Namespace {
    /// Keeps the namespace alive under `path`, until that is [unpinned](unpin): makes an empty file there and mounts the
    /// namespace on it.
    ///
    /// Nothing is overwritten and no link is followed at the last name of `path`; when anything fails the file is removed
    /// again. Whoever has the mount in view can open it: it is seen in the caller's mount namespace, and where its
    /// directory's mount is shared, in the others of its peer group. A pid namespace whose process 1 has ended can be
    /// kept, but not entered.
    ///
    /// ```no_run
    /// use skep_ns::{Namespace, NamespaceKind};
    ///
    /// Namespace::of_pid(4242, NamespaceKind::Net)?.pin("/run/lab.net")?;
    /// let lab = Namespace::open("/run/lab.net")?;
    /// skep_ns::unpin("/run/lab.net")?;
    /// # Ok::<(), skep_ns::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Busy` if something is at `path`, `NotFound` if its directory is not there, `Denied` without the right. `WrongState`
    /// for a mount namespace that the kernel will not have there: its file can be mounted only in one made before it (a
    /// loop of two that keep each other alive cannot be made), and nowhere that is shared with other mount namespaces. What
    /// was made before what, the kernel tells by their [numbers](Self::mount_namespace_id), and Linux 6.18 does not give
    /// these in order on different processors: it refuses some that were made later.
    /// # Privileges
    /// `CAP_SYS_ADMIN` over the caller's mount namespace, and to write to the directory.
    /// # Kernel
    /// Copies the file's mount by open_tree(2) and move_mount(2) (Linux 6.15), else by mount(2) from /proc's path to it.
    /// See namespaces(7), "Namespace lifetime".
    pub fn pin(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let place = Place::of("pin the namespace at", path)?;
        let file = place.create()?;
        mount_on(self.as_fd(), file.as_fd()).map_err(|errno| {
            place.remove(&file);
            self.explain(&place, errno)
        })
    }

    /// Pins a network namespace where ip(8) looks for it: as `name` in `/run/netns`. `ip netns list` shows it then, and
    /// `ip netns exec` enters it.
    ///
    /// As ip(8) does, the directory is made and its mount is shared, so that namespaces are seen, and removed, wherever
    /// mounts of this one arrive.
    ///
    /// # Errors
    /// `Invalid` for another kind, and for a name that is no file name; else as [`pin`](Self::pin).
    /// # Privileges
    /// As [`pin`](Self::pin).
    /// # Kernel
    /// As [`pin`](Self::pin). See ip-netns(8).
    #[doc(alias = "ip netns add")]
    pub fn pin_as_netns(&self, name: &str) -> Result<PathBuf, Error> {
        const OP: &str = "pin the namespace at";
        let path = Path::new(RUN_NETNS).join(name);
        let mut problems = Vec::new();
        if self.kind() != NamespaceKind::Net {
            problems.push(format!("{RUN_NETNS} is for net namespaces, and this is a {} namespace", self.kind()));
        }
        problems.extend(problem_of_name(name));
        if !problems.is_empty() {
            return Err(Error::invalid(OP, Object::Path(path), problems));
        }
        share_run_netns().map_err(|errno| Error::os("share the mounts of", Object::Path(RUN_NETNS.into()), errno))?;
        self.pin(&path).map(|()| path)
    }

    /// Opens the network namespace that ip(8), or [`pin_as_netns`](Self::pin_as_netns), has pinned as `name`.
    ///
    /// # Errors
    /// As [`open`](Self::open); `Invalid` for a name that is no file name, and for a namespace of another kind.
    /// # Kernel
    /// See ip-netns(8), network_namespaces(7).
    pub fn open_netns(name: &str) -> Result<Self, Error> {
        let path = Path::new(RUN_NETNS).join(name);
        if let Some(problem) = problem_of_name(name) {
            return Err(Error::invalid("open", Object::Path(path), vec![problem]));
        }
        Self::open(path)?.of_kind(NamespaceKind::Net)
    }

    fn explain(&self, place: &Place<'_>, errno: Errno) -> Error {
        match errno {
            Errno::INVAL if self.kind() == NamespaceKind::Mount => {
                let why = "a mount namespace can be pinned only from one made before it, in a mount that is not shared";
                Error::explained(place.op, place.object(), ErrorKind::WrongState, errno.raw_os_error(), why)
                    .with_hint("mount the directory on itself and make it private (mount --bind, mount --make-private)")
            }
            Errno::PERM => place.error(errno).with_hint("it takes CAP_SYS_ADMIN over the caller's mount namespace"),
            _ => place.error(errno),
        }
    }
}

/// What ip(8) refuses as a name, or would show as several lines.
fn problem_of_name(name: &str) -> Option<String> {
    let is_none = matches!(name, "" | "." | "..") || name.len() > 255;
    (is_none || name.contains(|at: char| at == '/' || at.is_control()))
        .then(|| format!("name: {name:?} is not a file name of at most 255 bytes"))
}

/// Takes a pin away: unmounts it, at once out of everyone's sight, and removes the file below.
///
/// The namespace ends if nothing else holds it. No link is followed at the last name of `path`, and what is not a pin is
/// left alone. Of several on top of each other the last one goes.
///
/// # Errors
/// `NotFound` if nothing is at `path`, `Invalid` if it is no pin, `Denied` without the right.
/// # Privileges
/// `CAP_SYS_ADMIN` over the caller's mount namespace, and to write to the directory.
/// # Kernel
/// umount2(2) with `MNT_DETACH`, and unlink(2). See namespaces(7), ip-netns(8).
#[doc(alias = "ip netns delete")]
pub fn unpin(path: impl AsRef<Path>) -> Result<(), Error> {
    let path = path.as_ref();
    let place = Place::of("unpin the namespace at", path)?;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let pinned = openat(&place.directory, place.name, flags, Mode::empty()).map_err(|errno| place.error(errno))?;
    if !is_namespace(pinned.as_fd()) {
        let problem = format!("{path:?} is not a namespace: nothing was unmounted or removed");
        return Err(Error::invalid(place.op, place.object(), vec![problem]));
    }
    // By the directory, which is held; the last name is not followed.
    let path_of = place.path_of();
    drop(pinned);
    unmount(&path_of, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW).map_err(|errno| match errno {
        Errno::INVAL => {
            let problem = format!("{path:?} is a namespace's own file, not a pin of it");
            Error::invalid(place.op, place.object(), vec![problem])
        }
        _ => place.error(errno),
    })?;
    // One that is pinned twice keeps its file for the pin below.
    let below = openat(&place.directory, place.name, flags, Mode::empty()).map_err(|errno| place.error(errno))?;
    if is_namespace(below.as_fd()) {
        return Ok(());
    }
    place.unlink().map_err(|errno| match errno {
        // Another mount namespace may have a mount on it still; before Linux 3.19 that was refused.
        Errno::BUSY => place.error(errno).with_hint("it is unmounted here, but the file could not be removed"),
        _ => place.error(errno),
    })
}

/// A name in a directory that is held open: what is done there is not led elsewhere.
struct Place<'a> {
    op: &'static str,
    path: &'a Path,
    directory: OwnedFd,
    name: &'a Path,
}

impl<'a> Place<'a> {
    fn of(op: &'static str, path: &'a Path) -> Result<Self, Error> {
        let object = || Object::Path(path.to_owned());
        let ends_in_name = path.file_name().filter(|name| path.as_os_str().as_bytes().ends_with(name.as_bytes()));
        let Some(name) = ends_in_name.map(Path::new) else {
            return Err(Error::invalid(op, object(), vec![format!("{path:?} does not end in a file name")]));
        };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, parent, flags, Mode::empty())
            .map_err(|errno| Error::os("open the directory", Object::Path(parent.to_owned()), errno.raw_os_error()))?;
        Ok(Self { op, path, directory, name })
    }

    fn object(&self) -> Object {
        Object::Path(self.path.to_owned())
    }

    fn error(&self, errno: Errno) -> Error {
        let raw = errno.raw_os_error();
        match errno {
            Errno::EXIST => {
                let why = "something is there already";
                Error::explained(self.op, self.object(), ErrorKind::Busy, raw, why).with_hint("nothing is overwritten")
            }
            _ => Error::os(self.op, self.object(), raw),
        }
    }

    /// Makes the empty file. Mode 0: nobody takes it for a file with something in it while the mount is not there.
    fn create(&self) -> Result<OwnedFd, Error> {
        let flags = OFlags::RDONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&self.directory, self.name, flags, Mode::empty()).map_err(|errno| self.error(errno))
    }

    /// Removes the file that was made, if it is still that.
    fn remove(&self, made: &OwnedFd) {
        let here = statat(&self.directory, self.name, AtFlags::SYMLINK_NOFOLLOW);
        if let (Ok(here), Ok(made)) = (here, fstat(made))
            && (here.st_dev, here.st_ino) == (made.st_dev, made.st_ino)
        {
            let _ = self.unlink();
        }
    }

    fn unlink(&self) -> Result<(), Errno> {
        unlinkat(&self.directory, self.name, AtFlags::empty())
    }

    /// A path to the name by way of the held directory, for calls that take no descriptor.
    fn path_of(&self) -> PathBuf {
        by_descriptor(self.directory.as_fd()).join(self.name)
    }
}

fn by_descriptor(fd: BorrowedFd<'_>) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/thread-self/fd/{}", fd.as_raw_fd()))
}

fn is_namespace(fd: BorrowedFd<'_>) -> bool {
    rustix::fs::fstatfs(fd).is_ok_and(|stat| stat.f_type == crate::descriptor::NSFS)
}

/// Mounts the namespace's file on `file`: by descriptors, or, where a kernel or filter has not these calls, by /proc's
/// paths to them.
fn mount_on(namespace: BorrowedFd<'_>, file: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    match open_tree(namespace, c"", flags) {
        Ok(tree) => {
            let empty = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
            match move_mount(&tree, c"", file, c"", empty) {
                // ELOOP: it moves no mount namespace's file, which the older call mounts.
                Err(Errno::NOSYS | Errno::LOOP) => {}
                done => return done,
            }
        }
        // EINVAL: before Linux 6.15 what is mounted nowhere, as an open namespace is, is not copied by this call.
        Err(Errno::NOSYS | Errno::INVAL) => {}
        Err(errno) => return Err(errno),
    }
    mount_bind(by_descriptor(namespace), by_descriptor(file))
}

/// Makes /run/netns, and its mounts shared: by a mount on itself, if it is not a mount yet.
fn share_run_netns() -> Result<(), i32> {
    let raw = Errno::raw_os_error;
    match rustix::fs::mkdir(RUN_NETNS, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(raw(errno)),
    }
    // Two at once would both mount it on itself; ip(8) locks the directory for it too.
    let directory = File::open(RUN_NETNS).map_err(errno_of)?;
    directory.lock().map_err(errno_of)?;
    let shared = || mount_change(RUN_NETNS, MountPropagationFlags::SHARED | MountPropagationFlags::REC);
    match shared() {
        Err(Errno::INVAL) => {
            mount_bind_recursively().map_err(raw)?;
            shared().map_err(raw)
        }
        done => done.map_err(raw),
    }
}

fn mount_bind_recursively() -> Result<(), Errno> {
    rustix::mount::mount_bind_recursive(RUN_NETNS, RUN_NETNS)
}

fn errno_of(error: io::Error) -> i32 {
    error.raw_os_error().unwrap_or_default()
}
