// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is typed, and what comes of it: statuses, streams, options.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use needs::{Scratch, bin, isolated, needs};

use crate::common::{quiet, run, sh, text};

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
            let out = quiet(&["--ro", dir.path().to_str().unwrap(), "--", command]);
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
        let out = run(&["--hostname", "", "--ro", "/no/such/place:/mnt", "true"]);
        assert_eq!(out.status.code(), Some(125));
        let said = text(&out.stderr);
        assert_eq!(
            said,
            "skep-run: --hostname: has 0 bytes; the kernel takes 1 to 64\n\
             skep-run: --rw, --ro: \"/no/such/place\" does not exist\n"
        );
        for (option, value, sentence) in [
            ("--pids", "1", "--pids: 1 has no room for the command beside its init: 2, or --no-init"),
            ("--pids", "0", "--pids: 0 lets no process start"),
            ("--rw", "/", "/ cannot be shown as /, the root itself: see --root"),
            ("--rw", "/dev", "/dev: what the kernel shows in it is not shared"),
        ] {
            let out = quiet(&[option, value, "true"]);
            assert_eq!(text(&out.stderr), format!("skep-run: {sentence}\n"));
        }
        let out = run(&["--user", "no-such-account", "--keep", "../x", "true"]);
        assert_eq!(out.status.code(), Some(125));
        let out = run(&["--user", "no-such-account", "--root", "/no/such/place", "true"]);
        let said = text(&out.stderr);
        assert!(said.contains("--user \"no-such-account\""), "{said}");
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
    assert!(lines[0].starts_with("  1. parent: "), "{lines:?}");
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
        assert_eq!(text(&out.stdout), "2\ncell\n0\nkept\n1 2\n", "{}", text(&out.stderr));
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
        assert_eq!((text(&out.stdout), out.status.code()), ("2\n", Some(4)));
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

#[test]
fn the_profile_has_every_step_of_the_child_s_and_the_command_runs_all_the_same() {
    needs!(userns);
    isolated(|| {
        let explained = run(&["--explain", "true"]);
        let out = quiet(&["--profile", "--", "/bin/sh", "-c", "exit 3"]);
        let said = text(&out.stderr);
        let steps = |text: &str, word: &str| text.lines().filter(|line| line.contains(word)).count();
        assert_eq!(steps(said, ", in the child: "), steps(text(&explained.stdout), " child: ") - 1, "{said}");
        assert!(said.lines().last().unwrap().ends_with("all of it, until the command can begin"), "{said}");
        assert_eq!(out.status.code(), Some(3));
    });
}
