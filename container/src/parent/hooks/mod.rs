// SPDX-License-Identifier: MIT OR Apache-2.0
//! Running hooks: the caller's thread waits for each, and for nothing that it leaves behind.
//!
//! Both of a hook's streams are one pipe, of which the end is kept. A hook has ended when its process has: others may hold
//! the pipe for ever. At its time-out everybody is killed who descends from it, or is in its session.

mod family;
mod inside;
mod running;

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use skep_ns::{Child, ErrorKind as NsErrorKind, Spawn};

use super::launch::perform;
use crate::error::{Error, Object};
use crate::plan::{ParentStep, Plan};
use crate::spec::{Hook, Hooks, Moment, Spec};

pub(super) use inside::Inside;
use running::{Failure, Running, Streams, Time};

const SIGKILL: i32 = 9;

/// The version of the specification whose state hooks are told.
const OCI_VERSION: &str = "1.3.0";

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
    /// described so; the directory of its state is its bundle, if it has no other.
    pub(crate) fn new(name: Option<&str>, pid: Option<u32>, bundle: Option<&Path>, spec: &Spec) -> Self {
        let id = match (name, pid) {
            (Some(name), _) => name.to_owned(),
            (None, Some(pid)) => format!("skep-{pid}"),
            (None, None) => "skep".to_owned(),
        };
        let bundle = spec.bundle.as_deref().or(bundle);
        let bundle = bundle.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
        let annotations = spec.annotations.clone();
        Self { oci_version: OCI_VERSION, id, status: "creating", pid, bundle, annotations }
    }

    fn as_of(&self, moment: Moment) -> Vec<u8> {
        let (status, pid) = match moment {
            Moment::Prestart | Moment::CreateRuntime | Moment::CreateContainer => ("creating", self.pid),
            Moment::StartContainer => ("created", self.pid),
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

/// Runs what is to be run inside of the container, while it is made or started: up to the first that fails.
pub(super) fn inside(
    (plan, spec): (&Plan, &Spec),
    inside: &Inside,
    state: &State,
    moment: Moment,
) -> Result<(), Error> {
    let state = State { pid: inside.pid, ..state.clone() }.as_of(moment);
    let op = if moment == Moment::StartContainer { "start" } else { plan.operation() };
    plan.hooks().of(moment).iter().enumerate().try_for_each(|(at, hook)| {
        let run = || inside.run((plan, spec), moment, hook, &state).map_err(|failure| failure.of(op, plan.object()));
        perform(plan, ParentStep::Hook(moment, at), run)
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

/// What is to be run when everything of a container is gone but its state.
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

/// Runs a hook outside of the container to its end.
fn run(hook: &Hook, state: &[u8], tied: Tied) -> Result<(), Failure> {
    let time = Time::from_now(hook.timeout);
    start(hook, state, tied)?.finish(time)
}

fn start(hook: &Hook, state: &[u8], tied: Tied) -> Result<Running, Failure> {
    let Streams { state, out, err, pipe } = Streams::new(state).map_err(Failure::Ours)?;
    let mut spawn = Spawn::new(&hook.program);
    if let Some((name, args)) = hook.args.as_deref().and_then(<[_]>::split_first) {
        spawn.arg0(name).args(args);
    }
    spawn.env_clear().envs(hook.env.iter().cloned()).current_dir("/").session();
    spawn.stdin(state).stdout(out).stderr(err);
    if tied == Tied::ToCaller {
        spawn.parent_death_signal(SIGKILL);
    }
    // A copy of its file's writer may live on in a child that another thread is just starting.
    for _ in 0..100 {
        match spawn.spawn() {
            Err(error) if error.kind() == NsErrorKind::Busy => std::thread::sleep(Duration::from_millis(1)),
            done => return done.map(|child| running(child, pipe)).map_err(Failure::Start),
        }
    }
    spawn.spawn().map(|child| running(child, pipe)).map_err(Failure::Start)
}

fn running(child: Child, pipe: OwnedFd) -> Running {
    Running { pid: child.pid(), process: child.into_pidfd(), pipe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hooks_are_told_is_the_state_of_the_specification() {
        let mut spec = Spec::default();
        spec.annotations.insert("org.example.team".into(), "bees".into());
        let state = State::new(Some("web"), Some(7), Some(Path::new("/run/skep/web")), &spec);
        let told = |moment| String::from_utf8(state.as_of(moment)).unwrap();
        let rest = r#""bundle":"/run/skep/web","annotations":{"org.example.team":"bees"}}"#;
        let begin = r#"{"ociVersion":"1.3.0","id":"web","#;
        assert_eq!(told(Moment::Prestart), format!(r#"{begin}"status":"creating","pid":7,{rest}"#));
        assert_eq!(told(Moment::CreateRuntime), told(Moment::Prestart));
        assert_eq!(told(Moment::Poststart), format!(r#"{begin}"status":"running","pid":7,{rest}"#));
        assert_eq!(told(Moment::Poststop), format!(r#"{begin}"status":"stopped",{rest}"#));
    }
}
