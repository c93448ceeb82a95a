// SPDX-License-Identifier: MIT OR Apache-2.0
//! A free address for a link of a container, chosen so that no two have the same.
//!
//! The account of what is taken is kept by the kernel: the end of each cable that is outside has its container's
//! addresses in its alias, and goes with the container whatever becomes of its maker. It is the same for all users, all state
//! directories, and containers without a name. There is no lock, which somebody could hold for ever: whoever has written an
//! address down looks again, and steps back if another has the same. Of two who take the same at once each has written
//! before it looks, so at least one of them sees the other.
//!
//! Who was heard on the bridge is believed as long as there are other addresses: a container can say of every one that it has
//! it, and so leave none to the next. Where all ports of the bridge are ends of such cables, nobody else was heard, and
//! what is written down counts alone then. Where others have a port, what they have is not to be told from what is made up:
//! that no address is free is told then, and `ns::net::nft` keeps ports from speaking for others.

use std::net::IpAddr;
use std::time::Duration;

use skep_ns::net::subnet::Pool;
use skep_ns::net::{Cidr, LinkChange, Net};

use super::network::alias;
use crate::error::{Error, ErrorKind};
use crate::plan::{NetworkPlan, Plan};

/// How often an address is chosen anew before that is told. Each time somebody else has got one.
const ROUNDS: u32 = 200;

/// Chooses a free address of the network that `bridge`, an address of the bridge with its prefix, is of; writes it down on the
/// end of the cable of number `own`.
pub(super) fn choose(plan: &Plan, network: &NetworkPlan, here: &Net, own: u32, bridge: Cidr) -> Result<Cidr, Error> {
    let failed = |error| Error::of_leaf("create", plan.object(), error).with_hint_of_limits();
    let mut wait = own;
    for _ in 0..ROUNDS {
        let free = free(here, network, own, bridge).map_err(failed)?;
        let change = LinkChange::new().alias(alias(plan, network, Some(free.address())));
        here.change_link(own, &change).map_err(failed)?;
        let written = written(here, network, own).map_err(failed)?;
        if !written.contains(&free.address()) {
            return Ok(free);
        }
        here.change_link(own, &LinkChange::new().alias(alias(plan, network, None))).map_err(failed)?;
        // Both may have stepped back. The next time they do not come at once.
        wait = wait.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        std::thread::sleep(Duration::from_micros(u64::from(wait >> 18)));
    }
    let why = format!("{ROUNDS} times another took the address that was free in {}", bridge.network());
    Err(Error::because("create", plan.object(), ErrorKind::Busy, why))
}

/// An address of the network of `bridge` that nobody is known to have.
fn free(here: &Net, network: &NetworkPlan, own: u32, bridge: Cidr) -> Result<Cidr, skep_ns::Error> {
    let mut pool = Pool::new(bridge.network())?;
    // What is of another network does not matter, nor what is taken twice.
    let reserve =
        |pool: &mut Pool, taken: Vec<IpAddr>| taken.into_iter().for_each(|address| drop(pool.reserve(address)));
    reserve(&mut pool, here.addresses()?.iter().map(|told| told.cidr.address()).collect());
    reserve(&mut pool, network.addresses.iter().map(|address| address.address()).collect());
    reserve(&mut pool, written(here, network, own)?);
    let mut careful = pool.clone();
    reserve(&mut careful, heard(here, network)?);
    match careful.allocate() {
        Err(error) if error.kind() == ErrorKind::Exhausted && has_cables_alone(here, network)? => pool.allocate(),
        allocated => allocated,
    }
}

/// The addresses of who was heard on the bridge.
fn heard(here: &Net, network: &NetworkPlan) -> Result<Vec<IpAddr>, skep_ns::Error> {
    let bridge = here.link(network.bridge.as_str())?.index;
    let heard = here.neighbours()?.into_iter().filter(|told| told.link == bridge && told.mac.is_some());
    Ok(heard.map(|told| told.address).collect())
}

/// Whether every port of the bridge is the end of a cable of a container.
fn has_cables_alone(here: &Net, network: &NetworkPlan) -> Result<bool, skep_ns::Error> {
    let bridge = here.link(network.bridge.as_str())?.index;
    let ports = here.links_where(|link| link.master == Some(bridge))?;
    Ok(ports.iter().all(|port| port.alias.as_deref().is_some_and(is_cable_s)))
}

/// The addresses that are written down on the other ports of the bridge.
fn written(here: &Net, network: &NetworkPlan, own: u32) -> Result<Vec<IpAddr>, skep_ns::Error> {
    let bridge = here.link(network.bridge.as_str())?.index;
    let others = here.links_where(|link| link.master == Some(bridge) && link.index != own)?;
    Ok(others.iter().filter_map(|link| link.alias.as_deref()).flat_map(addresses_in).collect())
}

/// The addresses in an alias of ours: they follow the name of the link inside.
fn addresses_in(alias: &str) -> impl Iterator<Item = IpAddr> {
    alias.split(' ').skip(1).map_while(|word| word.parse().ok())
}

/// Whether an alias is one of ours, whole: "eth0 10.0.3.7 of container web".
fn is_cable_s(alias: &str) -> bool {
    let whose = alias.split(' ').skip(1).skip_while(|word| word.parse::<IpAddr>().is_ok());
    matches!(whose.collect::<Vec<_>>()[..], ["of", "a", "container"] | ["of", "container", _])
}

#[cfg(test)]
mod tests {
    use super::{addresses_in, is_cable_s};

    #[test]
    fn the_alias_of_a_cable_is_told_from_others() {
        for own in ["eth0 of a container", "eth0 10.0.3.7 fd00::7 of container web", "a of container b"] {
            assert!(is_cable_s(own), "{own:?}");
        }
        for other in ["", "eth0", "uplink of the house", "eth0 10.0.3.7", "eth0 of container", "eth0 of container a b"]
        {
            assert!(!is_cable_s(other), "{other:?}");
        }
    }

    #[test]
    fn addresses_are_read_off_an_alias_and_nothing_else_is_taken_for_one() {
        let read = |alias| addresses_in(alias).map(|address| address.to_string()).collect::<Vec<_>>();
        assert_eq!(read("eth0 10.0.3.7 fd00::7 of container web"), ["10.0.3.7", "fd00::7"]);
        for none in ["", "eth0", "eth0 of container 10.0.3.7", "10.0.3.7 of a container", "a  10.0.3.7"] {
            assert_eq!(read(none), [""; 0], "{none:?}");
        }
    }
}
