// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask conformance`: an OCI runtime, held to the runtime specification by what its command line does.
//!
//! A case is a bundle, what is called for it, and what must be seen of it. All of them run in pid and mount namespaces, so
//! that no process and no mount outlives them; then their groups and their directory are removed.
#![allow(
    clippy::indexing_slicing,
    reason = "a place of JSON that is absent is null, and is made when it is written to"
)]

mod bundle;
mod case;
mod config;
mod features;
mod hooks;
mod kernel;
mod known;
mod limits;
mod linux;
mod process;
mod runtime;
mod wrong;

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use lexopt::Arg;

use crate::failure::Failure;
use crate::{busybox, cargo, debian, oci};
use bundle::Bundle;
use case::{Case, Ending};

const HELP: &str = "usage: cargo xtask conformance [--runtime PROGRAM] [--unified] [WORDS…]

Holds our OCI runtime, or another, to the runtime specification: a line for each case whose name has one of the words.
As root; installs busybox from Debian. --unified shows it cgroup v2 alone, as crun wants it.";

const PARTS: [&[Case]; 9] = [
    config::CASES,
    process::CASES,
    hooks::CASES,
    linux::CASES,
    limits::CASES,
    kernel::CASES,
    runtime::CASES,
    wrong::CASES,
    features::CASES,
];

/// Has the cases run in namespaces, and removes what is left.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    let (mut words, mut is_unified) = (Vec::new(), false);
    let runtime = oci::runtime(arguments, HELP, |argument| {
        match argument {
            Arg::Long("unified") => is_unified = true,
            Arg::Value(word) => words.push(word.to_string_lossy().into_owned()),
            other => return Err(other.unexpected().into()),
        }
        Ok(())
    })?;
    let Some(runtime) = runtime else { return Ok(()) };
    if let Some(place) = oci::place() {
        return each(&place, &runtime, &words, is_unified);
    }
    debian::ensure(&["busybox-static"])?;
    let unified = is_unified.then(|| OsString::from("--unified"));
    let words = words.into_iter().map(OsString::from);
    oci::isolated("conformance", [OsString::from("--runtime"), runtime].into_iter().chain(unified).chain(words))
}

/// Runs each that is asked for, and fails if one did.
fn each(place: &Path, runtime: &OsString, words: &[String], is_unified: bool) -> Result<(), Failure> {
    if is_unified {
        let line = "umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup";
        cargo::output(Command::new("sh").args(["-c", line]))?;
    }
    let version = cargo::output(Command::new(runtime).arg("--version"))?;
    let version = version.lines().next().unwrap_or_default();
    println!("{version}");
    busybox::tree(&place.join("tree"))?;
    let (mut counts, mut failed) = ([0_usize; 3], Vec::new());
    let asked = PARTS.iter().copied().flatten().filter(|case| case.is_asked_for(words));
    for (number, case) in asked.enumerate() {
        let bundle = Bundle::new(place, runtime, number)?;
        let answer = (case.check)(&bundle).and_then(|()| bundle.end());
        bundle.remove();
        let ending = case::ending(case, known::reason(version, case), answer.err().map(|error| error.to_string()));
        println!("{:<7} {}", ending.word(), case.name());
        ending.told().iter().for_each(|line| println!("        | {line}"));
        let count = match ending {
            Ending::Fine => 0,
            Ending::Differs(_) => 1,
            Ending::Failed(_) => {
                failed.push(case.name());
                2
            }
        };
        if let Some(count) = counts.get_mut(count) {
            *count += 1;
        }
    }
    let [fine, differs, bad] = counts;
    println!("{} cases: {fine} ok, {differs} differ, {bad} failed", fine + differs + bad);
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join("; ")).into()) }
}

#[cfg(test)]
mod tests {
    use super::case::Level;
    use super::*;

    #[test]
    fn each_case_has_a_name_of_its_own() {
        let mut names: Vec<String> = PARTS.iter().copied().flatten().map(Case::name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_known_difference_is_of_a_case() {
        let cases: Vec<&Case> = PARTS.iter().copied().flatten().collect();
        for known in known::KNOWN {
            assert!(cases.iter().any(|case| case.name() == known.case), "{}", known.case);
        }
    }

    #[test]
    fn most_cases_are_of_what_must_be() {
        let cases = PARTS.iter().copied().flatten();
        assert!(cases.filter(|case| matches!(case.level, Level::Must)).count() > 60);
    }
}
