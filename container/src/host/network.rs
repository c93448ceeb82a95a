// SPDX-License-Identifier: MIT OR Apache-2.0
//! The networks of a description on this host: whether what they lead to is there, and what they will be called.

use std::net::IpAddr;

use skep_ns::net::{Address, Cidr, Link, LinkChange, LinkKind, MacAddress, Net, Route};
use skep_ns::{ErrorKind, NamespaceKind};

use crate::error::{Error, Object};
use crate::plan::NetworkPlan;
use crate::spec::{NetworkKind, Spec};
use crate::state::Home;

/// Bridges that are named where the one that is asked for is not there.
const NAMED: usize = 5;

/// The networks as they are planned, and what of them cannot be had, a sentence each. Changes nothing.
pub(super) fn probe(spec: &Spec) -> Result<(Vec<NetworkPlan>, Vec<String>), Error> {
    if spec.networks.is_empty() || !spec.namespaces.contains(NamespaceKind::Net) {
        return Ok((Vec::new(), Vec::new()));
    }
    let failed =
        |error| Error::of_leaf("find the links of", Object::Named("this machine"), error).with_hint_of_limits();
    let here = Net::here().map_err(failed)?;
    let links = here.links().map_err(failed)?;
    let mut lacks = Vec::new();
    if is_denied(&here) {
        let why = "the caller may make no links in its network namespace: that takes CAP_NET_ADMIN over it, which root \
                   has, and who has made the namespace together with a user namespace";
        lacks.push(format!("networks: {why}"));
    }
    let addresses = here.addresses().map_err(failed)?;
    let mut planned = planned(spec, &links, &addresses, super::token);
    let home = Home::here();
    planned.iter_mut().for_each(|planned| planned.home.clone_from(&home));
    for (at, network) in spec.networks.iter().enumerate() {
        let NetworkKind::Veth { bridge, host_name } = &network.kind;
        lacks.extend(lack_of_bridge(bridge, &links).map(|lack| format!("networks[{at}].bridge: {lack}")));
        let has_none = planned.get(at).is_some_and(|planned| planned.automatic.is_none());
        if network.automatic_address && has_none && lack_of_bridge(bridge, &links).is_none() {
            let lack = format!("the bridge {bridge:?} has no address in whose network one could be free");
            lacks.push(format!("networks[{at}].automatic_address: {lack}"));
        }
        if let Some(name) = host_name.as_deref().filter(|name| find(name, &links).is_some()) {
            lacks.push(format!("networks[{at}].host_name: there is a link {name:?} here already"));
        }
    }
    Ok((planned, lacks))
}

/// The networks with every name settled, where there are these links; `token` is a number that nobody guesses.
pub(crate) fn planned(
    spec: &Spec,
    links: &[Link],
    addresses: &[Address],
    mut token: impl FnMut() -> u64,
) -> Vec<NetworkPlan> {
    // The versions of which somebody passes on what is for nobody near.
    let mut passed: Vec<bool> =
        spec.networks.iter().flat_map(|network| &network.gateways).map(IpAddr::is_ipv4).collect();
    let plan = |(at, network): (usize, &crate::spec::Network)| {
        let NetworkKind::Veth { bridge, host_name } = &network.kind;
        let name = network.name_at(at);
        let [a, b, c, d, e, ..] = token().to_le_bytes();
        let host_name = host_name.clone().unwrap_or_else(|| format!("skep-{a:02x}{b:02x}{c:02x}{d:02x}{e:02x}"));
        let [a, b, c, d, e, ..] = token().to_le_bytes();
        let automatic = find(bridge, links).filter(|_| network.automatic_address);
        let automatic = automatic.and_then(|bridge| own_network(bridge, addresses));
        let mut routes = network.routes_by(&name);
        let by_bridge = automatic.filter(|bridge| !passed.contains(&bridge.is_ipv4()));
        if let Some(bridge) = by_bridge {
            passed.push(bridge.is_ipv4());
            routes.push(Route::default_by(bridge.address()).link(name.as_str()));
        }
        NetworkPlan {
            mac: network.mac,
            mtu: network.mtu.or_else(|| find(bridge, links).map(|bridge| bridge.mtu)),
            bridge: bridge.clone(),
            host_name,
            // Above all addresses of devices: a bridge has the lowest of its ports, unless one was set, and should not change
            // it when a container comes or goes.
            host_mac: MacAddress::new([0xfe, a, b, c, d, e]),
            addresses: network.addresses.clone(),
            home: None,
            automatic,
            by_bridge: by_bridge.is_some(),
            routes,
            name,
        }
    };
    spec.networks.iter().enumerate().map(plan).collect()
}

/// The address of a bridge in whose network others can have one: of version 4 if there is one.
fn own_network(bridge: &Link, addresses: &[Address]) -> Option<Cidr> {
    let own = || addresses.iter().filter(|told| told.link == bridge.index).map(|told| told.cidr);
    let is_link_s = |address: IpAddr| matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
    let four = own().find(|address| address.is_ipv4() && address.prefix() <= 30);
    four.or_else(|| {
        own().find(|address| !address.is_ipv4() && address.prefix() <= 126 && !is_link_s(address.address()))
    })
}

/// Whether the kernel refuses who changes links here: what is asked for is a change of a link that nobody has, which it
/// looks for once it knows that the caller may.
fn is_denied(here: &Net) -> bool {
    const NOBODYS: u32 = i32::MAX.cast_unsigned();
    here.change_link(NOBODYS, &LinkChange::new().up()).is_err_and(|error| error.kind() == ErrorKind::Denied)
}

/// The link with this name, or with this as one of its other names.
fn find<'a>(name: &str, links: &'a [Link]) -> Option<&'a Link> {
    links.iter().find(|link| link.name == name || link.alternative_names.iter().any(|other| other == name))
}

/// Why a cable cannot be laid to the bridge of this name, if it cannot.
fn lack_of_bridge(name: &str, links: &[Link]) -> Option<String> {
    let is_bridge = |link: &&Link| matches!(link.kind, Some(LinkKind::Bridge(_)));
    match find(name, links) {
        Some(link) if is_bridge(&link) => None,
        Some(link) => {
            let kind = link.kind.as_ref().map_or("a device", LinkKind::name);
            Some(format!("the link {name:?} is no bridge ({kind})"))
        }
        None => {
            let mut there: Vec<&str> = links.iter().filter(is_bridge).map(|link| link.name.as_str()).collect();
            // The likely ones first: those that begin as this one does.
            let common = |other: &&str| name.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
            there.sort_by_key(|other| std::cmp::Reverse(common(other)));
            let named: Vec<String> = there.iter().take(NAMED).map(|name| format!("{name:?}")).collect();
            let known = if named.is_empty() { "there is no bridge here".to_owned() } else { named.join(", ") };
            let lead = if named.is_empty() { "" } else { "bridges here: " };
            Some(format!("there is no link {name:?} here ({lead}{known})"))
        }
    }
}
