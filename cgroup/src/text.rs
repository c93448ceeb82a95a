// SPDX-License-Identifier: MIT OR Apache-2.0
//! Texts: the three forms that control files have.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "Interface Files", "Format".

use crate::value::{Max, digits};

/// The number that a file or a value is.
pub(crate) fn number(text: &str) -> Option<u64> {
    digits(text.trim_ascii())
}

/// The number that a file or a value is, or that there is no limit.
pub(crate) fn limit(text: &str) -> Option<Max<u64>> {
    match text.trim_ascii() {
        "max" => Some(Max::Unlimited),
        other => number(other).map(Max::Limit),
    }
}

/// A line each: a key and its value.
pub(crate) fn flat(text: &str, mut put: impl FnMut(&str, &str)) {
    for line in text.lines() {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        if !key.is_empty() {
            put(key, value.trim_ascii());
        }
    }
}

/// A line each: a name, then keys with values ("8:0 rbytes=1 wbytes=2"). `put` is called with the name alone first.
///
/// Some kernels leave out the line break behind a device that has nothing to tell: what `is_name` then begins the next.
pub(crate) fn nested(text: &str, is_name: fn(&str) -> bool, mut put: impl FnMut(&str, Option<(&str, &str)>)) {
    for line in text.lines() {
        let mut name = None;
        for word in line.split_ascii_whitespace() {
            match (name, word.split_once('=')) {
                (Some(name), Some(pair)) => put(name, Some(pair)),
                (Some(name), None) if !is_name(word) => put(name, Some((word, ""))),
                (_, _) => {
                    put(word, None);
                    name = Some(word);
                }
            }
        }
    }
}

/// The number behind a word at the beginning of a line.
pub(crate) fn field(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    number(value)
}
