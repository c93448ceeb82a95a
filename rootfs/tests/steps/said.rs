// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors as text, and the file that keeps them.

use std::error::Error as _;
use std::fs::OpenOptions;
use std::io::{Read, Seek, Write};
use std::path::Path;

use skep_rootfs::Error;

const KEPT: &str = include_str!("../messages.txt");
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/messages.txt");

/// All that an error has to say, a line each.
fn all(error: &Error) -> String {
    let mut lines = vec![format!("{:?}, errno {:?}", error.kind(), error.errno()), error.to_string()];
    let mut cause = error.source();
    while let Some(next) = cause {
        lines.extend(next.to_string().lines().map(|line| format!("cause: {line}")));
        cause = next.source();
    }
    lines.extend(error.hint().map(|hint| format!("hint: {hint}")));
    lines.join("\n")
}

/// Compares what the error says with the section `name` of `messages.txt`, with `dir` written as DIR.
///
/// With `UPDATE=1` in the environment it is written there instead.
#[track_caller]
pub(crate) fn check(name: &str, error: &Error, dir: impl AsRef<Path>) {
    let said = all(error).replace(dir.as_ref().to_str().unwrap().trim_end_matches('/'), "DIR");
    if std::env::var_os("UPDATE").is_some() {
        return write(name, &said);
    }
    let kept = sections(KEPT).into_iter().find(|(kept, _)| *kept == name);
    let Some((_, kept)) = kept else { panic!("messages.txt has no section {name:?}; UPDATE=1 writes it:\n{said}") };
    assert_eq!(said, kept, "{name}: if this is meant, run the tests with UPDATE=1");
}

/// Sections are apart by an empty line, and begin with their name in brackets.
fn sections(text: &str) -> Vec<(&str, &str)> {
    text.split("\n\n").filter_map(|section| section.trim().strip_prefix('[')?.split_once("]\n")).collect()
}

fn write(name: &str, said: &str) {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(PATH).unwrap();
    // Other tests write theirs at the same time.
    file.lock().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    let mut all: Vec<(&str, &str)> = sections(&text).into_iter().filter(|(kept, _)| *kept != name).collect();
    all.push((name, said));
    all.sort_unstable();
    let text: Vec<String> = all.iter().map(|(name, said)| format!("[{name}]\n{said}\n")).collect();
    file.rewind().unwrap();
    file.set_len(0).unwrap();
    file.write_all(text.join("\n").as_bytes()).unwrap();
}
