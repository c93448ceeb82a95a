// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading values: of either byte order, and of whatever length is claimed.
//!
//! Specification: "Marshaling (Wire Format)".

use super::signature::{alignment, is_single, types};
use super::value::Value;

/// How deep values may be in each other.
const DEEPEST: usize = 64;
/// How many values there may be in a message: one of a byte takes fifty here, and structures in each other take eight bytes
/// for thirty of them. What systemd says of a unit is a few thousand.
pub(super) const MOST: usize = 1 << 17;

/// Bytes that are not what they claim to be, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::systemd) struct Malformed(pub(super) &'static str);

/// What is read from, and how far.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether the greatest byte is first.
    big: bool,
    /// How many values may be to come.
    left: usize,
}

macro_rules! number {
    ($name:ident, $type:ty) => {
        pub(super) fn $name(&mut self) -> Result<$type, Malformed> {
            let bytes = self.aligned()?;
            Ok(if self.big { <$type>::from_be_bytes(bytes) } else { <$type>::from_le_bytes(bytes) })
        }
    };
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], big: bool) -> Self {
        Self { bytes, at: 0, big, left: MOST }
    }

    /// Where the next byte is.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    number!(u16, u16);
    number!(u32, u32);
    number!(u64, u64);

    /// Values of these types, and nothing behind them.
    pub(super) fn all(mut self, signature: &str) -> Result<Vec<Value>, Malformed> {
        let types = types(signature).ok_or(Malformed("a signature is none"))?;
        let values = types.into_iter().map(|single| self.value(single, 0)).collect::<Result<_, _>>()?;
        if self.at == self.bytes.len() { Ok(values) } else { Err(Malformed("there is more than the signature says")) }
    }

    /// A value of one type, whose signature has been checked.
    pub(super) fn value(&mut self, signature: &str, depth: usize) -> Result<Value, Malformed> {
        if depth > DEEPEST {
            return Err(Malformed("values are too deep in each other"));
        }
        self.left = self.left.checked_sub(1).ok_or(Malformed("there are too many values in it"))?;
        let kind = signature.as_bytes().first().ok_or(Malformed("a signature is empty"))?;
        Ok(match kind {
            b'y' => Value::Byte(self.byte()?),
            b'b' => match self.u32()? {
                0 => Value::Flag(false),
                1 => Value::Flag(true),
                _ => return Err(Malformed("a flag is neither 0 nor 1")),
            },
            b'n' => Value::I16(self.u16()?.cast_signed()),
            b'q' => Value::U16(self.u16()?),
            b'i' => Value::I32(self.u32()?.cast_signed()),
            b'u' => Value::U32(self.u32()?),
            b'h' => Value::Descriptor(self.u32()?),
            b'x' => Value::I64(self.u64()?.cast_signed()),
            b't' => Value::U64(self.u64()?),
            b'd' => Value::Fraction(self.u64()?),
            b's' => Value::Text(self.text()?),
            b'o' => Value::Path(self.path()?),
            b'g' => Value::Signature(self.signature()?),
            b'v' => {
                let single = self.signature()?;
                if !is_single(&single) {
                    return Err(Malformed("a variant is not of one type"));
                }
                self.value(&single, depth + 1)?.variant()
            }
            b'a' => self.array(signature.get(1..).unwrap_or_default(), depth)?,
            b'(' => {
                self.skip_to(8)?;
                let fields = signature.get(1..signature.len() - 1).and_then(types);
                let fields = fields.ok_or(Malformed("a signature is none"))?;
                let mut values = Vec::with_capacity(fields.len());
                for field in fields {
                    values.push(self.value(field, depth + 1)?);
                }
                Value::Structure(values)
            }
            b'{' => {
                self.skip_to(8)?;
                let key = self.value(signature.get(1..2).unwrap_or_default(), depth + 1)?;
                let value = signature.get(2..signature.len() - 1).unwrap_or_default();
                Value::Entry(Box::new((key, self.value(value, depth + 1)?)))
            }
            _ => return Err(Malformed("a signature is none")),
        })
    }

    fn array(&mut self, element: &str, depth: usize) -> Result<Value, Malformed> {
        let length = usize::try_from(self.u32()?).map_err(|_| SHORT)?;
        self.skip_to(alignment(element))?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or(SHORT)?;
        // What is inside ends where the array does, whatever it claims.
        let mut inside = Reader { bytes: self.bytes.get(..end).ok_or(SHORT)?, ..*self };
        let mut values = Vec::new();
        while inside.at < end {
            values.push(inside.value(element, depth + 1)?);
        }
        (self.at, self.left) = (end, inside.left);
        Ok(Value::Array(element.to_owned(), values))
    }

    /// Zeros up to the next multiple.
    pub(super) fn skip_to(&mut self, alignment: usize) -> Result<(), Malformed> {
        let gap = self.take(self.at.next_multiple_of(alignment) - self.at)?;
        if gap.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(Malformed("a gap is not of zeros")) }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(count).ok_or(SHORT)?;
        let taken = self.bytes.get(self.at..end).ok_or(SHORT)?;
        self.at = end;
        Ok(taken)
    }

    fn aligned<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.skip_to(N)?;
        self.take(N)?.try_into().map_err(|_| SHORT)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.take(1)?.first().copied().ok_or(SHORT)
    }

    fn text(&mut self) -> Result<String, Malformed> {
        let length = usize::try_from(self.u32()?).map_err(|_| SHORT)?;
        self.ended(length)
    }

    fn path(&mut self) -> Result<String, Malformed> {
        let path = self.text()?;
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let below = path.strip_prefix('/').ok_or(Malformed("a path does not begin at the root"))?;
        if below.is_empty() || below.split('/').all(is_name) { Ok(path) } else { Err(Malformed("a path is none")) }
    }

    fn signature(&mut self) -> Result<String, Malformed> {
        let length = usize::from(self.byte()?);
        let text = self.ended(length)?;
        if types(&text).is_some() { Ok(text) } else { Err(Malformed("a signature is none")) }
    }

    /// A text with a zero behind it and none within.
    fn ended(&mut self, length: usize) -> Result<String, Malformed> {
        let bytes = self.take(length)?;
        if self.byte()? != 0 || bytes.contains(&0) {
            return Err(Malformed("a text does not end where it says"));
        }
        String::from_utf8(bytes.to_vec()).map_err(|_| Malformed("a text is not UTF-8"))
    }
}

const SHORT: Malformed = Malformed("it ends before what it says is in it");
