// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of containers: each is a directory's name, a cgroup's, and a word of a command line.

/// The longest name. Cgroups and state directories put a few letters around it, and the kernel ends at 255.
const LONGEST: usize = 128;

/// What is wrong with `name`, or `None`.
pub(crate) fn problem_of(name: &str) -> Option<String> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_.-+".contains(letter);
    if name.is_empty() || name.len() > LONGEST {
        return Some(format!("name: has {} bytes; it may have 1 to {LONGEST}", name.len()));
    }
    if let Some(letter) = name.chars().find(|letter| !allowed(*letter)) {
        return Some(format!("name: {letter:?} in {name:?} is none of the letters a-z, A-Z, 0-9, _, ., - and +"));
    }
    // A leading dot hides it, or leads out of its directory; a leading dash reads as an option.
    if name.starts_with(['.', '-', '+']) {
        return Some(format!("name: {name:?} must begin with a letter, a digit or _"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_plain_word() {
        for name in ["web", "web-1", "Web.2_x+y", "0", "_x", &"a".repeat(128)] {
            assert_eq!(problem_of(name), None);
        }
        for (name, words) in [
            ("", "0 bytes"),
            ("a/b", "'/'"),
            ("..", "must begin"),
            (".x", "must begin"),
            ("-rf", "must begin"),
            ("a b", "' '"),
            ("a\nb", "'\\n'"),
            ("a\0", "'\\0'"),
            ("ä", "'ä'"),
            (&"a".repeat(129), "129 bytes"),
        ] {
            let problem = problem_of(name).unwrap();
            assert!(problem.starts_with("name: ") && problem.contains(words), "{name:?}: {problem}");
        }
    }
}
