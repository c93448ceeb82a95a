// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conditions: what an argument of a system call must be for a rule to hold.
//!
//! Registers have 64 bits, and 64 are compared. But many arguments are of 32 bits to the kernel, which ignores the upper
//! half: there a caller can set bits that make no difference to the kernel and all the difference to a comparison
//! (CVE-2019-10063: an ioctl number with bit 32 set). [`Arg::low`] compares what such an argument is to the kernel; for the
//! calls of [`NARROW`] that is done unasked.

use std::fmt;

/// Arguments that the kernel takes as 32 bits, of the calls that policies judge by their arguments: they are compared by
/// their lower half, whatever a condition says.
pub(super) const NARROW: [(&str, u8); 12] = [
    ("fcntl", 1),
    ("ioctl", 1),
    ("keyctl", 0),
    ("personality", 0),
    ("prctl", 0),
    ("setns", 1),
    ("socket", 0),
    ("socket", 1),
    ("socket", 2),
    ("socketpair", 0),
    ("socketpair", 1),
    ("socketpair", 2),
];

/// The lower half of a register.
pub(super) const LOW: u64 = 0xffff_ffff;

/// An argument of a system call, to be compared.
#[derive(Debug, Clone, Copy)]
#[must_use = "an argument is no condition before it is compared"]
pub struct Arg {
    number: u8,
    mask: u64,
}

/// The argument of this number, 0 to 5.
///
/// All 64 bits of it are compared, but for those arguments of fcntl, ioctl, keyctl, personality, prctl, setns, socket and
/// socketpair that the kernel takes as 32 bits: an ioctl's number, a socket's family. Of other calls, say so by
/// [`low`](Arg::low) where the kernel takes an `int`.
///
/// ```
/// use skep_caps_sec::{Policy, arg};
///
/// const CLONE_NEWUSER: u64 = 0x1000_0000;
/// let policy = Policy::allow_all().deny_if(["unshare"], [arg(0).masked(CLONE_NEWUSER).ne(0)]);
/// assert!(policy.problems().is_empty());
/// ```
pub const fn arg(number: u8) -> Arg {
    Arg { number, mask: u64::MAX }
}

impl Arg {
    /// These bits of it alone.
    pub const fn masked(self, bits: u64) -> Self {
        Self { mask: self.mask & bits, ..self }
    }

    /// Its lower 32 bits alone: all that the kernel sees of an `int`, of a descriptor, of an ioctl's number.
    pub const fn low(self) -> Self {
        self.masked(LOW)
    }

    /// Is `value`.
    #[must_use]
    pub const fn eq(self, value: u64) -> Condition {
        self.compared(Compare::Eq, value)
    }

    /// Is not `value`.
    #[must_use]
    pub const fn ne(self, value: u64) -> Condition {
        self.compared(Compare::Ne, value)
    }

    /// Is less than `value`; numbers are without a sign.
    #[must_use]
    pub const fn lt(self, value: u64) -> Condition {
        self.compared(Compare::Lt, value)
    }

    /// Is `value` at most.
    #[must_use]
    pub const fn le(self, value: u64) -> Condition {
        self.compared(Compare::Le, value)
    }

    /// Is more than `value`.
    #[must_use]
    pub const fn gt(self, value: u64) -> Condition {
        self.compared(Compare::Gt, value)
    }

    /// Is `value` at least.
    #[must_use]
    pub const fn ge(self, value: u64) -> Condition {
        self.compared(Compare::Ge, value)
    }

    const fn compared(self, compare: Compare, value: u64) -> Condition {
        Condition { arg: self.number, mask: self.mask, compare, value }
    }
}

/// How an argument is compared with a value; both are numbers without a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Compare {
    /// It is the value.
    Eq,
    /// It is not the value.
    Ne,
    /// It is less.
    Lt,
    /// It is the value or less.
    Le,
    /// It is more.
    Gt,
    /// It is the value or more.
    Ge,
}

impl Compare {
    /// Whether it holds.
    #[must_use]
    pub const fn holds(self, is: u64, value: u64) -> bool {
        match self {
            Self::Eq => is == value,
            Self::Ne => is != value,
            Self::Lt => is < value,
            Self::Le => is <= value,
            Self::Gt => is > value,
            Self::Ge => is >= value,
        }
    }
}

/// What an argument must be: [`arg`] makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Condition {
    /// The argument's number, 0 to 5.
    pub arg: u8,
    /// The bits of it that are compared; all 64 by default.
    #[cfg_attr(feature = "serde", serde(default = "all_bits"))]
    pub mask: u64,
    /// How.
    pub compare: Compare,
    /// With what.
    pub value: u64,
}

#[cfg(feature = "serde")]
const fn all_bits() -> u64 {
    u64::MAX
}

impl Condition {
    /// The condition as it is meant for the call `name`: of what the kernel takes as 32 bits, no others are compared.
    pub(super) fn of_call(mut self, name: &str) -> Self {
        if NARROW.contains(&(name, self.arg)) {
            self.mask &= LOW;
        }
        self
    }

    /// What is wrong with it, in a sentence without its place.
    pub(super) fn problem(&self) -> Option<String> {
        let Self { arg, mask, compare, value } = *self;
        if arg > 5 {
            return Some(format!("argument {arg} is none: they are numbered from 0 to 5"));
        }
        // What is compared is from 0 to the mask; nothing else needs to be known of it.
        let never = match compare {
            Compare::Eq => value & !mask != 0,
            Compare::Lt => value == 0,
            Compare::Gt => value >= mask,
            Compare::Ge => value > mask,
            Compare::Ne | Compare::Le => false,
        };
        never.then(|| format!("{self} can never hold"))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { arg, mask, compare, value } = *self;
        match mask {
            u64::MAX => write!(f, "arg {arg}")?,
            LOW => write!(f, "low half of arg {arg}")?,
            mask => write!(f, "arg {arg} & {mask:#x}")?,
        }
        let sign = match compare {
            Compare::Eq => "==",
            Compare::Ne => "!=",
            Compare::Lt => "<",
            Compare::Le => "<=",
            Compare::Gt => ">",
            Compare::Ge => ">=",
        };
        if value < 10 { write!(f, " {sign} {value}") } else { write!(f, " {sign} {value:#x}") }
    }
}
