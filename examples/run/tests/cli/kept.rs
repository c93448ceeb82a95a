// SPDX-License-Identifier: MIT OR Apache-2.0
//! What outlives a run: changes that are kept, and nothing else.

use std::fs::{File, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use needs::{Scratch, bin, isolated, needs, token};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::common::{is_root, left_of, quiet, run, said, start, sweep, text, wait_for_up};

/// skep-run that keeps changes, an ordinary user's in this home.
fn keeping(home: &Scratch, name: &str, script: &str) -> Command {
    let mut command = Command::new(bin("skep-run"));
    command.args(["--quiet", "--keep", name, "--", "/bin/sh", "-c", script]).env("XDG_DATA_HOME", home.path());
    command
}

/// Where root's changes are kept, removed at the end.
struct Kept(PathBuf);

impl Drop for Kept {
    fn drop(&mut self) {
        let _absent = std::fs::remove_dir_all(&self.0);
    }
}

fn kept(home: &Scratch, name: &str) -> Kept {
    Kept(if is_root() { PathBuf::from("/var/lib/skep-run").join(name) } else { home.join("skep-run").join(name) })
}

#[test]
fn changes_are_kept_under_a_name_and_found_again_there() {
    needs!(userns);
    isolated(|| {
        let home = Scratch::new();
        let name = format!("{}-keep", token());
        let _kept = kept(&home, &name);
        let first =
            keeping(&home, &name, "echo mine > /etc/skep-kept && rm -f /etc/issue; ls /etc/issue").output().unwrap();
        assert_eq!(text(&first.stdout), "", "{}", said(&first));
        let second = keeping(
            &home,
            &name,
            "cat /etc/skep-kept; ls /etc/issue; ls -A ${XDG_DATA_HOME:-/x} /var/lib/skep-run 2>/dev/null | grep keep",
        )
        .output()
        .unwrap();
        assert_eq!(text(&second.stdout), "mine\n", "{}", said(&second));
        let other = run(&["--quiet", "--", "ls", "/etc/skep-kept"]);
        assert_eq!(text(&other.stdout), "", "{}", said(&other));
    });
}

#[test]
fn no_link_among_what_is_kept_is_followed() {
    needs!(user, userns);
    isolated(|| {
        let home = Scratch::new();
        let (below, victim) = (home.join("skep-run"), home.join("victim"));
        std::fs::create_dir_all(below.join("web/zz/work")).unwrap();
        std::fs::write(&victim, "").unwrap();
        let mode = || std::fs::metadata(&victim).unwrap().permissions().mode() & 0o777;
        std::fs::set_permissions(&victim, Permissions::from_mode(0o644)).unwrap();
        for directory in [&below, &below.join("web")] {
            std::fs::set_permissions(directory, Permissions::from_mode(0o700)).unwrap();
        }
        std::os::unix::fs::symlink(&victim, below.join("web/zz/work/work")).unwrap();
        std::os::unix::fs::symlink(below.join("web"), below.join("link")).unwrap();
        let _kept = kept(&home, "web");
        let out = keeping(&home, "web", "true").output().unwrap();
        assert_eq!((out.status.code(), mode()), (Some(0), 0o644), "{}", said(&out));
        let out = keeping(&home, "link", "true").output().unwrap();
        assert_eq!(out.status.code(), Some(125), "{}", said(&out));
        std::fs::set_permissions(below.join("web"), Permissions::from_mode(0o777)).unwrap();
        assert_eq!(keeping(&home, "web", "true").output().unwrap().status.code(), Some(125));
        std::fs::set_permissions(below.join("web"), Permissions::from_mode(0o700)).unwrap();
    });
}

#[test]
fn directories_that_one_begins_in_are_kept_apart() {
    needs!(userns);
    isolated(|| {
        let home = Scratch::new();
        let name = format!("{}-here", token());
        let _kept = kept(&home, &name);
        for directory in ["a", "b"] {
            std::fs::create_dir(home.join(directory)).unwrap();
        }
        let run = |directory: &str, script: &str| {
            let out = keeping(&home, &name, script).current_dir(home.join(directory)).output().unwrap();
            text(&out.stdout).to_owned()
        };
        assert_eq!(run("a", "echo of a > file; cat file"), "of a\n");
        assert_eq!(run("b", "cat file 2>/dev/null"), "");
        assert_eq!(run("a", "cat file"), "of a\n");
    });
}

#[test]
fn the_plan_of_a_run_that_keeps_changes_leaves_no_directory() {
    needs!(userns);
    isolated(|| {
        let home = Scratch::new();
        let name = format!("{}-plan", token());
        let kept = kept(&home, &name);
        let out = Command::new(bin("skep-run"))
            .args(["--explain", "--keep", &name, "true"])
            .env("XDG_DATA_HOME", home.path())
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(0), "{}", said(&out));
        assert!(text(&out.stdout).contains(&name) && !kept.0.exists(), "{}", said(&out));
    });
}

#[test]
fn two_runs_do_not_keep_under_one_name_at_a_time() {
    needs!(userns);
    isolated(|| {
        let home = Scratch::new();
        let name = format!("{}-two", token());
        let _kept = kept(&home, &name);
        let mut first =
            keeping(&home, &name, "echo up; read line").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        wait_for_up(&mut first);
        let second = keeping(&home, &name, "true").output().unwrap();
        assert_eq!(second.status.code(), Some(125));
        assert!(text(&second.stderr).contains("another run has it now"), "{}", said(&second));
        drop(first.stdin.take());
        first.wait().unwrap();
        assert_eq!(keeping(&home, &name, "true").status().unwrap().code(), Some(0));
    });
}

#[test]
fn what_a_killed_run_could_not_remove_the_next_one_does() {
    needs!(root, cgroup("pids"), syscall("pidfd_open"));
    isolated(|| {
        let mut child = start(&["--", "/bin/sh", "-c", "echo up; sleep 1000"]);
        wait_for_up(&mut child);
        let name = left_of(&child).unwrap();
        let is_left =
            || skep::Container::names().unwrap().contains(&name) || groups().iter().any(|group| group.contains(&name));
        assert!(is_left());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(child.stdout.as_mut().unwrap().read(&mut [0; 1]).unwrap(), 0);
        sweep(&child);
        assert!(!is_left());
    });
}

#[test]
fn what_has_ended_is_left_to_its_own_run_whoever_sweeps() {
    needs!(root, cgroup("pids"), syscall("pidfd_open"));
    isolated(|| {
        // One that a run of another pid namespace has made, which has ended and is still being read: by a number that none of
        // this namespace has, and locked.
        let name = "run-4194304-7ffffffffffffff1";
        let container = skep::Container::builder(name).command("/bin/true", [""; 0]).start().unwrap();
        container.wait().unwrap();
        let directory = File::open(skep::Container::default_state_root()).unwrap();
        fcntl(&directory, FcntlArg::F_OFD_SETLK(&byte_of(name, libc::F_RDLCK))).unwrap();
        let is_left = || skep::Container::names().unwrap().iter().any(|left| left == name);
        assert!(quiet(&["true"]).status.success());
        assert!(is_left(), "it is its own run's to remove");
        drop(directory);
        assert!(quiet(&["true"]).status.success());
        assert!(!is_left(), "its run has gone");
    });
}

#[test]
fn a_run_that_goes_on_is_known_by_its_lock() {
    needs!(root, cgroup("pids"), syscall("pidfd_open"));
    isolated(|| {
        let mut child = start(&["--", "/bin/sh", "-c", "echo up; sleep 1000"]);
        wait_for_up(&mut child);
        let name = left_of(&child).unwrap();
        let is_locked = || {
            let mut asked = byte_of(&name, libc::F_WRLCK);
            let directory = File::open(skep::Container::default_state_root()).unwrap();
            fcntl(directory, FcntlArg::F_OFD_GETLK(&mut asked)).unwrap();
            i32::from(asked.l_type) != libc::F_UNLCK
        };
        assert!(is_locked());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(child.stdout.as_mut().unwrap().read(&mut [0; 1]).unwrap(), 0);
        assert!(!is_locked(), "the lock has ended with it");
        sweep(&child);
    });
}

/// The byte that a run with this name locks in the directory where the states of all are.
fn byte_of(name: &str, kind: i32) -> libc::flock {
    let number = i64::from_str_radix(name.rsplit('-').next().unwrap(), 16).unwrap();
    let [l_type, l_whence] = [kind, libc::SEEK_SET].map(|small| i16::try_from(small).unwrap());
    libc::flock { l_type, l_whence, l_start: number, l_len: 1, l_pid: 0 }
}

/// The names of all groups directly below a hierarchy of this machine.
fn groups() -> Vec<String> {
    let below = |directory: &str| {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        entries.map(|entry| entry.path().display().to_string()).collect::<Vec<_>>()
    };
    let top = below("/sys/fs/cgroup");
    top.iter().flat_map(|hierarchy| below(hierarchy)).chain(top.clone()).collect()
}

#[test]
fn what_is_kept_of_one_tree_is_nothing_to_another() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let home = Scratch::new();
        let name = format!("{}-trees", token());
        let _kept = kept(&home, &name);
        let busybox = Command::new("sh").args(["-c", "command -v busybox"]).output().unwrap();
        let run = |tree: &str, script: &str| {
            let tree = home.join(tree);
            std::fs::create_dir_all(tree.join("bin")).unwrap();
            std::fs::copy(text(&busybox.stdout).trim(), tree.join("bin/sh")).unwrap();
            let mut command = Command::new(bin("skep-run"));
            command.args(["--quiet", "--keep", &name, "--root"]).arg(tree).args(["--", "/bin/sh", "-c", script]);
            let out = command.env("XDG_DATA_HOME", home.path()).output().unwrap();
            assert_eq!(out.status.code(), Some(0), "{}", said(&out));
            text(&out.stdout).to_owned()
        };
        run("one", "echo one > /kept");
        run("two", "echo two > /kept");
        assert_eq!(run("one", "read line < /kept; echo $line"), "one\n");
        assert_eq!(run("two", "read line < /kept; echo $line"), "two\n");
    });
}
