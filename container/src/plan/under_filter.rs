// SPDX-License-Identifier: MIT OR Apache-2.0
//! Under the filter: what the start itself does once system calls are filtered, and that the filter lets it be done.
//!
//! The program that is to be kept from things is executed by a process that is kept from them already. What that process,
//! and the init, still have to do is listed here for each step, and asked of the filter while the plan is made: a policy
//! that forbids it is refused in one sentence, rather than by a child that dies without a word.
//!
//! So is one that asks a supervisor about it: nobody answers before the caller has the listener, and perhaps nobody ever
//! does for the init. Two things may be asked about. The exec of the program: the caller can have somebody answer by then.
//! And what is looked at to tell why an exec failed, which is not done then.

use skep_caps_sec::{Arch, Call, Errno, Filter, Policy, Verdict};

use super::step::{Flat, Step};
use crate::floors::caps_sec;

/// A system call of the start.
struct Need {
    name: &'static str,
    /// Its first two arguments, where they are the same at all times.
    first: Option<u64>,
    second: Option<u64>,
    grace: Grace,
}

/// Which verdicts the start outlives.
#[derive(Clone, Copy)]
enum Grace {
    /// None but being let through.
    None,
    /// The errors of a call that is not there, or denied: the step does without it.
    Absence,
    /// Every error: it is for the better.
    Errors,
    /// Every error, and being asked about: it is not done then.
    Everything,
}

const fn must(name: &'static str) -> Need {
    Need { name, first: None, second: None, grace: Grace::None }
}

impl Need {
    const fn first(self, first: u64) -> Self {
        Self { first: Some(first), ..self }
    }

    const fn second(self, second: u64) -> Self {
        Self { second: Some(second), ..self }
    }

    const fn with(self, grace: Grace) -> Self {
        Self { grace, ..self }
    }

    fn is_denied(&self, filter: &Filter) -> bool {
        // The tables have every name below, of which there is a test.
        let Some(call) = Call::named(self.name) else { return false };
        // Where it is not the same at all times, the filter sees 0.
        let call = call.arg(0, self.first.unwrap_or_default()).arg(1, self.second.unwrap_or_default());
        match (filter.decide(&call), self.grace) {
            // That is told apart.
            (Verdict::Notify, _) => false,
            (verdict, _) if verdict.lets_through() => false,
            (Verdict::Errno(errno), Grace::Absence) => ![Errno::PERM, Errno::NOSYS].contains(&errno),
            (Verdict::Errno(_), Grace::Errors | Grace::Everything) => false,
            _ => true,
        }
    }

    /// Whether a supervisor may be asked, whatever the arguments are that differ.
    fn may_be_asked(&self, policy: &Policy) -> bool {
        policy.may_ask(Arch::NATIVE, self.name, &[self.first, self.second])
    }
}

/// How a filter is for a start.
#[derive(Debug, Default)]
pub(super) struct UnderFilter {
    /// What is wrong with it, a sentence each.
    pub(super) problems: Vec<String>,
    /// Whether a supervisor may be asked about the exec of the program.
    pub(super) asks_about_exec: bool,
    /// Whether one may be asked about what would tell why an exec failed.
    pub(super) asks_about_look: bool,
}

impl UnderFilter {
    /// The filter, of this policy, for this plan, whose start may be left to others.
    pub(super) fn of(policy: &Policy, filter: &Filter, flat: &[u8], is_left: bool) -> Self {
        let Some(flat) = Flat::new(flat) else { return Self::default() };
        let loads =
            |step: &Step<'_>| matches!(step, Step::Supervise { .. } | Step::Right(caps_sec::Step::Seccomp { .. }));
        let under = (0..).map_while(|at| flat.step(at)).skip_while(|step| !loads(step));
        let needs: Vec<Need> = under.flat_map(needs).chain(always()).chain(left(is_left)).collect();
        let asks = policy.asks_supervisor();
        let asked: Vec<&Need> = needs.iter().filter(|need| asks && need.may_be_asked(policy)).collect();
        let (at_exec, others): (Vec<&Need>, Vec<&Need>) = asked.into_iter().partition(|need| need.name == EXEC);
        let (looks, others): (Vec<&Need>, Vec<&Need>) =
            others.into_iter().partition(|need| matches!(need.grace, Grace::Everything));
        let denied: Vec<&Need> = needs.iter().filter(|need| need.is_denied(filter)).collect();
        let problems = [named("denies", &denied), named("asks the supervisor about", &others)];
        Self {
            problems: problems.into_iter().flatten().collect(),
            asks_about_exec: !at_exec.is_empty(),
            asks_about_look: !looks.is_empty(),
        }
    }
}

/// The sentence about these, each named once; none about nothing.
fn named(what: &str, needs: &[&Need]) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    for need in needs {
        if !names.contains(&need.name) {
            names.push(need.name);
        }
    }
    let names = names.join(", ");
    (!names.is_empty()).then(|| format!("process.rights.seccomp: {what} what the start does under it: {names}"))
}

/// What becomes the program.
const EXEC: &str = "execve";

/// What every start does: `launcher/run.rs`, `launcher/sys/wire.rs`.
fn always() -> impl Iterator<Item = Need> {
    let talk = [must("sendmsg"), must("recvfrom"), must("ppoll")];
    let end = [must(EXEC), must("exit_group")];
    // After an exec that failed, to tell why.
    let look = ["faccessat", "openat", "close"].map(|name| must(name).with(Grace::Everything));
    talk.into_iter().chain(end).chain(look)
}

/// What one does that waits for whoever comes: `Wire::left`.
fn left(is_left: bool) -> impl Iterator<Item = Need> {
    const PR_SET_DUMPABLE: u64 = 4;
    let waits = [must("close"), must("accept4"), prctl(PR_SET_DUMPABLE).with(Grace::Errors)];
    waits.into_iter().filter(move |_| is_left)
}

/// What a step does.
fn needs(step: Step<'_>) -> Vec<Need> {
    match step {
        Step::Right(step) => needs_of_right(step),
        Step::Become { drop_groups, .. } => {
            let groups = drop_groups.then(|| must("setgroups"));
            groups.into_iter().chain([must("setresgid"), must("setresuid")]).collect()
        }
        Step::Groups { .. } => vec![must("setgroups")],
        Step::DieWithCaller { .. } => vec![prctl(1)],
        Step::Session => vec![must("setsid")],
        // The listener: as long as it is open here, what is asked about waits though nobody else has it.
        Step::Supervise { .. } => vec![must("close")],
        Step::Umask { .. } => vec![must("umask")],
        Step::Directory { .. } => vec![must("chdir")],
        Step::Init { own_group, terminal, .. } => init(own_group, terminal != 0),
        Step::Terminal { rows, columns, .. } => terminal((rows, columns) != (0, 0)),
        // Before the filter, always: nothing of it would be left to the program.
        Step::Disk(_)
        | Step::Null
        | Step::Wait { .. }
        | Step::Hostname { .. }
        | Step::Domainname { .. }
        | Step::Loopback
        | Step::Unshare { .. }
        | Step::Proc { .. }
        | Step::Root
        | Step::Sysctl { .. } => Vec::new(),
    }
}

/// What the init does: `launcher/init.rs`.
fn init(own_group: bool, has_terminal: bool) -> Vec<Need> {
    const TIOCSPGRP: u64 = 0x5410;
    const SIGCHLD: u64 = 17;
    const SIG_SETMASK: u64 = 2;
    const PR_SET_NAME: u64 = 15;
    const PR_SET_DUMPABLE: u64 = 4;
    let of_group = ["eventfd2", "setpgid", "write"].into_iter().filter(|_| own_group).map(must);
    let of_terminal = [must("getpid"), must("ioctl").second(TIOCSPGRP)].into_iter().filter(|_| has_terminal);
    let always = [
        must("rt_sigprocmask").first(SIG_SETMASK),
        must("clone").first(SIGCHLD),
        prctl(PR_SET_NAME).with(Grace::Errors),
        prctl(PR_SET_DUMPABLE).with(Grace::Errors),
        must("munmap"),
        // Where it is refused, descriptors are closed one by one.
        must("close_range").with(Grace::Errors),
        must("close"),
        must("rt_sigtimedwait"),
        must("wait4").first(u64::MAX),
        must("kill"),
    ];
    always.into_iter().chain(of_group).chain(of_terminal).collect()
}

/// What a terminal takes: `launcher/terminal.rs`.
fn terminal(has_size: bool) -> Vec<Need> {
    const TIOCSPTLCK: u64 = 0x4004_5431;
    const TIOCGPTPEER: u64 = 0x5441;
    const TIOCSWINSZ: u64 = 0x5414;
    const TIOCSCTTY: u64 = 0x540e;
    let requests = [TIOCSPTLCK, TIOCGPTPEER, TIOCSCTTY].into_iter().chain(has_size.then_some(TIOCSWINSZ));
    let files = ["openat", "fstat", "fstatfs", "dup3", "close"].map(must);
    files.into_iter().chain(requests.map(|request| must("ioctl").second(request))).collect()
}

fn needs_of_right(step: caps_sec::Step<'_>) -> Vec<Need> {
    use caps_sec::Step as Right;
    match step {
        Right::SetCaps { .. } => vec![must("capset")],
        Right::Ambient { .. } => vec![prctl(47)],
        Right::NoNewPrivs => vec![prctl(38)],
        Right::Undumpable => vec![prctl(4)],
        Right::SessionKeyring => vec![must("keyctl").first(1).with(Grace::Absence)],
        Right::ParentDeathSignal { .. } => vec![prctl(1)],
        Right::DenyWriteExecute { .. } => vec![prctl(65)],
        Right::Label { .. } => {
            let newer = ["lsm_set_self_attr", "openat2"].map(|name| must(name).with(Grace::Absence));
            let files = ["openat", "statx", "fstatfs", "readlinkat", "write", "close"].map(must);
            newer.into_iter().chain(files).collect()
        }
        // Before the filter, always.
        Right::CoreScheduling { .. }
        | Right::Personality { .. }
        | Right::Scheduler { .. }
        | Right::IoPriority { .. }
        | Right::MemoryPolicy { .. }
        | Right::Affinity { .. }
        | Right::Landlock { .. }
        | Right::DropBounding { .. }
        | Right::KeepCaps
        | Right::Securebits { .. }
        | Right::Rlimit { .. }
        | Right::OomScoreAdj { .. }
        | Right::Seccomp { .. } => Vec::new(),
    }
}

/// prctl(2) with an operation of linux/prctl.h.
const fn prctl(operation: u64) -> Need {
    must("prctl").first(operation)
}
