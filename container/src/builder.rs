// SPDX-License-Identifier: MIT OR Apache-2.0
//! Describing a container, method by method. No input or output happens here before a verb.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use skep_ns::{Namespaces, Output, Stdio};

use crate::error::{Error, Object};
use crate::handle::{Container, Created};
use crate::parent::Launch;
use crate::plan::Plan;
use crate::spec::{Mount, Spec};

/// A container to be: a [`Spec`], and the descriptors that its program gets.
#[derive(Debug, Default)]
#[must_use = "nothing happens before create, start or output"]
pub struct Builder {
    spec: Spec,
    launch: Launch,
    kill_on_drop: bool,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A container by a finished description.
    pub fn from_spec(spec: Spec) -> Self {
        Self { spec, ..Self::default() }
    }

    /// The program, by path or by a name to look for on its own `PATH`, and its arguments.
    pub fn command(
        mut self,
        program: impl Into<OsString>,
        args: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Self {
        self.spec.process.program = program.into();
        self.spec.process.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// The namespaces to make. None by default.
    pub fn namespaces(mut self, namespaces: Namespaces) -> Self {
        self.spec.namespaces = namespaces;
        self
    }

    /// The host name; needs a uts namespace.
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.spec.hostname = Some(name.into());
        self
    }

    /// Makes what is at `source` be seen at `target` too; needs a mount namespace.
    pub fn bind(mut self, source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        self.spec.mounts.push(Mount::Bind { source: source.into(), target: target.into() });
        self
    }

    /// Mounts a proc of the container on `target`; needs a mount and a pid namespace.
    pub fn proc(mut self, target: impl Into<PathBuf>) -> Self {
        self.spec.mounts.push(Mount::Proc { target: target.into() });
        self
    }

    /// Sets a variable of the program's environment, which is empty at first. The last value that is set counts.
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.spec.process.env.push((key.into(), value.into()));
        self
    }

    /// Sets variables of the program's environment.
    pub fn envs(self, vars: impl IntoIterator<Item = (impl Into<OsString>, impl Into<OsString>)>) -> Self {
        vars.into_iter().fold(self, |builder, (key, value)| builder.env(key, value))
    }

    /// The program's working directory, an absolute path inside; where the caller is by default.
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.spec.process.directory = Some(directory.into());
        self
    }

    /// The program's user and group inside; by default root in a new user namespace, else who the caller is.
    pub fn user(mut self, uid: u32, gid: u32) -> Self {
        self.spec.process.user = Some((uid, gid));
        self
    }

    /// The program's mask of permissions for new files, 0 to 0o777; the caller's by default.
    pub fn umask(mut self, mask: u32) -> Self {
        self.spec.process.umask = Some(mask);
        self
    }

    /// Has the program lead a session of its own, without the caller's terminal.
    pub fn new_session(mut self) -> Self {
        self.spec.process.new_session = true;
        self
    }

    /// Has the kernel kill the container when the *thread* that makes it ends, by whatever death.
    ///
    /// Not for threads that come and go, such as those of an async runtime; and the kernel forgets it when a program
    /// changes its ids or is executed with more rights than its user has (setuid, setgid, file capabilities). See
    /// `PR_SET_PDEATHSIG` in prctl(2).
    #[doc(alias = "PR_SET_PDEATHSIG")]
    pub fn die_with_caller(mut self) -> Self {
        self.spec.die_with_caller = true;
        self
    }

    /// Kills and reaps the container when its handle is dropped.
    pub fn kill_on_drop(mut self) -> Self {
        self.kill_on_drop = true;
        self
    }

    /// The program's standard input; the caller's by default, nothing for [`output`](Self::output).
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.launch.stdio[0] = Some(stdin.into());
        self
    }

    /// The program's standard output; the caller's by default, a pipe for [`output`](Self::output).
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.launch.stdio[1] = Some(stdout.into());
        self
    }

    /// The program's standard error; the caller's by default, a pipe for [`output`](Self::output).
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.launch.stdio[2] = Some(stderr.into());
        self
    }

    /// Gives the program a descriptor under the number `number`. Every other one above 2 is closed in it.
    pub fn fd(mut self, number: i32, fd: impl Into<OwnedFd>) -> Self {
        self.launch.fds.retain(|(taken, _)| *taken != number);
        self.launch.fds.push((number, fd.into()));
        self
    }

    /// Executes this file as the launcher in place of the one that is embedded: [`LAUNCHER`](crate::LAUNCHER) of the very
    /// same version, installed where the machine lets programs be executed. For machines that allow nothing else.
    pub fn launcher(mut self, path: impl Into<PathBuf>) -> Self {
        self.launch.launcher = Some(path.into());
        self
    }

    /// The description so far.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What would be done, without doing it: see [`Plan::explain`].
    ///
    /// # Errors
    /// `Invalid` with every problem of the description.
    pub fn plan(&self) -> Result<Plan, Error> {
        let mut problems = self.spec.problems();
        for number in self.launch.fds.iter().map(|(number, _)| *number).filter(|number| *number < 0) {
            problems.push(format!("fd: {number} cannot be the number of a descriptor"));
        }
        if !problems.is_empty() {
            return Err(Error::invalid("create", Object::Container(None), problems));
        }
        Plan::compile(&self.spec)
    }

    /// Makes the container, up to where only its program is still to be executed.
    ///
    /// # Errors
    /// `Invalid` with every problem of the description, before anything was touched; else the step that failed, by whom,
    /// and why. Nothing is left behind.
    /// # Privileges
    /// `CAP_SYS_ADMIN` for namespaces without a user namespace among them; none with one. See [`Plan::explain`].
    /// # Kernel
    /// Linux 5.10.
    pub fn create(self) -> Result<Created, Error> {
        let plan = self.plan()?;
        let launched = self.launch.create(plan, self.spec.process.program)?;
        Ok(Created::new(launched, self.kill_on_drop))
    }

    /// Makes the container and executes its program.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`Created::start`].
    pub fn start(self) -> Result<Container, Error> {
        self.create()?.start()
    }

    /// Runs the program to its end and answers what it wrote. The container ends with this call, whatever happens.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn output(mut self) -> Result<Output, Error> {
        let [stdin, stdout, stderr] = &mut self.launch.stdio;
        stdin.get_or_insert(Stdio::Null);
        stdout.get_or_insert(Stdio::Piped);
        stderr.get_or_insert(Stdio::Piped);
        self.kill_on_drop().start()?.wait_with_output()
    }
}
