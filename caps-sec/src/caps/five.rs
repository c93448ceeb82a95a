// SPDX-License-Identifier: MIT OR Apache-2.0
//! The five sets that the kernel keeps for each thread.
//!
//! What a thread may do now is its *effective* set; what it may put in force its *permitted* one. The other three rule
//! what a program has that it executes: a program of root gets everything that is *inheritable* or in the *bounding* set,
//! a program of another user gets the *ambient* set alone (and what its file gives it within the bounding set).
//!
//! Man: capabilities(7), "Transformation of capabilities during execve()". Kernel: security/commoncap.c.

use std::fmt;

use super::{Cap, CapSet};
use crate::error::{Error, Object};

/// The five sets of capabilities of a thread.
///
/// ```
/// use skep_caps_sec::{Cap, Capabilities, CapSet};
///
/// let web = Capabilities::exactly(CapSet::from([Cap::NET_BIND_SERVICE]));
/// assert!(web.ambient.is_empty());
/// // For a program that is not root's: it gets what is ambient.
/// assert_eq!(web.with_ambient().ambient, CapSet::from([Cap::NET_BIND_SERVICE]));
/// ```
///
/// With the feature `serde` it is five lists of names; a list that is left out is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct Capabilities {
    /// What no program of this thread, nor of those that it starts, can ever get by an exec is what is not in here. It
    /// does not limit what the thread itself has.
    #[doc(alias = "CapBnd")]
    pub bounding: CapSet,
    /// What the thread may put in force.
    #[doc(alias = "CapPrm")]
    pub permitted: CapSet,
    /// What is in force: what the kernel asks for.
    #[doc(alias = "CapEff")]
    pub effective: CapSet,
    /// What a program gets whose file has it as inheritable; root's programs do.
    #[doc(alias = "CapInh")]
    pub inheritable: CapSet,
    /// What an ordinary program of an ordinary user gets.
    #[doc(alias = "CapAmb")]
    pub ambient: CapSet,
}

impl Capabilities {
    /// No capability in any set: a program of root has no more rights than others, and no setuid program gives it any.
    #[must_use]
    pub const fn none() -> Self {
        Self::exactly(CapSet::empty())
    }

    /// Exactly these for a program of root: bounding, permitted and effective, and nothing inheritable or ambient.
    ///
    /// A program of another user has none of them, see [`with_ambient`](Self::with_ambient).
    #[must_use]
    pub const fn exactly(set: CapSet) -> Self {
        let empty = CapSet::empty();
        Self { bounding: set, permitted: set, effective: set, inheritable: empty, ambient: empty }
    }

    /// What is permitted is made inheritable and ambient as well, and so in force in the programs of every user.
    ///
    /// For a program that does not run as root; it then has what root would, and so has every program that it starts.
    #[must_use]
    pub const fn with_ambient(self) -> Self {
        Self { inheritable: self.permitted, ambient: self.permitted, ..self }
    }

    /// What is there of these if no more than `available` can be given, and what had to be left out.
    ///
    /// For who would rather run with less than not run: root may lack capabilities, as in a container of somebody else's.
    /// `available` is the bounding set of the caller ([`current`](Self::current)), or everything in a new user namespace.
    #[must_use]
    pub fn limited_to(self, available: CapSet) -> (Self, CapSet) {
        (self.each(|set| set & available), self.lacking(available))
    }

    /// What is asked for, in any of the sets, and not in `available`: if it is not empty, these cannot be had.
    #[must_use]
    pub fn lacking(&self, available: CapSet) -> CapSet {
        self.any() - available
    }

    /// What is asked for, in any of the sets, and does not exist in a kernel whose last capability is `last`
    /// ([`Cap::last`]).
    #[must_use]
    pub fn unknown_to(&self, last: Cap) -> CapSet {
        self.lacking(CapSet::up_to(last))
    }

    /// Everything wrong with the sets by themselves, a sentence each: what the kernel would refuse, and what a program
    /// would lose without anybody saying so.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let rules = [
            ("permitted", self.permitted, self.bounding, "in the bounding set: lost with the exec"),
            ("effective", self.effective, self.permitted, "permitted: only that can be in force"),
            ("inheritable", self.inheritable, self.bounding, "in the bounding set: the kernel demands it"),
            ("ambient", self.ambient, self.permitted, "permitted: the kernel demands it"),
            ("ambient", self.ambient, self.inheritable, "inheritable: the kernel demands it"),
        ];
        let broken = rules.into_iter().filter(|(_, set, within, _)| !set.is_subset(*within));
        broken.map(|(place, set, within, rule)| format!("{place}: {} not {rule}", are(set - within))).collect()
    }

    /// Whether the sets make sense by themselves. What this kernel has, and the caller may give, is not asked.
    ///
    /// # Errors
    /// `Invalid`, with every [problem](Self::problems).
    pub fn check(&self) -> Result<(), Error> {
        let problems = self.problems();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid("use", Object::Named("capabilities"), problems)) }
    }

    /// What is in any of the sets.
    fn any(&self) -> CapSet {
        self.bounding | self.permitted | self.effective | self.inheritable | self.ambient
    }

    fn each(self, change: impl Fn(CapSet) -> CapSet) -> Self {
        Self {
            bounding: change(self.bounding),
            permitted: change(self.permitted),
            effective: change(self.effective),
            inheritable: change(self.inheritable),
            ambient: change(self.ambient),
        }
    }
}

/// "net_raw is", "net_raw, kill are".
fn are(set: CapSet) -> String {
    format!("{set} {}", if set.len() == 1 { "is" } else { "are" })
}

impl fmt::Display for Capabilities {
    /// A line a set, as in /proc/PID/status, with names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "bounding: {}", self.bounding)?;
        writeln!(f, "permitted: {}", self.permitted)?;
        writeln!(f, "effective: {}", self.effective)?;
        writeln!(f, "inheritable: {}", self.inheritable)?;
        write!(f, "ambient: {}", self.ambient)
    }
}
