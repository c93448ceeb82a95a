// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ledger: one JSON line for each test that did not run, in the file that `SKEP_LEDGER` names.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

#[derive(Serialize)]
struct Entry<'a> {
    test: &'a str,
    need: &'a str,
    detail: &'a str,
}

/// Writes that the calling test was skipped for want of `need`; without a ledger does nothing.
pub(crate) fn write(need: &str, detail: &str) {
    let Some(path) = std::env::var_os("SKEP_LEDGER") else {
        return;
    };
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a thread without a name");
    if let Err(error) = append(Path::new(&path), &Entry { test, need, detail }) {
        // A skip that the ledger misses would be counted as passed.
        panic!("cannot write the skip of {test} to the ledger {}: {error}", Path::new(&path).display());
    }
}

/// One write(2) with `O_APPEND`: tests of one program skip at the same time, and lines must not mix.
fn append(path: &Path, entry: &Entry<'_>) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    OpenOptions::new().append(true).create(true).open(path)?.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scratch;

    #[test]
    fn a_line_has_the_test_the_need_and_the_detail() {
        let dir = Scratch::new();
        let path = dir.join("ledger");
        append(&path, &Entry { test: "a::b", need: "root", detail: "this is \"x\"" }).unwrap();
        append(&path, &Entry { test: "a::c", need: "Linux 6.9", detail: "this is Linux 6.1" }).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["detail"], "this is \"x\"");
        assert_eq!(lines[1]["test"], "a::c");
    }

    #[test]
    fn a_ledger_that_cannot_be_opened_is_an_error() {
        let entry = Entry { test: "a", need: "b", detail: "c" };
        assert!(append(Path::new("/no/such/directory/ledger"), &entry).is_err());
    }
}
