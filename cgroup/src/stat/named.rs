// SPDX-License-Identifier: MIT OR Apache-2.0
//! Named values, refilled in place: the lines of a file whose keys only the kernel knows.
//!
//! A file is read again and again, and says the same names in the same order: the next name is looked for where it was
//! last time, and found there without a search and without the heap.

use std::fmt;

use super::refill::Refill;
use crate::text::{flat, number};

/// Values by the kernel's names: devices, page sizes, or what a newer kernel counts and this crate has no field for.
///
/// In the order in which the kernel told them; two are equal whatever their order. With the feature `serde` it is a map.
#[derive(Clone)]
pub struct Named<T> {
    entries: Vec<(Box<str>, T)>,
    /// How many have been seen in this round.
    seen: usize,
}

impl<T> Named<T> {
    /// The value of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&T> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Every name and its value.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &T)> {
        self.entries.iter().map(|(name, value)| (&**name, value))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<T> Named<T> {
    /// Fills the value of this name: what is new begins empty.
    pub(super) fn fill(&mut self, name: &str, fill: impl FnOnce(&mut T))
    where
        T: Refill + Default,
    {
        let is_it = |(known, _): &(Box<str>, T)| **known == *name;
        let expected = self.entries.get(self.seen).is_some_and(is_it);
        let found = if expected { Some(self.seen) } else { self.entries.iter().position(is_it) };
        let at = match found {
            // Told once more in this round: by another file.
            Some(at) if at < self.seen => at,
            Some(at) => {
                self.entries.swap(self.seen, at);
                self.next()
            }
            None => {
                self.entries.insert(self.seen, (name.into(), T::default()));
                self.next()
            }
        };
        if let Some((_, value)) = self.entries.get_mut(at) {
            fill(value);
        }
    }

    /// Where the next one is, which begins anew.
    fn next(&mut self) -> usize
    where
        T: Refill,
    {
        let at = self.seen;
        self.seen += 1;
        if let Some((_, value)) = self.entries.get_mut(at) {
            value.begin();
        }
        at
    }
}

impl Named<String> {
    /// Keeps a text.
    pub(super) fn put(&mut self, name: &str, text: &str) {
        self.fill(name, |value| {
            value.clear();
            value.push_str(text);
        });
    }

    /// Takes a file of events, of which "max" is how often something was refused, and the rest has no field.
    pub(super) fn take_refused(&mut self, text: &str, refused: &mut Option<u64>) {
        flat(text, |key, value| match (key, number(value)) {
            ("max", Some(count)) => *refused = Some(count),
            _ => self.put(key, value),
        });
    }

    /// The number that the text of this name is.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        number(self.get(name)?)
    }
}

impl<T: Refill> Refill for Named<T> {
    fn begin(&mut self) {
        self.seen = 0;
    }

    fn end(&mut self) {
        self.entries.truncate(self.seen);
        self.entries.iter_mut().for_each(|(_, value)| value.end());
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), seen: 0 }
    }
}

impl<T: PartialEq> PartialEq for Named<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

impl<T: Eq> Eq for Named<T> {}

impl<T: fmt::Debug> fmt::Debug for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(feature = "serde")]
impl<T: serde::Serialize> serde::Serialize for Named<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(feature = "serde")]
impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Named<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(std::marker::PhantomData<T>);

        impl<'de, T: serde::Deserialize<'de>> serde::de::Visitor<'de> for Reader<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut named = Named::default();
                while let Some((name, value)) = map.next_entry::<Box<str>, T>()? {
                    if named.get(&name).is_some() {
                        return Err(serde::de::Error::custom(format_args!("{name:?} is there twice")));
                    }
                    named.entries.push((name, value));
                }
                named.seen = named.len();
                Ok(named)
            }
        }

        deserializer.deserialize_map(Reader(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(named: &mut Named<String>, lines: &[(&str, &str)]) -> Vec<String> {
        named.begin();
        lines.iter().for_each(|(name, text)| named.put(name, text));
        named.end();
        named.iter().map(|(name, text)| format!("{name}={text}")).collect()
    }

    #[test]
    fn what_a_round_does_not_tell_is_gone_and_what_is_new_is_there_in_any_order() {
        let mut named = Named::default();
        assert_eq!(round(&mut named, &[("a", "1"), ("b", "2"), ("c", "3")]), ["a=1", "b=2", "c=3"]);
        assert_eq!(round(&mut named, &[("c", "4"), ("d", "5"), ("a", "6")]), ["c=4", "d=5", "a=6"]);
        assert_eq!(round(&mut named, &[("a", "7"), ("c", "8"), ("a", "9")]), ["a=9", "c=8"]);
        assert_eq!((named.number("c"), named.number("b"), named.len()), (Some(8), None, 2));
        assert!(round(&mut named, &[]).is_empty() && named.is_empty());
    }

    #[test]
    fn order_makes_no_difference_but_every_value_does() {
        let of = |lines: &[(&str, &str)]| {
            let mut named = Named::default();
            round(&mut named, lines);
            named
        };
        assert_eq!(of(&[("a", "1"), ("b", "2")]), of(&[("b", "2"), ("a", "1")]));
        assert_ne!(of(&[("a", "1")]), of(&[("a", "2")]));
        assert_ne!(of(&[("a", "1")]), of(&[("a", "1"), ("b", "2")]));
    }
}
