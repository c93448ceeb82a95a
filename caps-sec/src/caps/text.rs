// SPDX-License-Identifier: MIT OR Apache-2.0
//! The text of getpcaps(8), setcap(8) and capsh(1): three sets in clauses, such as "=ep cap_sys_resource-ep".
//!
//! A clause is a list of names, an operator and the sets that it is about: `=` puts the capabilities into these sets and
//! takes them out of the others, `+` puts them in, `-` takes them out; an empty list is every capability.
//!
//! Man: cap_from_text(3).

use std::fmt;
use std::str::FromStr;

use super::{Cap, CapSet, Capabilities};
use crate::error::{Error, Object};

/// The three sets that libcap's text is about. It says nothing of bounding and ambient sets.
///
/// Displays as libcap's `cap_to_text` writes it, and parses from whatever `cap_from_text` reads. "all" is every capability
/// that has a name here.
///
/// ```
/// use skep_caps_sec::{Cap, CapSet, CapText};
///
/// let text: CapText = "cap_chown,cap_kill=p cap_kill+e".parse()?;
/// assert_eq!(text.effective, CapSet::from(Cap::KILL));
/// assert_eq!(text.to_string(), "cap_kill=ep cap_chown+p");
/// # Ok::<(), skep_caps_sec::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[doc(alias = "cap_to_text")]
#[doc(alias = "cap_from_text")]
pub struct CapText {
    /// "e": what is in force.
    pub effective: CapSet,
    /// "i": what is inheritable.
    pub inheritable: CapSet,
    /// "p": what may be put in force.
    pub permitted: CapSet,
}

impl From<Capabilities> for CapText {
    fn from(sets: Capabilities) -> Self {
        Self { effective: sets.effective, inheritable: sets.inheritable, permitted: sets.permitted }
    }
}

/// Flags of one capability, as libcap numbers them: the order of clauses comes from it.
const EFFECTIVE: usize = 1;
const PERMITTED: usize = 2;
const INHERITABLE: usize = 4;

impl CapText {
    /// In which of the three sets it is.
    fn flags_of(&self, cap: Cap) -> usize {
        let flag = |set: CapSet, flag| if set.contains(cap) { flag } else { 0 };
        flag(self.effective, EFFECTIVE) | flag(self.permitted, PERMITTED) | flag(self.inheritable, INHERITABLE)
    }

    fn clause(&mut self, text: &str) -> Result<(), String> {
        let operators = |letter: char| matches!(letter, '=' | '+' | '-');
        let Some(start) = text.find(operators) else {
            return Err(format!("{text:?} has no operator: it is a list of capabilities, one of = + -, and of e i p"));
        };
        let (list, mut rest) = text.split_at(start);
        let caps = caps_of(list)?;
        if list.is_empty() && !rest.starts_with('=') {
            return Err(format!("{text:?}: only \"=\" can be without capabilities; for all of them write all{rest}"));
        }
        let mut first = true;
        while let Some(operator) = rest.chars().next() {
            let after = rest.get(1..).unwrap_or_default();
            let end = after.find(operators).unwrap_or(after.len());
            let (flags, more) = after.split_at(end);
            if let Some(strange) = flags.chars().find(|flag| !matches!(flag, 'e' | 'i' | 'p')) {
                return Err(format!("{text:?}: {strange:?} is no set: they are e, i and p"));
            }
            if operator == '=' && !first {
                return Err(format!("{text:?}: \"=\" can only be the first operator of a clause"));
            }
            if operator != '=' && flags.is_empty() {
                return Err(format!("{text:?}: {operator:?} is followed by no set: they are e, i and p"));
            }
            self.operate(caps, operator, flags);
            (rest, first) = (more, false);
        }
        Ok(())
    }

    fn operate(&mut self, caps: CapSet, operator: char, flags: &str) {
        for (flag, set) in [('e', &mut self.effective), ('i', &mut self.inheritable), ('p', &mut self.permitted)] {
            match (operator, flags.contains(flag)) {
                ('=' | '+', true) => *set |= caps,
                ('=', false) | ('-', true) => *set -= caps,
                _ => {}
            }
        }
    }
}

/// "cap_chown,cap_kill", "all", or nothing for all.
fn caps_of(list: &str) -> Result<CapSet, String> {
    if list.is_empty() || list.eq_ignore_ascii_case("all") {
        return Ok(CapSet::all());
    }
    let mut set = CapSet::empty();
    for word in list.split(',') {
        match Cap::parse(word) {
            Some(cap) => set |= cap.into(),
            None if word.eq_ignore_ascii_case("all") => set |= CapSet::all(),
            None => return Err(format!("{word:?} is no capability{}", Cap::near(word))),
        }
    }
    Ok(set)
}

impl fmt::Display for CapText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = CapSet::all();
        let with = |within: CapSet, flags: usize| within.iter().filter(move |cap| self.flags_of(*cap) == flags);
        // What most of them have is said once, the least of equals; the others by what they differ in.
        let named = |flags: usize| with(all, flags).count();
        let most = (0..8).rev().fold(7, |most, flags| if named(flags) >= named(most) { flags } else { most });
        let newer = (self.effective | self.inheritable | self.permitted) - all;
        let mut operator = '+';
        let mut space = "";
        if most != 0 || named(0) == Cap::NAMED.len() && newer.is_empty() {
            write!(f, "={}", Letters(most))?;
            space = " ";
        } else {
            operator = '=';
        }
        for flags in (0..8).rev().filter(|flags| *flags != most) {
            let mut comma = space;
            for cap in with(all, flags) {
                write!(f, "{comma}cap_{cap}")?;
                comma = ",";
            }
            if comma != "," {
                continue;
            }
            space = " ";
            if flags & !most != 0 {
                write!(f, "{operator}{}", Letters(flags & !most))?;
                operator = '+';
            }
            if most & !flags != 0 {
                write!(f, "-{}", Letters(most & !flags))?;
            }
        }
        // What has no name is in no "all", and is said by number.
        for cap in newer {
            write!(f, "{space}{cap}={}", Letters(self.flags_of(cap)))?;
            space = " ";
        }
        Ok(())
    }
}

struct Letters(usize);

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (flag, letter) in [(EFFECTIVE, "e"), (INHERITABLE, "i"), (PERMITTED, "p")] {
            if self.0 & flag != 0 {
                f.write_str(letter)?;
            }
        }
        Ok(())
    }
}

impl FromStr for CapText {
    type Err = Error;

    /// Reads clauses with white space between; each changes what those before it said. No clause is no capability.
    ///
    /// # Errors
    /// `Invalid`, with every clause that is none and why.
    fn from_str(text: &str) -> Result<Self, Error> {
        let (mut read, mut problems) = (Self::default(), Vec::new());
        for clause in text.split_whitespace() {
            problems.extend(read.clause(clause).err());
        }
        if problems.is_empty() {
            Ok(read)
        } else {
            Err(Error::invalid("parse", Object::Named("text of capabilities"), problems))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> CapText {
        text.parse().unwrap()
    }

    #[test]
    fn what_libcap_2_66_writes_is_what_we_write() {
        let all = CapSet::all();
        let few = CapSet::from([Cap::CHOWN, Cap::KILL]);
        let none = CapSet::empty();
        for (effective, inheritable, permitted, text) in [
            (none, none, none, "="),
            (all, none, all, "=ep"),
            (all, all, all, "=eip"),
            (few, none, few, "cap_chown,cap_kill=ep"),
            (none, few, none, "cap_chown,cap_kill=i"),
            (all - few, none, all - few, "=ep cap_chown,cap_kill-ep"),
            (all - few, none, all, "=ep cap_chown,cap_kill-e"),
            (none, few, all, "=p cap_chown,cap_kill+i"),
        ] {
            assert_eq!(CapText { effective, inheritable, permitted }.to_string(), text);
        }
    }

    #[test]
    fn clauses_are_read_in_their_order() {
        assert_eq!(read("all=p cap_kill+e-p").effective, Cap::KILL.into());
        assert_eq!(read("all=p cap_kill+e-p").permitted, CapSet::all().without(Cap::KILL));
        assert_eq!(read("cap_kill=ep cap_kill="), CapText::default());
        assert_eq!(read(" \t"), CapText::default());
        assert_eq!(read("KILL,41+i").inheritable, "kill 41".parse().unwrap());
    }

    #[test]
    fn every_bad_clause_is_told() {
        let error = "cap_kil+e cap_kill +e cap_kill+x cap_kill+ cap_kill+e=p".parse::<CapText>().unwrap_err();
        assert_eq!(
            error.problems(),
            [
                "\"cap_kil\" is no capability, did you mean kill?",
                "\"cap_kill\" has no operator: it is a list of capabilities, one of = + -, and of e i p",
                "\"+e\": only \"=\" can be without capabilities; for all of them write all+e",
                "\"cap_kill+x\": 'x' is no set: they are e, i and p",
                "\"cap_kill+\": '+' is followed by no set: they are e, i and p",
                "\"cap_kill+e=p\": \"=\" can only be the first operator of a clause",
            ]
        );
    }

    proptest! {
        #[test]
        fn three_sets_are_their_text(sets in [any::<u64>(), any::<u64>(), any::<u64>()]) {
            let [effective, inheritable, permitted] = sets.map(CapSet::from_bits);
            let three = CapText { effective, inheritable, permitted };
            prop_assert_eq!(three.to_string().parse::<CapText>().unwrap(), three);
        }

        #[test]
        fn whatever_is_typed_is_read_or_refused(text in "[ a-z,=+-]{0,40}|\\PC{0,20}") {
            if let Ok(three) = text.parse::<CapText>() {
                prop_assert_eq!(three.to_string().parse::<CapText>().unwrap(), three);
            }
        }
    }
}
