// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words of a line, for the parsers of short texts.

/// The words of a line, or of what of it begins at this column, each with its column; columns count characters from 1.
pub(crate) fn words(text: &str, column: usize) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = text;
    let mut column = column;
    std::iter::from_fn(move || {
        let word_on = rest.trim_start();
        column += rest.chars().count() - word_on.chars().count();
        let (word, after) = word_on.split_at_checked(word_on.find(char::is_whitespace).unwrap_or(word_on.len()))?;
        let at = column;
        column += word.chars().count();
        rest = after;
        (!word.is_empty()).then_some((at, word))
    })
}

/// A word of somebody else's as it can be shown in a sentence: quoted, escaped, not too long.
pub(crate) fn shown(word: &str) -> String {
    let short: String = word.chars().take(32).collect();
    let more = if short.len() < word.len() { "…" } else { "" };
    format!("{short:?}{more}")
}
