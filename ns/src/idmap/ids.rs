// SPDX-License-Identifier: MIT OR Apache-2.0
//! Halves: users and groups, which obey the same rules under different names.

use std::ffi::CStr;

/// One half of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ids {
    Users,
    Groups,
}

impl Ids {
    /// The word in a sentence.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Users => "uid",
            Self::Groups => "gid",
        }
    }

    /// The file in `/proc/PID`.
    pub(super) const fn map_file(self) -> &'static CStr {
        match self {
            Self::Users => c"uid_map",
            Self::Groups => c"gid_map",
        }
    }

    /// The same file of this thread: which ids its own namespace has.
    pub(super) const fn own_map_file(self) -> &'static CStr {
        match self {
            Self::Users => c"/proc/thread-self/uid_map",
            Self::Groups => c"/proc/thread-self/gid_map",
        }
    }

    /// The setuid program that writes it.
    pub(super) const fn helper(self) -> &'static str {
        match self {
            Self::Users => "newuidmap",
            Self::Groups => "newgidmap",
        }
    }

    /// The file that says what the helper may grant.
    pub(super) const fn subid_file(self) -> &'static str {
        match self {
            Self::Users => "/etc/subuid",
            Self::Groups => "/etc/subgid",
        }
    }

    /// The operation in an error: "cannot write the uid map of process 7".
    pub(super) const fn write_op(self) -> &'static str {
        match self {
            Self::Users => "write the uid map of",
            Self::Groups => "write the gid map of",
        }
    }
}
