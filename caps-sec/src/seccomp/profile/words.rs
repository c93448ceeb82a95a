// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words of a profile: actions, comparisons, flags.

use crate::seccomp::{Compare, Errno, Verdict};

/// An action, and what is meant by it with a number beside it, or without.
pub(super) const ACTIONS: [&str; 9] = [
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
];

/// The verdict of an action; `number` is `errnoRet`.
pub(super) fn verdict(action: &str, number: Option<u16>) -> Option<Verdict> {
    Some(match action {
        "SCMP_ACT_ALLOW" => Verdict::Allow,
        "SCMP_ACT_ERRNO" => Verdict::Errno(number.map_or(Errno::PERM, Errno::new)),
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Verdict::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Verdict::KillProcess,
        "SCMP_ACT_LOG" => Verdict::Log,
        "SCMP_ACT_NOTIFY" => Verdict::Notify,
        "SCMP_ACT_TRACE" => Verdict::Trace(number.unwrap_or(Errno::PERM.number())),
        "SCMP_ACT_TRAP" => Verdict::Trap,
        _ => return None,
    })
}

/// The action of a verdict, and its number.
pub(super) const fn action(verdict: Verdict) -> (&'static str, Option<u16>) {
    match verdict {
        Verdict::Allow => ("SCMP_ACT_ALLOW", None),
        Verdict::Log => ("SCMP_ACT_LOG", None),
        Verdict::Errno(errno) => ("SCMP_ACT_ERRNO", Some(errno.number())),
        Verdict::Trace(number) => ("SCMP_ACT_TRACE", Some(number)),
        Verdict::Notify => ("SCMP_ACT_NOTIFY", None),
        Verdict::Trap => ("SCMP_ACT_TRAP", None),
        Verdict::KillThread => ("SCMP_ACT_KILL_THREAD", None),
        Verdict::KillProcess => ("SCMP_ACT_KILL_PROCESS", None),
    }
}

/// Comparisons, and the one of masked bits.
pub(super) const COMPARISONS: [(&str, Option<Compare>); 7] = [
    ("SCMP_CMP_EQ", Some(Compare::Eq)),
    ("SCMP_CMP_GE", Some(Compare::Ge)),
    ("SCMP_CMP_GT", Some(Compare::Gt)),
    ("SCMP_CMP_LE", Some(Compare::Le)),
    ("SCMP_CMP_LT", Some(Compare::Lt)),
    (MASKED, None),
    ("SCMP_CMP_NE", Some(Compare::Ne)),
];

/// What is masked is in `value`, what it must be in `valueTwo`.
pub(super) const MASKED: &str = "SCMP_CMP_MASKED_EQ";
