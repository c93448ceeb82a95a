// SPDX-License-Identifier: MIT OR Apache-2.0
//! Running hooks: the caller's thread waits for each, and for nothing that it leaves behind.
//!
//! Both of a hook's streams are one pipe, of which the end is kept. A hook has ended when its process has: others may hold
//! the pipe for ever. At its time-out everybody of its session is killed.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Signal};
use serde::Serialize;
use skep_ns::{Child, ErrorKind as NsErrorKind, ExitStatus, PidFd, SignalScope, Spawn};

use super::file::nameless;
use super::launch::perform;
use crate::error::{Error, ErrorKind, Object};
use crate::plan::{ParentStep, Plan};
use crate::spec::{Hook, Hooks, Moment, Spec};

/// How much of what a hook wrote is told.
const TAIL: usize = 4096;
/// How much is read at most of what was written until its end.
const LEFT_OVER: usize = 1 << 20;
/// How long a killed hook may take to end.
const PATIENCE: Duration = Duration::from_secs(10);
const SIGKILL: i32 = 9;

/// What hooks are told of a container: its state, as the OCI runtime specification has it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    oci_version: &'static str,
    id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    bundle: String,
    annotations: BTreeMap<String, String>,
}

impl State {
    /// That of a container of this name, if it has one, whose first process has this number, if that is known, and that was
    /// described so.
    pub(crate) fn new(name: Option<&str>, pid: Option<u32>, bundle: Option<&Path>, spec: &Spec) -> Self {
        let id = match (name, pid) {
            (Some(name), _) => name.to_owned(),
            (None, Some(pid)) => format!("skep-{pid}"),
            (None, None) => "skep".to_owned(),
        };
        let bundle = bundle.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
        let annotations = spec.annotations.clone();
        Self { oci_version: "1.2.0", id, status: "creating", pid, bundle, annotations }
    }

    fn as_of(&self, moment: Moment) -> Vec<u8> {
        let (status, pid) = match moment {
            Moment::Prestart | Moment::CreateRuntime => ("creating", self.pid),
            Moment::Poststart => ("running", self.pid),
            Moment::Poststop => ("stopped", None),
        };
        serde_json::to_vec(&Self { status, pid, ..self.clone() }).unwrap_or_default()
    }
}

/// Runs what is to be run while the container is made: up to the first that fails.
pub(super) fn while_created(plan: &Plan, state: &State) -> Result<(), Error> {
    [Moment::Prestart, Moment::CreateRuntime].into_iter().try_for_each(|moment| {
        let state = state.as_of(moment);
        plan.hooks().of(moment).iter().enumerate().try_for_each(|(at, hook)| {
            let run =
                || run(hook, &state, Tied::ToCaller).map_err(|failure| failure.of(plan.operation(), plan.object()));
            perform(plan, ParentStep::Hook(moment, at), run)
        })
    })
}

/// Runs what is to be run once the program is; what has failed is told, a sentence each.
pub(super) fn after_start(plan: &Plan, state: &State) -> Vec<String> {
    let state = state.as_of(Moment::Poststart);
    let hooks = plan.hooks().poststart.iter().enumerate();
    let failed = hooks.filter_map(|(at, hook)| {
        let run = || run(hook, &state, Tied::ToCaller).map_err(|failure| failure.of("run the hook of", plan.object()));
        let error = perform(plan, ParentStep::Hook(Moment::Poststart, at), run).err()?;
        Some(sentence(Moment::Poststart, at, hook, &causes(&error)))
    });
    failed.collect()
}

/// What is to be run when everything else of a container is gone.
#[derive(Debug)]
pub(crate) struct Poststop {
    hooks: Vec<Hook>,
    state: State,
    object: Object,
}

impl Poststop {
    /// Those of a container that has some.
    pub(crate) fn of(hooks: &Hooks, name: Option<&str>, state: State) -> Option<Self> {
        let object = Object::Container(name.map(str::to_owned));
        (!hooks.poststop.is_empty()).then(|| Self { hooks: hooks.poststop.clone(), state, object })
    }

    /// Runs all of them.
    ///
    /// # Errors
    /// Every one that has failed, a sentence each.
    pub(super) fn run(&self) -> Result<(), Error> {
        let state = self.state.as_of(Moment::Poststop);
        let mut failures = Vec::new();
        let mut kind = None;
        for (at, hook) in self.hooks.iter().enumerate() {
            if let Err(failure) = run(hook, &state, Tied::ToNobody) {
                let error = failure.of("run the hook of", self.object.clone());
                kind = kind.or(Some(error.kind()));
                failures.push(sentence(Moment::Poststop, at, hook, &causes(&error)));
            }
        }
        match kind {
            None => Ok(()),
            Some(kind) => {
                let error = Error::because("run every hook after", self.object.clone(), kind, failures.join("\n"));
                Err(error.with_hint("the container itself is deleted, and nothing else of it is left"))
            }
        }
    }
}

/// What has become of a hook, on one line.
fn sentence(moment: Moment, at: usize, hook: &Hook, why: &str) -> String {
    format!("its hook {moment}[{at}] {:?}: {why}", hook.program)
}

/// The innermost of what an error says.
fn causes(error: &Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}

/// Who takes a hook along at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tied {
    /// The caller's thread, which waits for it: nothing is made any more for a container whose maker is dead.
    ToCaller,
    /// Nobody: what it has begun to clear up it goes on with.
    ToNobody,
}

/// Why a hook has failed.
enum Failure {
    /// It could not be started.
    Start(skep_ns::Error),
    /// What it takes on our side could not be had.
    Ours(Errno),
    /// What has become of it.
    Became(ErrorKind, String),
}

impl Failure {
    fn of(self, op: &'static str, object: Object) -> Error {
        match self {
            Failure::Start(error) => Error::of_leaf(op, object, error),
            Failure::Ours(errno) => Error::os(op, object, errno.raw_os_error()).with_hint_of_limits(),
            Failure::Became(kind, why) => Error::because(op, object, kind, why),
        }
    }
}

/// Runs a hook to its end. Nothing of it is left that it has not sent to the background itself.
fn run(hook: &Hook, state: &[u8], tied: Tied) -> Result<(), Failure> {
    let (pipe, mut child) = start(hook, state, tied)?;
    let mut written = Tail::default();
    let has_ended = watch(&child, &pipe, hook.timeout, &mut written).map_err(|errno| {
        kill(&child);
        let _reaped = child.wait_for(PATIENCE);
        Failure::Ours(errno)
    })?;
    if !has_ended {
        kill(&child);
    }
    let status = child.wait_for(PATIENCE).map_err(Failure::Start)?;
    written.read(&pipe, LEFT_OVER);
    let became = |kind, what: &str| Err(Failure::Became(kind, format!("{what}; {written}")));
    match status {
        _ if !has_ended => {
            let timeout = hook.timeout.unwrap_or_default();
            became(ErrorKind::TimedOut, &format!("it was killed, for it took longer than {timeout:?}"))
        }
        Some(status) if status.success() => Ok(()),
        Some(ExitStatus::UNKNOWN) => became(
            ErrorKind::WrongState,
            "it has ended, and nobody knows how: this program ignores SIGCHLD, or waits for the children of others",
        ),
        Some(status) => became(ErrorKind::WrongState, &format!("it ended with {status}")),
        None => became(ErrorKind::TimedOut, "it was killed, and does not end"),
    }
}

/// The hook, and the reading end of the pipe that it writes to.
fn start(hook: &Hook, state: &[u8], tied: Tied) -> Result<(OwnedFd, Child), Failure> {
    // A file, which can be of any size, and which a hook that reads nothing leaves nobody waiting at.
    let state = nameless("skep-state", state).map_err(Failure::Ours)?;
    rustix::fs::seek(&state, rustix::fs::SeekFrom::Start(0)).map_err(Failure::Ours)?;
    let (pipe, out) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(Failure::Ours)?;
    // This end alone: the hook's would be no ordinary one.
    rustix::fs::fcntl_setfl(&pipe, OFlags::NONBLOCK).map_err(Failure::Ours)?;
    let copy = rustix::io::fcntl_dupfd_cloexec(&out, 3).map_err(Failure::Ours)?;
    let mut spawn = Spawn::new(&hook.program);
    if let Some((name, args)) = hook.args.as_deref().and_then(<[_]>::split_first) {
        spawn.arg0(name).args(args);
    }
    spawn.env_clear().envs(hook.env.iter().cloned()).current_dir("/").session();
    spawn.stdin(state).stdout(out).stderr(copy);
    if tied == Tied::ToCaller {
        spawn.parent_death_signal(SIGKILL);
    }
    // A copy of its file's writer may live on in a child that another thread is just starting.
    for _ in 0..100 {
        match spawn.spawn() {
            Err(error) if error.kind() == NsErrorKind::Busy => std::thread::sleep(Duration::from_millis(1)),
            done => return done.map(|child| (pipe, child)).map_err(Failure::Start),
        }
    }
    spawn.spawn().map(|child| (pipe, child)).map_err(Failure::Start)
}

/// Reads what the hook writes until it has ended; false if its time was up before that.
fn watch(child: &Child, pipe: &OwnedFd, timeout: Option<Duration>, written: &mut Tail) -> Result<bool, Errno> {
    let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut is_open = true;
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let wait = left.and_then(|left| Timespec::try_from(left).ok());
        let (child, pipe_end) = (child.as_fd(), pipe.as_fd());
        let mut both = [PollFd::new(&child, PollFlags::IN), PollFd::new(&pipe_end, PollFlags::IN)];
        let mut alone = [PollFd::new(&child, PollFlags::IN)];
        let fds: &mut [PollFd<'_>] = if is_open { &mut both } else { &mut alone };
        match rustix::event::poll(fds, wait.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        let is_ready = |at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
        let (has_ended, has_written) = (is_ready(0), is_ready(1));
        if has_ended {
            return Ok(true);
        }
        // Asked of one that never stops writing too.
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(false);
        }
        if has_written {
            is_open = written.read(pipe, 1 << 16);
        }
    }
}

/// The end of what a hook has written.
#[derive(Debug, Default)]
struct Tail {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Tail {
    /// Reads what there is, at most about so much; false at the end of the file.
    fn read(&mut self, pipe: &OwnedFd, most: usize) -> bool {
        let mut buffer = [0; 8192];
        let mut total = 0;
        while total < most {
            match rustix::io::read(pipe, &mut buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    total += count;
                    self.bytes.extend(buffer.iter().take(count));
                    let too_many = self.bytes.len().saturating_sub(TAIL);
                    self.is_cut |= too_many > 0;
                    self.bytes.drain(..too_many);
                }
                Err(Errno::INTR) => {}
                Err(_) => return true,
            }
        }
        true
    }
}

impl std::fmt::Display for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = String::from_utf8_lossy(&self.bytes);
        match (self.is_cut, text.trim_end()) {
            (_, "") => f.write_str("it wrote nothing"),
            (false, text) => write!(f, "it wrote: {text:?}"),
            (true, text) => write!(f, "the end of what it wrote: {text:?}"),
        }
    }
}

/// Kills everybody of the session that a hook leads, which has not been reaped.
fn kill(child: &Child) {
    const ROUNDS: usize = 200;
    // The group at once, which nobody slips away from by a fork.
    if child.pidfd().signal_scope(SIGKILL, SignalScope::Group).is_err()
        && let Some(leader) = by_number(child.pid())
    {
        let _gone = rustix::process::kill_process_group(leader, Signal::KILL);
    }
    let _gone = child.kill();
    // Then other groups: each job of a shell is one. As long as anybody is in the session, its number is nobody else's.
    for _ in 0..ROUNDS {
        let mut killed = false;
        for pid in processes_of(child.pid()) {
            killed |= match PidFd::open(pid) {
                Ok(process) => session_of(pid) == Some(child.pid()) && process.kill().is_ok(),
                // By its number where there is no other way, which was its own a moment ago.
                Err(error) if error.kind() == NsErrorKind::Unsupported => {
                    by_number(pid).is_some_and(|pid| rustix::process::kill_process(pid, Signal::KILL).is_ok())
                }
                Err(_) => false,
            };
        }
        if !killed {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn by_number(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// The processes of a session that have not ended.
fn processes_of(session: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().filter_map(io::Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| session_of(*pid) == Some(session)).collect()
}

/// The session of a process that has not ended: field 6 of /proc/PID/stat.
fn session_of(pid: u32) -> Option<u32> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    session_in(&text)
}

fn session_in(stat: &[u8]) -> Option<u32> {
    // The second field is the process' own word for itself, and may have anything in it but for what follows the last ")".
    let at = stat.iter().rposition(|byte| *byte == b')')?;
    let mut rest = std::str::from_utf8(stat.get(at + 1..)?).ok()?.split_ascii_whitespace();
    match rest.next()? {
        "Z" | "X" => None,
        _ => rest.nth(2)?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_found_whatever_the_process_is_called() {
        for name in ["sh", "a b", ") S 1 2 3 (", "\n)"] {
            assert_eq!(session_in(format!("7 ({name}) S 1 2 3 4 5\n").as_bytes()), Some(3), "{name:?}");
            assert_eq!(session_in(format!("7 ({name}) Z 1 2 3 4 5\n").as_bytes()), None, "{name:?}");
        }
        for text in ["", "7 (sh", "7 (sh) S 1", "7 (sh) S a b c"] {
            assert_eq!(session_in(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn the_end_of_much_is_kept() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let text = format!("{}{}", "a".repeat(5000), "b".repeat(4000));
        rustix::io::write(&write, text.as_bytes()).unwrap();
        drop(write);
        let mut tail = Tail::default();
        assert!(!tail.read(&read, LEFT_OVER));
        assert_eq!(tail.to_string(), format!("the end of what it wrote: \"{}{}\"", "a".repeat(96), "b".repeat(4000)));
        assert_eq!(Tail::default().to_string(), "it wrote nothing");
    }

    #[test]
    fn what_hooks_are_told_is_the_state_of_the_specification() {
        let mut spec = Spec::default();
        spec.annotations.insert("org.example.team".into(), "bees".into());
        let state = State::new(Some("web"), Some(7), Some(Path::new("/run/skep/web")), &spec);
        let told = |moment| String::from_utf8(state.as_of(moment)).unwrap();
        let rest = r#""bundle":"/run/skep/web","annotations":{"org.example.team":"bees"}}"#;
        let begin = r#"{"ociVersion":"1.2.0","id":"web","#;
        assert_eq!(told(Moment::Prestart), format!(r#"{begin}"status":"creating","pid":7,{rest}"#));
        assert_eq!(told(Moment::CreateRuntime), told(Moment::Prestart));
        assert_eq!(told(Moment::Poststart), format!(r#"{begin}"status":"running","pid":7,{rest}"#));
        assert_eq!(told(Moment::Poststop), format!(r#"{begin}"status":"stopped",{rest}"#));
    }
}
