// SPDX-License-Identifier: MIT OR Apache-2.0
//! Resolving: which rules of a profile count in a setting, and what they say as a policy.

use std::collections::{BTreeSet, HashMap};

use super::read::{Condition as When, Json, Syscall, Test};
use super::words::{COMPARISONS, verdict};
use super::{Resolved, Setting};
use crate::caps::Cap;
use crate::seccomp::{Arch, Condition, Loading, Policy, Rule, Verdict, arg};

/// What the profile says in this setting, or every problem.
pub(super) fn resolve(json: &Json, unread: &[String], setting: &Setting) -> Result<Resolved, Vec<String>> {
    let mut found = Findings { unread: unread.to_vec(), ..Findings::default() };
    // What is no action was refused when it was read.
    let default = verdict(&json.default_action.0, json.default_errno_ret).unwrap_or(Verdict::KillProcess);
    let mut policy = Policy::new(default);
    let arches = found.arches(json, setting.arch);
    if arches != [Arch::NATIVE] {
        policy = policy.for_arches(arches);
    }
    let counted = found.counted(json, setting);
    let whole = found.whole(&counted);
    for (at, syscall) in counted {
        for rule in found.rules(at, syscall, &whole) {
            policy = policy.rule(rule);
        }
    }
    let loading = found.loading(json.flags.as_deref().unwrap_or_default());
    if !found.problems.is_empty() {
        return Err(found.problems);
    }
    let Findings { unknown, unread, covered, .. } = found;
    Ok(Resolved {
        policy,
        loading,
        listener_path: json.listener_path.clone(),
        listener_metadata: json.listener_metadata.clone().filter(|text| !text.is_empty()),
        unknown: unknown.into_iter().collect(),
        unread,
        covered,
    })
}

/// What is found on the way.
#[derive(Default)]
struct Findings {
    problems: Vec<String>,
    unknown: BTreeSet<String>,
    unread: Vec<String>,
    covered: Vec<String>,
}

/// Calls that a rule without a condition decides: how, and where that is said.
type Whole<'a> = HashMap<&'a str, (Verdict, usize)>;

impl Findings {
    /// The architectures: the machine's, and those of the profile that it runs.
    fn arches(&mut self, json: &Json, native: Arch) -> Vec<Arch> {
        let listed = json.architectures.as_deref().unwrap_or_default();
        let map = json.arch_map.as_deref().unwrap_or_default();
        if !listed.is_empty() && !map.is_empty() {
            self.problems.push("architectures: there is an archMap too, and only one of them can count".to_owned());
        }
        let known = |name: &str| name.strip_prefix("SCMP_ARCH_").and_then(Arch::of_scmp);
        let mapped = map.iter().find(|entry| known(&entry.architecture) == Some(native));
        let others = mapped.and_then(|entry| entry.sub_architectures.as_deref()).unwrap_or_default();
        let mut arches = vec![native];
        for (place, name) in
            listed.iter().map(|name| ("architectures", name)).chain(others.iter().map(|name| ("archMap", name)))
        {
            match known(name) {
                Some(arch) if arches.contains(&arch) => {}
                // Calls of machines of another kind do not happen here.
                Some(arch) if native.family().contains(&arch) => arches.push(arch),
                Some(_) => {}
                None => self.unread.push(format!("{place}: {name:?}")),
            }
        }
        arches
    }

    /// The rules that count, by their places.
    fn counted<'a>(&mut self, json: &'a Json, setting: &Setting) -> Vec<(usize, &'a Syscall)> {
        let mut counted = Vec::new();
        for (at, syscall) in json.syscalls.iter().flatten().enumerate() {
            let included = self.holds(at, "includes", syscall.includes.as_ref(), setting, All);
            let excluded = self.holds(at, "excludes", syscall.excludes.as_ref(), setting, Any);
            if included && !excluded {
                counted.push((at, syscall));
            }
        }
        counted
    }

    /// Whether all that is asked for is so, or any of it. What is not asked for is no reason to exclude a rule.
    fn holds(&mut self, at: usize, key: &str, when: Option<&When>, setting: &Setting, how: How) -> bool {
        let Some(when) = when else { return how == All };
        let mut answers = Vec::new();
        for name in when.caps.iter().flatten() {
            let cap = name.parse::<Cap>().ok();
            if cap.is_none() {
                self.unread.push(format!("syscalls[{at}].{key}.caps: {name:?}"));
            }
            answers.push(cap.is_some_and(|cap| setting.caps.contains(cap)));
        }
        if let Some(arches) = when.arches.as_ref().filter(|arches| !arches.is_empty()) {
            answers.push(arches.iter().any(|name| setting.arch.is_called(name)));
        }
        if let Some(text) = when.min_kernel.as_ref().filter(|text| !text.is_empty()) {
            match version(text) {
                Some(least) => answers.push(setting.kernel >= least),
                None => self
                    .problems
                    .push(format!("syscalls[{at}].{key}.minKernel: {text:?} is no version, such as \"4.8\"")),
            }
        }
        match how {
            All => answers.into_iter().all(|holds| holds),
            Any => answers.into_iter().any(|holds| holds),
        }
    }

    /// The calls that rules without conditions decide: of two that differ the first, as libseccomp has it. podman's own
    /// profile has such.
    fn whole<'a>(&mut self, counted: &[(usize, &'a Syscall)]) -> Whole<'a> {
        let mut whole = Whole::new();
        for (at, syscall) in counted.iter().filter(|(_, syscall)| syscall.args.as_ref().is_none_or(Vec::is_empty)) {
            let Some(says) = verdict(&syscall.action.0, syscall.errno_ret) else { continue };
            for name in names(syscall) {
                let (said, earlier) = *whole.entry(name).or_insert((says, *at));
                if said != says {
                    self.covered.push(format!("syscalls[{at}]: {name:?}: {says}; but {said} by syscalls[{earlier}]"));
                }
            }
        }
        whole
    }

    /// The rules of an entry: none for calls that are decided as a whole elsewhere.
    fn rules(&mut self, at: usize, syscall: &Syscall, whole: &Whole<'_>) -> Vec<Rule> {
        let Some(says) = verdict(&syscall.action.0, syscall.errno_ret) else { return Vec::new() };
        let tests = syscall.args.as_deref().unwrap_or_default();
        let mut calls = Vec::new();
        for name in names(syscall) {
            if !Arch::any_has(name) {
                self.unknown.insert(name.to_owned());
            } else if whole.get(name).is_none_or(|(_, by)| *by == at && tests.is_empty()) {
                calls.push(name);
            }
        }
        if calls.is_empty() {
            return Vec::new();
        }
        let rule = Rule::new(says, calls);
        let mut conditions = Vec::new();
        for (place, test) in tests.iter().enumerate() {
            if test.index > 5 {
                let index = test.index;
                self.problems.push(format!(
                    "syscalls[{at}].args[{place}].index: there are arguments 0 to 5, and {index} is none"
                ));
            }
            conditions.push(condition(test));
        }
        // Of one argument compared more than once, runc and Docker take one that holds to be enough.
        let twice = |test: &Test| tests.iter().filter(|other| other.index == test.index).count() > 1;
        // What can never hold is passed over, as libseccomp does.
        let possible =
            |condition: &Condition| rule.calls.iter().all(|name| condition.of_call(name).problem().is_none());
        if tests.iter().any(twice) {
            return conditions.into_iter().filter(possible).map(|one| rule.clone().when([one])).collect();
        }
        if self.problems.is_empty() && !conditions.iter().all(possible) {
            return Vec::new();
        }
        vec![rule.when(conditions)]
    }

    fn loading(&mut self, flags: &[String]) -> Loading {
        let mut loading = Loading::new();
        for flag in flags {
            loading = match flag.as_str() {
                "SECCOMP_FILTER_FLAG_LOG" => loading.log(),
                "SECCOMP_FILTER_FLAG_TSYNC" => loading.all_threads(),
                "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => loading.speculation(),
                "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" => loading.wait_killable(),
                _ => {
                    self.unread.push(format!("flags: {flag:?}"));
                    loading
                }
            }
        }
        loading
    }
}

/// Whether all conditions must hold, or one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    All,
    Any,
}
use How::{All, Any};

fn names(syscall: &Syscall) -> impl Iterator<Item = &str> {
    syscall.names.iter().flatten().chain(&syscall.name).map(String::as_str)
}

fn condition(test: &Test) -> Condition {
    let it = arg(test.index);
    let compare = COMPARISONS.iter().find(|(word, _)| *word == test.op.0).and_then(|(_, compare)| *compare);
    match compare {
        // Masked.
        None => it.masked(test.value).eq(test.value_two),
        Some(compare) => Condition { compare, ..it.eq(test.value) },
    }
}

/// The first two numbers of a kernel's version: "6.1.0-49-amd64" is 6.1.
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| {
        let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        text.get(..digits)?.parse().ok()
    };
    let (major, rest) = text.split_once('.')?;
    Some((number(major)?, number(rest)?))
}
