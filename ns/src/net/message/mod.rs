// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages: netlink's framing, as values and slices of bytes.
//!
//! A [`Message`] is written attribute by attribute and remembers which of them begins where, so that the kernel's complaint
//! about an offset can be told with the attribute's name. What is received is read in place: [`Messages`] walks a datagram,
//! [`Attributes`] the attributes of one message or of another attribute. Whatever the bytes are, reading them neither fails nor
//! goes beyond them: what is cut short ends the walk.
//!
//! Man: netlink(7), rtnetlink(7). Kernel: include/uapi/linux/netlink.h.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub(crate) use decode::{Attributes, Messages, Received, Value};
pub(crate) use encode::Message;

/// `sizeof(struct nlmsghdr)`: length, type, flags, sequence number, port.
pub(crate) const HEADER: usize = 16;

/// The flags of a message, `NLM_F_*`.
pub(crate) mod flags {
    /// It is a request.
    pub(crate) const REQUEST: u16 = 0x1;
    /// An answer is wanted in any case.
    pub(crate) const ACK: u16 = 0x4;
    /// What was listed has changed meanwhile.
    pub(crate) const DUMP_INTR: u16 = 0x10;
    /// A list of all.
    pub(crate) const DUMP: u16 = 0x300;
    /// Of a request to make something: what is there is replaced.
    pub(crate) const REPLACE: u16 = 0x100;
    /// Of a request to make something: nothing may be there.
    pub(crate) const EXCL: u16 = 0x200;
    /// Of a request to make something: it need not be there.
    pub(crate) const CREATE: u16 = 0x400;
    /// Of a request to make something: at the end of the list.
    pub(crate) const APPEND: u16 = 0x800;
    /// Of an answer: attributes with the kernel's words follow. The same bit as `APPEND`.
    pub(crate) const ACK_TLVS: u16 = 0x200;
    /// Of an answer: the request is not repeated in it.
    pub(crate) const CAPPED: u16 = 0x100;
}

/// An attribute's number, and its name in the kernel's headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) number: u16,
    pub(crate) name: &'static str,
}

/// Declares attributes by the kernel's names: `attributes! { IFLA_IFNAME = 3 }`; and in a module their numbers alone, to
/// match by: `attributes! { mod ifla; IFLA_IFNAME = 3 }`.
macro_rules! attributes {
    (mod $numbers:ident; $($name:ident = $number:literal),* $(,)?) => {
        $crate::net::message::attributes! { $($name = $number),* }
        #[allow(dead_code, reason = "some are only sent")]
        pub(in crate::net) mod $numbers {
            $(pub(in crate::net) const $name: u16 = $number;)*
        }
    };
    ($($name:ident = $number:literal),* $(,)?) => {
        $(
            #[allow(dead_code, reason = "some are only read")]
            pub(in crate::net) const $name: $crate::net::message::Attribute =
                $crate::net::message::Attribute { number: $number, name: stringify!($name) };
        )*
    };
}
pub(crate) use attributes;

/// The next multiple of four.
const fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}
