// SPDX-License-Identifier: MIT OR Apache-2.0
//! A policy of system calls: what it means in words, how large its filter is, and what becomes of single calls, all without
//! a kernel. Of a profile of Docker or OCI (JSON), of LXC's text, or of the standard policy.
//!
//! ```sh
//! 36_policy - mount openat clone:0x10000000
//! 36_policy /usr/share/containers/seccomp.json keyctl
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::{env, error::Error, fs};

use skep::caps_sec::{Arch, Call, CapSet, LxcPolicy, Policy, Profile, Setting};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = env::args().skip(1);
    let policy = read(&words.next().unwrap_or("-".to_owned()))?;
    println!("{}", policy.explain());
    let filter = policy.compile()?;
    println!("{} instructions, {} of them for a call at most", filter.len(), filter.worst_depth());
    for change in Policy::standard(CapSet::standard()).diff(&policy) {
        println!("unlike the standard policy: {change}");
    }
    for word in words {
        // A call, and its first argument behind a colon.
        let (name, value) = word.split_once(':').unwrap_or((&word, "0"));
        let value = u64::from_str_radix(value.trim_start_matches("0x"), 16)?;
        let call =
            Call::named(name).ok_or_else(|| format!("{name} is no system call of {}", Arch::NATIVE))?.arg(0, value);
        println!("{call}: {}", filter.decide(&call));
    }
    Ok(())
}

fn read(path: &str) -> Result<Policy, Box<dyn Error>> {
    if path == "-" {
        return Ok(Policy::standard(CapSet::standard()));
    }
    let text = fs::read_to_string(path)?;
    let (policy, unknown) = if text.trim_start().starts_with('{') {
        let found = Profile::from_json(&text)?.resolve(&Setting::here(CapSet::standard()))?;
        (found.policy, found.unknown)
    } else {
        let found = LxcPolicy::from_text(&text, Arch::NATIVE)?;
        (found.policy, found.unknown.into_iter().map(|(line, name)| format!("{name} in line {line}")).collect())
    };
    for name in unknown {
        println!("there is no {name} up to Linux {}", Arch::newest_kernel());
    }
    Ok(policy)
}
