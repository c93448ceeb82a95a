// SPDX-License-Identifier: MIT OR Apache-2.0
//! Networks of containers: bytes that really go, what a description becomes, and that no link is left.
//!
//! All of it in the network namespace that each test has for itself.

use std::io::Read;
use std::net::TcpListener;

use needs::{isolated, isolated_for, needs, rounds};
use skep::ns::net::{Address, Bridge, Cidr, MacAddress, Neighbour, Net, NewLink, Route};
use skep::ns::{IdMap, NamespaceKind, Namespaces};
use skep::{Builder, Container, ErrorKind, Network, Report, Status};

use crate::common::{DEADLINE, FIVE, is_root, text_of};
use crate::tree::Tree;

/// EDOM: no call of a start answers it.
const INJECTED: u16 = 33;

/// A bridge of this test's own, with 10.0.3.1/24 and fd00::1/64.
struct Switch(Net);

impl Switch {
    fn new() -> Self {
        let here = Net::here().unwrap();
        // With an address that was set it does not take one of its ports, and forget by that whom it has heard.
        let bridge = NewLink::bridge("br0", Bridge::new().forward_delay(0)).mac(MacAddress::new([2, 0, 0, 0, 0, 1]));
        here.create_link(&bridge.mtu(1400).up()).unwrap();
        for address in ["10.0.3.1/24", "fd00::1/64"] {
            here.add_address("br0", &Address::new(cidr(address)).at_once()).unwrap();
        }
        Self(here)
    }

    /// The names of all links here, but for those that every namespace has.
    fn links(&self) -> Vec<String> {
        let links = self.0.links_where(|link| !link.is_loopback() && !link.name.contains("tunl")).unwrap();
        links.into_iter().map(|link| link.name).filter(|name| name != "br0").collect()
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.0.remove_link("br0").unwrap();
    }
}

fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

fn lan() -> Network {
    Network::veth("br0").address(cidr("10.0.3.7/24")).gateway([10, 0, 3, 1])
}

/// A connection from the container to what listens on an address of the bridge: what is said arrives.
fn speaks(switch: &Switch, builder: impl FnOnce(&str) -> Builder, address: &str) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let container = builder(&format!("echo hello | busybox nc {address} {port}")).kill_on_drop().start();
    let container = container.unwrap_or_else(|error| panic!("{}", Report(&error)));
    let mut said = String::new();
    listener.accept().unwrap().0.read_to_string(&mut said).unwrap();
    assert_eq!(said, "hello\n");
    assert_eq!(switch.links().len(), 1);
    assert_eq!(container.wait().unwrap().code(), Some(0));
}

#[test]
fn a_container_speaks_with_the_address_of_its_bridge() {
    needs!(root, program("busybox"), link_kind("veth"), link_kind("bridge"));
    isolated(|| {
        let (switch, tree) = (Switch::new(), Tree::new());
        speaks(&switch, |script| tree.shell(script).network(lan()), "10.0.3.1");
        assert_eq!(switch.links(), [""; 0], "the end outside goes with the handle");
        let six = || Network::veth("br0").address(cidr("fd00::7/64"));
        speaks(&switch, |script| tree.shell(script).network(six()).init(), "fd00::1");
        let mapped = || Namespaces::new().make(FIVE).user(IdMap::whole(100_000, 65_536));
        speaks(&switch, |script| program_of(script).namespaces(mapped()).network(lan()), "10.0.3.1");
        assert_eq!(switch.links(), [""; 0]);
    });
}

/// A shell that sees this machine's files.
fn program_of(script: &str) -> Builder {
    crate::common::shell(script)
}

#[test]
fn each_network_is_there_as_it_was_described_before_the_program_begins() {
    needs!(root, link_kind("veth"), link_kind("bridge"));
    isolated(|| {
        let switch = Switch::new();
        let mac = MacAddress::new([2, 0, 0, 0, 0, 7]);
        let far = Route::to(cidr("10.9.0.0/16")).gateway([10, 0, 3, 2]);
        let first = lan().mac(mac).address(cidr("fd00::7/64")).route(far).host_name("outside");
        let second = Network::veth("br0").name("dmz").mtu(1300);
        let created = program_of("true").network(first).network(second).create().unwrap();
        let explained = created.plan().explain();
        assert!(explained.contains("lay a cable from \"eth0\" to \"outside\" in the bridge \"br0\""), "{explained}");
        assert!(explained.contains("MTU 1400, 10.0.3.7/24, fd00::7/64, route 10.9.0.0/16"), "{explained}");
        let inside = Net::of(created.namespace(NamespaceKind::Net).unwrap()).unwrap();
        let (eth0, dmz) = (inside.link("eth0").unwrap(), inside.link("dmz").unwrap());
        assert_eq!((eth0.mac, eth0.mtu, dmz.mtu), (Some(mac), 1400, 1300));
        assert!(eth0.is_up() && dmz.is_up() && inside.link("lo").unwrap().is_up());
        let addresses: Vec<Cidr> = inside.addresses_of("eth0").unwrap().iter().map(|told| told.cidr).collect();
        assert!(addresses.contains(&cidr("10.0.3.7/24")) && addresses.contains(&cidr("fd00::7/64")), "{addresses:?}");
        let routes: Vec<String> = inside.routes().unwrap().iter().map(ToString::to_string).collect();
        for wanted in ["0.0.0.0/0 via 10.0.3.1 dev #", "10.9.0.0/16 via 10.0.3.2 dev #"] {
            assert!(routes.iter().any(|route| route.starts_with(wanted)), "{routes:?}");
        }
        let outside = switch.0.link("outside").unwrap();
        assert_eq!(outside.master, Some(switch.0.link("br0").unwrap().index));
        assert_eq!((outside.mtu, outside.alias.as_deref()), (1400, Some("eth0 10.0.3.7 fd00::7 of a container")));
        assert!(outside.is_up());
        let derived = switch.links().into_iter().find(|name| name != "outside").unwrap();
        assert!(derived.len() == 15 && derived.starts_with("skep-"), "{derived}");
        assert_eq!(switch.0.link(derived.as_str()).unwrap().mtu, 1300);
        drop(created);
        assert_eq!(switch.links(), [""; 0]);
    });
}

#[test]
fn a_link_is_gone_when_its_container_is_deleted_whoever_deletes_it() {
    needs!(root, program("busybox"), link_kind("veth"), link_kind("bridge"), syscall("pidfd_open"));
    isolated(|| {
        let (switch, tree) = (Switch::new(), Tree::new());
        for round in 0..5 {
            let made = tree.named("web", "sleep 1000").network(lan().host_name("web0")).start();
            let made = made.unwrap_or_else(|error| panic!("{round}: {}", Report(&error)));
            let alias = switch.0.link("web0").unwrap().alias.unwrap();
            assert_eq!(alias, format!("eth0 10.0.3.7 of container {}", tree.name("web")));
            drop(made);
            assert_eq!(switch.links(), ["web0"]);
            let found = tree.open("web").unwrap();
            assert_eq!(found.spec().unwrap().networks, [lan().host_name("web0")]);
            assert_eq!(found.status().unwrap(), Status::Running);
            found.delete().unwrap();
            assert_eq!(switch.links(), [""; 0], "{round}");
        }
    });
}

/// Does `act` on a thread in a network namespace of its own.
#[allow(clippy::disallowed_methods, reason = "the thread that it changes is made for it")]
fn elsewhere<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    let inside = || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        act()
    };
    std::thread::scope(|scope| scope.spawn(inside).join().unwrap())
}

#[test]
fn a_link_is_removed_where_it_was_put_by_who_is_elsewhere() {
    needs!(root, program("busybox"), link_kind("veth"), link_kind("bridge"), syscall("pidfd_open"));
    isolated(|| {
        let (switch, tree) = (Switch::new(), Tree::new());
        // Something keeps the container's network namespace, and so the link, beyond its end.
        let web = || {
            let made = tree.named("web", "sleep 1000").network(lan().host_name("web0")).start().unwrap();
            made.namespace(NamespaceKind::Net).unwrap()
        };
        let _kept = web();
        elsewhere(|| tree.open("web").unwrap().delete()).unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert_eq!(switch.links(), [""; 0]);
        assert!(tree.open("web").is_err());
        // Who may not come there is told so, and loses nothing.
        let _kept = web();
        let refused = elsewhere(|| {
            caps::drop(None, caps::CapSet::Effective, caps::Capability::CAP_SYS_ADMIN).unwrap();
            tree.open("web").unwrap().delete()
        });
        let report = Report(&refused.unwrap_err()).to_string();
        assert!(report.contains("remove the network of") && report.contains("nsenter"), "{report}");
        assert_eq!(switch.links(), ["web0"]);
        tree.open("web").unwrap().delete().unwrap();
        assert_eq!(switch.links(), [""; 0]);
    });
}

#[test]
fn links_whose_network_namespace_is_gone_keep_no_record() {
    needs!(root, program("busybox"), link_kind("veth"), link_kind("bridge"), syscall("pidfd_open"));
    isolated(|| {
        let tree = Tree::new();
        elsewhere(|| {
            let switch = Switch::new();
            drop(tree.named("web", "sleep 1000").network(lan().host_name("web0")).start().unwrap());
            drop(switch);
        });
        let found = tree.open("web").unwrap();
        assert_eq!(found.status().unwrap(), Status::Running);
        found.delete().unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert!(tree.open("web").is_err());
    });
}

#[test]
fn a_link_of_somebody_else_with_the_same_name_stays() {
    needs!(root, program("busybox"), link_kind("veth"), link_kind("bridge"));
    isolated(|| {
        let (switch, tree) = (Switch::new(), Tree::new());
        let made = tree.named("web", "sleep 1000").network(lan().host_name("web0")).start().unwrap();
        switch.0.remove_link("web0").unwrap();
        switch.0.create_link(&NewLink::veth("web0", NewLink::peer("web1"))).unwrap();
        made.delete().unwrap();
        assert_eq!(switch.links().len(), 2);
        let taken = tree.named("web", "true").network(lan().host_name("web0")).start().unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::Invalid, "{}", Report(&taken));
        assert_eq!(taken.problems(), ["networks[0].host_name: there is a link \"web0\" here already"]);
        switch.0.remove_link("web0").unwrap();
    });
}

#[test]
fn whatever_step_fails_no_link_is_left() {
    needs!(root, program("busybox"), link_kind("veth"), link_kind("bridge"));
    isolated_for(DEADLINE * 5, || {
        let (switch, tree) = (Switch::new(), Tree::new());
        let builder = || {
            let cables = [lan().host_name("one"), Network::veth("br0").host_name("two")];
            cables.into_iter().fold(tree.named("web", "sleep 1000").init(), Builder::network)
        };
        let plan = builder().plan().unwrap().explain();
        assert_eq!(plan.matches("parent: lay a cable").count(), 2, "{plan}");
        for number in 1..=plan.lines().count() {
            let error = builder().fail_at(number, INJECTED).start().unwrap_err();
            let report = Report(&error).to_string();
            assert!(report.contains("(EDOM)") && !report.contains("is left"), "step {number}: {report}");
            // At once: the next container may have the same names.
            assert_eq!(switch.links(), [""; 0], "step {number}");
            assert!(tree.open("web").is_err(), "step {number}");
        }
        let container = builder().start().unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert_eq!(switch.links().len(), 2);
        container.kill().unwrap();
        container.wait().unwrap();
        container.delete().unwrap();
        assert_eq!(switch.links(), [""; 0]);
    });
}

#[test]
fn a_route_that_the_kernel_refuses_is_told_with_its_step_and_leaves_no_link() {
    needs!(root, link_kind("veth"), link_kind("bridge"));
    isolated(|| {
        let switch = Switch::new();
        let nowhere = Route::to(cidr("10.9.0.0/16")).gateway([192, 168, 9, 9]);
        let error = program_of("true").network(lan().route(nowhere)).start().unwrap_err();
        let report = Report(&error).to_string();
        assert!(report.contains("in the parent: lay a cable from \"eth0\""), "{report}");
        assert!(report.contains("cannot add the route 10.9.0.0/16 via 192.168.9.9 dev eth0"), "{report}");
        assert_eq!(switch.links(), [""; 0]);
    });
}

#[test]
fn what_a_network_leads_to_is_looked_for_before_anything_is_made() {
    needs!(root, program("busybox"), link_kind("veth"), link_kind("bridge"));
    isolated(|| {
        let (switch, tree) = (Switch::new(), Tree::new());
        switch.0.create_link(&NewLink::veth("cable", NewLink::peer("elbac"))).unwrap();
        let all = [Network::veth("br1"), Network::veth("cable"), Network::veth("br0").host_name("elbac")];
        let error = all.into_iter().fold(tree.named("web", "true"), Builder::network).start().unwrap_err();
        assert_eq!(
            error.problems(),
            [
                "networks[0].bridge: there is no link \"br1\" here (bridges here: \"br0\")",
                "networks[1].bridge: the link \"cable\" is no bridge (veth)",
                "networks[2].host_name: there is a link \"elbac\" here already",
            ]
        );
        assert!(!tree.states().exists(), "nothing has been made");
        switch.0.remove_link("cable").unwrap();
    });
}

#[test]
fn who_may_make_no_links_is_told_so_before_anything_is_made() {
    needs!(user, userns, program("busybox"));
    isolated(|| {
        let tree = Tree::new();
        assert!(!is_root());
        let error = tree.named("web", "true").network(Network::veth("no-such")).start().unwrap_err();
        let problems = error.problems();
        assert!(
            problems.len() == 2 && problems[0].starts_with("networks: the caller may make no links"),
            "{problems:?}"
        );
        assert_eq!(problems[1].split(" here (").next(), Some("networks[0].bridge: there is no link \"no-such\""));
        assert!(!tree.states().exists(), "nothing has been made");
    });
}

/// The addresses that the description of a running container has after it was made.
fn addresses_of(container: &Container) -> Vec<String> {
    let networks = &container.spec().unwrap().networks;
    networks.iter().flat_map(|network| &network.addresses).map(ToString::to_string).collect()
}

#[test]
fn an_automatic_address_is_one_that_nobody_is_known_to_have() {
    needs!(root, program("busybox"), link_kind("veth"), link_kind("bridge"), syscall("pidfd_open"));
    isolated(|| {
        let (switch, tree) = (Switch::new(), Tree::new());
        let automatic = || Network::veth("br0").automatic_address();
        // Heard on the bridge, though no container of ours.
        let heard = Neighbour::new([10, 0, 3, 2], MacAddress::new([2, 0, 0, 0, 0, 2]));
        switch.0.add_neighbour("br0", &heard).unwrap();
        let said = Network::veth("br0").address(cidr("10.0.3.4/24"));
        let said = program_of("exec sleep 1000").network(said).kill_on_drop().start().unwrap();
        let start = |builder: Builder| builder.network(automatic()).start().unwrap();
        let one = start(tree.named("one", "sleep 1000"));
        let two = start(program_of("exec sleep 1000").kill_on_drop());
        assert_eq!([addresses_of(&one), addresses_of(&two)], [["10.0.3.3/24"], ["10.0.3.5/24"]]);
        // It is kept as if it had been said, for whoever opens the container.
        let settled = tree.open("one").unwrap().spec().unwrap().networks.clone();
        assert_eq!(settled, [Network::veth("br0").address(cidr("10.0.3.3/24")).gateway([10, 0, 3, 1])]);
        one.delete().unwrap();
        speaks_besides(&switch, tree.shell("echo hello | busybox nc 10.0.3.1 4711").network(automatic()), "10.0.3.3");
        drop((said, two));
        assert_eq!(switch.links(), [""; 0]);
    });
}

#[test]
fn a_container_that_says_it_has_every_address_takes_none_from_others() {
    needs!(root, link_kind("veth"), link_kind("bridge"));
    isolated(|| {
        let switch = Switch::new();
        let says = Network::veth("br0").address(cidr("10.0.3.2/24"));
        let says = program_of("exec sleep 1000").network(says).kill_on_drop().start().unwrap();
        // As the kernel takes it down of whoever asks in another's name.
        for last in 2..=254 {
            let heard = Neighbour::new([10, 0, 3, last], MacAddress::new([2, 0, 0, 0, 0, 2]));
            switch.0.add_neighbour("br0", &heard).unwrap();
        }
        let start =
            || program_of("exec sleep 1000").network(Network::veth("br0").automatic_address()).kill_on_drop().start();
        let next = start().unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert_eq!(addresses_of(&next), ["10.0.3.3/24"]);
        // Somebody else is on the bridge, and may have any of them.
        switch.0.create_link(&NewLink::veth("uplink", NewLink::peer("far")).master("br0").up()).unwrap();
        let error = start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exhausted, "{}", Report(&error));
        switch.0.remove_link("uplink").unwrap();
        drop((says, next));
        assert_eq!(switch.links(), [""; 0]);
    });
}

/// A connection to the bridge, which must come from `address`.
fn speaks_besides(switch: &Switch, builder: Builder, address: &str) {
    let listener = TcpListener::bind(("10.0.3.1", 4711)).unwrap();
    let before = switch.links().len();
    let container = builder.kill_on_drop().start().unwrap_or_else(|error| panic!("{}", Report(&error)));
    let (_, sender) = listener.accept().unwrap();
    assert_eq!((sender.ip().to_string().as_str(), switch.links().len()), (address, before + 1));
    container.wait().unwrap();
}

#[test]
fn of_many_that_begin_at_once_no_two_get_the_same_address() {
    needs!(root, link_kind("veth"), link_kind("bridge"));
    isolated_for(DEADLINE * 3, || {
        let switch = Switch::new();
        for _ in 0..rounds(4) {
            let start = || {
                let builder = program_of("exec sleep 1000").network(Network::veth("br0").automatic_address());
                builder.kill_on_drop().start().unwrap_or_else(|error| panic!("{}", Report(&error)))
            };
            let all: Vec<Container> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..16).map(|_| scope.spawn(start)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let mut addresses: Vec<String> = all.iter().flat_map(addresses_of).collect();
            addresses.sort();
            addresses.dedup();
            assert_eq!(addresses.len(), 16, "{addresses:?}");
        }
        assert_eq!(switch.links(), [""; 0]);
    });
}

#[test]
fn where_no_address_is_free_that_is_told_and_no_link_is_left() {
    needs!(root, link_kind("veth"), link_kind("bridge"));
    isolated(|| {
        let switch = Switch::new();
        for (name, address) in [("br1", Some("10.0.4.1/30")), ("br2", None), ("br3", Some("fd01::1/64"))] {
            switch.0.create_link(&NewLink::bridge(name, Bridge::new().forward_delay(0)).up()).unwrap();
            if let Some(address) = address {
                switch.0.add_address(name, &Address::new(cidr(address)).at_once()).unwrap();
            }
        }
        let on = |bridge: &str| {
            program_of("exec sleep 1000").network(Network::veth(bridge).automatic_address()).kill_on_drop().start()
        };
        let only = on("br1").unwrap();
        assert_eq!(addresses_of(&only), ["10.0.4.2/30"]);
        let exhausted = on("br1").unwrap_err();
        let report = Report(&exhausted).to_string();
        assert_eq!(exhausted.kind(), ErrorKind::Exhausted, "{report}");
        assert!(report.contains("cannot allocate an address of 10.0.4.0/30"), "{report}");
        let none = on("br2").unwrap_err();
        let lack =
            "networks[0].automatic_address: the bridge \"br2\" has no address in whose network one could be free";
        assert_eq!(none.problems(), [lack]);
        let six = on("br3").unwrap();
        assert_eq!(addresses_of(&six), ["fd01::2/64"]);
        drop((only, six));
        let mut left = switch.links();
        left.sort();
        assert_eq!(left, ["br1", "br2", "br3"]);
        for bridge in left {
            switch.0.remove_link(bridge).unwrap();
        }
    });
}

#[test]
fn what_a_container_writes_of_its_links_is_what_it_was_given() {
    needs!(root, link_kind("veth"), link_kind("bridge"), program("ip"), syscall("pidfd_open"));
    isolated(|| {
        let switch = Switch::new();
        let said = text_of(program_of("ip -br -4 address show dev eth0; ip route").network(lan()));
        assert!(said.contains("10.0.3.7/24") && said.contains("default via 10.0.3.1 dev eth0"), "{said}");
        assert_eq!(switch.links(), [""; 0]);
        let detached = program_of("exec sleep 1000").network(lan().host_name("stays")).start().unwrap();
        let process = skep::ns::PidFd::open(detached.pid().unwrap()).unwrap();
        drop(detached);
        assert_eq!(switch.links(), ["stays"], "it is a running container's still");
        process.kill().unwrap();
        process.wait().unwrap();
        crate::common::until("the kernel takes the link up", || switch.links().is_empty());
    });
}
