// SPDX-License-Identifier: MIT OR Apache-2.0
//! The neutral description of a container: what is wanted, in our words.
//!
//! A [`Spec`] is a value without descriptors: it can be compared, stored and made into a [`Plan`](crate::Plan) again. The
//! builder makes it; nothing is checked before [`Spec::problems`], which names everything that is wrong at once.

mod validate;

use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use skep_ns::Namespaces;

/// What a container is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Spec {
    /// The namespaces to make, and who is who in the user namespace.
    pub namespaces: Namespaces,
    /// The host name; needs a uts namespace.
    pub hostname: Option<String>,
    /// What is mounted, in this order; needs a mount namespace.
    pub mounts: Vec<Mount>,
    /// The program.
    pub process: Process,
    /// Whether the container dies with the thread that made it.
    pub die_with_caller: bool,
}

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub enum Mount {
    /// What is at `source`, with everything mounted below it, is seen at `target` too.
    Bind {
        /// An absolute path that exists.
        source: PathBuf,
        /// An absolute path that exists, and is a directory if and only if the source is.
        target: PathBuf,
    },
    /// A proc of the new pid namespace.
    Proc {
        /// An absolute path of a directory that exists.
        target: PathBuf,
    },
}

/// The program of a container.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Process {
    /// A path, or a name without a slash that is looked for on the `PATH` of `env`.
    pub program: OsString,
    /// Its arguments, without its name.
    pub args: Vec<OsString>,
    /// Its environment, all of it; of several values of one variable the last counts.
    pub env: Vec<(OsString, OsString)>,
    /// Its working directory, an absolute path; where the caller is by default.
    pub directory: Option<PathBuf>,
    /// Its user and group inside; by default root in a new user namespace, else who the caller is.
    pub user: Option<(u32, u32)>,
    /// Its mask of permissions for new files, 0 to 0o777; the caller's by default.
    pub umask: Option<u32>,
    /// Whether it leads a session of its own, without the caller's terminal.
    pub new_session: bool,
}
