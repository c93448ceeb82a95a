// SPDX-License-Identifier: MIT OR Apache-2.0
//! The launcher or the child killed: at every system call of theirs. The caller must hear of it, and go on.

use std::time::Duration;

use needs::{isolated, isolated_for, needs};
use nix::sys::ptrace::Options;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use skep::{ErrorKind, Report};

use crate::common::{is_alive, program, until};
use crate::tracer::{Traced, go_on, next_stop, pending, until_nobody_is_left};

/// `PTRACE_EVENT_EXEC`.
const EXEC: i32 = 4;

/// Kills the process that is born as number `victim` (1: the launcher, 2: the child) at its stop number `at`. What the
/// caller says then; `None` if the victim had executed the program, or ended, before that.
fn kill_at(victim: usize, at: usize) -> Option<String> {
    let births = Options::PTRACE_O_TRACEVFORK | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_TRACEFORK;
    let mut traced = Traced::start("victim", 1, births | Options::PTRACE_O_TRACEEXEC);
    go_on(traced.threads[0], false, None);
    traced.cue();
    let (mut born, mut stops, mut killed): (Vec<Pid>, _, _) = (Vec::new(), 0, false);
    while let Some(status) = next_stop() {
        let pid = status.pid().unwrap();
        if matches!(status, WaitStatus::Exited(..) | WaitStatus::Signaled(..)) {
            continue;
        }
        if pid != traced.threads[0] && !born.contains(&pid) {
            born.push(pid);
        }
        let is_victim = born.get(victim - 1) == Some(&pid);
        if is_victim {
            stops += 1;
            // The child's exec is the program's; the launcher's is its own.
            let is_over = victim == 2 && matches!(status, WaitStatus::PtraceEvent(_, _, EXEC));
            if !killed && !is_over && stops == at {
                killed = true;
                kill(pid, Signal::SIGKILL).unwrap();
                continue;
            }
            if is_over {
                stops = usize::MAX / 2;
            }
        }
        go_on(pid, is_victim && stops < at, pending(status));
    }
    let said = traced.said();
    until_nobody_is_left("the role");
    let line = said.lines().find(|line| line.starts_with("ended: ") || line.starts_with("failed: "));
    killed.then(|| line.unwrap_or_else(|| panic!("killed at {at}: {said}")).to_owned())
}

#[test]
fn a_launcher_killed_at_any_system_call_is_an_error_or_has_done_its_work() {
    // Without it the table has thousands of calls, each of which would be a place to kill at.
    needs!(userns, syscall("close_range"));
    isolated_for(Duration::from_secs(300), || {
        let lines: Vec<_> = (1..).map_while(|at| kill_at(1, at)).collect();
        assert!(lines.len() > 30, "{lines:#?}");
        let (failed, ended): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.starts_with("failed: "));
        for line in &failed {
            assert!(
                line.contains("WrongState") && line.contains("the launcher ended before it had done its work"),
                "{line}"
            );
        }
        // Once it has told of the birth it has nothing more to do.
        assert!(ended.iter().all(|line| *line == "ended: exit code 0; nothing is left"), "{ended:#?}");
        assert!(failed.len() > ended.len());
        let left = failed.iter().filter(|line| line.ends_with("a child is left")).count();
        // Between the clone and the telling of it nobody but the launcher knows the child's number: the child ends by the
        // closed wire, and is a zombie until the caller ends.
        assert!(left <= 4, "{failed:#?}");
    });
}

#[test]
fn a_child_killed_at_any_system_call_is_never_a_success() {
    needs!(userns);
    isolated_for(Duration::from_secs(300), || {
        let lines: Vec<_> = (1..).map_while(|at| kill_at(2, at)).collect();
        assert!(lines.len() > 10, "{lines:#?}");
        for line in &lines {
            assert!(line.contains("signal 9") && line.ends_with("; nothing is left"), "{line}\n{lines:#?}");
        }
    });
}

#[test]
fn a_child_that_was_killed_while_it_waited_makes_the_start_fail_and_say_how() {
    needs!(userns);
    isolated(|| {
        let created = program("/bin/true", &[]).create().unwrap();
        kill(Pid::from_raw(created.pid().cast_signed()), Signal::SIGKILL).unwrap();
        until("it has ended", || !is_alive(created.pid()));
        let error = created.start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState);
        assert!(Report(&error).to_string().ends_with("the child ended before it had done its work: signal 9"));
    });
}
