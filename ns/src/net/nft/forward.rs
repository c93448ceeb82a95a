// SPDX-License-Identifier: MIT OR Apache-2.0
//! Forwarded ports: what arrives here is sent on to somebody behind.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::net::cidr::Cidr;

/// What has ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Transport {
    /// See tcp(7).
    Tcp,
    /// See udp(7).
    Udp,
}

impl Transport {
    pub(super) const ALL: [Self; 2] = [Self::Tcp, Self::Udp];

    /// `IPPROTO_*`.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// A port, or some in a row, whose connections go to an address behind this machine instead of this machine.
///
/// That holds for connections from elsewhere and for those of this machine's own programs, other than to its loopback
/// addresses: what is sent to `127.0.0.1` does not leave the machine, unless `net.ipv4.conf.LINK.route_localnet` is set.
///
/// ```
/// use skep_ns::net::nft::PortForward;
///
/// let web = PortForward::tcp(8080, ([10, 0, 3, 7], 80)).on([192, 0, 2, 1]);
/// assert_eq!(web.to_string(), "tcp 8080 on 192.0.2.1 to 10.0.3.7:80");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct PortForward {
    /// TCP or UDP.
    pub transport: Transport,
    /// The first port here.
    pub first: u16,
    /// The last port here, the first itself where it is one.
    pub last: u16,
    /// The address here; `None` for all that this machine has.
    #[cfg_attr(feature = "serde", serde(default))]
    pub on: Option<IpAddr>,
    /// The address behind, and the port there that the first one here becomes; the next becomes the next.
    pub to: SocketAddr,
    /// The subnet from which the ports are reached by this machine's address too, though the target is in it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub hairpin: Option<Cidr>,
}

impl PortForward {
    /// A TCP port.
    #[must_use]
    pub fn tcp(port: u16, to: impl Into<SocketAddr>) -> Self {
        Self::new(Transport::Tcp, port, to.into())
    }

    /// A UDP port.
    #[must_use]
    pub fn udp(port: u16, to: impl Into<SocketAddr>) -> Self {
        Self::new(Transport::Udp, port, to.into())
    }

    fn new(transport: Transport, port: u16, to: SocketAddr) -> Self {
        Self { transport, first: port, last: port, on: None, to, hairpin: None }
    }

    /// All ports from the first up to this one. Where the target's are others, there are at most 256.
    #[must_use]
    pub fn up_to(mut self, last: u16) -> Self {
        self.last = last;
        self
    }

    /// Only what arrives at this address of the machine.
    #[must_use]
    pub fn on(mut self, address: impl Into<IpAddr>) -> Self {
        self.on = Some(address.into());
        self
    }

    /// Lets those of `subnet`, in which the target is, reach it by this machine's address: to the target they seem to come
    /// from this machine then, for what it answered them directly they would not understand.
    #[must_use]
    pub fn hairpin(mut self, subnet: Cidr) -> Self {
        self.hairpin = Some(subnet.network());
        self
    }

    /// Whether the ports are the same on both sides.
    pub(super) fn keeps_ports(&self) -> bool {
        self.first == self.to.port()
    }

    /// The last port of the target.
    pub(super) fn last_target(&self) -> Option<u16> {
        self.to.port().checked_add(self.last.checked_sub(self.first)?)
    }

    /// Everything that is wrong with it, a sentence each; nothing is asked.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let v4 = self.to.is_ipv4();
        if self.first == 0 || self.to.port() == 0 {
            problems.push("no port has the number 0".to_owned());
        }
        if self.last < self.first {
            problems.push(format!("the last port, {}, is before the first, {}", self.last, self.first));
        } else if self.last_target().is_none() {
            problems.push(format!("the ports of {} would go beyond 65535", self.to));
        } else if !self.keeps_ports() && self.last.saturating_sub(self.first) > LONGEST_SHIFTED - 1 {
            problems.push(format!(
                "{} ports become others, and at most {LONGEST_SHIFTED} can",
                u32::from(self.last).saturating_sub(u32::from(self.first)).saturating_add(1)
            ));
        }
        problems.extend(unreachable(self.to.ip()).map(|why| format!("{} {why}", self.to.ip())));
        if let Some(on) = self.on {
            if on.is_ipv4() != v4 {
                problems.push(format!("{on} and {} are not of one version of IP", self.to.ip()));
            } else if let Some(why) = unreachable(on) {
                problems.push(format!("{on} {why}"));
            }
        }
        if let Some(subnet) = self.hairpin.filter(|subnet| !subnet.contains(self.to.ip())) {
            problems.push(format!("{} is not in {subnet}", self.to.ip()));
        }
        if let Some(subnet) = self.hairpin.filter(|subnet| !subnet.is_network()) {
            problems.push(format!("{subnet} is an address in the subnet {}", subnet.network()));
        }
        problems
    }

    /// Whether a connection could be of both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.transport == other.transport
            && self.to.is_ipv4() == other.to.is_ipv4()
            && (self.on == other.on || self.on.is_none() || other.on.is_none())
            && self.first <= other.last
            && other.first <= self.last
    }
}

/// How many ports in a row can become others: each is a rule.
const LONGEST_SHIFTED: u16 = 256;

fn unreachable(address: IpAddr) -> Option<&'static str> {
    match address {
        address if address.is_loopback() => Some("does not leave its machine"),
        address if address.is_unspecified() => Some("is no machine's address"),
        address if address.is_multicast() => Some("is the address of a group"),
        // It needs a link beside it.
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("is an address on every link"),
        _ => None,
    }
}

impl fmt::Display for PortForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.transport, self.first)?;
        if self.last != self.first {
            write!(f, "-{}", self.last)?;
        }
        if let Some(on) = self.on {
            write!(f, " on {on}")?;
        }
        write!(f, " to {}", self.to)?;
        self.hairpin.map_or(Ok(()), |subnet| write!(f, " hairpin {subnet}"))
    }
}
