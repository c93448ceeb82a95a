// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is kept of fuzzing: each file once found, or to begin with, tested again in every run.

use std::fs;
use std::path::Path;

/// What is kept in `fuzz/seeds/` of the crate at `manifest` for one target, in the order of the files' names.
///
/// # Panics
/// If that cannot be read, or is nothing.
#[must_use]
pub fn seeds_of(manifest: &str, target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(manifest).join("fuzz/seeds").join(target);
    let read = || -> std::io::Result<Vec<Vec<u8>>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&folder)? {
            files.push(entry?.path());
        }
        files.sort();
        files.iter().map(fs::read).collect()
    };
    match read() {
        Ok(seeds) if seeds.is_empty() => panic!("nothing is kept in {}", folder.display()),
        Ok(seeds) => seeds,
        Err(error) => panic!("cannot read {}: {error}", folder.display()),
    }
}

/// What is kept in `fuzz/seeds/` of the crate that says this, for one target.
#[macro_export]
macro_rules! seeds {
    ($target:literal) => {
        $crate::seeds_of(env!("CARGO_MANIFEST_DIR"), $target)
    };
}
