// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a builder was given beside the description, and what is wrong with it.

use super::Builder;
use crate::spec::Stream;

impl Builder {
    /// What is wrong with what is not in the description.
    pub(super) fn problems(&self) -> Vec<String> {
        let state_root = self.state_root.iter().filter(|path| !path.is_absolute());
        let state_root = state_root.map(|path| format!("state_root: {path:?} must be an absolute path"));
        state_root.chain(self.launch.problems(self.spec.process.terminal.as_ref())).collect()
    }

    /// The standard streams that are the terminal.
    pub(super) fn streams(&self) -> impl Iterator<Item = Stream> {
        self.spec.process.terminal.iter().flat_map(|terminal| &terminal.streams).copied()
    }
}
