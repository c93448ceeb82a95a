// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of keys and values that ask nothing of the kernel.

use proptest::prelude::*;

use super::table::{KEYS, look_up};
use super::*;
use crate::kind::{NamespaceFlags, NamespaceKind};

const MACHINE: &str = "is not among the known keys of namespaces: it is the whole machine's, or none";

fn refused(key: &str) -> String {
    key.parse::<SysctlKey>().unwrap_err().problems()[0].clone()
}

#[test]
fn the_table_is_sorted_and_has_every_constant() {
    assert!(KEYS.is_sorted_by_key(|row| row.0));
    for key in SysctlKey::NAMED {
        assert_eq!(key.to_string().parse::<SysctlKey>().unwrap(), *key);
    }
}

#[test]
fn a_key_of_the_machine_is_refused_by_its_name_however_it_is_spelled() {
    for key in ["kernel.core_pattern", "kernel/core_pattern"] {
        assert_eq!(refused(key), format!("line 1, column 1: kernel.core_pattern {MACHINE}"));
    }
    for key in [
        "vm.overcommit_memory",
        "net.core.netdev_budget",
        "net.ipv4.tcp_mem",
        "net.ipv4.route.gc_thresh",
        "fs.file-max",
    ] {
        assert_eq!(refused(key), format!("line 1, column 1: {key} {MACHINE}"));
    }
    for key in [
        "net/../kernel/core_pattern",
        "net.//.kernel.core_pattern",
        "net/./x",
        "/proc/sys/kernel/sem",
        "kernel",
        "",
        "net..x",
        "net.ipv4.",
        "net.ipv4.a b",
        "net/ipv4/a\nb",
        "net/\0",
    ] {
        assert!(refused(key).contains("is not a key"), "{key:?}: {}", refused(key));
    }
}

#[test]
fn the_first_separator_separates_and_the_other_is_part_of_a_name() {
    let dots: SysctlKey = "net.ipv4.conf.eth0/100.forwarding".parse().unwrap();
    assert_eq!(dots.path().to_str(), Some("/proc/sys/net/ipv4/conf/eth0.100/forwarding"));
    assert_eq!(dots, "net/ipv4/conf/eth0.100/forwarding".parse().unwrap());
    assert_eq!(dots, SysctlKey::of_interface("ipv4", "eth0.100", "forwarding").unwrap());
    assert!(SysctlKey::of_interface("ipv4", "../../../kernel", "sem").is_err());
    assert!(SysctlKey::of_interface("ipv4", "..", "sem").is_err());
}

#[test]
fn a_value_is_measured_by_the_kernel_s_range() {
    let problem = |key: SysctlKey, value: &str| key.problems_of(value).join("|");
    assert_eq!(problem(SysctlKey::SHM_RMID_FORCED, "2"), "kernel.shm_rmid_forced: \"2\" is not a number from 0 to 1");
    assert_eq!(problem(SysctlKey::SEM, "1 2 3"), "kernel.sem: \"1 2 3\" is not 4 numbers from 0 to 2147483647");
    assert_eq!(problem(SysctlKey::SEM, "1\t2 3  4"), "");
    assert_eq!(problem(SysctlKey::SHMMAX, "18446744073709551615"), "");
    for value in ["", "+1", "1.5", "0x10", "-1", "18446744073709551616", "1 1"] {
        assert_ne!(problem(SysctlKey::SHMMAX, value), "", "{value}");
    }
    assert_eq!(
        problem(SysctlKey::IP_LOCAL_PORT_RANGE, "9 8"),
        "net.ipv4.ip_local_port_range: \"9 8\" ends before it begins"
    );
    assert_eq!(problem(SysctlKey::PING_GROUP_RANGE, "1 0"), "", "nobody");
    assert_eq!(problem(SysctlKey::IP_FORWARD, "1\n2"), "net.ipv4.ip_forward: the value \"1\\n2\" is not one line");
    assert!(problem(SysctlKey::HOSTNAME, &"h".repeat(65)).contains("65 bytes"));
}

#[test]
fn every_bad_line_is_named() {
    let text = "# a comment\n; another\n\nkernel.shmmax = 1\n  kernel.core_pattern=|/bin/sh\nkernel.sem\nkernel/shmmax=2\n  net.ipv4..x=1\n";
    let error = text.parse::<Sysctls>().unwrap_err();
    let said = [
        &format!("line 5, column 3: kernel.core_pattern {MACHINE}"),
        "line 6, column 1: \"kernel.sem\" is not KEY = VALUE",
        "line 7, column 1: kernel.shmmax has a value already",
        "line 8, column 12: \"net.ipv4..x\" is not a key, such as kernel.shmmax",
    ];
    assert_eq!(error.problems(), said);
}

#[test]
fn settings_know_which_namespaces_they_change() {
    let all = Sysctls::new().value(SysctlKey::IP_FORWARD, 1).value(SysctlKey::MAX_USER_NAMESPACES, 0);
    assert_eq!(all.kinds(), NamespaceFlags::NET | NamespaceFlags::USER);
    let bad = all.value(SysctlKey::SHMMNI, 32_769);
    assert_eq!(bad.enter_here().unwrap_err().problems(), ["kernel.shmmni: \"32769\" is not a number from 0 to 32768"]);
    assert_eq!(look_up("net/core/somaxconn").unwrap().0, NamespaceKind::Net);
}

proptest! {
    #[test]
    fn settings_survive_their_text(values in proptest::collection::vec((0..KEYS.len(), "[!-~]([ -~]{0,20}[!-~])?"), 0..8)) {
        let all = values.into_iter().fold(Sysctls::new(), |all, (at, value)| {
            all.value(KEYS[at].0.parse().unwrap(), value)
        });
        prop_assert_eq!(all.to_string().parse::<Sysctls>().unwrap(), all);
    }

    #[test]
    fn no_spelling_leaves_proc_sys(text in "[a-z./]{0,30}", net: bool) {
        let text = if net { format!("net.{text}") } else { text };
        if let Ok(key) = text.parse::<SysctlKey>() {
            let path = key.path();
            prop_assert!(path.starts_with("/proc/sys/"));
            prop_assert!(path.components().all(|part| matches!(part, std::path::Component::RootDir | std::path::Component::Normal(_))));
            prop_assert_eq!(key.to_string().parse::<SysctlKey>().unwrap(), key);
        }
    }
}

#[cfg(feature = "serde")]
#[test]
fn serde_refuses_what_text_refuses() {
    let all = Sysctls::new().value(SysctlKey::SHMMAX, 1);
    assert_eq!(serde_json::to_string(&all).unwrap(), r#"{"kernel.shmmax":"1"}"#);
    assert_eq!(serde_json::from_str::<Sysctls>(r#"{"kernel/shmmax":"1"}"#).unwrap(), all);
    assert!(serde_json::from_str::<Sysctls>(r#"{"kernel.core_pattern":"1"}"#).is_err());
}
