// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is compiled decides as the description says.

use proptest::prelude::*;

use super::{NOSYS, PERM, call, direct};
use crate::error::ErrorKind;
use crate::seccomp::{Arch, Call, Compare, Condition, Errno, Filter, Policy, Rule, Verdict, arg};

/// The filter of a policy whose problems are of no interest.
fn filter(policy: &Policy, arch: Arch) -> Filter {
    Filter::new(&[arch], &policy.assemble(&[arch]))
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        Just(Verdict::Allow),
        Just(Verdict::Log),
        (1..4096_u16).prop_map(|number| Verdict::Errno(Errno::new(number))),
        (0..u16::MAX).prop_map(Verdict::Trace),
        Just(Verdict::Notify),
        Just(Verdict::Trap),
        Just(Verdict::KillThread),
        Just(Verdict::KillProcess),
    ]
}

/// Registers: few of them, with what differs in either half alone, so that conditions often nearly hold.
fn registers() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => prop::sample::select(&[0, 1, 2, 0x5412, 0xffff_ffff, 1 << 32, (1 << 32) + 1, (1 << 32) + 0x5412, 2 << 32, u64::MAX]),
        1 => any::<u64>(),
    ]
}

fn conditions() -> impl Strategy<Value = Condition> {
    use Compare::*;
    let masks = prop_oneof![4 => Just(u64::MAX), 2 => Just(0xffff_ffff), 1 => Just(!0xffff_ffff), 2 => registers()];
    (0..6_u8, masks, prop::sample::select(&[Eq, Ne, Lt, Le, Gt, Ge]), registers())
        .prop_map(|(arg, mask, compare, value)| Condition { arg, mask, compare, value })
}

/// Names: some that depend on the architecture, and neighbours.
fn names() -> impl Strategy<Value = String> {
    let few = &[
        "read",
        "write",
        "open",
        "close",
        "ioctl",
        "clone",
        "clone3",
        "socket",
        "prctl",
        "mseal",
        "file_setattr",
        "socketcall",
        "ipc",
        "semget",
        "bind",
    ];
    let all: Vec<&str> = Arch::ALL.iter().flat_map(|arch| arch.calls().iter().map(|(_, name)| *name)).collect();
    prop_oneof![4 => prop::sample::select(few), 1 => prop::sample::select(all)].prop_map(str::to_owned)
}

fn policies() -> impl Strategy<Value = Policy> {
    let few = prop::collection::vec(names(), 1..8);
    let rules =
        (few, verdicts(), prop_oneof![Just(Vec::new()).boxed(), prop::collection::vec(conditions(), 1..4).boxed()])
            .prop_map(|(calls, verdict, when)| Rule { when, ..Rule::new(verdict, calls) });
    (verdicts(), prop::collection::vec(rules, 0..14))
        .prop_map(|(default, rules)| Policy { rules, ..Policy::new(default) })
}

fn calls() -> impl Strategy<Value = Call> {
    let numbers = prop_oneof![
        4 => names().prop_map(|name| Arch::ALL.iter().find_map(|arch| arch.number_of(&name)).unwrap()),
        2 => 0..600_u32,
        1 => (0..600_u32).prop_map(|number| number | 0x4000_0000),
        1 => (0..600_u32).prop_map(|number| number + 4000),
        1 => any::<u32>(),
    ];
    (numbers, proptest::array::uniform6(registers())).prop_map(|(number, args)| Call { args, ..Call::new(number) })
}

proptest! {
    #[test]
    fn a_filter_decides_as_its_policy_says(policy in policies(), calls in prop::collection::vec(calls(), 40)) {
        for arch in Arch::ALL {
            let filter = filter(&policy, arch);
            for call in &calls {
                let call = call.on(arch.audit_number());
                prop_assert_eq!(filter.decide(&call), direct(&policy, arch, &call), "{:?} {}\n{}", call, arch, policy);
            }
        }
    }
}

proptest! {
    #[test]
    fn a_filter_for_several_architectures_decides_for_each(
        policy in policies(), calls in prop::collection::vec(calls(), 20), first in 0..Arch::ALL.len()
    ) {
        let family = Arch::ALL[first].family();
        let filter = Filter::new(family, &policy.assemble(family));
        for call in &calls {
            for arch in Arch::ALL {
                let call = call.on(arch.audit_number());
                let expected = match Arch::of_call(call.audit_number, call.number) {
                    Some(its) if family.contains(&its) => direct(&policy, its, &call),
                    Some(Arch::X32) if family.contains(&Arch::X86_64) => NOSYS,
                    _ => Verdict::KillProcess,
                };
                // A number of x86_64 in a filter for x32 alone is no call of x32.
                prop_assert_eq!(filter.decide(&call), expected, "{:?} {}\n{}", call, arch, policy);
            }
        }
    }

    #[test]
    fn what_is_compiled_the_kernel_would_take_and_it_is_read_back(policy in policies(), first in 0..Arch::ALL.len()) {
        let family = Arch::ALL[first].family();
        let filter = Filter::new(family, &policy.assemble(family));
        let read = Filter::from_bytes(family[0], filter.as_bytes()).unwrap();
        prop_assert_eq!(read.as_bytes(), filter.as_bytes());
        prop_assert_eq!(filter.listing().lines().count(), filter.len());
        prop_assert!(filter.worst_depth() <= filter.len());
    }

    #[test]
    fn any_bytes_are_read_or_refused_and_what_is_read_ends(bytes in prop::collection::vec(any::<u8>(), 0..800)) {
        if let Ok(filter) = Filter::from_bytes(Arch::NATIVE, &bytes) {
            let _ = filter.decide(&Call::new(0));
        }
    }
}

/// A rule that takes many instructions: each of its conditions is about both halves of an argument.
fn long_rule(name: &str, conditions: u64) -> Rule {
    let when = (0..conditions).map(|at| arg((at % 5) as u8).ne((1 << 40) + at));
    Rule::new(Verdict::Allow, [name]).when(when)
}

#[test]
fn jumps_reach_over_more_than_255_instructions() {
    let policy = Policy::deny_with(Errno::PERM)
        .allow(["read", "close"])
        .rule(long_rule("write", 200))
        .rule(long_rule("open", 60).when([arg(5).eq(7)]))
        .rule(long_rule("mseal", 200))
        .allow(["file_setattr"]);
    let filter = policy.compile_for(Arch::X86_64).unwrap();
    assert!(filter.len() > 1500, "{filter:?}");
    for name in ["read", "write", "open", "close", "mseal", "file_setattr", "setns"] {
        for (number, value) in [(0, 0), (5, 7), (0, 1 << 40), (4, (1 << 40) + 199), (1, (1 << 40) + 199)] {
            let call = call(Arch::X86_64, name).arg(number, value);
            assert_eq!(filter.decide(&call), direct(&policy, Arch::X86_64, &call), "{call:?}");
        }
    }
}

#[test]
fn more_instructions_than_the_kernel_takes_are_refused() {
    let most = |conditions| Policy::deny_with(Errno::PERM).rule(long_rule("read", conditions)).compile();
    let error = most(2000).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(error.to_string(), "cannot compile the seccomp policy");
    assert!(error.problems()[0].ends_with("instructions, and the kernel takes 4096"), "{:?}", error.problems());
    assert!(error.hint().unwrap().contains("of \"read\" alone take"), "{:?}", error.hint());
    assert!(most(600).unwrap().len() <= 4096);
}

#[test]
fn calls_by_the_numbers_of_another_architecture_are_not_made() {
    const I386: u32 = 0x4000_0003;
    for policy in [Policy::allow_all(), Policy::deny_with(Errno::PERM).allow(["read", "getpid"])] {
        let filter = policy.compile_for(Arch::X86_64).unwrap();
        let getpid = call(Arch::X86_64, "getpid");
        assert_eq!(filter.decide(&getpid), Verdict::Allow);
        assert_eq!(filter.decide(&Call { number: getpid.number | 0x4000_0000, ..getpid }), NOSYS);
        // execve of x32.
        assert_eq!(filter.decide(&Call { number: 520, ..getpid }), NOSYS);
        for other in [I386, Arch::Aarch64.audit_number()] {
            assert_eq!(filter.decide(&getpid.on(other)), Verdict::KillProcess);
        }
        let filter = policy.compile_for(Arch::Aarch64).unwrap();
        assert_eq!(filter.decide(&getpid), Verdict::KillProcess);
        assert_eq!(filter.decide(&call(Arch::Aarch64, "getpid")), Verdict::Allow);
    }
}

#[test]
fn what_is_newer_than_the_table_is_unknown_or_as_everything_else() {
    let newer = Call::new(472);
    assert_eq!(Policy::deny_with(Errno::PERM).compile().unwrap().decide(&newer), NOSYS);
    assert_eq!(Policy::new(Verdict::KillProcess).compile().unwrap().decide(&newer), NOSYS);
    assert_eq!(Policy::allow_all().compile().unwrap().decide(&newer), Verdict::Allow);
    assert_eq!(Policy::new(Verdict::Log).compile().unwrap().decide(&newer), Verdict::Log);
}

#[test]
fn what_is_denied_is_not_to_be_had_by_a_call_that_makes_it() {
    let rule = |name: &str| Rule::new(Verdict::Errno(Errno::ACCES), [name]);
    let policies = [
        Policy::allow_all().rule(rule("socket")).rule(rule("msgget")),
        // What it depends on is in memory there.
        Policy::allow_all().rule(rule("socket").when([arg(0).eq(38)])).rule(rule("msgget").when([arg(1).eq(7)])),
    ];
    for policy in policies {
        for arch in [Arch::I386, Arch::S390x, Arch::Ppc64le, Arch::Mips] {
            let filter = policy.compile_for(arch).unwrap();
            let decide = |name, number| filter.decide(&call(arch, name).arg(0, number));
            let denied = Verdict::Errno(Errno::ACCES);
            assert_eq!(
                [1, 1 << 32 | 1, 2, 8].map(|number| decide("socketcall", number)),
                [denied, denied, Verdict::Allow, Verdict::Allow]
            );
            assert_eq!(
                [13, 1 << 16 | 13, 14, 21].map(|number| decide("ipc", number)),
                [denied, denied, Verdict::Allow, Verdict::Allow]
            );
        }
        // There is no such call.
        assert_eq!(
            policy.compile_for(Arch::Aarch64).unwrap().decide(&Call::new(102).on(Arch::Aarch64.audit_number())),
            Verdict::Allow
        );
    }
    let said_before = Policy::allow_all().allow(["socketcall"]).rule(rule("socket"));
    assert_eq!(
        said_before.compile_for(Arch::I386).unwrap().decide(&call(Arch::I386, "socketcall").arg(0, 1)),
        Verdict::Allow
    );
    // Nobody is asked to allow what the name does not say.
    let allowing = Policy::deny_with(Errno::PERM).allow(["socket"]);
    assert_eq!(allowing.compile_for(Arch::I386).unwrap().decide(&call(Arch::I386, "socketcall").arg(0, 1)), PERM);
}

#[test]
fn a_namespace_that_clone_must_not_make_is_not_made_by_clone3() {
    let decide = |policy: Policy| policy.compile().unwrap().decide(&Call::named("clone3").unwrap());
    let of_namespaces = arg(0).masked(0x7e02_0000).ne(0);
    assert_eq!(decide(Policy::allow_all().deny_if(["clone"], [of_namespaces])), NOSYS);
    assert_eq!(decide(Policy::allow_all().deny(["clone"])), NOSYS);
    assert_eq!(decide(Policy::allow_all().deny_if(["clone"], [of_namespaces]).allow(["clone3"])), Verdict::Allow);
    assert_eq!(decide(Policy::allow_all().rule(Rule::new(Verdict::Log, ["clone"]))), Verdict::Allow);
    // What is said behind a rule without a condition is not said at all. (Users are told that it says nothing.)
    let allowed = Policy::allow_all().rule(Rule::new(Verdict::Allow, ["clone"]).when([arg(0).eq(0)])).allow(["clone"]);
    let behind = filter(&allowed.deny(["clone"]), Arch::NATIVE);
    assert_eq!(behind.decide(&Call::named("clone3").unwrap()), Verdict::Allow);
}

#[test]
fn clone3_is_unknown_unless_a_rule_names_it() {
    let decide = |policy: Policy| policy.compile().unwrap().decide(&Call::named("clone3").unwrap());
    assert_eq!(decide(Policy::deny_with(Errno::PERM)), NOSYS);
    assert_eq!(decide(Policy::new(Verdict::KillProcess)), NOSYS);
    assert_eq!(decide(Policy::deny_with(Errno::PERM).allow(["clone3"])), Verdict::Allow);
    assert_eq!(decide(Policy::allow_all().deny(["clone3"])), PERM);
    assert_eq!(decide(Policy::allow_all()), Verdict::Allow);
}

#[test]
fn an_ioctl_is_known_by_the_lower_half_of_its_number() {
    const TIOCSTI: u64 = 0x5412;
    let deny = Policy::allow_all().deny_if(["ioctl"], [arg(1).eq(TIOCSTI)]).compile().unwrap();
    let allow = Policy::deny_with(Errno::PERM).allow_if(["ioctl"], [arg(1).ne(TIOCSTI)]).compile().unwrap();
    for high in [0, 1, 0xdead_beef] {
        let ioctl = |number: u64| Call::named("ioctl").unwrap().arg(1, high << 32 | number);
        assert_eq!((deny.decide(&ioctl(TIOCSTI)), allow.decide(&ioctl(TIOCSTI))), (PERM, PERM));
        assert_eq!((deny.decide(&ioctl(0x5413)), allow.decide(&ioctl(0x5413))), (Verdict::Allow, Verdict::Allow));
    }
    // What is not known to be narrow is 64 bits wide.
    let wide = Policy::allow_all().deny_if(["read"], [arg(2).eq(5)]).compile().unwrap();
    let read = Call::named("read").unwrap();
    assert_eq!(wide.decide(&read.arg(2, 5)), PERM);
    assert_eq!(wide.decide(&read.arg(2, 5 | 1 << 32)), Verdict::Allow);
}

#[test]
fn bytes_that_are_no_program_of_ours_kill() {
    let none = Filter::none();
    assert_eq!(none.worst_depth(), 0);
    assert_eq!(none.decide(&Call::new(0)), Verdict::KillProcess);
    assert_eq!(none.len(), 0);
}

#[test]
fn there_are_six_arguments() {
    let all = (0..=u8::MAX).fold(Call::new(3), |call, at| call.arg(at, u64::from(at) + 1));
    assert_eq!(all.args, [1, 2, 3, 4, 5, 6]);
}
