// SPDX-License-Identifier: MIT OR Apache-2.0
//! The serde forms of single rules: their text.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{DeviceRule, Devices};
use crate::error::Error;

/// A type that is a text.
trait Written: FromStr<Err = Error> {
    const EXPECTS: &'static str;
}

macro_rules! written {
    ($type:ty, $expects:literal) => {
        impl Written for $type {
            const EXPECTS: &'static str = $expects;
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Reader(PhantomData))
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

written!(Devices, "devices such as \"c 1:3 rwm\"");
written!(DeviceRule, "a rule such as \"allow c 1:3 rwm\"");

struct Reader<T>(PhantomData<T>);

impl<T: Written> Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTS)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|error: Error| E::custom(error.problems().join("; ")))
    }
}
