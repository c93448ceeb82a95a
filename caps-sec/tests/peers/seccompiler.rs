// SPDX-License-Identifier: MIT OR Apache-2.0
//! seccompiler: Firecracker's compiler.

use std::collections::BTreeMap;

use needs::rounds;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use skep_caps_sec::{Arch, Call, Compare, Condition, Errno, Filter, Policy, Verdict};

use super::{Simple, for_many};

fn action(verdict: Verdict) -> SeccompAction {
    match verdict {
        Verdict::Allow => SeccompAction::Allow,
        Verdict::Log => SeccompAction::Log,
        Verdict::Errno(errno) => SeccompAction::Errno(errno.number().into()),
        Verdict::Trap => SeccompAction::Trap,
        Verdict::KillThread => SeccompAction::KillThread,
        Verdict::KillProcess => SeccompAction::KillProcess,
        other => panic!("{other}"),
    }
}

fn condition(condition: &Condition) -> SeccompCondition {
    let operator = match condition.compare {
        Compare::Eq if condition.mask != u64::MAX => SeccompCmpOp::MaskedEq(condition.mask),
        Compare::Eq => SeccompCmpOp::Eq,
        Compare::Ne => SeccompCmpOp::Ne,
        Compare::Lt => SeccompCmpOp::Lt,
        Compare::Le => SeccompCmpOp::Le,
        Compare::Gt => SeccompCmpOp::Gt,
        Compare::Ge => SeccompCmpOp::Ge,
    };
    SeccompCondition::new(condition.arg, SeccompCmpArgLen::Qword, operator, condition.value).unwrap()
}

/// What seccompiler makes of the policy, as a filter that our interpreter runs.
fn theirs(simple: &Simple) -> Filter {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for (name, alternatives) in &simple.rules {
        let number = Arch::X86_64.number_of(name).unwrap().into();
        let rule = |when: &Vec<Condition>| SeccompRule::new(when.iter().map(condition).collect()).unwrap();
        rules.insert(number, alternatives.iter().map(rule).collect());
    }
    let filter = SeccompFilter::new(rules, action(simple.default), action(simple.verdict), TargetArch::x86_64).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    let bytes: Vec<u8> = program
        .iter()
        .flat_map(|one| {
            let ([a, b], [e, f, g, h]) = (one.code.to_ne_bytes(), one.k.to_ne_bytes());
            [a, b, one.jt, one.jf, e, f, g, h]
        })
        .collect();
    Filter::from_bytes(Arch::X86_64, &bytes).unwrap()
}

#[test]
fn seccompiler_s_filters_decide_as_ours() {
    for_many(rounds(12_000), |simple, calls| {
        let (ours, theirs) = (simple.policy().compile_for(Arch::X86_64).unwrap(), theirs(&simple));
        for call in calls {
            assert_eq!(ours.decide(&call), theirs.decide(&call), "{call}\n{}", simple.policy());
        }
        assert!(ours.len() <= theirs.len() + 450, "{} {}", ours.len(), theirs.len());
    });
}

#[test]
fn x32_slips_past_theirs_and_not_past_ours() {
    let simple =
        Simple { default: Verdict::Allow, verdict: Verdict::Errno(Errno::PERM), rules: vec![("read", Vec::new())] };
    let slipped = Call::new(0x4000_0000).on(Arch::X86_64.audit_number());
    assert_eq!(theirs(&simple).decide(&slipped), Verdict::Allow);
    let ours: Policy = simple.policy();
    assert_eq!(ours.compile_for(Arch::X86_64).unwrap().decide(&slipped), Verdict::Errno(Errno::NOSYS));
}
