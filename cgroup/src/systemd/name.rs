// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of units.
//!
//! Man: systemd.unit(5), "Description"; systemd.slice(5); systemd-escape(1).

use crate::value::shown;

/// The longest name.
const LONGEST: usize = 255;

/// The sorts of units that can be made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Scope,
    Slice,
}

impl Sort {
    /// The sort of the unit of this name.
    pub(super) fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "scope" => Some(Self::Scope),
            "slice" => Some(Self::Slice),
            _ => None,
        }
    }
}

/// What the bus calls the interface to the unit of this name; none for sorts that have no group.
pub(super) fn interface(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "scope" => "org.freedesktop.systemd1.Scope",
        "slice" => "org.freedesktop.systemd1.Slice",
        "service" => "org.freedesktop.systemd1.Service",
        "socket" => "org.freedesktop.systemd1.Socket",
        "mount" => "org.freedesktop.systemd1.Mount",
        "swap" => "org.freedesktop.systemd1.Swap",
        _ => return None,
    })
}

/// What is wrong with a name, to be said behind its place; nothing if nothing is.
pub(super) fn problem(name: &str) -> Option<String> {
    let text = shown(name);
    let Some((stem, _)) = name.rsplit_once('.') else {
        return Some(format!("{text} does not end in what the unit is, such as .scope or .slice"));
    };
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    if let Some(bad) = name.chars().find(|c| !is_allowed(*c)) {
        return Some(format!("{text} has {bad:?} in it: names of units are of letters, digits and \":-_.\\@\""));
    }
    if name.len() > LONGEST {
        return Some(format!("{text} is {} bytes long: systemd takes {LONGEST}", name.len()));
    }
    if stem.is_empty() {
        return Some(format!("{text} has nothing before the dot"));
    }
    if stem.starts_with('@') || stem.ends_with('@') {
        return Some(format!("{text} is a template, which cannot be started"));
    }
    let nests_well = stem == "-" || stem.split('-').all(|part| !part.is_empty());
    if Sort::of(name) == Some(Sort::Slice) && (stem.contains('@') || !nests_well) {
        return Some(format!("{text} is no slice: a-b.slice is b below a.slice, and each of them has a name"));
    }
    None
}

/// Makes any text a part of a unit's name, as systemd-escape(1) does: "/" becomes "-", and what a name may not have the
/// number of its byte.
///
/// ```
/// assert_eq!(skep_cgroup::systemd::escape("srv/a-b c"), "srv-a\\x2db\\x20c");
/// ```
#[must_use]
#[doc(alias = "systemd-escape")]
pub fn escape(text: &str) -> String {
    let mut name = String::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if at == 0 => name.push_str("\\x2e"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'.' => name.push(char::from(byte)),
            _ => name.push_str(&format!("\\x{byte:02x}")),
        }
    }
    name
}

/// The path of a unit's object on the bus.
pub(super) fn path(name: &str) -> String {
    let mut path = "/org/freedesktop/systemd1/unit/".to_owned();
    for (at, byte) in name.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (byte.is_ascii_digit() && at > 0) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("_{byte:02x}"));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_the_letters_that_systemd_takes() {
        for good in ["web-1.scope", "a.slice", "a-b-c.slice", "-.slice", "a\\x2db:c_d.e.scope", "a@b.scope"] {
            assert_eq!(problem(good), None, "{good}");
        }
        let bad = [
            ("web", "does not end in"),
            ("a b.scope", "has ' ' in it"),
            ("a/b.scope", "has '/' in it"),
            ("ä.scope", "has 'ä' in it"),
            ("a\n.scope", "has '\\n' in it"),
            (".scope", "nothing before the dot"),
            ("a@.scope", "is a template"),
            ("-a.slice", "is no slice"),
            ("a--b.slice", "is no slice"),
            ("a-.slice", "is no slice"),
            ("a@b.slice", "is no slice"),
        ];
        for (name, why) in bad {
            assert!(problem(name).unwrap().contains(why), "{name}: {:?}", problem(name));
        }
        assert_eq!(problem(&format!("{}.scope", "x".repeat(249))), None);
        assert!(problem(&format!("{}.scope", "x".repeat(250))).unwrap().contains("256 bytes long"));
    }

    #[test]
    fn texts_are_escaped_as_systemd_does_it() {
        assert_eq!(escape(".hidden/ä"), "\\x2ehidden-\\xc3\\xa4");
        assert_eq!(path("web-1.scope"), "/org/freedesktop/systemd1/unit/web_2d1_2escope");
        assert_eq!(path("1a.slice"), "/org/freedesktop/systemd1/unit/_31a_2eslice");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_escaped_is_a_name(text in ".{1,60}") {
            let name = format!("{}.scope", escape(&text));
            proptest::prop_assert!(name.len() > LONGEST || problem(&name).is_none(), "{}", name);
        }
    }
}
