// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plans with a filter of system calls: where it stands, and what it must let be done.

use skep_caps_sec::{Arch, CapSet, Errno, Policy, Rule, Verdict};
use skep_ns::{NamespaceKind::*, Namespaces};

use crate::builder::Builder;
use crate::error::ErrorKind;
use crate::floors::caps_sec;
use crate::handle::Container;
use crate::host::Host;
use crate::plan::step::Step;

/// What is done under the filter if it is loaded last, in the order in which a plan tells it.
pub(super) const LAST: [&str; 20] = [
    "rt_sigprocmask",
    "clone",
    "prctl",
    "munmap",
    "close_range",
    "close",
    "rt_sigtimedwait",
    "wait4",
    "kill",
    "eventfd2",
    "setpgid",
    "write",
    "umask",
    "chdir",
    "sendmsg",
    "recvfrom",
    "ppoll",
    "execve",
    "exit_group",
    "faccessat",
];

/// What is done under it besides if it is loaded while there is the right to.
pub(super) const EARLY: [&str; 6] = ["setgroups", "setresgid", "setresuid", "keyctl", "capset", "setsid"];

/// A container in which everything is done that can be under a filter.
pub(super) fn everything() -> Builder {
    Container::anonymous()
        .namespaces(Namespaces::new().make([Pid]))
        .capabilities(["chown"])
        .user(1, 1)
        .init()
        .umask(0o22)
        .current_dir("/")
        .die_with_caller()
        .command("/bin/true", [""; 0])
}

pub(super) fn refusal(builder: Builder) -> Option<String> {
    let error = builder.plan_for(&Host::default()).err()?;
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(error.problems().len(), 1, "{:?}", error.problems());
    error.problems().first().cloned()
}

/// Where the steps are that this finds.
pub(super) fn place(builder: &Builder, wanted: fn(&Step<'_>) -> bool) -> usize {
    builder.plan_for(&Host::default()).unwrap().steps().position(|step| wanted(&step)).unwrap()
}

fn loads(step: &Step<'_>) -> bool {
    matches!(step, Step::Right(caps_sec::Step::Seccomp { .. }))
}

#[test]
fn the_filter_is_loaded_before_the_init_forks_and_after_everything_that_need_not_be_under_it() {
    let builder = everything().no_new_privileges().seccomp(Policy::standard(CapSet::empty()));
    let at = place(&builder, loads);
    assert_eq!(place(&builder, |step| matches!(step, Step::Init { .. })), at + 1);
    assert_eq!(place(&builder, |step| *step == Step::Session), at - 1);
    // Without the promise it takes a right that the change of user takes away.
    let builder = everything().seccomp(Policy::standard(CapSet::empty()));
    assert_eq!(place(&builder, |step| matches!(step, Step::Become { .. })), place(&builder, loads) + 1);
}

#[test]
fn the_standard_policy_lets_every_start_be_made() {
    for caps in [CapSet::empty(), CapSet::standard(), CapSet::all()] {
        assert_eq!(refusal(everything().seccomp(Policy::standard(caps))), None);
        assert_eq!(refusal(everything().no_new_privileges().seccomp(Policy::standard(caps))), None);
    }
}

#[test]
fn a_policy_that_denies_what_the_start_does_is_refused_by_one_sentence_with_all_of_it() {
    let nothing = Policy::new(Verdict::KillProcess);
    let listed = |names: &[&str]| {
        Some(format!("process.rights.seccomp: denies what the start does under it: {}", names.join(", ")))
    };
    let openat = [&LAST[..], &["openat"]].concat();
    assert_eq!(refusal(everything().no_new_privileges().seccomp(nothing.clone())), listed(&openat));
    let early = refusal(everything().seccomp(nothing.clone())).unwrap();
    for name in EARLY.iter().chain(&openat) {
        assert!(early.contains(name), "{name} is not in {early}");
    }
    // And what is not done need not be allowed.
    let bare = Container::anonymous().command("/bin/true", [""; 0]).no_new_privileges().seccomp(nothing);
    let bare = refusal(bare).unwrap();
    assert!(bare.ends_with(": sendmsg, recvfrom, ppoll, execve, exit_group, faccessat, openat, close"), "{bare}");
}

#[test]
fn each_call_of_the_start_is_missed_by_its_name() {
    let all: Vec<&str> = LAST.into_iter().chain(EARLY).chain(["openat"]).collect();
    assert_eq!(refusal(everything().seccomp(Policy::new(Verdict::KillProcess).allow(all.clone()))), None);
    for missed in &all {
        for arch in Arch::ALL {
            assert!(arch.number_of(missed).is_some(), "{missed} on {arch}");
        }
        let others = all.iter().copied().filter(|name| name != missed);
        let refused = refusal(everything().seccomp(Policy::new(Verdict::KillProcess).allow(others))).unwrap();
        assert!(refused.ends_with(&format!(": {missed}")), "{refused}");
    }
}

#[test]
fn what_the_start_can_do_without_may_be_refused_with_an_error() {
    let mild = ["keyctl", "close_range", "faccessat", "openat"];
    let policy = |errno| Policy::allow_all().rule(Rule::new(Verdict::Errno(errno), mild));
    assert_eq!(refusal(everything().seccomp(policy(Errno::PERM))), None);
    assert_eq!(refusal(everything().seccomp(policy(Errno::NOSYS))), None);
    assert!(refusal(everything().seccomp(policy(Errno::INVAL))).unwrap().ends_with(": keyctl"));
}
