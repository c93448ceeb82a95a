// SPDX-License-Identifier: MIT OR Apache-2.0
//! Undoing: what was made of a group goes again unless all of it could be made.

use std::ffi::OsString;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, unlinkat};

/// Directories that were made, each with the one it is in; removed on drop, the last first.
#[derive(Debug, Default)]
pub(super) struct Undo(Vec<(OwnedFd, OsString)>);

impl Undo {
    /// Notes a directory that was made.
    pub(super) fn push(&mut self, above: OwnedFd, name: OsString) {
        self.0.push((above, name));
    }

    /// All went well: what was made stays.
    pub(super) fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        while let Some((above, name)) = self.0.pop() {
            // What is not empty any more is used by somebody else, and stays.
            let _used = unlinkat(&above, &name, AtFlags::REMOVEDIR);
        }
    }
}
