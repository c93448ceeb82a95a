// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules for one source file.

use std::path::Path;

use super::LEAVES;
use crate::source::{Source, begins_path, words};

const SPDX: &str = "// SPDX-License-Identifier: MIT OR Apache-2.0";

/// Crates whose types the public API does not mention: they change it under us.
const PRIVATE_CRATES: [&str; 5] = ["rustix", "nix", "libc", "caps", "oci_spec"];

/// A sentence for each rule that the file breaks.
pub(super) fn faults(source: &Source) -> Vec<String> {
    let rules = [heading, doors, debts, signatures, pure_rooms, ignored];
    rules.iter().flat_map(|rule| rule(source)).collect()
}

/// The licence line, then what the file is.
fn heading(source: &Source) -> Vec<String> {
    let mut lines = source.text.lines();
    if lines.next() != Some(SPDX) {
        return vec![format!("{}: the first line is not {SPDX:?}", source.path.display())];
    }
    if !lines.next().is_some_and(|line| line.starts_with("//! ")) {
        return vec![format!("{}: the second line does not say what the file is (//! …)", source.path.display())];
    }
    Vec::new()
}

/// `unsafe` is in sys.rs, or a folder sys/, alone. Tests and benches may call an unsafe function, each with its reason (the compiler asks).
fn doors(source: &Source) -> Vec<String> {
    let is_test = source.is_in("tests") || source.is_in("benches") || source.path.ends_with("tests.rs");
    let is_door = source.path.iter().any(|word| word == "sys.rs" || word == "sys");
    if is_test || is_door {
        return Vec::new();
    }
    let unsafe_lines = source.lines().filter(|(_, line)| words(line).any(|word| word == "unsafe"));
    unsafe_lines.map(|(number, _)| format!("{}: unsafe belongs in a sys.rs", source.at(number))).collect()
}

/// A debt in a comment names its issue.
fn debts(source: &Source) -> Vec<String> {
    // Put together here, so that this file has none itself.
    let word = ["TO", "DO"].concat();
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(source.text.lines()) {
        for (at, _) in line.match_indices(&word) {
            let after = line.get(at + word.len()..).unwrap_or_default();
            let issue = after.strip_prefix("(#").and_then(|rest| rest.split_once(')'));
            if !issue.is_some_and(|(digits, _)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())) {
                faults.push(format!("{}: {word} without its issue: {word}(#123)", source.at(number)));
            }
        }
    }
    faults
}

/// Public signatures of the libraries mention no type of a private crate.
fn signatures(source: &Source) -> Vec<String> {
    let libraries = LEAVES.iter().map(|(folder, _)| *folder).chain(["container"]);
    let is_library = libraries.into_iter().any(|folder| source.path.starts_with(format!("{folder}/src")));
    if !is_library || source.is_in("floor") {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (at, _) in source.code.match_indices("pub ") {
        let starts = source.code.get(..at).unwrap_or_default().ends_with(|c: char| c.is_whitespace()) || at == 0;
        let rest = source.code.get(at..).unwrap_or_default();
        let signature = rest.split(['{', ';']).next().unwrap_or_default();
        let named = PRIVATE_CRATES.iter().find(|name| begins_path(signature, name));
        if let Some(name) = named.filter(|_| starts) {
            let number = source.code.get(..at).unwrap_or_default().lines().count().max(1);
            faults.push(format!("{}: a public signature mentions a type of {name}", source.at(number)));
        }
    }
    faults
}

/// Descriptions and translators touch nothing.
fn pure_rooms(source: &Source) -> Vec<String> {
    let rooms = ["container/src/spec", "container/src/front"];
    if !rooms.iter().any(|room| source.path.starts_with(Path::new(room))) {
        return Vec::new();
    }
    let touches = |line: &str| {
        let reaches = PRIVATE_CRATES.into_iter().find(|name| begins_path(line, name));
        reaches.or_else(|| line.contains("std::fs").then_some("std::fs"))
    };
    let found = source.lines().filter_map(|(number, line)| Some((number, touches(line)?)));
    found.map(|(number, name)| format!("{}: spec/ and front/ do not use {name}", source.at(number))).collect()
}

/// A test that nobody runs says why.
fn ignored(source: &Source) -> Vec<String> {
    // In the text, because tests are not code to the other rules; a string or a comment has something before it.
    let silent = (1..).zip(source.text.lines()).filter(|(_, line)| line.trim() == "#[ignore]");
    silent.map(|(number, _)| format!("{}: #[ignore] without a reason", source.at(number))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, body: &str) -> Source {
        Source::new(path, format!("{SPDX}\n//! A file.\n{body}"))
    }

    #[test]
    fn a_file_starts_with_its_licence_and_its_noun() {
        assert!(heading(&source("a.rs", "")).is_empty());
        assert_eq!(heading(&Source::new("a.rs", "//! A file.\n")).len(), 1);
        assert_eq!(heading(&Source::new("a.rs", format!("{SPDX}\nfn main() {{}}\n"))).len(), 1);
    }

    #[test]
    fn unsafe_has_its_doors() {
        let body = "// unsafe\nlet a = \"unsafe\";\n#![forbid(unsafe_code)]\n";
        assert!(doors(&source("ns/src/spawn.rs", body)).is_empty());
        assert_eq!(
            doors(&source("ns/src/spawn.rs", "unsafe { f() }")),
            ["ns/src/spawn.rs:3: unsafe belongs in a sys.rs"]
        );
        assert_eq!(doors(&source("ns/src/spawn.rs", "pub unsafe fn f() {}")).len(), 1);
        for path in
            ["ns/src/floor/sys.rs", "container/launcher/sys/mod.rs", "ns/tests/spawn.rs", "benches/benches/a.rs"]
        {
            assert!(doors(&source(path, "unsafe { f() }")).is_empty(), "{path}");
        }
    }

    #[test]
    fn a_debt_names_its_issue() {
        let word = ["TO", "DO"].concat();
        assert!(debts(&source("a.rs", &format!("// {word}(#12): later"))).is_empty());
        for bad in ["", ": later", "(later)", "(#)", "(#1x)"] {
            assert_eq!(debts(&source("a.rs", &format!("// {word}{bad}"))).len(), 1, "{bad}");
        }
    }

    #[test]
    fn public_signatures_keep_to_std_and_us() {
        let path = "ns/src/pidfd.rs";
        assert_eq!(signatures(&source(path, "pub fn f(\n    a: rustix::process::Pid,\n) {}")).len(), 1);
        assert_eq!(signatures(&source(path, "pub use nix::unistd::Pid;")).len(), 1);
        assert!(signatures(&source(path, "pub fn f(a: i32) { rustix::x(); }")).is_empty());
        assert!(signatures(&source(path, "pub(crate) fn f(a: libc::c_int) {}")).is_empty());
        assert!(signatures(&source("xtask/src/a.rs", "pub fn f(a: libc::c_int) {}")).is_empty());
    }

    #[test]
    fn descriptions_touch_nothing() {
        assert_eq!(pure_rooms(&source("container/src/spec/mod.rs", "use std::fs;")).len(), 1);
        assert_eq!(pure_rooms(&source("container/src/front/lxc/lexer.rs", "rustix::fs::open()")).len(), 1);
        assert!(pure_rooms(&source("container/src/parent/ids.rs", "use std::fs;")).is_empty());
        assert!(pure_rooms(&source("container/src/spec/mod.rs", "use std::os::unix::ffi::OsStrExt;")).is_empty());
    }

    #[test]
    fn an_ignored_test_says_why() {
        assert_eq!(ignored(&source("a.rs", "#[cfg(test)]\nmod t {\n    #[ignore]\n    fn a() {}\n}")).len(), 1);
        assert!(ignored(&source("a.rs", "#[ignore = \"slow\"]")).is_empty());
    }
}
