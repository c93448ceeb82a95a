// SPDX-License-Identifier: MIT OR Apache-2.0
//! The programs of the tour do what they say, and are as short as they say.
#![allow(clippy::unwrap_used, reason = "what the tests call fails them by a panic")]

use std::process::Command;

use needs::{isolated, needs};

#[test]
fn a_container_is_forty_lines() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let out = Command::new(env!("CARGO_BIN_EXE_10_container")).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{said}");
        for words in ["hive\nbin\ndev\nproc\nsys\n", "    1 ", "ended: exit code 0\n"] {
            assert!(said.contains(words), "{words:?} is not in\n{said}");
        }
    });
    let lines = include_str!("../src/bin/10_container.rs").lines().filter(|line| !line.starts_with("//"));
    assert!(lines.count() < 40);
}
