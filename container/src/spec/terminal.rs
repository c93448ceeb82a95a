// SPDX-License-Identifier: MIT OR Apache-2.0
//! The terminal that a program is to have.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A terminal of the container's own for its program.
///
/// It is made in the container's devpts by the program's user, and is the terminal of the session that the program leads, or
/// its init: what `/dev/tty` is, whose keys make signals, and whose end is a hang-up. Which of the standard streams are it
/// is another question.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TerminalSpec {
    /// The standard streams that are the terminal; the others lead where they would without one.
    pub streams: BTreeSet<Stream>,
    /// Rows and columns, in characters; what it has is unset, and reads as 0 by 0, by default.
    pub size: Option<(u16, u16)>,
}

/// A standard stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Descriptor 0.
    Stdin,
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

impl Stream {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Stdin, Self::Stdout, Self::Stderr];

    /// The number of its descriptor.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Stdin => 0,
            Self::Stdout => 1,
            Self::Stderr => 2,
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stdin => "stdin",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        })
    }
}

impl TerminalSpec {
    /// The streams as the launcher takes them: bit n for descriptor n.
    pub(crate) fn bits(&self) -> u32 {
        self.streams.iter().fold(0, |bits, stream| bits | 1 << stream.number())
    }
}
