// SPDX-License-Identifier: MIT OR Apache-2.0
//! Executing further programs in a container that runs.

mod executed;
mod further;
mod place;

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use skep_caps_sec::{Policy, Privileges};
use skep_ns::{Output, Stdio};
use skep_rootfs::Foreseen;

use super::running::Container;
use crate::error::{Error, ErrorKind, Object};
use crate::host::{Host, Place, Rights, Who, look_up};
use crate::parent::{Joining, Launch, Launched, Left, Started};
use crate::plan::Plan;
use crate::spec::{IdOrName, Process, Spec, Stream, UserSpec};

pub use executed::Executed;
pub(crate) use further::{Further, Furthers};

/// What a plan of these is for, as errors speak of it.
pub(crate) const OP: &str = "execute a program in";

/// How long it may take by default until a program runs.
const START_TAKES: Duration = Duration::from_secs(60);

/// A further program of a container that runs: [`Container::exec`].
///
/// It is what the container's own program was described to be: the same user, environment, directory, capabilities, filter
/// and label, unless something else is said here; of what that program has made of itself since, nothing. It is in the
/// container's namespaces and in its cgroup, so that its limits count, and ends with the container's pid namespace.
///
/// ```
/// # if !rustix::process::geteuid().is_root() { return Ok(()) }
/// use skep::Container;
/// use skep::ns::{NamespaceKind, Namespaces};
///
/// let container = Container::anonymous()
///     .namespaces(Namespaces::new().make([NamespaceKind::Pid, NamespaceKind::Uts]))
///     .hostname("web")
///     .command("/bin/sleep", ["1000"])
///     .kill_on_drop()
///     .start()?;
/// let out = container.exec("/bin/sh", ["-c", "uname -n"]).output()?;
/// assert_eq!(out.stdout, b"web\n");
/// # Ok::<(), skep::Error>(())
/// ```
///
/// # Security
/// What is started here goes to where hostile programs may be already. Until the program itself is executed they can trace
/// nothing of it (`PR_SET_DUMPABLE` 0 before the first namespace is joined), it has no descriptor but those that were given,
/// and nothing of the caller's memory is in it. They may stop it or end it, which is an error then, and nobody hangs. What
/// is executed is what *their* files say, and who a user is that is said by name: never take what it prints or answers for
/// more than that.
///
/// See setns(2), and `nsenter`(1) for what it does without limits, filter and label.
#[derive(Debug)]
#[must_use = "nothing happens before start or output"]
pub struct Exec<'a> {
    container: &'a Container,
    process: Process,
    launch: Launch,
    group: Option<PathBuf>,
    problems: Vec<String>,
    die_with_caller: bool,
    patience: Duration,
    fail: Option<(usize, u16)>,
}

impl Container {
    /// A further program, by path or by a name to look for on its own `PATH`, and its arguments: to be described further, and
    /// to be executed by [`Exec::start`] or [`Exec::output`].
    pub fn exec(&self, program: impl Into<OsString>, args: impl IntoIterator<Item = impl Into<OsString>>) -> Exec<'_> {
        let described = self.spec().map(|spec| spec.process.clone()).unwrap_or_default();
        let process = Process {
            program: program.into(),
            arg0: None,
            args: args.into_iter().map(Into::into).collect(),
            terminal: None,
            in_caller_session: false,
            ..described
        };
        Exec {
            container: self,
            process,
            launch: Launch::default(),
            group: None,
            problems: Vec::new(),
            die_with_caller: false,
            patience: START_TAKES,
            fail: None,
        }
    }

    /// After a failure: whoever waits for the container reaps what could not be ended then.
    fn keep_what_is_left(&self, error: Error, left: &Left) -> Error {
        match left.lock().unwrap_or_else(PoisonError::into_inner).take() {
            None => error,
            Some((pid, process)) => {
                self.further.add(Arc::new(Further::new(pid, process)));
                error.with_hint(format!("it was killed as process {pid}, and does not end before the container does"))
            }
        }
    }
}

impl Exec<'_> {
    /// Everything about the program, in place of what was said so far.
    pub fn process(mut self, process: Process) -> Self {
        self.process = process;
        self
    }

    /// What is said of the program so far.
    #[must_use]
    pub fn as_process(&self) -> &Process {
        &self.process
    }

    /// What it finds as its own name, `argv[0]`: `-sh` makes a shell a login shell.
    pub fn arg0(mut self, name: impl Into<OsString>) -> Self {
        self.process.arg0 = Some(name.into());
        self
    }

    /// Sets a variable of its environment. The last value that is set counts.
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.process.env.push((key.into(), value.into()));
        self
    }

    /// Sets variables of its environment.
    pub fn envs(self, vars: impl IntoIterator<Item = (impl Into<OsString>, impl Into<OsString>)>) -> Self {
        vars.into_iter().fold(self, |exec, (key, value)| exec.env(key, value))
    }

    /// Forgets the environment so far, that of the container's program among it.
    pub fn env_clear(mut self) -> Self {
        self.process.env.clear();
        self
    }

    /// Its working directory, an absolute path inside. By default that of the container's program; if none was said for that,
    /// `/`, and where the container has no mount namespace of its own, where the caller is.
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.process.directory = Some(directory.into());
        self
    }

    /// Its user and group inside, without further groups.
    pub fn user(self, uid: u32, gid: u32) -> Self {
        self.user_spec((uid, gid))
    }

    /// Its user as [`Builder::user_named`](crate::Builder::user_named) takes it. Names are looked up in the `/etc/passwd` and
    /// `/etc/group` that the container has now: whoever may write these there decides who the program is.
    pub fn user_named(self, user: impl AsRef<str>) -> Self {
        self.user_spec(UserSpec::named(user))
    }

    /// The same as a value. Further groups that were said before are forgotten.
    pub fn user_spec(mut self, user: impl Into<UserSpec>) -> Self {
        self.process.user = Some(user.into());
        self.process.groups = None;
        self
    }

    /// Its further groups inside, numbers or names, and no others.
    #[doc(alias = "setgroups")]
    pub fn groups(mut self, groups: impl IntoIterator<Item = impl Into<IdOrName>>) -> Self {
        self.process.groups = Some(groups.into_iter().map(Into::into).collect());
        self
    }

    /// Sets `HOME` to its user's directory, unless the environment has one, as that of the container's program may be: see
    /// [`Builder::home_of_user`](crate::Builder::home_of_user).
    #[doc(alias = "HOME")]
    pub fn home_of_user(mut self) -> Self {
        self.process.home_of_user = true;
        self
    }

    /// Takes nothing away from it: every capability that the caller can give, no filter, no label, no Landlock, no
    /// `no_new_privs`; and nothing else of what was said of the container's program's [`rights`](Process::rights) either, such
    /// as its priority and its limits of rlimits. For whoever looks after a container from outside; limits of its cgroup
    /// still count. A user who is not root has no effective capabilities then, as the kernel has it for any exec.
    ///
    /// What is executed so is as dangerous as the container's files are: they say what the program is.
    pub fn elevated(mut self) -> Self {
        self.process.capabilities = None;
        self.process.rights = Privileges::default();
        self
    }

    /// How long it may take at most until the program runs; 60 seconds by default, and [`Duration::MAX`] for ever. A program
    /// whose policy asks somebody about execve(2) is waited for without an end.
    ///
    /// The files that are opened for it are the container's: one on a file system that answers nobody (FUSE), or that
    /// somebody holds a lease of, would keep the caller.
    pub fn start_within(mut self, deadline: Duration) -> Self {
        self.patience = deadline;
        self
    }

    /// Gives it a terminal of the container's own as its three standard streams, and as its session's;
    /// [`Executed::terminal`] is the other side. Needs a devpts on `/dev/pts` in the container.
    pub fn terminal(mut self) -> Self {
        self.process.terminal.get_or_insert_default().streams = Stream::ALL.into_iter().collect();
        self
    }

    /// The size of its terminal in characters, from its beginning.
    pub fn terminal_size(mut self, rows: u16, columns: u16) -> Self {
        self.process.terminal.get_or_insert_default().size = Some((rows, columns));
        self
    }

    /// Its standard input; the caller's by default, nothing for [`output`](Self::output).
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        *self.launch.stdio_mut(Stream::Stdin) = Some(stdin.into());
        self
    }

    /// Its standard output; the caller's by default, a pipe for [`output`](Self::output).
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        *self.launch.stdio_mut(Stream::Stdout) = Some(stdout.into());
        self
    }

    /// Its standard error; the caller's by default, a pipe for [`output`](Self::output).
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        *self.launch.stdio_mut(Stream::Stderr) = Some(stderr.into());
        self
    }

    /// Gives it a descriptor under the number `number`. Every other one above 2 is closed in it.
    pub fn fd(mut self, number: i32, fd: impl Into<OwnedFd>) -> Self {
        self.launch.give(number, fd.into());
        self
    }

    /// A group below the container's, which is there already, to be in: a path from the container's own. By default that
    /// is the container's own, or where version 2 lets no process be in that, since there are controllers for the groups
    /// below it, the one that its first process is in.
    pub fn cgroup(mut self, path: impl Into<PathBuf>) -> Self {
        self.group = Some(path.into());
        self
    }

    /// Has the kernel kill it when the *thread* that starts it ends. See
    /// [`Builder::die_with_caller`](crate::Builder::die_with_caller).
    #[doc(alias = "PR_SET_PDEATHSIG")]
    pub fn die_with_caller(mut self) -> Self {
        self.die_with_caller = true;
        self
    }

    /// Executes this file as the launcher: see [`Builder::launcher`](crate::Builder::launcher).
    pub fn launcher(mut self, path: impl Into<PathBuf>) -> Self {
        self.launch.launcher = Some(path.into());
        self
    }

    /// Has step number `number` of [`Plan::explain`] fail with the error number `errno` without being tried.
    #[doc(hidden)]
    pub fn fail_at(mut self, number: usize, errno: u16) -> Self {
        self.fail = Some((number, errno));
        self
    }

    /// What would be done, without doing it: see [`Plan::explain`].
    ///
    /// # Errors
    /// As [`start`](Self::start), for what can be seen beforehand.
    pub fn plan(&self) -> Result<Plan, Error> {
        self.prepared().map(|(plan, ..)| plan)
    }

    /// Executes the program. The answer comes when it runs, or could not be executed; from any thread.
    ///
    /// # Errors
    /// `Invalid` with every problem of the description; `WrongState` if the container does not run, or is frozen;
    /// `NotFound`, `NotExecutable` and `Denied` tell apart why the program cannot be executed; `Busy` if somebody in the
    /// container keeps stopping it, or its cgroup is frozen meanwhile and stays so for seconds; `WrongState` too if its policy asks a supervisor about execve(2): there is no moment
    /// before that in which one could have the listener. Nothing is left behind.
    /// # Privileges
    /// Those that made the container: `CAP_SYS_ADMIN` and the right to trace its first process (ptrace(2)), or to be the
    /// account that made its user namespace.
    /// # Kernel
    /// Linux 5.10.
    pub fn start(self) -> Result<Executed, Error> {
        let (plan, joining, spec) = self.prepared()?;
        if plan.asks_about_exec() {
            let why = "its policy asks about execve, and nobody has the listener yet who could answer".to_owned();
            let error = Error::because(OP, self.object(), ErrorKind::WrongState, why);
            return Err(error.with_hint("Exec::process with a policy of its own, or Exec::elevated"));
        }
        let notes = plan.notes().to_vec();
        let mut launch = self.launch;
        for stream in self.process.terminal.iter().flat_map(|terminal| &terminal.streams) {
            // Until it is the terminal.
            *launch.stdio_mut(*stream) = Some(Stdio::Null);
        }
        // Somebody is asked then, who takes their time.
        let patience = Some(self.patience).filter(|_| !plan.asks_about_exec());
        launch.joining = Some(Joining { patience, ..joining });
        let left = launch.joining.as_ref().map(|joining| Arc::clone(&joining.left)).unwrap_or_default();
        let started = launch.join(plan, spec).and_then(Launched::start);
        let started = started.map_err(|error| self.container.keep_what_is_left(error, &left));
        let Started { pid, process, pipes, terminal, listener, .. } = started?;
        let further = Arc::new(Further::new(pid, process));
        let mut executed = Executed::new(further, Arc::clone(&self.container.further), pipes, notes);
        (executed.terminal, executed.listener) = (terminal, listener);
        Ok(executed)
    }

    /// Runs the program to its end and answers what it wrote. If that fails half way the program is ended.
    ///
    /// # Errors
    /// As [`start`](Self::start); `Invalid` for a program with a terminal, or a policy that asks a supervisor.
    pub fn output(mut self) -> Result<Output, Error> {
        if self.process.terminal.is_some() {
            self.problems.push("output: it has a terminal: start it, and read Executed::terminal".to_owned());
        }
        if self.process.rights.seccomp.as_ref().is_some_and(Policy::asks_supervisor) {
            let why = "output: its policy asks a supervisor: start it, and answer what Executed::listener receives";
            self.problems.push(why.to_owned());
        }
        let [stdin, stdout, stderr] = &mut self.launch.stdio;
        stdin.get_or_insert(Stdio::Null);
        stdout.get_or_insert(Stdio::Piped);
        stderr.get_or_insert(Stdio::Piped);
        let executed = self.start()?;
        let further = executed.share();
        executed.wait_with_output().inspect_err(|_| {
            // What cannot be read any more is not left to write.
            if further.process.kill().is_ok() {
                let _reaped = further.wait(None);
            }
        })
    }

    /// The plan, what is joined by it, and the description that it is of.
    fn prepared(&self) -> Result<(Plan, Joining, Spec), Error> {
        let spec = self.spec()?;
        let mut problems = self.problems.clone();
        problems.extend(self.launch.problems(self.process.terminal.as_ref()));
        problems.extend(self.terminal_of_the_machine());
        problems.extend(self.launch.ways_out(self.container.spec().is_some_and(|spec| spec.root.is_some())));
        let joining = place::of(self.container, self.group.as_deref())?;
        let who = self.who(&spec, &joining, &mut problems)?;
        let host = Host { rights: Rights::probe(&spec.process), who, ..Host::default() };
        let mut plan = Plan::compile_into(
            self.container.name(),
            self.container.spec(),
            &spec,
            &host,
            joining.entering(),
            problems,
        )?;
        if let Some((number, errno)) = self.fail {
            plan.fail_at(number, errno);
        }
        Ok((plan, joining, spec))
    }

    /// Who it is by the container's own files, if that has to be looked up.
    fn who(&self, spec: &Spec, joining: &Joining, problems: &mut Vec<String>) -> Result<Option<Who>, Error> {
        if !Who::is_looked_up(&spec.process) {
            return Ok(None);
        }
        let caller = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let root = place::root(self.container)?;
        let files = Foreseen::of_root(&root);
        let who = look_up(spec, &Place { files, caller, setgroups_denied: joining.setgroups_denied })?;
        Ok(who.and_then(|who| who.map_err(|found| problems.extend(found)).ok()))
    }

    /// The description of the container with this program in place of its own.
    fn spec(&self) -> Result<Spec, Error> {
        let Some(described) = self.container.spec() else {
            let why = "how it was described cannot be read any more: its record is damaged".to_owned();
            return Err(Error::because(OP, self.object(), ErrorKind::WrongState, why));
        };
        let mut process = self.process.clone();
        if process.directory.is_none() && described.root.is_some() {
            process.directory = Some("/".into());
        }
        let die_with_caller = self.die_with_caller;
        let (namespaces, joined) = (described.namespaces.clone(), described.joined.clone());
        Ok(Spec { namespaces, joined, process, die_with_caller, ..Spec::default() })
    }

    /// What is wrong with its terminal where the container has no root of its own: what is at `/dev/pts` there may be the
    /// machine's. In a root of its own what is found there is looked at when it is used.
    fn terminal_of_the_machine(&self) -> Option<String> {
        let described = self.container.spec()?;
        (self.process.terminal.is_some() && described.root.is_none() && !described.has_terminals()).then(|| {
            "process.terminal: the container has no devpts on \"/dev/pts\": it would be among the machine's own"
                .to_owned()
        })
    }

    fn object(&self) -> Object {
        self.container.object()
    }
}
