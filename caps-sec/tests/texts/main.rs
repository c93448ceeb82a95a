// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was kept of fuzzing is read well, and so are random texts.
#![allow(clippy::unwrap_used, reason = "a failure is a panic here")]

mod check;

use needs::seeds;
use proptest::prelude::*;

#[test]
fn what_was_kept_of_fuzzing_is_read_well() {
    let seeds = seeds!("texts");
    assert!(seeds.len() >= 8);
    seeds.iter().for_each(|seed| check::all(seed));
}

proptest! {
    #[test]
    fn anything_is_read_or_refused(data in proptest::collection::vec(any::<u8>(), 0..40)) {
        check::all(&data);
    }

    #[test]
    fn anything_like_what_is_meant_is_read_or_refused(text in "[a-z0-9_,:= +\\-eip]{0,30}") {
        check::all(text.as_bytes());
    }
}
