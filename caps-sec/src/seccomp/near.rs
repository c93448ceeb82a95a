// SPDX-License-Identifier: MIT OR Apache-2.0
//! The names that are most like a word that is none: for "did you mean".

/// At most three of `names`, the most similar first, each once; none that is far off.
pub(super) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    // A third of the letters may be wrong. Longer words than any name has are not compared: it takes the product of both.
    let most = (word.chars().count() / 3).max(1);
    if word.len() > 64 {
        return Vec::new();
    }
    let mut near: Vec<(usize, &str)> = Vec::new();
    for name in names {
        if name.len().abs_diff(word.len()) > most || near.iter().any(|(_, known)| *known == name) {
            continue;
        }
        let distance = distance(word, name);
        if distance <= most {
            near.push((distance, name));
        }
    }
    near.sort_unstable();
    near.truncate(3);
    near.into_iter().map(|(_, name)| name).collect()
}

/// How many letters must be put in, taken out or changed.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (at, letter) in one.chars().enumerate() {
        let (mut left, mut diagonal) = (at + 1, at);
        for (cell, known) in row.iter_mut().zip(std::iter::once(None).chain(other.chars().map(Some))) {
            let Some(known) = known else {
                *cell = at + 1;
                continue;
            };
            let up = *cell;
            *cell = (diagonal + usize::from(letter != known)).min(up + 1).min(left + 1);
            (diagonal, left) = (up, *cell);
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// ": nearest are a, b, c"; nothing if there are none.
pub(super) fn sentence(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        names => format!("; the nearest: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_of_letters() {
        for (one, other, far) in
            [("read", "read", 0), ("raed", "read", 2), ("", "abc", 3), ("mkdir", "rmdir", 2), ("opnat", "openat", 1)]
        {
            assert_eq!((distance(one, other), distance(other, one)), (far, far), "{one} {other}");
        }
    }

    #[test]
    fn what_is_far_off_is_not_named() {
        assert_eq!(nearest("opnat", ["read", "openat", "open", "openat"]), ["openat"]);
        assert_eq!(nearest("swim", ["read"]), [""; 0]);
    }
}
