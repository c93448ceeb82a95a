// SPDX-License-Identifier: MIT OR Apache-2.0
//! The order: a user namespace gives rights over what it owns and takes those over all else.
//!
//! So what is owned by the user namespace that is joined (or by one below it) comes after it, and everything else before
//! it, while the caller's own rights last. Both are known beforehand: the kernel says who owns a namespace.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

use super::Target;
use super::look::{self, Identity};
use super::refusal;
use crate::error::{Error, Object};
use crate::floor::join::Entry;
use crate::floor::sys::Errno;
use crate::handle::Namespace;
use crate::kind::{NamespaceFlags, NamespaceKind};
use crate::pidfd::PidFd;

/// Who will take the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// A child with one thread.
    Child,
    /// A thread of this program, made for it.
    NewThread,
    /// The calling thread.
    ThisThread,
}

/// The finished list, and what it needs open.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    entries: Vec<Entry>,
    /// What each entry is about, for a sentence.
    names: Vec<Name>,
    held: Vec<Arc<OwnedFd>>,
    joined: NamespaceFlags,
}

/// What an entry is about.
#[derive(Debug, Clone, Copy)]
enum Name {
    Memory,
    Directory,
    Namespace(NamespaceKind),
    Process(u32, NamespaceFlags),
    New(NamespaceFlags),
}

/// A target, looked at.
struct Found {
    fd: Arc<OwnedFd>,
    kinds: NamespaceFlags,
    name: Name,
}

impl Way {
    /// Looks at every target, and puts them in order.
    pub(super) fn find(targets: &[Target], make: NamespaceFlags, who: Who) -> Result<Self, Error> {
        let found = targets.iter().map(Found::look).collect::<Result<Vec<_>, _>>()?;
        let empty = found.iter().filter(|found| found.kinds.is_empty()).count();
        let found: Vec<_> = found.into_iter().filter_map(Found::without_own).collect();
        check(&found, empty, make, who)?;
        let user = user_of(&found)?;
        let mut way =
            Self { entries: Vec::new(), names: Vec::new(), held: Vec::new(), joined: NamespaceFlags::empty() };
        if who != Who::Child && found.iter().any(|found| found.kinds.contains(NamespaceFlags::MOUNT)) {
            way.push(Entry::OwnDirectory, Name::Directory);
        }
        // The child has a copy of its maker's memory until its exec, and there are those who may trace what is with them.
        if who == Who::Child && !found.is_empty() {
            way.push(Entry::Hide, Name::Memory);
        }
        let (first, then) = match user {
            None => (found, Vec::new()),
            Some(user) => split(found, user)?,
        };
        for Found { fd, kinds, name } in first.into_iter().chain(then) {
            way.push(Entry::Join { fd: fd.as_raw_fd(), kinds: kinds.bits() }, name);
            way.joined |= kinds;
            way.held.push(fd);
        }
        if !make.is_empty() {
            way.push(Entry::Make { kinds: make.bits() }, Name::New(make));
        }
        Ok(way)
    }

    fn push(&mut self, entry: Entry, name: Name) {
        self.entries.push(entry);
        self.names.push(name);
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The numbers of the descriptors that are joined.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        self.held.iter().map(|fd| fd.as_raw_fd())
    }

    /// The kinds that are joined.
    pub(crate) fn joined(&self) -> NamespaceFlags {
        self.joined
    }

    /// What is joined, in order: the descriptors and the kinds.
    pub(super) fn joins(&self) -> impl Iterator<Item = (BorrowedFd<'_>, NamespaceFlags)> {
        let kinds = self.entries.iter().filter_map(|entry| match entry {
            Entry::Join { kinds, .. } => Some(NamespaceFlags::from_bits_retain(*kinds)),
            _ => None,
        });
        // Each of them has its descriptor here.
        self.held.iter().map(|fd| fd.as_fd()).zip(kinds)
    }

    /// The sentence for number `at` of [`joins`](Self::joins).
    pub(super) fn explain_join(&self, at: usize, errno: Errno) -> Error {
        let joins = self.entries.iter().enumerate().filter(|(_, entry)| matches!(entry, Entry::Join { .. }));
        let number = joins.map(|(number, _)| number).nth(at);
        self.explain(number.unwrap_or(usize::MAX), errno)
    }

    /// Why the entry at this place failed.
    pub(crate) fn explain(&self, at: usize, errno: Errno) -> Error {
        let errno = i32::from(errno.0);
        match self.names.get(at) {
            Some(Name::Namespace(kind)) => refusal::of_join("join", refusal::named(*kind), (*kind).into(), errno),
            Some(Name::Process(pid, kinds)) => {
                refusal::of_join("join the namespaces of", Object::Pid(*pid), *kinds, errno)
            }
            Some(Name::New(kinds)) => refusal::of_make("make", Object::Named("new namespaces"), *kinds, errno),
            Some(Name::Memory) => Error::os("hide", Object::Named("the memory of a child"), errno),
            Some(Name::Directory) | None => Error::os("stop sharing", Object::Named("the working directory"), errno),
        }
    }
}

impl Found {
    fn look(target: &Target) -> Result<Self, Error> {
        match target {
            Target::Namespace(fd) => {
                let kind = look::kind_of(fd.as_fd())?;
                Ok(Self { fd: Arc::clone(fd), kinds: kind.into(), name: Name::Namespace(kind) })
            }
            Target::Process(fd, kinds) => {
                let pid = look::process_of(fd.as_fd())?;
                Ok(Self { fd: Arc::clone(fd), kinds: *kinds, name: Name::Process(pid, *kinds) })
            }
        }
    }

    /// The user namespace in it.
    fn user(&self) -> Result<Option<Identity>, Error> {
        match self.name {
            _ if !self.kinds.contains(NamespaceFlags::USER) => Ok(None),
            Name::Process(..) => Ok(look::identity(self.namespace(NamespaceKind::User)?.as_fd())),
            _ => Ok(look::identity(self.fd.as_fd())),
        }
    }

    /// Without what is the caller's own; nothing if that is all.
    ///
    /// The kernel refuses to join the user namespace that one is in (it would give back rights that were given up), a time
    /// namespace to threads, and to join any takes a right.
    fn without_own(mut self) -> Option<Self> {
        let own = |kind: NamespaceKind| match self.name {
            // What cannot be looked at the kernel will refuse with a better reason.
            Name::Process(..) => self.namespace(kind).ok().is_some_and(|there| look::is_own(kind, there.as_fd())),
            // To join a mount namespace by its file is to go to its root too, and who gives one file means it.
            _ => matches!(kind, NamespaceKind::User | NamespaceKind::Time) && look::is_own(kind, self.fd.as_fd()),
        };
        let own: NamespaceFlags = self.kinds.kinds().filter(|kind| own(*kind)).collect();
        self.kinds.remove(own);
        if let Name::Process(_, kinds) = &mut self.name {
            *kinds = self.kinds;
        }
        (!self.kinds.is_empty()).then_some(self)
    }

    /// One namespace of the process.
    fn namespace(&self, kind: NamespaceKind) -> Result<Namespace, Error> {
        let copy = self.fd.try_clone();
        let errno = |error: std::io::Error| error.raw_os_error().unwrap_or_default();
        let copy = copy.map_err(|error| Error::os("make", Object::Named("copy of a descriptor"), errno(error)))?;
        Namespace::of(&PidFd::from(copy), kind)
    }

    /// The same as one namespace each.
    fn apart(self) -> Result<Vec<Self>, Error> {
        let Name::Process(..) = self.name else { return Ok(vec![self]) };
        let one = |kind: NamespaceKind| {
            let fd = Arc::new(OwnedFd::from(self.namespace(kind)?));
            Ok(Self { fd, kinds: kind.into(), name: Name::Namespace(kind) })
        };
        self.kinds.kinds().map(one).collect()
    }
}

/// The user namespace that is joined.
fn user_of(found: &[Found]) -> Result<Option<Identity>, Error> {
    for found in found {
        if let Some(user) = found.user()? {
            return Ok(Some(user));
        }
    }
    Ok(None)
}

/// Those to be joined by the caller's rights; then the user namespace, and those that it gives the rights for.
fn split(found: Vec<Found>, user: Identity) -> Result<(Vec<Found>, Vec<Found>), Error> {
    let (with_user, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|found| found.kinds.contains(NamespaceFlags::USER));
    let mut first = Vec::new();
    let mut then = with_user;
    for found in others {
        for found in found.apart()? {
            if look::is_owned_by(found.fd.as_fd(), user) { &mut then } else { &mut first }.push(found);
        }
    }
    Ok((first, then))
}

/// What no kernel could make sense of.
fn check(found: &[Found], empty: usize, make: NamespaceFlags, who: Who) -> Result<(), Error> {
    let mut problems = Vec::new();
    let mut seen = NamespaceFlags::empty();
    problems.extend((0..empty).map(|_| "a process is given without a kind of namespace to join".to_owned()));
    for found in found {
        problems.extend((seen & found.kinds).kinds().map(|kind| format!("two {kind} namespaces are to be joined")));
        seen |= found.kinds;
    }
    problems.extend((seen & make).kinds().map(|kind| format!("a {kind} namespace is to be joined and one to be made")));
    if make.contains(NamespaceFlags::USER) {
        problems.push(
            "a new user namespace needs its id map written from outside: start a program in one by Spawn::namespaces"
                .to_owned(),
        );
    }
    if who == Who::NewThread || (who == Who::ThisThread && threads() != Some(1)) {
        for kind in (seen & (NamespaceFlags::USER | NamespaceFlags::TIME)).kinds() {
            problems.push(format!(
                "no thread of a program with others can join a {kind} namespace: start a program there by Spawn::join, \
                 or let the child of a Command do it by Join::prepare"
            ));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::invalid("join", Object::Named("namespaces"), problems)) }
}

/// How many threads this program has.
fn threads() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("Threads:"))?.trim().parse().ok()
}
