// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rust source, as the rules read it: what is code, what is comment, what is test.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// One file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its path from the root of the repository.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// The text with comments, strings and `#[cfg(test)]` items blanked; lines stay where they are.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        let text = text.into();
        let code = without_tests(&without_words(&text));
        Self { path: path.into(), text, code }
    }

    /// Every `.rs` file below `folder` of `root`.
    pub(crate) fn below(root: &Path, folder: &Path) -> Result<Vec<Self>, Failure> {
        let mut sources = Vec::new();
        let told = |error| format!("cannot read {}: {error}", root.join(folder).display());
        let entries: Result<Vec<_>, _> = fs::read_dir(root.join(folder)).map_err(told)?.collect();
        let mut names: Vec<_> = entries.map_err(told)?.into_iter().map(|entry| entry.file_name()).collect();
        names.sort();
        for name in names {
            let path = folder.join(&name);
            if root.join(&path).is_dir() {
                if name != "target" && !name.as_encoded_bytes().starts_with(b".") {
                    sources.extend(Self::below(root, &path)?);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(root.join(&path)).map_err(told)?;
                sources.push(Self::new(path, text));
            }
        }
        Ok(sources)
    }

    /// Lines of code with their numbers.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code.lines())
    }

    /// `path:line`, for a sentence.
    pub(crate) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }

    /// Whether one of the path's folders has this name.
    pub(crate) fn is_in(&self, folder: &str) -> bool {
        self.path.parent().is_some_and(|parent| parent.iter().any(|part| part == folder))
    }
}

/// The words of a line of code: runs of letters, digits and underscores.
pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Whether a path in the line begins with this name: `name::`, and nothing of a path before it.
pub(crate) fn begins_path(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line.get(..at).unwrap_or_default();
        let after = line.get(at + name.len()..).unwrap_or_default();
        let whole = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let absolute = before.ends_with("::") && !before.trim_end_matches("::").ends_with(char::is_alphanumeric);
        whole && after.starts_with("::") && (absolute || !before.ends_with("::"))
    })
}

/// Blanks comments, strings and character literals.
fn without_words(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let length = if rest.starts_with(b"//") {
            rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest) {
            length
        } else if rest.starts_with(b"\"") {
            quoted(rest, b'"')
        } else {
            character(rest).unwrap_or(0)
        };
        let blank = text.get(at..at + length).unwrap_or_default();
        code.extend(blank.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        at += length;
        if length == 0 {
            let next = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
            code.push(next);
            at += next.len_utf8();
        }
    }
    code
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while let Some(pair) = rest.get(at..at + 2) {
        match pair {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of a raw string that begins here.
fn raw_string(rest: &[u8]) -> Option<usize> {
    let hashes = rest.strip_prefix(b"r")?;
    let count = hashes.iter().take_while(|byte| **byte == b'#').count();
    let body = hashes.get(count..)?.strip_prefix(b"\"")?;
    let close = [b"\"", vec![b'#'; count].as_slice()].concat();
    let end = body.windows(close.len()).position(|window| window == close);
    Some(end.map_or(rest.len(), |end| 1 + count + 1 + end + close.len()))
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            byte if *byte == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal that begins here; a lifetime is none.
fn character(rest: &[u8]) -> Option<usize> {
    let body = rest.strip_prefix(b"'")?;
    if body.first() == Some(&b'\\') {
        return Some(quoted(rest, b'\''));
    }
    let first = body.get(..body.len().min(4))?.utf8_chunks().next()?.valid();
    let width = first.chars().next()?.len_utf8();
    (body.get(width) == Some(&b'\'')).then_some(width + 2)
}

/// Blanks each item that `#[cfg(test)]` stands on.
fn without_tests(code: &str) -> String {
    let mut code = code.to_owned();
    while let Some(start) = code.find("#[cfg(test)]") {
        let rest = code.get(start..).unwrap_or_default();
        let end = start + item_length(rest);
        let blank: String = code.get(start..end).unwrap_or_default().chars().map(blank).collect();
        code.replace_range(start..end, &blank);
    }
    code
}

fn blank(c: char) -> char {
    if c == '\n' { '\n' } else { ' ' }
}

/// Up to the closing brace of the item, or its semicolon if that comes first.
fn item_length(rest: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_characters_are_not_code() {
        let code = without_words("a /* x /* y */ z */ b // c\n\"d \\\" e\" f r#\"g \" h\"# 'i' '\\'' 'j: k");
        let words: Vec<&str> = words(&code).collect();
        assert_eq!(words, ["a", "b", "f", "j", "k"]);
        assert_eq!(code.lines().count(), 2);
    }

    #[test]
    fn a_path_begins_with_its_first_name() {
        assert!(begins_path("use std::fs;", "std") && begins_path("(::std::mem::size_of())", "std"));
        assert!(!begins_path("use std::os::unix::fs;", "nix") && !begins_path("crate::nix::x", "nix"));
    }

    #[test]
    fn a_test_module_is_not_code_and_what_follows_is() {
        let source = Source::new("a.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\nfn c() {}\n");
        assert_eq!(words(&source.code).collect::<Vec<_>>(), ["fn", "a", "fn", "c"]);
        assert_eq!(source.lines().count(), 6);
    }
}
