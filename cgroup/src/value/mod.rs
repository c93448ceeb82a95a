// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values: amounts with their units, as control files hold them.
//!
//! Every type displays as the kernel's text and reads what people write: "512M" is [`Bytes`], "1.5" processors are a
//! [`Quota`], "max" is [`Max::Unlimited`]. Any value can be made; whether it makes sense is for
//! [`Limits::problems`](crate::Limits::problems) to say.

mod bytes;
mod cpus;
mod curve;
mod device;
mod max;
mod partition;
mod percent;
mod quota;
#[cfg(feature = "serde")]
mod serial;
mod weight;

#[cfg(test)]
mod tests;

pub use bytes::{Bytes, GIB, KIB, MIB};
pub use cpus::IdList;
pub use device::DeviceNumber;
pub use max::Max;
pub use partition::{Partition, PartitionState};
pub use percent::Percent;
pub use quota::{Micros, Quota};
pub use weight::Weight;

use std::str::FromStr;

use crate::error::{Error, Object};

/// The error of a text that is not a value of this type.
fn unreadable(what: &'static str, problem: String) -> Error {
    Error::invalid("parse", Object::Named(what), vec![problem])
}

/// A decimal number of digits alone: `from_str` of integers would take a plus sign.
pub(crate) fn digits<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A text of somebody else's as it can be shown in a sentence: quoted, escaped, not too long.
pub(crate) fn shown(text: &str) -> String {
    let short: String = text.chars().take(64).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{short:?}{more}")
}

/// `number` with up to three decimals, times a thousand: "1.5" is 1500.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let scale = match part.len() {
        1 => 100,
        2 => 10,
        3 => 1,
        _ => return None,
    };
    digits::<u64>(whole)?.checked_mul(1000)?.checked_add(digits::<u64>(part)?.checked_mul(scale)?)
}
