// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes, rules and neighbours are told as they were set.

use std::net::IpAddr;

use needs::{isolated, needs};
use skep_ns::ErrorKind;
use skep_ns::net::{
    Hop, LinkRef, MacAddress, Neighbour, NeighbourState, Route, RouteKind, Rule, RuleAction, Scope, subnet,
};

use crate::support::{address, cable, check, cidr, ip, namespace};

fn ip_of(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn routes_are_told_as_they_were_set() {
    needs!(root);
    isolated(|| {
        let (net, _other) = cable();
        let index = net.link("a").unwrap().index;
        for own in ["10.0.0.1/24", "fd00::1/64"] {
            net.add_address("a", &address(own)).unwrap();
        }
        let gateway = ip_of("10.0.0.2");
        let routes = [
            Route::default_by(gateway).metric(100).mtu(1400),
            Route::to(cidr("10.1.0.0/16")).link("a").source([10, 0, 0, 1]).table(1000),
            Route::to(cidr("10.2.0.0/16")).gateway([192, 0, 2, 1]).link("a").on_link(),
            Route::to(cidr("10.3.0.0/16")).kind(RouteKind::Blackhole),
            Route::to(cidr("10.4.0.0/16")).gateway(ip_of("fd00::2")),
            Route::to(cidr("10.5.0.0/16"))
                .hop(Hop::gateway(gateway).weight(3))
                .hop(Hop::gateway([10, 0, 0, 3]).link("a")),
            Route::default_by(ip_of("fd00::2")).metric(7),
            Route::to(cidr("fd01::/32")).kind(RouteKind::Prohibit).metric(9),
            Route::to(cidr("fd02::/32")).link("a").metric(9),
        ];
        for route in &routes {
            net.add_route(route).unwrap();
        }
        let told = net.routes().unwrap();
        for wanted in &routes {
            let found = told.iter().find(|told| told.destination == wanted.destination && told.table == wanted.table);
            let found = found.unwrap_or_else(|| panic!("{wanted} in {told:?}"));
            assert_eq!(found.metric.filter(|_| wanted.metric.is_some()), wanted.metric);
            assert_eq!(
                (found.kind, found.gateway, found.mtu, found.source),
                (wanted.kind, wanted.gateway, wanted.mtu, wanted.source)
            );
            assert_eq!((found.on_link, found.protocol), (wanted.on_link, 4));
            let weights = |route: &Route| route.hops.iter().map(|hop| (hop.gateway, hop.weight)).collect::<Vec<_>>();
            assert_eq!(weights(found), weights(wanted));
            if wanted.kind == RouteKind::Unicast && wanted.hops.is_empty() {
                assert_eq!(found.link, Some(LinkRef::Index(index)), "{wanted}");
            }
        }
        let scope = |text: &str| told.iter().find(|told| told.destination == cidr(text)).unwrap().scope;
        assert_eq!((scope("10.1.0.0/16"), scope("0.0.0.0/0")), (Some(Scope::Link), Some(Scope::Global)));
        let said = ip(&net, "route show table all");
        for words in [
            "default via 10.0.0.2 dev a proto static metric 100 mtu 1400",
            "blackhole 10.3.0.0/16",
            "via inet6 fd00::2",
            "weight 3",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        let of_table = net.routes_in(1000).unwrap();
        assert_eq!(of_table.iter().map(|route| route.destination).collect::<Vec<_>>(), [cidr("10.1.0.0/16")]);
        assert!(net.routes_in(4711).unwrap().is_empty());
        assert_eq!(net.route_to(ip_of("192.0.2.7")).unwrap().gateway, Some(gateway));
        assert_eq!(net.route_to(ip_of("fd05::1")).unwrap().gateway, Some(ip_of("fd00::2")));
        // Conflicts with what is there.
        let found = subnet::conflicts(cidr("10.0.0.128/25"), &net.routes_in(Route::MAIN).unwrap());
        assert_eq!(found.iter().map(|route| route.destination).collect::<Vec<_>>(), [cidr("10.0.0.0/24")]);
        net.replace_route(&Route::default_by([10, 0, 0, 9]).metric(100)).unwrap();
        assert_eq!(net.route_to(ip_of("192.0.2.7")).unwrap().gateway, Some(ip_of("10.0.0.9")));
        net.remove_route(&Route::default_by([10, 0, 0, 9]).metric(100)).unwrap();
        for route in &routes[1..] {
            net.remove_route(route).unwrap();
        }
        assert!(net.routes().unwrap().iter().all(|route| route.protocol == 2));
        check("no route", &net.remove_route(&routes[1]).unwrap_err());
        check("no way", &net.route_to(ip_of("192.0.2.7")).unwrap_err());
    });
}

#[test]
fn many_routes_are_added_in_one_go_and_one_that_is_refused_is_named() {
    needs!(root);
    isolated(|| {
        let (net, _other) = cable();
        net.add_address("a", &address("10.0.0.1/24")).unwrap();
        let index = net.link("a").unwrap().index;
        let route = |at: u16| {
            let [high, low] = at.to_be_bytes();
            Route::to(cidr(&format!("172.{}.{low}.0/24", 16 + high))).link(index)
        };
        let all: Vec<Route> = (0..2000).map(route).collect();
        net.add_routes(&all).unwrap();
        let told = net.routes_in(Route::MAIN).unwrap();
        assert_eq!(told.iter().filter(|told| told.protocol == 4).count(), 2000);
        let error = net.add_routes(&[route(2000), route(7), route(2001)]).unwrap_err();
        check("a route that is there", &error);
        assert_eq!(net.routes_in(Route::MAIN).unwrap().iter().filter(|told| told.protocol == 4).count(), 2002);
    });
}

#[test]
fn every_route_that_is_told_can_be_removed_and_added_again() {
    needs!(root);
    isolated(|| {
        let (net, _other) = cable();
        for own in ["10.0.0.1/24", "fd00::1/64"] {
            net.add_address("a", &address(own)).unwrap();
        }
        let kinds = [RouteKind::Blackhole, RouteKind::Unreachable, RouteKind::Prohibit, RouteKind::Throw];
        let mut wanted: Vec<Route> = Vec::new();
        for (kind, at) in kinds.into_iter().zip(1..) {
            wanted.push(Route::to(cidr(&format!("10.{at}.0.0/16"))).kind(kind));
            wanted.push(Route::to(cidr(&format!("fd0{at}::/32"))).kind(kind));
        }
        wanted.extend([
            Route::default_by([10, 0, 0, 2]).metric(7).mtu(1400),
            Route::default_by(ip_of("fd00::2")),
            Route::to(cidr("10.8.0.0/16")).link("a").table(77),
            Route::to(cidr("fd08::/32")).link("a").table(77),
            Route::to(cidr("10.9.0.0/16")).gateway([192, 0, 2, 1]).link("a").on_link(),
            Route::to(cidr("10.10.0.0/16")).hop(Hop::gateway([10, 0, 0, 2])).hop(Hop::gateway([10, 0, 0, 3]).weight(9)),
            Route::to(cidr("10.11.0.0/16"))
                .hop(Hop::gateway([192, 0, 2, 1]).link("a"))
                .hop(Hop::gateway([192, 0, 2, 2]).link("a"))
                .on_link(),
            Route::to(cidr("fd10::/32")).hop(Hop::gateway(ip_of("fd00::2"))).hop(Hop::gateway(ip_of("fd00::3"))),
        ]);
        for route in &wanted {
            net.add_route(route).unwrap();
        }
        let ours = || net.routes().unwrap().into_iter().filter(|told| told.protocol == 4).collect::<Vec<Route>>();
        let told = ours();
        assert_eq!(told.len(), wanted.len());
        for route in &told {
            assert_eq!(route.problems(), Vec::<String>::new(), "{route}");
            net.remove_route(route).unwrap_or_else(|error| panic!("{route}: {error}"));
        }
        assert_eq!(ours(), []);
        for route in &told {
            net.add_route(route).unwrap_or_else(|error| panic!("{route}: {error}"));
        }
        assert_eq!(ours(), told);
    });
}

#[test]
fn bad_routes_are_refused_by_us_or_in_the_kernel_s_words() {
    needs!(root);
    isolated(|| {
        let (net, _other) = cable();
        net.add_address("a", &address("10.0.0.1/24")).unwrap();
        check("a gateway on no link", &net.add_route(&Route::default_by([192, 0, 2, 1])).unwrap_err());
        check("no network", &net.add_route(&Route::to(cidr("10.0.0.7/24")).link("a")).unwrap_err());
        check("no way there", &net.add_route(&Route::to(cidr("10.9.0.0/24"))).unwrap_err());
        let all = Route::to(cidr("fd00::7/64"))
            .gateway([10, 0, 0, 2])
            .hop(Hop::gateway([10, 0, 0, 3]).weight(0))
            .source([10, 0, 0, 1]);
        check("everything about a route", &net.add_route(&all).unwrap_err());
        net.change_link("a", &skep_ns::net::LinkChange::new().down()).unwrap();
        check("a link that is down", &net.add_route(&Route::to(cidr("10.9.0.0/24")).link("a")).unwrap_err());
    });
}

#[test]
fn rules_are_told_as_they_were_set() {
    needs!(root);
    isolated(|| {
        let net = namespace();
        let before = net.rules().unwrap();
        assert_eq!(before[0].action, RuleAction::Table(Route::LOCAL));
        let rules = [
            Rule::ipv4(RuleAction::Table(1000)).priority(100).from(cidr("10.0.0.0/24")).mark(7, 0xff).incoming("lo"),
            Rule::ipv4(RuleAction::Prohibit).priority(101).to(cidr("10.1.0.0/16")).inverted(),
            Rule::ipv6(RuleAction::Table(7)).priority(102).to(cidr("fd00::/8")).outgoing("eth9"),
            Rule::ipv6(RuleAction::Goto(32_766)).priority(103),
        ];
        for rule in &rules {
            net.add_rule(rule).unwrap();
        }
        let told = net.rules().unwrap();
        for wanted in &rules {
            assert!(told.contains(wanted), "{wanted:?} in {told:?}");
        }
        let said = ip(&net, "rule show");
        assert!(said.contains("100:\tfrom 10.0.0.0/24 fwmark 0x7/0xff iif lo lookup 1000"), "{said}");
        assert_eq!(net.add_rule(&rules[0]).unwrap_err().kind(), ErrorKind::WrongState);
        for rule in &rules {
            net.remove_rule(rule).unwrap();
        }
        assert_eq!(net.rules().unwrap(), before);
        check("no rule", &net.remove_rule(&rules[0]).unwrap_err());
        check(
            "a rule of both versions",
            &net.add_rule(&Rule::ipv6(RuleAction::Nothing).from(cidr("10.0.0.1/8"))).unwrap_err(),
        );
    });
}

#[test]
fn neighbours_and_those_that_are_answered_for_are_told_as_they_were_set() {
    needs!(root);
    isolated(|| {
        let (net, _other) = cable();
        let index = net.link("a").unwrap().index;
        let mac = MacAddress::derived("other", &[]);
        let known = [Neighbour::new([10, 0, 0, 2], mac), Neighbour::new(ip_of("fd00::2"), mac)];
        let proxies = [Neighbour::proxy([10, 0, 0, 3]), Neighbour::proxy(ip_of("fd00::3"))];
        for neighbour in known.iter().chain(&proxies) {
            net.add_neighbour("a", neighbour).unwrap();
        }
        let told = net.neighbours().unwrap();
        for wanted in &known {
            let found = told.iter().find(|told| told.address == wanted.address).unwrap();
            assert_eq!((found.mac, found.state, found.link), (Some(mac), NeighbourState::Permanent, index));
        }
        let mut answered: Vec<IpAddr> = net.proxies().unwrap().into_iter().map(|told| told.address).collect();
        answered.sort();
        assert_eq!(answered, proxies.iter().map(|proxy| proxy.address).collect::<Vec<_>>());
        for neighbour in known.iter().chain(&proxies) {
            net.remove_neighbour("a", neighbour).unwrap();
        }
        assert!(net.proxies().unwrap().is_empty());
        check("no neighbour", &net.remove_neighbour("a", &known[0]).unwrap_err());
        let strange = Neighbour::new([224, 0, 0, 1], MacAddress::new([0; 6]));
        check("a neighbour of nobody", &net.add_neighbour("a", &strange).unwrap_err());
    });
}
