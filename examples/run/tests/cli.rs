// SPDX-License-Identifier: MIT OR Apache-2.0
//! skep-run as it is typed: statuses, streams, signals, options.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what the tests call fails them by a panic")]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};

use needs::{Scratch, bin, isolated, needs};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn run(args: &[&str]) -> Output {
    Command::new(bin("skep-run")).args(args).stdin(Stdio::null()).output().unwrap()
}

fn sh(script: &str) -> Output {
    run(&["--", "/bin/sh", "-c", script])
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn it_ends_with_the_command_s_own_status() {
    needs!(userns);
    isolated(|| {
        assert_eq!(run(&["true"]).status.code(), Some(0));
        assert_eq!(sh("exit 7").status.code(), Some(7));
        assert_eq!(sh("exit 255").status.code(), Some(255));
    });
}

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
fn a_command_that_cannot_be_executed_is_126_and_an_absent_one_127() {
    needs!(userns);
    isolated(|| {
        let dir = Scratch::new();
        let file = dir.join("file");
        fs::write(&file, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let path = file.to_str().unwrap();
        for (command, code, why) in [
            ("/nowhere/at/all", 127, "there is no such program"),
            ("no-such-program-anywhere", 127, "there is no such program"),
            (path, 126, "no execute permission"),
            ("/etc", 126, "it is a directory"),
        ] {
            let out = run(&[command]);
            let said = text(&out.stderr);
            assert_eq!(out.status.code(), Some(code), "{command}: {said}");
            assert!(
                said.starts_with(&format!("skep-run: cannot execute {command:?}\n")) && said.contains(why),
                "{said}"
            );
            assert_eq!(text(&out.stdout), "");
        }
    });
}

#[test]
fn a_failure_of_its_own_is_125_and_says_every_problem() {
    needs!(userns);
    isolated(|| {
        let out = run(&["--hostname", "", "--bind", "/no/such/place:/mnt", "true"]);
        assert_eq!(out.status.code(), Some(125));
        assert!(text(&out.stderr).contains("hostname: has 0 bytes"), "{}", text(&out.stderr));
        let out = run(&["--bind", "/no/such/place:/mnt", "true"]);
        assert_eq!(out.status.code(), Some(125));
        let said = text(&out.stderr);
        assert!(said.contains("mounts[1].source \"/no/such/place\" does not exist"), "{said}");
    });
}

#[test]
fn an_unknown_option_is_125_and_points_to_the_help() {
    let out = run(&["--frob"]);
    assert_eq!(out.status.code(), Some(125));
    assert_eq!(text(&out.stderr), "skep-run: invalid option '--frob'\nTry: skep-run --help\n");
    assert_eq!(run(&["--bind", "relative", "true"]).status.code(), Some(125));
}

#[test]
fn help_and_version_go_to_the_output() {
    let out = run(&["--help", "--frob"]);
    assert_eq!(out.status.code(), Some(0));
    assert!(text(&out.stdout).starts_with("skep-run: ") && text(&out.stdout).contains("--explain"));
    assert_eq!(text(&run(&["--version"]).stdout), format!("skep-run {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn explain_prints_the_plan_and_starts_nothing() {
    let dir = Scratch::new();
    let made = dir.join("made");
    let out = run(&["--explain", "--hostname", "web", "--", "/bin/touch", made.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(0));
    let lines: Vec<&str> = text(&out.stdout).lines().collect();
    assert!(lines[0].starts_with("  1. parent: start the launcher"), "{lines:?}");
    assert!(lines.iter().any(|line| line.ends_with("child: set the host name \"web\" [CAP_SYS_ADMIN]")), "{lines:?}");
    assert!(lines.last().unwrap().ends_with("child: execute \"/bin/touch\""), "{lines:?}");
    let maps = lines.iter().filter(|line| line.contains("write the id map")).count();
    assert_eq!(maps == 1, !nix::unistd::geteuid().is_root());
    assert!(!made.exists());
}

#[test]
fn streams_lead_through() {
    needs!(userns);
    isolated(|| {
        let mut cat = Command::new(bin("skep-run"));
        let mut child = cat.arg("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"through\n").unwrap();
        let out = child.wait_with_output().unwrap();
        assert_eq!((text(&out.stdout), out.status.code()), ("through\n", Some(0)));
        let out = sh("echo out; echo err >&2");
        assert_eq!((text(&out.stdout), text(&out.stderr)), ("out\n", "err\n"));
    });
}

#[test]
fn the_command_is_in_namespaces_of_its_own_with_the_caller_s_environment() {
    needs!(userns);
    isolated(|| {
        let out = Command::new(bin("skep-run"))
            .args([
                "--hostname",
                "cell",
                "--",
                "/bin/sh",
                "-c",
                "echo $$; uname -n; id -u; echo $PROBE; cd /proc; echo [0-9]*",
            ])
            .env("PROBE", "kept")
            .output()
            .unwrap();
        assert_eq!(text(&out.stdout), "1\ncell\n0\nkept\n1\n", "{}", text(&out.stderr));
    });
}

#[test]
fn a_bind_shows_a_directory_elsewhere() {
    needs!(userns);
    isolated(|| {
        let dir = Scratch::new();
        fs::write(dir.join("file"), "seen").unwrap();
        let out = run(&["--bind", &format!("{}:/mnt", dir.path().display()), "cat", "/mnt/file"]);
        assert_eq!(text(&out.stdout), "seen", "{}", text(&out.stderr));
        assert!(!std::path::Path::new("/mnt/file").exists());
    });
}

#[test]
fn without_a_command_it_is_the_shell() {
    needs!(userns);
    isolated(|| {
        let mut command = Command::new(bin("skep-run"));
        let mut child = command.env("SHELL", "/bin/sh").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"echo $$; exit 4\n").unwrap();
        let out = child.wait_with_output().unwrap();
        assert_eq!((text(&out.stdout), out.status.code()), ("1\n", Some(4)));
    });
}

/// skep-run with an output to wait on.
fn start(args: &[&str]) -> Child {
    // Whoever runs the tests may ignore signals, as shells do for what runs in the background.
    Command::new("env")
        .arg("--default-signal")
        .arg(bin("skep-run"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until the command has written its first line, "up".
fn wait_for_up(child: &mut Child) {
    let mut line = [0; 3];
    child.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    assert_eq!(&line, b"up\n");
}

fn first_child(pid: u32) -> i32 {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// Waits until the only child of skep-run is the command, which its name tells.
fn wait_for_command(child: &Child, name: &str) {
    let of = |pid: &str| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let children = || fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    while !children().split_whitespace().any(|pid| of(pid) == name) {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

#[test]
fn a_signal_that_the_command_does_not_handle_ends_it() {
    needs!(userns);
    isolated(|| {
        for (number, expected) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130), (Signal::SIGHUP, 129)] {
            let mut child = start(&["--", "sleep", "1000"]);
            // Not a shell that executes it: dash handles SIGINT, and forgets it with the exec.
            wait_for_command(&child, "sleep\n");
            signal(&child, number);
            assert_eq!(child.wait().unwrap().code(), Some(expected), "{number}");
        }
    });
}

#[test]
fn a_signal_that_the_command_handles_is_its_own_affair() {
    needs!(userns);
    isolated(|| {
        for (name, number) in [("TERM", Signal::SIGTERM), ("USR1", Signal::SIGUSR1), ("WINCH", Signal::SIGWINCH)] {
            let script = format!("trap 'exit 9' {name}; echo up; while :; do sleep 0.01; done");
            let mut child = start(&["--", "/bin/sh", "-c", &script]);
            wait_for_up(&mut child);
            signal(&child, number);
            assert_eq!(child.wait().unwrap().code(), Some(9), "{name}");
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
    });
}

#[test]
fn a_closed_directory_on_the_path_does_not_hide_that_a_command_is_absent() {
    needs!(user, userns);
    isolated(|| {
        let dir = Scratch::new();
        let closed = dir.join("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        let path = format!("{}:/usr/bin:/bin", closed.display());
        let run = |command| Command::new(bin("skep-run")).arg(command).env("PATH", &path).output().unwrap();
        let (absent, present) = (run("no-such-program-anywhere"), run("true"));
        // Opened again, so that it can be removed.
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(absent.status.code(), Some(127), "{}", text(&absent.stderr));
        assert_eq!(present.status.code(), Some(0), "{}", text(&present.stderr));
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

#[test]
fn an_output_that_nobody_reads_is_no_panic() {
    needs!(userns);
    isolated(|| {
        for (script, code) in [
            ("\"$0\" --help >/dev/full", 125),
            ("\"$0\" --frob 2>/dev/full", 125),
            ("\"$0\" /nowhere/at/all 2>&-", 127),
        ] {
            let status =
                Command::new("/bin/sh").args(["-c", script, bin("skep-run").to_str().unwrap()]).status().unwrap();
            assert_eq!(status.code(), Some(code), "{script}");
        }
    });
}
