// SPDX-License-Identifier: MIT OR Apache-2.0
//! Verbs in any order, on a real container, beside a model that says what each must answer.

use std::time::Duration;

use needs::{isolated_for, needs, rounds};
use proptest::test_runner::{Config, TestRunner};
use skep::cgroup::Limits;
use skep::{Container, Created, Error, ErrorKind, Report, Status};

use crate::common::DEADLINE;
use crate::tree::Tree;

#[derive(Debug, Clone, Copy)]
enum Verb {
    Create,
    Start,
    Exec,
    Freeze,
    Thaw,
    Signal,
    SignalAll,
    Stop,
    Kill,
    Wait,
    Limit,
    Processes,
    Reopen,
    Delete,
    DeleteTwice,
}

const VERBS: [Verb; 15] = [
    Verb::Create,
    Verb::Start,
    Verb::Exec,
    Verb::Freeze,
    Verb::Thaw,
    Verb::Signal,
    Verb::SignalAll,
    Verb::Stop,
    Verb::Kill,
    Verb::Wait,
    Verb::Limit,
    Verb::Processes,
    Verb::Reopen,
    Verb::Delete,
    Verb::DeleteTwice,
];

/// The container, and with it what the model says that it is.
enum Life {
    Absent,
    Created(Box<Created>),
    Running(Container, Pace),
    /// Ended by `SIGKILL`; whether this handle has the process that ended, or was opened later, makes no difference.
    Ended(Container),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Going,
    Frozen,
}

/// The answer of what must be refused: of this kind, with a cause in words.
#[track_caller]
fn refused<T>(answer: Result<T, Error>, kind: ErrorKind) {
    let Err(error) = answer else { panic!("it was done") };
    let report = Report(&error).to_string();
    assert_eq!(error.kind(), kind, "{report}");
    assert!(report.lines().count() > 1, "{report}");
}

#[track_caller]
fn done<T>(answer: Result<T, Error>) -> T {
    answer.unwrap_or_else(|error| panic!("{}", Report(&error)))
}

fn limits() -> Limits {
    Limits::new().pids_max(32)
}

impl Life {
    /// Does `verb`, and looks at what it answers.
    fn after(self, verb: Verb, tree: &Tree) -> Self {
        let create = || tree.named("model", "sleep 1000").limits(Limits::new().pids_max(64)).create();
        match (self, verb) {
            (Life::Absent, Verb::Create) => Life::Created(Box::new(done(create()))),
            (life, Verb::Create) => {
                refused(create(), ErrorKind::Invalid);
                life
            }
            (Life::Absent, _) => {
                refused(tree.open("model"), ErrorKind::NotFound);
                Life::Absent
            }
            (Life::Created(created), verb) => Self::after_created(created, verb, tree),
            (Life::Running(container, pace), verb) => Self::after_running(container, pace, verb, tree),
            (Life::Ended(container), verb) => Self::after_ended(container, verb, tree),
        }
    }

    /// All that others may do to what is being made is look at it.
    fn after_created(created: Box<Created>, verb: Verb, tree: &Tree) -> Self {
        let found = || done(tree.open("model"));
        match verb {
            Verb::Start => return Life::Running(done(created.start()), Pace::Going),
            Verb::Reopen => return Life::Absent,
            Verb::Exec => refused(found().exec("/bin/true", [""; 0]).start(), ErrorKind::WrongState),
            Verb::Freeze => refused(found().freeze(DEADLINE), ErrorKind::WrongState),
            Verb::Thaw => refused(found().thaw(DEADLINE), ErrorKind::WrongState),
            Verb::Signal => refused(found().signal(9), ErrorKind::WrongState),
            Verb::SignalAll => refused(found().signal_all(9), ErrorKind::WrongState),
            Verb::Stop => refused(found().stop(DEADLINE), ErrorKind::WrongState),
            Verb::Kill => done(found().kill()),
            Verb::Wait => refused(found().wait(), ErrorKind::WrongState),
            Verb::Limit => refused(found().limit(&limits()), ErrorKind::WrongState),
            Verb::Processes => assert_eq!(done(found().processes()), []),
            Verb::Delete | Verb::DeleteTwice => refused(found().delete(), ErrorKind::Busy),
            Verb::Create => {}
        }
        Life::Created(created)
    }

    fn after_running(container: Container, pace: Pace, verb: Verb, tree: &Tree) -> Self {
        match verb {
            Verb::Exec if pace == Pace::Going => {
                let executed = done(container.exec("/bin/true", [""; 0]).start());
                assert_eq!(done(executed.wait()).code(), Some(0));
            }
            Verb::Freeze => {
                done(container.freeze(DEADLINE));
                return Life::Running(container, Pace::Frozen);
            }
            Verb::Thaw => {
                done(container.thaw(DEADLINE));
                return Life::Running(container, Pace::Going);
            }
            // Process 1 has no handler for it.
            Verb::Signal => done(container.signal(10)),
            Verb::SignalAll => done(container.signal_all(10)),
            Verb::Stop => {
                assert_eq!(done(container.stop(Duration::ZERO)).signal(), Some(9));
                return Life::Ended(container);
            }
            Verb::Kill => {
                done(container.kill());
                // Ended, and waited for by nobody yet: the kernel would take a signal.
                crate::common::until("it has ended", || done(container.status()) == Status::Ended);
                refused(container.signal(10), ErrorKind::WrongState);
                refused(container.signal_all(10), ErrorKind::WrongState);
                assert_eq!(done(container.wait()).signal(), Some(9));
                return Life::Ended(container);
            }
            Verb::Wait => assert_eq!(done(container.wait_for(Duration::ZERO)), None),
            Verb::Limit => done(container.limit(&limits())),
            Verb::Processes => assert!(!done(container.processes()).is_empty()),
            Verb::Reopen => {
                drop(container);
                return Life::Running(done(tree.open("model")), pace);
            }
            Verb::Delete | Verb::DeleteTwice => return Self::deleted(container, verb, tree),
            Verb::Create | Verb::Start | Verb::Exec => {}
        }
        Life::Running(container, pace)
    }

    fn after_ended(container: Container, verb: Verb, tree: &Tree) -> Self {
        match verb {
            Verb::Exec => refused(container.exec("/bin/true", [""; 0]).start(), ErrorKind::WrongState),
            Verb::Freeze => refused(container.freeze(DEADLINE), ErrorKind::WrongState),
            Verb::Thaw => refused(container.thaw(DEADLINE), ErrorKind::WrongState),
            Verb::Limit => refused(container.limit(&limits()), ErrorKind::WrongState),
            Verb::Signal => refused(container.signal(9), ErrorKind::WrongState),
            Verb::SignalAll => refused(container.signal_all(10), ErrorKind::WrongState),
            Verb::Stop => assert_eq!(done(container.stop(DEADLINE)).signal(), Some(9)),
            Verb::Kill => done(container.kill()),
            Verb::Wait => assert_eq!(done(container.wait()).signal(), Some(9)),
            Verb::Processes => assert_eq!(done(container.processes()), []),
            Verb::Reopen => {
                drop(container);
                return Life::Ended(done(tree.open("model")));
            }
            Verb::Delete | Verb::DeleteTwice => return Self::deleted(container, verb, tree),
            Verb::Create | Verb::Start => {}
        }
        Life::Ended(container)
    }

    fn deleted(container: Container, verb: Verb, tree: &Tree) -> Self {
        let again = matches!(verb, Verb::DeleteTwice).then(|| done(tree.open("model")));
        done(container.delete());
        // Who has opened it before finds it deleted: no failure.
        again.map(Container::delete).map(done);
        Life::Absent
    }

    /// Whoever looks, by the same handle or by the name, sees what the model says.
    fn is_as_it_should_be(&self, tree: &Tree) {
        let status = match self {
            Life::Absent => {
                refused(tree.open("model"), ErrorKind::NotFound);
                assert_eq!(done(Container::names_in(&tree.states())), [""; 0]);
                return;
            }
            Life::Created(_) => Status::Creating,
            Life::Running(_, Pace::Going) => Status::Running,
            Life::Running(_, Pace::Frozen) => Status::Frozen,
            Life::Ended(_) => Status::Ended,
        };
        assert_eq!(done(done(tree.open("model")).status()), status);
        if let Life::Running(container, _) | Life::Ended(container) = self {
            assert_eq!(done(container.status()), status);
        }
    }
}

#[test]
fn verbs_in_any_order_answer_what_the_model_says() {
    needs!(root, cgroup("pids"), program("busybox"), syscall("pidfd_open"));
    isolated_for(4 * DEADLINE, || {
        let tree = Tree::new();
        let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
        let config = Config { cases: cases.unwrap_or(rounds(24)), failure_persistence: None, ..Config::default() };
        let verbs = proptest::collection::vec(proptest::sample::select(&VERBS[..]), 1..24);
        let told = TestRunner::new(config).run(&verbs, |verbs| {
            // What a case has left that failed, so that a shorter one fails for the same reason.
            if let Ok(left) = tree.open("model") {
                done(left.delete());
            }
            // Half of all sequences that begin with anything else would be about nothing.
            let mut life = Life::Absent;
            for verb in [Verb::Create].into_iter().chain(verbs) {
                life = life.after(verb, &tree);
                life.is_as_it_should_be(&tree);
            }
            match life {
                Life::Running(container, _) | Life::Ended(container) => done(container.delete()),
                Life::Absent | Life::Created(_) => {}
            }
            Ok(())
        });
        told.unwrap_or_else(|failure| panic!("{failure}"));
    });
}
