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

#[test]
fn every_namespace_of_the_machine_is_a_line() {
    isolated(|| {
        let run = |argument: &str| {
            let out = Command::new(env!("CARGO_BIN_EXE_01_lsns")).arg(argument).output().unwrap();
            (
                out.status.success(),
                String::from_utf8_lossy(&out.stdout).into_owned(),
                String::from_utf8_lossy(&out.stderr).into_owned(),
            )
        };
        let link = std::fs::read_link("/proc/self/ns/net").unwrap();
        let inode = link.to_string_lossy().trim_matches(|at: char| !at.is_ascii_digit()).to_owned();
        for argument in ["net", &std::process::id().to_string(), "--held"] {
            let (done, said, _) = run(argument);
            assert!(done && said.lines().any(|line| line.starts_with(&format!("{inode} net "))), "{argument}: {said}");
        }
        let (done, _, said) = run("4194304");
        assert!(!done && said.contains("there is no such process"), "{said}");
        assert!(run("--facts").1.contains("PIDFD_GET_INFO"));
        assert!(run("chaos").2.contains("usage"));
    });
    let lines = include_str!("../src/bin/01_lsns.rs").lines().filter(|line| !line.starts_with("//"));
    assert!(lines.count() < 60);
}
