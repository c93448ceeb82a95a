// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be done with routes.

use std::net::IpAddr;

use rustix::io::Errno;

use super::message::{RTA_DST, RTA_TABLE, RTM_DELROUTE, RTM_F_CLONED, RTM_GETROUTE, RTM_NEWROUTE, route_of};
use super::value::Route;
use crate::error::{Error, ErrorKind, Object};
use crate::net::handle::{Net, refused};
use crate::net::link::{LinkRef, checked};
use crate::net::message::{Message, Received, flags};
use crate::net::{AF_INET, AF_INET6, Cidr, family, octets};

impl Net {
    /// Every route of the namespace, in every table.
    ///
    /// # Errors
    /// `Busy` if they change each time that they are read.
    /// # Kernel
    /// `RTM_GETROUTE`. See rtnetlink(7).
    pub fn routes(&self) -> Result<Vec<Route>, Error> {
        self.list("routes", &Message::new(RTM_GETROUTE, 0, &[0; 12]), route_of)
    }

    /// The routes of one table.
    ///
    /// # Errors
    /// As [`routes`](Self::routes).
    pub fn routes_in(&self, table: u32) -> Result<Vec<Route>, Error> {
        let mut found = Vec::new();
        for version in [AF_INET, AF_INET6] {
            let header = [version, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            let mut message = Message::new(RTM_GETROUTE, 0, &header);
            message.u32(RTA_TABLE, table);
            // An older kernel does not filter.
            let decode = |received: &Received<'_>| route_of(received).filter(|route| route.table == table);
            match self.route().dump(&message, decode) {
                Ok(routes) => found.extend(routes),
                // There is no such table, or nothing of this version at all.
                Err(refusal) if refusal.is(Errno::NOENT) || refusal.is(Errno::OPNOTSUPP) => {}
                Err(refusal) => return Err(refused(refusal, "list", Object::Named("routes"))),
            }
        }
        Ok(found)
    }

    /// The route that a packet to `address` would take now.
    ///
    /// # Errors
    /// `Invalid` if there is none.
    /// # Kernel
    /// `RTM_GETROUTE` of one address. See ip-route(8), "get".
    pub fn route_to(&self, address: IpAddr) -> Result<Route, Error> {
        let prefix = Cidr::single(address).prefix();
        let mut message = Message::new(RTM_GETROUTE, 0, &[family(address), prefix, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        message.bytes(RTA_DST, &octets(address));
        let mut found = None;
        let object = || Object::Network(format!("a route to {address}"));
        let asked = self.route().ask(&message, |received| {
            // It is told as made for one packet, which it is.
            found = found.take().or_else(|| {
                let mut plain = received.body.to_vec();
                let flags = plain.get_mut(8..).and_then(<[u8]>::first_chunk_mut::<4>)?;
                *flags = (u32::from_ne_bytes(*flags) & !RTM_F_CLONED).to_ne_bytes();
                route_of(&Received { body: &plain, ..*received })
            });
        });
        asked.map_err(|refusal| refused(refusal, "find", object()))?;
        found
            .ok_or_else(|| Error::os("find", object(), Errno::NETUNREACH.raw_os_error()).into_kind(ErrorKind::NotFound))
    }

    /// Adds a route.
    ///
    /// # Errors
    /// `Invalid` with every problem, before anything is changed, and for a gateway that is on no link; `WrongState` if it is
    /// there, or its link is down; `NotFound` if there is no such link; `Denied` without the right.
    /// # Kernel
    /// `RTM_NEWROUTE`. See rtnetlink(7).
    pub fn add_route(&self, route: &Route) -> Result<(), Error> {
        self.send_route("add", RTM_NEWROUTE, flags::CREATE | flags::EXCL, route)
    }

    /// The same, in place of one for the same network with the same metric, if there is one.
    ///
    /// # Errors
    /// As [`add_route`](Self::add_route).
    pub fn replace_route(&self, route: &Route) -> Result<(), Error> {
        self.send_route("replace", RTM_NEWROUTE, flags::CREATE | flags::REPLACE, route)
    }

    /// Removes a route.
    ///
    /// # Errors
    /// `NotFound` if there is none like it; `Denied` without the right.
    /// # Kernel
    /// `RTM_DELROUTE`. See rtnetlink(7).
    pub fn remove_route(&self, route: &Route) -> Result<(), Error> {
        self.send_route("remove", RTM_DELROUTE, 0, route)
    }

    /// Adds routes in one go, which takes half the time.
    ///
    /// # Errors
    /// As [`add_route`](Self::add_route), for the first that is refused; the others are added.
    pub fn add_routes(&self, routes: &[Route]) -> Result<(), Error> {
        // As many as the kernel takes in one datagram, whatever its settings.
        for part in routes.chunks(512) {
            let mut messages = Vec::with_capacity(part.len());
            for route in part {
                checked("add", route.object(), route.problems())?;
                let links = self.links_of(route)?;
                messages.push(route.message(RTM_NEWROUTE, flags::CREATE | flags::EXCL, &links));
            }
            self.route().batch(&messages).map_err(|refusal| {
                let object = part.get(refusal.place).map_or(Object::Named("routes"), Route::object);
                refused(refusal, "add", object)
            })?;
        }
        Ok(())
    }

    fn send_route(&self, op: &'static str, kind: u16, more: u16, route: &Route) -> Result<(), Error> {
        checked(op, route.object(), route.problems())?;
        let message = route.message(kind, more, &self.links_of(route)?);
        self.request(op, &|| route.object(), &message)
    }

    /// The numbers of the links of a route: of its hops, of which one without a link has 0.
    fn links_of(&self, route: &Route) -> Result<Vec<u32>, Error> {
        let number = |link: &LinkRef| self.index_of("find", link);
        if route.hops.is_empty() {
            return route.link.iter().map(number).collect();
        }
        route.hops.iter().map(|hop| hop.link.as_ref().map_or(Ok(0), number)).collect()
    }
}
