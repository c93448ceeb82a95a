// SPDX-License-Identifier: MIT OR Apache-2.0
//! Watches: what changes in a namespace, as it happens.
//!
//! A [`Watch`] is a socket of its own that the kernel sends every change to. It holds so much; what comes when it is full is
//! lost, which is told ([`Event::Lost`]), and the remedy is to list anew.
//!
//! Man: netlink(7), rtnetlink(7).

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
use rustix::net::{RecvFlags, bind};

use super::address::{self, Address, address_of};
use super::handle::Net;
use super::link::{self, Link, link_of};
use super::message::{Messages, Received};
use super::neighbour::{self, Neighbour, neighbour_of};
use super::route::{self, Route, route_of};
use super::rule::{self, Rule, rule_of};
use super::socket::{Family, Socket, inside, receive};
use crate::error::{Error, Object};
use crate::sys::netlink::{NetlinkOption, set};

bitflags::bitflags! {
    /// What is watched, `RTNLGRP_*`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Subjects: u32 {
        /// Links.
        #[doc(alias = "RTNLGRP_LINK")]
        const LINKS = 1;
        /// Addresses.
        #[doc(alias = "RTNLGRP_IPV4_IFADDR")]
        const ADDRESSES = 2;
        /// Routes.
        #[doc(alias = "RTNLGRP_IPV4_ROUTE")]
        const ROUTES = 4;
        /// Neighbours.
        #[doc(alias = "RTNLGRP_NEIGH")]
        const NEIGHBOURS = 8;
        /// Rules.
        #[doc(alias = "RTNLGRP_IPV4_RULE")]
        const RULES = 16;
    }
}

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A link is new, or has changed: as it is now.
    LinkChanged(Box<Link>),
    /// A link is gone, or in another namespace: as it was.
    LinkRemoved(Box<Link>),
    /// An address is new, or has changed.
    AddressAdded(Address),
    /// An address is gone.
    AddressRemoved(Address),
    /// A route is new, or has changed.
    RouteAdded(Box<Route>),
    /// A route is gone.
    RouteRemoved(Box<Route>),
    /// A neighbour is new, or has changed.
    NeighbourChanged(Neighbour),
    /// A neighbour is gone.
    NeighbourRemoved(Neighbour),
    /// A rule is new.
    RuleAdded(Box<Rule>),
    /// A rule is gone.
    RuleRemoved(Box<Rule>),
    /// More has happened than could be held: something is not told. What is listed from now on is as it is; see
    /// [`Watch::discard`].
    Lost,
}

/// What changes in a net namespace, from now on.
///
/// ```
/// use skep_ns::net::{Net, Subjects};
/// use std::time::Duration;
///
/// let mut watch = Net::here()?.watch(Subjects::LINKS | Subjects::ADDRESSES)?;
/// // Its descriptor can be polled; this asks without waiting.
/// let _nothing = watch.next(Some(Duration::ZERO))?;
/// # Ok::<(), skep_ns::Error>(())
/// ```
#[derive(Debug)]
pub struct Watch {
    socket: Socket,
    buffer: Vec<u8>,
    events: VecDeque<Event>,
}

/// What may wait: a few thousand changes.
const ROOM: usize = 4 << 20;

impl Net {
    /// Begins to watch.
    ///
    /// # Errors
    /// `Exhausted` at the limit of descriptors; `Denied` without the right to join the namespace.
    /// # Privileges
    /// As [`Net::of`]. With `CAP_NET_ADMIN` over the machine more changes can wait to be read.
    /// # Kernel
    /// `NETLINK_ADD_MEMBERSHIP`. See netlink(7).
    #[doc(alias = "NETLINK_ADD_MEMBERSHIP")]
    pub fn watch(&self, subjects: Subjects) -> Result<Watch, Error> {
        let socket = inside(self.namespace(), || Socket::open(Family::Route))??;
        // Without a number of its own it would pass for the kernel, which is not told of what it does itself.
        bind(&socket, &SocketAddrNetlink::new(0, 0))
            .map_err(|errno| Error::os("watch", Object::Named("a net namespace"), errno.raw_os_error()))?;
        if set_socket_recv_buffer_size_force(&socket, ROOM).is_err() {
            // As much as everybody may have.
            let _refused = set_socket_recv_buffer_size(&socket, ROOM);
        }
        let groups: [(Subjects, &[u32]); 5] = [
            (Subjects::LINKS, &[1]),
            (Subjects::ADDRESSES, &[5, 9]),
            (Subjects::ROUTES, &[7, 11]),
            (Subjects::NEIGHBOURS, &[3]),
            (Subjects::RULES, &[8, 19]),
        ];
        for group in groups.iter().filter(|(subject, _)| subjects.contains(*subject)).flat_map(|(_, groups)| *groups) {
            set(socket.as_fd(), NetlinkOption::AddMembership, *group)
                .map_err(|errno| Error::os("watch", Object::Named("a net namespace"), errno.0.into()))?;
        }
        Ok(Watch { socket, buffer: Vec::new(), events: VecDeque::new() })
    }
}

impl Watch {
    /// The next event; `None` if there is none within the time, and without one it waits for ever.
    ///
    /// # Errors
    /// Only what poll(2) and recv(2) fail with where memory is at its end.
    pub fn next(&mut self, within: Option<Duration>) -> Result<Option<Event>, Error> {
        let end = within.and_then(|within| Instant::now().checked_add(within));
        let failed = |errno: Errno| Error::os("watch", Object::Named("a net namespace"), errno.raw_os_error());
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            match receive(self.socket.as_fd(), &mut self.buffer, RecvFlags::DONTWAIT) {
                Ok(()) => self.events.extend(Messages(&self.buffer).filter_map(|received| event_of(&received))),
                Err(Errno::NOBUFS) => return Ok(Some(Event::Lost)),
                Err(Errno::AGAIN) => {
                    let left = end.map(|end| end.saturating_duration_since(Instant::now()));
                    if !readable(self.socket.as_fd(), left).map_err(failed)? {
                        return Ok(None);
                    }
                }
                Err(errno) => return Err(failed(errno)),
            }
        }
    }

    /// Every event until `end`, and then the end.
    pub fn until(&mut self, end: Instant) -> impl Iterator<Item = Result<Event, Error>> {
        std::iter::from_fn(move || self.next(Some(end.saturating_duration_since(Instant::now()))).transpose())
    }

    /// Forgets what waits to be told: after [`Event::Lost`], before everything is listed anew. What happens while it is
    /// listed is told afterwards, perhaps a second time.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn discard(&mut self) -> Result<(), Error> {
        while self.next(Some(Duration::ZERO))?.is_some() {}
        Ok(())
    }
}

impl AsFd for Watch {
    /// Readable when something has happened: then [`Watch::next`] until it answers `None`, for one datagram can be several
    /// events.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Whether there is something to read within the time.
fn readable(fd: BorrowedFd<'_>, left: Option<Duration>) -> Result<bool, Errno> {
    let left = left.map(|left| Timespec {
        tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    });
    match poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], left.as_ref()) {
        Ok(count) => Ok(count > 0),
        // Looked at again, with what is left of the time.
        Err(Errno::INTR) => Ok(true),
        Err(errno) => Err(errno),
    }
}

fn event_of(received: &Received<'_>) -> Option<Event> {
    if let Some(link) = link_of(received) {
        // Of a port that leaves its bridge it is told in the same words that it is gone, from the bridge.
        return match link::is_gone(received) {
            Some(true) => Some(Event::LinkRemoved(Box::new(link))),
            Some(false) => Some(Event::LinkChanged(Box::new(link))),
            None => None,
        };
    }
    if let Some(told) = address_of(received) {
        let gone = address::is_gone(received);
        return Some(if gone { Event::AddressRemoved(told) } else { Event::AddressAdded(told) });
    }
    if let Some(told) = route_of(received) {
        let told = Box::new(told);
        return Some(if route::is_gone(received) { Event::RouteRemoved(told) } else { Event::RouteAdded(told) });
    }
    if let Some(told) = neighbour_of(received) {
        let gone = neighbour::is_gone(received);
        return Some(if gone { Event::NeighbourRemoved(told) } else { Event::NeighbourChanged(told) });
    }
    let told = Box::new(rule_of(received)?);
    Some(if rule::is_gone(received) { Event::RuleRemoved(told) } else { Event::RuleAdded(told) })
}
