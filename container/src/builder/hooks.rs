// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is run around the container.

use std::path::PathBuf;

use super::Builder;
use crate::spec::{Hook, Moment};

impl Builder {
    /// Has a program of this machine be run at this moment of the container's life, after those that were said for it so far.
    /// See [`Hook`] for how it is run, and [`Moment`] for when.
    ///
    /// The caller's thread waits for it, as long as its [timeout](Hook::timeout) lets it.
    #[doc(alias = "lxc.hook")]
    pub fn hook(mut self, moment: Moment, hook: Hook) -> Self {
        self.spec.hooks.of_mut(moment).push(hook);
        self
    }

    /// The directory that the description comes from, an absolute path: what hooks are told as the bundle. By default that of
    /// the container's state, if it has a name. [`oci::Bundle`](crate::oci::Bundle) says its own.
    pub fn bundle(mut self, directory: impl Into<PathBuf>) -> Self {
        self.spec.bundle = Some(directory.into());
        self
    }
}
