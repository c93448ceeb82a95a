// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses are given, told, waited for and taken away.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use needs::{isolated, needs};
use skep_ns::ErrorKind;
use skep_ns::net::{Address, AddressFlags, LinkChange, Scope};

use crate::support::{address, cable, check, cidr, ip, namespace};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn an_address_is_told_as_it_was_given() {
    // Older kernels say less of what they refuse.
    needs!(root, kernel(6, 12));
    isolated(|| {
        let (net, _other) = cable();
        let index = net.link("a").unwrap().index;
        let plain = address("10.0.3.7/24").broadcast(Ipv4Addr::new(10, 0, 3, 255)).label("a:web").scope(Scope::Link);
        let short = address("10.0.4.7/32").peer([10, 0, 4, 8]).lifetimes(100, 200);
        let six = address("fd00::7/64").flags(AddressFlags::NO_PREFIX_ROUTE);
        for wanted in [&plain, &short, &six] {
            net.add_address("a", wanted).unwrap();
        }
        let told = net.addresses_of(index).unwrap();
        let find =
            |wanted: &Address| told.iter().find(|told| told.cidr == wanted.cidr).unwrap_or_else(|| panic!("{told:?}"));
        let found = find(&plain);
        assert_eq!(
            (found.broadcast, found.label.as_deref(), found.scope),
            (plain.broadcast, Some("a:web"), Scope::Link)
        );
        assert_eq!((found.link, found.valid, found.peer), (index, None, None));
        assert!(found.flags.contains(AddressFlags::PERMANENT));
        let found = find(&short);
        assert_eq!(found.peer, short.peer);
        assert!(
            found.valid.is_some_and(|left| (190..=200).contains(&left))
                && found.preferred.is_some_and(|left| left <= 100)
        );
        assert!(find(&six).flags.contains(AddressFlags::NO_PREFIX_ROUTE | AddressFlags::NO_DUPLICATE_DETECTION));
        let said = ip(&net, "addr show dev a");
        for words in ["10.0.3.7/24 brd 10.0.3.255 scope link a:web", "10.0.4.7 peer 10.0.4.8/32", "fd00::7/64"] {
            assert!(said.contains(words), "{words}: {said}");
        }
        // The link alone has them.
        assert!(net.addresses_of("lo").unwrap().iter().all(|told| told.link == 1));
        assert_eq!(net.add_address("a", &plain).unwrap_err().kind(), ErrorKind::WrongState);
        net.replace_address("a", &address("10.0.4.7/32").peer([10, 0, 4, 8]).lifetimes(900, 1000)).unwrap();
        let told = net.addresses_of("a").unwrap();
        assert!(told.iter().any(|told| told.cidr == short.cidr && told.valid.is_some_and(|left| left > 900)));
        for wanted in [&plain, &short, &six] {
            net.remove_address("a", wanted).unwrap();
        }
        check("an address that is not there", &net.remove_address("a", &plain).unwrap_err());
        assert!(net.addresses_of("a").unwrap().iter().all(|told| told.scope == Scope::Link));
    });
}

#[test]
fn an_address_is_waited_for_until_nobody_else_has_it() {
    needs!(root);
    isolated(|| {
        let (one, other) = cable();
        let free: IpAddr = "fd00::1".parse().unwrap();
        one.add_address("a", &Address::new(cidr("fd00::1/64"))).unwrap();
        let before = one.addresses_of("a").unwrap().into_iter().find(|told| told.cidr.address() == free).unwrap();
        assert!(before.flags.contains(AddressFlags::TENTATIVE), "{before:?}");
        let ready = one.wait_for_address("a", free, LONG).unwrap();
        assert!(!ready.flags.contains(AddressFlags::TENTATIVE));
        // At once, now that it is known, and of version 4, of which nobody is asked.
        one.wait_for_address("a", free, Duration::ZERO).unwrap();
        one.add_address("a", &Address::new(cidr("10.0.0.1/24"))).unwrap();
        one.wait_for_address("a", [10, 0, 0, 1].into(), Duration::ZERO).unwrap();
        // The other end has the same.
        other.add_address("b", &Address::new(cidr("fd00::1/64"))).unwrap();
        check("an address of another", &other.wait_for_address("b", free, LONG).unwrap_err());
        // Never known, for the link is down.
        other.change_link("b", &LinkChange::new().down()).unwrap();
        other.add_address("b", &Address::new(cidr("fd00::2/64"))).unwrap();
        let error = other.wait_for_address("b", "fd00::2".parse().unwrap(), Duration::from_millis(1)).unwrap_err();
        check("an address that is not known", &error);
        let absent = one.wait_for_address("a", "fd00::9".parse().unwrap(), LONG).unwrap_err();
        assert_eq!(absent.kind(), ErrorKind::NotFound);
        // Taken away while it is waited for.
        one.add_address("a", &Address::new(cidr("fd00::3/64"))).unwrap();
        let begin = Instant::now();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| one.wait_for_address("a", "fd00::3".parse().unwrap(), LONG));
            one.remove_address("a", &address("fd00::3/64")).unwrap();
            assert_eq!(waiting.join().unwrap().unwrap_err().kind(), ErrorKind::NotFound);
        });
        assert!(begin.elapsed() < LONG);
    });
}

#[test]
fn addresses_that_no_link_can_have_are_refused_beforehand() {
    needs!(root);
    isolated(|| {
        let net = namespace();
        check("a prefix of 33", &"10.0.0.1/33".parse::<skep_ns::net::Cidr>().unwrap_err());
        let all = address("10.0.0.255/24").peer("::1".parse::<IpAddr>().unwrap()).label("").lifetimes(7, 3);
        check("everything about an address", &net.add_address("lo", &all).unwrap_err());
        check("an address of nobody", &net.add_address("lo", &address("0.0.0.0/0")).unwrap_err());
        check("an address of no link", &net.add_address("eth9", &address("10.0.0.1/24")).unwrap_err());
    });
}
