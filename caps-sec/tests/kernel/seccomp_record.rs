// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recordings of programs: supervised, and traced where that is refused.

use std::collections::BTreeSet;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::thread;

use needs::{isolated, needs};
use skep_caps_sec::{
    Arch, Error, ErrorKind, Loading, Policy, Privileges, Recording, Rule, Verdict, enter_no_new_privs,
};

/// What takes no part in it: the launcher's own calls, which are under the filter of a supervised program.
const LAUNCHER: [&str; 2] = ["close", "read"];

fn names(recording: &Recording) -> BTreeSet<&'static str> {
    recording.calls().map(|(_, name)| name).filter(|name| !LAUNCHER.contains(name)).collect()
}

fn ls() -> Command {
    let mut ls = Command::new("ls");
    ls.args(["-l", "/usr"]).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null()).stdout(Stdio::null());
    ls
}

fn shell(script: &str) -> Command {
    let mut sh = Command::new("sh");
    sh.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::null());
    sh
}

fn traced(mut command: Command) -> Result<Recording, Error> {
    denied("pidfd_open", move || Recording::of(&mut command))
}

/// On a thread where these calls are refused.
pub(crate) fn denied<T: Send>(calls: &str, body: impl FnOnce() -> T + Send) -> T {
    let there = || {
        needs::deny(&calls.parse().unwrap()).unwrap();
        body()
    };
    thread::scope(|scope| scope.spawn(there).join().unwrap())
}

#[test]
fn what_is_recorded_of_a_program_is_enough_for_it_and_little_more() {
    needs!(syscall("pidfd_open"));
    isolated(|| {
        let recording = Recording::of(&mut ls()).unwrap();
        assert!(recording.status().unwrap().success());
        let calls: Vec<&str> = recording.calls().map(|(_, name)| name).collect();
        assert!(calls.contains(&"execve") && calls.contains(&"getdents64"), "{calls:?}");
        assert!(calls.len() < 80 && !calls.contains(&"mount"), "{calls:?}");
        assert_eq!(recording.unknown().count(), 0);
        let policy = recording.policy(Verdict::KillProcess);
        assert!(run_under(&policy, ls()).success());
        // Without one of them it does not get far.
        let less = policy.replace(Rule::new(Verdict::KillProcess, ["getdents64"]));
        assert!(!run_under(&less, ls()).success());
        let more = recording.clone().merge(Recording::of(Command::new("true").stdin(Stdio::null())).unwrap());
        assert_eq!(more.calls().count(), recording.calls().count());
    });
}

fn run_under(policy: &Policy, mut command: Command) -> std::process::ExitStatus {
    let steps = Privileges::new().no_new_privs().seccomp(policy.clone()).steps(None);
    // SAFETY: between fork and exec the closure makes system calls, and allocates nothing.
    unsafe { command.pre_exec(move || steps.enter_thread()) };
    command.status().unwrap()
}

#[test]
fn recording_a_program_that_there_is_not_says_so() {
    needs!(syscall("pidfd_open"));
    isolated(|| {
        let error = Recording::of(&mut Command::new("/no/such/program")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn what_is_traced_of_a_program_is_what_is_supervised_of_it() {
    needs!(syscall("pidfd_open"));
    needs!(syscall("ptrace"));
    isolated(|| {
        let (supervised, traced) = (Recording::of(&mut ls()).unwrap(), traced(ls()).unwrap());
        assert_eq!((supervised.is_traced(), traced.is_traced()), (false, true));
        assert_eq!(names(&traced), names(&supervised));
        assert!(traced.status().unwrap().success() && traced.unknown().count() == 0);
        let policy = traced.policy(Verdict::KillProcess);
        assert!(run_under(&policy, ls()).success());
        let less = policy.replace(Rule::new(Verdict::KillProcess, ["getdents64"]));
        assert!(!run_under(&less, ls()).success());
        assert!(supervised.merge(traced).is_traced());
    });
}

#[test]
fn where_there_is_a_listener_already_a_program_is_traced() {
    needs!(syscall("ptrace"));
    isolated(|| {
        let body = || {
            enter_no_new_privs().unwrap();
            let asking = Policy::allow_all().rule(Rule::new(Verdict::Notify, ["acct"])).compile().unwrap();
            let _listener = Loading::new().enter_with_listener(&asking).unwrap();
            Recording::of(&mut ls())
        };
        let recording = thread::spawn(body).join().unwrap().unwrap();
        assert!(recording.is_traced() && recording.calls().any(|call| call == (Arch::NATIVE, "getdents64")));
    });
}

/// Children, threads and signals of the program do as without a tracer, and are seen; those of ours are let alone.
#[test]
fn what_a_traced_program_starts_is_traced_and_gets_its_signals() {
    needs!(syscall("ptrace"));
    isolated(|| {
        let mut other = shell("exit 9").spawn().unwrap();
        let recording =
            traced(shell("trap 'mkdir /proc/no; exit 7' TERM; (uname; kill -TERM $$) & wait; wait")).unwrap();
        assert_eq!(recording.status().unwrap().code(), Some(7));
        assert!(["uname", "mkdir", "kill", "wait4", "execve"].iter().all(|name| names(&recording).contains(name)));
        assert_eq!(other.wait().unwrap().code(), Some(9));
        // What it leaves behind is waited for too.
        let recording = traced(shell("(sleep 0.1; rmdir /proc/no) & exit 3")).unwrap();
        assert_eq!(recording.status().unwrap().code(), Some(3));
        assert!(names(&recording).contains("rmdir"), "{recording:?}");
        // By a signal; and one that stops itself, which nobody would have go on.
        assert_eq!(traced(shell("kill -KILL $$")).unwrap().status().unwrap().signal(), Some(libc::SIGKILL));
        assert_eq!(traced(shell("kill -STOP $$; exit 5")).unwrap().status().unwrap().code(), Some(5));
    });
}

#[test]
fn a_command_that_was_recorded_is_recorded_again_and_starts_as_it_was() {
    needs!(syscall("pidfd_open"));
    needs!(syscall("ptrace"));
    isolated(|| {
        let mut ls = ls();
        let first = Recording::of(&mut ls).unwrap();
        assert_eq!(Recording::of(&mut ls).unwrap().calls().count(), first.calls().count());
        let recorded = denied("pidfd_open", || Recording::of(&mut ls).unwrap());
        assert!(recorded.is_traced());
        assert!(ls.status().unwrap().success());
    });
}

#[test]
fn where_it_can_neither_be_supervised_nor_traced_both_are_told() {
    isolated(|| {
        let error = denied("pidfd_open,ptrace=EPERM", || Recording::of(&mut ls()).unwrap_err());
        assert_eq!(
            (error.kind(), error.to_string().as_str(), error.hint()),
            (
                ErrorKind::Unsupported,
                "cannot take the child's seccomp listener",
                Some("nor can it be traced: Operation not permitted (EPERM)")
            )
        );
        let none = denied("pidfd_open", || Recording::of(&mut Command::new("/no/such/program")).unwrap_err());
        assert_eq!(none.kind(), ErrorKind::NotFound);
    });
}
