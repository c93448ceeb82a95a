// SPDX-License-Identifier: MIT OR Apache-2.0
//! Seccomp: compiling the standard policy, loading it, and what a loaded filter costs a call: ours, seccompiler's, and that
//! of libseccomp, where it is installed, as a list and as a tree.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench shows a table, and ends where it cannot run")]

use std::collections::BTreeMap;
use std::ffi::CString;
use std::thread;

use nix::sys::personality;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use skep::caps_sec::{
    Arch, CapSet, Compare, Condition, Filter, Outcome, Policy, Profile, Rule, Setting, Verdict, enter_no_new_privs,
    enter_seccomp,
};
use skep_benches::paired::{Contestant, Rounds};
use skep_benches::sys::libseccomp::{self, Library, Test};

const ROUNDS: usize = 100;
const CALLS: usize = 20_000;
const THEIRS: &str = "seccompiler";
const LIST: &str = "libseccomp, a list";
const TREE: &str = "libseccomp, a tree";
/// `SCMP_ARCH_X86` and `SCMP_ARCH_X32`; `SCMP_ARCH_ARM`.
const OTHERS: &[u32] = if cfg!(target_arch = "x86_64") { &[0x4000_0003, 0x4000_003e] } else { &[0x4000_0028] };
/// Docker's profile: names, conditions, and what they depend on.
const DOCKER: &str = include_str!("../../caps-sec/fuzz/seeds/profile/docker.json");

fn main() {
    let caps = CapSet::standard();
    let one = Policy::standard(caps);
    let three = one.clone().for_arches(Arch::NATIVE.family().iter().copied());
    let setting = Setting::new(caps, (6, 12));
    let docker = || {
        let found = Profile::from_json(DOCKER).and_then(|profile| profile.resolve(&setting));
        found.and_then(|found| found.policy.compile()).map_err(|error| error.to_string())
    };
    let library = Library::load();
    let rules = library_rules(&one);
    let of_library = |tree| library.map(|library| move || library.compile(REFUSE, OTHERS, &rules, tree));
    let (list, tree) = (of_library.clone()(false), of_library(true));
    let base = if list.is_some() { LIST } else { THEIRS };
    let mut compiling = vec![
        Contestant::new(THEIRS, || theirs(&one).map(drop)),
        Contestant::new("skep", || one.compile().map(drop).map_err(|error| error.to_string())),
        Contestant::new("skep, all that the machine runs", || {
            three.compile().map(drop).map_err(|error| error.to_string())
        }),
        Contestant::new("skep, that from Docker's JSON", || docker().map(drop)),
    ];
    for (name, compile) in [(LIST, &list), (TREE, &tree)] {
        compiling.extend(compile.as_ref().map(|compile| Contestant::new(name, || compile().map(drop))));
    }
    println!("{}", Rounds::run(compiling, ROUNDS).table("compiling the standard policy", base));

    let mut filters = vec![
        (THEIRS, bytes_of(&theirs(&one).expect("a filter"))),
        ("skep", one.compile().expect("a filter")),
        ("skep, all that the machine runs", three.compile().expect("a filter")),
        ("skep, that from Docker's JSON", docker().expect("a filter")),
    ];
    for (name, compile) in [(LIST, &list), (TREE, &tree)] {
        let filter = compile.as_ref().map(|compile| compile().expect("a filter"));
        filters.extend(filter.map(|bytes| (name, Filter::from_bytes(Arch::NATIVE, &bytes).expect("a filter"))));
    }
    for (name, filter) in &filters {
        println!("{name}: {} instructions, {} for a call at most", filter.len(), filter.worst_depth());
    }
    let calls: [(&str, fn()); 4] = [
        ("loading, no call", || {}),
        ("getppid, allowed always", || often(|| rustix::process::getppid().is_some())),
        ("personality, by its argument", || often(|| personality::get().is_ok())),
        ("umount, which is refused", || often(|| nix::mount::umount("/no/such").is_ok())),
    ];
    for (what, call) in calls {
        let mut calling = vec![Contestant::new("no filter", move || under(|| Ok(()), call))];
        calling.extend(filters.iter().map(|(name, filter)| Contestant::new(name, || under(|| load(filter), call))));
        println!("{}", Rounds::run(calling, 40).table(&format!("a thread, and {CALLS} calls: {what}"), "no filter"));
    }
}

/// `SCMP_ACT_ERRNO(EPERM)`
const REFUSE: u32 = 0x0005_0001;

/// The policy's rules as libseccomp takes them.
fn library_rules(policy: &Policy) -> Vec<libseccomp::Rule> {
    let native = |rule: &&Rule| rule.arches.is_empty() || rule.arches.contains(&Arch::NATIVE);
    let rule = |rule: &Rule| libseccomp::Rule {
        action: if rule.verdict == Verdict::Allow { 0x7fff_0000 } else { 0x0005_0026 },
        names: rule.calls.iter().filter_map(|name| CString::new(name.as_str()).ok()).collect(),
        tests: rule.when.iter().map(library_test).collect(),
    };
    policy.rules.iter().filter(native).map(rule).collect()
}

fn library_test(one: &Condition) -> Test {
    let arg = one.arg.into();
    match one.compare {
        Compare::Eq if one.mask != u64::MAX => Test(arg, 7, one.mask, one.value),
        Compare::Ne => Test(arg, 1, one.value, 0),
        Compare::Lt => Test(arg, 2, one.value, 0),
        Compare::Le => Test(arg, 3, one.value, 0),
        Compare::Eq => Test(arg, 4, one.value, 0),
        Compare::Ge => Test(arg, 5, one.value, 0),
        Compare::Gt => Test(arg, 6, one.value, 0),
    }
}

fn bytes_of(program: &BpfProgram) -> Filter {
    let bytes: Vec<u8> = program
        .iter()
        .flat_map(|one| {
            let ([a, b], [c, d, e, f]) = (one.code.to_ne_bytes(), one.k.to_ne_bytes());
            [a, b, one.jt, one.jf, c, d, e, f]
        })
        .collect();
    Filter::from_bytes(Arch::NATIVE, &bytes).expect("a filter")
}

fn load(filter: &Filter) -> Result<(), String> {
    enter_no_new_privs().and_then(|()| enter_seccomp(filter)).map_err(|error| error.to_string())
}

/// Calls on a thread of its own under a filter.
fn under(load: impl FnOnce() -> Result<(), String> + Send, calls: fn()) -> Result<(), String> {
    let body = || load().map(|()| calls());
    thread::scope(|scope| scope.spawn(body).join().expect("no panic"))
}

fn often(call: impl Fn() -> bool) {
    for _ in 0..CALLS {
        std::hint::black_box(call());
    }
}

/// The standard policy as seccompiler has it.
fn theirs(policy: &Policy) -> Result<BpfProgram, String> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for (number, name) in Arch::NATIVE.all_calls() {
        match policy.outcome(Arch::NATIVE, name) {
            Some(Outcome::Always(Verdict::Allow)) => drop(rules.insert(number.into(), Vec::new())),
            Some(Outcome::Depends { clauses, .. }) => {
                let one = |(when, _): &(Vec<_>, Verdict)| {
                    SeccompRule::new(when.iter().map(condition).collect()).map_err(|error| error.to_string())
                };
                drop(rules.insert(number.into(), clauses.iter().map(one).collect::<Result<_, _>>()?));
            }
            _ => {}
        }
    }
    let arch = if Arch::NATIVE == Arch::Aarch64 { TargetArch::aarch64 } else { TargetArch::x86_64 };
    let filter = SeccompFilter::new(rules, SeccompAction::Errno(1), SeccompAction::Allow, arch);
    filter.and_then(BpfProgram::try_from).map_err(|error| error.to_string())
}

fn condition(one: &Condition) -> SeccompCondition {
    let narrow = one.mask == 0xffff_ffff;
    let operator = match one.compare {
        Compare::Eq if one.mask != u64::MAX && !narrow => SeccompCmpOp::MaskedEq(one.mask),
        Compare::Eq => SeccompCmpOp::Eq,
        Compare::Ne => SeccompCmpOp::Ne,
        Compare::Lt => SeccompCmpOp::Lt,
        Compare::Le => SeccompCmpOp::Le,
        Compare::Gt => SeccompCmpOp::Gt,
        Compare::Ge => SeccompCmpOp::Ge,
    };
    let length = if narrow { SeccompCmpArgLen::Dword } else { SeccompCmpArgLen::Qword };
    SeccompCondition::new(one.arg, length, operator, one.value).expect("an argument that there is")
}
