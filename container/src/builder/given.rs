// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a builder was given beside the description, and what is wrong with it.

use skep_caps_sec::Arch;

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

    /// The standard streams that are the terminal.
    pub(super) fn streams(&self) -> impl Iterator<Item = Stream> {
        self.spec.process.terminal.iter().flat_map(|terminal| &terminal.streams).copied()
    }
}
