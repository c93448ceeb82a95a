// SPDX-License-Identifier: MIT OR Apache-2.0
//! Others' compilers: what seccompiler and libseccomp make of a policy decides as ours does, for random policies and calls,
//! by one interpreter; and the kernel decides as that interpreter.

#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a library is called that has no safe doors, and the helpers of tests may be as blunt as tests"
)]

mod kernel;
mod libseccomp;
mod seccompiler;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use skep_caps_sec::{Arch, Call, Compare, Condition, Errno, Policy, Rule, Verdict, arg};

/// A policy that others can say too: of each call one verdict, under any of some conditions, or under none.
#[derive(Debug, Clone)]
struct Simple {
    default: Verdict,
    verdict: Verdict,
    rules: Vec<(&'static str, Vec<Vec<Condition>>)>,
}

/// Calls whose arguments are compared as they are written, as others do.
const NAMES: [&str; 14] = [
    "read",
    "write",
    "openat",
    "close",
    "lseek",
    "mmap",
    "clone",
    "kill",
    "getpriority",
    "mseal",
    "statx",
    "bpf",
    "futex",
    "unshare",
];

impl Simple {
    fn policy(&self) -> Policy {
        let mut policy = Policy::new(self.default);
        for (name, alternatives) in &self.rules {
            if alternatives.is_empty() {
                policy = policy.rule(Rule::new(self.verdict, [*name]));
            }
            for when in alternatives {
                policy = policy.rule(Rule::new(self.verdict, [*name]).when(when.iter().copied()));
            }
        }
        policy
    }

    /// Whether it can be compiled: what can never hold is an error with us, and nothing to others.
    fn is_sensible(&self) -> bool {
        self.default != self.verdict && self.policy().problems().is_empty()
    }
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop::sample::select(vec![
        Verdict::Allow,
        Verdict::Log,
        Verdict::Errno(Errno::PERM),
        Verdict::Errno(Errno::new(1999)),
        Verdict::Trap,
        Verdict::KillThread,
        Verdict::KillProcess,
    ])
}

fn registers() -> impl Strategy<Value = u64> {
    const FEW: [u64; 10] =
        [0, 1, 2, 0x5412, 0xffff_ffff, 1 << 32, (1 << 32) + 1, (1 << 32) + 0x5412, 2 << 32, u64::MAX];
    prop_oneof![4 => prop::sample::select(&FEW), 1 => any::<u64>()]
}

fn compared(at: u8, compare: Compare, value: u64) -> Condition {
    let it = arg(at);
    match compare {
        Compare::Eq => it.eq(value),
        Compare::Ne => it.ne(value),
        Compare::Lt => it.lt(value),
        Compare::Le => it.le(value),
        Compare::Gt => it.gt(value),
        Compare::Ge => it.ge(value),
    }
}

fn conditions() -> impl Strategy<Value = Condition> {
    use Compare::*;
    let plain = (0..6_u8, prop::sample::select(&[Eq, Ne, Lt, Le, Gt, Ge]), registers())
        .prop_map(|(at, compare, value)| compared(at, compare, value));
    let masked =
        (0..6_u8, registers(), registers()).prop_map(|(at, mask, value)| arg(at).masked(mask).eq(value & mask));
    prop_oneof![3 => plain, 1 => masked]
}

/// Policies with rules for different calls; of one conjunction no argument is compared twice, which libseccomp refuses.
fn policies() -> impl Strategy<Value = Simple> {
    let conjunction = prop::collection::vec(conditions(), 1..3).prop_map(|mut when| {
        when.sort_by_key(|condition| condition.arg);
        when.dedup_by_key(|condition| condition.arg);
        when
    });
    let names = prop::sample::subsequence(&NAMES[..], 1..7);
    let rules = (names, prop::collection::vec(prop::collection::vec(conjunction, 0..4), 7))
        .prop_map(|(names, conditions)| names.into_iter().zip(conditions).collect());
    (verdicts(), verdicts(), rules)
        .prop_map(|(default, verdict, rules)| Simple { default, verdict, rules })
        .prop_filter("sensible", Simple::is_sensible)
}

/// Calls of x86_64: those that the policies are about, their neighbours, with arguments that often nearly fit.
fn calls() -> impl Strategy<Value = Vec<Call>> {
    let number = prop_oneof![
        4 => prop::sample::select(&NAMES[..]).prop_map(|name| Arch::X86_64.number_of(name).unwrap()),
        1 => (0..330_u32).prop_filter("known", |number| Arch::X86_64.name_of(*number).is_some()),
    ];
    let call = (number, proptest::array::uniform6(registers())).prop_map(|(number, args)| {
        let call = Call::new(number).on(Arch::X86_64.audit_number());
        (0..).zip(args).fold(call, |call, (at, value)| call.arg(at, value))
    });
    prop::collection::vec(call, 24)
}

/// `check` of so many random policies and calls.
fn for_many(count: u32, check: impl Fn(Simple, Vec<Call>)) {
    let config = Config { cases: count, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    let told = TestRunner::new(config).run(&(policies(), calls()), |(policy, calls)| {
        check(policy, calls);
        Ok(())
    });
    told.unwrap_or_else(|error| panic!("{error}"));
}
