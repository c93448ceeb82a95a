// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recordings: the calls that a program makes, and the least policy that lets it.
//!
//! Every call of it, and of all that it starts, is asked about, written down, and let go on: by a supervised filter, which
//! takes no tracer, so that programs that trace, or look for one, do as always. It is some ten times slower than without.
//! Where that is refused (a process has one listener at most, and some machines let nobody take a descriptor), it is traced.

use std::collections::BTreeSet;
use std::process::{Command, ExitStatus};
use std::sync::mpsc;

use super::sys::{ASK_NO_MORE, ENOSYS, EPERM, SET_DEATH_SIGNAL};
use super::trace::trace;
use super::{Answer, Arch, Call, Policy, Supervisor, Verdict, arg};
use crate::error::{Error, ErrorKind, Object};

/// The system calls that a program made.
///
/// What a program has not done while it was watched it could not do under the [policy](Self::policy): errors that did not
/// happen, options that were not given. Record several runs, [merge](Self::merge) them, and look at what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recording {
    calls: BTreeSet<(Arch, &'static str)>,
    unknown: BTreeSet<(u32, u32)>,
    status: Option<ExitStatus>,
    traced: bool,
}

impl Recording {
    /// Runs a program to its end, and that of all that it has started, and writes down what they call.
    ///
    /// The program gets `no_new_privs`: one that is setuid has no more rights than the caller; and it can have no seccomp
    /// listener of its own, of which there is one at most. Where it cannot be supervised
    /// it is [traced](Self::is_traced): then it cannot trace others, goes on where it stops itself, and is killed if the
    /// caller ends before it. The command can be started again afterwards, and recorded again.
    ///
    /// # Errors
    /// As [`Supervisor::start`]: `NotFound` for a program that there is not. What is said is why it could not be supervised,
    /// if it could not be traced either.
    /// # Privileges
    /// None, for a program that stays the caller's user; see [`Expected::listener`](super::Expected::listener).
    /// # Kernel
    /// Linux 5.8; traced, 5.3. See ptrace(2).
    #[doc(alias = "ptrace")]
    pub fn of(command: &mut Command) -> Result<Self, Error> {
        let refused = match Self::supervised(command) {
            Err(error) if error.kind() != ErrorKind::NotFound => error,
            done => return done,
        };
        // It has not begun: what refused is in its way before its exec.
        match trace(command) {
            Ok(seen) => {
                let calls = seen.calls.into_iter().map(|(audit, number)| Call::described(audit, number, [0; 6]));
                Ok(Self { traced: true, ..Self::with(calls, seen.status) })
            }
            Err(error) if matches!(error.errno(), Some(EPERM | ENOSYS)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                Err(refused.with_hint(format!("nor can it be traced: {cause}")))
            }
            // What the program itself is in want of.
            Err(error) => Err(error),
        }
    }

    fn supervised(command: &mut Command) -> Result<Self, Error> {
        const OBJECT: Object = Object::Named("the system calls of a program");
        // The launcher's own last call is not asked about: so the program does not wait for ever if we are killed meanwhile.
        let launcher = [arg(0).low().eq(SET_DEATH_SIGNAL), arg(1).eq(0), arg(2).eq(ASK_NO_MORE)];
        let policy = Policy::new(Verdict::Notify).allow_if(["prctl"], launcher);
        let filter = policy.for_arches(Arch::NATIVE.family().iter().copied()).compile()?;
        let (tell, told) = mpsc::channel();
        let mut seen = BTreeSet::new();
        let mut supervisor = Supervisor::new();
        supervisor.otherwise(move |asked| {
            let call = *asked.call();
            // Each once; nobody who hears of it is no reason not to let it go on.
            if seen.insert((call.arch(), call.number())) {
                let _ = tell.send(call);
            }
            Answer::Proceed
        });
        let (mut child, supervision) = supervisor.start(command, &filter)?;
        let status = child.wait().map_err(|error| Error::io("record", OBJECT, &error))?;
        match supervision.join() {
            Ok(done) => drop(done?),
            Err(_) => {
                let why = "the thread that supervised it has panicked".to_owned();
                return Err(Error::because("record", OBJECT, ErrorKind::WrongState, why));
            }
        }
        Ok(Self::with(told, Some(status)))
    }

    fn with(calls: impl IntoIterator<Item = Call>, status: Option<ExitStatus>) -> Self {
        let mut recording = Self { status, ..Self::default() };
        for call in calls {
            match (call.arch(), call.name()) {
                (Some(arch), Some(name)) => drop(recording.calls.insert((arch, name))),
                _ => drop(recording.unknown.insert((call.audit_number, call.number()))),
            }
        }
        recording
    }

    /// The calls, each once, by architecture and name.
    pub fn calls(&self) -> impl Iterator<Item = (Arch, &'static str)> {
        self.calls.iter().copied()
    }

    /// Calls that have no name here, by the kernel's number of their architecture and their own. A program must get on
    /// without them: a policy that denies by default answers `ENOSYS` to them.
    pub fn unknown(&self) -> impl Iterator<Item = (u32, u32)> {
        self.unknown.iter().copied()
    }

    /// How the program ended; that of the last one, of merged recordings.
    #[must_use]
    pub const fn status(&self) -> Option<ExitStatus> {
        self.status
    }

    /// Whether the program was traced, since it could not be supervised; one of them, of merged recordings. A program can see
    /// that, and do otherwise.
    #[must_use]
    pub const fn is_traced(&self) -> bool {
        self.traced
    }

    /// This and another recording in one.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.calls.extend(other.calls);
        self.unknown.extend(other.unknown);
        Self { status: other.status.or(self.status), traced: self.traced || other.traced, ..self }
    }

    /// The least policy that allows what was recorded: those calls, on the architectures they were made on.
    #[must_use]
    pub fn policy(&self, default: Verdict) -> Policy {
        let arches: BTreeSet<Arch> = self.calls.iter().map(|(arch, _)| *arch).collect();
        let mut policy = Policy::new(default);
        if arches.iter().any(|arch| *arch != Arch::NATIVE) {
            policy = policy.for_arches(arches.iter().copied());
        }
        for arch in &arches {
            let calls = self.calls.iter().filter(|(its, _)| its == arch).map(|(_, name)| *name);
            let rule = super::Rule::new(Verdict::Allow, calls);
            policy = policy.rule(if arches.len() > 1 { rule.on([*arch]) } else { rule });
        }
        policy
    }
}
