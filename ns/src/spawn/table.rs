// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of system calls that a child makes between clone and exec, finished before the clone.

use std::ffi::CString;
use std::os::fd::{OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use super::call::{Call, DefaultAction, EmptyMask, Strings};
use super::settings::Settings;
use crate::enter::refusal;
use crate::error::{Error, ErrorKind, Object};
use crate::floor::sys::Errno;
use crate::kind::NamespaceFlags;
use crate::sys::{self, Extras};

/// What is executed at the table's end.
#[derive(Debug)]
pub(super) enum Program {
    Path(CString),
    /// A descriptor, and its path in /proc.
    Descriptor(RawFd, CString),
}

/// What a call of the table is for, to name the one that failed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Hostname,
    Domainname,
    Descriptor(i32),
    Close,
    Groups,
    Group(u32),
    User(u32),
    Session,
    Signals,
    Directory,
    Execute,
}

/// A call of the child that failed, or the clone itself.
#[derive(Debug)]
pub(super) struct Failure {
    purpose: Option<Purpose>,
    errno: Errno,
}

/// What the calls of a [`Table`] point to.
#[derive(Debug)]
pub(super) struct Text<'a> {
    argv: Strings<'a>,
    envp: Strings<'a>,
    directory: Option<CString>,
    hostname: Option<CString>,
    domainname: Option<CString>,
    default_action: DefaultAction,
    empty_mask: EmptyMask,
}

impl<'a> Text<'a> {
    pub(super) fn new(argv: &'a [CString], envp: &'a [CString], directory: Option<CString>) -> Self {
        Self {
            argv: Strings::new(argv),
            envp: Strings::new(envp),
            directory,
            hostname: None,
            domainname: None,
            default_action: DefaultAction::default(),
            empty_mask: EmptyMask::default(),
        }
    }

    pub(super) fn with_names(self, hostname: Option<CString>, domainname: Option<CString>) -> Self {
        Self { hostname, domainname, ..self }
    }
}

/// The calls, and what each is for.
#[derive(Debug)]
pub(super) struct Table<'a> {
    calls: Vec<Call<'a>>,
    purposes: Vec<Purpose>,
}

impl<'a> Table<'a> {
    /// `wire` is the number of a descriptor that stays open until the exec closes it.
    pub(super) fn new(
        moves: &[(RawFd, i32)],
        program: &'a Program,
        text: &'a Text<'a>,
        settings: &'a Settings,
        wire: Option<RawFd>,
    ) -> Self {
        let mut table = Self { calls: Vec::with_capacity(80), purposes: Vec::with_capacity(80) };
        table.extend(settings.first(text.hostname.as_ref(), text.domainname.as_ref()));
        for (source, target) in moves {
            table.push(Purpose::Descriptor(*target), Call::place(*source, *target));
        }
        let kept = moves.iter().map(|(_, target)| *target).chain(program.number()).chain(wire);
        table.close_all_but(kept);
        table.extend(settings.then());
        if let Some(directory) = &text.directory {
            table.push(Purpose::Directory, Call::enter(directory));
        }
        table.extend(settings.last());
        // Every signal at its default, the ignored ones too; then none blocked. In this order: no handler of the caller
        // may run in memory that is the caller's.
        for signal in 1..=64 {
            table.push(Purpose::Signals, Call::default_action(signal, &text.default_action));
        }
        table.push(Purpose::Signals, Call::unblock(&text.empty_mask));
        let path = match program {
            Program::Path(path) => path,
            Program::Descriptor(fd, path) => {
                table.push(Purpose::Execute, Call::execute_descriptor(*fd, &text.argv, &text.envp));
                path
            }
        };
        table.push(Purpose::Execute, Call::execute(path, &text.argv, &text.envp));
        table
    }

    /// Only calls that close everything but these descriptors.
    pub(super) fn of_closing(kept: impl Iterator<Item = RawFd>) -> Self {
        let mut table = Self { calls: Vec::new(), purposes: Vec::new() };
        table.close_all_but(kept);
        table
    }

    pub(super) fn calls(&self) -> &[Call<'a>] {
        &self.calls
    }

    /// The call at this place failed.
    pub(super) fn failure(&self, at: usize, errno: Errno) -> Failure {
        Failure { purpose: self.purposes.get(at).copied(), errno }
    }

    /// Makes the start. The answer comes when the program has been executed, or could not be.
    pub(super) fn run(&self, extras: Extras<'_>) -> Result<(u32, OwnedFd), Failure> {
        let started = sys::vfork_exec(&self.calls, extras).map_err(Failure::of_clone)?;
        let Some((at, errno)) = started.failed else { return Ok((started.pid, started.pidfd)) };
        // It has ended already, or is about to; reaped here, so that a failed start leaves no zombie.
        let _reaped = crate::PidFd::from(started.pidfd).wait();
        Err(self.failure(at, errno))
    }

    fn extend(&mut self, calls: impl IntoIterator<Item = (Purpose, Call<'a>)>) {
        calls.into_iter().for_each(|(purpose, call)| self.push(purpose, call));
    }

    fn push(&mut self, purpose: Purpose, call: Call<'a>) {
        self.calls.push(call);
        self.purposes.push(purpose);
    }

    /// Closes everything but these.
    fn close_all_but(&mut self, kept: impl Iterator<Item = RawFd>) {
        let mut kept: Vec<u32> = kept.filter_map(|fd| u32::try_from(fd).ok()).collect();
        kept.sort_unstable();
        kept.dedup();
        // What the loop goes up to where there is no close_range: twice the table's size, as other threads may open more.
        let end = if sys::has_close_range() { 0 } else { descriptor_table_size().saturating_mul(2).max(4096) };
        let mut first = 0;
        for keep in kept {
            if keep > first {
                self.push(Purpose::Close, Call::close(first, keep - 1, end));
            }
            first = keep + 1;
        }
        self.push(Purpose::Close, Call::close(first, u32::MAX, end));
    }
}

impl Program {
    /// The descriptor that it is executed by.
    pub(super) fn number(&self) -> Option<RawFd> {
        if let Self::Descriptor(fd, _) = self { Some(*fd) } else { None }
    }
}

impl Failure {
    /// The clone itself failed.
    pub(super) fn of_clone(errno: Errno) -> Self {
        Self { purpose: None, errno }
    }

    /// What a tired person wants to know.
    pub(super) fn sentence(
        &self,
        object: Object,
        program: &Program,
        directory: &Option<PathBuf>,
        settings: &Settings,
    ) -> Error {
        const EBADF: i32 = 9;
        let errno = i32::from(self.errno.0);
        match self.purpose {
            // Its files are not those that the caller would look at.
            Some(Purpose::Execute) if settings.joined.contains(NamespaceFlags::MOUNT) => {
                Error::os("execute", object, errno)
                    .with_hint("it is looked up in the mount namespace that the program joins")
            }
            Some(Purpose::Execute) => execute_error(object, program, directory.as_deref(), errno),
            Some(Purpose::Hostname) => Error::os("set", Object::Named("the host name"), errno),
            Some(Purpose::Domainname) => Error::os("set", Object::Named("the domain name"), errno),
            Some(Purpose::Groups) => identity_error("set", Object::Named("the supplementary groups"), errno),
            Some(Purpose::Group(gid)) => identity_error("become the group", Object::Account(gid.to_string()), errno),
            Some(Purpose::User(uid)) => identity_error("become the user", Object::Account(uid.to_string()), errno),
            Some(Purpose::Directory) => {
                Error::os("enter the directory", Object::Path(directory.clone().unwrap_or_default()), errno)
            }
            Some(Purpose::Descriptor(number)) if errno == EBADF => {
                let why = "its number is not below the limit on open descriptors of this process (ulimit -n)";
                Error::explained("place", Object::Descriptor(number), ErrorKind::Exhausted, errno, why)
            }
            Some(Purpose::Descriptor(number)) => Error::os("place", Object::Descriptor(number), errno),
            Some(Purpose::Close | Purpose::Signals | Purpose::Session) => {
                Error::os("prepare the start of", object, errno)
            }
            None => clone_error(object, errno, settings),
        }
    }
}

/// Why the child could not become somebody.
fn identity_error(op: &'static str, object: Object, errno: i32) -> Error {
    let error = Error::os(op, object, errno);
    match errno {
        1 => error
            .with_hint("it takes CAP_SETUID and CAP_SETGID, which root has, and the maker of a user namespace in it"),
        22 => error.with_hint("the id is not mapped in the user namespace of the program"),
        _ => error,
    }
}

pub(super) fn clone_error(object: Object, errno: i32, settings: &Settings) -> Error {
    const EBADF: i32 = 9;
    const EACCES: i32 = 13;
    const EBUSY: i32 = 16;
    const EEXIST: i32 = 17;
    const EAGAIN: i32 = 11;
    const ENODEV: i32 = 19;
    const EMFILE: i32 = 24;
    const ENOSYS: i32 = 38;
    const EOPNOTSUPP: i32 = 95;
    let why = match errno {
        EBADF if settings.cgroup.is_some() => "what was given as its cgroup is no directory of a cgroup v2 hierarchy",
        EACCES if settings.cgroup.is_some() => "the caller may not move processes into the cgroup",
        EBUSY if settings.cgroup.is_some() => "the cgroup hands controllers to those below it, and takes no processes",
        ENODEV if settings.cgroup.is_some() => "the cgroup was removed",
        EOPNOTSUPP if settings.cgroup.is_some() => "the cgroup takes threads, not processes",
        EEXIST if !settings.pids.is_empty() => "the number that the process shall have is taken",
        ENOSYS => "a seccomp profile or the kernel refuses clone3, and clone cannot express the request",
        _ if !settings.namespaces.is_empty() && errno != EAGAIN && errno != EMFILE => {
            return refusal::of_make("start", object, settings.namespaces.flags(), errno);
        }
        _ => return plain_clone_error(object, errno),
    };
    Error::explained("start", object, ErrorKind::of_errno(errno), errno, why)
}

fn plain_clone_error(object: Object, errno: i32) -> Error {
    const EAGAIN: i32 = 11;
    let error = Error::os("start", object, errno);
    match errno {
        EAGAIN => {
            error.with_hint("a limit on processes is reached (ulimit -u, pids.max of the cgroup, kernel.pid_max)")
        }
        _ => error,
    }
}

/// Why the kernel would not execute a file. Its number alone says the same for a program that is absent and for one whose
/// interpreter is: the file itself is looked at.
fn execute_error(object: Object, program: &Program, directory: Option<&Path>, errno: i32) -> Error {
    use std::os::unix::ffi::OsStrExt;
    let (Program::Path(path) | Program::Descriptor(_, path)) = program;
    let path = Path::new(std::ffi::OsStr::from_bytes(path.to_bytes()));
    let found = std::fs::metadata(directory.map_or_else(|| path.to_path_buf(), |directory| directory.join(path))).ok();
    let is_file = found.as_ref().map(std::fs::Metadata::is_file);
    let (kind, why) = match (errno, is_file) {
        (2, Some(true)) => (ErrorKind::NotFound, "the interpreter or loader that it names is absent"),
        (2, _) if matches!(program, Program::Path(_)) => (ErrorKind::NotFound, "there is no such program"),
        (20, _) => (ErrorKind::NotFound, "a part of its path is not a directory"),
        (7, _) => {
            (ErrorKind::Invalid, "its arguments and environment are larger than the kernel takes (execve(2), ARG_MAX)")
        }
        (8, _) => {
            (ErrorKind::NotExecutable, "it is in no format that this kernel executes; a script must begin with #!")
        }
        (13, Some(false)) => (ErrorKind::NotExecutable, "it is a directory or a device, not a program"),
        (13, Some(true)) if !is_executable(found.as_ref()) => {
            (ErrorKind::NotExecutable, "no execute permission is set on it")
        }
        (13, _) => (ErrorKind::Denied, "its path, its interpreter, a noexec mount or a security module forbids it"),
        (26, _) => (ErrorKind::Busy, "somebody has it open for writing"),
        _ => return Error::os("execute", object, errno),
    };
    Error::explained("execute", object, kind, errno, why)
}

fn is_executable(found: Option<&std::fs::Metadata>) -> bool {
    use std::os::unix::fs::PermissionsExt;
    found.is_some_and(|found| found.permissions().mode() & 0o111 != 0)
}

/// How many numbers the kernel's descriptor table of this process has room for.
fn descriptor_table_size() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let size = status.lines().find_map(|line| line.strip_prefix("FDSize:"));
    size.and_then(|size| size.trim().parse().ok()).unwrap_or(65_536)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn closed(targets: &[i32], program: &Program) -> Vec<(u64, u64)> {
        let text = Text::new(&[], &[], None);
        let moves: Vec<(RawFd, i32)> = targets.iter().map(|target| (1000, *target)).collect();
        let settings = Settings::default();
        let table = Table::new(&moves, program, &text, &settings, None);
        table.calls.iter().filter_map(|call| call.range_and_end().map(|(first, last, _)| (first, last))).collect()
    }

    const LAST: u64 = u32::MAX as u64;

    #[test]
    fn the_gaps_between_the_targets_are_closed() {
        let program = Program::Path(c"/bin/true".into());
        assert_eq!(closed(&[], &program), [(0, LAST)]);
        assert_eq!(closed(&[0, 1, 2], &program), [(3, LAST)]);
        assert_eq!(closed(&[900, 1, 0, 5, 2, 4], &program), [(3, 3), (6, 899), (901, LAST)]);
        assert_eq!(closed(&[i32::MAX], &program), [(0, (1 << 31) - 2), (1 << 31, LAST)]);
    }

    #[test]
    fn the_executed_file_stays_open_until_its_exec() {
        let program = Program::Descriptor(7, c"/proc/self/fd/7".into());
        assert_eq!(closed(&[0, 1, 2], &program), [(3, 6), (8, LAST)]);
        assert_eq!(closed(&[0, 1, 6], &program), [(2, 5), (8, LAST)]);
    }

    #[test]
    fn every_call_has_its_purpose() {
        let text = Text::new(&[], &[], Some(c"/".into()));
        let program = Program::Descriptor(7, c"/proc/self/fd/7".into());
        let settings = Settings::default();
        let table = Table::new(&[(9, 0)], &program, &text, &settings, None);
        assert_eq!(table.calls.len(), table.purposes.len());
        let last: Vec<bool> = table.purposes.iter().rev().map(|at| matches!(at, Purpose::Execute)).take(3).collect();
        assert_eq!(last, [true, true, false]);
    }

    proptest! {
        #[test]
        fn a_number_is_either_kept_or_closed_once(targets in proptest::collection::hash_set(0..40_i32, 0..12)) {
            let targets: Vec<i32> = targets.into_iter().collect();
            let closed = closed(&targets, &Program::Path(c"/bin/true".into()));
            for number in 0..50_u8 {
                let times = closed.iter().filter(|(first, last)| (first..=last).contains(&&u64::from(number))).count();
                prop_assert_eq!(times, usize::from(!targets.contains(&number.into())));
            }
        }
    }
}
