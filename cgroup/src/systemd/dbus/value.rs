// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values, and how they are written. We write with the least byte first.
//!
//! Specification: "Marshaling (Wire Format)".

use super::signature::alignment;

/// A value of any type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::systemd) enum Value {
    Byte(u8),
    Flag(bool),
    I16(i16),
    U16(u16),
    I32(i32),
    U32(u32),
    I64(i64),
    U64(u64),
    /// A fraction, by its bits.
    Fraction(u64),
    Text(String),
    Path(String),
    Signature(String),
    /// The place of a descriptor among those that came along; we take none.
    Descriptor(u32),
    /// The signature of an element, and the elements.
    Array(String, Vec<Value>),
    Structure(Vec<Value>),
    /// An element of an array that is a table.
    Entry(Box<(Value, Value)>),
    Variant(Box<Value>),
}

impl Value {
    /// A text.
    pub(in crate::systemd) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Texts.
    pub(in crate::systemd) fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::Array("s".to_owned(), texts.into_iter().map(Self::text).collect())
    }

    /// Bytes.
    pub(in crate::systemd) fn bytes(bytes: impl IntoIterator<Item = u8>) -> Self {
        Self::Array("y".to_owned(), bytes.into_iter().map(Self::Byte).collect())
    }

    /// The value as one of any type.
    pub(in crate::systemd) fn variant(self) -> Self {
        Self::Variant(Box::new(self))
    }

    /// The text of a text or path.
    pub(in crate::systemd) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Path(text) => Some(text),
            Self::Variant(value) => value.as_text(),
            _ => None,
        }
    }

    /// Whether a flag is set.
    pub(in crate::systemd) fn as_flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            Self::Variant(value) => value.as_flag(),
            _ => None,
        }
    }

    /// Its type.
    pub(in crate::systemd) fn signature(&self) -> String {
        let plain = match self {
            Self::Byte(_) => "y",
            Self::Flag(_) => "b",
            Self::I16(_) => "n",
            Self::U16(_) => "q",
            Self::I32(_) => "i",
            Self::U32(_) => "u",
            Self::I64(_) => "x",
            Self::U64(_) => "t",
            Self::Fraction(_) => "d",
            Self::Text(_) => "s",
            Self::Path(_) => "o",
            Self::Signature(_) => "g",
            Self::Descriptor(_) => "h",
            Self::Variant(_) => "v",
            Self::Array(element, _) => return format!("a{element}"),
            Self::Structure(fields) => return format!("({})", signature(fields)),
            Self::Entry(entry) => return format!("{{{}{}}}", entry.0.signature(), entry.1.signature()),
        };
        plain.to_owned()
    }

    /// Writes it behind what is there; both begin at a multiple of 8.
    fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Byte(value) => to.push(*value),
            Self::Flag(value) => number(to, u32::from(*value).to_le_bytes()),
            Self::I16(value) => number(to, value.to_le_bytes()),
            Self::U16(value) => number(to, value.to_le_bytes()),
            Self::I32(value) => number(to, value.to_le_bytes()),
            Self::U32(value) | Self::Descriptor(value) => number(to, value.to_le_bytes()),
            Self::I64(value) => number(to, value.to_le_bytes()),
            Self::U64(value) | Self::Fraction(value) => number(to, value.to_le_bytes()),
            Self::Text(text) | Self::Path(text) => {
                number(to, length(text.len()).to_le_bytes());
                to.extend_from_slice(text.as_bytes());
                to.push(0);
            }
            Self::Signature(text) => short(to, text),
            Self::Array(element, values) => {
                pad(to, 4);
                let at = to.len();
                to.extend_from_slice(&[0; 4]);
                // The length does not count the gap before the first element.
                pad(to, alignment(element));
                let begin = to.len();
                values.iter().for_each(|value| value.write(to));
                let bytes = length(to.len() - begin).to_le_bytes();
                to.iter_mut().skip(at).zip(bytes).for_each(|(to, byte)| *to = byte);
            }
            Self::Structure(fields) => {
                pad(to, 8);
                fields.iter().for_each(|field| field.write(to));
            }
            Self::Entry(entry) => {
                pad(to, 8);
                entry.0.write(to);
                entry.1.write(to);
            }
            Self::Variant(value) => {
                short(to, &value.signature());
                value.write(to);
            }
        }
    }
}

/// The types of values.
pub(super) fn signature(values: &[Value]) -> String {
    values.iter().map(Value::signature).collect()
}

/// The bytes of values.
pub(super) fn write(values: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    values.iter().for_each(|value| value.write(&mut bytes));
    bytes
}

/// Zeros up to the next multiple.
pub(super) fn pad(to: &mut Vec<u8>, alignment: usize) {
    to.resize(to.len().next_multiple_of(alignment), 0);
}

fn number<const N: usize>(to: &mut Vec<u8>, bytes: [u8; N]) {
    pad(to, N);
    to.extend_from_slice(&bytes);
}

/// A signature: a byte says how long it is.
fn short(to: &mut Vec<u8>, text: &str) {
    to.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    to.extend_from_slice(text.as_bytes());
    to.push(0);
}

/// A length as it is written: nothing of ours comes near the bound, and a message that did would be refused as too long.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
