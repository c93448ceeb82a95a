// SPDX-License-Identifier: MIT OR Apache-2.0
//! Seccomp: compiling the standard policy, and what a loaded filter costs a call.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench shows a table, and ends where it cannot run")]

use std::collections::BTreeMap;
use std::thread;

use nix::sys::personality;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use skep::caps_sec::{
    Arch, CapSet, Compare, Filter, Outcome, Policy, Profile, Setting, Verdict, enter_no_new_privs, enter_seccomp,
};
use skep_benches::paired::{Contestant, Rounds};

const ROUNDS: usize = 200;
const CALLS: usize = 20_000;
const THEIRS: &str = "seccompiler";
/// Docker's profile: names, conditions, and what they depend on.
const DOCKER: &str = include_str!("../../caps-sec/fuzz/seeds/profile/docker.json");

fn main() {
    let caps = CapSet::standard();
    let one = Policy::standard(caps);
    let three = one.clone().for_arches(Arch::NATIVE.family().iter().copied());
    let setting = Setting::new(caps, (6, 12));
    let compiling = vec![
        contestant(THEIRS, || theirs(&one).map(drop)),
        contestant("skep", || one.compile().map(drop).map_err(|error| error.to_string())),
        contestant("skep, all that the machine runs", || three.compile().map(drop).map_err(|error| error.to_string())),
        contestant("skep, that from Docker's JSON", || {
            let found = Profile::from_json(DOCKER).and_then(|profile| profile.resolve(&setting));
            found.and_then(|found| found.policy.compile()).map(drop).map_err(|error| error.to_string())
        }),
    ];
    println!("{}", Rounds::run(compiling, ROUNDS).table("compiling the standard policy", THEIRS));
    let (small, large) = (one.compile().expect("a filter"), three.compile().expect("a filter"));
    let program = theirs(&one).expect("a filter");
    println!(
        "instructions: {THEIRS} {}, skep {}, for all that the machine runs {}\n",
        program.len(),
        small.len(),
        large.len()
    );
    for (what, call) in [("getppid, allowed always", ask as fn()), ("personality, by its argument", look)] {
        let calling = vec![
            contestant("no filter", move || under(|| Ok(()), call)),
            contestant(THEIRS, || {
                under(|| seccompiler::apply_filter(&program).map_err(|error| error.to_string()), call)
            }),
            contestant("skep", || under(|| load(&small), call)),
            contestant("skep, all that the machine runs", || under(|| load(&large), call)),
        ];
        println!("{}", Rounds::run(calling, 40).table(&format!("{CALLS} calls of {what}"), "no filter"));
    }
}

fn contestant<'a>(name: &'static str, run: impl FnMut() -> Result<(), String> + 'a) -> Contestant<'a> {
    Contestant { name, run: Box::new(run) }
}

fn load(filter: &Filter) -> Result<(), String> {
    enter_no_new_privs().and_then(|()| enter_seccomp(filter)).map_err(|error| error.to_string())
}

/// Calls on a thread of its own under a filter.
fn under(load: impl FnOnce() -> Result<(), String> + Send, call: fn()) -> Result<(), String> {
    let body = || load().map(|()| (0..CALLS).for_each(|_| call()));
    thread::scope(|scope| scope.spawn(body).join().expect("no panic"))
}

fn ask() {
    let _parent = rustix::process::getppid();
}

fn look() {
    let _domain = personality::get();
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

fn condition(one: &skep::caps_sec::Condition) -> SeccompCondition {
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
