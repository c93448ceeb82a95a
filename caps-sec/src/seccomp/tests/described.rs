// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptions: their words, their problems, their stored form.

use super::PERM;
use crate::error::ErrorKind;
use crate::seccomp::{Arch, Errno, Policy, Rule, Verdict, arg};

#[test]
fn a_policy_reads_as_it_decides() {
    let policy = Policy::deny_with(Errno::PERM)
        .allow(["read", "write"])
        .allow_if(["clone"], [arg(0).masked(0x7e02_0000).eq(0), arg(1).low().ne(0xffff)])
        .rule(Rule::new(Verdict::Errno(Errno::new(999)), ["ptrace"]))
        .rule(Rule::new(Verdict::Trap, ["bpf"]).when([arg(2).lt(10), arg(2).ge(3)]));
    assert_eq!(
        policy.to_string(),
        "allow: read, write\n\
         allow: clone if arg 0 & 0x7e020000 == 0 and low half of arg 1 != 0xffff\n\
         deny with error 999: ptrace\n\
         deny with the signal SIGSYS: bpf if arg 2 < 0xa and arg 2 >= 3\n\
         deny with EPERM: everything else"
    );
}

#[test]
fn every_problem_is_told_at_once_with_its_place() {
    let policy = Policy::deny_with(Errno::new(0))
        .allow(["read", "fly", "write", "swim"])
        .allow([""; 0])
        .allow_if(["ioctl"], [arg(6).eq(1), arg(1).eq(1 << 32), arg(0).masked(6).gt(6), arg(0).lt(0)])
        .rule(Rule::new(Verdict::Errno(Errno::new(4096)), ["getpid"]))
        .deny_if(["write"], [arg(0).eq(1)])
        .deny_if(["write"], [arg(0).eq(1)])
        .deny_if(["bind"], [arg(0).eq(1)])
        .allow_if(["bind"], [arg(0).eq(1)])
        .allow(["read", "opnat"]);
    let expected = [
        "default: 0 is no error number: they are from 1 to 4095",
        "rules[0].calls[1]: \"fly\" is no system call up to Linux 7.2",
        "rules[0].calls[3]: \"swim\" is no system call up to Linux 7.2",
        "rules[1].calls: the rule names no system call",
        "rules[2].when[0]: argument 6 is none: they are numbered from 0 to 5",
        "rules[2].when[1]: low half of arg 1 == 0x100000000 can never hold",
        "rules[2].when[2]: arg 0 & 0x6 > 6 can never hold",
        "rules[2].when[3]: arg 0 < 0 can never hold",
        "rules[3].verdict: 4096 is no error number: they are from 1 to 4095",
        "rules[4].calls[0]: \"write\" is decided before, always: allow (rules[0].calls[2])",
        "rules[5].calls[0]: \"write\" is decided before, always: allow (rules[0].calls[2])",
        "rules[7].calls[0]: \"bind\" is decided before, under the same conditions: deny with EPERM (rules[6].calls[0])",
        "rules[8].calls[1]: \"opnat\" is no system call up to Linux 7.2, did you mean openat?",
    ];
    assert_eq!(policy.problems(), expected);
    let error = policy.compile().unwrap_err();
    assert_eq!((error.kind(), error.problems()), (ErrorKind::Invalid, expected.map(str::to_owned).as_slice()));
}

#[test]
fn a_rule_in_the_place_of_others_decides_alone() {
    let policy = Policy::deny_with(Errno::PERM)
        .allow(["read", "ptrace"])
        .allow_if(["ptrace"], [arg(0).eq(0)])
        .allow(["write"])
        .replace(Rule::new(Verdict::Trap, ["ptrace", "write"]));
    let expected = Policy::deny_with(Errno::PERM).allow(["read"]).rule(Rule::new(Verdict::Trap, ["ptrace", "write"]));
    assert_eq!(policy, expected);
    // What is misspelt is told.
    assert_eq!(policy.replace(Rule::new(Verdict::Trap, ["ptrase"])).problems().len(), 1);
}

#[test]
fn a_call_of_another_architecture_is_no_problem_and_says_nothing() {
    let policy = Policy::deny_with(Errno::PERM).allow(["open", "openat"]);
    assert_eq!(policy.problems(), [""; 0]);
    for arch in Arch::ALL {
        policy.compile_for(arch).unwrap();
    }
}

#[test]
fn a_verdict_is_what_a_filter_answers_for_it() {
    let all = [
        Verdict::Allow,
        Verdict::Log,
        Verdict::Trace(7),
        Verdict::Notify,
        PERM,
        Verdict::Trap,
        Verdict::KillThread,
        Verdict::KillProcess,
    ];
    let answers = [
        libc::SECCOMP_RET_ALLOW,
        libc::SECCOMP_RET_LOG,
        libc::SECCOMP_RET_TRACE | 7,
        libc::SECCOMP_RET_USER_NOTIF,
        libc::SECCOMP_RET_ERRNO | 1,
        libc::SECCOMP_RET_TRAP,
        libc::SECCOMP_RET_KILL_THREAD,
        libc::SECCOMP_RET_KILL_PROCESS,
    ];
    assert_eq!(all.map(Verdict::answer), answers);
    assert_eq!(answers.map(Verdict::of), all);
    assert_eq!(Verdict::of(0x1234_0000), Verdict::KillProcess);
}

#[cfg(feature = "serde")]
#[test]
fn serde_keeps_a_policy_and_reads_what_people_write() {
    let policy = Policy::standard(crate::CapSet::standard());
    assert_eq!(serde_json::from_str::<Policy>(&serde_json::to_string(&policy).unwrap()).unwrap(), policy);
    let text = r#"{"default": {"errno": 1}, "rules": [
        {"calls": ["read"], "verdict": "allow"},
        {"calls": ["clone"], "verdict": "kill_process", "when": [{"arg": 0, "mask": 2113929216, "compare": "ne", "value": 0}]}
    ]}"#;
    let written = Policy::deny_with(Errno::PERM)
        .allow(["read"])
        .rule(Rule::new(Verdict::KillProcess, ["clone"]).when([arg(0).masked(0x7e00_0000).ne(0)]));
    assert_eq!(serde_json::from_str::<Policy>(text).unwrap(), written);
    for wrong in [
        r#"{"rules": []}"#,
        r#"{"default": "allow", "rulez": []}"#,
        r#"{"default": "allow", "rules": [{"calls": ["read"]}]}"#,
    ] {
        assert!(serde_json::from_str::<Policy>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn who_may_be_asked_is_told_by_what_is_known_of_the_arguments() {
    let asks = |policy: &Policy, args: &[Option<u64>]| policy.may_ask(Arch::NATIVE, "prctl", args);
    let on = |verdict, condition| Policy::allow_all().rule(Rule::new(verdict, ["prctl"]).when([condition]));
    // Only the lower half of it is the kernel's.
    let policy = on(Verdict::Notify, arg(0).eq(4));
    assert!(asks(&policy, &[]) && asks(&policy, &[None, Some(4)]) && asks(&policy, &[Some(4 | 1 << 32)]));
    assert!(!asks(&policy, &[Some(5)]));
    // What decides before, for certain, decides.
    let policy = on(Verdict::Allow, arg(1).ge(7)).rule(Rule::new(Verdict::Notify, ["prctl"]));
    assert!(asks(&policy, &[]) && asks(&policy, &[None, Some(6)]));
    assert!(!asks(&policy, &[None, Some(7)]));
    // By default, and for what is not there.
    let policy = Policy::new(Verdict::Notify).allow(["read"]);
    assert!(asks(&policy, &[Some(4)]) && !policy.may_ask(Arch::NATIVE, "read", &[]));
    assert!(!policy.may_ask(Arch::NATIVE, "fly", &[]) && !Policy::allow_all().may_ask(Arch::NATIVE, "prctl", &[]));
    // Its flags are hidden: ENOSYS answers in the supervisor's place.
    let policy = Policy::allow_all().rule(Rule::new(Verdict::Notify, ["clone"]));
    assert!(!policy.may_ask(Arch::NATIVE, "clone3", &[]) && policy.may_ask(Arch::NATIVE, "clone", &[Some(17)]));
}
