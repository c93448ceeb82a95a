// SPDX-License-Identifier: MIT OR Apache-2.0
//! Namespaces of their own, and what the tests say of errors.

use std::process::Command;

use needs::{Messages, in_words};
use skep_ns::net::Net;
use skep_ns::{Error, Join, NamespaceKind};

const MESSAGES: Messages =
    Messages::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/net/messages.txt"), include_str!("messages.txt"));

/// Compares all that an error says with what is kept.
#[track_caller]
pub(crate) fn check(name: &str, error: &Error) {
    MESSAGES.check(name, &in_words(error, &error.kind(), error.errno(), error.hint()));
}

/// A new net namespace with nothing but its loopback link, gone when the handle is.
pub(crate) fn namespace() -> Net {
    let net = Join::new().make([NamespaceKind::Net]).run(Net::here).unwrap().unwrap().unwrap();
    net.loopback_up().unwrap();
    net
}

/// What ip(8) says in a namespace.
pub(crate) fn ip(net: &Net, arguments: &str) -> String {
    let out = net.run(|| Command::new("ip").args(arguments.split(' ')).output().unwrap()).unwrap();
    assert!(out.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// The names of the links of a namespace, sorted.
pub(crate) fn names(net: &Net) -> Vec<String> {
    let mut names: Vec<String> = net.links().unwrap().into_iter().map(|link| link.name).collect();
    names.sort();
    names
}
