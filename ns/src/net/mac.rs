// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hardware addresses of links, of six bytes.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Object};
use crate::words::shown;

/// The hardware address of a link as Ethernet has it.
///
/// Displays, and parses, as `02:00:5e:10:00:07`. See packet(7).
///
/// ```
/// use skep_ns::net::MacAddress;
///
/// let address: MacAddress = "02:00:5e:10:00:07".parse()?;
/// assert_eq!(address.octets()[5], 7);
/// assert!(address.is_local() && !address.is_group());
/// // The same name has the same address on every machine and on every day.
/// assert_eq!(MacAddress::derived("web", &[]), MacAddress::derived("web", &[]));
/// # Ok::<(), skep_ns::Error>(())
/// ```
///
/// With the feature `serde` it is its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(into = "String", try_from = "String")
)]
pub struct MacAddress([u8; 6]);

impl MacAddress {
    /// The address of these bytes.
    #[must_use]
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// Its bytes, in the order in which they are written and sent.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// A random address, of one link, administered locally: no maker has given it to a device.
    ///
    /// # Errors
    /// `Unsupported` or `Denied` where getrandom(2) is not to be had.
    pub fn random() -> Result<Self, Error> {
        let mut octets = [0; 6];
        let flags = rustix::rand::GetRandomFlags::empty();
        rustix::io::retry_on_intr(|| rustix::rand::getrandom(octets.as_mut_slice(), flags))
            .map_err(|errno| Error::os("make", Object::Named("a random hardware address"), errno.raw_os_error()))?;
        Ok(Self(octets).localised())
    }

    /// The address that belongs to a name: always the same, administered locally, and none of those `taken`.
    ///
    /// Two names of a thousand have the same one in one of a hundred million times: give those in use, and the next that is
    /// free is taken, which then depends on them too.
    #[must_use]
    pub fn derived(name: &str, taken: &[Self]) -> Self {
        // FNV-1a, and the mixing of splitmix64, which make of names that differ by one letter numbers that differ all over.
        let start = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        let mut state = start;
        loop {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            let [a, b, c, d, e, f, ..] = mixed.to_le_bytes();
            let address = Self([a, b, c, d, e, f]).localised();
            if !taken.contains(&address) {
                return address;
            }
        }
    }

    /// Whether it is administered locally, not given by a maker of devices.
    #[must_use]
    pub const fn is_local(self) -> bool {
        self.0[0] & 2 != 0
    }

    /// Whether it is that of a group of links, which no link can have as its own.
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }

    const fn localised(mut self) -> Self {
        self.0[0] = (self.0[0] | 2) & !1;
        self
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// What is wrong with it as a link's own.
    pub(crate) fn problem(self) -> Option<String> {
        if self.is_group() {
            return Some(format!("{self} is the address of a group, which no link can have"));
        }
        (self.0 == [0; 6]).then(|| format!("{self} is no link's address"))
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for MacAddress {
    type Err = Error;

    /// Reads six numbers of two hexadecimal digits, with colons or hyphens between them.
    ///
    /// # Errors
    /// `Invalid`, with what is wrong.
    fn from_str(text: &str) -> Result<Self, Error> {
        let fault = || {
            let problem = format!("{} is not six numbers of two hexadecimal digits, as 02:00:5e:10:00:07", shown(text));
            Error::invalid("parse", Object::Named("a hardware address"), vec![problem])
        };
        let separator = if text.contains('-') { '-' } else { ':' };
        let octet = |word: &str| {
            let digits = word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
            digits.then(|| u8::from_str_radix(word, 16).ok()).flatten()
        };
        let octets: Option<Vec<u8>> = text.split(separator).map(octet).collect();
        octets.and_then(|octets| Self::from_bytes(&octets)).ok_or_else(fault)
    }
}

#[cfg(feature = "serde")]
impl TryFrom<String> for MacAddress {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

#[cfg(feature = "serde")]
impl From<MacAddress> for String {
    fn from(address: MacAddress) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "what the tests call fails them by a panic")]
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written_and_others_are_refused() {
        let address = MacAddress::new([2, 0, 0x5e, 0x10, 0, 0xff]);
        assert_eq!(address.to_string(), "02:00:5e:10:00:ff");
        assert_eq!("02-00-5E-10-00-FF".parse::<MacAddress>().unwrap(), address);
        for bad in [
            "",
            "02",
            "02:00:5e:10:00",
            "02:00:5e:10:00:ff:01",
            "2:0:5e:10:0:ff",
            "+2:00:5e:10:00:ff",
            "xx:00:5e:10:00:ff",
        ] {
            assert_eq!(bad.parse::<MacAddress>().unwrap_err().problems().len(), 1, "{bad}");
        }
        assert!(MacAddress::new([1, 0, 0, 0, 0, 1]).problem().is_some());
        assert!(MacAddress::new([0; 6]).problem().is_some());
    }

    #[test]
    fn derived_and_random_addresses_are_local_and_not_taken() {
        let mut taken = Vec::new();
        for _ in 0..100 {
            let address = MacAddress::derived("web", &taken);
            assert!(address.is_local() && !address.is_group() && !taken.contains(&address));
            taken.push(address);
        }
        let many: std::collections::BTreeSet<_> =
            (0..10_000).map(|n| MacAddress::derived(&format!("web{n}"), &[])).collect();
        assert_eq!(many.len(), 10_000);
        // Known for ever: names keep their addresses over versions.
        assert_eq!(MacAddress::derived("web", &[]).to_string(), "ae:5d:84:34:d6:33");
        assert_ne!(MacAddress::random().unwrap(), MacAddress::random().unwrap());
    }
}
