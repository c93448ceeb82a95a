// SPDX-License-Identifier: MIT OR Apache-2.0
//! What people read when something in a root is not done. It stands in `messages.txt`.

use std::fs;
use std::os::unix::fs::symlink;

use needs::{Scratch, needs};
use skep_rootfs::{Account, Hosts, Node, OpenOptions, Pty, Root, TreeCopy};

use crate::said;

#[test]
fn of_files_and_trees() {
    needs!(syscall("statx"));
    let dir = Scratch::new();
    fs::create_dir_all(dir.join("root/etc/inner")).unwrap();
    symlink("../etc", dir.join("root/dev")).unwrap();
    symlink("nowhere", dir.join("root/nowhere-link")).unwrap();
    let root = Root::open(dir.join("root")).unwrap();
    root.device("/pipe", Node::Pipe, 0o600).unwrap();
    let new = OpenOptions::new;
    let hosts = Hosts::new().add([10, 0, 0, 1], ["a b", ""]);
    let account = Account::new("a:b", u32::MAX, 0).home("home").comment("two\nlines");
    for (name, error) in [
        ("opened pipe", root.open_with("/pipe", &new().read()).unwrap_err()),
        ("opened without sense", root.open_with("/x", &new().create().truncate()).unwrap_err()),
        ("made at the end of a link", root.open_with("/nowhere-link", &new().write().create()).unwrap_err()),
        ("written through a link for dev", root.write("/dev/x", "").unwrap_err()),
        ("mode of what is absent", root.set_mode("/absent", 0o600).unwrap_err()),
        ("renamed absent", root.rename("/absent", "/x").unwrap_err()),
        ("renamed to nowhere", root.rename("/etc", "/absent/x").unwrap_err()),
        ("removed absent tree", root.remove_dir_all("/absent").unwrap_err()),
        ("copied over something", TreeCopy::new().copy(&root, "/etc/inner", &root, "/etc").unwrap_err()),
        ("copied into itself", {
            TreeCopy::new().copy(&root, "/etc", &root, "/etc/inner/copy").unwrap().whole().unwrap_err()
        }),
        ("hosts without sense", hosts.write_to(&root).unwrap_err()),
        ("account without sense", account.add_to(&root).unwrap_err()),
        ("hostname without sense", root.write_hostname("-web..lan").unwrap_err()),
    ] {
        said::check(name, &error, dir.path());
    }
    let error = Pty::open_in(&root).unwrap_err();
    let number = std::os::fd::AsRawFd::as_raw_fd(&std::os::fd::AsFd::as_fd(&root));
    assert_eq!(error.to_string(), format!("cannot make a terminal in descriptor {number}"));
}
