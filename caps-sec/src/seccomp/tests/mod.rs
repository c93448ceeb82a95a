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

use super::{Arch, Call, Condition, Errno, Policy, Verdict};

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
    let mut named =
        policy.rules.iter().filter(|rule| rule.is_for(arch) && rule.calls.iter().any(|known| known == name)).peekable();
    if name == "clone3" && named.peek().is_none() {
        return unknown;
    }
    let decides = named.find(|rule| rule.when.iter().all(|condition| holds(condition, name, call)));
    decides.map_or(policy.default, |rule| rule.verdict)
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
