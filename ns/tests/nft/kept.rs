// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is applied is what is there: told back as the same value, seen by nft(8), replaced as a whole.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use needs::{isolated, needs, rounds};
use serde_json::Value;
use skep_ns::net::nft::{Firewall, Guard, Masquerade, NfTables, PortForward};

use crate::support::{cidr, ip, namespace, says};

/// One with everything in it.
fn whole() -> Firewall {
    let mac = "02:00:00:00:00:0a".parse().unwrap();
    Firewall::new("hive")
        .masquerade(Masquerade::new(cidr("10.0.3.0/24")))
        .masquerade(Masquerade::new(cidr("10.0.16.0/20")).out("eth0"))
        .masquerade(Masquerade::new(cidr("fd00:3::/64")))
        .protect(cidr("10.0.3.0/24"))
        .protect(cidr("fd00:3::/64"))
        .isolate(cidr("10.0.3.0/24"), cidr("10.0.16.0/20"))
        .forward(PortForward::tcp(8080, (ip("10.0.3.7"), 80)).hairpin(cidr("10.0.3.0/24")))
        .forward(PortForward::udp(53, (ip("fd00:3::7"), 53)).on(ip("fd00:9::1")))
        .forward(PortForward::tcp(7000, (ip("10.0.3.7"), 7000)).up_to(7100))
        .forward(PortForward::udp(7000, (ip("10.0.3.7"), 8000)).up_to(7003))
        .guard(Guard::new("veth0", mac).address([10, 0, 3, 7]).address(ip("fd00:3::7")).address([10, 0, 3, 9]).dhcp())
        .guard(Guard::new("a-port.with@all", mac))
}

#[test]
fn a_firewall_is_told_back_as_it_was_applied_and_what_others_change_is_seen() {
    needs!(root, nf_tables, program("nft"));
    isolated(|| {
        let net = namespace();
        let tables = NfTables::of(net.namespace()).unwrap();
        assert_eq!(tables.read("hive").unwrap(), None);
        assert!(!tables.remove("hive").unwrap());
        let firewall = whole();
        let read = || tables.read("hive").unwrap().unwrap();
        for _ in 0..2 {
            tables.apply(&firewall).unwrap();
            let found = read();
            assert_eq!((found.firewall, found.differences), (firewall.clone(), Vec::new()));
        }
        // One by one: what others add, exchange and take.
        for (command, said) in [
            ("nft add rule inet hive forward drop", "the chain forward has"),
            ("nft insert rule inet hive postrouting counter", "the rule 1 of the chain postrouting is another one"),
            ("nft flush chain inet hive forward", ""),
            ("nft add chain inet hive more", "the chain more is not of it"),
            ("nft delete table bridge hive", ""),
            ("nft flush chain bridge hive prerouting", "the chain prerouting has"),
        ] {
            says(&net, command);
            let found = read();
            if said.is_empty() {
                assert_ne!(found.firewall, firewall, "{command}");
            } else {
                assert!(found.differences.iter().any(|sentence| sentence.starts_with(said)), "{command}: {found:?}");
            }
            tables.apply(&firewall).unwrap();
            assert_eq!(read().differences, Vec::<String>::new(), "{command}");
        }
        // A firewall without guards has no table for them.
        let smaller = Firewall::new("hive").protect(cidr("10.0.3.0/24"));
        tables.apply(&smaller).unwrap();
        assert_eq!(read().firewall, smaller);
        assert_eq!(says(&net, "nft list tables"), "table inet hive\n");
        tables.apply(&Firewall::new("hive")).unwrap();
        assert_eq!(read().firewall, Firewall::new("hive"));
        tables.apply(&Firewall::new("anthill")).unwrap();
        assert_eq!(tables.names().unwrap(), ["anthill", "hive"]);
        assert!(tables.remove("hive").unwrap() && tables.remove("anthill").unwrap());
        assert_eq!(says(&net, "nft list ruleset"), "");
    });
}

#[test]
fn nft_reads_the_rules_as_they_are_meant() {
    needs!(root, nf_tables, program("nft"));
    isolated(|| {
        let net = namespace();
        let tables = NfTables::of(net.namespace()).unwrap();
        tables.apply(&whole()).unwrap();
        let said = says(&net, "nft -n -s list ruleset");
        for rule in [
            "type nat hook prerouting priority -100; policy accept;",
            "fib daddr type 2 tcp dport 8080 counter dnat ip to 10.0.3.7:80 comment \"forward tcp 8080 to 10.0.3.7:80 hairpin 10.0.3.0/24\"",
            "ip6 daddr fd00:9::1 udp dport 53 counter dnat ip6 to fd00:3::7 comment",
            "tcp dport 7000-7100 counter dnat ip to 10.0.3.7 comment",
            "udp dport 7003 counter dnat ip to 10.0.3.7:8003 comment",
            "ip daddr != 127.0.0.0/8 tcp dport 8080 counter dnat ip to 10.0.3.7:80",
            "ip saddr 10.0.3.0/24 ip daddr 10.0.3.7 tcp dport 80 ct status 0x20 counter masquerade comment",
            "ip saddr 10.0.16.0/20 ip daddr != 10.0.16.0/20 oifname \"eth0\" counter masquerade comment",
            "ip6 saddr fd00:3::/64 ip6 daddr != fd00:3::/64 counter masquerade comment",
            "ip saddr 10.0.16.0/20 ip daddr 10.0.3.0/24 counter drop comment \"isolate 10.0.3.0/24 10.0.16.0/20\"",
            "ip daddr 10.0.3.0/24 counter drop comment \"protect 10.0.3.0/24\"",
            "iifname \"veth0\" jump guard-veth0 comment \"guard veth0 mac 02:00:00:00:00:0a dhcp\"",
            "ether saddr != 02:00:00:00:00:0a counter drop",
            "udp sport 67 counter drop",
            "arp saddr ip 10.0.3.9 accept",
        ] {
            assert!(said.contains(rule), "{rule}\nis not in\n{said}");
        }
        // As many as it counts are as many as we do.
        let listed: Value = serde_json::from_str(&says(&net, "nft -j list ruleset")).unwrap();
        let rules: Vec<&Value> =
            listed["nftables"].as_array().unwrap().iter().filter(|row| !row["rule"].is_null()).collect();
        let counted =
            |rule: &&&Value| rule["rule"]["expr"].as_array().unwrap().iter().any(|step| !step["counter"].is_null());
        let found = tables.read("hive").unwrap().unwrap();
        assert_eq!(rules.iter().filter(counted).count(), found.counts.len());
        assert!(rules.iter().all(|rule| rule["rule"]["comment"].is_string()));
        let dropping =
            |rule: &&&Value| rule["rule"]["expr"].as_array().unwrap().iter().any(|step| step.get("drop").is_some());
        assert_eq!(rules.iter().filter(dropping).count(), found.counts.iter().filter(|count| count.dropped).count());
        tables.remove("hive").unwrap();
    });
}

#[test]
fn whoever_looks_sees_one_firewall_or_the_other_and_never_some_of_both() {
    needs!(root, nf_tables);
    isolated(|| {
        let net = namespace();
        let open = || NfTables::of(net.namespace()).unwrap();
        let (one, other) = (whole(), Firewall::new("hive").protect(cidr("10.0.9.0/24")));
        open().apply(&one).unwrap();
        let end = AtomicBool::new(false);
        thread::scope(|scope| {
            let writers = [&one, &other].map(|firewall| {
                let tables = open();
                scope.spawn(move || (0..rounds(20)).for_each(|_| tables.apply(firewall).unwrap()))
            });
            let reader = scope.spawn(|| {
                let tables = open();
                while !end.load(Ordering::Relaxed) {
                    let found = tables.read("hive").unwrap().unwrap();
                    assert_eq!(found.differences, Vec::<String>::new());
                    assert!(found.firewall == one || found.firewall == other);
                }
            });
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            end.store(true, Ordering::Relaxed);
            reader.join().unwrap();
        });
        assert!(open().remove("hive").unwrap());
    });
}

#[test]
fn who_applies_and_who_removes_do_not_hinder_each_other() {
    needs!(root, nf_tables);
    isolated(|| {
        let net = namespace();
        let open = || NfTables::of(net.namespace()).unwrap();
        let one = whole();
        thread::scope(|scope| {
            for at in 0..3 {
                let (tables, one) = (open(), &one);
                scope.spawn(move || {
                    for _ in 0..rounds(150) {
                        if at == 0 {
                            tables.remove("hive").unwrap();
                        } else {
                            tables.apply(one).unwrap();
                            let found = tables.read("hive").unwrap();
                            assert!(found.is_none_or(|found| found.differences.is_empty()));
                        }
                    }
                });
            }
        });
        open().apply(&one).unwrap();
        assert_eq!(open().read("hive").unwrap().unwrap().firewall, one);
        assert!(open().remove("hive").unwrap());
    });
}

#[test]
fn what_a_kernel_has_is_told_while_others_change_it() {
    needs!(root, nf_tables);
    isolated(|| {
        let net = namespace();
        let open = || NfTables::of(net.namespace()).unwrap();
        let alone = open().support().unwrap();
        let end = AtomicBool::new(false);
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                let tables = open();
                while !end.load(Ordering::Relaxed) {
                    tables.apply(&Firewall::new("hive")).unwrap();
                }
            });
            let told: Vec<_> = (0..rounds(50)).map(|_| open().support().unwrap()).collect();
            end.store(true, Ordering::Relaxed);
            other.join().unwrap();
            assert!(told.iter().all(|told| *told == alone), "{alone}{told:?}");
        });
        assert!(open().remove("hive").unwrap());
    });
}

#[test]
fn a_firewall_of_a_thousand_rules_is_one_transaction() {
    needs!(root, nf_tables);
    isolated(|| {
        let net = namespace();
        let tables = NfTables::of(net.namespace()).unwrap();
        let many = (0..8_u16).fold(Firewall::new("hive"), |firewall, at| {
            let first = 10_000 + at * 256;
            firewall.forward(PortForward::tcp(first, (IpAddr::from([10, 0, 3, 7]), first + 1)).up_to(first + 255))
        });
        tables.apply(&many).unwrap();
        let found = tables.read("hive").unwrap().unwrap();
        assert_eq!((found.firewall, found.differences, found.counts.len()), (many, Vec::new(), 2 * 8 * 256));
        assert!(tables.remove("hive").unwrap());
    });
}

#[test]
fn this_kernel_has_all_that_firewalls_are_made_of() {
    needs!(root, nf_tables);
    isolated(|| {
        let net = namespace();
        let tables = NfTables::of(net.namespace()).unwrap();
        let support = tables.support().unwrap();
        assert!(!support.to_string().contains("no"), "{support}");
        // Nothing is left of the trial.
        assert_eq!(tables.names().unwrap(), Vec::<String>::new());
        tables.apply(&Firewall::new("skep-try")).unwrap();
        assert!(tables.remove("skep-try").unwrap());
    });
}
