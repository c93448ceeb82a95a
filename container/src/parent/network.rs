// SPDX-License-Identifier: MIT OR Apache-2.0
//! The networks of a container: cables laid while the child waits, and taken up with the container.
//!
//! The end outside goes with the container's network namespace by itself, but later: the kernel does that work when it has
//! time. So that its name is free once the container is deleted, it is removed by us. It is known again by its name and
//! by a hardware address that was made up for it and written down before it was made; what has that name and another
//! address is somebody else's. It is looked for in the network namespace that it was put into, wherever who removes it is.

use std::net::IpAddr;

use skep_ns::net::{Address, Cidr, LinkKind, MacAddress, Net, NewLink};
use skep_ns::{ErrorKind, Namespace, NamespaceKind, PidFd};

use super::address;
use super::launch::perform;
use super::undo::Undo;
use crate::error::{Error, Object};
use crate::plan::{NetworkPlan, ParentStep, Plan};
use crate::state::{Home, Whereabouts};

/// The longest word on a link, in bytes (`IFALIASZ` without its NUL).
const ALIAS: usize = 255;

const FROM_THERE: &str = "delete it from that network namespace, nsenter(1); if that is gone for good, its links are too, and \
                          the container's directory in the state directory can be removed by hand";

/// Lays every cable of the plan to the child, who has its network namespace and waits.
///
/// Answers the address that each has been given beside those that were described, if one was to be chosen.
pub(super) fn connect(plan: &Plan, child: &PidFd, undo: &mut Undo) -> Result<Vec<Option<Cidr>>, Error> {
    let mut chosen = Vec::new();
    for (at, network) in (0..).zip(plan.networks()) {
        chosen.push(perform(plan, ParentStep::Network(at), || {
            // Before it is there. Should somebody have taken the name meanwhile, it finds that it is not ours.
            undo.push(network.removal());
            lay(plan, network, child)
        })?);
    }
    Ok(chosen)
}

fn lay(plan: &Plan, network: &NetworkPlan, child: &PidFd) -> Result<Option<Cidr>, Error> {
    let failed = |error| Error::of_leaf("create", plan.object(), error).with_hint_of_limits();
    let here = Net::here().map_err(failed)?;
    let there = Namespace::of(child, NamespaceKind::Net).and_then(Net::of).map_err(failed)?;
    let mut inside = NewLink::peer(network.name.as_str()).up();
    let outside = |inside: NewLink| {
        let outside = NewLink::veth(network.host_name.as_str(), inside).mac(network.host_mac);
        network.mtu.iter().fold(outside, |outside, mtu| outside.mtu(*mtu))
    };
    if let Some(mac) = network.mac {
        inside = inside.mac(mac);
    }
    if let Some(mtu) = network.mtu {
        inside = inside.mtu(mtu);
    }
    let outside = outside(inside).master(network.bridge.as_str()).alias(alias(plan, network, None)).up();
    let own = here.create_veth(&outside, &there).map_err(failed)?;
    let chosen = network.automatic.map(|bridge| address::choose(plan, network, &here, own, bridge)).transpose()?;
    for address in network.addresses.iter().chain(&chosen) {
        there.add_address(network.name.as_str(), &Address::new(*address).at_once()).map_err(failed)?;
    }
    for route in &network.routes {
        there.add_route(route).map_err(failed)?;
    }
    Ok(chosen)
}

/// Whose end it is, for people who list links, with the addresses that the container has by it: these are kept from being
/// given to another. What there is no room for is left out.
pub(super) fn alias(plan: &Plan, network: &NetworkPlan, chosen: Option<IpAddr>) -> String {
    let mut alias = network.name.clone();
    let whose = match plan.name() {
        Some(name) => format!("of container {name}"),
        None => "of a container".to_owned(),
    };
    let addresses = chosen.into_iter().chain(network.addresses.iter().map(|address| address.address()));
    for word in addresses.map(|address| address.to_string()).chain([whose]) {
        if alias.len() + 1 + word.len() <= ALIAS {
            alias.push(' ');
            alias.push_str(&word);
        }
    }
    alias
}

/// Removes the end of a cable that is outside, and with it the other, in the network namespace that it was put into: also
/// where that is not the caller's, who must be able to join it then.
pub(super) fn remove(name: &str, mac: MacAddress, home: Option<&Home>) -> Result<(), Error> {
    const OP: &str = "remove the network of";
    let failed = |error| Error::of_leaf(OP, Object::Container(None), error);
    let here = match home.map_or(Whereabouts::Here, Home::find) {
        Whereabouts::Here => Net::here().map_err(failed)?,
        Whereabouts::There(namespace) => Net::of(namespace).map_err(|error| failed(error).with_hint(FROM_THERE))?,
        Whereabouts::Gone => return Ok(()),
        Whereabouts::Unknown(why) => {
            let error = Error::because(OP, Object::Container(None), ErrorKind::WrongState, why);
            return Err(error.with_hint(FROM_THERE));
        }
    };
    let absent = |error: &skep_ns::Error| error.kind() == ErrorKind::NotFound;
    let found = match here.link(name) {
        Err(error) if absent(&error) => return Ok(()),
        found => found.map_err(failed)?,
    };
    if found.mac != Some(mac) || !matches!(found.kind, Some(LinkKind::Veth(_))) {
        return Ok(());
    }
    // By its number, which no other link gets.
    match here.remove_link(found.index) {
        Err(error) if absent(&error) => Ok(()),
        removed => removed.map_err(failed),
    }
}
