// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a builder was given beside the description, and what is wrong with it.

use skep_caps_sec::{Arch, Resource};

use super::Builder;
use crate::spec::Stream;

/// What tells how long steps take.
const CLOCK: &str = "clock_gettime";

impl Builder {
    /// What is wrong with what is not in the description.
    pub(super) fn problems(&self) -> Vec<String> {
        let state_root = self.state_root.iter().filter(|path| !path.is_absolute());
        let state_root = state_root.map(|path| format!("state_root: {path:?} must be an absolute path"));
        let policy = self.spec.process.rights.seccomp.as_ref().filter(|_| self.profile);
        let asks = policy.is_some_and(|policy| policy.may_ask(Arch::NATIVE, CLOCK, &[]));
        let profile = asks.then(|| format!("profile: the policy asks the supervisor about {CLOCK}, which it takes"));
        let given = self.launch.problems(self.spec.process.terminal.as_ref());
        state_root.chain(given).chain(profile).collect()
    }

    /// What keeps its first process from waiting for others to start it, if it is to.
    pub(super) fn problems_of_leaving(&self) -> Vec<String> {
        if !self.launch.is_left {
            return Vec::new();
        }
        let nameless = self.name.is_none().then(|| "name: without one nobody would find it to start it".to_owned());
        let dies = self.spec.die_with_caller.then(|| {
            "die_with_caller: it is to be started by others, and would not be there any more when they come".to_owned()
        });
        let number = self.launch.free_numbers().next().unwrap_or(i32::MAX);
        let limits = self.spec.process.rights.rlimits.iter().filter(|limit| limit.resource == Resource::Nofile);
        // Who comes is let in by the lowest number that is free by then.
        let least = number.cast_unsigned().saturating_add(1);
        let narrow = limits.filter(|limit| limit.soft.value().is_some_and(|soft| soft < u64::from(least))).map(|limit| {
            format!(
                "process.rights.rlimits: nofile {}: whoever starts it is let in by descriptor {number}: {least} is the least",
                limit.soft
            )
        });
        nameless.into_iter().chain(dies).chain(narrow).collect()
    }

    /// The standard streams that are the terminal.
    pub(super) fn streams(&self) -> impl Iterator<Item = Stream> {
        self.spec.process.terminal.iter().flat_map(|terminal| &terminal.streams).copied()
    }
}
