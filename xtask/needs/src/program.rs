// SPDX-License-Identifier: MIT OR Apache-2.0
//! The workspace's own programs, found by a test.

use std::path::PathBuf;

/// The path of a program of this workspace, such as `skep-run`.
///
/// Looks in `SKEP_BIN_DIR` (set where the built files were copied for another account), then where cargo has put it
/// beside the running test.
///
/// # Panics
/// If it is in neither place.
#[must_use]
pub fn bin(name: &str) -> PathBuf {
    let mut tried = Vec::new();
    if let Some(dir) = std::env::var_os("SKEP_BIN_DIR") {
        tried.push(PathBuf::from(dir).join(name));
    }
    if let Ok(exe) = std::env::current_exe() {
        // A test is target/debug/deps/name-hash, a program target/debug/name; a doctest's place says nothing.
        tried.extend(exe.ancestors().skip(1).take(2).map(|dir| dir.join(name)));
    }
    if let Some(path) = tried.iter().find(|path| path.is_file()) {
        return path.clone();
    }
    let places: Vec<String> = tried.iter().map(|path| path.display().to_string()).collect();
    panic!(
        "cannot find the program {name}: it is not at {}; build it (`cargo build --workspace`), or run `cargo xtask test`",
        places.join(", ")
    );
}

#[cfg(test)]
mod tests {
    #[test]
    #[should_panic(expected = "cannot find the program no-such-program")]
    fn an_absent_program_says_how_to_build_it() {
        let _path = super::bin("no-such-program");
    }
}
