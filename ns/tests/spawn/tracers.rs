// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts under tools that follow a program: valgrind and strace.

use std::fs;
use std::path::Path;
use std::time::Duration;

use needs::{Scratch, isolated_for, needs};
use skep_ns::NamespaceKind::{Mount, Pid, User, Uts};
use skep_ns::{ErrorKind, IdMap, Namespaces, Spawn, Stdio};

use crate::support::halted::{Halted, WAIT};
use crate::support::{in_second_life, live_again, sh};

const DEADLINE: Duration = Duration::from_secs(400);

/// A few starts of each kind.
fn start_some() {
    assert_eq!(sh("exit 3").status().unwrap().code(), Some(3));
    let mut spawn = sh("cat; cat <&7; echo $A");
    spawn.fd(7, fs::File::open("/dev/null").unwrap()).env("A", "b").current_dir("/");
    assert_eq!(spawn.output().unwrap().stdout, b"b\n");
    let killed = sh("kill -KILL $$").status().unwrap();
    assert_eq!((killed.signal(), killed.code()), (Some(9), None));
}

#[test]
fn starts_under_valgrind_are_right_and_valgrind_has_nothing_to_say() {
    needs!(program("valgrind"));
    if in_second_life() {
        start_some();
        // valgrind makes a copy of a child that would share memory: it cannot tell why it failed, and ends as in a shell.
        assert_eq!(Spawn::new("/nowhere/at/all").status().unwrap().code(), Some(127));
        return;
    }
    isolated_for(DEADLINE, || {
        live_again(&["valgrind", "--quiet", "--error-exitcode=99", "--exit-on-first-error=yes"]);
    });
}

/// The system calls of each process that strace has followed, in order, a line each.
fn traces(directory: &Path) -> Vec<Vec<String>> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect()).collect()
}

fn name(line: &str) -> &str {
    line.split('(').next().unwrap_or_default()
}

/// The trace of the program with this text in one of its lines, where in it the exec is, and the calls before that.
fn before_exec<'a>(traces: &'a [Vec<String>], mark: &str) -> (&'a [String], usize, Vec<&'a str>) {
    let started: Vec<_> = traces.iter().filter(|trace| trace.iter().any(|line| line.contains(mark))).collect();
    let [started] = started[..] else { panic!("{} programs were started with the mark", started.len()) };
    let end = started.iter().position(|line| name(line) == "execve").unwrap();
    (started, end, started.iter().take(end).map(|line| name(line)).collect())
}

#[test]
fn the_child_of_a_start_in_namespaces_makes_the_listed_calls_alone() {
    needs!(userns, program("strace"));
    if in_second_life() {
        let set = Namespaces::new().make([Mount, Uts]).user(IdMap::current_as_root());
        let mut spawn = sh("exit 3");
        spawn.arg("seek me").namespaces(set).hostname("hive").session().no_new_privs().umask(0o22);
        assert_eq!(spawn.status().unwrap().code(), Some(3));
        let set = Namespaces::new().make([Mount, Pid]).user(IdMap::current_as_root());
        let other = Halted::waiting(sh(WAIT).namespaces(set));
        let mut spawn = sh("exit 4");
        spawn.join_process(other.fd().try_clone_to_owned().unwrap(), [Mount, Pid, User]);
        assert_eq!(spawn.status().unwrap().code(), Some(4));
        return;
    }
    isolated_for(DEADLINE, || {
        let scratch = Scratch::new();
        let prefix = scratch.join("trace");
        live_again(&["strace", "-ff", "-s", "200", "-o", prefix.to_str().unwrap()]);
        let traces = traces(scratch.path());
        let (started, _, before) = before_exec(&traces, "\"seek me\"");
        let listed = [
            "close",
            "socketpair",
            "sendmsg",
            "dup3",
            "close_range",
            "prctl",
            "recvfrom",
            "sethostname",
            "fcntl",
            "setsid",
            "umask",
            "setgroups",
            "setresgid",
            "setresuid",
            "rt_sigaction",
            "rt_sigprocmask",
        ];
        let unlisted: Vec<&&str> = before.iter().filter(|call| !listed.contains(call)).collect();
        assert!(unlisted.is_empty(), "{unlisted:?} in {started:#?}");
        for call in ["socketpair", "recvfrom", "sethostname", "setsid", "umask", "setresuid", "rt_sigprocmask"] {
            assert!(before.contains(&call), "no {call} in {started:#?}");
        }
        // What joins is a copy of its maker: nobody there may look into it, from before it is there until the exec.
        let first = traces.iter().find(|trace| trace.iter().any(|line| name(line) == "setns")).unwrap();
        let at = |call: &str| first.iter().position(|line| line.starts_with(call)).unwrap();
        assert!(at("prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE") < at("setns"), "{first:#?}");
        assert!(!first.iter().skip(at("setns")).any(|line| line.contains("PR_SET_DUMPABLE")), "{first:#?}");
        // Not by its arguments: of undumpable memory a tracer without privilege can read none.
        let (started, _, before) = before_exec(&traces, "+++ exited with 4 +++");
        let unlisted: Vec<&&str> = before.iter().filter(|call| !listed.contains(call)).collect();
        assert!(unlisted.is_empty(), "{unlisted:?} in {started:#?}");
        assert!(!started.iter().any(|line| line.contains("PR_SET_DUMPABLE")), "{started:#?}");
    });
}

#[test]
fn starts_under_strace_are_right_and_children_make_the_listed_calls_alone() {
    needs!(program("strace"));
    if in_second_life() {
        assert_eq!(sh("exit 3").arg("seek me").stdin(Stdio::Null).current_dir("/").status().unwrap().code(), Some(3));
        assert_eq!(Spawn::new("/nowhere/at/all").spawn().unwrap_err().kind(), ErrorKind::NotFound);
        return start_some();
    }
    isolated_for(DEADLINE, || {
        let scratch = Scratch::new();
        let prefix = scratch.join("trace");
        live_again(&["strace", "-ff", "-s", "200", "-o", prefix.to_str().unwrap()]);
        let traces = traces(scratch.path());
        let (started, end, before) = before_exec(&traces, "\"seek me\"");
        let listed = ["fcntl", "dup3", "close_range", "close", "chdir", "rt_sigaction", "rt_sigprocmask"];
        let unlisted: Vec<&&str> = before.iter().filter(|call| !listed.contains(call)).collect();
        assert!(unlisted.is_empty(), "{unlisted:?} in {started:#?}");
        let count = |call| before.iter().filter(|made| **made == call).count();
        assert_eq!((count("rt_sigaction"), count("rt_sigprocmask"), count("chdir"), count("dup3")), (64, 1, 1, 1));
        assert!(started[end].ends_with(" = 0"), "{}", started[end]);
    });
}
