// SPDX-License-Identifier: MIT OR Apache-2.0
//! The set: which namespaces a new process gets.
//!
//! A [`Namespaces`] is a value and asks nothing of the kernel; [`Spawn`](crate::Spawn), [`Request`](crate::Request) and the
//! package `skep` make what it says. What is not in it stays shared with the caller.
//!
//! Man: namespaces(7), user_namespaces(7).

use crate::error::{Error, Object};
use crate::idmap::IdMap;
use crate::kind::{NamespaceFlags, NamespaceKind};

/// The order in which namespaces come into effect where there is an order: the user namespace first, because it gives the
/// right to the others; mount after what is looked up by a path in /proc.
const ORDER: [NamespaceKind; 8] = [
    NamespaceKind::User,
    NamespaceKind::Cgroup,
    NamespaceKind::Ipc,
    NamespaceKind::Uts,
    NamespaceKind::Net,
    NamespaceKind::Pid,
    NamespaceKind::Mount,
    NamespaceKind::Time,
];

/// Which namespaces to make, and who we are in the user namespace if that is one of them.
///
/// ```
/// use skep_ns::{IdMap, NamespaceKind::{Mount, Pid, User}, Namespaces};
///
/// let set = Namespaces::new().make([Mount, Pid]).user(IdMap::current_as_root());
/// assert!(set.contains(User));
/// assert_eq!(set.kinds().collect::<Vec<_>>(), [User, Pid, Mount]);
/// set.check()?;
/// # Ok::<(), skep_ns::Error>(())
/// ```
///
/// With the feature `serde` it is `{"make": ["user", "pid", "mount"], "id_map": …}`. See namespaces(7),
/// user_namespaces(7).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(from = "Fields", into = "Fields"))]
pub struct Namespaces {
    make: NamespaceFlags,
    id_map: Option<IdMap>,
}

impl Namespaces {
    /// No new namespaces: everything is shared with the caller.
    #[must_use]
    pub const fn new() -> Self {
        Self { make: NamespaceFlags::empty(), id_map: None }
    }

    /// Every kind there is. The user namespace is among them, and [`check`](Self::check) asks for its map: give it one by
    /// [`user`](Self::user), or leave it out by [`without`](Self::without).
    ///
    /// ```
    /// use skep_ns::{NamespaceKind, Namespaces};
    ///
    /// assert!(Namespaces::all().check().is_err());
    /// Namespaces::all().without(NamespaceKind::User).check()?;
    /// # Ok::<(), skep_ns::Error>(())
    /// ```
    #[must_use]
    pub const fn all() -> Self {
        Self { make: NamespaceFlags::all(), id_map: None }
    }

    /// Adds new namespaces of these kinds. For [`NamespaceKind::User`] use [`user`](Self::user), which brings the map.
    #[must_use]
    #[doc(alias = "unshare")]
    pub fn make(mut self, kinds: impl IntoIterator<Item = NamespaceKind>) -> Self {
        self.make.extend(kinds.into_iter().map(NamespaceFlags::from));
        self
    }

    /// Adds a new user namespace with this id map, in place of an earlier one.
    #[must_use]
    #[doc(alias = "CLONE_NEWUSER")]
    pub fn user(mut self, map: IdMap) -> Self {
        self.make |= NamespaceFlags::USER;
        self.id_map = Some(map);
        self
    }

    /// Takes a kind out again; the id map goes with the user namespace.
    #[must_use]
    pub fn without(mut self, kind: NamespaceKind) -> Self {
        self.make.remove(kind.into());
        if kind == NamespaceKind::User {
            self.id_map = None;
        }
        self
    }

    /// Whether the set holds a namespace of this kind.
    #[must_use]
    pub fn contains(&self, kind: NamespaceKind) -> bool {
        self.make.contains(kind.into())
    }

    /// The kinds in the set, in the order the kernel needs them: user first.
    pub fn kinds(&self) -> impl Iterator<Item = NamespaceKind> + use<> {
        let make = self.make;
        ORDER.into_iter().filter(move |kind| make.contains(NamespaceFlags::from(*kind)))
    }

    /// The namespaces to make, as the kernel's bits.
    #[must_use]
    pub fn flags(&self) -> NamespaceFlags {
        self.make
    }

    /// The id map of the user namespace.
    #[must_use]
    pub fn id_map(&self) -> Option<&IdMap> {
        self.id_map.as_ref()
    }

    /// Whether the set is empty: everything is shared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.make.is_empty()
    }

    /// Whether the set makes sense by itself. What this kernel has, and the caller may, is not asked.
    ///
    /// # Errors
    /// `Invalid`, with every problem found ([`Error::problems`]): a user namespace without an id map, and what
    /// [`IdMap::check`] finds.
    pub fn check(&self) -> Result<(), Error> {
        let problems = self.problems();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid("use", Object::Named("namespaces"), problems)) }
    }

    /// Everything wrong with the set, a sentence each.
    pub(crate) fn problems(&self) -> Vec<String> {
        match &self.id_map {
            Some(map) => map.problems().into_iter().map(|problem| format!("id map: {problem}")).collect(),
            None if self.make.contains(NamespaceFlags::USER) => {
                vec!["the user namespace has no id map: nobody would be mapped".to_owned()]
            }
            None => Vec::new(),
        }
    }
}

/// The serde form.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(default)]
    make: Vec<NamespaceKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id_map: Option<IdMap>,
}

#[cfg(feature = "serde")]
impl From<Namespaces> for Fields {
    fn from(set: Namespaces) -> Self {
        Self { make: set.kinds().collect(), id_map: set.id_map }
    }
}

#[cfg(feature = "serde")]
impl From<Fields> for Namespaces {
    fn from(fields: Fields) -> Self {
        let set = Self::new().make(fields.make);
        match fields.id_map {
            Some(map) => set.user(map),
            None => set,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idmap::IdRange;
    use NamespaceKind::{Cgroup, Ipc, Mount, Net, Pid, Time, User, Uts};

    fn problems(set: &Namespaces) -> Vec<String> {
        set.check().err().map(|error| error.problems().to_vec()).unwrap_or_default()
    }

    #[test]
    fn user_comes_first_and_every_kind_is_listed_once() {
        let all: Vec<_> = Namespaces::all().kinds().collect();
        assert_eq!(all, [User, Cgroup, Ipc, Uts, Net, Pid, Mount, Time]);
        let some: Vec<_> = Namespaces::new().make([Mount, Pid]).make([Pid, User]).kinds().collect();
        assert_eq!(some, [User, Pid, Mount]);
    }

    #[test]
    fn a_user_namespace_without_a_map_is_a_problem() {
        let said = ["the user namespace has no id map: nobody would be mapped"];
        assert_eq!(problems(&Namespaces::new().make([User])), said);
        assert_eq!(problems(&Namespaces::all()), said);
        assert!(problems(&Namespaces::all().user(IdMap::whole(100_000, 10))).is_empty());
        assert!(problems(&Namespaces::new()).is_empty());
    }

    #[test]
    fn problems_of_the_map_are_problems_of_the_set() {
        let map = IdMap::whole(0, 10).uid(IdRange::new(5, 100, 1));
        let said = ["id map: uid range 2 (5 100 1) overlaps uid range 1 (0 0 10) inside"];
        assert_eq!(problems(&Namespaces::new().user(map)), said);
    }

    #[test]
    fn taking_out_the_user_namespace_takes_its_map_along() {
        let set = Namespaces::new().make([Net]).user(IdMap::whole(0, 1));
        assert!(set.contains(User) && set.id_map().is_some());
        let set = set.without(User);
        assert_eq!(set, Namespaces::new().make([Net]));
        assert!(set.without(Net).is_empty());
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_lists_kinds_and_keeps_the_map() {
        let set = Namespaces::new().make([Mount, Net]).user(IdMap::whole(100_000, 65_536));
        let json = serde_json::to_value(&set).unwrap();
        assert_eq!(json["make"], serde_json::json!(["user", "net", "mount"]));
        assert_eq!(serde_json::from_value::<Namespaces>(json).unwrap(), set);
        let short = serde_json::json!({"make": ["CLONE_NEWNS", "network"]});
        assert_eq!(serde_json::from_value::<Namespaces>(short).unwrap(), Namespaces::new().make([Mount, Net]));
    }
}
