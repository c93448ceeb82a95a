// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules: which table of routes is asked for which packets.
//!
//! Man: ip-rule(8), rtnetlink(7). Kernel: include/uapi/linux/fib_rules.h.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::handle::Net;
use super::link::{checked, problem_of_name};
use super::message::{Message, Received, attributes, flags};
use super::{AF_INET, AF_INET6, Cidr, family, octets};
use crate::error::{Error, Object};

pub(super) const RTM_NEWRULE: u16 = 32;
const RTM_DELRULE: u16 = 33;
const RTM_GETRULE: u16 = 34;
const FIB_RULE_INVERT: u32 = 2;

attributes! { mod fra;
    FRA_DST = 1, FRA_SRC = 2, FRA_IIFNAME = 3, FRA_GOTO = 4, FRA_PRIORITY = 6, FRA_FWMARK = 10, FRA_SUPPRESS_PREFIXLEN = 14,
    FRA_TABLE = 15, FRA_FWMASK = 16, FRA_OIFNAME = 17,
}

/// What a rule does with a packet that it holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum RuleAction {
    /// This table is asked.
    Table(u32),
    /// The rule of this priority is next.
    Goto(u32),
    /// Nothing.
    Nothing,
    /// It is dropped.
    Blackhole,
    /// It is dropped, and the sender told that there is no way.
    Unreachable,
    /// It is dropped, and the sender told that it is forbidden.
    Prohibit,
    /// Another number of the kernel's.
    Other(u8),
}

/// A rule: to be added, or as the kernel told it. What is `None` holds for every packet.
///
/// See ip-rule(8).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Rule {
    /// Whether it is for packets of version 4, not 6.
    pub ipv4: bool,
    /// What it does.
    pub action: RuleAction,
    /// The lowest is asked first; `None` is before all but the first.
    #[cfg_attr(feature = "serde", serde(default))]
    pub priority: Option<u32>,
    /// Packets from here.
    #[cfg_attr(feature = "serde", serde(default))]
    pub from: Option<Cidr>,
    /// Packets for there.
    #[cfg_attr(feature = "serde", serde(default))]
    pub to: Option<Cidr>,
    /// Packets that came by the link of this name.
    #[cfg_attr(feature = "serde", serde(default))]
    pub incoming: Option<String>,
    /// Packets of sockets that are bound to the link of this name.
    #[cfg_attr(feature = "serde", serde(default))]
    pub outgoing: Option<String>,
    /// Packets with this mark, as far as the bits of the mask go.
    #[cfg_attr(feature = "serde", serde(default))]
    pub mark: Option<(u32, u32)>,
    /// A route whose prefix is no longer than this is passed over.
    #[cfg_attr(feature = "serde", serde(default))]
    pub suppress_prefix: Option<u32>,
    /// Whether it holds for all other packets.
    #[cfg_attr(feature = "serde", serde(default))]
    pub inverted: bool,
}

impl Rule {
    /// A rule for all packets of version 4.
    #[must_use]
    pub fn ipv4(action: RuleAction) -> Self {
        Self {
            ipv4: true,
            action,
            priority: None,
            from: None,
            to: None,
            incoming: None,
            outgoing: None,
            mark: None,
            suppress_prefix: None,
            inverted: false,
        }
    }

    /// A rule for all packets of version 6.
    #[must_use]
    pub fn ipv6(action: RuleAction) -> Self {
        Self { ipv4: false, ..Self::ipv4(action) }
    }

    /// The lowest is asked first.
    #[must_use]
    pub fn priority(mut self, priority: u32) -> Self {
        self.priority = Some(priority);
        self
    }

    /// For packets from here.
    #[must_use]
    pub fn from(mut self, network: Cidr) -> Self {
        self.from = Some(network);
        self
    }

    /// For packets to there.
    #[must_use]
    pub fn to(mut self, network: Cidr) -> Self {
        self.to = Some(network);
        self
    }

    /// For packets that came by this link.
    #[must_use]
    #[doc(alias = "iif")]
    pub fn incoming(mut self, link: impl Into<String>) -> Self {
        self.incoming = Some(link.into());
        self
    }

    /// For packets of sockets that are bound to this link.
    #[must_use]
    #[doc(alias = "oif")]
    pub fn outgoing(mut self, link: impl Into<String>) -> Self {
        self.outgoing = Some(link.into());
        self
    }

    /// For packets with this mark, as far as the bits of the mask go.
    #[must_use]
    #[doc(alias = "fwmark")]
    pub fn mark(mut self, mark: u32, mask: u32) -> Self {
        self.mark = Some((mark, mask));
        self
    }

    /// A route whose prefix is no longer than this is passed over.
    #[must_use]
    pub fn suppress_prefix(mut self, longest: u32) -> Self {
        self.suppress_prefix = Some(longest);
        self
    }

    /// For all other packets.
    #[must_use]
    pub fn inverted(mut self) -> Self {
        self.inverted = true;
        self
    }

    /// Everything wrong with it that can be known beforehand.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (place, network) in [("from", self.from), ("to", self.to)] {
            if let Some(network) = network {
                if network.is_ipv4() != self.ipv4 {
                    problems.push(format!("{place}: {network} is of the other version of IP"));
                }
                if !network.is_network() {
                    problems.push(format!("{place}: {network} is no network, which would be {}", network.network()));
                }
            }
        }
        for (place, name) in [("incoming", &self.incoming), ("outgoing", &self.outgoing)] {
            problems.extend(name.as_deref().and_then(problem_of_name).map(|problem| format!("{place}: {problem}")));
        }
        problems
    }

    fn object(&self) -> Object {
        let priority = self.priority.map_or("a rule".to_owned(), |priority| format!("the rule {priority}"));
        Object::Network(format!("{priority} for IPv{}", if self.ipv4 { 4 } else { 6 }))
    }

    /// `struct fib_rule_hdr` and the attributes.
    pub(super) fn message(&self, kind: u16, more: u16) -> Message {
        let any: IpAddr = if self.ipv4 { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let (action, table) = match self.action {
            RuleAction::Table(table) => (1, table),
            RuleAction::Goto(_) => (2, 0),
            RuleAction::Nothing => (3, 0),
            RuleAction::Blackhole => (6, 0),
            RuleAction::Unreachable => (7, 0),
            RuleAction::Prohibit => (8, 0),
            RuleAction::Other(number) => (number, 0),
        };
        let length = |network: Option<Cidr>| network.map_or(0, Cidr::prefix);
        let [f0, f1, f2, f3] = (if self.inverted { FIB_RULE_INVERT } else { 0 }).to_ne_bytes();
        let small_table = u8::try_from(table).unwrap_or(0);
        let header = [family(any), length(self.to), length(self.from), 0, small_table, 0, 0, action, f0, f1, f2, f3];
        let mut message = Message::new(kind, more, &header);
        if table != 0 {
            message.u32(FRA_TABLE, table);
        }
        if let RuleAction::Goto(priority) = self.action {
            message.u32(FRA_GOTO, priority);
        }
        for (attribute, network) in [(FRA_DST, self.to), (FRA_SRC, self.from)] {
            // One of no length is every packet, which is said by its absence.
            if let Some(network) = network.filter(|network| network.prefix() != 0) {
                message.bytes(attribute, &octets(network.address()));
            }
        }
        for (attribute, name) in [(FRA_IIFNAME, &self.incoming), (FRA_OIFNAME, &self.outgoing)] {
            if let Some(name) = name {
                message.text(attribute, name);
            }
        }
        if let Some((mark, mask)) = self.mark {
            message.u32(FRA_FWMARK, mark).u32(FRA_FWMASK, mask);
        }
        for (attribute, value) in [(FRA_PRIORITY, self.priority), (FRA_SUPPRESS_PREFIXLEN, self.suppress_prefix)] {
            if let Some(value) = value {
                message.u32(attribute, value);
            }
        }
        message
    }
}

/// The rule that a message tells of.
pub(super) fn rule_of(received: &Received<'_>) -> Option<Rule> {
    if received.kind != RTM_NEWRULE && received.kind != RTM_DELRULE {
        return None;
    }
    let ([version, to, from, _, table, _, _, action, f0, f1, f2, f3], attributes) = received.split::<12>()?;
    if *version != AF_INET && *version != AF_INET6 {
        return None;
    }
    let mut told = Rule::ipv4(RuleAction::Nothing);
    told.ipv4 = *version == AF_INET;
    told.inverted = u32::from_ne_bytes([*f0, *f1, *f2, *f3]) & FIB_RULE_INVERT != 0;
    // The first rule has none, which is 0.
    told.priority = Some(0);
    let (mut table, mut target, mut mark, mut mask) = (u32::from(*table), 0, None, u32::MAX);
    for (number, value) in attributes {
        match number {
            fra::FRA_DST => told.to = value.ip().and_then(|address| Cidr::new(address, *to)),
            fra::FRA_SRC => told.from = value.ip().and_then(|address| Cidr::new(address, *from)),
            fra::FRA_IIFNAME => told.incoming = Some(value.text()),
            fra::FRA_OIFNAME => told.outgoing = Some(value.text()),
            fra::FRA_PRIORITY => told.priority = value.u32(),
            fra::FRA_TABLE => table = value.u32().unwrap_or(table),
            fra::FRA_GOTO => target = value.u32().unwrap_or_default(),
            fra::FRA_FWMARK => mark = value.u32(),
            fra::FRA_FWMASK => mask = value.u32().unwrap_or(mask),
            fra::FRA_SUPPRESS_PREFIXLEN => told.suppress_prefix = value.u32().filter(|longest| *longest != u32::MAX),
            _ => {}
        }
    }
    // A mask without a mark is told of a rule that looks at marks of 0.
    told.mark = mark.map(|mark| (mark, mask));
    told.action = match *action {
        1 => RuleAction::Table(table),
        2 => RuleAction::Goto(target),
        3 => RuleAction::Nothing,
        6 => RuleAction::Blackhole,
        7 => RuleAction::Unreachable,
        8 => RuleAction::Prohibit,
        number => RuleAction::Other(number),
    };
    Some(told)
}

pub(super) fn is_gone(received: &Received<'_>) -> bool {
    received.kind == RTM_DELRULE
}

impl Net {
    /// Every rule of the namespace, of both versions, in the order in which they are asked.
    ///
    /// # Errors
    /// `Busy` if they change each time that they are read.
    /// # Kernel
    /// `RTM_GETRULE`. See rtnetlink(7).
    pub fn rules(&self) -> Result<Vec<Rule>, Error> {
        let mut rules = Vec::new();
        for version in [AF_INET, AF_INET6] {
            let header = [version, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            rules.extend(self.list("rules", &Message::new(RTM_GETRULE, 0, &header), rule_of)?);
        }
        Ok(rules)
    }

    /// Adds a rule.
    ///
    /// # Errors
    /// `Invalid` with every problem, before anything is changed; `WrongState` if it is there; `Denied` without the right.
    /// # Kernel
    /// `RTM_NEWRULE`. See rtnetlink(7).
    pub fn add_rule(&self, rule: &Rule) -> Result<(), Error> {
        checked("add", rule.object(), rule.problems())?;
        self.request("add", &|| rule.object(), &rule.message(RTM_NEWRULE, flags::CREATE | flags::EXCL))
    }

    /// Removes the first rule that is like this one.
    ///
    /// # Errors
    /// `NotFound` if there is none; `Denied` without the right.
    /// # Kernel
    /// `RTM_DELRULE`. See rtnetlink(7).
    pub fn remove_rule(&self, rule: &Rule) -> Result<(), Error> {
        checked("remove", rule.object(), rule.problems())?;
        self.request("remove", &|| rule.object(), &rule.message(RTM_DELRULE, 0))
    }
}
