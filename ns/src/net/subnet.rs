// SPDX-License-Identifier: MIT OR Apache-2.0
//! Subnets: account of addresses and networks, as values that touch nothing.
//!
//! A [`Pool`] is a network of which addresses are given out, or smaller networks; what is given out is in the value, which
//! can be kept as text. What is in use on the machine is found by [`conflicts`] with its routes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Cidr;
use super::cidr::number;
use super::route::{Route, RouteKind};
use crate::error::{Error, ErrorKind, Object};

/// A network whose addresses are given out one by one.
///
/// Of version 4 neither the network's own address nor that of all is given out, of version 6 not the first.
///
/// ```
/// use skep_ns::net::subnet::Pool;
///
/// let mut pool = Pool::new("10.0.3.0/29".parse()?)?;
/// pool.reserve("10.0.3.1".parse().unwrap())?;
/// assert_eq!(pool.allocate()?.to_string(), "10.0.3.2/29");
/// assert_eq!(pool.free(), 4);
/// # Ok::<(), skep_ns::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Pool {
    network: Cidr,
    #[cfg_attr(feature = "serde", serde(default))]
    taken: BTreeSet<IpAddr>,
}

impl Pool {
    /// All of a network.
    ///
    /// # Errors
    /// `Invalid` for what is no network.
    pub fn new(network: Cidr) -> Result<Self, Error> {
        if network.is_network() {
            return Ok(Self { network, taken: BTreeSet::new() });
        }
        let problem = format!("{network} is no network, which would be {}", network.network());
        Err(Error::invalid("use", Object::Network(network.to_string()), vec![problem]))
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> Cidr {
        self.network
    }

    /// Every address that is given out or reserved.
    pub fn taken(&self) -> impl Iterator<Item = IpAddr> {
        self.taken.iter().copied()
    }

    /// Keeps an address from being given out.
    ///
    /// # Errors
    /// `Invalid` for one that is not of the network; `Busy` for one that is given out or reserved.
    pub fn reserve(&mut self, address: IpAddr) -> Result<(), Error> {
        let object = || Object::Network(format!("the address {address}"));
        if !self.network.contains(address) {
            return Err(Error::invalid("reserve", object(), vec![format!("{address} is not in {}", self.network)]));
        }
        if !self.taken.insert(address) {
            let why = format!("it is taken already in {}", self.network);
            return Err(Error::because("reserve", object(), ErrorKind::Busy, why));
        }
        Ok(())
    }

    /// The lowest address that is free, without taking it.
    #[must_use]
    pub fn next_free(&self) -> Option<Cidr> {
        let (first, last) = self.range();
        let mut next = first;
        // They are in order: the first gap is free.
        for taken in self.taken.iter().map(|address| number(*address)).filter(|taken| *taken >= first) {
            if taken > next {
                break;
            }
            next = taken.checked_add(1)?;
        }
        if next > last {
            return None;
        }
        Cidr::new(self.network.at(next), self.network.prefix())
    }

    /// Takes the lowest address that is free, with the network's prefix.
    ///
    /// # Errors
    /// `Exhausted` if none is.
    pub fn allocate(&mut self) -> Result<Cidr, Error> {
        let free = self.next_free().ok_or_else(|| self.exhausted())?;
        self.taken.insert(free.address());
        Ok(free)
    }

    /// Gives an address back; whether it was taken.
    pub fn release(&mut self, address: IpAddr) -> bool {
        self.taken.remove(&address)
    }

    /// How many addresses are free.
    #[must_use]
    pub fn free(&self) -> u128 {
        let (first, last) = self.range();
        let all = last.checked_sub(first).map_or(0, |less| less.saturating_add(1));
        let used = self.taken.iter().filter(|address| (first..=last).contains(&number(**address))).count();
        all.saturating_sub(used.try_into().unwrap_or(u128::MAX))
    }

    /// The first and the last that are given out.
    fn range(&self) -> (u128, u128) {
        let (first, last) = (self.network.number(), number(self.network.last()));
        match (self.network.is_ipv4(), self.network.prefix()) {
            // Of one address, or of two for the ends of a cable (RFC 3021, RFC 6164), each is one.
            (true, 31 | 32) | (false, 127 | 128) => (first, last),
            (true, _) => (first.saturating_add(1), last.saturating_sub(1)),
            (false, _) => (first.saturating_add(1), last),
        }
    }

    fn exhausted(&self) -> Error {
        let why = "every address of it is taken".to_owned();
        Error::because(
            "allocate",
            Object::Network(format!("an address of {}", self.network)),
            ErrorKind::Exhausted,
            why,
        )
    }
}

/// The first network with a prefix of `prefix` bits inside `within` that overlaps none of `used`.
///
/// ```
/// use skep_ns::net::{Cidr, subnet::free_network};
///
/// let used: Vec<Cidr> = vec!["10.0.0.0/24".parse()?, "10.0.1.128/25".parse()?];
/// assert_eq!(free_network("10.0.0.0/8".parse()?, 24, &used)?.to_string(), "10.0.2.0/24");
/// # Ok::<(), skep_ns::Error>(())
/// ```
///
/// # Errors
/// `Invalid` for a prefix that is shorter than that of `within`, or longer than an address; `Exhausted` if there is none.
pub fn free_network(within: Cidr, prefix: u8, used: &[Cidr]) -> Result<Cidr, Error> {
    let object = || Object::Network(format!("a network of {prefix} bits in {within}"));
    let candidate = Cidr::new(within.network().address(), prefix).filter(|_| prefix >= within.prefix());
    let Some(mut candidate) = candidate else {
        let problem = format!("prefix: {prefix} is not from {} to the length of an address", within.prefix());
        return Err(Error::invalid("find", object(), vec![problem]));
    };
    let mut used: Vec<Cidr> = used.iter().filter(|used| used.overlaps(within)).map(|used| used.network()).collect();
    used.sort_by_key(|used| used.number());
    let full = || Error::because("find", object(), ErrorKind::Exhausted, "all of it is in use".to_owned());
    loop {
        let Some(in_the_way) = used.iter().find(|used| used.overlaps(candidate)) else { return Ok(candidate) };
        // The next that begins behind what is in the way.
        let end = number(in_the_way.last()).max(number(candidate.last()));
        let next = end.checked_add(1).ok_or_else(full)?;
        let step = candidate.rest();
        let aligned = next.checked_add(step).ok_or_else(full)? & !step;
        if aligned > number(within.last()) {
            return Err(full());
        }
        candidate = Cidr::new(within.at(aligned), prefix).ok_or_else(full)?;
    }
}

/// Those of the routes whose network overlaps `network`: who makes a link of it hides, or is hidden by, what is there.
///
/// Default routes are none: everything is inside of them.
#[must_use]
pub fn conflicts(network: Cidr, routes: &[Route]) -> Vec<Route> {
    let is_way = |route: &&Route| {
        let group = route.destination.address().is_multicast() || route.kind == RouteKind::Multicast;
        !route.is_default() && !group && route.destination.overlaps(network)
    };
    routes.iter().filter(is_way).cloned().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "what the tests call fails them by a panic")]
    use proptest::prelude::*;

    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn every_address_is_given_out_once_and_those_of_nobody_and_all_never() {
        for (network, count) in
            [("10.0.3.0/29", 6), ("10.0.3.0/31", 2), ("10.0.3.0/32", 1), ("fd00::/125", 7), ("fd00::/127", 2)]
        {
            let mut pool = Pool::new(cidr(network)).unwrap();
            assert_eq!(pool.free(), count, "{network}");
            let mut given = BTreeSet::new();
            while let Ok(address) = pool.allocate() {
                assert!(cidr(network).contains(address.address()) && given.insert(address));
            }
            assert_eq!((u128::try_from(given.len()).unwrap(), pool.free()), (count, 0), "{network}");
            let first = given.first().unwrap().address();
            assert!(pool.release(first) && !pool.release(first));
            assert_eq!(pool.allocate().unwrap().address(), first);
            assert_eq!(pool.allocate().unwrap_err().kind(), ErrorKind::Exhausted);
        }
        assert!(Pool::new(cidr("10.0.3.1/24")).is_err());
        let mut pool = Pool::new(cidr("255.255.255.0/24")).unwrap();
        pool.reserve("255.255.255.255".parse().unwrap()).unwrap();
        assert_eq!(pool.reserve("255.255.255.255".parse().unwrap()).unwrap_err().kind(), ErrorKind::Busy);
        assert_eq!(pool.reserve("10.0.0.1".parse().unwrap()).unwrap_err().kind(), ErrorKind::Invalid);
    }

    #[test]
    fn conflicts_are_overlaps_that_somebody_has_made() {
        let routes = ["0.0.0.0/0", "10.0.0.0/8", "10.0.3.7/32", "192.168.0.0/24", "fd00::/8"];
        let routes: Vec<Route> = routes.iter().map(|route| Route::to(cidr(route)).link(2)).collect();
        let found: Vec<String> =
            conflicts(cidr("10.0.3.0/24"), &routes).iter().map(|r| r.destination.to_string()).collect();
        assert_eq!(found, ["10.0.0.0/8", "10.0.3.7/32"]);
    }

    proptest! {
        #[test]
        fn a_free_network_is_the_first_that_is(
            used in prop::collection::vec((any::<u32>(), 8..=30_u8), 0..12),
            prefix in 16..=28_u8,
        ) {
            let within = cidr("10.0.0.0/14");
            let used: Vec<Cidr> = used
                .iter()
                .map(|(bits, prefix)| {
                    let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 | (bits & 0x0003_ffff));
                    Cidr::new(address, (*prefix).max(15)).unwrap().network()
                })
                .collect();
            let free = |network: &Cidr| !used.iter().any(|used| used.overlaps(*network));
            let all = (0..1_u32 << (prefix - 14)).map(|at| {
                Cidr::new(std::net::Ipv4Addr::from_bits(0x0a00_0000 + (at << (32 - prefix))), prefix).unwrap()
            });
            prop_assert_eq!(free_network(within, prefix, &used).ok(), all.clone().find(|network| free(network)));
        }
    }
}
