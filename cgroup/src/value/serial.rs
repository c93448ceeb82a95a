// SPDX-License-Identifier: MIT OR Apache-2.0
//! The serde forms of values: numbers where they are numbers, the kernel's text where they are more; every text that
//! `FromStr` reads is read.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::value::{F64Deserializer, StrDeserializer, U64Deserializer};
use serde::de::{Deserialize, Deserializer, IntoDeserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use super::cpus::MOST;
use super::{Bytes, DeviceNumber, IdList, Max, Micros, Percent, Quota, Weight};
use crate::devices::{DeviceRule, Devices};
use crate::error::Error;

/// A type that is made from a text, and perhaps from a number.
trait Written: FromStr<Err = Error> {
    /// What a description of it is called.
    const EXPECTS: &'static str;

    /// The value of this number, where a number is one.
    fn of_number(number: u64) -> Option<Self>;

    /// The value of this fraction, where one is.
    fn of_fraction(_: f64) -> Option<Self> {
        None
    }
}

macro_rules! written {
    ($type:ty, $expects:literal, $of_number:expr $(, $of_fraction:expr)?) => {
        impl Written for $type {
            const EXPECTS: &'static str = $expects;

            fn of_number(number: u64) -> Option<Self> {
                let of_number: fn(u64) -> Option<Self> = $of_number;
                of_number(number)
            }

            $(fn of_fraction(number: f64) -> Option<Self> {
                let of_fraction: fn(f64) -> Option<Self> = $of_fraction;
                of_fraction(number)
            })?
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Reader(PhantomData))
            }
        }
    };
}

written!(Bytes, "a number of bytes, or a text such as \"512M\"", |number| Some(Self::new(number)));
written!(Micros, "a number of microseconds", |number| Some(Self::new(number)));
written!(Weight, "a number from 1 to 10000", |number| u32::try_from(number).ok().map(Self::new));
written!(Quota, "a text such as \"1.5\" or \"150000 100000\"", |_| None);
written!(IdList, "a number below 8192, or a text such as \"0-3,7\"", |number| {
    u32::try_from(number).ok().filter(|number| *number < MOST).map(|number| Self::from_iter([number]))
});

written!(Devices, "devices such as \"c 1:3 rwm\"", |_| None);
written!(DeviceRule, "a rule such as \"allow c 1:3 rwm\"", |_| None);
written!(DeviceNumber, "the numbers of a device, such as \"8:0\"", |_| None);
written!(
    Percent,
    "a percentage, such as \"12.34\"",
    |number| { u32::try_from(number).ok().and_then(|number| number.checked_mul(100)).map(Self::from_hundredths) },
    |number| { number.to_string().parse().ok() }
);

struct Reader<T>(PhantomData<T>);

impl<T: Written> Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTS)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<T, E> {
        T::of_number(number).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<T, E> {
        T::of_fraction(number).ok_or_else(|| E::invalid_type(serde::de::Unexpected::Float(number), &self))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|error: Error| E::custom(error.problems().join("; ")))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.as_u64())
    }
}

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.as_u64())
    }
}

impl Serialize for Weight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.as_u32())
    }
}

/// What is written as its text.
macro_rules! text {
    ($($type:ty),+) => {
        $(impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        })+
    };
}

text!(Quota, IdList, DeviceNumber, Devices, DeviceRule);

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

impl<T: Serialize> Serialize for Max<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Limit(value) => value.serialize(serializer),
            Self::Unlimited => serializer.serialize_str("max"),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Max<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MaxReader(PhantomData))
    }
}

struct MaxReader<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for MaxReader<T> {
    type Value = Max<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a limit, or \"max\"")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Max<T>, E> {
        let value: U64Deserializer<E> = number.into_deserializer();
        T::deserialize(value).map(Max::Limit)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Max<T>, E> {
        let value: F64Deserializer<E> = number.into_deserializer();
        T::deserialize(value).map(Max::Limit)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Max<T>, E> {
        if text == "max" {
            return Ok(Max::Unlimited);
        }
        let value: StrDeserializer<'_, E> = text.into_deserializer();
        T::deserialize(value).map(Max::Limit)
    }
}
