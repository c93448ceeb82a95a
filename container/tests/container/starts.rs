// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many starts, from programs that do much else at the same time.

use std::process::Stdio;
use std::time::Duration;

use needs::{isolated_for, needs, rounds};

use crate::common::{role, shell};

const PATIENCE: Duration = Duration::from_secs(600);

#[test]
fn four_hundred_starts_from_a_program_that_allocates_in_eight_threads() {
    needs!(userns);
    isolated_for(PATIENCE, || {
        // One arena: every thread of the program waits for the same lock.
        let out = role("allocating").env("MALLOC_ARENA_MAX", "1").stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout);
        assert!(
            out.status.success() && text.contains("\nall started\n"),
            "{text}\n{}",
            String::from_utf8_lossy(&out.stderr)
        );
    });
}

#[test]
fn four_hundred_starts_from_a_tokio_runtime_with_several_threads() {
    needs!(userns);
    isolated_for(PATIENCE, || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
        runtime.block_on(async {
            let tasks: Vec<_> = (0..8).map(|task| tokio::spawn(fifty(task))).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

async fn fifty(task: u32) {
    for number in 0..rounds(50) {
        let code = i32::try_from(task + number).unwrap();
        let container = shell(&format!("exit {code}")).start().unwrap();
        let status = loop {
            match container.try_wait().unwrap() {
                Some(status) => break status,
                // On another thread than the one that has started it, as it comes.
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        };
        assert_eq!(status.code(), Some(code));
    }
}

/// A line of a role's output.
fn results(command: &mut std::process::Command) -> Vec<String> {
    let out = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let is_result = |line: &&str| line.starts_with("ended: ") || line.starts_with("failed: ");
    assert!(out.status.success(), "{text}\n{}", String::from_utf8_lossy(&out.stderr));
    text.lines().filter(is_result).map(str::to_owned).collect()
}

/// The command, with SIGCHLD ignored: the shell hands that on.
fn ignoring_children(command: &std::process::Command) -> std::process::Command {
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", "trap '' CHLD; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    for (key, value) in command.get_envs() {
        shell.env(key, value.unwrap_or_default());
    }
    shell
}

#[test]
fn in_a_host_that_ignores_sigchld_the_status_is_right_or_unknown() {
    needs!(userns);
    isolated_for(PATIENCE, || {
        let lines = results(&mut ignoring_children(&role("once")));
        assert_eq!(lines.len(), 1);
        assert!(lines[0] == "ended: exit code 3" || lines[0].starts_with("ended: unknown status"), "{lines:?}");
    });
}

#[test]
fn on_a_kernel_that_keeps_it_the_status_is_right_without_sigchld_too() {
    needs!(userns, kernel(6, 15));
    isolated_for(PATIENCE, || {
        assert_eq!(results(&mut ignoring_children(&role("once"))), ["ended: exit code 3"]);
    });
}

#[test]
fn in_a_host_that_reaps_everything_the_status_is_right_or_unknown_and_failures_are_told() {
    needs!(userns);
    isolated_for(PATIENCE, || {
        let lines = results(&mut role("reaping"));
        let (last, lines) = lines.split_last().unwrap();
        assert_eq!(lines.len(), 100);
        for line in lines {
            assert!(line == "ended: exit code 3" || line.starts_with("ended: unknown status"), "{line}");
        }
        assert!(last.starts_with("failed: NotFound: cannot execute \"/no/such/program\""), "{last}");
    });
}
