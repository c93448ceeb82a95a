// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writing LXC's text.

use std::collections::HashMap;

use super::{ACTIONS, COMPARISONS};
use crate::seccomp::{Arch, Condition, Policy, Verdict};

pub(super) fn write(policy: &Policy) -> Result<String, Vec<String>> {
    let mut problems = policy.problems();
    let mut text = match policy.default {
        Verdict::Allow => "2\ndenylist\n".to_owned(),
        default => match action(default) {
            Some(action) => format!("2\nallowlist {action}\n"),
            None => {
                problems.push(format!("default: {default} cannot be written"));
                String::new()
            }
        },
    };
    let mut said: HashMap<&str, (Verdict, bool)> = HashMap::new();
    let mut block = Vec::new();
    for (at, rule) in policy.rules.iter().enumerate() {
        let Some(action) = action(rule.verdict) else {
            problems.push(format!("rules[{at}].verdict: {} cannot be written", rule.verdict));
            continue;
        };
        let mut tests = String::new();
        for (place, condition) in rule.when.iter().enumerate() {
            match test(condition) {
                Some(test) => tests.extend([" ", &test]),
                None => problems
                    .push(format!("rules[{at}].when[{place}]: {condition}: of some bits only equality can be written")),
            }
        }
        let arches: Vec<Option<Arch>> =
            if rule.arches.is_empty() { vec![None] } else { rule.arches.iter().copied().map(Some).collect() };
        for arch in arches {
            if block != [arch] {
                text.push_str(&format!("[{}]\n", arch.map_or("all", Arch::lxc)));
                block = vec![arch];
            }
            for name in &rule.calls {
                text.push_str(&format!("{name} {action}{tests}\n"));
            }
        }
        for name in &rule.calls {
            let (verdict, whole) = *said.entry(name).or_insert((rule.verdict, rule.when.is_empty()));
            if verdict != rule.verdict || (whole != rule.when.is_empty() && !whole) {
                problems.push(format!("rules[{at}].calls: what becomes of {name:?} depends on the order of rules"));
            }
        }
    }
    if problems.is_empty() { Ok(text) } else { Err(problems) }
}

fn action(verdict: Verdict) -> Option<String> {
    match verdict {
        Verdict::Errno(errno) => Some(format!("errno {}", errno.number())),
        verdict => ACTIONS.iter().find(|(_, known)| *known == verdict).map(|(word, _)| (*word).to_owned()),
    }
}

fn test(condition: &Condition) -> Option<String> {
    let Condition { arg, mask, compare, value } = *condition;
    let sign = |wanted| COMPARISONS.iter().find(|(.., known)| *known == wanted).map(|(sign, ..)| *sign);
    match (mask, compare) {
        (u64::MAX, compare) => Some(format!("[{arg},{value},{}]", sign(Some(compare))?)),
        (mask, crate::seccomp::Compare::Eq) => Some(format!("[{arg},{value},{},{mask}]", sign(None)?)),
        _ => None,
    }
}
