// SPDX-License-Identifier: MIT OR Apache-2.0
//! Watches see what happens, under load too, and say when something was lost.

use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use needs::{isolated, needs};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use skep_ns::net::{
    Bridge, Event, LinkChange, MacAddress, Neighbour, NewLink, Route, Rule, RuleAction, Subjects, Watch,
};

use crate::support::{address, cable, cidr, namespace};

const LONG: Option<Duration> = Some(Duration::from_secs(60));

/// What is told until `wanted` holds for something, which is the last.
fn until(watch: &mut Watch, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let event = watch.next(LONG).unwrap().unwrap_or_else(|| panic!("not told of: {events:?}"));
        let last = wanted(&event);
        events.push(event);
        if last {
            return events;
        }
    }
}

#[test]
fn every_subject_is_told_of_as_it_changes() {
    needs!(root);
    isolated(|| {
        let (net, _other) = cable();
        let mut watch = net.watch(Subjects::all()).unwrap();
        assert_eq!(watch.next(Some(Duration::ZERO)).unwrap(), None);
        net.create_link(&NewLink::bridge("br0", Bridge::new())).unwrap();
        until(&mut watch, |event| matches!(event, Event::LinkChanged(link) if link.name == "br0" && !link.is_up()));
        net.change_link("br0", &LinkChange::new().up()).unwrap();
        until(&mut watch, |event| matches!(event, Event::LinkChanged(link) if link.name == "br0" && link.is_up()));
        let own = address("10.0.0.1/24");
        net.add_address("a", &own).unwrap();
        until(&mut watch, |event| matches!(event, Event::AddressAdded(told) if told.cidr == own.cidr));
        let route = Route::to(cidr("10.9.0.0/16")).gateway([10, 0, 0, 2]);
        net.add_route(&route).unwrap();
        until(&mut watch, |event| matches!(event, Event::RouteAdded(told) if told.destination == route.destination));
        net.remove_route(&route).unwrap();
        until(&mut watch, |event| matches!(event, Event::RouteRemoved(told) if told.destination == route.destination));
        let neighbour = Neighbour::new([10, 0, 0, 2], MacAddress::derived("x", &[]));
        net.add_neighbour("a", &neighbour).unwrap();
        until(&mut watch, |event| matches!(event, Event::NeighbourChanged(told) if told.address == neighbour.address));
        let rule = Rule::ipv6(RuleAction::Table(7)).priority(100);
        net.add_rule(&rule).unwrap();
        until(&mut watch, |event| matches!(event, Event::RuleAdded(told) if **told == rule));
        net.remove_rule(&rule).unwrap();
        until(&mut watch, |event| matches!(event, Event::RuleRemoved(told) if **told == rule));
        net.remove_address("a", &own).unwrap();
        until(&mut watch, |event| matches!(event, Event::AddressRemoved(told) if told.cidr == own.cidr));
        net.remove_link("br0").unwrap();
        until(&mut watch, |event| matches!(event, Event::LinkRemoved(link) if link.name == "br0"));
    });
}

#[test]
fn a_port_that_leaves_its_bridge_is_not_taken_for_gone() {
    needs!(root);
    isolated(|| {
        let (net, _other) = cable();
        net.create_link(&NewLink::bridge("br0", Bridge::new()).up()).unwrap();
        net.change_link("a", &LinkChange::new().master("br0")).unwrap();
        let mut watch = net.watch(Subjects::LINKS).unwrap();
        net.change_link("a", &LinkChange::new().no_master()).unwrap();
        net.change_link("a", &LinkChange::new().alias("the end")).unwrap();
        let events = until(&mut watch, |event| matches!(event, Event::LinkChanged(link) if link.alias.is_some()));
        assert!(!events.iter().any(|event| matches!(event, Event::LinkRemoved(_))), "{events:?}");
    });
}

#[test]
fn under_load_nothing_is_missed_that_is_not_said_to_be_lost() {
    needs!(root);
    isolated(|| {
        let (net, _other) = cable();
        net.add_address("a", &address("10.0.0.1/24")).unwrap();
        let index = net.link("a").unwrap().index;
        let mut watch = net.watch(Subjects::ROUTES).unwrap();
        let count = 3000_u16;
        // The kernel makes routes by itself meanwhile.
        let is_ours = |route: &Route| route.destination.to_string().starts_with("172.");
        let routes: Vec<Route> = (0..count)
            .map(|at| Route::to(cidr(&format!("172.{}.{}.0/24", 16 + at / 256, at % 256))).link(index))
            .collect();
        thread::scope(|scope| {
            let busy = scope.spawn(|| {
                net.add_routes(&routes).unwrap();
                routes.iter().for_each(|route| net.remove_route(route).unwrap());
            });
            let (mut added, mut removed) = (0, 0);
            while (added, removed) != (count, count) {
                match watch.next(LONG).unwrap() {
                    Some(Event::RouteAdded(route)) => added += u16::from(is_ours(&route)),
                    Some(Event::RouteRemoved(route)) => removed += u16::from(is_ours(&route)),
                    other => panic!("{other:?} after {added} and {removed}"),
                }
            }
            busy.join().unwrap();
        });
    });
}

#[test]
fn what_is_lost_is_said_to_be_and_listed_anew() {
    needs!(root);
    isolated(|| {
        let (net, _other) = cable();
        net.add_address("a", &address("10.0.0.1/24")).unwrap();
        let index = net.link("a").unwrap().index;
        let mut watch = net.watch(Subjects::ROUTES).unwrap();
        // Nobody reads: at some time it is full.
        for round in 0..100_u8 {
            let routes: Vec<Route> =
                (0..=255_u8).map(|at| Route::to(cidr(&format!("172.{}.{at}.0/24", 16 + round))).link(index)).collect();
            net.add_routes(&routes).unwrap();
        }
        let events: Vec<Event> = watch.until(Instant::now()).map(Result::unwrap).collect();
        assert!(events.contains(&Event::Lost), "{} events, all of them told", events.len());
        watch.discard().unwrap();
        assert_eq!(net.routes().unwrap().iter().filter(|route| route.protocol == 4).count(), 100 * 256);
        // It tells again.
        net.remove_route(&Route::to(cidr("172.16.0.0/24")).link(index)).unwrap();
        assert!(matches!(watch.next(LONG).unwrap(), Some(Event::RouteRemoved(_))));
    });
}

#[test]
fn a_watch_can_be_polled_and_waits_no_longer_than_told() {
    needs!(root);
    isolated(|| {
        let net = namespace();
        let mut watch = net.watch(Subjects::LINKS).unwrap();
        assert_eq!(watch.next(Some(Duration::from_millis(10))).unwrap(), None);
        thread::scope(|scope| {
            scope.spawn(|| net.change_link("lo", &LinkChange::new().mtu(1234)).unwrap());
            let mut polled = [PollFd::new(&watch, PollFlags::IN)];
            poll(&mut polled, Some(&Timespec { tv_sec: 60, tv_nsec: 0 })).unwrap();
            assert_eq!(polled[0].revents(), PollFlags::IN);
        });
        assert!(matches!(watch.next(LONG).unwrap(), Some(Event::LinkChanged(link)) if link.mtu == 1234));
        let _fd = watch.as_fd();
    });
}
