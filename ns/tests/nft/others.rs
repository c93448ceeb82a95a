// SPDX-License-Identifier: MIT OR Apache-2.0
//! What others have in nf_tables: it is left alone, and what of it is in the way is told.

use std::fs;

use needs::{isolated, needs};
use skep_ns::ErrorKind;
use skep_ns::net::nft::{Firewall, Masquerade, NfTables};

use crate::support::{World, ask, check, cidr, namespace, nothing, says, send, udp, until};

#[test]
fn a_firewall_that_drops_what_is_forwarded_is_named_and_let_pass_on_demand() {
    needs!(root, nf_tables, program("ip"), program("nft"));
    isolated(|| {
        let world = World::new();
        world.tell_c();
        // As iptables makes them, and Docker by it.
        for command in [
            "add table ip filter",
            "add chain ip filter FORWARD { type filter hook forward priority 0 ; policy drop ; }",
            "add chain ip filter DOCKER-USER",
            "add rule ip filter FORWARD counter jump DOCKER-USER",
            "add table inet strict",
            "add chain inet strict through { type filter hook forward priority 10 ; policy drop ; }",
            "add rule inet strict through meta nfproto ipv6 counter",
        ] {
            says(&world.router, &format!("nft {command}"));
        }
        let drops = world.tables.forward_drops().unwrap();
        let words: Vec<String> = drops.iter().map(ToString::to_string).collect();
        assert_eq!(
            words,
            [
                "the chain FORWARD of the table ip filter drops what is forwarded and not accepted there (Docker's); \
                 a rule in DOCKER-USER lets it pass",
                "the chain through of the table inet strict drops what is forwarded and not accepted there; \
                 a rule in it lets it pass",
            ]
        );
        let [docker, strict] = &drops[..] else { panic!("{drops:?}") };
        let (v4, v6) = (cidr("10.0.3.0/24"), cidr("fd00:3::/64"));
        assert!(docker.concerns(v4) && !docker.concerns(v6) && strict.concerns(v4) && strict.concerns(v6));
        check("a subnet of the other version", &world.tables.let_pass(docker, "hive", v6).unwrap_err());
        // No rule of ours helps.
        world.tables.apply(&Firewall::new("hive").protect(v4).masquerade(Masquerade::new(v4))).unwrap();
        let (one, other) = (udp(&world.a, "0.0.0.0:5000"), udp(&world.c, "0.0.0.0:5000"));
        one.send_to(b"x", "192.0.2.9:5000").unwrap();
        until("a packet is at Docker's", || {
            says(&world.router, "nft list chain ip filter FORWARD").contains("packets 1 ")
        });
        nothing(&other);
        for drop in &drops {
            world.tables.let_pass(drop, "hive", v4).unwrap();
            // Again: in place of the first.
            world.tables.let_pass(drop, "hive", v4).unwrap();
        }
        let rules = says(&world.router, "nft list chain ip filter DOCKER-USER");
        assert_eq!(rules.matches("comment \"skep hive pass 10.0.3.0/24\"").count(), 2, "{rules}");
        assert!(rules.contains("ip saddr 10.0.3.0/24 counter packets 0 bytes 0 accept"), "{rules}");
        ask(&one, "192.0.2.9:5000", &other);
        // IPv6 still does not pass, but then it does.
        let (one, other) = (udp(&world.a, "[::]:6000"), udp(&world.c, "[::]:6000"));
        one.send_to(b"x", "[fd00:9::9]:6000").unwrap();
        until("a packet is dropped", || says(&world.router, "nft list table inet strict").contains("packets 1 "));
        nothing(&other);
        world.tables.let_pass(strict, "hive", v6).unwrap();
        send(&one, "[fd00:9::9]:6000", &other);
        assert_eq!(world.tables.withdraw("other").unwrap(), 0);
        assert_eq!(world.tables.withdraw("hive").unwrap(), 6);
        assert!(!says(&world.router, "nft list ruleset").contains("skep hive"));
        world.tables.remove("hive").unwrap();
        assert!(says(&world.router, "nft list ruleset").contains("chain DOCKER-USER"));
        says(&world.router, "nft delete table ip filter");
        assert_eq!(world.tables.let_pass(docker, "hive", v4).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn iptables_still_reads_what_we_put_into_its_chains() {
    needs!(root, nf_tables, program("iptables-nft"));
    isolated(|| {
        let net = namespace();
        for command in ["-P FORWARD DROP", "-N DOCKER-USER", "-I FORWARD -j DOCKER-USER", "-A DOCKER-USER -j RETURN"] {
            says(&net, &format!("iptables-nft {command}"));
        }
        let tables = NfTables::of(net.namespace()).unwrap();
        let drops = tables.forward_drops().unwrap();
        assert_eq!(drops.iter().map(|drop| drop.remedy.as_str()).collect::<Vec<_>>(), ["DOCKER-USER"]);
        tables.let_pass(&drops[0], "hive", cidr("10.0.0.0/20")).unwrap();
        let said = says(&net, "iptables-nft -S DOCKER-USER");
        let rules: Vec<&str> = said.lines().skip(1).map(|line| line.split(" -m comment").next().unwrap()).collect();
        assert_eq!(rules.len(), 3, "{said}");
        assert!(
            rules[0].starts_with("-A DOCKER-USER -s 10.0.0.0/20")
                || rules[0].starts_with("-A DOCKER-USER -d 10.0.0.0/20"),
            "{said}"
        );
        assert!(said.lines().skip(1).take(2).all(|line| line.ends_with("-j ACCEPT")), "{said}");
        says(&net, "iptables-nft -I DOCKER-USER -s 192.0.2.1 -j DROP");
        assert_eq!(tables.withdraw("hive").unwrap(), 2);
        assert_eq!(says(&net, "iptables-nft -S DOCKER-USER").lines().count(), 3);
    });
}

#[test]
fn a_table_of_somebody_else_is_left_alone() {
    needs!(root, nf_tables, program("nft"));
    isolated(|| {
        let net = namespace();
        let tables = NfTables::of(net.namespace()).unwrap();
        says(&net, "nft add table inet hive");
        says(&net, "nft add table ip other");
        check("a table of somebody else is applied to", &tables.apply(&Firewall::new("hive")).unwrap_err());
        check("a table of somebody else is read", &tables.read("hive").unwrap_err());
        check("a table of somebody else is removed", &tables.remove("hive").unwrap_err());
        assert_eq!(tables.names().unwrap(), Vec::<String>::new());
        // A family that we do not use is no hindrance.
        tables.apply(&Firewall::new("other")).unwrap();
        assert_eq!(tables.names().unwrap(), ["other"]);
        assert_eq!(says(&net, "nft list tables").lines().count(), 3);
        tables.remove("other").unwrap();
        assert_eq!(says(&net, "nft list tables"), "table inet hive\ntable ip other\n");
    });
}

#[test]
fn who_has_no_right_is_told_which() {
    needs!(user, nf_tables);
    isolated(|| {
        assert!(fs::read("/proc/self/status").is_ok());
        let tables = NfTables::here().unwrap();
        check("no right to apply", &tables.apply(&Firewall::new("hive")).unwrap_err());
        check("no right to read", &tables.read("hive").unwrap_err());
        check("no right to ask", &tables.support().unwrap_err());
        check(
            "a firewall with problems",
            &tables.apply(&Firewall::new("").protect(cidr("::/0")).protect(cidr("::/0"))).unwrap_err(),
        );
    });
}
