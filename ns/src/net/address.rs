// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses of links.
//!
//! Man: ip-address(8), rtnetlink(7). Kernel: include/uapi/linux/if_addr.h.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::handle::Net;
use super::link::{LinkRef, checked};
use super::message::{Message, Received, attributes, flags};
use super::scope::Scope;
use super::watch::{Event, Subjects};
use super::{Cidr, octets};
use crate::error::{Error, ErrorKind, Object};

const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;

attributes! { mod ifa;
    IFA_ADDRESS = 1, IFA_LOCAL = 2, IFA_LABEL = 3, IFA_BROADCAST = 4, IFA_CACHEINFO = 6, IFA_FLAGS = 8,
}

bitflags::bitflags! {
    /// What an address is, `IFA_F_*`. See rtnetlink(7).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
    pub struct AddressFlags: u32 {
        /// Not the first of its network on the link; of version 6 a temporary one.
        #[doc(alias = "IFA_F_SECONDARY")]
        const SECONDARY = 1;
        /// Nobody is asked whether it is another's already.
        #[doc(alias = "IFA_F_NODAD")]
        const NO_DUPLICATE_DETECTION = 2;
        /// It may be used while others are asked.
        #[doc(alias = "IFA_F_OPTIMISTIC")]
        const OPTIMISTIC = 4;
        /// It is another's already.
        #[doc(alias = "IFA_F_DADFAILED")]
        const DUPLICATE = 8;
        /// It is not to be used for what is new.
        #[doc(alias = "IFA_F_DEPRECATED")]
        const DEPRECATED = 0x20;
        /// Others are being asked whether it is theirs: it cannot be used yet.
        #[doc(alias = "IFA_F_TENTATIVE")]
        const TENTATIVE = 0x40;
        /// It does not expire.
        #[doc(alias = "IFA_F_PERMANENT")]
        const PERMANENT = 0x80;
        /// The kernel makes no route of it.
        #[doc(alias = "IFA_F_NOPREFIXROUTE")]
        const NO_PREFIX_ROUTE = 0x200;
    }
}

/// An address of a link: to be added, or as the kernel told it.
///
/// See ip-address(8).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Address {
    /// The address, with its network's prefix.
    pub cidr: Cidr,
    /// The number of its link, as told; of one to be added it says nothing.
    #[cfg_attr(feature = "serde", serde(default))]
    pub link: u32,
    /// The address at the other end of a link that leads to one other.
    #[cfg_attr(feature = "serde", serde(default))]
    pub peer: Option<IpAddr>,
    /// The address of all on the link.
    #[cfg_attr(feature = "serde", serde(default))]
    pub broadcast: Option<Ipv4Addr>,
    /// Where it is known.
    #[cfg_attr(feature = "serde", serde(default))]
    pub scope: Scope,
    /// What it is.
    #[cfg_attr(feature = "serde", serde(default))]
    pub flags: AddressFlags,
    /// A name for it, that begins with its link's; of version 4 alone.
    #[cfg_attr(feature = "serde", serde(default))]
    pub label: Option<String>,
    /// For how many seconds it is used for what is new; `None` is for ever.
    #[cfg_attr(feature = "serde", serde(default))]
    pub preferred: Option<u32>,
    /// After how many seconds it is gone; `None` is never.
    #[cfg_attr(feature = "serde", serde(default))]
    pub valid: Option<u32>,
}

impl Address {
    /// An address, for ever.
    #[must_use]
    pub fn new(cidr: Cidr) -> Self {
        Self {
            cidr,
            link: 0,
            peer: None,
            broadcast: None,
            scope: Scope::Global,
            flags: AddressFlags::empty(),
            label: None,
            preferred: None,
            valid: None,
        }
    }

    /// The address at the other end.
    #[must_use]
    #[doc(alias = "IFA_ADDRESS")]
    pub fn peer(mut self, peer: impl Into<IpAddr>) -> Self {
        self.peer = Some(peer.into());
        self
    }

    /// The address of all on the link.
    #[must_use]
    #[doc(alias = "IFA_BROADCAST")]
    pub fn broadcast(mut self, broadcast: Ipv4Addr) -> Self {
        self.broadcast = Some(broadcast);
        self
    }

    /// Where it is known.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// These besides those that it has.
    #[must_use]
    pub fn flags(mut self, flags: AddressFlags) -> Self {
        self.flags |= flags;
        self
    }

    /// Without asking others whether it is theirs: it can be used at once.
    #[must_use]
    pub fn at_once(self) -> Self {
        self.flags(AddressFlags::NO_DUPLICATE_DETECTION)
    }

    /// A name for it, that begins with its link's.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Used for what is new for so many seconds, and gone after so many.
    #[must_use]
    #[doc(alias = "IFA_CACHEINFO")]
    pub fn lifetimes(mut self, preferred: u32, valid: u32) -> Self {
        self.preferred = Some(preferred);
        self.valid = Some(valid);
        self
    }

    /// Everything wrong with it that can be known beforehand.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let (cidr, address) = (self.cidr, self.cidr.address());
        if address.is_unspecified() || address.is_multicast() {
            problems.push(format!("address: {address} is no link's"));
        }
        if cidr.is_ipv4() && cidr.prefix() < 31 && (cidr.is_network() || cidr.last() == address) {
            problems.push(format!(
                "address: {cidr} is that of {} of the network",
                if cidr.is_network() { "nobody" } else { "all" }
            ));
        }
        if self.peer.is_some_and(|peer| peer.is_ipv4() != cidr.is_ipv4()) {
            problems.push("peer: it is of the other version of IP".to_owned());
        }
        if !cidr.is_ipv4() && (self.broadcast.is_some() || self.label.is_some()) {
            problems.push("address: of version 6 none has a broadcast address or a label".to_owned());
        }
        if self.label.as_ref().is_some_and(|label| label.is_empty() || label.len() > 15 || label.contains('\0')) {
            problems.push("label: it has from 1 to 15 bytes".to_owned());
        }
        if self.valid.is_some_and(|valid| valid == 0 || self.preferred.is_none_or(|preferred| preferred > valid)) {
            problems.push("valid: it is above 0, and not below preferred".to_owned());
        }
        problems
    }

    fn object(&self) -> Object {
        Object::Network(format!("the address {}", self.cidr))
    }

    /// The request for it.
    pub(super) fn new_message(&self, more: u16, index: u32) -> Message {
        let mut message = self.message(RTM_NEWADDR, more, index);
        if !self.flags.is_empty() {
            message.u32(IFA_FLAGS, self.flags.bits());
        }
        if let Some(broadcast) = self.broadcast {
            message.bytes(IFA_BROADCAST, &broadcast.octets());
        }
        if let Some(label) = &self.label {
            message.text(IFA_LABEL, label);
        }
        if self.preferred.is_some() || self.valid.is_some() {
            let lives = [self.preferred, self.valid].map(|life| life.unwrap_or(u32::MAX).to_ne_bytes());
            message.bytes(IFA_CACHEINFO, &[lives.as_flattened(), &[0; 8]].concat());
        }
        message
    }

    /// `struct ifaddrmsg`, and the address itself in the two attributes that say which is whose.
    fn message(&self, kind: u16, more: u16, index: u32) -> Message {
        let [i0, i1, i2, i3] = index.to_ne_bytes();
        let address = self.cidr.address();
        let family = super::family(address);
        // The old field has no room for the newer flags; it is not looked at when the attribute is there.
        let header = [family, self.cidr.prefix(), 0, self.scope.number(), i0, i1, i2, i3];
        let mut message = Message::new(kind, more, &header);
        message.bytes(IFA_LOCAL, &octets(address));
        message.bytes(IFA_ADDRESS, &octets(self.peer.unwrap_or(address)));
        message
    }
}

/// The address that a message tells of.
pub(super) fn address_of(received: &Received<'_>) -> Option<Address> {
    if received.kind != RTM_NEWADDR && received.kind != RTM_DELADDR {
        return None;
    }
    let ([_, prefix, old_flags, scope, i0, i1, i2, i3], attributes) = received.split::<8>()?;
    let (mut local, mut remote) = (None, None);
    let mut told = Address::new(Cidr::single(Ipv4Addr::UNSPECIFIED));
    told.link = u32::from_ne_bytes([*i0, *i1, *i2, *i3]);
    told.scope = Scope::of(*scope);
    told.flags = AddressFlags::from_bits_retain((*old_flags).into());
    for (number, value) in attributes {
        match number {
            ifa::IFA_LOCAL => local = value.ip(),
            ifa::IFA_ADDRESS => remote = value.ip(),
            ifa::IFA_LABEL => told.label = Some(value.text()),
            ifa::IFA_BROADCAST => {
                told.broadcast = value.ip().and_then(|ip| if let IpAddr::V4(ip) = ip { Some(ip) } else { None })
            }
            ifa::IFA_FLAGS => told.flags = AddressFlags::from_bits_retain(value.u32().unwrap_or_default()),
            ifa::IFA_CACHEINFO => {
                // struct ifa_cacheinfo: preferred, valid; all ones is for ever.
                let (fields, _) = value.0.as_chunks::<4>();
                let mut fields = fields.iter().map(|field| u32::from_ne_bytes(*field));
                told.preferred = fields.next().filter(|seconds| *seconds != u32::MAX);
                told.valid = fields.next().filter(|seconds| *seconds != u32::MAX);
            }
            _ => {}
        }
    }
    told.cidr = Cidr::new(local.or(remote)?, *prefix)?;
    told.peer = remote.filter(|remote| *remote != told.cidr.address());
    Some(told)
}

pub(super) fn is_gone(received: &Received<'_>) -> bool {
    received.kind == RTM_DELADDR
}

impl Net {
    /// Every address of the namespace.
    ///
    /// # Errors
    /// `Busy` if they change each time that they are read.
    /// # Kernel
    /// `RTM_GETADDR`. See rtnetlink(7).
    pub fn addresses(&self) -> Result<Vec<Address>, Error> {
        self.list("addresses", &Message::new(RTM_GETADDR, 0, &[0; 8]), address_of)
    }

    /// The addresses of a link.
    ///
    /// # Errors
    /// `NotFound` if there is no such link; else as [`addresses`](Self::addresses).
    pub fn addresses_of(&self, link: impl Into<LinkRef>) -> Result<Vec<Address>, Error> {
        let index = self.index_of("find", &link.into())?;
        let [i0, i1, i2, i3] = index.to_ne_bytes();
        let message = Message::new(RTM_GETADDR, 0, &[0, 0, 0, 0, i0, i1, i2, i3]);
        // What the kernel does not filter, an older one, is filtered here.
        self.list("addresses", &message, |received| address_of(received).filter(|address| address.link == index))
    }

    /// Gives a link an address.
    ///
    /// One of version 6 is asked for among the neighbours before it can be used, unless it is
    /// [`at_once`](Address::at_once): see [`wait_for_address`](Self::wait_for_address).
    ///
    /// # Errors
    /// `Invalid` with every problem, before anything is changed; `WrongState` if the link has it; `NotFound` if there is no
    /// such link; `Denied` without the right.
    /// # Kernel
    /// `RTM_NEWADDR`. See rtnetlink(7).
    pub fn add_address(&self, link: impl Into<LinkRef>, address: &Address) -> Result<(), Error> {
        self.send_address("add", flags::CREATE | flags::EXCL, &link.into(), address)
    }

    /// The same, of an address that the link may have, whose lifetimes and flags are changed then.
    ///
    /// # Errors
    /// As [`add_address`](Self::add_address).
    pub fn replace_address(&self, link: impl Into<LinkRef>, address: &Address) -> Result<(), Error> {
        self.send_address("replace", flags::CREATE | flags::REPLACE, &link.into(), address)
    }

    fn send_address(&self, op: &'static str, more: u16, link: &LinkRef, address: &Address) -> Result<(), Error> {
        checked(op, address.object(), address.problems())?;
        let message = address.new_message(more, self.index_of(op, link)?);
        self.request(op, &|| address.object(), &message)
    }

    /// Takes an address from a link.
    ///
    /// # Errors
    /// `NotFound` if the link is not there, or does not have it; `Denied` without the right.
    /// # Kernel
    /// `RTM_DELADDR`. See rtnetlink(7).
    pub fn remove_address(&self, link: impl Into<LinkRef>, address: &Address) -> Result<(), Error> {
        let index = self.index_of("remove", &link.into())?;
        self.request("remove", &|| address.object(), &address.message(RTM_DELADDR, 0, index))
    }

    /// Waits until an address of a link can be used: until it is known to be nobody else's (duplicate address detection),
    /// which takes a second or two. It answers at once if that is known.
    ///
    /// # Errors
    /// `WrongState` if it is somebody else's; `TimedOut` after `within`; `NotFound` if the link does not have it, or loses
    /// it.
    pub fn wait_for_address(
        &self,
        link: impl Into<LinkRef>,
        address: IpAddr,
        within: Duration,
    ) -> Result<Address, Error> {
        let index = self.index_of("find", &link.into())?;
        let object = || Object::Network(format!("the address {address}"));
        let end = Instant::now() + within;
        // Watched before it is looked at: what changes in between is not missed.
        let mut watch = self.watch(Subjects::ADDRESSES)?;
        let gone = || Error::os("use", object(), Errno::ADDRNOTAVAIL.raw_os_error()).into_kind(ErrorKind::NotFound);
        let is_it = |told: &Address| told.cidr.address() == address && told.link == index;
        let mut now = self.addresses_of(index)?.into_iter().find(is_it).ok_or_else(gone)?;
        loop {
            if now.flags.contains(AddressFlags::DUPLICATE) {
                let why = "another on the network has it".to_owned();
                return Err(Error::because("use", object(), ErrorKind::WrongState, why));
            }
            if !now.flags.contains(AddressFlags::TENTATIVE) {
                return Ok(now);
            }
            let left = end.saturating_duration_since(Instant::now());
            match watch.next(Some(left))? {
                Some(Event::AddressAdded(told)) if is_it(&told) => now = told,
                Some(Event::AddressRemoved(told)) if is_it(&told) => return Err(gone()),
                Some(Event::Lost) => now = self.addresses_of(index)?.into_iter().find(is_it).ok_or_else(gone)?,
                Some(_) => {}
                None => {
                    let why = format!("after {within:?} it is not known yet whether another has it");
                    return Err(Error::because("use", object(), ErrorKind::TimedOut, why));
                }
            }
        }
    }
}
