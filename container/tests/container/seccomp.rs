// SPDX-License-Identifier: MIT OR Apache-2.0
//! System calls that are filtered: for the program and its init, and for nobody else.

use std::fs;

use needs::{Scratch, isolated, isolated_for, needs};
use skep::caps_sec::{CapSet, Errno, Policy, Rule, SeccompMode, Verdict, arg, seccomp_mode_of};
use skep::ns::Stdio;
use skep::rootfs::{Devpts, Mounts, Proc};
use skep::{Builder, ErrorKind, Report};

use crate::common::{DEADLINE, program, shell, status, text_of};

fn standard() -> Policy {
    Policy::standard(CapSet::standard())
}

#[test]
fn the_program_is_filtered_and_has_promised_and_the_caller_is_not() {
    needs!(userns);
    isolated(|| {
        let before = seccomp_mode_of(std::process::id()).unwrap();
        let said = text_of(
            shell("grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status").no_new_privileges().seccomp(standard()),
        );
        assert_eq!(said, "NoNewPrivs:\t1\nSeccomp:\t2\n");
        assert_eq!(seccomp_mode_of(std::process::id()).unwrap(), before);
    });
}

#[test]
fn without_the_promise_it_is_filtered_by_the_right_to() {
    needs!(userns);
    isolated(|| {
        let script = "grep -E '^(Seccomp|NoNewPrivs|CapPrm):' /proc/self/status";
        let said = text_of(shell(script).capabilities(["chown"]).user(0, 0).seccomp(standard()));
        assert_eq!(said, "CapPrm:\t0000000000000001\nNoNewPrivs:\t0\nSeccomp:\t2\n");
    });
}

#[test]
fn the_init_is_filtered_too_and_does_its_work() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let mut container = shell("read line; exit 7")
            .no_new_privileges()
            .seccomp(standard())
            .init()
            .stdin(Stdio::Piped)
            .start()
            .unwrap();
        let init = container.pid().unwrap();
        assert_eq!(
            (status(init, "Name").as_str(), seccomp_mode_of(init).unwrap()),
            ("skep [init]", SeccompMode::Filter)
        );
        for line in ["Seccomp", "Seccomp_filters", "NoNewPrivs"] {
            let children = fs::read_to_string(format!("/proc/{init}/task/{init}/children")).unwrap();
            assert_eq!(status(init, line), status(children.trim(), line), "{line}");
        }
        drop(container.stdin.take());
        assert_eq!(container.wait().unwrap().code(), Some(7));
    });
}

#[test]
fn what_is_denied_is_an_error_inside() {
    needs!(userns);
    isolated(|| {
        let scratch = Scratch::new();
        let script = format!("mkdir {} 2>&1 || :", scratch.join("inside").display());
        let deny = |errno| Policy::allow_all().rule(Rule::new(Verdict::Errno(errno), ["mkdir", "mkdirat"]));
        for (errno, text) in [(Errno::PERM, "Operation not permitted"), (Errno::new(28), "No space left on device")] {
            let said = text_of(shell(&script).no_new_privileges().seccomp(deny(errno)));
            assert!(said.contains(text), "{said}");
        }
        // A user namespace, which anybody may make otherwise.
        let said = text_of(shell("unshare -U true 2>&1 || :").no_new_privileges().seccomp(standard()));
        assert!(said.contains("Operation not permitted"), "{said}");
    });
}

#[test]
fn shells_and_their_children_work_under_the_standard_policy() {
    needs!(userns);
    isolated(|| {
        let script = "(echo a; echo b) | sort -r | tr -d '\\n'; sleep 0 & wait; kill -0 $$ && echo .";
        for builder in [shell(script), shell(script).init()] {
            assert_eq!(text_of(builder.no_new_privileges().seccomp(standard())), "ba.\n");
        }
    });
}

/// The calls that a start makes under the filter, and no other: what the plan asks of a policy.
const START: [&str; 9] =
    ["sendmsg", "recvfrom", "ppoll", "execve", "exit_group", "umask", "chdir", "faccessat", "openat"];
const INIT: [&str; 11] = [
    "rt_sigprocmask",
    "clone",
    "prctl",
    "munmap",
    "close_range",
    "rt_sigtimedwait",
    "wait4",
    "kill",
    "eventfd2",
    "setpgid",
    "write",
];
const TERMINAL: [&str; 5] = ["fstat", "fstatfs", "dup3", "ioctl", "getpid"];
const EARLY: [&str; 6] = ["setgroups", "setresgid", "setresuid", "keyctl", "capset", "setsid"];

/// A start under a filter that kills whoever does anything else.
fn under_the_least(builder: Builder, further: &[&'static str]) -> Builder {
    let calls = START.into_iter().chain(["close"]).chain(further.iter().copied());
    builder.umask(0o22).current_dir("/").seccomp(Policy::new(Verdict::KillProcess).allow(calls))
}

#[test]
fn the_start_does_nothing_under_the_filter_but_what_the_plan_asks_for() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        // The program is executed, and dies by its own first call.
        let least = under_the_least(program("/bin/true", &[]).no_new_privileges(), &[]);
        assert_eq!(least.start().unwrap().wait().unwrap().signal(), Some(libc::SIGSYS));
        // Its init has outlived it.
        let least = under_the_least(program("/bin/true", &[]).no_new_privileges().init(), &INIT);
        assert_eq!(least.start().unwrap().wait().unwrap().code(), Some(128 + libc::SIGSYS));
        let mounts = Mounts::new().add(Proc::new("/proc")).add(Devpts::new("/dev/pts"));
        let least = program("/bin/true", &[]).mounts(mounts).terminal().no_new_privileges().init();
        let least = under_the_least(least, &[&INIT[..], &TERMINAL].concat());
        assert_eq!(least.start().unwrap().wait().unwrap().code(), Some(128 + libc::SIGSYS));
        let early = [&INIT[..], &EARLY].concat();
        let least = program("/bin/true", &[]).capabilities(["chown"]).user(0, 0).init().die_with_caller();
        assert_eq!(under_the_least(least, &early).start().unwrap().wait().unwrap().code(), Some(128 + libc::SIGSYS));
    });
}

#[test]
fn a_program_that_cannot_be_executed_is_told_of_under_the_filter_too() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        for init in [false, true] {
            for path in ["/no/such/program", "/etc", "/etc/passwd"] {
                let plain = program(path, &[]);
                let plain = if init { plain.init() } else { plain };
                let least = under_the_least(program(path, &[]).no_new_privileges(), &INIT);
                let least = if init { least.init() } else { least };
                let [plain, filtered] = [plain, least].map(|builder| Report(&builder.start().unwrap_err()).to_string());
                assert_eq!(filtered, plain);
            }
        }
    });
}

#[test]
fn a_policy_that_denies_the_exec_is_refused_before_anything_is_made() {
    needs!(userns);
    isolated(|| {
        let scratch = Scratch::new();
        let state = scratch.join("state");
        let refused = shell("true")
            .name("filtered")
            .state_root(&state)
            .no_new_privileges()
            .seccomp(standard().replace(Rule::new(Verdict::Errno(Errno::PERM), ["execve"])))
            .create()
            .unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid);
        assert_eq!(refused.problems(), ["process.rights.seccomp: denies what the start does under it: execve"]);
        assert!(!state.exists());
    });
}

#[test]
fn a_caller_without_the_right_is_told_what_would_do() {
    needs!(user);
    isolated(|| {
        let refused =
            skep::Container::anonymous().command("/bin/true", [""; 0]).seccomp(standard()).create().unwrap_err();
        assert_eq!((refused.kind(), refused.errno()), (ErrorKind::Denied, Some(libc::EACCES)));
        assert!(refused.hint().unwrap().contains("no_new_privs"), "{:?}", refused.hint());
        let promised = skep::Container::anonymous().command("/bin/true", [""; 0]).no_new_privileges();
        assert!(promised.seccomp(standard()).start().unwrap().wait().unwrap().success());
    });
}

#[test]
fn a_policy_is_kept_with_its_container() {
    needs!(userns);
    isolated(|| {
        let policy = standard().allow_if(["keyctl"], [arg(0).eq(0)]);
        let spec = shell("true").no_new_privileges().seccomp(policy.clone()).spec().clone();
        let stored = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<skep::Spec>(&stored).unwrap().process.rights.seccomp, Some(policy));
    });
}
