// SPDX-License-Identifier: MIT OR Apache-2.0
//! The small files of a root.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use needs::{Scratch, isolated};
use proptest::prelude::*;
use skep_rootfs::{Account, ErrorKind, Group, Hosts, MachineId, ResolvConf, Root};

use crate::support::{both_ways, errno};

fn scratch() -> (Scratch, Root) {
    let dir = Scratch::new();
    for name in ["root", "canary"] {
        fs::create_dir_all(dir.join(name)).unwrap();
    }
    let root = Root::open(dir.join("root")).unwrap();
    (dir, root)
}

fn text(root: &Root, path: &str) -> String {
    String::from_utf8(root.read(path).unwrap()).unwrap()
}

#[test]
fn an_empty_root_has_them_all_afterwards() {
    both_ways(|| {
        let (_dir, root) = scratch();
        root.write_hostname("web-1.lan").unwrap();
        MachineId::new(7).write_to(&root).unwrap();
        Hosts::new().add([127, 0, 0, 1], ["localhost"]).write_to(&root).unwrap();
        ResolvConf::new().nameserver([10, 0, 3, 1]).write_to(&root).unwrap();
        assert!(Account::new("alice", 1000, 1000).add_to(&root).unwrap());
        assert!(Group::new("alice", 1000).member("bob").add_to(&root).unwrap());
        assert_eq!(text(&root, "/etc/hostname"), "web-1.lan\n");
        assert_eq!(text(&root, "/etc/machine-id"), "00000000000000000000000000000007\n");
        assert_eq!(text(&root, "/etc/hosts"), "127.0.0.1\tlocalhost\n");
        assert_eq!(text(&root, "/etc/resolv.conf"), "nameserver 10.0.3.1\n");
        assert_eq!(text(&root, "/etc/passwd"), "alice:x:1000:1000::/:/bin/sh\n");
        assert_eq!(text(&root, "/etc/group"), "alice:x:1000:bob\n");
        assert_eq!(root.metadata("/etc/passwd").unwrap().mode() & 0o777, 0o644);
    });
}

#[test]
fn an_account_is_added_once_and_nothing_else_is_changed() {
    let (_dir, root) = scratch();
    root.create_dir_all("/etc").unwrap();
    let before = "root:x:0:0:root:/root:/bin/sh\n+@nis\nbroken\nbob:x:7:7::/:/bin/sh";
    root.write("/etc/passwd", before).unwrap();
    let alice = Account::new("alice", 1000, 1000);
    assert!(!Account::new("another", 7, 7).add_to(&root).unwrap());
    assert_eq!(text(&root, "/etc/passwd"), before);
    assert!(alice.add_to(&root).unwrap());
    assert!(!alice.add_to(&root).unwrap());
    assert_eq!(text(&root, "/etc/passwd"), format!("{before}\n{}\n", alice.line()));
    let error = Account::new("bob", 8, 8).add_to(&root).unwrap_err();
    assert_eq!(error.problems(), ["name \"bob\" is that of another id in \"/etc/passwd\" already"]);
}

#[test]
fn nothing_that_is_given_becomes_a_line_of_its_own() {
    let (_dir, root) = scratch();
    let evil = "x\nroot2:x:0:0::/:/bin/sh";
    for error in [
        root.write_hostname(evil).unwrap_err(),
        Hosts::new().add([1, 1, 1, 1], [evil]).write_to(&root).unwrap_err(),
        ResolvConf::new().search(evil).write_to(&root).unwrap_err(),
        ResolvConf::new().option("a b").write_to(&root).unwrap_err(),
        Account::new(evil, 1, 1).add_to(&root).unwrap_err(),
        Account::new("a", 1, 1).comment(evil).add_to(&root).unwrap_err(),
        Account::new("a", 1, 1).comment("x\nroot2").add_to(&root).unwrap_err(),
        Account::new("a", 1, 1).home("/x:y").add_to(&root).unwrap_err(),
        Account::new("a", 1, u32::MAX).add_to(&root).unwrap_err(),
        Group::new("a", 1).member("b,c").add_to(&root).unwrap_err(),
        MachineId::new(0).write_to(&root).unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.problems().len()), (ErrorKind::Invalid, 1), "{error:?}");
    }
    assert!(!root.exists("/etc").unwrap());
}

/// CVE-2025-24965, and Debian's link to systemd-resolved's file.
#[test]
fn a_link_becomes_a_file_and_nothing_is_written_where_it_led() {
    both_ways(|| {
        let (dir, root) = scratch();
        fs::create_dir_all(dir.join("root/etc")).unwrap();
        fs::create_dir_all(dir.join("root/run/systemd/resolve")).unwrap();
        fs::write(dir.join("root/run/systemd/resolve/stub-resolv.conf"), "stub").unwrap();
        fs::write(dir.join("canary/passwd"), "outside").unwrap();
        symlink("../run/systemd/resolve/stub-resolv.conf", dir.join("root/etc/resolv.conf")).unwrap();
        symlink("../../canary/passwd", dir.join("root/etc/passwd")).unwrap();
        symlink(dir.join("canary/hosts"), dir.join("root/etc/hosts")).unwrap();
        // The naive writer does lead out.
        fs::write(dir.join("root/etc/hosts"), "x").unwrap();
        fs::remove_file(dir.join("canary/hosts")).unwrap();
        ResolvConf::new().nameserver([10, 0, 3, 1]).write_to(&root).unwrap();
        Account::new("alice", 1000, 1000).add_to(&root).unwrap();
        Hosts::new().add([127, 0, 0, 1], ["localhost"]).write_to(&root).unwrap();
        assert_eq!(text(&root, "/etc/resolv.conf"), "nameserver 10.0.3.1\n");
        assert_eq!(text(&root, "/run/systemd/resolve/stub-resolv.conf"), "stub");
        assert_eq!(text(&root, "/etc/passwd"), "alice:x:1000:1000::/:/bin/sh\n");
        assert_eq!(fs::read_to_string(dir.join("canary/passwd")).unwrap(), "outside");
        assert!(!dir.join("canary/hosts").exists());
    });
}

#[test]
fn a_fifo_a_directory_or_no_end_of_data_is_refused() {
    isolated(|| {
        let (dir, root) = scratch();
        root.create_dir_all("/etc/hosts").unwrap();
        root.device("/etc/passwd", skep_rootfs::Node::Pipe, 0o644).unwrap();
        fs::File::create(dir.join("root/etc/group")).unwrap().set_len(1 << 40).unwrap();
        let hosts = Hosts::new().add([127, 0, 0, 1], ["localhost"]);
        assert_eq!(hosts.write_to(&root).unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(Account::new("a", 1, 1).add_to(&root).unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(errno(Group::new("a", 1).add_to(&root)), Some(27));
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn what_has_no_problem_is_one_line_of_the_right_fields(name in any::<String>(), home in "/\\PC*", comment in any::<String>()) {
        let account = Account::new(name.as_str(), 1, 1).home(home).comment(comment);
        if account.problems().is_empty() {
            prop_assert_eq!(account.line().split(':').count(), 7);
            prop_assert_eq!(account.line().lines().count(), 1);
        }
        let conf = ResolvConf::new().search(name.as_str()).option(name);
        if conf.problems().is_empty() {
            prop_assert_eq!(conf.to_string().lines().count(), 2);
        }
    }
}
