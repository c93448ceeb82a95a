// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses with the length of their network's prefix, of either version.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::error::{Error, Object};
use crate::words::shown;

/// An address and how many of its first bits are its network's: an address of a link (`10.0.3.7/24`), or, where all other
/// bits are zero, a network (`10.0.3.0/24`).
///
/// Displays, and parses, as that; without a length it is one address alone.
///
/// ```
/// use skep_ns::net::Cidr;
///
/// let address: Cidr = "10.0.3.7/24".parse()?;
/// assert_eq!(address.network().to_string(), "10.0.3.0/24");
/// assert_eq!(address.last().to_string(), "10.0.3.255");
/// assert!(address.contains("10.0.3.200".parse().unwrap()) && !address.is_network());
/// assert!("10.0.3.7/33".parse::<Cidr>().is_err());
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
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// An address with a prefix of so many bits; a length above that of the address (32 or 128) is `None`.
    #[must_use]
    pub fn new(address: impl Into<IpAddr>, prefix: u8) -> Option<Self> {
        let address = address.into();
        (prefix <= bits(address)).then_some(Self { address, prefix })
    }

    /// One address alone.
    #[must_use]
    pub fn single(address: impl Into<IpAddr>) -> Self {
        let address = address.into();
        Self { address, prefix: bits(address) }
    }

    /// Every address of the version of `like`.
    #[must_use]
    pub fn everything(like: IpAddr) -> Self {
        let address = if like.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        Self { address, prefix: 0 }
    }

    /// The address.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// How many of its bits are its network's.
    #[must_use]
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether it is of version 4.
    #[must_use]
    pub const fn is_ipv4(self) -> bool {
        self.address.is_ipv4()
    }

    /// Its network: the address with zeros behind the prefix.
    #[must_use]
    pub fn network(self) -> Self {
        Self { address: self.at(self.number() & !self.rest()), prefix: self.prefix }
    }

    /// Whether it is a network: nothing but zeros behind the prefix.
    #[must_use]
    pub fn is_network(self) -> bool {
        self.number() & self.rest() == 0
    }

    /// The last address of its network: of version 4 that of all.
    #[must_use]
    pub fn last(self) -> IpAddr {
        self.at(self.number() | self.rest())
    }

    /// Whether an address is in its network.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.is_ipv4() && number(address) & !self.rest() == self.number() & !self.rest()
    }

    /// Whether some address is in both networks.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.network().address) || other.contains(self.network().address)
    }

    /// The address as a number, its first bit the highest.
    pub(super) fn number(self) -> u128 {
        number(self.address)
    }

    /// Ones where the prefix has nothing to say.
    pub(super) fn rest(self) -> u128 {
        let free = u32::from(bits(self.address).saturating_sub(self.prefix));
        1_u128.checked_shl(free).map_or(u128::MAX, |one| one.wrapping_sub(1))
    }

    /// The address of this number, of the same version.
    #[allow(clippy::cast_possible_truncation, reason = "the number of an address of version 4 has 32 bits")]
    pub(super) fn at(self, number: u128) -> IpAddr {
        match self.address {
            IpAddr::V4(_) => Ipv4Addr::from_bits(number as u32).into(),
            IpAddr::V6(_) => Ipv6Addr::from_bits(number).into(),
        }
    }
}

/// How many bits an address has.
const fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl From<IpAddr> for Cidr {
    fn from(address: IpAddr) -> Self {
        Self::single(address)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Cidr {
    type Err = Error;

    /// Reads an address, and behind a `/` the length of its prefix in decimal digits.
    ///
    /// # Errors
    /// `Invalid`, with what is wrong.
    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |problem| Error::invalid("parse", Object::Named("an address"), vec![problem]);
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let parsed = address.parse::<IpAddr>();
        let address = parsed.map_err(|_| invalid(format!("{} is no address of IP", shown(address))))?;
        let Some(prefix) = prefix else { return Ok(Self::single(address)) };
        let digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
        let length = if digits { prefix.parse().ok() } else { None };
        length.and_then(|length| Self::new(address, length)).ok_or_else(|| {
            let most = bits(address);
            invalid(format!("{} is no length of a prefix: it is from 0 to {most} with {address}", shown(prefix)))
        })
    }
}

#[cfg(feature = "serde")]
impl TryFrom<String> for Cidr {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

#[cfg(feature = "serde")]
impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "what the tests call fails them by a panic")]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_and_the_network_is_where_it_should_be(address in any::<IpAddr>(), prefix in 0..=128_u8) {
            let Some(cidr) = Cidr::new(address, prefix) else {
                prop_assert!(address.is_ipv4() && prefix > 32);
                return Ok(());
            };
            prop_assert_eq!(cidr.to_string().parse::<Cidr>().unwrap(), cidr);
            let network = cidr.network();
            prop_assert!(network.is_network() && network.contains(address) && network.contains(cidr.last()));
            prop_assert!(network.address() <= address && address <= cidr.last());
            prop_assert!(cidr.overlaps(network) && network.overlaps(Cidr::single(address)));
            if let Some(after) = number(cidr.last()).checked_add(1).filter(|_| !address.is_ipv4()) {
                prop_assert!(!network.contains(cidr.at(after)));
            }
        }

        #[test]
        fn no_text_breaks_the_reading(text in ".{0,30}") {
            if let Ok(cidr) = text.parse::<Cidr>() {
                prop_assert_eq!(cidr.to_string().parse::<Cidr>().unwrap(), cidr);
            }
        }
    }

    #[test]
    fn what_is_no_address_or_prefix_is_refused() {
        for bad in [
            "",
            "10.0.0.1/33",
            "10.0.0.1/",
            "10.0.0.1/+8",
            "10.0.0.1/-1",
            "10.0.0/8",
            "::1/129",
            "::1/64/64",
            "10.0.0.1/256",
        ] {
            assert_eq!(bad.parse::<Cidr>().unwrap_err().problems().len(), 1, "{bad}");
        }
    }
}
