// SPDX-License-Identifier: MIT OR Apache-2.0
//! The nearest names: what a word that is not known may have been meant for.

/// At most three of `names`, the most similar first, each once; none that is far off.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    // Longer words than any name has are not compared: it takes the product of both.
    if word.len() > 64 {
        return Vec::new();
    }
    let word = word.to_ascii_lowercase();
    // A third of a short word may be wrong, and never more than three letters.
    let far = (word.chars().count() / 3).clamp(1, 3);
    let mut near: Vec<(usize, bool, bool, &str)> = Vec::new();
    for name in names {
        let lower = name.to_ascii_lowercase();
        let within = word.len() > 2 && lower.contains(&word);
        if near.iter().any(|(.., known)| *known == name) || (lower.len().abs_diff(word.len()) > far && !within) {
            continue;
        }
        let away = distance(&word, &lower);
        if away <= far || within {
            // Of two that are as far off, the likelier slip: something too much or too little, and not at the beginning.
            let is_other = !within && !word.contains(&lower);
            near.push((away, is_other, !lower.starts_with(word.get(..1).unwrap_or_default()), name));
        }
    }
    near.sort_unstable();
    near.truncate(3);
    near.into_iter().map(|(.., name)| name).collect()
}

/// The nearest in a sentence's tail: ", did you mean a, b or c?". Empty where none is near.
#[allow(single_use_lifetimes, reason = "an anonymous one cannot stand here yet")]
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    question(&nearest(word, known))
}

/// These names in a sentence's tail.
pub(crate) fn question(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => format!(", did you mean {one}?"),
        [most @ .., last] => format!(", did you mean {} or {last}?", most.join(", ")),
    }
}

/// How many letters have to be put in, left out, or changed to make one of the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (at, a) in one.chars().enumerate() {
        let mut diagonal = at;
        let mut left = at + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, b) in row.iter_mut().skip(1).zip(other.chars()) {
            let changed = diagonal + usize::from(a != b);
            diagonal = *cell;
            left = changed.min(left + 1).min(*cell + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_textbook() {
        for (one, other, away) in [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2)] {
            assert_eq!(distance(one, other), away);
            assert_eq!(distance(other, one), away);
        }
    }

    #[test]
    fn the_nearest_comes_first_and_what_is_far_is_not_told() {
        let known = ["net_admin", "net_raw", "sys_admin", "mac_admin", "kill"];
        assert_eq!(did_you_mean("NET-ADMIN", known), ", did you mean net_admin?");
        assert_eq!(did_you_mean("admin", known), ", did you mean mac_admin, net_admin or sys_admin?");
        assert_eq!(did_you_mean("kil", known), ", did you mean kill?");
        assert_eq!(did_you_mean("zebra", known), "");
        assert_eq!(did_you_mean("", known), "");
        assert_eq!(nearest("SCMP_ACT_ALOW", ["SCMP_ACT_ALLOW"]), ["SCMP_ACT_ALLOW"]);
        assert_eq!(nearest("opnat", ["read", "openat", "open", "openat"]), ["openat"]);
    }

    #[test]
    fn of_names_as_far_off_the_likelier_slips_come_first() {
        assert_eq!(nearest("unmount", ["fsmount", "umount", "umount2", "mount"]), ["umount", "mount", "umount2"]);
    }
}
