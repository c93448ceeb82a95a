// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who the program is, as people say it: a user, and a group, each by number or by name.
//!
//! Digits are a number, whatever names there are: an account that is called "1000" is not what somebody means who writes
//! that (CVE-2016-3697), and a number that does not fit is none (CVE-2024-40635).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Object};

/// A user or a group: by its number inside, or by the name that it has in the container's own `/etc/passwd` or `/etc/group`.
///
/// With serde it is a number or a string: `33`, `"www-data"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IdOrName {
    /// A number, 0 to 4294967294.
    Id(u32),
    /// A name: not empty, not digits alone, and without a colon, a comma or a control character.
    Name(String),
}

impl IdOrName {
    /// The number, if it is one.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        match self {
            Self::Id(id) => Some(*id),
            Self::Name(_) => None,
        }
    }

    /// What is wrong with it, in words that begin with what it is.
    pub(crate) fn problem(&self, what: &str) -> Option<String> {
        match self {
            Self::Id(id) => {
                (*id == u32::MAX).then(|| format!("{what} {id} is nobody's number: the kernel takes it for \"none\""))
            }
            Self::Name(name) if name.is_empty() => Some(format!("the name of the {what} is empty")),
            Self::Name(name) if name.bytes().all(|byte| byte.is_ascii_digit()) => {
                let most = u32::MAX - 1;
                Some(format!("{what} {name:?} is a number, and no name: one of 0 to {most} is said as such"))
            }
            Self::Name(name) => {
                let is_wrong = |letter: char| matches!(letter, ':' | ',') || letter.is_control();
                let why = "has a colon, a comma or a control character in it, which no name has";
                name.contains(is_wrong).then(|| format!("{what} {name:?} {why}"))
            }
        }
    }
}

impl From<u32> for IdOrName {
    fn from(id: u32) -> Self {
        Self::Id(id)
    }
}

/// Digits are a number.
impl From<&str> for IdOrName {
    fn from(text: &str) -> Self {
        let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        match digits.and_then(|digits| digits.parse().ok()) {
            Some(id) => Self::Id(id),
            None => Self::Name(text.to_owned()),
        }
    }
}

/// Digits are a number.
impl From<String> for IdOrName {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl fmt::Display for IdOrName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Who a program is, as Docker and OCI engines say it: `name`, `name:group`, `uid`, `uid:gid`, `uid:group`.
///
/// Names are those of the container's own `/etc/passwd` and `/etc/group`, never this machine's, and are looked up before
/// anything is made; see [`Builder::user_named`](crate::Builder::user_named). Two numbers are taken as they are.
///
/// ```
/// use skep::UserSpec;
///
/// let user: UserSpec = "www-data:33".parse()?;
/// assert_eq!(user, UserSpec::new("www-data").group(33));
/// assert_eq!(UserSpec::from((1000, 100)).to_string(), "1000:100");
/// assert!("www-data:".parse::<UserSpec>().is_err());
/// # Ok::<(), skep::Error>(())
/// ```
///
/// With serde it is that text; a pair of numbers is read too. What is none, such as a name with a colon in it, is
/// `{"user": …, "group": …}`: so nothing is lost before its [problems](crate::Spec::problems) are named.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UserSpec {
    /// The user.
    pub user: IdOrName,
    /// The group. By default that of the user in `/etc/passwd`; 0 for a number that is not listed there.
    pub group: Option<IdOrName>,
}

impl UserSpec {
    /// A user, in the group that the container's `/etc/passwd` says.
    #[must_use]
    pub fn new(user: impl Into<IdOrName>) -> Self {
        Self { user: user.into(), group: None }
    }

    /// The group, whatever is said of the user there.
    #[must_use]
    pub fn group(mut self, group: impl Into<IdOrName>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// What is before the first colon is the user, what is behind it the group. What is wrong with them is a
    /// [problem](Self::problems) of the value.
    #[must_use]
    pub fn named(text: impl AsRef<str>) -> Self {
        match text.as_ref().split_once(':') {
            Some((user, group)) => Self::new(user).group(group),
            None => Self::new(text.as_ref()),
        }
    }

    /// Both numbers, if nothing has to be looked up.
    #[must_use]
    pub fn ids(&self) -> Option<(u32, u32)> {
        self.user.id().zip(self.group.as_ref()?.id())
    }

    /// Everything that is wrong with it, a sentence each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let user = self.user.problem("user");
        user.into_iter().chain(self.group.as_ref().and_then(|group| group.problem("group"))).collect()
    }
}

impl From<(u32, u32)> for UserSpec {
    fn from((uid, gid): (u32, u32)) -> Self {
        Self::new(uid).group(gid)
    }
}

impl fmt::Display for UserSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.group {
            Some(group) => write!(f, "{}:{group}", self.user),
            None => self.user.fmt(f),
        }
    }
}

impl FromStr for UserSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let user = Self::named(text);
        let problems = user.problems();
        if problems.is_empty() { Ok(user) } else { Err(Error::invalid("read", Object::Named("a user"), problems)) }
    }
}

/// The stored form.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Text(String),
    Id(u32),
    Ids(u32, u32),
    Parts(Parts),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    user: IdOrName,
    group: Option<IdOrName>,
}

impl Serialize for UserSpec {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let text = self.to_string();
        let stored = if Self::named(&text) == *self {
            Stored::Text(text)
        } else {
            Stored::Parts(Parts { user: self.user.clone(), group: self.group.clone() })
        };
        stored.serialize(out)
    }
}

impl<'de> Deserialize<'de> for UserSpec {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Ok(match Stored::deserialize(input)? {
            Stored::Text(text) => Self::named(text),
            Stored::Id(id) => Self::new(id),
            Stored::Ids(uid, gid) => Self::from((uid, gid)),
            Stored::Parts(Parts { user, group }) => Self { user, group },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id_or_name() -> impl Strategy<Value = IdOrName> {
        prop_oneof![any::<u32>().prop_map(IdOrName::Id), "[a-z0-9:\\PC\0]{0,6}".prop_map(IdOrName::Name)]
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read_back_whatever_it_is(
            user in id_or_name(),
            group in proptest::option::of(id_or_name()),
        ) {
            let user = UserSpec { user, group };
            let text = serde_json::to_string(&user).unwrap();
            prop_assert_eq!(serde_json::from_str::<UserSpec>(&text).unwrap(), user.clone());
            // What is right is its text, and the text it.
            if user.problems().is_empty() {
                prop_assert_eq!(&text, &serde_json::to_string(&user.to_string()).unwrap());
                prop_assert_eq!(user.to_string().parse::<UserSpec>().unwrap(), user);
            }
        }

        #[test]
        fn any_text_is_a_user_or_has_problems(text in any::<String>()) {
            let user = UserSpec::named(&text);
            prop_assert_eq!(text.parse::<UserSpec>().is_ok(), user.problems().is_empty());
        }
    }

    #[test]
    fn texts_are_what_engines_take_them_for() {
        for (text, expected) in [
            ("www-data", UserSpec::new("www-data")),
            ("www-data:staff", UserSpec::new("www-data").group("staff")),
            ("0", UserSpec::new(0)),
            ("0033:007", UserSpec::from((33, 7))),
            ("33:staff", UserSpec::new(33).group("staff")),
            ("web-1:4294967294", UserSpec::new("web-1").group(u32::MAX - 1)),
        ] {
            assert_eq!(text.parse::<UserSpec>().unwrap(), expected, "{text}");
        }
        for (text, problem) in [
            ("", "the name of the user is empty"),
            (":0", "the name of the user is empty"),
            ("0:", "the name of the group is empty"),
            ("a:b:c", "group \"b:c\" has a colon"),
            ("4294967296", "user \"4294967296\" is a number, and no name"),
            ("4294967295", "user 4294967295 is nobody's number"),
            ("root\n:0", "user \"root\\n\" has a colon, a comma or a control character"),
        ] {
            let error = text.parse::<UserSpec>().unwrap_err();
            assert!(error.problems()[0].starts_with(problem), "{text}: {:?}", error.problems());
        }
    }

    #[test]
    fn other_forms_are_read_and_unknown_ones_refused() {
        for (json, expected) in [
            ("[33, 34]", Some(UserSpec::from((33, 34)))),
            ("33", Some(UserSpec::new(33))),
            (r#"{"user": "web", "group": 5}"#, Some(UserSpec::new("web").group(5))),
            (r#"{"user": "web", "group": 5, "shell": "x"}"#, None),
            ("[33]", None),
            ("-1", None),
            ("true", None),
        ] {
            assert_eq!(serde_json::from_str::<UserSpec>(json).ok(), expected, "{json}");
        }
    }
}
