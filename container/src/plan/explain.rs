// SPDX-License-Identifier: MIT OR Apache-2.0
//! A plan in words: numbered, who does each step, and which right it takes.

use std::ffi::CStr;
use std::fmt;
use std::path::Path;

use skep_ns::{NamespaceFlags, SysctlKey};

use super::step::{CLOCKS, Flat, Step};
use super::{ParentStep, Plan, Stage};
use crate::floors::{caps_sec, rootfs};

impl Plan {
    /// The plan in words, a line a step, and then what was looked up for it and what was left out of it: what a dry run
    /// prints.
    #[must_use]
    pub fn explain(&self) -> String {
        let steps = self.lines().into_iter().enumerate().map(|(at, line)| format!("{:>3}. {line}\n", at + 1));
        let found = self.who.found.iter().map(|found| format!("looked up: {found}\n"));
        steps.chain(found).chain(self.notes().iter().map(|note| format!("left out: {note}\n"))).collect()
    }

    fn lines(&self) -> Vec<String> {
        let line = |stage: Stage| match self.right(stage) {
            Some(right) => format!("{}: {} [{right}]", stage.who(), self.words(stage)),
            None => format!("{}: {}", stage.who(), self.words(stage)),
        };
        self.stages().into_iter().map(line).collect()
    }

    /// Where a stage stands in the plan, and what it is: "step 4 of 9, in the child: …".
    pub(crate) fn place(&self, stage: Stage) -> String {
        let (number, all) = self.number_of(stage);
        format!("step {number} of {all}, in the {}: {}", stage.who(), self.words(stage))
    }

    /// A stage in words.
    fn words(&self, stage: Stage) -> String {
        match stage {
            Stage::Parent(step) => self.parent_words(step),
            Stage::Enter if !self.is_further() => format!("join namespaces of others: {}", self.joined),
            Stage::Enter => format!("join namespaces of the container: {}", namespaces(self.entering.kinds.bits())),
            Stage::EnterLate if !self.is_further() => "join the cgroup namespace of others".to_owned(),
            Stage::EnterLate => format!("join more namespaces of it: {}", namespaces(self.entering.late.bits())),
            Stage::Clone => self.clone_in_words(),
            Stage::Child(at) => {
                let step = self.steps().nth(at.into());
                step.map_or_else(|| "a step it does not know".to_owned(), |step| Words(step).to_string())
            }
            Stage::Execute => {
                let asked = if self.asks_about_exec { ", about which the supervisor is asked" } else { "" };
                format!("execute {}{asked}", self.programs().join(", else "))
            }
        }
    }

    /// The right that a stage takes, over what it works on.
    fn right(&self, stage: Stage) -> Option<&'static str> {
        match stage {
            Stage::Parent(ParentStep::Cgroup | ParentStep::Limits | ParentStep::Join) => {
                Some("write access to the groups above")
            }
            Stage::Parent(ParentStep::Scope) if self.scope().is_some_and(|scope| scope.unit.is_of_user()) => None,
            Stage::Parent(ParentStep::Scope) => Some("root"),
            Stage::Parent(ParentStep::Trees) => {
                Some("CAP_SYS_ADMIN over the file systems, and over the machine for a file's")
            }
            Stage::Parent(ParentStep::IdMap) => {
                Some("one's own ids alone, newuidmap and newgidmap, or CAP_SETUID, CAP_SETGID")
            }
            Stage::Parent(ParentStep::Network(_)) => {
                Some("CAP_NET_ADMIN over the caller's network namespace, CAP_SYS_ADMIN over the container's")
            }
            Stage::Parent(ParentStep::State | ParentStep::Launch | ParentStep::Hook(..) | ParentStep::Record)
            | Stage::Execute => None,
            Stage::Enter if self.entering.kinds.contains(NamespaceFlags::USER) => {
                Some("the account that made the user namespace, or CAP_SYS_ADMIN")
            }
            Stage::Enter | Stage::EnterLate => Some("CAP_SYS_ADMIN"),
            Stage::Clone if self.clone_flags().is_empty() => None,
            Stage::Clone if self.makes_user_namespace() => Some("user namespaces that this account may make"),
            Stage::Clone => Some("CAP_SYS_ADMIN"),
            Stage::Child(at) => self.steps().nth(at.into()).and_then(|step| right(&step)),
        }
    }

    fn parent_words(&self, step: ParentStep) -> String {
        let name = self.name.as_deref().unwrap_or_default();
        let cgroup = self.cgroup.as_ref();
        match step {
            ParentStep::State => format!("claim the name {name:?}, and write down what will be made"),
            ParentStep::Cgroup => {
                let directories = cgroup.iter().flat_map(|cgroup| &cgroup.directories);
                let directories: Vec<String> = directories.map(|path| format!("{path:?}")).collect();
                format!("make the cgroup {}", directories.join(", "))
            }
            ParentStep::Limits => {
                format!("limit it: {}", cgroup.map(|cgroup| cgroup.limits.to_string()).unwrap_or_default())
            }
            ParentStep::Trees => format!("make, to be attached later: {}", self.trees_in_words().join(", ")),
            ParentStep::Launch => "start the launcher, and hand it the plan".to_owned(),
            ParentStep::Join => "join the child to the cgroup, wherever it was not born in it".to_owned(),
            ParentStep::Scope => self.scope_in_words(),
            ParentStep::IdMap => {
                let map = self.id_map().map(ToString::to_string).unwrap_or_default();
                format!("write the id map: {}", map.trim().replace('\n', ", "))
            }
            ParentStep::Network(at) => self.networks.get(usize::from(at)).map(ToString::to_string).unwrap_or_default(),
            ParentStep::Hook(moment, at) => {
                let program = self.hooks().of(moment).get(at).map(|hook| hook.program.as_path());
                format!("run the hook {moment}[{at}] {:?}", program.unwrap_or(Path::new("")))
            }
            ParentStep::Record => "write down who the first process is".to_owned(),
        }
    }

    /// What systemd is asked for, in words.
    fn scope_in_words(&self) -> String {
        let whose =
            if self.scope().is_some_and(|scope| scope.unit.is_of_user()) { "the user's systemd" } else { "systemd" };
        let name = self.scope().map(|scope| scope.unit.name()).unwrap_or_default();
        let limits = self.cgroup.as_ref().map(|cgroup| cgroup.limits.to_string()).unwrap_or_default();
        let limited = if limits.is_empty() { String::new() } else { format!(", limited: {limits}") };
        let directories = self.cgroup.iter().flat_map(|cgroup| &cgroup.directories);
        let directories: Vec<String> = directories.map(|path| format!("{path:?}")).collect();
        format!("have {whose} make the scope {name:?} of the child{limited}: {}", directories.join(", "))
    }

    /// What the parent mounts, in words.
    fn trees_in_words(&self) -> Vec<String> {
        let words = |step: Step<'_>| match step {
            Step::Disk(rootfs::Step::Attach { what, .. }) => Some(what.to_string_lossy().into_owned()),
            _ => None,
        };
        self.steps().filter_map(words).collect()
    }

    /// What the launcher does, in words.
    fn clone_in_words(&self) -> String {
        match namespaces(self.clone_flags().bits()).as_str() {
            "" if !self.entering.kinds.is_empty() => "clone a sibling in them".to_owned(),
            "" => "clone a sibling in the caller's namespaces".to_owned(),
            made if !self.entering.kinds.is_empty() => {
                format!("clone a sibling in them, and in new namespaces: {made}")
            }
            made => format!("clone a sibling in new namespaces: {made}"),
        }
    }

    fn programs(&self) -> Vec<String> {
        let flat = Flat::new(&self.flat);
        (0..).map_while(|at| flat.and_then(|flat| flat.program(at)).map(quoted)).collect()
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.explain())
    }
}

/// The names of the namespaces that are made by these flags.
fn namespaces(flags: u64) -> String {
    let kinds = NamespaceFlags::from_bits_retain(flags).kinds();
    kinds.map(|kind| kind.to_string()).collect::<Vec<_>>().join(", ")
}

impl Stage {
    fn who(self) -> &'static str {
        match self {
            Stage::Parent(_) => "parent",
            Stage::Enter | Stage::Clone => "launcher",
            Stage::EnterLate | Stage::Child(_) | Stage::Execute => "child",
        }
    }
}

/// The right that a step takes, over the namespace it works in.
fn right(step: &Step<'_>) -> Option<&'static str> {
    match step {
        Step::Disk(step) => step.right(),
        Step::Right(step) => step.right(),
        Step::Supervise { program, flags } => caps_sec::Step::Seccomp { program, flags: *flags }.right(),
        Step::Hostname { .. } | Step::Domainname { .. } | Step::Unshare { .. } => Some("CAP_SYS_ADMIN"),
        Step::Loopback => Some("CAP_NET_ADMIN"),
        Step::Become { .. } | Step::Root => Some("CAP_SETUID, CAP_SETGID"),
        Step::Groups { .. } => Some("CAP_SETGID, and a user namespace that does not deny setgroups"),
        Step::Sysctl { path, .. } if path.to_bytes().starts_with(b"sys/net/") => Some("CAP_NET_ADMIN"),
        Step::Sysctl { path, .. } if *path == CLOCKS => Some("CAP_SYS_TIME"),
        Step::Sysctl { .. } => Some("to be root there"),
        Step::Init { .. }
        | Step::Proc { .. }
        | Step::Null
        | Step::Wait { .. }
        | Step::Umask { .. }
        | Step::Directory { .. }
        | Step::Session
        | Step::DieWithCaller { .. }
        | Step::Terminal { .. } => None,
    }
}

/// A step in words.
struct Words<'a>(Step<'a>);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Step::Disk(step) => step.fmt(f),
            Step::Right(step) => step.fmt(f),
            Step::Supervise { program, flags } => {
                let load = caps_sec::Step::Seccomp { program, flags };
                write!(f, "{load}, and hand over the listener of those that a supervisor is asked about")
            }
            Step::Hostname { name } => write!(f, "set the host name {}", quoted(name)),
            Step::Domainname { name } => write!(f, "set the NIS domain name {}", quoted(name)),
            Step::Loopback => f.write_str("bring the loopback interface up"),
            Step::Proc { held: true } => f.write_str("keep this machine's /proc at hand"),
            Step::Proc { held: false } => f.write_str("let go of this machine's /proc"),
            Step::Root => f.write_str("act as root of the user namespace"),
            Step::Sysctl { path, value } if path == CLOCKS => {
                let lines = value.to_string_lossy().trim_end().replace('\n', ", ");
                write!(f, "move the clocks (seconds, nanoseconds): {lines}")
            }
            Step::Sysctl { path, value } => write!(f, "set {} to {}", key(path), quoted(value)),
            Step::Unshare { flags } => write!(f, "make more namespaces: {}", namespaces(flags)),
            Step::Become { uid, gid, drop_groups: true } => {
                write!(f, "become {uid}:{gid}, without further groups unless setgroups is denied")
            }
            Step::Become { uid, gid, drop_groups: false } => write!(f, "become {uid}:{gid}, in the caller's groups"),
            Step::Groups { list } => {
                let numbers = list.chunks_exact(4).filter_map(<[u8]>::first_chunk);
                let numbers: Vec<String> = numbers.map(|number| u32::from_ne_bytes(*number).to_string()).collect();
                write!(f, "be in the further groups {}", numbers.join(", "))
            }
            Step::Umask { mask } => write!(f, "set the umask {mask:04o}"),
            Step::Directory { path } => write!(f, "enter the directory {}", quoted(path)),
            Step::Terminal { streams, rows, columns } => write_terminal(f, streams, rows, columns),
            Step::Init { own_group, terminal, .. } => f.write_str(match (own_group, terminal) {
                (false, _) => "stay as init, and go on in a process of its own",
                (true, 0) => "stay as init, and go on in a process and group of its own",
                (true, _) => "stay as init, and go on in a process and group of its own, in the terminal's foreground",
            }),
            Step::Null => f.write_str("put the null device of its own in place of this machine's, for its streams"),
            Step::Wait { hooks: true } => f.write_str("wait until hooks have been run"),
            Step::Wait { hooks: false } => {
                f.write_str("wait until it was looked at which namespaces hooks are to join")
            }
            Step::Session => f.write_str("lead a session of its own"),
            Step::DieWithCaller { signal } => write!(f, "ask for signal {signal} when the caller's thread ends"),
        }
    }
}

fn write_terminal(f: &mut fmt::Formatter<'_>, streams: u32, rows: u16, columns: u16) -> fmt::Result {
    f.write_str("make a terminal in \"/dev/pts\" for the session")?;
    for (number, name) in (0..).zip(["stdin", "stdout", "stderr"]) {
        if streams & 1 << number != 0 {
            write!(f, ", {name}")?;
        }
    }
    if (rows, columns) != (0, 0) {
        write!(f, " ({rows} rows, {columns} columns)")?;
    }
    Ok(())
}

/// The path of a sysctl below /proc as its key.
pub(crate) fn key(path: &CStr) -> String {
    let path = path.to_string_lossy();
    let key = path.strip_prefix("sys/").unwrap_or(&path);
    key.parse::<SysctlKey>().map_or_else(|_| key.to_owned(), |key| key.to_string())
}

fn quoted(text: &CStr) -> String {
    format!("{:?}", text.to_string_lossy())
}
