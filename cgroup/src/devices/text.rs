// SPDX-License-Identifier: MIT OR Apache-2.0
//! The text of rules, both ways.

use std::fmt;
use std::str::FromStr;

use super::{DeviceAccess, DeviceKind, DeviceRule, DeviceRules, DeviceVerdict, Devices};
use crate::error::{Error, Object};
use crate::value::{digits, shown};

/// The letters of the accesses, in the kernel's order.
const LETTERS: [(DeviceAccess, char); 3] =
    [(DeviceAccess::READ, 'r'), (DeviceAccess::WRITE, 'w'), (DeviceAccess::MKNOD, 'm')];

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Block => "b",
            Self::Char => "c",
        })
    }
}

impl fmt::Display for DeviceAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = LETTERS.iter().filter(|(access, _)| self.contains(*access)).map(|(_, letter)| letter);
        f.pad(&letters.collect::<String>())
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("a");
        }
        let number = |number: Option<u32>| number.map_or_else(|| "*".to_owned(), |number| number.to_string());
        let kind = self.kind.map_or_else(|| "a".to_owned(), |kind| kind.to_string());
        write!(f, "{kind} {}:{} {}", number(self.major), number(self.minor), self.access)
    }
}

impl fmt::Display for DeviceVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Deny => "deny",
            Self::Allow => "allow",
        })
    }
}

impl fmt::Display for DeviceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verdict, self.devices)
    }
}

impl fmt::Display for DeviceRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.default, Devices::ALL)?;
        self.rules.iter().try_for_each(|rule| write!(f, "; {rule}"))
    }
}

impl FromStr for DeviceAccess {
    type Err = Error;

    /// Reads some of the letters r, w and m, in any order, each once.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        access(text).map_err(unreadable)
    }
}

impl FromStr for Devices {
    type Err = Error;

    /// Reads the kernel's words: "c 1:3 rwm", "b 8:* r", "a".
    ///
    /// # Errors
    /// `Invalid` for anything else; the cause says which word it is.
    fn from_str(text: &str) -> Result<Self, Error> {
        devices(text).map_err(|problem| unreadable(format!("{}: {problem}", shown(text))))
    }
}

impl FromStr for DeviceRule {
    type Err = Error;

    /// Reads "allow" or "deny" and the kernel's words.
    ///
    /// # Errors
    /// `Invalid` for anything else; the cause says which word it is.
    fn from_str(text: &str) -> Result<Self, Error> {
        rule(text).map_err(|problem| unreadable(format!("{}: {problem}", shown(text))))
    }
}

impl FromStr for DeviceRules {
    type Err = Error;

    /// Reads rules with semicolons or line breaks between them. If the first is about everything it is the default, which
    /// otherwise is to deny.
    ///
    /// # Errors
    /// `Invalid`, with every rule that cannot be read, by its number from 1.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut made = Self::deny_all();
        let mut problems = Vec::new();
        let parts = text.split([';', '\n']).map(str::trim).filter(|part| !part.is_empty());
        for (at, part) in parts.enumerate() {
            match rule(part) {
                Ok(rule) if at == 0 && rule.devices == Devices::ALL => made.default = rule.verdict,
                Ok(rule) => made.rules.push(rule),
                Err(problem) => problems.push(format!("rule {}, {}: {problem}", at + 1, shown(part))),
            }
        }
        if problems.is_empty() { Ok(made) } else { Err(Error::invalid(OP, OBJECT, problems)) }
    }
}

const OP: &str = "parse";
const OBJECT: Object = Object::Named("device rules");

fn unreadable(problem: String) -> Error {
    Error::invalid(OP, OBJECT, vec![problem])
}

fn rule(text: &str) -> Result<DeviceRule, String> {
    let (word, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
    let verdict = match word {
        "allow" => DeviceVerdict::Allow,
        "deny" => DeviceVerdict::Deny,
        other => return Err(format!("a rule begins with allow or deny, not with {}", shown(other))),
    };
    Ok(DeviceRule { verdict, devices: devices(rest)? })
}

fn devices(text: &str) -> Result<Devices, String> {
    let mut words = text.split_whitespace();
    let (numbers, letters) = match (words.next(), words.next(), words.next(), words.next()) {
        (Some("a"), None, ..) => return Ok(Devices::ALL),
        (Some("a" | "b" | "c"), Some(numbers), Some(letters), None) => (numbers, letters),
        (Some(kind), Some(_), Some(_), None) => return Err(format!("the kind {} is none of a, b and c", shown(kind))),
        _ => return Err("devices are a kind, two numbers and an access, such as c 1:3 rwm, or a alone".to_owned()),
    };
    let kind = match text.trim_start().as_bytes().first() {
        Some(b'b') => Some(DeviceKind::Block),
        Some(b'c') => Some(DeviceKind::Char),
        _ => None,
    };
    let Some((major, minor)) = numbers.split_once(':') else {
        return Err(format!("{} is not two numbers with a colon between", shown(numbers)));
    };
    let access = access(letters)?;
    Ok(Devices { kind, major: number("major", major)?, minor: number("minor", minor)?, access })
}

fn number(what: &str, text: &str) -> Result<Option<u32>, String> {
    if text == "*" {
        return Ok(None);
    }
    digits(text).map(Some).ok_or_else(|| format!("the {what} number {} is neither a number nor *", shown(text)))
}

fn access(text: &str) -> Result<DeviceAccess, String> {
    let mut all = DeviceAccess::NONE;
    for letter in text.chars() {
        let found = LETTERS.iter().find(|(_, known)| *known == letter).map(|(access, _)| *access);
        match found {
            Some(access) if !all.contains(access) => all = all | access,
            _ => return Err(format!("the access {} is not made of r, w and m, each once", shown(text))),
        }
    }
    if all.is_empty() { Err("the access is empty: name some of r, w and m".to_owned()) } else { Ok(all) }
}
