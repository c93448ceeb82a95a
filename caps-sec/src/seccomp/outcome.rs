// SPDX-License-Identifier: MIT OR Apache-2.0
//! Outcomes: what becomes of one call whatever its arguments, and how two policies differ in it.

use std::fmt;

use super::compile::Fate;
use super::{Arch, Condition, Policy, Verdict};

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// This, whatever its arguments.
    Always(Verdict),
    /// It depends on its arguments.
    Depends {
        /// The first of these whose conditions all hold decides.
        clauses: Vec<(Vec<Condition>, Verdict)>,
        /// What decides if there is none.
        otherwise: Verdict,
    },
}

impl Outcome {
    /// Whether some arguments let the kernel make the call.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Always(verdict) => verdict.lets_through(),
            Self::Depends { clauses, otherwise } => {
                otherwise.lets_through() || clauses.iter().any(|(_, verdict)| verdict.lets_through())
            }
        }
    }
}

impl Policy {
    /// What becomes of the call of this name on an architecture; `None` where that has no such call.
    ///
    /// ```
    /// use skep_caps_sec::{Arch, CapSet, Errno, Outcome, Policy, Verdict};
    ///
    /// let policy = Policy::standard(CapSet::standard());
    /// let mount = policy.outcome(Arch::NATIVE, "mount");
    /// assert_eq!(mount, Some(Outcome::Always(Verdict::Errno(Errno::PERM))));
    /// ```
    #[must_use]
    pub fn outcome(&self, arch: Arch, name: &str) -> Option<Outcome> {
        arch.number_of(name)?;
        Some(self.outcome_of(self.fates(arch).remove(name), name))
    }

    fn outcome_of(&self, fate: Option<Fate<'_>>, name: &str) -> Outcome {
        match fate {
            Some(Fate::Is(verdict)) => Outcome::Always(verdict),
            Some(Fate::Depends(clauses, otherwise)) => {
                // One without a condition is the last that counts.
                let counting = clauses.iter().take_while(|(when, ..)| !when.is_empty());
                let counting: Vec<_> = counting.map(|(when, verdict, _)| (when.to_vec(), *verdict)).collect();
                let otherwise = clauses.get(counting.len()).map_or(otherwise, |(_, verdict, _)| *verdict);
                Outcome::Depends { clauses: counting, otherwise }
            }
            None if name == "clone3" => Outcome::Always(self.of_unknown()),
            None => Outcome::Always(self.default),
        }
    }

    /// Whether a supervisor may be asked about the call of this name on an architecture, where its first arguments are
    /// these; `None` is one that is not known, whose conditions may hold and may not.
    ///
    /// ```
    /// use skep_caps_sec::{Arch, Policy, Rule, Verdict, arg};
    ///
    /// let reading = Rule::new(Verdict::Notify, ["openat"]).when([arg(2).masked(3).eq(0)]);
    /// let policy = Policy::allow_all().rule(reading);
    /// assert!(policy.may_ask(Arch::NATIVE, "openat", &[]));
    /// assert!(!policy.may_ask(Arch::NATIVE, "openat", &[None, None, Some(1)]));
    /// ```
    #[must_use]
    #[doc(alias = "SECCOMP_RET_USER_NOTIF")]
    pub fn may_ask(&self, arch: Arch, name: &str, args: &[Option<u64>]) -> bool {
        if arch.number_of(name).is_none() {
            return false;
        }
        let known = |number: u8| args.get(usize::from(number)).copied().flatten();
        match self.fates(arch).remove(name) {
            Some(Fate::Is(verdict)) => verdict == Verdict::Notify,
            Some(Fate::Depends(clauses, otherwise)) => {
                for (when, verdict, name) in clauses {
                    // Of each condition, whether it holds, where that is certain.
                    let holds = |condition: &Condition| {
                        let Condition { arg, mask, compare, value } = condition.of_call(name);
                        known(arg).map(|is| compare.holds(is & mask, value))
                    };
                    let cannot_hold = when.iter().any(|condition| holds(condition) == Some(false));
                    if !cannot_hold && verdict == Verdict::Notify {
                        return true;
                    }
                    if when.iter().all(|condition| holds(condition) == Some(true)) {
                        return false;
                    }
                }
                otherwise == Verdict::Notify
            }
            None => self.outcome_of(None, name) == Outcome::Always(Verdict::Notify),
        }
    }

    /// What becomes of every call of an architecture, in the order of the numbers.
    pub(super) fn outcomes(&self, arch: Arch) -> Vec<(&'static str, Outcome)> {
        let mut fates = self.fates(arch);
        arch.calls().iter().map(|(_, name)| (*name, self.outcome_of(fates.remove(name), name))).collect()
    }

    /// What becomes of other calls by `other` than by this policy: of each architecture that both are for, and of calls
    /// that are not known, which have the name "(unknown)".
    ///
    /// ```
    /// use skep_caps_sec::{Cap, CapSet, Policy};
    ///
    /// let changes = Policy::standard(CapSet::empty()).diff(&Policy::standard(Cap::SYS_TIME.into()));
    /// let settimeofday = changes.iter().find(|change| change.call == "settimeofday").map(ToString::to_string);
    /// assert!(settimeofday.is_some_and(|text| text.ends_with("settimeofday: deny with EPERM → allow")));
    /// ```
    #[must_use]
    pub fn diff(&self, other: &Self) -> Vec<PolicyChange> {
        let mut changes = Vec::new();
        for arch in self.compiled_for().iter().filter(|arch| other.compiled_for().contains(arch)) {
            let (before, after) = (self.outcomes(*arch), other.outcomes(*arch));
            for ((call, before), (_, after)) in before.into_iter().zip(after) {
                if before != after {
                    changes.push(PolicyChange { arch: *arch, call, before, after });
                }
            }
            let [before, after] = [self, other].map(|policy| Outcome::Always(policy.of_unknown()));
            if before != after {
                changes.push(PolicyChange { arch: *arch, call: "(unknown)", before, after });
            }
        }
        changes
    }
}

/// A call of which two policies say different things.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PolicyChange {
    /// The architecture.
    pub arch: Arch,
    /// The call.
    pub call: &'static str,
    /// What becomes of it by the first.
    pub before: Outcome,
    /// By the second.
    pub after: Outcome,
}

/// "x86_64 mount: deny with EPERM → allow"
impl fmt::Display for PolicyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {} → {}", self.arch, self.call, self.before, self.after)
    }
}

/// "allow if arg 0 == 1; else deny with EPERM"
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always(verdict) => verdict.fmt(f),
            Self::Depends { clauses, otherwise } => {
                for (when, verdict) in clauses {
                    let when: Vec<String> = when.iter().map(Condition::to_string).collect();
                    write!(f, "{verdict} if {}; else ", when.join(" and "))?;
                }
                otherwise.fmt(f)
            }
        }
    }
}
