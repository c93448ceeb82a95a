// SPDX-License-Identifier: MIT OR Apache-2.0
//! The networks of a container: the links that lead out of it, and what they are given.
//!
//! See veth(4), ip-link(8), ip-address(8), ip-route(8).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use skep_ns::NamespaceKind;
use skep_ns::net::{Address, Cidr, MacAddress, NewLink, Route, RouteKind};

use super::Spec;

/// What the kernel takes as the longest packet of a cable, in bytes (`ETH_MIN_MTU`, `ETH_MAX_MTU`).
const MTU: std::ops::RangeInclusive<u32> = 68..=65_535;

/// What version 6 takes a link to carry at least, in bytes (RFC 8200).
const MTU_6: u32 = 1280;

/// A link of a container to the outside, set up before its program begins.
///
/// ```
/// use skep::Network;
///
/// let lan = Network::veth("br0").address("10.0.3.7/24".parse()?).gateway([10, 0, 3, 1]);
/// assert_eq!(lan.name, None);
/// # Ok::<(), skep::ns::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Network {
    /// What it is, and where it leads.
    pub kind: NetworkKind,
    /// Its name in the container, 1 to 15 bytes; by default `eth` and the number of its place among the networks, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its hardware address; the kernel makes one up by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddress>,
    /// Its longest packet, 68 to 65535 bytes; by default that of what it leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Its addresses, each with the length of its network's prefix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Cidr>,
    /// Whether it has a free address of the bridge's own network, and the bridge to pass on what is for nobody near.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub automatic_address: bool,
    /// Who passes on what is for nobody near, one for each version of IP at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<IpAddr>,
    /// What else leaves by it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
}

/// What a network is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NetworkKind {
    /// A cable to a bridge.
    Veth {
        /// The bridge, in the caller's network namespace.
        bridge: String,
        /// The name of the end outside, 1 to 15 bytes, which must be free; by default one that nobody else has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host_name: Option<String>,
    },
}

impl Network {
    /// A cable, one end of which is in the container, and the other in `bridge`, a bridge that is there in the caller's
    /// network namespace. Without an [address](Self::address) it is up, and has none but its own of version 6.
    ///
    /// A bridge that leads to containers alone should have been given a hardware address: else it takes the lowest of its
    /// ports', another one when containers come and go, and they lose sight of it for seconds.
    ///
    /// # Privileges
    /// `CAP_NET_ADMIN` over the caller's network namespace, and `CAP_SYS_ADMIN`.
    /// # Kernel
    /// Any, with `CONFIG_VETH` and `CONFIG_BRIDGE`. See veth(4), bridge(8).
    #[must_use]
    #[doc(alias = "lxc.net.0.type")]
    #[doc(alias = "lxc.net.0.link")]
    pub fn veth(bridge: impl Into<String>) -> Self {
        Self::new(NetworkKind::Veth { bridge: bridge.into(), host_name: None })
    }

    fn new(kind: NetworkKind) -> Self {
        Self {
            kind,
            name: None,
            mac: None,
            mtu: None,
            addresses: Vec::new(),
            automatic_address: false,
            gateways: Vec::new(),
            routes: Vec::new(),
        }
    }

    /// Gives it a name in the container, 1 to 15 bytes; by default `eth0` for the first network, `eth1` for the second.
    #[must_use]
    #[doc(alias = "lxc.net.0.name")]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Gives its end outside a name, 1 to 15 bytes, that no other link there has; by default `skep-` and ten digits. It
    /// has the link's name in the container, its addresses and the container's name as its alias, which `ip link` shows.
    #[must_use]
    #[doc(alias = "lxc.net.0.veth.pair")]
    pub fn host_name(mut self, name: impl Into<String>) -> Self {
        let NetworkKind::Veth { host_name, .. } = &mut self.kind;
        *host_name = Some(name.into());
        self
    }

    /// Gives it a hardware address.
    #[must_use]
    #[doc(alias = "lxc.net.0.hwaddr")]
    pub fn mac(mut self, address: MacAddress) -> Self {
        self.mac = Some(address);
        self
    }

    /// Its longest packet, 68 to 65535 bytes, of both ends of a cable; by default the bridge's.
    #[must_use]
    #[doc(alias = "lxc.net.0.mtu")]
    pub fn mtu(mut self, bytes: u32) -> Self {
        self.mtu = Some(bytes);
        self
    }

    /// Gives it one more address, with the length of its network's prefix. It can be used at once: nobody is asked whether
    /// it is used by another already.
    #[must_use]
    #[doc(alias = "lxc.net.0.ipv4.address")]
    #[doc(alias = "lxc.net.0.ipv6.address")]
    pub fn address(mut self, address: Cidr) -> Self {
        self.addresses.push(address);
        self
    }

    /// Gives it an address that is free in the network of the bridge, which must have an address of its own: that of the
    /// bridge's first network of version 4, or where it has none of version 6. What is for nobody near is sent to the
    /// bridge, unless a network of the container has a [gateway](Self::gateway) for that version, or one before it is as this
    /// one. What it got is in [`Container::spec`](crate::Container::spec), as if it had been said.
    ///
    /// Free is what neither this machine has, nor any other container of a skep on this bridge, whoever made it and whether
    /// it has a name or not, nor whoever the bridge has spoken with lately: each container's addresses are kept in the
    /// [alias](Self::host_name) of its link outside for as long as that is there. Others who are silent are not known, nor is who
    /// is [given](Self::address) the very same one at that moment: the network should be for containers alone.
    #[must_use]
    pub fn automatic_address(mut self) -> Self {
        self.automatic_address = true;
        self
    }

    /// Has what is for nobody near be sent to this machine, which must be in the network of an address, an automatic one
    /// for instance, or be one of version 6 that means the link alone (`fe80::/10`).
    #[must_use]
    #[doc(alias = "lxc.net.0.ipv4.gateway")]
    #[doc(alias = "lxc.net.0.ipv6.gateway")]
    pub fn gateway(mut self, address: impl Into<IpAddr>) -> Self {
        self.gateways.push(address.into());
        self
    }

    /// Adds a route, which leaves by this link unless it says otherwise.
    #[must_use]
    pub fn route(mut self, route: Route) -> Self {
        self.routes.push(route);
        self
    }

    /// Its name, as the network at this place.
    pub(crate) fn name_at(&self, at: usize) -> String {
        self.name.clone().unwrap_or_else(|| format!("eth{at}"))
    }

    /// Every route that it is given, as a link of this name: in the order in which they can be added.
    pub(crate) fn routes_by(&self, name: &str) -> Vec<Route> {
        let own = self.routes.iter().map(|route| match route {
            route if route.kind == RouteKind::Unicast && route.link.is_none() && route.hops.is_empty() => {
                route.clone().link(name)
            }
            route => route.clone(),
        });
        // A gateway of a route may be reached by another of them, and never by the default one.
        own.chain(self.gateways.iter().map(|gateway| Route::default_by(*gateway).link(name))).collect()
    }

    /// What is wrong with it by itself, each with its place in it.
    fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        let NetworkKind::Veth { bridge, host_name } = &self.kind;
        let names = [("bridge", Some(bridge)), ("name", self.name.as_ref()), ("host_name", host_name.as_ref())];
        for (place, name) in names.into_iter().filter_map(|(place, name)| Some((place, name?))) {
            found.extend(problem_of_name(name).map(|problem| format!("{place}: {problem}")));
        }
        if self.name.as_deref() == Some("lo") {
            found.push("name: \"lo\" is the loopback link's".to_owned());
        }
        if let Some(mac) = self.mac {
            found.extend(NewLink::peer("x").mac(mac).problems());
        }
        if let Some(mtu) = self.mtu {
            if !MTU.contains(&mtu) {
                found.push(format!("mtu: {mtu} is not between {} and {} bytes", MTU.start(), MTU.end()));
            } else if mtu < MTU_6 && self.addresses.iter().any(|address| !address.is_ipv4()) {
                found.push(format!("mtu: {mtu} bytes are fewer than {MTU_6}, which addresses of version 6 need"));
            }
        }
        for (at, address) in self.addresses.iter().enumerate() {
            let problems = Address::new(*address).problems();
            let problems = problems.iter().map(|problem| problem.trim_start_matches("address: "));
            found.extend(problems.map(|problem| format!("addresses[{at}]: {problem}")));
        }
        for (at, gateway) in self.gateways.iter().enumerate() {
            found.extend(self.problem_of_gateway(*gateway).map(|problem| format!("gateways[{at}]: {problem}")));
        }
        for (at, route) in self.routes_by("x").iter().take(self.routes.len()).enumerate() {
            found.extend(route.problems().iter().map(|problem| format!("routes[{at}].{problem}")));
        }
        found
    }

    fn problem_of_gateway(&self, gateway: IpAddr) -> Option<String> {
        if self.addresses.iter().any(|address| address.address() == gateway) {
            return Some(format!("{gateway} is the container's own address"));
        }
        let is_of_link = matches!(gateway, IpAddr::V6(gateway) if gateway.is_unicast_link_local());
        let is_near =
            is_of_link || self.automatic_address || self.addresses.iter().any(|address| address.contains(gateway));
        (!is_near).then(|| format!("{gateway} is in the network of none of its addresses: nobody there could be asked"))
    }
}

/// What is wrong with the name of a link.
fn problem_of_name(name: &str) -> Option<String> {
    NewLink::dummy(name).problems().pop().map(|problem| problem.trim_start_matches("name: ").to_owned())
}

impl Spec {
    /// What is wrong with its networks: each by itself, and beside the others.
    pub(super) fn problems_of_networks(&self) -> Vec<String> {
        let mut found = Vec::new();
        if !self.networks.is_empty() && !self.namespaces.contains(NamespaceKind::Net) {
            found.push("networks: need a net namespace: without one they would be the machine's own".to_owned());
        }
        for (at, network) in self.networks.iter().enumerate() {
            found.extend(network.problems().iter().map(|problem| format!("networks[{at}].{problem}")));
            let before = || self.networks.iter().enumerate().take(at);
            let name = network.name_at(at);
            if let Some((other, _)) = before().find(|(other, network)| network.name_at(*other) == name) {
                found.push(format!("networks[{at}].name: {name:?} is the name of networks[{other}] already"));
            }
            let NetworkKind::Veth { host_name, .. } = &network.kind;
            let has_host_name = |network: &Network| {
                let NetworkKind::Veth { host_name: other, .. } = &network.kind;
                host_name.is_some() && other == host_name
            };
            if let Some((other, _)) = before().find(|(_, network)| has_host_name(network)) {
                let name = host_name.as_deref().unwrap_or_default();
                found.push(format!("networks[{at}].host_name: {name:?} is that of networks[{other}] already"));
            }
        }
        found.extend(self.twice(
            |network| network.addresses.iter().map(|address| address.address()).collect(),
            |at| format!("addresses: {at} is given twice"),
        ));
        let versions = |network: &Network| network.gateways.iter().map(IpAddr::is_ipv4).collect();
        found.extend(self.twice(versions, |is_four| {
            let version = if is_four { 4 } else { 6 };
            format!("gateways: there is one for version {version} already: say the rest as routes, with a metric")
        }));
        found
    }

    /// A problem for each value that one network has which it, or one before it, has already.
    fn twice<T: PartialEq + Copy>(
        &self,
        values: impl Fn(&Network) -> Vec<T>,
        problem: impl Fn(T) -> String,
    ) -> Vec<String> {
        let (mut seen, mut found) = (Vec::new(), Vec::new());
        for (at, network) in self.networks.iter().enumerate() {
            for value in values(network) {
                if seen.contains(&value) {
                    found.push(format!("networks[{at}].{}", problem(value)));
                }
                seen.push(value);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use skep_ns::net::{Cidr, MacAddress, Route};
    use skep_ns::{NamespaceKind, Namespaces};

    use super::Network;
    use crate::spec::Spec;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    fn spec(networks: impl IntoIterator<Item = Network>) -> Spec {
        let mut spec = Spec { networks: networks.into_iter().collect(), ..Spec::default() };
        spec.namespaces = Namespaces::new().make([NamespaceKind::Net]);
        spec.process.program = "/bin/true".into();
        spec
    }

    fn good() -> Network {
        Network::veth("br0").address(cidr("10.0.3.7/24")).address(cidr("fd00::7/64")).gateway([10, 0, 3, 1])
    }

    #[test]
    fn every_problem_of_every_network_is_named_with_its_place() {
        let bad = Network::veth("a/b")
            .name("a234567890123456")
            .host_name("one")
            .mac(MacAddress::new([1, 0, 0, 0, 0, 1]))
            .mtu(67)
            .address(cidr("10.0.3.0/24"))
            .address(cidr("10.0.4.7/24"))
            .gateway([10, 0, 5, 1])
            .gateway([10, 0, 4, 7])
            .route(Route::to(cidr("10.9.0.1/16")));
        let again = good().name("eth2").host_name("one").mtu(1000);
        let spec =
            Spec { namespaces: Namespaces::new(), ..spec([bad, again, good(), Network::veth("br0").name("lo")]) };
        assert_eq!(
            spec.problems(),
            [
                "networks: need a net namespace: without one they would be the machine's own",
                "networks[0].bridge: \"a/b\" has a '/', which no link's name has",
                "networks[0].name: \"a234567890123456\" has 16 bytes, and a name of a link at most 15",
                "networks[0].mac: 01:00:00:00:00:01 is the address of a group, which no link can have",
                "networks[0].mtu: 67 is not between 68 and 65535 bytes",
                "networks[0].addresses[0]: 10.0.3.0/24 is that of nobody of the network",
                "networks[0].gateways[0]: 10.0.5.1 is in the network of none of its addresses: nobody there could be asked",
                "networks[0].gateways[1]: 10.0.4.7 is the container's own address",
                "networks[0].routes[0].destination: 10.9.0.1/16 is no network, which would be 10.9.0.0/16",
                "networks[1].mtu: 1000 bytes are fewer than 1280, which addresses of version 6 need",
                "networks[1].host_name: \"one\" is that of networks[0] already",
                "networks[2].name: \"eth2\" is the name of networks[1] already",
                "networks[3].name: \"lo\" is the loopback link's",
                "networks[2].addresses: 10.0.3.7 is given twice",
                "networks[2].addresses: fd00::7 is given twice",
                "networks[0].gateways: there is one for version 4 already: say the rest as routes, with a metric",
                "networks[1].gateways: there is one for version 4 already: say the rest as routes, with a metric",
                "networks[2].gateways: there is one for version 4 already: say the rest as routes, with a metric",
            ]
        );
    }

    #[test]
    fn what_can_be_is_let_pass_and_comes_back_as_it_was() {
        let link_local = "fe80::1".parse::<std::net::IpAddr>().unwrap();
        let silent = Route::to(cidr("10.66.0.0/16")).kind(skep_ns::net::RouteKind::Blackhole);
        let first = good().mtu(1280).host_name("web0").gateway(link_local).route(silent);
        let spec = spec([first, Network::veth("br1").route(Route::to(cidr("10.7.0.0/16")))]);
        assert_eq!(spec.problems(), [""; 0]);
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<Spec>(&text).unwrap(), spec);
        assert!(!serde_json::to_string(&Spec::default()).unwrap().contains("networks"));
        let strange = r#"{"networks": [{"kind": {"veth": {"bridge": "br0", "speed": 1}}}]}"#;
        assert!(serde_json::from_str::<Spec>(strange).unwrap_err().to_string().contains("speed"));
        let strange = r#"{"networks": [{"kind": {"veth": {"bridge": "br0"}}, "speed": 1}]}"#;
        assert!(serde_json::from_str::<Spec>(strange).unwrap_err().to_string().contains("speed"));
    }
}
