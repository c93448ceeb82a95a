// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which system calls the launcher and the child make before the program runs, by strace; and a start under valgrind.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use needs::{Scratch, isolated, isolated_for, needs};

use crate::common::{is_root, role};

/// One call of a trace: who, which, its arguments and answer.
#[derive(Debug)]
struct Call {
    pid: String,
    name: String,
    rest: String,
}

/// The calls in the order of their beginnings. A call that another process interrupted in the trace has two lines.
fn parse(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    for line in trace.lines() {
        let Some((pid, text)) = line.split_once(' ') else { continue };
        let text = text.trim_start();
        if let Some(resumed) = text.strip_prefix("<... ") {
            if let Some(open) = calls.iter_mut().rfind(|call| call.pid == pid) {
                open.rest.push_str(resumed);
            }
        } else if let Some((name, rest)) = text.split_once('(') {
            calls.push(Call { pid: pid.to_owned(), name: name.to_owned(), rest: rest.to_owned() });
        }
    }
    calls
}

impl Call {
    fn answer(&self) -> &str {
        self.rest.rsplit_once(" = ").map_or("", |(_, answer)| answer)
    }

    fn is_clone(&self) -> bool {
        self.name == "clone3" || self.name == "clone" || self.name == "vfork"
    }

    fn is_successful_exec(&self) -> bool {
        self.name.starts_with("execve") && self.answer() == "0"
    }
}

struct Trace {
    caller: Vec<String>,
    launcher_before: Vec<Call>,
    launcher: Vec<Call>,
    child: Vec<Call>,
    vfork: Call,
}

fn traced() -> Trace {
    let dir = Scratch::new();
    let file = dir.join("trace");
    let role = role("once");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "signal=none", "-o"]).arg(&file).arg(role.get_program()).args(role.get_args());
    let out = strace.env("SKEP_TEST_ROLE", "once").stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(said.contains("\nended: exit code 3\n"), "{said}{}", String::from_utf8_lossy(&out.stderr));
    let mut calls = parse(&fs::read_to_string(&file).unwrap());
    let at = calls.iter().position(|call| call.is_clone() && call.rest.contains("CLONE_VFORK")).unwrap();
    let vfork = calls.remove(at);
    let launcher = vfork.answer().to_owned();
    let caller = calls.iter().filter(|call| call.pid == vfork.pid).map(|call| call.name.clone()).collect();
    let birth = calls.iter().find(|call| call.pid == launcher && call.is_clone()).unwrap();
    let child = birth.answer().to_owned();
    let (mut before, mut after, mut childs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut launched, mut started) = (false, false);
    for call in calls {
        if call.pid == launcher {
            let is_exec = call.is_successful_exec();
            if launched {
                after.push(call)
            } else {
                before.push(call)
            }
            launched |= is_exec;
        } else if call.pid == child && !started {
            started = call.is_successful_exec();
            childs.push(call);
        }
    }
    assert!(launched && started);
    Trace { caller, launcher_before: before, launcher: after, child: childs, vfork }
}

fn names(calls: &[Call]) -> BTreeSet<&str> {
    calls.iter().map(|call| call.name.as_str()).collect()
}

#[test]
fn under_strace_launcher_and_child_make_the_listed_calls_and_no_other() {
    needs!(
        userns,
        program("strace"),
        syscall("clone3"),
        syscall("close_range"),
        syscall("memfd_create"),
        syscall("pidfd_open"),
        syscall("execveat"),
        syscall("openat2"),
        syscall("fsopen"),
        syscall("fsmount"),
        syscall("move_mount")
    );
    isolated(|| {
        let trace = traced();
        // In the caller's memory: the table, which allocates nothing.
        let table = ["close_range", "dup3", "execveat", "fcntl", "rt_sigaction", "rt_sigprocmask"];
        assert!(names(&trace.launcher_before).is_subset(&BTreeSet::from(table)), "{:?}", trace.launcher_before);
        let list = |calls: &[Call]| calls.iter().map(|call| call.name.clone()).collect::<Vec<_>>();
        let launcher =
            ["fcntl", "fcntl", "fstat", "mmap", "close", "prctl", "socketpair", "clone3", "sendmsg", "exit_group"];
        assert_eq!(list(&trace.launcher), launcher);
        let mut child = vec!["close", "close", "ppoll", "recvfrom", "mount"];
        // The proc: its place in the root, made detached, attached there.
        child.extend(["openat", "openat2", "fsopen", "fsconfig", "fsconfig", "fsmount", "close"]);
        child.extend(["move_mount", "close", "close", "socket", "ioctl", "ioctl", "close"]);
        if !is_root() {
            child.extend(["setresgid", "setresuid"]);
        }
        child.extend(["keyctl", "prctl", "setsid", "sendmsg", "ppoll", "recvfrom", "execve"]);
        assert_eq!(list(&trace.child), child);
        assert!(!trace.caller.iter().any(|name| name == "fork"));
    });
}

#[test]
fn the_one_clone_of_the_caller_shares_its_memory_until_the_exec() {
    needs!(userns, program("strace"), syscall("clone3"));
    isolated(|| {
        let trace = traced();
        assert!(
            trace.vfork.rest.contains("CLONE_VM|") && trace.vfork.rest.contains("CLONE_VFORK"),
            "{:?}",
            trace.vfork
        );
        let clones = trace.caller.iter().filter(|name| ["clone", "clone3", "vfork", "fork"].contains(&name.as_str()));
        assert_eq!(clones.count(), 0);
    });
}

#[test]
fn a_container_starts_under_valgrind() {
    needs!(userns, program("valgrind"));
    isolated_for(std::time::Duration::from_secs(600), || {
        let role = role("once");
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["-q", "--error-exitcode=9"]).arg(role.get_program()).args(role.get_args());
        let out = valgrind.env("SKEP_TEST_ROLE", "once").stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        let complaints = String::from_utf8_lossy(&out.stderr);
        assert!(said.contains("\nended: exit code 3\n") && out.status.success(), "{said}{complaints}");
    });
}
