// SPDX-License-Identifier: MIT OR Apache-2.0
//! Expressions: the steps of which a rule of nf_tables consists.
//!
//! What is loaded goes to the first register, and what compares or changes takes it from there. The kernel tells a rule back
//! with the defaults written out (the operation of a mask, the upper end of a range that is one address): those are taken as
//! what was sent. A step that this crate does not send is [`Expression::Other`].
//!
//! Kernel: include/uapi/linux/netfilter/nf_tables.h.

use crate::net::message::{Attribute, Attributes, Message, Value, attributes};

attributes! {
    NFTA_LIST_ELEM = 1, NFTA_EXPR_NAME = 1, NFTA_EXPR_DATA = 2, NFTA_DATA_VALUE = 1, NFTA_DATA_VERDICT = 2,
    NFTA_VERDICT_CODE = 1, NFTA_VERDICT_CHAIN = 2,
    NFTA_PAYLOAD_DREG = 1, NFTA_PAYLOAD_BASE = 2, NFTA_PAYLOAD_OFFSET = 3, NFTA_PAYLOAD_LEN = 4,
    NFTA_CMP_SREG = 1, NFTA_CMP_OP = 2, NFTA_CMP_DATA = 3,
    NFTA_BITWISE_SREG = 1, NFTA_BITWISE_DREG = 2, NFTA_BITWISE_LEN = 3, NFTA_BITWISE_MASK = 4, NFTA_BITWISE_XOR = 5,
    NFTA_BITWISE_OP = 6,
    NFTA_META_DREG = 1, NFTA_META_KEY = 2, NFTA_CT_DREG = 1, NFTA_CT_KEY = 2,
    NFTA_IMMEDIATE_DREG = 1, NFTA_IMMEDIATE_DATA = 2,
    NFTA_NAT_TYPE = 1, NFTA_NAT_FAMILY = 2, NFTA_NAT_REG_ADDR_MIN = 3, NFTA_NAT_REG_ADDR_MAX = 4,
    NFTA_NAT_REG_PROTO_MIN = 5, NFTA_NAT_REG_PROTO_MAX = 6, NFTA_NAT_FLAGS = 7,
    NFTA_MASQ_FLAGS = 1, NFTA_MASQ_REG_PROTO_MIN = 2,
    NFTA_FIB_DREG = 1, NFTA_FIB_RESULT = 2, NFTA_FIB_FLAGS = 3,
    NFTA_COUNTER_BYTES = 1, NFTA_COUNTER_PACKETS = 2,
    NFTA_EXTHDR_DREG = 1, NFTA_EXTHDR_TYPE = 2, NFTA_EXTHDR_OFFSET = 3, NFTA_EXTHDR_LEN = 4, NFTA_EXTHDR_FLAGS = 5,
    NFTA_EXTHDR_OP = 6,
}

/// `NFT_REG_1`, where nearly everything goes.
const FIRST: u32 = 1;
/// `NFT_REG_2`, where the port of a translation goes.
const SECOND: u32 = 2;

/// Where an offset into a packet begins, `NFT_PAYLOAD_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    Link = 0,
    Network = 1,
    Transport = 2,
}

/// How is compared, `NFT_CMP_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal = 0,
    Different = 1,
    AtMost = 3,
    AtLeast = 5,
}

/// What is known of a packet beside its bytes, `NFT_META_*` and `NFT_CT_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// The name of the link that it came in by, 16 bytes.
    InName,
    /// The name of the link that it goes out by, 16 bytes.
    OutName,
    /// IPv4 or IPv6, `NFPROTO_*`: a byte.
    Version,
    /// TCP, UDP: a byte.
    Transport,
    /// The state of its connection, bits.
    State,
    /// What was done to its connection, bits.
    Status,
}

impl Known {
    const ALL: [Self; 6] = [Self::InName, Self::OutName, Self::Version, Self::Transport, Self::State, Self::Status];

    /// The name of the expression that loads it, and its key there.
    fn key(self) -> (&'static str, u32) {
        match self {
            Self::InName => ("meta", 6),
            Self::OutName => ("meta", 7),
            Self::Version => ("meta", 15),
            Self::Transport => ("meta", 16),
            Self::State => ("ct", 0),
            Self::Status => ("ct", 2),
        }
    }

    fn of(name: &str, key: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.key() == (name, key))
    }
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Drop,
    Accept,
    Return,
    Jump(String),
}

impl Verdict {
    fn code(&self) -> i32 {
        match self {
            Self::Drop => 0,
            Self::Accept => 1,
            Self::Jump(_) => -3,
            Self::Return => -5,
        }
    }
}

/// One step of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expression {
    /// Loads `length` bytes of the packet.
    Payload { base: Base, offset: u32, length: u32 },
    /// Loads what the fragment header of IPv6 says to come behind it, a byte; ends the rule where there is none.
    Fragment,
    /// Keeps what has a one here.
    Mask(Vec<u8>),
    /// Goes on if what is loaded compares so.
    Compare(Comparison, Vec<u8>),
    /// Loads what is known of the packet.
    Load(Known),
    /// Loads whose the destination is: `RTN_LOCAL` for this machine's own.
    Destination,
    /// Puts an address where translations look for one.
    Address(Vec<u8>),
    /// Puts a port where translations look for one.
    Port(u16),
    /// Sends the connection to the address that was put, and the port if one was.
    Redirect { v6: bool, port: bool },
    /// Makes the connection come from the address of the link that it goes out by.
    Masquerade,
    /// Counts what came so far.
    Counter { packets: u64, bytes: u64 },
    /// The end of the rule.
    Verdict(Verdict),
    /// What this crate does not send, by the kernel's name of it.
    Other(String),
}

impl Expression {
    /// The kernel's name of it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Payload { .. } => "payload",
            Self::Fragment => "exthdr",
            Self::Mask(_) => "bitwise",
            Self::Compare(..) => "cmp",
            Self::Load(known) => known.key().0,
            Self::Destination => "fib",
            Self::Address(_) | Self::Port(_) | Self::Verdict(_) => "immediate",
            Self::Redirect { .. } => "nat",
            Self::Masquerade => "masq",
            Self::Counter { .. } => "counter",
            Self::Other(name) => name,
        }
    }

    /// Writes it as an element of a rule's list.
    pub(crate) fn write(&self, message: &mut Message) {
        message.nested(NFTA_LIST_ELEM, |message| {
            message.text(NFTA_EXPR_NAME, self.name());
            message.nested(NFTA_EXPR_DATA, |message| self.write_data(message));
        });
    }

    fn write_data(&self, message: &mut Message) {
        match self {
            Self::Payload { base, offset, length } => {
                be32(message, NFTA_PAYLOAD_DREG, FIRST);
                be32(message, NFTA_PAYLOAD_BASE, *base as u32);
                be32(message, NFTA_PAYLOAD_OFFSET, *offset);
                be32(message, NFTA_PAYLOAD_LEN, *length);
            }
            Self::Fragment => {
                be32(message, NFTA_EXTHDR_DREG, FIRST);
                message.u8(NFTA_EXTHDR_TYPE, FRAGMENT);
                be32(message, NFTA_EXTHDR_OFFSET, 0);
                be32(message, NFTA_EXTHDR_LEN, 1);
            }
            Self::Mask(mask) => {
                be32(message, NFTA_BITWISE_SREG, FIRST);
                be32(message, NFTA_BITWISE_DREG, FIRST);
                be32(message, NFTA_BITWISE_LEN, u32::try_from(mask.len()).unwrap_or(u32::MAX));
                data(message, NFTA_BITWISE_MASK, mask);
                data(message, NFTA_BITWISE_XOR, &vec![0; mask.len()]);
            }
            Self::Compare(comparison, with) => {
                be32(message, NFTA_CMP_SREG, FIRST);
                be32(message, NFTA_CMP_OP, *comparison as u32);
                data(message, NFTA_CMP_DATA, with);
            }
            Self::Load(known) => {
                let (name, key) = known.key();
                let [register, at] =
                    if name == "ct" { [NFTA_CT_DREG, NFTA_CT_KEY] } else { [NFTA_META_DREG, NFTA_META_KEY] };
                be32(message, register, FIRST);
                be32(message, at, key);
            }
            Self::Destination => {
                be32(message, NFTA_FIB_DREG, FIRST);
                be32(message, NFTA_FIB_RESULT, FIB_ADDRTYPE);
                be32(message, NFTA_FIB_FLAGS, FIB_DADDR);
            }
            Self::Address(address) => put(message, FIRST, address),
            Self::Port(port) => put(message, SECOND, &port.to_be_bytes()),
            Self::Redirect { v6, port } => {
                be32(message, NFTA_NAT_TYPE, NAT_DNAT);
                be32(message, NFTA_NAT_FAMILY, u32::from(if *v6 { super::IPV6 } else { super::IPV4 }));
                be32(message, NFTA_NAT_REG_ADDR_MIN, FIRST);
                if *port {
                    be32(message, NFTA_NAT_REG_PROTO_MIN, SECOND);
                }
            }
            Self::Counter { packets, bytes } => {
                message.bytes(NFTA_COUNTER_BYTES, &bytes.to_be_bytes());
                message.bytes(NFTA_COUNTER_PACKETS, &packets.to_be_bytes());
            }
            Self::Verdict(verdict) => {
                be32(message, NFTA_IMMEDIATE_DREG, 0);
                message.nested(NFTA_IMMEDIATE_DATA, |message| {
                    message.nested(NFTA_DATA_VERDICT, |message| {
                        be32(message, NFTA_VERDICT_CODE, verdict.code().cast_unsigned());
                        if let Verdict::Jump(chain) = verdict {
                            message.text(NFTA_VERDICT_CHAIN, chain);
                        }
                    });
                });
            }
            Self::Masquerade | Self::Other(_) => {}
        }
    }

    /// Reads an element of a rule's list.
    pub(crate) fn read(element: Value<'_>) -> Self {
        let name = find(element.nested(), NFTA_EXPR_NAME).map(Value::text).unwrap_or_default();
        let inside = find(element.nested(), NFTA_EXPR_DATA).map(Value::nested).unwrap_or_default();
        Self::read_data(&name, inside).unwrap_or(Self::Other(name))
    }

    fn read_data(name: &str, inside: Attributes<'_>) -> Option<Self> {
        let number = |attribute| find(inside, attribute).and_then(read_be32);
        let is_first = |attribute| number(attribute).is_none_or(|register| register == FIRST);
        match name {
            "payload" => {
                let base = match number(NFTA_PAYLOAD_BASE)? {
                    0 => Base::Link,
                    1 => Base::Network,
                    2 => Base::Transport,
                    _ => return None,
                };
                let (offset, length) = (number(NFTA_PAYLOAD_OFFSET)?, number(NFTA_PAYLOAD_LEN)?);
                (number(NFTA_PAYLOAD_DREG)? == FIRST).then_some(Self::Payload { base, offset, length })
            }
            "exthdr" => {
                let is_it = find(inside, NFTA_EXTHDR_TYPE).and_then(Value::u8)? == FRAGMENT
                    && (number(NFTA_EXTHDR_OFFSET)?, number(NFTA_EXTHDR_LEN)?) == (0, 1)
                    && number(NFTA_EXTHDR_FLAGS).unwrap_or_default() == 0
                    && number(NFTA_EXTHDR_OP).unwrap_or_default() == 0;
                (number(NFTA_EXTHDR_DREG)? == FIRST && is_it).then_some(Self::Fragment)
            }
            "bitwise" => {
                let plain = is_first(NFTA_BITWISE_SREG)
                    && is_first(NFTA_BITWISE_DREG)
                    && number(NFTA_BITWISE_OP).is_none_or(|operation| operation == 0)
                    && read_data_value(inside, NFTA_BITWISE_XOR)?.iter().all(|byte| *byte == 0);
                plain.then_some(Self::Mask(read_data_value(inside, NFTA_BITWISE_MASK)?))
            }
            "cmp" => {
                let comparison = match number(NFTA_CMP_OP)? {
                    0 => Comparison::Equal,
                    1 => Comparison::Different,
                    3 => Comparison::AtMost,
                    5 => Comparison::AtLeast,
                    _ => return None,
                };
                let with = read_data_value(inside, NFTA_CMP_DATA)?;
                is_first(NFTA_CMP_SREG).then_some(Self::Compare(comparison, with))
            }
            "meta" if number(NFTA_META_DREG)? == FIRST => Known::of(name, number(NFTA_META_KEY)?).map(Self::Load),
            "ct" if number(NFTA_CT_DREG)? == FIRST => Known::of(name, number(NFTA_CT_KEY)?).map(Self::Load),
            "fib" => {
                let asked = (number(NFTA_FIB_RESULT)?, number(NFTA_FIB_FLAGS)?);
                (number(NFTA_FIB_DREG)? == FIRST && asked == (FIB_ADDRTYPE, FIB_DADDR)).then_some(Self::Destination)
            }
            "immediate" => Self::read_immediate(number(NFTA_IMMEDIATE_DREG)?, inside),
            "nat" => Self::read_redirect(number),
            "masq" => {
                let flags = number(NFTA_MASQ_FLAGS).unwrap_or_default();
                (flags == 0 && number(NFTA_MASQ_REG_PROTO_MIN).is_none()).then_some(Self::Masquerade)
            }
            "counter" => {
                let count = |attribute| find(inside, attribute).and_then(read_be64);
                Some(Self::Counter { packets: count(NFTA_COUNTER_PACKETS)?, bytes: count(NFTA_COUNTER_BYTES)? })
            }
            _ => None,
        }
    }

    fn read_immediate(register: u32, inside: Attributes<'_>) -> Option<Self> {
        match register {
            0 => {
                let data = find(inside, NFTA_IMMEDIATE_DATA)?.nested();
                let verdict = find(data, NFTA_DATA_VERDICT)?.nested();
                let chain = find(verdict, NFTA_VERDICT_CHAIN).map(Value::text);
                let verdict = match (find(verdict, NFTA_VERDICT_CODE).and_then(read_be32)?.cast_signed(), chain) {
                    (0, None) => Verdict::Drop,
                    (1, None) => Verdict::Accept,
                    (-3, Some(chain)) => Verdict::Jump(chain),
                    (-5, None) => Verdict::Return,
                    _ => return None,
                };
                Some(Self::Verdict(verdict))
            }
            FIRST => {
                let address = read_data_value(inside, NFTA_IMMEDIATE_DATA)?;
                matches!(address.len(), 4 | 16).then_some(Self::Address(address))
            }
            SECOND => {
                let port = <[u8; 2]>::try_from(read_data_value(inside, NFTA_IMMEDIATE_DATA)?).ok()?;
                Some(Self::Port(u16::from_be_bytes(port)))
            }
            _ => None,
        }
    }

    fn read_redirect(number: impl Fn(Attribute) -> Option<u32>) -> Option<Self> {
        let v6 = match u8::try_from(number(NFTA_NAT_FAMILY)?).ok()? {
            super::IPV4 => false,
            super::IPV6 => true,
            _ => return None,
        };
        let port = number(NFTA_NAT_REG_PROTO_MIN);
        let same = number(NFTA_NAT_TYPE)? == NAT_DNAT
            && number(NFTA_NAT_REG_ADDR_MIN)? == FIRST
            && number(NFTA_NAT_REG_ADDR_MAX).is_none_or(|register| register == FIRST)
            && port.is_none_or(|register| register == SECOND)
            && number(NFTA_NAT_REG_PROTO_MAX).is_none_or(|register| Some(register) == port)
            // What the registers say is what the flags repeat.
            && number(NFTA_NAT_FLAGS).unwrap_or_default() & !NAT_MAPS == 0;
        same.then_some(Self::Redirect { v6, port: port.is_some() })
    }
}

/// `IPPROTO_FRAGMENT`.
const FRAGMENT: u8 = 44;
const FIB_ADDRTYPE: u32 = 3;
const FIB_DADDR: u32 = 2;
const NAT_DNAT: u32 = 1;
/// `NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED`.
const NAT_MAPS: u32 = 3;

/// A number of 32 bits in network order, as all of nf_tables are.
pub(super) fn be32(message: &mut Message, attribute: Attribute, value: u32) {
    message.bytes(attribute, &value.to_be_bytes());
}

fn data(message: &mut Message, attribute: Attribute, value: &[u8]) {
    message.nested(attribute, |message| {
        message.bytes(NFTA_DATA_VALUE, value);
    });
}

fn put(message: &mut Message, register: u32, value: &[u8]) {
    be32(message, NFTA_IMMEDIATE_DREG, register);
    data(message, NFTA_IMMEDIATE_DATA, value);
}

pub(super) fn find<'a>(mut attributes: Attributes<'a>, wanted: Attribute) -> Option<Value<'a>> {
    attributes.find_map(|(number, value)| (number == wanted.number).then_some(value))
}

pub(super) fn read_be32(value: Value<'_>) -> Option<u32> {
    value.0.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

pub(super) fn read_be64(value: Value<'_>) -> Option<u64> {
    value.0.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

fn read_data_value(inside: Attributes<'_>, attribute: Attribute) -> Option<Vec<u8>> {
    find(find(inside, attribute)?.nested(), NFTA_DATA_VALUE).map(|value| value.0.to_vec())
}
