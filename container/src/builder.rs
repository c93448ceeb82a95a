// SPDX-License-Identifier: MIT OR Apache-2.0
//! Describing a container, method by method. No input or output happens here before a verb.

mod given;
mod hooks;
mod joined;
mod rights;
mod user;
mod verbs;

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use skep_cgroup::Limits;
use skep_ns::{Namespace, Namespaces, Stdio, SysctlKey, Sysctls, TimeOffsets};
use skep_rootfs::{Base, Bind, Changes, Mounts, Proc, RootSpec};

use crate::parent::Launch;
use crate::spec::{Network, Scope, Spec, Stream};

/// A container to be: a [`Spec`], and the descriptors that its program gets.
#[derive(Debug, Default)]
#[must_use = "nothing happens before create, start or output"]
pub struct Builder {
    name: Option<String>,
    spec: Spec,
    launch: Launch,
    /// Namespaces that were given as handles.
    given: Vec<Namespace>,
    state_root: Option<PathBuf>,
    kill_on_drop: bool,
    fail: Option<(usize, u16)>,
    profile: bool,
}

impl Builder {
    pub(crate) fn new(name: Option<String>) -> Self {
        Self { name, ..Self::default() }
    }

    /// A container by a finished description.
    pub fn from_spec(spec: Spec) -> Self {
        Self { spec, ..Self::default() }
    }

    /// Gives it a name: see [`Container::builder`](crate::Container::builder).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Something that its maker wants to remember of it, such as `org.example.team`: kept in its
    /// [description](crate::Container::spec), and nothing else. The last value of a name counts.
    #[doc(alias = "label")]
    pub fn annotation(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.spec.annotations.insert(name.into(), value.into());
        self
    }

    /// Something that its maker keeps with it for itself, and [finds again](crate::Container::memo): unlike an annotation it is
    /// told to no hook, and is in no OCI configuration. The last value of a name counts.
    pub fn memo(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.spec.memo.insert(name.into(), value.into());
        self
    }

    /// Where the state of containers with a name is kept: an absolute path of a directory that is its owner's alone, made
    /// if its parent is there. By default `/run/skep` for root, `$XDG_RUNTIME_DIR/skep` or `/tmp/skep-UID` for others.
    pub fn state_root(mut self, path: impl Into<PathBuf>) -> Self {
        self.state_root = Some(path.into());
        self
    }

    /// The directory that the container sees as `/`; the machine's own root by default. Needs a mount namespace.
    ///
    /// Mount points that are absent in it are made, and stay.
    pub fn root(mut self, path: impl Into<PathBuf>) -> Self {
        self.spec.root.get_or_insert_default().base = Base::Directory(path.into());
        self
    }

    /// What the container sees as `/`, in place of what was said so far: a directory, one whose changes go elsewhere, or
    /// nothing but memory. Needs a mount namespace.
    pub fn root_spec(mut self, root: RootSpec) -> Self {
        self.spec.root = Some(root);
        self
    }

    /// Has what is changed in the root directory be kept in memory, and be gone with the container: the directory stays as
    /// it is. What is mounted below it is not seen. See [`RootSpec`] for what else there is.
    ///
    /// With a user namespace it takes Linux 5.11, and `/` itself cannot be the directory:
    /// [`skep_rootfs::View`] gives what is nearest to it.
    #[doc(alias = "overlayfs")]
    pub fn copy_on_write(mut self) -> Self {
        self.spec.root.get_or_insert_default().changes = Changes::in_memory();
        self
    }

    /// Has nothing in the root directory be changed.
    pub fn read_only_root(mut self) -> Self {
        self.spec.root.get_or_insert_default().read_only = true;
        self
    }

    /// Everything that is mounted, in place of what was so far. [`Mounts::standard`] is what most programs expect.
    pub fn mounts(mut self, mounts: Mounts) -> Self {
        self.spec.mounts = mounts;
        self
    }

    /// What the container may use at most. A limit that cannot be applied here is an error.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.spec.resources.limits = limits;
        self.spec.resources.where_possible = false;
        self
    }

    /// What the container may use at most, as far as it can be seen to here: for an ordinary user without a cgroup of
    /// their own. What cannot is in the [notes](crate::Container::notes).
    pub fn limits_where_possible(mut self, limits: Limits) -> Self {
        self.spec.resources.limits = limits;
        self.spec.resources.where_possible = true;
        self
    }

    /// The cgroup of the container, made for it: a path from the root of the hierarchy that the caller sees, where there is
    /// none yet. By default `skep-NAME-` and a number, if there are limits. Groups on the way to it that are made too stay.
    pub fn cgroup(mut self, path: impl Into<PathBuf>) -> Self {
        self.spec.resources.cgroup = Some(path.into());
        self
    }

    /// Has systemd make the cgroup of the container, as a [`Scope`]: where systemd owns the groups of the machine, or of a
    /// user, who has rights to none but by it.
    ///
    /// The child is put into it before it has done anything. Limits are systemd's properties as far as it has such.
    ///
    /// # Privileges
    /// Root for the machine's manager; none for one's own.
    /// # Kernel
    /// Any. systemd 236. Man: systemd.scope(5).
    #[doc(alias = "systemd-run")]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.spec.resources.scope = Some(scope);
        self
    }

    /// Gives the cgroup of the container every controller that can be had here: then any limit can be applied while it
    /// [runs](crate::Container::limit), and all that it uses is counted. By default it has those of its limits alone, and is
    /// sooner joined. By itself it asks for no cgroup.
    #[doc(alias = "cgroup.controllers")]
    pub fn every_controller(mut self) -> Self {
        self.spec.resources.every_controller = true;
        self
    }

    /// Has the launcher stay as process 1: it reaps what nobody else does, hands signals on to the program, and ends as
    /// the program does, with 128 + n for signal n. Needs a pid namespace. By default the program itself is process 1.
    ///
    /// It has no more rights than the program, and counts as a process for limits. `SIGCHLD` is its own and not handed on;
    /// `SIGSTOP` stops it and not the program. It leads the session, and the program a process group in it, in the terminal's
    /// foreground: so the program can be stopped, by Ctrl-Z for one, which [`Container::stops`](crate::Container::stops)
    /// tells, and cannot begin a session itself, as no job of a shell can. One that stays
    /// [in the caller's session](Self::in_caller_session) is in the caller's group.
    pub fn init(mut self) -> Self {
        self.spec.init = true;
        self
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

    /// What the program finds as its own name, `argv[0]`: `-sh` makes a shell a login shell. By default as it was called.
    pub fn arg0(mut self, name: impl Into<OsString>) -> Self {
        self.spec.process.arg0 = Some(name.into());
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

    /// The NIS domain name, at most 64 bytes; needs a uts namespace. It is not that of DNS: few programs ask for it. The
    /// kernel begins a machine with `(none)`, and a namespace with its maker's. See setdomainname(2).
    #[doc(alias = "setdomainname")]
    pub fn domainname(mut self, name: impl Into<String>) -> Self {
        self.spec.domainname = Some(name.into());
        self
    }

    /// How far the container's clocks of time since boot are from the machine's, either way, up to 292 years; needs a time
    /// namespace. The clock that tells the date has no offset. A clock must not become negative by it, nor pass 146 years:
    /// that is found when the container is made.
    ///
    /// # Privileges
    /// `CAP_SYS_TIME` in the user namespace that owns the time namespace, which a new user namespace gives.
    /// # Kernel
    /// Linux 6.2; from 5.6 on with an [`init`](Self::init). See time_namespaces(7).
    #[doc(alias = "timens_offsets")]
    pub fn time_offsets(mut self, offsets: TimeOffsets) -> Self {
        self.spec.time_offsets = Some(offsets);
        self
    }

    /// Gives it one more link to the outside; needs a net namespace. The first is `eth0` there unless it has another name.
    ///
    /// # Privileges
    /// `CAP_NET_ADMIN` over the caller's network namespace.
    #[doc(alias = "lxc.net")]
    pub fn network(mut self, network: impl Into<Network>) -> Self {
        self.spec.networks.push(network.into());
        self
    }

    /// Sets a switch of the container's namespaces, such as `net.ipv4.ip_forward`; needs a namespace of its kind, or it would
    /// be the machine's. See [`SysctlKey::kind`].
    ///
    /// Those of ipc namespaces can be set in a user namespace since Linux 6.11.
    pub fn sysctl(mut self, key: SysctlKey, value: impl ToString) -> Self {
        self.spec.sysctls = self.spec.sysctls.value(key, value);
        self
    }

    /// All switches of the container's namespaces, in place of those so far.
    pub fn sysctls(mut self, sysctls: Sysctls) -> Self {
        self.spec.sysctls = sysctls;
        self
    }

    /// Makes what is at `source` be seen at `target` too; needs a mount namespace.
    pub fn bind(mut self, source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        self.spec.mounts = self.spec.mounts.add(Bind::new(source, target));
        self
    }

    /// Mounts a proc of the container on `target`; needs a mount and a pid namespace.
    pub fn proc(mut self, target: impl Into<PathBuf>) -> Self {
        self.spec.mounts = self.spec.mounts.add(Proc::new(target));
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

    /// The program's mask of permissions for new files, 0 to 0o777; the caller's by default.
    pub fn umask(mut self, mask: u32) -> Self {
        self.spec.process.umask = Some(mask);
        self
    }

    /// Has the program stay in the caller's session and process group, for a command in a terminal: keys such as Ctrl-C
    /// reach it, and a shell's job control.
    ///
    /// For programs that are trusted: one in the caller's process group can send signals to all of that group, the caller
    /// among it, by kill(2) with the number 0, whatever its pid namespace; and one with the caller's terminal can, where
    /// the sysctl `dev.tty.legacy_tiocsti` allows it, type into it. By default it leads a session of its own.
    pub fn in_caller_session(mut self) -> Self {
        self.spec.process.in_caller_session = true;
        self
    }

    /// Gives the program a terminal of the container's own as its standard input, output and error, and as its session's;
    /// the caller has the other side of it: [`Container::terminal`](crate::Container::terminal). Needs a mount namespace with a
    /// [devpts](skep_rootfs::Devpts) on `/dev/pts`.
    ///
    /// Keys make signals for what is in its foreground. The kernel keeps them from a program that is process 1 and has no
    /// handler for them: [`init`](Self::init) makes it another one.
    pub fn terminal(self) -> Self {
        self.terminal_on(Stream::ALL)
    }

    /// As [`terminal`](Self::terminal), with these of the standard streams alone: none leaves it `/dev/tty`. The others
    /// lead where they would without a terminal.
    pub fn terminal_on(mut self, streams: impl IntoIterator<Item = Stream>) -> Self {
        self.spec.process.terminal.get_or_insert_default().streams = streams.into_iter().collect();
        self
    }

    /// The size of the program's terminal in characters, from its beginning; unset by default. See
    /// [`Terminal::resize`](crate::Terminal::resize).
    pub fn terminal_size(mut self, rows: u16, columns: u16) -> Self {
        self.spec.process.terminal.get_or_insert_default().size = Some((rows, columns));
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

    /// The signal, 1 to 64, by which its first process is asked to end: see [`Container::stop`](crate::Container::stop). By
    /// default `SIGTERM`, or where systemd is its process 1 that one's own.
    #[doc(alias = "lxc.signal.halt")]
    pub fn stop_signal(mut self, signal: i32) -> Self {
        self.spec.stop_signal = Some(signal);
        self
    }

    /// Kills and reaps the container when its handle is dropped.
    pub fn kill_on_drop(mut self) -> Self {
        self.kill_on_drop = true;
        self
    }

    /// The program's standard input; the caller's by default, nothing for [`output`](Self::output).
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        *self.launch.stdio_mut(Stream::Stdin) = Some(stdin.into());
        self
    }

    /// The program's standard output; the caller's by default, a pipe for [`output`](Self::output).
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        *self.launch.stdio_mut(Stream::Stdout) = Some(stdout.into());
        self
    }

    /// The program's standard error; the caller's by default, a pipe for [`output`](Self::output).
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        *self.launch.stdio_mut(Stream::Stderr) = Some(stderr.into());
        self
    }

    /// Gives the program a descriptor under the number `number`. Every other one above 2 is closed in it.
    pub fn fd(mut self, number: i32, fd: impl Into<OwnedFd>) -> Self {
        self.launch.give(number, fd.into());
        self
    }

    /// Executes this file as the launcher in place of the one that is embedded: [`LAUNCHER`](crate::LAUNCHER) of the very
    /// same version, installed where the machine lets programs be executed. For machines that allow nothing else.
    ///
    /// Where an [`init`](Self::init) stays of it, the file must not be that of a user who is in the container's user
    /// namespace. Without a user namespace who has `CAP_SYS_PTRACE` in the container can get at it, as at all else.
    pub fn launcher(mut self, path: impl Into<PathBuf>) -> Self {
        self.launch.launcher = Some(path.into());
        self
    }

    /// Has it told how long each step of the child's takes: see [`Created::times`](crate::Created::times). It costs three
    /// system calls a step, clock_gettime(2) among them: a seccomp policy that kills for that one kills the child.
    pub fn profile(mut self) -> Self {
        self.profile = true;
        self
    }

    /// The description so far.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }
}
