// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be done with links.

use std::os::fd::AsRawFd;

use rustix::io::Errno;

use super::attributes::{IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK};
use super::attributes::{IFLA_IFNAME, IFLA_NET_NS_FD};
use super::new::Master;
use super::write::{self, Found, about, header};
use super::{Link, LinkChange, LinkKind, LinkRef, NewLink, link_of};
use crate::error::{Error, Object};
use crate::net::handle::{Net, refused};
use crate::net::message::Message;
use crate::net::socket::Refusal;

impl Net {
    /// Every link of the namespace.
    ///
    /// # Errors
    /// `Exhausted` without memory; `Busy` if they change each time that they are read.
    /// # Kernel
    /// `RTM_GETLINK`. See rtnetlink(7).
    pub fn links(&self) -> Result<Vec<Link>, Error> {
        self.list("links", &Message::new(RTM_GETLINK, 0, &header(0, 0, None)), link_of)
    }

    /// The links for which `wanted` holds: the ports of a bridge, or those of a kind.
    ///
    /// # Errors
    /// As [`links`](Self::links).
    pub fn links_where(&self, mut wanted: impl FnMut(&Link) -> bool) -> Result<Vec<Link>, Error> {
        let message = Message::new(RTM_GETLINK, 0, &header(0, 0, None));
        self.list("links", &message, |received| link_of(received).filter(|link| wanted(link)))
    }

    /// One link, by its number or a name of it.
    ///
    /// # Errors
    /// `NotFound` if there is none, `Invalid` for what no link is called.
    /// # Kernel
    /// `RTM_GETLINK`; alternative names since Linux 5.5. See rtnetlink(7).
    pub fn link(&self, link: impl Into<LinkRef>) -> Result<Link, Error> {
        let link = link.into();
        self.told("find", &link, 0)
    }

    /// The number of a link.
    pub(crate) fn index_of(&self, op: &'static str, link: &LinkRef) -> Result<u32, Error> {
        match link {
            LinkRef::Index(index) => Ok(*index),
            LinkRef::Name(_) => self.told(op, link, RTEXT_FILTER_SKIP_STATS).map(|link| link.index),
        }
    }

    fn told(&self, op: &'static str, link: &LinkRef, mask: u32) -> Result<Link, Error> {
        checked(op, link.object(), link.problem().into_iter().collect())?;
        let mut message = about(RTM_GETLINK, link, None);
        if mask != 0 {
            message.u32(IFLA_EXT_MASK, mask);
        }
        let mut found = None;
        let asked = self.route().ask(&message, |received| found = link_of(received));
        asked.map_err(|refusal| refused(refusal, op, link.object()))?;
        found.ok_or_else(|| Error::os(op, link.object(), Errno::NODEV.raw_os_error()))
    }

    /// Makes a link, and answers its number. Of one that cannot be made as described nothing is left.
    ///
    /// # Errors
    /// `Invalid` with every problem, before anything is made; `WrongState` if there is one of its name; `Unsupported` if the
    /// kernel has no such kind; `NotFound` for a parent or master that is not there; `Denied` without the right; else the
    /// kernel's words.
    /// # Kernel
    /// `RTM_NEWLINK`. See rtnetlink(7), ip-link(8).
    pub fn create_link(&self, link: &NewLink) -> Result<u32, Error> {
        self.make(link, self, self)
    }

    /// Makes a link in the namespace `there`, on a parent that is here: its number there is answered. It is never here.
    ///
    /// # Errors
    /// As [`create_link`](Self::create_link).
    pub fn create_link_in(&self, there: &Self, link: &NewLink) -> Result<u32, Error> {
        self.make(link, there, self)
    }

    /// Makes a cable whose one end is here and whose other, the peer, is in the namespace `there` and never anywhere else.
    /// The number of the end here is answered.
    ///
    /// # Errors
    /// As [`create_link`](Self::create_link), and `Invalid` for what is no cable.
    pub fn create_veth(&self, link: &NewLink, there: &Self) -> Result<u32, Error> {
        self.make(link, self, there)
    }

    fn make(&self, link: &NewLink, home: &Self, peer_home: &Self) -> Result<u32, Error> {
        let object = || Object::Link(link.name().to_owned());
        let peer = match link.kind() {
            LinkKind::Veth(veth) => veth.peer.as_deref(),
            _ => None,
        };
        let mut problems = link.problems();
        if peer.is_none() && !std::ptr::eq(peer_home, self) {
            problems.push("kind: no cable with a peer, which could be elsewhere".to_owned());
        }
        checked("create", object(), problems)?;
        let elsewhere = |net: &Self| (!std::ptr::eq(net, self)).then(|| net.namespace().as_raw_fd().cast_unsigned());
        let found = Found {
            parent: link.parent.as_ref().map(|parent| self.index_of("find", parent)).transpose()?,
            // Of another namespace the master is that of there.
            master: home.master_of(&link.change)?,
            namespace: elsewhere(home),
            peer_namespace: elsewhere(peer_home),
        };
        let asked = self.route().request(&write::create(link, found));
        asked.map_err(|refusal| explain(refusal, link.name()))?;
        // The peer of a link that is made elsewhere is here, unless it is said to be elsewhere.
        let finished = peer.map_or(Ok(()), |peer| peer_home.finish_peer(peer)).and_then(|()| home.finish(link));
        if finished.is_err() {
            // With the one end goes the other. The first error is the one that matters.
            let _gone = home.remove_link(link.name());
        }
        finished
    }

    /// Does what a request to make a link cannot express, and answers its number.
    fn finish(&self, link: &NewLink) -> Result<u32, Error> {
        let name = LinkRef::from(link.name());
        let index = self.index_of("find", &name)?;
        let all = &link.change;
        let (alias, add_names, bridge) = (all.alias.clone(), all.add_names.clone(), all.bridge.clone());
        let rest = LinkChange { alias, add_names, port: all.port, bridge, ..LinkChange::default() };
        if rest != LinkChange::default() {
            self.changed("create", &name, index, &rest)?;
        }
        Ok(index)
    }

    /// The same for the other end of a cable, of which less can be said.
    fn finish_peer(&self, peer: &NewLink) -> Result<(), Error> {
        let name = LinkRef::from(peer.name());
        let rest = LinkChange { mtu: None, mac: None, queue_length: None, ..peer.change.clone() };
        if rest == LinkChange::new().up() {
            // Most often: without asking for its number.
            return self.request("create", &|| name.object(), &about(RTM_NEWLINK, &name, Some(true)));
        }
        if rest == LinkChange::new() {
            return Ok(());
        }
        let index = self.index_of("find", &name)?;
        self.changed("create", &name, index, &rest)
    }

    /// Changes a link.
    ///
    /// # Errors
    /// `Invalid` with every problem, before anything is changed; `NotFound` if there is no such link or master; `Denied`
    /// without the right; else the kernel's words, when a part of the change may have been made.
    /// # Kernel
    /// `RTM_NEWLINK`, `RTM_NEWLINKPROP`. See rtnetlink(7), ip-link(8).
    pub fn change_link(&self, link: impl Into<LinkRef>, change: &LinkChange) -> Result<(), Error> {
        let link = link.into();
        let mut problems = change.problems();
        problems.extend(link.problem());
        checked("change", link.object(), problems)?;
        let index = self.index_of("change", &link)?;
        self.changed("change", &link, index, change)
    }

    fn changed(&self, op: &'static str, link: &LinkRef, index: u32, change: &LinkChange) -> Result<(), Error> {
        let master = match &change.master {
            Some(Master::None) => Some(0),
            _ => self.master_of(change)?,
        };
        for message in write::change(index, change, master) {
            self.request(op, &|| link.object(), &message)?;
        }
        Ok(())
    }

    fn master_of(&self, change: &LinkChange) -> Result<Option<u32>, Error> {
        match &change.master {
            Some(Master::Of(master)) => self.index_of("find", master).map(Some),
            _ => Ok(None),
        }
    }

    /// Switches the loopback link on, which gives it 127.0.0.1 and ::1: a new namespace has it off.
    ///
    /// # Errors
    /// `Denied` without the right.
    pub fn loopback_up(&self) -> Result<(), Error> {
        // It is the first of each namespace.
        let lo = LinkRef::Index(1);
        self.request("switch on", &|| Object::Link("lo".to_owned()), &about(RTM_NEWLINK, &lo, Some(true)))
    }

    /// Moves a link into the namespace `there`, with another name if one is given, and answers its number there.
    ///
    /// It is switched off by that, and loses its addresses and its master. Some links cannot be moved: the loopback link,
    /// bridges, bonds, and of wireless ones those whose whole radio has to be moved (iw(8)).
    ///
    /// # Errors
    /// `Invalid` for a name that cannot be, or a link that cannot be moved; `WrongState` if there is one of the name there;
    /// `NotFound` if there is no such link here; `Denied` without the right here or there.
    /// # Kernel
    /// `IFLA_NET_NS_FD`. See ip-link(8), "netns".
    #[doc(alias = "IFLA_NET_NS_FD")]
    pub fn move_link(&self, link: impl Into<LinkRef>, there: &Self, name: Option<&str>) -> Result<u32, Error> {
        let link = link.into();
        let mut problems: Vec<String> = link.problem().into_iter().collect();
        problems.extend(name.and_then(super::problem_of_name).map(|problem| format!("name: {problem}")));
        checked("move", link.object(), problems)?;
        let here = self.told("move", &link, RTEXT_FILTER_SKIP_STATS)?;
        let name = name.unwrap_or(&here.name);
        let mut message = Message::new(RTM_NEWLINK, 0, &header(0, here.index, Some(false)));
        message.u32(IFLA_NET_NS_FD, there.namespace().as_raw_fd().cast_unsigned()).text(IFLA_IFNAME, name);
        self.request("move", &|| link.object(), &message)?;
        there.index_of("find", &LinkRef::from(name))
    }

    /// Removes a link; of a cable both ends.
    ///
    /// # Errors
    /// `NotFound` if there is none; `Unsupported` for a device, which cannot be removed; `Denied` without the right.
    /// # Kernel
    /// `RTM_DELLINK`. See rtnetlink(7).
    pub fn remove_link(&self, link: impl Into<LinkRef>) -> Result<(), Error> {
        let link = link.into();
        checked("remove", link.object(), link.problem().into_iter().collect())?;
        self.request("remove", &|| link.object(), &about(RTM_DELLINK, &link, None))
    }
}

/// Whether there are no problems.
pub(crate) fn checked(op: &'static str, object: Object, problems: Vec<String>) -> Result<(), Error> {
    if problems.is_empty() { Ok(()) } else { Err(Error::invalid(op, object, problems)) }
}

/// What the kernel says without words when a link is made.
fn explain(refusal: Refusal, name: &str) -> Error {
    let exists = refusal.is(Errno::EXIST);
    let error = refused(refusal, "create", Object::Link(name.to_owned()));
    if exists { error.with_hint("there is a link of this name or number") } else { error }
}
