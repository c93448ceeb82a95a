// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writing: a policy as an OCI profile.

use std::collections::HashMap;

use serde::Serialize;

use super::words::{COMPARISONS, MASKED, action};
use crate::seccomp::{Arch, Compare, Condition, Policy, Rule, Verdict};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    default_action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_errno_ret: Option<u16>,
    architectures: Vec<String>,
    syscalls: Vec<Syscall<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Syscall<'a> {
    names: Vec<&'a str>,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno_ret: Option<u16>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<Test>,
}

#[derive(Serialize, Clone, Copy)]
#[serde(rename_all = "camelCase")]
struct Test {
    index: u8,
    value: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_two: Option<u64>,
    op: &'static str,
}

/// As many values as a range is written in.
const MOST_VALUES: u64 = 256;

/// The policy as JSON, or every rule that cannot be written.
pub(super) fn write(policy: &Policy) -> Result<String, Vec<String>> {
    let mut problems = policy.problems();
    let arches = policy.compiled_for();
    let (default_action, default_errno_ret) = action(policy.default);
    let mut syscalls = Vec::new();
    // What was said of each call: a verdict under conditions, and whether without.
    let mut said: HashMap<&str, (Verdict, bool)> = HashMap::new();
    for (at, rule) in policy.rules.iter().enumerate() {
        match arches.iter().filter(|arch| rule.is_for(**arch)).count() {
            0 => continue,
            some if some < arches.len() => {
                problems.push(format!("rules[{at}].arches: the rule is for some of the architectures alone"))
            }
            _ => {}
        }
        let mut names: Vec<&str> = Vec::new();
        for name in &rule.calls {
            let (verdict, whole) = *said.entry(name).or_insert((rule.verdict, rule.when.is_empty()));
            if whole
                && !names.contains(&name.as_str())
                && !syscalls.iter().any(|known: &Syscall<'_>| known.names.contains(&name.as_str()))
            {
                names.push(name);
            } else if !whole && (rule.when.is_empty() || verdict != rule.verdict) {
                problems.push(format!("rules[{at}].calls: what becomes of {name:?} depends on the order of rules"));
            } else if !whole {
                names.push(name);
            }
        }
        let (action, errno_ret) = action(rule.verdict);
        match alternatives(rule) {
            _ if names.is_empty() => {}
            Ok(all) => {
                syscalls.extend(all.into_iter().map(|args| Syscall { names: names.clone(), action, errno_ret, args }))
            }
            Err(problem) => problems.push(format!("rules[{at}].{problem}")),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let architectures = arches.iter().map(|arch: &Arch| format!("SCMP_ARCH_{}", arch.scmp())).collect();
    let json = Json { default_action, default_errno_ret, architectures, syscalls };
    serde_json::to_string_pretty(&json).map_err(|error| vec![error.to_string()])
}

/// The conditions of a rule, as lists of which one must hold wholly. Of one argument there is one comparison in each, since
/// of two the runtimes take either to be enough: a range is written as its values.
fn alternatives(rule: &Rule) -> Result<Vec<Vec<Test>>, String> {
    let mut all: Vec<Vec<Test>> = vec![Vec::new()];
    let mut done: Vec<u8> = Vec::new();
    for (at, condition) in rule.when.iter().enumerate() {
        if done.contains(&condition.arg) {
            continue;
        }
        done.push(condition.arg);
        let same: Vec<&Condition> = rule.when.iter().filter(|other| other.arg == condition.arg).collect();
        let tests = match same.as_slice() {
            [one] => vec![test(one).ok_or(format!("when[{at}]: {one}: of some bits only equality can be written"))?],
            _ => values(&same).ok_or(format!("when[{at}]: argument {} is compared more than once", condition.arg))?,
        };
        all = all.iter().flat_map(|list| tests.iter().map(|test| [list.as_slice(), &[*test]].concat())).collect();
    }
    Ok(all)
}

fn test(condition: &Condition) -> Option<Test> {
    let Condition { arg: index, mask, compare, value } = *condition;
    if mask == u64::MAX {
        let (op, _) = COMPARISONS.iter().find(|(_, known)| *known == Some(compare))?;
        return Some(Test { index, value, value_two: None, op });
    }
    (compare == Compare::Eq).then_some(Test { index, value: mask, value_two: Some(value), op: MASKED })
}

/// The values of a small range: from a least to a most.
fn values(conditions: &[&Condition]) -> Option<Vec<Test>> {
    let (one, other) = match conditions {
        [one, other] if one.compare == Compare::Ge && other.compare == Compare::Le => (one, other),
        [other, one] if one.compare == Compare::Ge && other.compare == Compare::Le => (one, other),
        _ => return None,
    };
    if one.mask != other.mask || other.value.checked_sub(one.value)? >= MOST_VALUES {
        return None;
    }
    (one.value..=other.value).map(|value| test(&Condition { compare: Compare::Eq, value, ..**one })).collect()
}
