// SPDX-License-Identifier: MIT OR Apache-2.0
//! The set: any of 64 capabilities, in the kernel's bits.
//!
//! A [`CapSet`] is a number with the algebra of sets: `|` is union, `&` intersection, `-` difference, `^` what is in one alone.
//!
//! Man: capabilities(7).

use std::fmt;
use std::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, BitXor, Sub, SubAssign};
use std::str::FromStr;

use super::Cap;
use crate::error::{Error, Object};

/// A set of capabilities.
///
/// Displays as a list of names, or "none", or "all"; parses from that, with commas, spaces or both between, and from ranges
/// of numbers ("41-63"): those that have no name yet can be given no other way. With the feature `serde` it is a list of
/// names.
///
/// ```
/// use skep_caps_sec::{Cap, CapSet};
///
/// let web = CapSet::from([Cap::NET_BIND_SERVICE, Cap::CHOWN]) | Cap::KILL.into();
/// assert_eq!(web.to_string(), "chown, kill, net_bind_service");
/// assert!(web.is_subset(CapSet::standard()));
/// assert_eq!("CAP_KILL,chown".parse::<CapSet>()?, web.without(Cap::NET_BIND_SERVICE));
/// # Ok::<(), skep_caps_sec::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(from = "Vec<Cap>", into = "Vec<Cap>")
)]
pub struct CapSet(u64);

/// What Docker, Podman before 4.4 and containerd give to a program of root that asks for nothing.
#[rustfmt::skip] // A table.
const STANDARD: [Cap; 14] = [
    Cap::CHOWN,            // Package managers and daemons give away the files that they make.
    Cap::DAC_OVERRIDE,     // Root expects to read its own machine's files.
    Cap::FSETID,           // Unpacking keeps the set-user-ID bit of what is written.
    Cap::FOWNER,           // Root expects to chmod what others own.
    Cap::MKNOD,            // Pipes need none, device files do; which of them open is another guard's job.
    Cap::NET_RAW,          // ping, where net.ipv4.ping_group_range is not set. It can also forge packets.
    Cap::SETGID,           // Daemons start as root and become somebody;
    Cap::SETUID,           // so do su and sudo.
    Cap::SETFCAP,          // Package managers give capabilities to files.
    Cap::SETPCAP,          // Daemons drop what they do not need from their bounding set.
    Cap::NET_BIND_SERVICE, // Web servers listen on 80 and 443.
    Cap::SYS_CHROOT,       // sshd and others lock themselves in.
    Cap::KILL,             // Supervisors signal the daemons that have become somebody else.
    Cap::AUDIT_WRITE,      // login and sshd report to the audit log.
];

impl CapSet {
    /// No capability.
    #[must_use]
    pub const fn empty() -> Self {
        Self(0)
    }

    /// Every capability that has a name here. A newer kernel may have more: [`up_to`](Self::up_to).
    #[must_use]
    pub const fn all() -> Self {
        Self::up_to(Cap::CHECKPOINT_RESTORE)
    }

    /// Every capability up to and with this one: with [`Cap::last`], all of the running kernel's.
    #[must_use]
    pub const fn up_to(last: Cap) -> Self {
        Self(u64::MAX >> (63 - last.number()))
    }

    /// The fourteen that Docker gives by default: what programs of root have come to expect, and what does not lead out
    /// of namespaces by itself.
    ///
    /// chown, dac_override, fowner, fsetid (files of others), kill, setgid, setuid (becoming somebody), setpcap, setfcap
    /// (having and giving less), net_bind_service, net_raw, sys_chroot, mknod, audit_write.
    #[must_use]
    pub fn standard() -> Self {
        STANDARD.into_iter().collect()
    }

    /// The set of these bits, as in the lines of /proc/PID/status.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its bits: `1 << number` for each.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The set with `cap` too.
    #[must_use]
    pub const fn with(self, cap: Cap) -> Self {
        Self(self.0 | 1 << cap.number())
    }

    /// The set but `cap`.
    #[must_use]
    pub const fn without(self, cap: Cap) -> Self {
        Self(self.0 & !(1 << cap.number()))
    }

    /// Whether `cap` is in the set.
    #[must_use]
    pub const fn contains(self, cap: Cap) -> bool {
        self.0 >> cap.number() & 1 == 1
    }

    /// Whether everything in this set is in `other`.
    #[must_use]
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether there is no capability in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many capabilities are in the set.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The capabilities in the set, in the order of their numbers.
    #[must_use]
    pub const fn iter(self) -> CapSetIter {
        CapSetIter(self.0)
    }
}

/// The capabilities of a [`CapSet`], in the order of their numbers.
#[derive(Debug, Clone)]
pub struct CapSetIter(u64);

impl Iterator for CapSetIter {
    type Item = Cap;

    fn next(&mut self) -> Option<Cap> {
        // 64 for an empty set, which is no capability.
        let next = Cap::new(u8::try_from(self.0.trailing_zeros()).ok()?)?;
        self.0 &= self.0 - 1;
        Some(next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.0.count_ones()).unwrap_or_default();
        (left, Some(left))
    }
}

impl ExactSizeIterator for CapSetIter {}

impl IntoIterator for CapSet {
    type Item = Cap;
    type IntoIter = CapSetIter;

    fn into_iter(self) -> CapSetIter {
        self.iter()
    }
}

impl FromIterator<Cap> for CapSet {
    fn from_iter<I: IntoIterator<Item = Cap>>(caps: I) -> Self {
        caps.into_iter().fold(Self::empty(), Self::with)
    }
}

impl Extend<Cap> for CapSet {
    fn extend<I: IntoIterator<Item = Cap>>(&mut self, caps: I) {
        *self |= caps.into_iter().collect();
    }
}

impl<const N: usize> From<[Cap; N]> for CapSet {
    fn from(caps: [Cap; N]) -> Self {
        caps.into_iter().collect()
    }
}

impl From<Vec<Cap>> for CapSet {
    fn from(caps: Vec<Cap>) -> Self {
        caps.into_iter().collect()
    }
}

impl From<CapSet> for Vec<Cap> {
    fn from(set: CapSet) -> Self {
        set.iter().collect()
    }
}

impl From<Cap> for CapSet {
    fn from(cap: Cap) -> Self {
        Self::empty().with(cap)
    }
}

impl BitOr for CapSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for CapSet {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Sub for CapSet {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// What is in one of them alone.
impl BitXor for CapSet {
    type Output = Self;

    fn bitxor(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl BitOrAssign for CapSet {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl BitAndAssign for CapSet {
    fn bitand_assign(&mut self, other: Self) {
        *self = *self & other;
    }
}

impl SubAssign for CapSet {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl CapSet {
    /// "41-63": numbers alone, the lower one first.
    fn range(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
        let (first, last) = (Cap::new(number(first)?)?, Cap::new(number(last)?)?);
        (first <= last).then(|| Self(Self::up_to(last).0 & u64::MAX << first.number()))
    }
}

impl fmt::Display for CapSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        if *self == Self::all() {
            return f.write_str("all");
        }
        for (at, cap) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{cap}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for CapSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CapSet({self})")
    }
}

impl FromStr for CapSet {
    type Err = Error;

    /// Reads names, numbers or ranges of numbers with commas or white space between, or "none", or "all".
    ///
    /// # Errors
    /// `Invalid`, naming every word that is no capability.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text.trim() {
            "none" => return Ok(Self::empty()),
            "all" => return Ok(Self::all()),
            _ => {}
        }
        let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
        let (mut set, mut problems) = (Self::empty(), Vec::new());
        for word in words {
            match Cap::parse(word).map(Self::from).or_else(|| Self::range(word)) {
                Some(caps) => set |= caps,
                None => problems.push(format!("{word:?} is no capability{}", Cap::near(word))),
            }
        }
        if problems.is_empty() {
            Ok(set)
        } else {
            Err(Error::invalid("parse", Object::Named("capabilities"), problems))
        }
    }
}
