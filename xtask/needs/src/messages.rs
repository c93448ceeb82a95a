// SPDX-License-Identifier: MIT OR Apache-2.0
//! What people read when something fails, kept in a file: a reword shows in a diff.

use std::error::Error;
use std::fmt::Debug;
use std::fs::OpenOptions;
use std::io::{self, Read, Seek, Write};

/// A file of messages: sections that are apart by an empty line, and begin with their name in brackets.
#[derive(Debug, Clone, Copy)]
pub struct Messages {
    path: &'static str,
    kept: &'static str,
}

impl Messages {
    /// The file at `path`, of which `kept` is what was there when the tests were built.
    #[must_use]
    pub const fn new(path: &'static str, kept: &'static str) -> Self {
        Self { path, kept }
    }

    /// Compares what is said with the section `name`. With `UPDATE=1` in the environment it is written there instead.
    ///
    /// # Panics
    /// If it is not what was kept, and in an update if the file cannot be written.
    #[track_caller]
    pub fn check(&self, name: &str, said: &str) {
        if std::env::var_os("UPDATE").is_some() {
            let written = self.write(name, said);
            return assert!(written.is_ok(), "cannot write {}: {written:?}", self.path);
        }
        let kept = self.sections().into_iter().find(|(kept, _)| *kept == name);
        let Some((_, kept)) = kept else {
            panic!("{} has no section {name:?}; UPDATE=1 writes it:\n{said}", self.path)
        };
        assert_eq!(said, kept, "{name}: if this is meant, run the tests with UPDATE=1");
    }

    /// Every section: its name and what it holds.
    #[must_use]
    pub fn sections(&self) -> Vec<(&'static str, &'static str)> {
        sections(self.kept)
    }

    fn write(&self, name: &str, said: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(self.path)?;
        // Other tests write theirs at the same time.
        file.lock()?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let mut all: Vec<(&str, &str)> = sections(&text).into_iter().filter(|(kept, _)| *kept != name).collect();
        all.push((name, said));
        all.sort_unstable();
        let text: Vec<String> = all.iter().map(|(name, said)| format!("[{name}]\n{said}\n")).collect();
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(text.join("\n").as_bytes())
    }
}

fn sections(text: &str) -> Vec<(&str, &str)> {
    text.split("\n\n").filter_map(|section| section.trim().strip_prefix('[')?.split_once("]\n")).collect()
}

/// All that an error of ours has to say, a line each: its class and number, itself, its causes, its hint.
#[must_use]
pub fn in_words(error: &dyn Error, kind: &dyn Debug, errno: Option<i32>, hint: Option<&str>) -> String {
    let mut lines = vec![format!("{kind:?}, errno {errno:?}"), error.to_string()];
    let mut cause = error.source();
    while let Some(next) = cause {
        lines.extend(next.to_string().lines().map(|line| format!("cause: {line}")));
        cause = next.source();
    }
    lines.extend(hint.map(|hint| format!("hint: {hint}")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: Messages = Messages::new("no file", "[one]\na\nb\n\n[two]\nc\n");

    #[test]
    fn a_section_is_found_by_its_name() {
        assert_eq!(MESSAGES.sections(), [("one", "a\nb"), ("two", "c")]);
        MESSAGES.check("one", "a\nb");
    }

    #[test]
    #[should_panic(expected = "two: if this is meant")]
    fn another_text_is_a_failure() {
        MESSAGES.check("two", "d");
    }

    #[test]
    #[should_panic(expected = "has no section \"three\"")]
    fn an_absent_section_is_a_failure() {
        MESSAGES.check("three", "d");
    }
}
