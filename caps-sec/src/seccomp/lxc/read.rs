// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading LXC's text.

use std::collections::HashMap;

use super::{ACTIONS, COMPARISONS, FORCE, LxcPolicy};
use crate::nearest::did_you_mean;
use crate::seccomp::{Arch, Condition, Errno, Policy, Rule, Verdict, arg};

/// A word and where it begins, from 1 on.
type Word<'a> = (usize, &'a str);

/// A rule, and the line that it stands in.
struct Read {
    line: usize,
    rule: Rule,
}

pub(super) fn read(text: &str, arch: Arch) -> Result<LxcPolicy, Vec<String>> {
    let mut lines = (1..).zip(text.lines());
    let version = lines.next().map_or("", |(_, line)| line.trim());
    let mut reader = Reader { arch, problems: Vec::new(), unknown: Vec::new(), rules: Vec::new(), only: None };
    let policy = match version {
        "1" => reader.numbers(lines),
        "2" => reader.names(lines),
        other => {
            reader.problems.push(format!("line 1, column 1: {other:?} is no version: it is 1 or 2"));
            None
        }
    };
    match policy {
        Some(policy) if reader.problems.is_empty() => Ok(LxcPolicy { policy, unknown: reader.unknown }),
        _ => Err(reader.problems),
    }
}

struct Reader {
    arch: Arch,
    problems: Vec<String>,
    unknown: Vec<(usize, String)>,
    rules: Vec<Read>,
    /// The architecture that rules are for at present, if not all.
    only: Option<Arch>,
}

impl Reader {
    fn problem(&mut self, line: usize, column: usize, problem: &str) {
        self.problems.push(format!("line {line}, column {column}: {problem}"));
    }

    /// Version 1: calls that are allowed, by their numbers on the machine's own architecture.
    #[allow(single_use_lifetimes, reason = "an anonymous one cannot stand here yet")]
    fn numbers<'a>(&mut self, mut lines: impl Iterator<Item = (usize, &'a str)>) -> Option<Policy> {
        let (line, kind) = lines.next().unwrap_or((2, ""));
        if !matches!(kind.trim(), "allowlist" | "whitelist") {
            self.problem(line, 1, "version 1 is an allowlist: that word is the second line");
            return None;
        }
        let mut calls = Vec::new();
        for (line, text) in lines {
            for (column, word) in words(text) {
                match word.parse::<u32>() {
                    Err(_) => self.problem(line, column, &format!("{word:?} is no number of a system call")),
                    Ok(number) => match self.arch.name_of(number) {
                        Some(name) => calls.push(name),
                        None => self.unknown.push((line, word.to_owned())),
                    },
                }
            }
        }
        let policy = Policy::new(Verdict::KillThread);
        Some(if calls.is_empty() { policy } else { policy.allow(calls) }.for_arches([self.arch]))
    }

    /// Version 2.
    #[allow(single_use_lifetimes, reason = "an anonymous one cannot stand here yet")]
    fn names<'a>(&mut self, mut lines: impl Iterator<Item = (usize, &'a str)>) -> Option<Policy> {
        let (line, text) = lines.next().unwrap_or((2, ""));
        let kind = words(text);
        let (default, own) = match kind.first() {
            Some((_, "denylist" | "blacklist")) => (Verdict::Allow, Verdict::KillThread),
            Some((_, "allowlist" | "whitelist")) => (Verdict::KillThread, Verdict::Allow),
            _ => {
                self.problem(line, 1, "it is \"denylist\" or \"allowlist\" that the second line begins with");
                return None;
            }
        };
        let default = self.action(line, kind.get(1..).unwrap_or_default(), default).0;
        let mut rejects = false;
        for (line, text) in lines {
            let words = words(text);
            match words.as_slice() {
                [] => {}
                [(_, "reject_force_umount"), ..] => rejects = true,
                [(column, block)] if block.starts_with('[') => self.block(line, *column, block),
                [(column, name), rest @ ..] => self.rule(line, (*column, name), rest, own),
            }
        }
        let mut policy = Policy::new(default).for_arches(self.arch.family().iter().copied());
        if rejects {
            let forced = [arg(1).masked(FORCE).eq(FORCE)];
            policy = policy.rule(Rule::new(Verdict::Errno(Errno::ACCES), ["umount2"]).when(forced));
        }
        for rule in self.counting() {
            policy = policy.rule(rule);
        }
        Some(policy)
    }

    /// `[x86_64]`
    fn block(&mut self, line: usize, column: usize, block: &str) {
        let name = block.trim_matches(['[', ']']);
        match (Arch::of_lxc(&name.to_ascii_lowercase()), name.to_ascii_lowercase().as_str()) {
            (_, "all") => self.only = None,
            (Some(arch), _) => self.only = Some(arch),
            (None, _) => {
                let near = did_you_mean(name, Arch::ALL.iter().map(|arch| arch.lxc()).chain(["all"]));
                self.problem(line, column, &format!("{block} is no architecture{near}"));
            }
        }
    }

    /// `NAME [ACTION] [TEST]…`
    fn rule(&mut self, line: usize, (column, name): Word<'_>, rest: &[Word<'_>], own: Verdict) {
        let (verdict, tests) = self.action(line, rest, own);
        let mut when = Vec::new();
        for (column, test) in joined(tests) {
            match condition(&test) {
                Ok(condition) => when.push(condition),
                Err(problem) => self.problem(line, column, &problem),
            }
        }
        if !Arch::any_has(name) {
            if name.contains(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')) {
                self.problem(line, column, &format!("{name:?} is no name of a system call"));
            }
            self.unknown.push((line, name.to_owned()));
            return;
        }
        self.rules.push(Read { line, rule: Rule::new(verdict, [name]).when(when).on(self.only) });
    }

    /// The action that words begin with, else `own`; and the words behind it.
    fn action<'a, 'b>(&mut self, line: usize, words: &'b [Word<'a>], own: Verdict) -> (Verdict, &'b [Word<'a>]) {
        let Some(((column, word), rest)) = words.split_first() else { return (own, words) };
        if word.starts_with('[') {
            return (own, words);
        }
        if let Some((_, verdict)) = ACTIONS.iter().find(|(known, _)| known == word) {
            return (*verdict, rest);
        }
        if *word != "errno" {
            let names: Vec<&str> = ACTIONS.iter().map(|(known, _)| *known).chain(["errno"]).collect();
            self.problem(line, *column, &format!("{word:?} is no action: they are {}", names.join(", ")));
            return (own, rest);
        }
        let number =
            rest.first().and_then(|(_, number)| number.parse::<u16>().ok()).filter(|number| (1..4096).contains(number));
        match number {
            Some(number) => (Verdict::Errno(Errno::new(number)), rest.get(1..).unwrap_or_default()),
            None => {
                let column = rest.first().map_or(column + word.len(), |(column, _)| *column);
                self.problem(line, column, "behind errno there is an error number, 1 to 4095");
                (own, rest.get(1..).unwrap_or_default())
            }
        }
    }

    /// The rules, without those of calls that another one takes as a whole. Two of those that differ contradict each other.
    fn counting(&mut self) -> Vec<Rule> {
        let mut whole: HashMap<&str, Vec<&Read>> = HashMap::new();
        let mut problems = Vec::new();
        for read in self.rules.iter().filter(|read| read.rule.when.is_empty()) {
            for name in &read.rule.calls {
                let others = whole.entry(name).or_default();
                if let Some(other) = others.iter().find(|other| other.rule.takes_all_of(&read.rule).is_some()) {
                    let (line, says, said, earlier) = (read.line, read.rule.verdict, other.rule.verdict, other.line);
                    problems.push(format!("line {line}, column 1: {name:?}: {says}; but {said} in line {earlier}"));
                }
                others.push(read);
            }
        }
        let taken = |rule: &Rule| {
            let by = |name: &String| {
                whole.get(name.as_str()).is_some_and(|all| all.iter().any(|read| read.rule.meets(rule)))
            };
            !rule.when.is_empty() && rule.calls.iter().any(by)
        };
        let rules = self.rules.iter().filter(|read| !taken(&read.rule)).map(|read| read.rule.clone()).collect();
        self.problems.extend(problems);
        rules
    }
}

/// The words of a line, up to a comment.
fn words(line: &str) -> Vec<Word<'_>> {
    let line = line.split_once('#').map_or(line, |(text, _)| text);
    let mut words = Vec::new();
    let mut rest = line;
    while let Some(begin) = rest.find(|letter: char| !letter.is_whitespace()) {
        let (_, word) = rest.split_at(begin);
        let end = word.find(char::is_whitespace).unwrap_or(word.len());
        let (word, behind) = word.split_at(end);
        words.push((line.len() - word.len() - behind.len() + 1, word));
        rest = behind;
    }
    words
}

/// Tests: words from a `[` to a `]`, put together.
fn joined(words: &[Word<'_>]) -> Vec<(usize, String)> {
    let mut tests: Vec<(usize, String)> = Vec::new();
    for (column, word) in words {
        match tests.last_mut() {
            Some((_, test)) if !test.ends_with(']') => test.push_str(word),
            _ => tests.push((*column, (*word).to_owned())),
        }
    }
    tests
}

/// `[index,value,comparison,mask]`
fn condition(test: &str) -> Result<Condition, String> {
    let inner = test.strip_prefix('[').and_then(|test| test.strip_suffix(']'));
    let parts: Vec<&str> = inner.map(|inner| inner.split(',').map(str::trim).collect()).unwrap_or_default();
    let (index, value, word, mask) = match parts.as_slice() {
        [index, value, word] => (index, value, word, None),
        [index, value, word, mask] => (index, value, word, Some(mask)),
        _ => {
            return Err(format!(
                "{test:?} is no test of an argument: they are [index,value,comparison] or with a mask behind"
            ));
        }
    };
    let index = index
        .parse::<u8>()
        .ok()
        .filter(|index| *index < 6)
        .ok_or(format!("there are arguments 0 to 5, and {index:?} is none"))?;
    let value = number(value)?;
    let known = COMPARISONS.iter().find(|(sign, name, _)| sign == word || name == word);
    let (_, _, compare) = known.ok_or_else(|| {
        let signs: Vec<&str> = COMPARISONS.iter().map(|(sign, ..)| *sign).collect();
        format!("{word:?} is no comparison: they are {}", signs.join(" "))
    })?;
    match (compare, mask) {
        (Some(compare), _) => Ok(Condition { compare: *compare, ..arg(index).eq(value) }),
        (None, Some(mask)) => Ok(arg(index).masked(number(mask)?).eq(value)),
        (None, None) => Err(format!("{word:?} takes a mask behind it")),
    }
}

/// A number as scanf(3) reads it: decimal, 0x…, 0…; negative ones are all of the register.
fn number(text: &str) -> Result<u64, String> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let parsed = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16),
        None if digits.len() > 1 && digits.starts_with('0') => u64::from_str_radix(digits, 8),
        None => digits.parse(),
    };
    let value = parsed.map_err(|_| format!("{text:?} is no number"))?;
    Ok(if negative { value.wrapping_neg() } else { value })
}
