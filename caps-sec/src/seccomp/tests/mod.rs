// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of policies and filters that need no kernel.

mod compiled;
mod described;
mod lxc;
#[cfg(feature = "serde")]
mod profile;
mod read;
mod standard;
mod tables;
mod words;

use super::{Arch, Call, Condition, Errno, Policy, Rule, Verdict};

const NOSYS: Verdict = Verdict::Errno(Errno::NOSYS);
const PERM: Verdict = Verdict::Errno(Errno::PERM);

/// A call of this name on an architecture.
fn call(arch: Arch, name: &str) -> Call {
    Call::new(arch.number_of(name).unwrap()).on(arch.audit_number())
}

/// What becomes of a call, found out from the description without a compiler.
fn direct(policy: &Policy, arch: Arch, call: &Call) -> Verdict {
    if call.audit_number != arch.audit_number() {
        return Verdict::KillProcess;
    }
    if arch == Arch::X32 && call.number < 0x4000_0000 {
        return Verdict::KillProcess;
    }
    if arch == Arch::X86_64 && (call.number >= 0x4000_0000 || (512..548).contains(&call.number)) {
        return NOSYS;
    }
    let unknown = if matches!(policy.default, Verdict::Allow | Verdict::Log | Verdict::Trace(_) | Verdict::Notify) {
        policy.default
    } else {
        NOSYS
    };
    let Some(name) = arch.name_of(call.number) else { return unknown };
    let mut rules = policy.rules.iter().filter(|rule| rule.is_for(arch));
    let names = |rule: &Rule, name: &str| rule.calls.iter().any(|known| known == name);
    if name == "clone3" && !rules.clone().any(|rule| names(rule, name)) {
        // Rules behind one without a condition say nothing.
        let mut of_clone = rules.filter(|rule| names(rule, "clone"));
        let mut ended = false;
        let stops = of_clone.any(|rule| {
            let counts = !ended;
            ended |= rule.when.is_empty();
            counts && !matches!(rule.verdict, Verdict::Allow | Verdict::Log)
        });
        return if stops && matches!(policy.default, Verdict::Allow | Verdict::Log) { NOSYS } else { unknown };
    }
    let decides = rules.find(|rule| {
        let by_name = names(rule, name) && rule.when.iter().all(|condition| holds(condition, name, call));
        let by_number = rule.verdict != Verdict::Allow && made(name, call).is_some_and(|made| names(rule, made));
        by_name || by_number
    });
    decides.map_or(policy.default, |rule| rule.verdict)
}

/// What some calls of old make by their first argument.
fn made(name: &str, call: &Call) -> Option<&'static str> {
    let of_sockets = "- socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom \
                      shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg";
    let of_ipc = "- semop semget semctl semtimedop - - - - - - msgsnd msgrcv msgget msgctl - - - - - - shmat shmdt shmget \
                  shmctl";
    let (list, number) = match name {
        "socketcall" => (of_sockets, call.args[0] & 0xffff_ffff),
        "ipc" => (of_ipc, call.args[0] & 0xffff),
        _ => return None,
    };
    list.split(' ').nth(number.try_into().unwrap()).filter(|made| *made != "-")
}

fn holds(condition: &Condition, name: &str, call: &Call) -> bool {
    let narrow = match name {
        "ioctl" | "fcntl" | "setns" => condition.arg == 1,
        "prctl" | "personality" | "keyctl" => condition.arg == 0,
        "socket" | "socketpair" => condition.arg < 3,
        _ => false,
    };
    let arg = call.args[usize::from(condition.arg)];
    let arg = if narrow { arg & 0xffff_ffff } else { arg };
    condition.compare.holds(arg & condition.mask, condition.value)
}
