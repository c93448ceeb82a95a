// SPDX-License-Identifier: MIT OR Apache-2.0
//! Policies in words, and the differences between two.

use crate::caps::{Cap, CapSet};
use crate::seccomp::{Arch, Errno, Outcome, Policy, Verdict, arg};

#[test]
fn an_explanation_answers_what_people_ask() {
    let words = Policy::standard(CapSet::standard()).for_arches([Arch::X86_64, Arch::I386]).explain();
    for line in [
        "Programs of x86_64, i386 make ",
        "What no rule decides: deny with EPERM. Calls newer than Linux 7.2: deny with ENOSYS.",
        "- start programs: yes",
        "- make namespaces: by clone, where its arguments suit",
        "- mount: no",
        "- trace other processes: yes",
        "- open sockets: by socket, where its arguments suit",
        "- @basic-io (reading, writing and closing what is open): all",
        "- @mount (mounting): 1 of 12: chroot",
        "- @swap (swap space): nothing",
        "- clone: allow if arg 0 & 0x7e020000 == 0; else deny with EPERM",
    ] {
        assert!(words.contains(line), "{line}\n{words}");
    }
}

#[test]
fn a_difference_names_call_and_both_outcomes() {
    let one = Policy::deny_with(Errno::PERM).allow(["read", "write"]).allow_if(["ioctl"], [arg(1).eq(1)]);
    let other = Policy::deny_with(Errno::PERM).allow(["read", "ioctl"]).deny(["close"]);
    let changes: Vec<String> = one.diff(&other).iter().map(ToString::to_string).collect();
    let arch = Arch::NATIVE;
    assert_eq!(
        changes,
        [
            format!("{arch} write: allow → deny with EPERM"),
            format!("{arch} ioctl: allow if arg 1 == 1; else deny with EPERM → allow"),
        ]
    );
    let opened: Vec<String> = one.diff(&Policy::allow_all()).iter().map(ToString::to_string).collect();
    assert!(opened.contains(&format!("{arch} (unknown): deny with ENOSYS → allow")));
    assert_eq!(one.diff(&one), []);
}

#[test]
fn an_outcome_is_what_the_filter_decides() {
    let policy = Policy::standard(Cap::SYS_ADMIN.into());
    let filter = policy.compile_for(Arch::X86_64).unwrap();
    for (number, name) in Arch::X86_64.all_calls() {
        let call = crate::seccomp::Call::new(number).on(Arch::X86_64.audit_number());
        match policy.outcome(Arch::X86_64, name).unwrap() {
            Outcome::Always(verdict) => assert_eq!(filter.decide(&call), verdict, "{name}"),
            outcome => assert!(outcome.may_pass(), "{name}"),
        }
    }
    assert_eq!(policy.outcome(Arch::Aarch64, "open"), None);
    let later = Policy::deny_with(Errno::PERM)
        .allow_if(["read"], [arg(0).eq(1)])
        .rule(crate::Rule::new(Verdict::Trap, ["read"]));
    assert_eq!(
        later.outcome(Arch::NATIVE, "read").unwrap().to_string(),
        "allow if arg 0 == 1; else deny with the signal SIGSYS"
    );
}
