// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of what a listing reads from text, and how it is shown.

use proptest::prelude::*;

use super::*;

#[test]
fn a_pin_is_read_from_the_mount_table() {
    let line = b"37 25 0:4 net:[4026532281] /run/netns/a\\040b\\134 rw shared:1 - nsfs nsfs rw";
    let pin = pins::parse(line).unwrap();
    assert_eq!((pin.kind, pin.inode), (NamespaceKind::Net, 4_026_532_281));
    assert_eq!(pin.path, PathBuf::from("/run/netns/a b\\"));
    assert_eq!(pin.device, rustix::fs::makedev(0, 4));
    for other in [
        &b"37 25 0:4 net:[x] /run/netns/a rw - nsfs nsfs rw"[..],
        b"37 25 0:4 net:[1] /run/netns/a rw - tmpfs nsfs rw",
        b"37 25 0:4 net:[1]",
        b"",
    ] {
        assert_eq!(pins::parse(other), None);
    }
}

proptest! {
    #[test]
    fn what_an_identity_displays_is_read_as_the_same(at in 0..NamespaceKind::ALL.len(), inode: u64, device: u64) {
        let id = NamespaceId::new(NamespaceKind::ALL[at], device, inode);
        prop_assert_eq!(pins::namespace_of(id.to_string().as_bytes()), Some((id.kind, inode)));
    }

    #[test]
    fn no_text_of_links_or_tables_is_too_odd(text: Vec<u8>) {
        let _kind = pins::namespace_of(&text);
        let _pin = pins::parse(&text);
    }
}

#[test]
fn the_table_names_pins_and_holders_and_no_terminal_s_commands() {
    let mut found = Listed::new(NamespaceId::new(NamespaceKind::Net, 4, 4_026_532_281));
    found.pins.push("/run/netns/lab".into());
    found.holders = vec![7, 8];
    let mut other = Listed::new(NamespaceId::new(NamespaceKind::Mount, 4, 4_026_532_282));
    other.processes = 2;
    other.first = Some(FirstProcess { pid: 17, uid: 4242, user: None, command: "sh -c \u{1b}[2J".into() });
    let hidden = Hidden { processes: 1, holders: 2 };
    let for_children = vec![NamespaceId::new(NamespaceKind::Pid, 4, 4_026_532_283)];
    let said = Listing { namespaces: vec![found, other], hidden, for_children }.to_string();
    let lines = [
        "        NS TYPE   NPROCS     PID USER       COMMAND",
        "4026532281 net         0       - -          - (pinned at /run/netns/lab) (held by 7, 8)",
        "4026532282 mnt         2      17 4242       sh -c ?[2J",
        "the next children begin in pid:[4026532283]",
        "1 process whose namespaces may not be seen is not in it",
        "2 processes whose descriptors may not be seen are not in it",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), lines);
}

#[cfg(feature = "serde")]
#[test]
fn a_listing_is_stored_and_read_again() {
    let all = list().unwrap();
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<Listing>(&text).unwrap(), all);
}
