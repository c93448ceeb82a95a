// SPDX-License-Identifier: MIT OR Apache-2.0
//! Explaining: what a policy means, for people who do not read lists of calls.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Arch, CallGroup, Outcome, Policy};

/// What people want to know of a policy: whether these calls can be made.
const QUESTIONS: [(&str, &[&str]); 12] = [
    ("start programs", &["execve", "execveat"]),
    ("make processes and threads", &["clone", "clone3", "fork", "vfork"]),
    ("make namespaces", &["unshare", "clone", "clone3"]),
    ("join namespaces", &["setns"]),
    ("mount", &["mount", "fsmount", "move_mount", "mount_setattr"]),
    ("trace other processes", &["ptrace", "process_vm_readv", "process_vm_writev"]),
    ("load kernel modules, or another kernel", &["init_module", "finit_module", "kexec_load", "kexec_file_load"]),
    ("load programs into the kernel", &["bpf"]),
    ("use keyrings", &["add_key", "keyctl", "request_key"]),
    ("use io_uring, whose work no filter sees", &["io_uring_setup"]),
    ("open sockets", &["socket", "socketcall"]),
    ("set the clock", &["clock_settime", "settimeofday"]),
];

impl Policy {
    /// The policy in words: what a program can do under it, which groups of calls that takes, and which conditions there are.
    ///
    /// ```
    /// use skep_caps_sec::{CapSet, Policy};
    ///
    /// let words = Policy::standard(CapSet::standard()).explain();
    /// assert!(words.contains("- mount: no"), "{words}");
    /// ```
    #[must_use]
    pub fn explain(&self) -> String {
        let arches = self.compiled_for();
        let first = arches.first().copied().unwrap_or(Arch::NATIVE);
        let outcomes: BTreeMap<&str, Outcome> = self.outcomes(first).into_iter().collect();
        let names: Vec<String> = arches.iter().map(Arch::to_string).collect();
        let passing = outcomes.values().filter(|outcome| outcome.may_pass()).count();
        let mut text = format!(
            "Programs of {} make {passing} of {} system calls; those of other architectures are killed.\n",
            names.join(", "),
            outcomes.len()
        );
        let newest = Arch::newest_kernel();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "What no rule decides: {}. Calls newer than Linux {newest}: {}.",
            self.default,
            self.of_unknown()
        );
        text.push_str("\nA program can\n");
        for (what, calls) in QUESTIONS {
            let known: Vec<(&str, &Outcome)> = calls
                .iter()
                .filter_map(|name| outcomes.get_key_value(name))
                .map(|(name, outcome)| (*name, outcome))
                .collect();
            let _ = writeln!(text, "- {what}: {}", answer(&known));
        }
        text.push_str("\nOf the groups of calls it has\n");
        for group in CallGroup::ALL {
            let calls = group.calls();
            let here = calls.iter().filter(|name| outcomes.contains_key(**name)).count();
            let pass: Vec<&str> =
                calls.iter().copied().filter(|name| outcomes.get(name).is_some_and(Outcome::may_pass)).collect();
            let count = match pass.len() {
                _ if here == 0 => continue,
                0 => "nothing".to_owned(),
                all if all == here => "all".to_owned(),
                few if few <= 4 => format!("{few} of {here}: {}", pass.join(", ")),
                some => format!("{some} of {here}"),
            };
            let _ = writeln!(text, "- {} ({}): {count}", group.name(), group.about());
        }
        let conditions: Vec<_> =
            outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Depends { .. })).collect();
        if !conditions.is_empty() {
            text.push_str("\nIt depends on arguments what becomes of\n");
        }
        for (name, outcome) in conditions {
            let _ = writeln!(text, "- {name}: {outcome}");
        }
        text
    }
}

/// "yes", "no", "by clone, if its arguments suit".
fn answer(calls: &[(&str, &Outcome)]) -> String {
    let open: Vec<&str> = calls
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Always(verdict) if verdict.lets_through()))
        .map(|(name, _)| *name)
        .collect();
    let some: Vec<&str> =
        calls.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Depends { .. })).map(|(name, _)| *name).collect();
    match (open.as_slice(), some.as_slice()) {
        ([], []) => "no".to_owned(),
        ([], some) => format!("by {}, where its arguments suit", some.join(", ")),
        (open, _) if open.len() == calls.len() => "yes".to_owned(),
        (open, []) => format!("by {}", open.join(", ")),
        (open, some) => format!("by {}; by {} where its arguments suit", open.join(", "), some.join(", ")),
    }
}
