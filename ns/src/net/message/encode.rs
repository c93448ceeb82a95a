// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writing of messages.

use super::{Attribute, HEADER, aligned};

/// `NLA_F_NESTED`.
const NESTED: u16 = 1 << 15;

/// A request, written in order; its sequence number is given when it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    bytes: Vec<u8>,
    /// Where attributes begin, in order.
    marks: Vec<(usize, &'static str)>,
    /// An attribute longer than an attribute can be. Its length would wrap, and its content become attributes.
    overlong: Option<&'static str>,
}

impl Message {
    /// A message of type `kind`, with `flags` besides those that its sender adds, and the fixed part of its family.
    pub(crate) fn new(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(fixed);
        bytes.resize(aligned(bytes.len()), 0);
        Self { bytes, marks: Vec::new(), overlong: None }
    }

    /// An attribute of these bytes.
    pub(crate) fn bytes(&mut self, attribute: Attribute, value: &[u8]) -> &mut Self {
        self.begin_to_end(attribute, attribute.number, |message| message.bytes.extend_from_slice(value))
    }

    /// A text, with the NUL at its end.
    pub(crate) fn text(&mut self, attribute: Attribute, value: &str) -> &mut Self {
        self.begin_to_end(attribute, attribute.number, |message| {
            message.bytes.extend_from_slice(value.as_bytes());
            message.bytes.push(0);
        })
    }

    /// A number of 8 bits.
    pub(crate) fn u8(&mut self, attribute: Attribute, value: u8) -> &mut Self {
        self.bytes(attribute, &[value])
    }

    /// A number of 16 bits in the machine's order.
    pub(crate) fn u16(&mut self, attribute: Attribute, value: u16) -> &mut Self {
        self.bytes(attribute, &value.to_ne_bytes())
    }

    /// A number of 32 bits in the machine's order.
    pub(crate) fn u32(&mut self, attribute: Attribute, value: u32) -> &mut Self {
        self.bytes(attribute, &value.to_ne_bytes())
    }

    /// Attributes inside an attribute, marked as such.
    pub(crate) fn nested(&mut self, attribute: Attribute, write: impl FnOnce(&mut Self)) -> &mut Self {
        self.begin_to_end(attribute, attribute.number | NESTED, write)
    }

    /// Something inside an attribute that is not marked as attributes: structures, or what older kernels take unmarked alone.
    pub(crate) fn within(&mut self, attribute: Attribute, write: impl FnOnce(&mut Self)) -> &mut Self {
        self.begin_to_end(attribute, attribute.number, write)
    }

    /// Bytes as they are, filled up to a multiple of four: a structure inside [`within`](Self::within).
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(aligned(self.bytes.len()), 0);
        self
    }

    /// A structure that begins with its own length, of 16 bits, and ends with attributes, as `struct rtnexthop`.
    pub(crate) fn counted(&mut self, name: &'static str, rest: &[u8], write: impl FnOnce(&mut Self)) -> &mut Self {
        self.marks.push((self.bytes.len(), name));
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        self.raw(rest);
        write(self);
        self.close(start, name);
        self
    }

    fn begin_to_end(&mut self, attribute: Attribute, number: u16, write: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.bytes.len();
        self.marks.push((start, attribute.name));
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&number.to_ne_bytes());
        write(self);
        self.close(start, attribute.name);
        self
    }

    /// Writes the length of what began at `start`, without what fills it up.
    fn close(&mut self, start: usize, name: &'static str) {
        match u16::try_from(self.bytes.len().saturating_sub(start)) {
            Ok(length) => {
                if let Some(field) = self.bytes.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
                    *field = length.to_ne_bytes();
                }
            }
            Err(_) => self.overlong = self.overlong.or(Some(name)),
        }
        self.bytes.resize(aligned(self.bytes.len()), 0);
    }

    /// Appends the message to `out` as it is sent.
    ///
    /// # Errors
    /// The name of the attribute that is too long for one.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>, more_flags: u16, sequence: u32) -> Result<(), &'static str> {
        if let Some(name) = self.overlong {
            return Err(name);
        }
        let length = u32::try_from(self.bytes.len()).map_err(|_| "the message")?;
        let head = self.bytes.get(4..8).unwrap_or_default();
        let (kind, flags) = head.split_at_checked(2).unwrap_or_default();
        let flags = flags.first_chunk().map_or(0, |flags| u16::from_ne_bytes(*flags)) | more_flags;
        out.extend_from_slice(&length.to_ne_bytes());
        out.extend_from_slice(kind);
        out.extend_from_slice(&flags.to_ne_bytes());
        out.extend_from_slice(&sequence.to_ne_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(self.bytes.get(HEADER..).unwrap_or_default());
        Ok(())
    }

    /// Whether it has no attributes.
    pub(crate) fn is_bare(&self) -> bool {
        self.marks.is_empty()
    }

    /// The name of the attribute at `offset` of the message, or of the one that it is in.
    pub(crate) fn attribute_at(&self, offset: u32) -> Option<&'static str> {
        let offset = usize::try_from(offset).ok()?;
        let after = self.marks.partition_point(|(start, _)| *start <= offset);
        self.marks.get(after.checked_sub(1)?).map(|(_, name)| *name)
    }
}
