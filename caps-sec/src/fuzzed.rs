// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must hold of everything that is read, whoever wrote it: nothing panics, each complaint has its place, and what is
//! read is written to be read as the same again.
//!
//! Neither built for users nor part of the interface: the targets in `fuzz/` call it with texts of their making, the tests
//! with those that are kept in `fuzz/seeds/`.

use crate::seccomp::{Arch, Call, Filter, LxcPolicy, Policy};

/// LXC's text.
pub fn lxc(text: &str) {
    match LxcPolicy::from_text(text, Arch::X86_64) {
        Ok(read) => {
            compiled(&read.policy);
            if let Ok(written) = read.policy.to_lxc_text() {
                let again = LxcPolicy::from_text(&written, Arch::X86_64).map(|again| again.policy);
                let [one, other] =
                    [again.ok(), Some(read.policy)].map(|policy| policy.and_then(|policy| policy.compile().ok()));
                assert_eq!(one, other, "{text:?} is written {written:?}");
            }
        }
        Err(error) => placed(text, error.problems()),
    }
}

/// A profile in JSON.
#[cfg(feature = "serde")]
pub fn profile(text: &str) {
    use crate::caps::CapSet;
    use crate::seccomp::{Profile, Setting};

    match Profile::from_json(text) {
        Ok(read) => {
            for caps in [CapSet::empty(), CapSet::all()] {
                match read.resolve(&Setting::new(caps, (6, 12)).on(Arch::X86_64)) {
                    Ok(found) => compiled(&found.policy),
                    Err(error) => placed(text, error.problems()),
                }
            }
        }
        Err(error) => placed(text, error.problems()),
    }
}

/// A program of classic BPF: what is taken ends for every call, with as many instructions as are said at most.
pub fn program(bytes: &[u8]) {
    for arch in [Arch::X86_64, Arch::S390x] {
        match Filter::from_bytes(arch, bytes) {
            Ok(filter) => {
                assert!((1..=filter.len()).contains(&filter.worst_depth()));
                assert_eq!(filter.listing().lines().count(), filter.len());
                for number in [0, 1, 257, u32::MAX] {
                    let _verdict = filter.decide(&Call::new(number).on(arch.audit_number()).arg(0, u64::MAX));
                }
            }
            Err(error) => assert!(!error.problems().is_empty()),
        }
    }
}

/// What is compiled the kernel takes; what is not has its reasons.
fn compiled(policy: &Policy) {
    match policy.compile() {
        Ok(filter) => assert!(Filter::from_bytes(filter.arch(), filter.as_bytes()).is_ok()),
        Err(error) => assert!(!error.problems().is_empty()),
    }
    let _words = (policy.explain(), policy.to_string());
}

fn placed(text: &str, problems: &[String]) {
    assert!(!problems.is_empty(), "{text:?}");
    for problem in problems {
        assert!(problem.contains(": "), "{text:?}: {problem}");
    }
}

#[cfg(test)]
mod tests {
    use needs::seeds;

    use super::*;

    #[test]
    fn what_was_kept_of_fuzzing_is_read_well() {
        seeds!("lxc").iter().for_each(|seed| lxc(&String::from_utf8_lossy(seed)));
        seeds!("program").iter().for_each(|seed| program(seed));
        #[cfg(feature = "serde")]
        seeds!("profile").iter().for_each(|seed| profile(&String::from_utf8_lossy(seed)));
    }
}
