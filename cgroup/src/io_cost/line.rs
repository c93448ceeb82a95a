// SPDX-License-Identifier: MIT OR Apache-2.0
//! A line of either file: a device, and keys with values.

use crate::error::{Error, Object};
use crate::value::{DeviceNumber, shown};

/// A line of keys and values behind a device, of which each must be there once.
pub(super) struct Line<'a> {
    pub(super) device: DeviceNumber,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Line<'a> {
    pub(super) fn of(text: &'a str, keys: &[&str]) -> Result<Self, String> {
        let mut words = text.split_ascii_whitespace();
        let device = words.next().and_then(DeviceNumber::of).ok_or("does not begin with the numbers of a device")?;
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for word in words {
            let (key, value) = word.split_once('=').ok_or_else(|| format!("has {} without a value", shown(word)))?;
            if !keys.contains(&key) || pairs.iter().any(|(known, _)| *known == key) {
                return Err(format!("has {}, which is unknown here or there twice", shown(key)));
            }
            pairs.push((key, value));
        }
        Ok(Self { device, pairs })
    }

    pub(super) fn value<T>(&self, key: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, String> {
        let text = self.pairs.iter().find(|(known, _)| *known == key).map(|(_, value)| *value);
        let text = text.ok_or_else(|| format!("has no {key}="))?;
        read(text).ok_or_else(|| format!("has {key}={}, which is none", shown(text)))
    }
}

pub(super) fn unreadable(what: &'static str, text: &str, why: &str) -> Error {
    Error::invalid("parse", Object::Named(what), vec![format!("{} {why}", shown(text))])
}
