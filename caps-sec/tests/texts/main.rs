// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was kept of fuzzing is read well, and so are random texts.
#![allow(clippy::unwrap_used, reason = "a failure is a panic here")]

mod check;

use std::fs;
use std::path::Path;

use proptest::prelude::*;

#[test]
fn what_was_kept_of_fuzzing_is_read_well() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/texts");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 8);
    files.iter().for_each(|file| check::all(&fs::read(file).unwrap()));
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
