// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signals, to skep-run and to its command.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use needs::{bin, isolated, needs};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::{first_child, sh, signal, start, sweep, wait_for_command, wait_for_up};

#[test]
fn a_command_that_a_signal_ended_is_128_and_the_signal() {
    needs!(userns);
    isolated(|| {
        // PID 1 is spared by its own signals; its children are not, and the shell passes their status on.
        assert_eq!(sh("sh -c 'kill -TERM $$'").status.code(), Some(143));
        // Nobody in the namespace can end PID 1: from outside the kernel lets SIGKILL through.
        let mut child = start(&["--", "/bin/sh", "-c", "echo up; exec sleep 1000"]);
        wait_for_up(&mut child);
        let inside = first_child(child.id());
        kill(Pid::from_raw(inside), Signal::SIGKILL).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(137));
    });
}

#[test]
fn a_signal_that_the_command_does_not_handle_ends_it() {
    needs!(userns);
    isolated(|| {
        for init in ["--init", "--no-init"] {
            for (number, expected) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130), (Signal::SIGHUP, 129)] {
                let mut child = start(&[init, "--", "sleep", "1000"]);
                // Not a shell that executes it: dash handles SIGINT, and forgets it with the exec.
                wait_for_command(&child, "sleep\n");
                signal(&child, number);
                assert_eq!(child.wait().unwrap().code(), Some(expected), "{init} {number}");
            }
        }
    });
}

#[test]
fn a_signal_that_the_command_handles_is_its_own_affair() {
    needs!(userns);
    isolated(|| {
        for (init, name, number) in [
            ("--init", "TERM", Signal::SIGTERM),
            ("--init", "USR1", Signal::SIGUSR1),
            ("--no-init", "TERM", Signal::SIGTERM),
            ("--no-init", "WINCH", Signal::SIGWINCH),
        ] {
            let script = format!("trap 'exit 9' {name}; echo up; while :; do sleep 0.01; done");
            let mut child = start(&[init, "--", "/bin/sh", "-c", &script]);
            wait_for_up(&mut child);
            signal(&child, number);
            assert_eq!(child.wait().unwrap().code(), Some(9), "{init} {name}");
        }
    });
}

#[test]
fn a_signal_that_the_command_ignores_is_ignored() {
    needs!(userns);
    isolated(|| {
        let mut child =
            start(&["--", "/bin/sh", "-c", "trap '' TERM; trap 'exit 6' USR1; echo up; while :; do sleep 0.01; done"]);
        wait_for_up(&mut child);
        signal(&child, Signal::SIGTERM);
        signal(&child, Signal::SIGUSR1);
        assert_eq!(child.wait().unwrap().code(), Some(6));
    });
}

#[test]
fn when_it_is_killed_nothing_runs_on() {
    needs!(userns);
    isolated(|| {
        let mut child = start(&["--", "/bin/sh", "-c", "sleep 1000 & echo up; sleep 1000"]);
        wait_for_up(&mut child);
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        // All of them held the output; the leak check looks for them too.
        assert_eq!(child.stdout.as_mut().unwrap().read(&mut [0; 1]).unwrap(), 0);
        sweep(&child);
    });
}

#[test]
fn a_signal_that_is_ignored_around_it_stays_ignored() {
    needs!(userns);
    isolated(|| {
        let script = "trap '' HUP INT; echo up; exec \"$0\" -- /bin/sh -c 'read line; exit 5'";
        let mut child = Command::new("/bin/sh")
            .args(["-c", script, bin("skep-run").to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for_up(&mut child);
        signal(&child, Signal::SIGHUP);
        signal(&child, Signal::SIGINT);
        child.stdin.take().unwrap().write_all(b"line\n").unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(5));
    });
}
