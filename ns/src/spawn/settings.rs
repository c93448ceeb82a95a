// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who the program is, and where: namespaces, ids, cgroup, session; values until the start.

use std::ffi::{CString, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use super::Spawn;
use super::call::{Call, OnError};
use super::table::Purpose;
use crate::enter::{Join, Target};
use crate::kind::{NamespaceFlags, NamespaceKind};
use crate::set::Namespaces;
use crate::time::TimeOffsets;

/// What a start changes for its program, beside descriptors, arguments and environment.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) namespaces: Namespaces,
    pub(super) join: Join,
    pub(super) joined: NamespaceFlags,
    pub(super) cgroup: Option<OwnedFd>,
    pub(super) pids: Vec<i32>,
    pub(super) time_offsets: Option<TimeOffsets>,
    user: Option<User>,
    hostname: Option<OsString>,
    domainname: Option<OsString>,
    process_group: Option<i32>,
    session: bool,
    death_signal: Option<i32>,
    umask: Option<u32>,
    no_new_privileges: bool,
}

#[derive(Debug)]
struct User {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
}

/// The longest name that a uts namespace holds.
const NAME_MAX: usize = 64;

impl Spawn {
    /// The program begins in new namespaces; a new user namespace with its id map, which the caller's thread writes while
    /// the child waits ([`IdMap::write_to`](crate::IdMap::write_to): by newuidmap where that is needed).
    ///
    /// In a new user namespace the program is user 0 and group 0 without other groups, where the map has both and
    /// [`user`](Self::user) says nothing else.
    ///
    /// Such a start *copies* the caller's page tables, which takes 5 to 8 ms for each 100 MB that the caller has touched;
    /// the package `skep` does without. In the copy no code but a finished list of system calls runs.
    ///
    /// A new mount namespace begins as a copy, and its mounts propagate as the caller's do: what the program mounts below
    /// a shared one (as / is under systemd) appears in the caller's namespace too, unless a user namespace is made with
    /// it. unshare(1) makes all of them private first; here the program has to (`mount --make-rprivate /`).
    ///
    /// A new pid namespace has no /proc of its own: the program would have to mount one.
    /// # Privileges
    /// `CAP_SYS_ADMIN`, or a user namespace among them.
    pub fn namespaces(&mut self, namespaces: Namespaces) -> &mut Self {
        self.settings.namespaces = namespaces;
        self
    }

    /// The program is in an existing namespace, given by an open file of it: `/proc/PID/ns/net`, or where it is pinned.
    /// Again for each; [`join_process`](Self::join_process) for those of a process.
    ///
    /// The order in which they are given does not matter, see [`Join`]. A pid namespace, too, has the program itself as a
    /// member: the child clones once more, as a sibling. In a user namespace the program is user 0 and group 0 without
    /// other groups as far as those are mapped there, unless [`user`](Self::user) says otherwise. In a mount namespace it
    /// begins at its root, and its path is looked up there (a name without a slash on the caller's `PATH`, though, in the
    /// caller's). It costs a copy, as [`namespaces`](Self::namespaces).
    ///
    /// # Security
    /// Who owns the files of a mount namespace decides what is executed there. Its `/bin/sh` may be a link to
    /// `/proc/self/exe`, or a script with that as its interpreter: the caller's *own* binary is then executed, among
    /// those who are there already, and where they are root of the caller's user namespace they may open it by
    /// `/proc/PID/exe` and write to it afterwards (CVE-2019-5736). Before joining what is not trusted, execute the
    /// caller from a sealed memfd or a read-only mount, give a static program by [`executable`](Self::executable), or join a
    /// user namespace too whose root has no right to the binary. And whoever is in a pid namespace may stop or end what
    /// joins it.
    /// # Privileges
    /// `CAP_SYS_ADMIN` in the caller's user namespace and in those that own the namespaces; for a user namespace in it.
    #[doc(alias = "setns")]
    #[doc(alias = "nsenter")]
    pub fn join(&mut self, namespace: impl Into<OwnedFd>) -> &mut Self {
        self.settings.join.push(Target::Namespace(Arc::new(namespace.into())));
        self
    }

    /// The program is in these namespaces of a process, which is given by its pidfd. They are joined in one step. Where
    /// the process is in the caller's own nothing is done: see [`Join::process`].
    /// # Privileges
    /// As [`join`](Self::join), whose warning is for this too, and the right to trace the process (ptrace(2), `PTRACE_MODE_READ_REALCREDS`).
    /// # Kernel
    /// Linux 5.8. See setns(2).
    #[doc(alias = "setns")]
    #[doc(alias = "nsenter")]
    pub fn join_process(
        &mut self,
        pidfd: impl Into<OwnedFd>,
        kinds: impl IntoIterator<Item = NamespaceKind>,
    ) -> &mut Self {
        let kinds = kinds.into_iter().collect();
        self.settings.join.push(Target::Process(Arc::new(pidfd.into()), kinds));
        self
    }

    /// The program is this user and group, in all three forms, with exactly these supplementary groups; numbers of the
    /// user namespace that it begins in.
    ///
    /// It costs a copy, as [`namespaces`](Self::namespaces): the kernel makes a caller who shares its memory undumpable.
    /// In a user namespace where setgroups(2) is denied, no groups mean that the caller's stay, as nothing else can be.
    /// # Privileges
    /// `CAP_SETUID` and `CAP_SETGID` there.
    #[doc(alias = "setuid")]
    #[doc(alias = "setgroups")]
    pub fn user(&mut self, uid: u32, gid: u32, groups: impl IntoIterator<Item = u32>) -> &mut Self {
        self.settings.user = Some(User { uid, gid, groups: groups.into_iter().collect() });
        self
    }

    /// The program begins in this cgroup, a directory of a cgroup v2 hierarchy: not one instruction of it runs elsewhere.
    /// # Privileges
    /// Write access to its `cgroup.procs`, and to that of the nearest group above both.
    /// # Kernel
    /// Linux 5.7. See clone(2).
    #[doc(alias = "CLONE_INTO_CGROUP")]
    pub fn into_cgroup(&mut self, directory: impl Into<OwnedFd>) -> &mut Self {
        self.settings.cgroup = Some(directory.into());
        self
    }

    /// The numbers that the program's process shall have, the innermost pid namespace's first, then its parent's.
    /// # Privileges
    /// `CAP_CHECKPOINT_RESTORE` or `CAP_SYS_ADMIN` over each of the pid namespaces.
    /// # Kernel
    /// Linux 5.5. See clone(2).
    #[doc(alias = "set_tid")]
    pub fn pids(&mut self, pids: impl IntoIterator<Item = i32>) -> &mut Self {
        self.settings.pids = pids.into_iter().collect();
        self
    }

    /// The offsets of the program's clocks in its new time namespace, without which it goes by the caller's.
    /// # Privileges
    /// `CAP_SYS_TIME` over the time namespace, which the maker of a user namespace with it has.
    /// # Kernel
    /// Linux 5.6. See time_namespaces(7).
    pub fn time_offsets(&mut self, offsets: TimeOffsets) -> &mut Self {
        self.settings.time_offsets = Some(offsets);
        self
    }

    /// The host name of the program's own uts namespace, which must be new or joined; at most 64 bytes.
    #[doc(alias = "sethostname")]
    pub fn hostname(&mut self, name: impl Into<OsString>) -> &mut Self {
        self.settings.hostname = Some(name.into());
        self
    }

    /// The NIS domain name of the program's own uts namespace, which must be new or joined; at most 64 bytes.
    #[doc(alias = "setdomainname")]
    pub fn domainname(&mut self, name: impl Into<OsString>) -> &mut Self {
        self.settings.domainname = Some(name.into());
        self
    }

    /// The program joins this process group of its session; for 0 it leads one of its own.
    #[doc(alias = "setpgid")]
    pub fn process_group(&mut self, group: i32) -> &mut Self {
        self.settings.process_group = Some(group);
        self
    }

    /// The program leads a session of its own, without a terminal.
    #[doc(alias = "setsid")]
    pub fn session(&mut self) -> &mut Self {
        self.settings.session = true;
        self
    }

    /// The kernel sends the program this signal, 1 to 64, when the *thread* that starts it ends, not when the caller's
    /// program does; so start from a thread that stays.
    ///
    /// A program that is setuid or has file capabilities loses it by its exec. A caller that is killed in the moment of
    /// the start leaves the program without a signal.
    #[doc(alias = "PR_SET_PDEATHSIG")]
    pub fn parent_death_signal(&mut self, signal: i32) -> &mut Self {
        self.settings.death_signal = Some(signal);
        self
    }

    /// The program's umask, in place of the caller's: 0 to 0o777.
    pub fn umask(&mut self, mask: u32) -> &mut Self {
        self.settings.umask = Some(mask);
        self
    }

    /// Neither the program nor what it starts gains a privilege by an exec.
    /// # Kernel
    /// Linux 3.5. See `PR_SET_NO_NEW_PRIVS` in prctl(2).
    #[doc(alias = "PR_SET_NO_NEW_PRIVS")]
    pub fn no_new_privs(&mut self) -> &mut Self {
        self.settings.no_new_privileges = true;
        self
    }
}

impl Settings {
    /// Whether the child has to be a copy: it gets other namespaces or credentials.
    pub(super) fn copies(&self) -> bool {
        !self.namespaces.is_empty() || !self.join.is_empty() || self.user.is_some()
    }

    /// What is wrong with them, a sentence each.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = self.namespaces.problems();
        let map = self.namespaces.id_map();
        if let Some(User { uid, gid, groups }) = &self.user {
            let mut check = |word: &str, id: u32, mapped: bool| {
                if id == u32::MAX {
                    problems.push(format!("{word} {id} is no id: the kernel takes it for \"no change\""));
                } else if !mapped {
                    problems.push(format!("{word} {id} is not in the id map: nobody could become it"));
                }
            };
            check("uid", *uid, map.is_none_or(|map| map.outside_uid(*uid).is_some()));
            for gid in std::iter::once(gid).chain(groups) {
                check("gid", *gid, map.is_none_or(|map| map.outside_gid(*gid).is_some()));
            }
        }
        for (what, name) in self.names() {
            let length = name.len();
            if length > NAME_MAX {
                problems.push(format!("the {what} has {length} bytes: a uts namespace holds {NAME_MAX}"));
            }
            if name.as_bytes().contains(&0) {
                problems.push(format!("the {what} {name:?} has a NUL byte in it"));
            }
        }
        if let Some(offsets) = &self.time_offsets {
            problems.extend(offsets.problems());
            if !self.namespaces.contains(NamespaceKind::Time) {
                problems.push("offsets are of a new time namespace, and none is to be made".to_owned());
            }
        }
        if let Some(group) = self.process_group.filter(|group| *group < 0) {
            problems.push(format!("{group} cannot be the number of a process group"));
        }
        if self.session && self.process_group.is_some_and(|group| group != 0) {
            problems.push("who leads a session leads a process group in it, and can join no other".to_owned());
        }
        if let Some(signal) = self.death_signal.filter(|signal| !(1..=64).contains(signal)) {
            problems.push(format!("{signal} is not a signal: they are 1 to 64"));
        }
        if let Some(mask) = self.umask.filter(|mask| *mask > 0o777) {
            problems.push(format!("{mask:#o} is not a umask: it has at most the bits 0o777"));
        }
        if let Some(pid) = self.pids.iter().find(|pid| **pid < 1) {
            problems.push(format!("{pid} cannot be the number of a process"));
        }
        if let (Some(pid), true) =
            (self.pids.first().filter(|pid| **pid > 1), self.namespaces.contains(NamespaceKind::Pid))
        {
            problems.push(format!("{pid} cannot be the number of the first process of a new pid namespace: that is 1"));
        }
        problems
    }

    /// What is wrong with them in view of what is joined.
    pub(super) fn problems_with(&self, joined: NamespaceFlags) -> Vec<String> {
        let made = self.namespaces.flags();
        let twice = (joined & made).kinds();
        let mut problems: Vec<_> =
            twice.map(|kind| format!("a {kind} namespace is to be joined and one to be made")).collect();
        if self.time_offsets.is_some() && !joined.is_empty() {
            problems.push(
                "offsets of clocks and joined namespaces cannot be had in one start: join in a second".to_owned(),
            );
        }
        if !(joined | made).contains(NamespaceFlags::UTS) {
            problems.extend(self.names().map(|(what, _)| {
                format!("a {what} without a uts namespace, made or joined, would rename the whole machine")
            }));
        }
        problems
    }

    /// The names of its uts namespace that are given.
    fn names(&self) -> impl Iterator<Item = (&'static str, &OsString)> {
        let host = self.hostname.iter().map(|name| ("host name", name));
        host.chain(self.domainname.iter().map(|name| ("domain name", name)))
    }

    pub(super) fn hostname(&self) -> Option<CString> {
        self.hostname.as_ref().map(super::c_string)
    }

    pub(super) fn domainname(&self) -> Option<CString> {
        self.domainname.as_ref().map(super::c_string)
    }

    /// The supplementary groups of the table.
    pub(super) fn groups(&self) -> &[u32] {
        self.user.as_ref().map_or(&[], |user| &user.groups)
    }

    /// What is to be done before the descriptors are placed.
    pub(super) fn first<'a>(
        &self,
        hostname: Option<&'a CString>,
        domainname: Option<&'a CString>,
    ) -> impl Iterator<Item = (Purpose, Call<'a>)> {
        let host = hostname.map(|name| (Purpose::Hostname, Call::hostname(name)));
        let domain = domainname.map(|name| (Purpose::Domainname, Call::domainname(name)));
        host.into_iter().chain(domain)
    }

    /// What is to be done once they are: session, umask, ids.
    pub(super) fn then<'a>(&'a self) -> impl Iterator<Item = (Purpose, Call<'a>)> {
        // A session brings a process group of its own.
        let group = self.process_group.filter(|_| !self.session);
        let session = self.session.then(|| (Purpose::Session, Call::session()));
        let group = group.map(|group| (Purpose::Session, Call::process_group(group)));
        let umask = self.umask.map(|mask| (Purpose::Session, Call::umask(mask)));
        session.into_iter().chain(group).chain(umask).chain(self.identity())
    }

    /// Groups first: after the uid the right is gone.
    fn identity<'a>(&'a self) -> Vec<(Purpose, Call<'a>)> {
        let made = self.namespaces.id_map();
        let joined = self.joined.contains(NamespaceFlags::USER);
        let (uid, gid, on_error) = match &self.user {
            Some(user) => (user.uid, user.gid, OnError::Stop),
            None if joined => (0, 0, OnError::GoOn),
            None if made.is_some_and(|map| map.outside_uid(0).is_some() && map.outside_gid(0).is_some()) => {
                (0, 0, OnError::Stop)
            }
            None => return Vec::new(),
        };
        // Where setgroups(2) is denied, groups cannot be dropped.
        let groups_may_stay = self.groups().is_empty() && (made.is_some() || joined);
        let on_groups = if groups_may_stay { OnError::GoOn } else { on_error };
        vec![
            (Purpose::Groups, Call::groups(self.groups(), on_groups)),
            (Purpose::Group(gid), Call::group(gid, on_error)),
            (Purpose::User(uid), Call::user(uid, on_error)),
        ]
    }

    /// What is to be done last, since a change of ids would undo it.
    pub(super) fn last<'a>(&self) -> impl Iterator<Item = (Purpose, Call<'a>)> {
        let locked = self.no_new_privileges.then(|| (Purpose::Session, Call::no_new_privileges()));
        let signal = self.death_signal.and_then(|signal| u32::try_from(signal).ok());
        locked.into_iter().chain(signal.map(|signal| (Purpose::Session, Call::death_signal(signal))))
    }
}
