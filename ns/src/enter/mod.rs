// SPDX-License-Identifier: MIT OR Apache-2.0
//! Entering: namespaces that exist, and new ones, for a thread or a child.
//!
//! A [`Join`] says which. It is used in one of four ways, and none changes the calling thread without saying so in its
//! name: [`Spawn`](crate::Spawn) starts a program there; [`Join::run`] runs a closure on a thread that is let die;
//! [`Join::prepare`] is for the child that std's `Command` makes; [`Join::enter_namespaces`] is for the calling thread.
//!
//! Man: setns(2), unshare(2), namespaces(7).

mod look;
mod order;
mod prepared;
pub(crate) mod refusal;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;

use crate::error::{Error, ErrorKind, Object};
use crate::floor::join;
use crate::kind::{NamespaceFlags, NamespaceKind};

pub(crate) use order::{Way, Who};
pub use prepared::Prepared;

/// Namespaces to be in: existing ones by descriptor or by process, and new ones.
///
/// The order in which they are given does not matter. Where a user namespace is among them, those that it (or one below
/// it) owns are joined after it, by the rights that it gives; all others before it, by the caller's own.
///
/// ```no_run
/// use skep_ns::{Join, NamespaceKind::{Mount, Net}, PidFd};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = PidFd::open(4711)?;
/// let there = Join::new().process(server, [Mount, Net]);
/// let (routes, hosts) = there.run(|| {
///     let read = |path| std::fs::read_to_string(path);
///     (read("/proc/thread-self/net/route"), read("/etc/hosts"))
/// })?.unwrap();
/// # Ok(())
/// # }
/// ```
///
/// See setns(2), unshare(2).
#[derive(Debug, Clone, Default)]
pub struct Join {
    targets: Vec<Target>,
    make: NamespaceFlags,
}

/// What is to be joined.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Namespace(Arc<OwnedFd>),
    Process(Arc<OwnedFd>, NamespaceFlags),
}

impl Join {
    /// Nothing yet: the caller's namespaces.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An existing namespace, by an open file of it: `/proc/PID/ns/net`, or where one is pinned (`/run/netns/NAME`). Which
    /// kind it is the file itself says. The caller's own user or time namespace is passed over.
    #[must_use]
    #[doc(alias = "setns")]
    pub fn namespace(mut self, namespace: impl Into<OwnedFd>) -> Self {
        self.targets.push(Target::Namespace(Arc::new(namespace.into())));
        self
    }

    /// These namespaces of a process, by its pidfd. They are joined in one step: all of them, or none.
    ///
    /// Those in which the caller is already are passed over, which takes no right and changes nothing: neither root nor
    /// working directory, if it is the mount namespace. So all kinds may be given of any process.
    /// # Kernel
    /// Linux 5.8. See setns(2).
    #[must_use]
    #[doc(alias = "setns")]
    pub fn process(mut self, pidfd: impl Into<OwnedFd>, kinds: impl IntoIterator<Item = NamespaceKind>) -> Self {
        self.targets.push(Target::Process(Arc::new(pidfd.into()), kinds.into_iter().collect()));
        self
    }

    /// New namespaces of these kinds, made after the others were joined. The mounts of a new mount namespace propagate as
    /// those that they are copies of: below a shared one what is mounted appears in both.
    ///
    /// Not a user namespace: somebody has to write its id map from outside, which
    /// [`Spawn::namespaces`](crate::Spawn::namespaces) does.
    #[must_use]
    #[doc(alias = "unshare")]
    pub fn make(mut self, kinds: impl IntoIterator<Item = NamespaceKind>) -> Self {
        self.make.extend(kinds.into_iter().map(NamespaceFlags::from));
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.make.is_empty()
    }

    /// The way there as a finished list, for the child that std's `Command` makes before its exec.
    ///
    /// # Errors
    /// `Invalid` for a descriptor that is no namespace (it says what it is instead), for a kind that is given twice, and
    /// for a user namespace to be made; `NotFound` for a process that has ended.
    pub fn prepare(&self) -> Result<Prepared, Error> {
        self.way(Who::Child).map(Prepared::new)
    }

    /// Runs `work` in these namespaces, on a new thread that ends with it. The calling thread waits, and stays where it
    /// is.
    ///
    /// What the closure answers is passed on; a panic in it is answered as `JoinHandle::join` of std's threads does. The
    /// thread shares descriptors, memory and signals with the program, but neither root, working directory nor umask if a
    /// mount namespace is among the kinds. Of a pid namespace the kernel makes *children* of the thread members; a new
    /// time namespace is for children too.
    ///
    /// # Errors
    /// `Invalid` as for [`prepare`](Self::prepare), and for a user or time namespace to be joined, which no thread of a
    /// program with others can: start a program there by [`Spawn`](crate::Spawn). `Denied` without the right,
    /// `NotFound` if the process has ended, `Exhausted` where no thread or namespace can be made.
    /// # Privileges
    /// `CAP_SYS_ADMIN` in the caller's user namespace and in those that own the namespaces joined; for mount namespaces
    /// `CAP_SYS_CHROOT` too.
    /// # Kernel
    /// Linux 3.8. See setns(2), unshare(2).
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<thread::Result<T>, Error> {
        let way = self.way(Who::NewThread)?;
        thread::scope(|scope| {
            let entered = || way.enter().map(|()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)));
            let thread = thread::Builder::new().name("skep joined".to_owned()).spawn_scoped(scope, entered);
            let thread = thread.map_err(|error| {
                let errno = error.raw_os_error().unwrap_or_default();
                Error::explained("make", Object::Named("a thread"), ErrorKind::Exhausted, errno, "no more threads")
            })?;
            // The closure's panic was caught within: this is one of ours, of which there is none.
            thread.join().unwrap_or_else(|panic| Ok(Err(panic)))
        })
    }

    /// Puts the **calling thread** into these namespaces, for good: what it does from now on, and every thread and process
    /// that it makes, is there.
    ///
    /// The program's other threads stay where they are, so that a thread pool would have one strange member: prefer
    /// [`run`](Self::run). With a mount namespace the thread stops sharing root, working directory and umask with the
    /// others, and both are the root of that namespace. Of a pid namespace only children become members.
    ///
    /// # Errors
    /// As [`run`](Self::run), but that the only thread of a program may join user and time namespaces. A failure may leave
    /// the thread in some of them.
    /// # Privileges
    /// As [`run`](Self::run).
    /// # Kernel
    /// Linux 3.8. See setns(2), unshare(2).
    #[doc(alias = "setns")]
    #[doc(alias = "unshare")]
    pub fn enter_namespaces(&self) -> Result<(), Error> {
        self.way(Who::ThisThread)?.enter()
    }

    fn way(&self, who: Who) -> Result<Way, Error> {
        Way::find(&self.targets, self.make, who)
    }

    /// The way for the child of a start, which makes what is to be made by its clone.
    pub(crate) fn way_of_child(&self) -> Result<Way, Error> {
        Way::find(&self.targets, NamespaceFlags::empty(), Who::Child)
    }

    pub(crate) fn push(&mut self, target: Target) {
        self.targets.push(target);
    }
}

impl Way {
    /// Takes the way on this thread.
    fn enter(&self) -> Result<(), Error> {
        join::enter(self.entries()).map_err(|(at, errno)| self.explain(at, errno))
    }
}
