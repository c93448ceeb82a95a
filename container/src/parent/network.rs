// SPDX-License-Identifier: MIT OR Apache-2.0
//! The networks of a container: cables laid while the child waits, and taken up with the container.
//!
//! The end outside goes with the container's network namespace by itself, but later: the kernel does that work when it has
//! time. So that its name is free once the container is deleted, it is removed by us. It is known again by its name and
//! by a hardware address that was made up for it and written down before it was made; what has that name and another
//! address is somebody else's.

use skep_ns::net::{Address, LinkKind, MacAddress, Net, NewLink};
use skep_ns::{ErrorKind, Namespace, NamespaceKind, PidFd};

use super::launch::perform;
use super::undo::Undo;
use crate::error::{Error, Object};
use crate::plan::{NetworkPlan, ParentStep, Plan};

/// The longest word on a link, in bytes (`IFALIASZ` without its NUL).
const ALIAS: usize = 255;

/// Lays every cable of the plan to the child, who has its network namespace and waits.
pub(super) fn connect(plan: &Plan, child: &PidFd, undo: &mut Undo) -> Result<(), Error> {
    for (at, network) in (0..).zip(plan.networks()) {
        perform(plan, ParentStep::Network(at), || {
            // Before it is there. Should somebody have taken the name meanwhile, it finds that it is not ours.
            undo.push(network.removal());
            lay(plan, network, child)
                .map_err(|error| Error::of_leaf("create", plan.object(), error).with_hint_of_limits())
        })?;
    }
    Ok(())
}

fn lay(plan: &Plan, network: &NetworkPlan, child: &PidFd) -> Result<(), skep_ns::Error> {
    let (here, there) = (Net::here()?, Net::of(Namespace::of(child, NamespaceKind::Net)?)?);
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
    let outside = outside(inside).master(network.bridge.as_str()).alias(alias(plan, network)).up();
    here.create_veth(&outside, &there)?;
    for address in &network.addresses {
        there.add_address(network.name.as_str(), &Address::new(*address).at_once())?;
    }
    for route in &network.routes {
        there.add_route(route)?;
    }
    Ok(())
}

/// Whose end it is, for people who list links.
fn alias(plan: &Plan, network: &NetworkPlan) -> String {
    let mut alias = match plan.name() {
        Some(name) => format!("{} of container {name}", network.name),
        None => format!("{} of a container", network.name),
    };
    alias.truncate(alias.floor_char_boundary(ALIAS));
    alias
}

/// Removes the end of a cable that is outside, and with it the other.
pub(super) fn remove(name: &str, mac: MacAddress) -> Result<(), Error> {
    let failed = |error| Error::of_leaf("remove the network of", Object::Container(None), error);
    let here = Net::here().map_err(failed)?;
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
