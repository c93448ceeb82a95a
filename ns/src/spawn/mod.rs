// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starting a program from any thread of any program.
//!
//! [`Spawn`] has the habits of [`std::process::Command`] and another way down: the child borrows the caller's memory
//! instead of copying it (`CLONE_VM|CLONE_VFORK`), so that a start costs the same from a small program and from one of many
//! gigabytes; and between clone and exec it runs a finished list of system calls in assembly, so that no lock, allocator
//! or thread of the caller can stand in its way. Nothing of the caller is changed by a start.
//!
//! Where the program gets other namespaces or credentials ([`Spawn::namespaces`], [`Spawn::join`], [`Spawn::user`]) the
//! child is a copy instead, since neither may change while memory is shared: it runs a finished list of system calls too.
//!
//! The program begins clean: only the descriptors it was given, no signal blocked, every signal at its default (ignored
//! ones too).
//!
//! Man: clone(2), execve(2), vfork(2).

pub(crate) mod call;
mod child;
mod copying;
mod settings;
mod stdio;
mod table;

use std::collections::HashMap;
use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

pub use child::{Child, Output, Pipes};
pub use stdio::Stdio;

use crate::enter::{Way, refusal};
use crate::error::{Error, ErrorKind, Object};
use crate::kind::NamespaceFlags;
use crate::pidfd::PidFd;
use crate::sys::{self, Extras};
use copying::{Trouble, Wire};
use settings::Settings;
use stdio::Placement;
use table::{Failure, Program, Table, Text};

/// A program to start, and with what.
///
/// ```
/// # fn main() -> Result<(), skep_ns::Error> {
/// let out = skep_ns::Spawn::new("/bin/echo").arg("hello").output()?;
/// assert!(out.status.success());
/// assert_eq!(out.stdout, b"hello\n");
/// # Ok(())
/// # }
/// ```
///
/// See clone(2), execve(2), namespaces(7).
#[derive(Debug)]
pub struct Spawn {
    program: PathBuf,
    executable: Option<OwnedFd>,
    name: Option<OsString>,
    args: Vec<OsString>,
    inherit_env: bool,
    env: Vec<(OsString, Option<OsString>)>,
    directory: Option<PathBuf>,
    stdio: [Option<Stdio>; 3],
    fds: Vec<(i32, OwnedFd)>,
    settings: Settings,
}

impl Spawn {
    /// A start of `program`: a path, or a name without a slash that is looked for on the caller's `PATH`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            executable: None,
            name: None,
            args: Vec::new(),
            inherit_env: true,
            env: Vec::new(),
            directory: None,
            stdio: [None, None, None],
            fds: Vec::new(),
            settings: Settings::default(),
        }
    }

    /// Executes the file that a descriptor refers to, a memfd for one, in place of the program's path, which it then finds
    /// as `argv[0]` alone.
    ///
    /// The file must be in a format that the kernel executes by itself: for a script the interpreter would find the
    /// descriptor closed.
    /// # Kernel
    /// Linux 3.19. See execveat(2).
    #[doc(alias = "fexecve")]
    #[doc(alias = "execveat")]
    pub fn executable(&mut self, file: impl Into<OwnedFd>) -> &mut Self {
        self.executable = Some(file.into());
        self
    }

    /// Adds one argument.
    pub fn arg(&mut self, arg: impl Into<OsString>) -> &mut Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> &mut Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// What the program finds as `argv[0]`, in place of its path.
    pub fn arg0(&mut self, name: impl Into<OsString>) -> &mut Self {
        self.name = Some(name.into());
        self
    }

    /// Sets a variable of the program's environment.
    pub fn env(&mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> &mut Self {
        self.env.push((key.into(), Some(value.into())));
        self
    }

    /// Sets variables of the program's environment.
    pub fn envs(&mut self, vars: impl IntoIterator<Item = (impl Into<OsString>, impl Into<OsString>)>) -> &mut Self {
        self.env.extend(vars.into_iter().map(|(key, value)| (key.into(), Some(value.into()))));
        self
    }

    /// Takes a variable out of the program's environment.
    pub fn env_remove(&mut self, key: impl Into<OsString>) -> &mut Self {
        self.env.push((key.into(), None));
        self
    }

    /// Starts from an empty environment in place of the caller's, and forgets what was set so far.
    pub fn env_clear(&mut self) -> &mut Self {
        self.inherit_env = false;
        self.env.clear();
        self
    }

    /// The program's working directory, in place of the caller's. A relative program path is taken from there.
    ///
    /// The child enters it while the caller's thread waits: one on a file system that does not answer keeps both.
    pub fn current_dir(&mut self, directory: impl Into<PathBuf>) -> &mut Self {
        self.directory = Some(directory.into());
        self
    }

    /// The program's standard input; the caller's by default, nothing for [`output`](Self::output).
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Self {
        self.stdio[0] = Some(stdin.into());
        self
    }

    /// The program's standard output; the caller's by default, a pipe for [`output`](Self::output).
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Self {
        self.stdio[1] = Some(stdout.into());
        self
    }

    /// The program's standard error; the caller's by default, a pipe for [`output`](Self::output).
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Self {
        self.stdio[2] = Some(stderr.into());
        self
    }

    /// Gives the program a descriptor under the number `number`. Every other one above 2 is closed in it.
    ///
    /// The last one given under a number counts; 0, 1 and 2 may be given so too.
    pub fn fd(&mut self, number: i32, fd: impl Into<OwnedFd>) -> &mut Self {
        self.fds.retain(|(taken, _)| *taken != number);
        self.fds.push((number, fd.into()));
        self
    }

    /// Starts the program; the answer comes when it runs, or could not be executed.
    ///
    /// # Errors
    /// `NotFound`, `NotExecutable` and `Denied` tell apart why a program cannot be executed; `Invalid` names everything
    /// that is wrong with the request, before anything was touched; `Exhausted` for a limit on processes, descriptors or
    /// memory. Of other namespaces and ids: `Denied` where a right is lacking, `NotFound` for a process that has ended,
    /// `WrongState` for a pid namespace whose first process has; the sentence says at which of them. Nothing is left
    /// behind.
    /// # Kernel
    /// Linux 5.3 (clone3), clone(2) where that is refused; 5.9 (close_range), a loop over the numbers where that is.
    pub fn spawn(&mut self) -> Result<Child, Error> {
        self.start(Stdio::Inherit, || Stdio::Inherit)
    }

    /// Starts the program, waits for its end and collects what it wrote.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub fn output(&mut self) -> Result<Output, Error> {
        self.start(Stdio::Null, || Stdio::Piped)?.wait_with_output()
    }

    /// Starts the program and waits for its end.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub fn status(&mut self) -> Result<crate::ExitStatus, Error> {
        self.spawn()?.wait()
    }

    fn start(&mut self, input: Stdio, other: impl Fn() -> Stdio) -> Result<Child, Error> {
        self.check()?;
        let way = self.settings.join.way_of_child()?;
        self.settings.joined = way.joined();
        self.check_with(way.joined())?;
        // Before anything is opened: a descriptor of ours must not come to lie under a standard number that is closed.
        let open = [0, 1, 2].map(sys::is_open);
        let defaults = [input, other(), other()];
        let mut placement = Placement::default();
        for (number, (given, default)) in (0..).zip(self.stdio.iter().zip(&defaults)) {
            if !self.fds.iter().any(|(taken, _)| *taken == number) {
                placement.stdio(number, given.as_ref().unwrap_or(default), &open)?;
            }
        }
        for (number, fd) in &self.fds {
            placement.give(*number, fd);
        }
        let program = match &self.executable {
            None => Program::Path(self.resolve()?),
            Some(file) => {
                let fd = placement.out_of_the_way(file)?;
                Program::Descriptor(fd, c_string(format!("/proc/self/fd/{fd}")))
            }
        };
        placement.untangle()?;
        let (argv, envp) = (self.argv(), self.envp());
        let text = Text::new(&argv, &envp, self.directory.as_deref().map(c_string));
        let text = text.with_names(self.settings.hostname(), self.settings.domainname());
        let (pid, pidfd) = if self.settings.copies() {
            self.copy(&placement, &program, &text, &way)?
        } else {
            let table = Table::new(placement.moves(), &program, &text, &self.settings, None);
            let extras = Extras { cgroup: self.settings.cgroup.as_ref().map(AsFd::as_fd), pids: &self.settings.pids };
            table.run(extras).map_err(|failure| self.sentence(&failure, &program))?
        };
        Ok(Child::new(pid, PidFd::from(pidfd), placement.into_pipes()))
    }

    /// The start in the copying form.
    fn copy(
        &self,
        placement: &Placement,
        program: &Program,
        text: &Text<'_>,
        way: &Way,
    ) -> Result<(u32, OwnedFd), Error> {
        let wire = Wire::new(|fd| placement.copy_aside(fd.as_raw_fd()))?;
        let table = Table::new(placement.moves(), program, text, &self.settings, Some(wire.number()));
        // A child that waits must not hold what others wait for to be closed, such as the ends of their pipes.
        let needed = placement.moves().iter().map(|(source, _)| *source).chain(way.descriptors());
        let close = Table::of_closing(needed.chain(program.number()).chain([wire.number()]));
        copying::run(&table, close.calls(), &self.settings, way, wire).map_err(|trouble| match trouble {
            Trouble::Failure(failure) => self.sentence(&failure, program),
            Trouble::Second(errno, joined) => {
                let errno = i32::from(errno.0);
                joined
                    .contains(NamespaceFlags::PID)
                    .then(|| refusal::of_dead_pid_namespace("start", self.object(), errno))
                    .flatten()
                    .unwrap_or_else(|| table::clone_error(self.object(), errno, &self.settings))
            }
            Trouble::Error(error) => error,
        })
    }

    fn sentence(&self, failure: &Failure, program: &Program) -> Error {
        failure.sentence(self.object(), program, &self.directory, &self.settings)
    }

    /// What makes no sense in view of the kinds that are joined, which only the kernel knows.
    fn check_with(&self, joined: NamespaceFlags) -> Result<(), Error> {
        let problems = self.settings.problems_with(joined);
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid("start", self.object(), problems)) }
    }

    /// What no kernel could make sense of, all of it, before anything was touched.
    fn check(&self) -> Result<(), Error> {
        let mut problems = Vec::new();
        let mut check = |what: &str, text: &OsStr| {
            if text.as_bytes().contains(&0) {
                problems.push(format!("{what} {text:?} has a NUL byte in it, which ends a string for the kernel"));
            }
        };
        check("the program", self.program.as_os_str());
        self.name.iter().for_each(|name| check("argv[0]", name));
        for (at, arg) in self.args.iter().enumerate() {
            check(&format!("argument {}", at + 1), arg);
        }
        for (key, value) in &self.env {
            check("the variable", key);
            value.iter().for_each(|value| check("the variable's value", value));
        }
        self.directory.iter().for_each(|directory| check("the directory", directory.as_os_str()));
        for (key, _) in &self.env {
            // One may begin with it: some programs keep notes to themselves so.
            if key.is_empty() || key.as_bytes().iter().skip(1).any(|byte| *byte == b'=') {
                problems.push(format!("{key:?} cannot name a variable: it is empty or has a = in it"));
            }
        }
        for (number, _) in &self.fds {
            if *number < 0 {
                problems.push(format!("{number} cannot be the number of a descriptor"));
            }
        }
        if self.program.as_os_str().is_empty() && self.executable.is_none() {
            problems.push("the program has an empty name".to_owned());
        }
        problems.extend(self.settings.problems());
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid("start", self.object(), problems)) }
    }

    fn object(&self) -> Object {
        Object::Program(self.program.clone())
    }

    /// Finds a name without a slash on the caller's `PATH`, as execvp(3) does.
    fn resolve(&self) -> Result<CString, Error> {
        let program = &self.program;
        if program.as_os_str().as_bytes().contains(&b'/') {
            return Ok(c_string(program));
        }
        let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/local/bin:/usr/bin:/bin"));
        let candidates = || std::env::split_paths(&path).map(|directory| directory.join(program));
        let is_file = |path: &PathBuf| path.is_file();
        let may = |path: &PathBuf| rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
        // The first that can be executed; else the first that is there at all, for the kernel to say why it cannot.
        candidates()
            .find(|path| is_file(path) && may(path))
            .or_else(|| candidates().find(is_file))
            .map(|path| c_string(&path))
            .ok_or_else(|| {
                Error::explained(
                    "start",
                    self.object(),
                    ErrorKind::NotFound,
                    2,
                    "no directory of PATH has such a program",
                )
            })
    }

    fn argv(&self) -> Vec<CString> {
        let name = self.name.as_deref().unwrap_or(self.program.as_os_str());
        std::iter::once(name).chain(self.args.iter().map(OsString::as_os_str)).map(c_string).collect()
    }

    /// The environment in the order in which it was set, a variable once.
    fn envp(&self) -> Vec<CString> {
        let inherited = self.inherit_env.then(std::env::vars_os).into_iter().flatten();
        let last: HashMap<&OsString, usize> = self.env.iter().enumerate().map(|(at, (key, _))| (key, at)).collect();
        let mut vars: Vec<(OsString, OsString)> = inherited.filter(|(key, _)| !last.contains_key(key)).collect();
        for (at, (key, value)) in self.env.iter().enumerate() {
            if let (Some(value), true) = (value, last.get(key) == Some(&at)) {
                vars.push((key.clone(), value.clone()));
            }
        }
        vars.into_iter()
            .map(|(mut entry, value)| {
                entry.push("=");
                entry.push(value);
                c_string(&entry)
            })
            .collect()
    }
}

/// Text without a NUL byte, which [`Spawn::check`] made sure of; what could follow one is cut off.
fn c_string(text: impl AsRef<OsStr>) -> CString {
    let bytes = text.as_ref().as_bytes();
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    CString::new(bytes).unwrap_or_default()
}
