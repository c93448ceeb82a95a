// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of other runtimes: where they differ from the specification, and why that is no fault of a case.

use super::case::Case;

#[derive(Debug)]
pub(super) struct Known {
    /// How the first line of its `--version` begins.
    pub(super) runtime: &'static str,
    /// The name of the case.
    pub(super) case: &'static str,
    pub(super) reason: &'static str,
}

/// Why a runtime of this version is known to fail a case.
pub(super) fn reason(version: &str, case: &Case) -> Option<&'static str> {
    let name = case.name();
    KNOWN.iter().find(|known| version.starts_with(known.runtime) && known.case == name).map(|known| known.reason)
}

/// runc of Debian 12.
const RUNC: &str = "runc version 1.1";

pub(super) const KNOWN: &[Known] = &[
    Known {
        runtime: RUNC,
        case: "config.md#posix-process: two rlimits of one type are an error",
        reason: "it takes the last of them",
    },
    Known {
        runtime: RUNC,
        case: "config.md#linux-process: scheduler is set",
        reason: "it is of a specification before 1.2",
    },
    Known {
        runtime: RUNC,
        case: "config.md#posix-platform-hooks: each is run at its moment, in the listed order",
        reason: "it runs poststart hooks in create",
    },
    Known {
        runtime: RUNC,
        case: "runtime.md#lifecycle: a poststop hook that fails fails nothing, and the others are run",
        reason: "it ends with the first that fails",
    },
    Known {
        runtime: RUNC,
        case: "config-linux.md#devices: one device twice is an error",
        reason: "it takes the last of them",
    },
    Known {
        runtime: RUNC,
        case: "config-linux.md#rootfs-mount-propagation: it is that of the root",
        reason: "it mounts the root itself as private in a private place",
    },
    Known {
        runtime: RUNC,
        case: "config-linux.md#personality: it is that of the program",
        reason: "it does not know personality",
    },
    Known {
        runtime: RUNC,
        case: "config-linux.md#time-offsets: the clocks are moved by them",
        reason: "it does not know time namespaces",
    },
];
