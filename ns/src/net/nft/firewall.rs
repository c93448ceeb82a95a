// SPDX-License-Identifier: MIT OR Apache-2.0
//! Firewalls: all the rules of one name, as a value.

use super::forward::PortForward;
use super::guard::Guard;
use crate::error::{Error, Object};
use crate::net::cidr::Cidr;
use crate::words::shown;

/// The rules that belong together: they are applied, told, and removed as one. See [`NfTables`](super::NfTables).
///
/// In the kernel it is a table of its name in the family `inet`, and one in the family `bridge` if it has guards. What it
/// does holds beside what other tables do: a packet that any of them drops is dropped.
///
/// ```
/// use skep_ns::net::{Cidr, nft::{Firewall, Masquerade, PortForward}};
///
/// let subnet: Cidr = "10.0.3.0/24".parse()?;
/// let firewall = Firewall::new("hive")
///     .masquerade(Masquerade::new(subnet))
///     .protect(subnet)
///     .forward(PortForward::tcp(8080, ([10, 0, 3, 7], 80)).hairpin(subnet));
/// assert!(firewall.problems().is_empty());
/// # Ok::<(), skep_ns::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Firewall {
    /// Its name: a letter, and letters, digits, `_`, `-` and `.`, up to 64.
    pub name: String,
    /// Subnets that speak to others by an address of this machine.
    pub masquerades: Vec<Masquerade>,
    /// Subnets that nobody outside of them begins to speak with, but by forwarded ports.
    pub protected: Vec<Cidr>,
    /// Subnets that do not speak with each other.
    pub isolated: Vec<(Cidr, Cidr)>,
    /// Ports that are somebody's behind.
    pub forwards: Vec<PortForward>,
    /// Ports of bridges that speak for nobody but themselves.
    pub guards: Vec<Guard>,
}

/// A subnet that speaks to others by an address of this machine, that of the link which a packet leaves by.
///
/// What stays in the subnet keeps its address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Masquerade {
    /// The subnet.
    pub subnet: Cidr,
    /// The link, if not any.
    #[cfg_attr(feature = "serde", serde(default))]
    pub out: Option<String>,
}

impl Masquerade {
    /// What `subnet` sends to others, by any link.
    #[must_use]
    pub fn new(subnet: Cidr) -> Self {
        Self { subnet: subnet.network(), out: None }
    }

    /// Only what leaves by this link.
    #[must_use]
    pub fn out(mut self, link: impl Into<String>) -> Self {
        self.out = Some(link.into());
        self
    }
}

impl Firewall {
    /// One without rules.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Lets a subnet speak to others by an address of this machine.
    #[doc(alias = "SNAT")]
    #[must_use]
    pub fn masquerade(mut self, masquerade: Masquerade) -> Self {
        self.masquerades.push(masquerade);
        self
    }

    /// Lets nobody outside of a subnet begin to speak with it through this machine: answers come back, forwarded ports
    /// stay open, and all else is dropped. This machine itself reaches it as before.
    #[must_use]
    pub fn protect(mut self, subnet: Cidr) -> Self {
        self.protected.push(subnet.network());
        self
    }

    /// Lets nothing through between two subnets, nor from either to this machine's address in the other.
    #[must_use]
    pub fn isolate(mut self, one: Cidr, other: Cidr) -> Self {
        self.isolated.push((one.network(), other.network()));
        self
    }

    /// Sends what arrives at a port on to somebody behind.
    #[doc(alias = "DNAT")]
    #[must_use]
    pub fn forward(mut self, forward: PortForward) -> Self {
        self.forwards.push(forward);
        self
    }

    /// Lets a port of a bridge speak for nobody but itself.
    #[must_use]
    pub fn guard(mut self, guard: Guard) -> Self {
        self.guards.push(guard);
        self
    }

    /// Everything that is wrong with it, a sentence each that begins with the place; nothing is asked.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> =
            problem_of_name(&self.name).map(|why| format!("name: {why}")).into_iter().collect();
        for (at, masquerade) in self.masquerades.iter().enumerate() {
            let mut say = |why: String| problems.push(format!("masquerades[{at}]: {why}"));
            masquerade.out.as_deref().and_then(crate::net::link::problem_of_name).into_iter().for_each(&mut say);
            say_of_network(masquerade.subnet).into_iter().for_each(&mut say);
            if masquerade.subnet.prefix() == 0 {
                say(format!("{} is everybody, and what stays in it keeps its address", masquerade.subnet));
            }
            if earlier(&self.masquerades, at).contains(masquerade) {
                say(format!("{} is there already", masquerade.subnet));
            }
        }
        for (at, subnet) in self.protected.iter().enumerate() {
            problems.extend(say_of_network(*subnet).map(|why| format!("protected[{at}]: {why}")));
            if let Some(other) = earlier(&self.protected, at).iter().find(|other| other.overlaps(*subnet)) {
                problems.push(format!("protected[{at}]: {subnet} has addresses in common with {other}"));
            }
        }
        for (at, (one, other)) in self.isolated.iter().enumerate() {
            let mut say = |why: String| problems.push(format!("isolated[{at}]: {why}"));
            say_of_network(*one).into_iter().chain(say_of_network(*other)).for_each(&mut say);
            if one.is_ipv4() != other.is_ipv4() {
                say(format!("{one} and {other} are not of one version of IP, and never meet"));
            } else if one.overlaps(*other) {
                say(format!("{one} and {other} have addresses in common"));
            }
            if earlier(&self.isolated, at).iter().any(|pair| *pair == (*one, *other) || *pair == (*other, *one)) {
                say(format!("{one} and {other} are there already"));
            }
        }
        for (at, forward) in self.forwards.iter().enumerate() {
            problems.extend(forward.problems().into_iter().map(|why| format!("forwards[{at}]: {why}")));
            if let Some(other) = earlier(&self.forwards, at).iter().find(|other| other.overlaps(forward)) {
                problems.push(format!("forwards[{at}]: {forward} has ports in common with {other}"));
            }
        }
        for (at, guard) in self.guards.iter().enumerate() {
            problems.extend(guard.problems().into_iter().map(|why| format!("guards[{at}]: {why}")));
            if earlier(&self.guards, at).iter().any(|other| other.port == guard.port) {
                problems.push(format!("guards[{at}]: the port {} is guarded already", shown(&guard.port)));
            }
        }
        problems
    }

    /// Refuses one with problems.
    pub(super) fn checked(&self, op: &'static str) -> Result<(), Error> {
        let problems = self.problems();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid(op, object(&self.name), problems)) }
    }
}

/// What an error says it happened to.
pub(super) fn object(name: &str) -> Object {
    Object::Network(format!("the firewall {}", shown(name)))
}

/// What is wrong with the name of a firewall.
pub(super) fn problem_of_name(name: &str) -> Option<String> {
    const LONGEST: usize = 64;
    let good = |at: char| at.is_ascii_alphanumeric() || matches!(at, '_' | '-' | '.');
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return Some(format!("{} does not begin with a letter", shown(name)));
    }
    if name.len() > LONGEST {
        return Some(format!("{} has {} bytes, and at most {LONGEST} are a name", shown(name), name.len()));
    }
    let bad = name.chars().find(|at| !good(*at))?;
    Some(format!("{} has a {bad:?}, and a name has letters, digits, _, - and . alone", shown(name)))
}

/// What is wrong with it as a subnet.
fn say_of_network(subnet: Cidr) -> Option<String> {
    (!subnet.is_network()).then(|| format!("{subnet} is an address in the subnet {}", subnet.network()))
}

fn earlier<T>(all: &[T], at: usize) -> &[T] {
    all.get(..at).unwrap_or_default()
}
