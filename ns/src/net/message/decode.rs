// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading of messages.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{HEADER, aligned};

/// One message of a datagram.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    /// What follows the header.
    pub(crate) body: &'a [u8],
}

impl<'a> Received<'a> {
    /// The fixed part of the family, of `N` bytes, and the attributes after it.
    pub(crate) fn split<const N: usize>(&self) -> Option<(&'a [u8; N], Attributes<'a>)> {
        let fixed = self.body.first_chunk()?;
        Some((fixed, Attributes(self.body.get(aligned(N)..).unwrap_or_default())))
    }
}

/// The messages of a datagram.
#[derive(Debug, Clone)]
pub(crate) struct Messages<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Received<'a>;

    fn next(&mut self) -> Option<Received<'a>> {
        let header: &[u8; HEADER] = self.0.first_chunk()?;
        let [l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, ..] = *header;
        let length = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).ok()?;
        let body = self.0.get(HEADER..length)?;
        self.0 = self.0.get(aligned(length)..).unwrap_or_default();
        Some(Received {
            kind: u16::from_ne_bytes([k0, k1]),
            flags: u16::from_ne_bytes([f0, f1]),
            sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
            body,
        })
    }
}

/// Attributes, each with its number; the marks of a nested one, and of one in network order, are taken off.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Attributes<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, Value<'a>);

    fn next(&mut self) -> Option<(u16, Value<'a>)> {
        let [l0, l1, n0, n1] = *self.0.first_chunk()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = self.0.get(4..length)?;
        self.0 = self.0.get(aligned(length)..).unwrap_or_default();
        Some((u16::from_ne_bytes([n0, n1]) & 0x3fff, Value(value)))
    }
}

/// What an attribute says: `None` where it is too short for what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value<'a>(pub(crate) &'a [u8]);

impl<'a> Value<'a> {
    pub(crate) fn u8(self) -> Option<u8> {
        self.0.first().copied()
    }

    pub(crate) fn u16(self) -> Option<u16> {
        self.0.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
    }

    pub(crate) fn u32(self) -> Option<u32> {
        self.0.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
    }

    /// A number of 32 bits with a sign.
    pub(crate) fn i32(self) -> Option<i32> {
        self.0.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes))
    }

    /// A number of 16 bits in network order.
    pub(crate) fn be16(self) -> Option<u16> {
        self.0.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
    }

    /// A text up to its NUL; what is not UTF-8 is shown as such.
    pub(crate) fn text(self) -> String {
        let text = self.0.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    }

    /// An address of the version that its length says.
    pub(crate) fn ip(self) -> Option<IpAddr> {
        match *self.0 {
            [a, b, c, d] => Some(Ipv4Addr::new(a, b, c, d).into()),
            _ => <[u8; 16]>::try_from(self.0).ok().map(|bytes| Ipv6Addr::from(bytes).into()),
        }
    }

    /// The attributes inside.
    pub(crate) fn nested(self) -> Attributes<'a> {
        Attributes(self.0)
    }
}
