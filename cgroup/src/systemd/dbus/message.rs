// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages: a call, its answer, or a signal.
//!
//! Specification: "Message Protocol".

use super::read::{Malformed, Reader};
use super::value::{Value, pad, signature, write};

/// How much of a message says how long it is.
pub(in crate::systemd) const PREFIX: usize = 16;
/// The longest that we take; the protocol's own bound is 128 times that, and what systemd says of a unit is a hundredth.
const LONGEST: usize = 1 << 20;

const LITTLE: u8 = b'l';
const BIG: u8 = b'B';
const VERSION: u8 = 1;
/// Polkit may ask its user for a password: we do not want that.
const NO_FLAGS: u8 = 0;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::systemd) enum Kind {
    Call,
    Return,
    Error,
    Signal,
    /// One that a newer protocol may have, and that we pass over.
    Other(u8),
}

impl Kind {
    const ALL: [Self; 4] = [Self::Call, Self::Return, Self::Error, Self::Signal];

    const fn number(self) -> u8 {
        match self {
            Self::Call => 1,
            Self::Return => 2,
            Self::Error => 3,
            Self::Signal => 4,
            Self::Other(number) => number,
        }
    }
}

/// A message. Its body is read when somebody asks for it: most are of no interest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::systemd) struct Message {
    pub(in crate::systemd) kind: Kind,
    pub(in crate::systemd) serial: u32,
    pub(in crate::systemd) path: Option<String>,
    pub(in crate::systemd) interface: Option<String>,
    pub(in crate::systemd) member: Option<String>,
    pub(in crate::systemd) error: Option<String>,
    pub(in crate::systemd) answers: Option<u32>,
    pub(in crate::systemd) destination: Option<String>,
    pub(in crate::systemd) sender: Option<String>,
    /// How many descriptors come with it.
    pub(in crate::systemd) descriptors: u32,
    pub(in crate::systemd) signature: String,
    pub(in crate::systemd) body: Vec<u8>,
    pub(in crate::systemd) big: bool,
}

impl Message {
    /// One without anything that depends on its kind.
    pub(in crate::systemd) fn new(kind: Kind, body: &[Value]) -> Self {
        Self {
            kind,
            serial: 0,
            path: None,
            interface: None,
            member: None,
            error: None,
            answers: None,
            destination: None,
            sender: None,
            descriptors: 0,
            signature: signature(body),
            body: write(body),
            big: false,
        }
    }

    /// A call.
    pub(in crate::systemd) fn call(to: &str, path: &str, interface: &str, member: &str, body: &[Value]) -> Self {
        Self {
            path: Some(path.to_owned()),
            interface: Some(interface.to_owned()),
            member: Some(member.to_owned()),
            destination: Some(to.to_owned()),
            ..Self::new(Kind::Call, body)
        }
    }

    /// The values in it.
    pub(in crate::systemd) fn values(&self) -> Result<Vec<Value>, Malformed> {
        Reader::new(&self.body, self.big).all(&self.signature)
    }

    /// Its bytes, with this serial number.
    pub(in crate::systemd) fn encode(&self, serial: u32) -> Vec<u8> {
        let text = |text: &Option<String>| text.clone().map(Value::Text);
        let signature = Some(self.signature.clone()).filter(|signature| !signature.is_empty());
        let fields = [
            (1, self.path.clone().map(Value::Path)),
            (2, text(&self.interface)),
            (3, text(&self.member)),
            (4, text(&self.error)),
            (5, self.answers.map(Value::U32)),
            (6, text(&self.destination)),
            (7, text(&self.sender)),
            (8, signature.map(Value::Signature)),
            (9, Some(self.descriptors).filter(|count| *count > 0).map(Value::U32)),
        ];
        let fields = fields.into_iter().filter_map(|(code, value)| Some((code, value?)));
        let fields = fields.map(|(code, value)| Value::Structure(vec![Value::Byte(code), value.variant()]));
        let head = [
            Value::Byte(LITTLE),
            Value::Byte(self.kind.number()),
            Value::Byte(NO_FLAGS),
            Value::Byte(VERSION),
            Value::U32(u32::try_from(self.body.len()).unwrap_or(u32::MAX)),
            Value::U32(serial),
            Value::Array("(yv)".to_owned(), fields.collect()),
        ];
        let mut bytes = write(&head);
        pad(&mut bytes, 8);
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// How long the message is that begins so.
    pub(in crate::systemd) fn length(prefix: &[u8; PREFIX]) -> Result<usize, Malformed> {
        let mut reader = Reader::new(prefix, is_big(prefix)?);
        reader.u32()?;
        let (body, _serial, fields) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let size = |length: u32| usize::try_from(length).ok().filter(|length| *length <= LONGEST);
        let (body, fields) = size(body).zip(size(fields)).ok_or(Malformed("it is longer than a mebibyte"))?;
        let whole = (PREFIX + fields).next_multiple_of(8) + body;
        if whole <= LONGEST { Ok(whole) } else { Err(Malformed("it is longer than a mebibyte")) }
    }

    /// Reads one whole message.
    pub(in crate::systemd) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let big = is_big(bytes)?;
        let mut reader = Reader::new(bytes, big);
        let (_order, kind, _flags, version) = (reader.byte()?, reader.byte()?, reader.byte()?, reader.byte()?);
        if version != VERSION {
            return Err(Malformed("it is of another version of the protocol"));
        }
        let (length, serial) = (reader.u32()?, reader.u32()?);
        let fields = reader.value("a(yv)", 0)?;
        reader.skip_to(8)?;
        let body = bytes.get(reader.at()..).unwrap_or_default();
        if serial == 0 || usize::try_from(length) != Ok(body.len()) {
            return Err(Malformed("it is not as long as it says, or has no serial number"));
        }
        let known = Kind::ALL.into_iter().find(|known| known.number() == kind);
        let mut message = Self::new(known.unwrap_or(Kind::Other(kind)), &[]);
        (message.serial, message.body, message.big) = (serial, body.to_vec(), big);
        message.take_fields(fields)?;
        if message.has_what_it_needs() { Ok(message) } else { Err(Malformed("it lacks what its kind must have")) }
    }

    fn take_fields(&mut self, fields: Value) -> Result<(), Malformed> {
        let Value::Array(_, fields) = fields else { return Err(WRONG) };
        for field in fields {
            let Value::Structure(parts) = field else { return Err(WRONG) };
            let Ok([Value::Byte(code), Value::Variant(value)]) = <[Value; 2]>::try_from(parts) else {
                return Err(WRONG);
            };
            match (code, *value) {
                (1, Value::Path(path)) => self.path = Some(path),
                (2, Value::Text(name)) => self.interface = Some(name),
                (3, Value::Text(name)) => self.member = Some(name),
                (4, Value::Text(name)) => self.error = Some(name),
                (5, Value::U32(serial)) => self.answers = Some(serial),
                (6, Value::Text(name)) => self.destination = Some(name),
                (7, Value::Text(name)) => self.sender = Some(name),
                (8, Value::Signature(signature)) => self.signature = signature,
                (9, Value::U32(count)) => self.descriptors = count,
                (0..=9, _) => return Err(WRONG),
                // Of a newer protocol: to be passed over.
                (10.., _) => {}
            }
        }
        Ok(())
    }

    fn has_what_it_needs(&self) -> bool {
        let (path, member) = (self.path.is_some(), self.member.is_some());
        let body = self.body.is_empty() || !self.signature.is_empty();
        body && match self.kind {
            Kind::Call => path && member,
            Kind::Signal => path && member && self.interface.is_some(),
            Kind::Return => self.answers.is_some(),
            Kind::Error => self.answers.is_some() && self.error.is_some(),
            Kind::Other(number) => number != 0,
        }
    }
}

const WRONG: Malformed = Malformed("a field of its head is of the wrong type");

fn is_big(bytes: &[u8]) -> Result<bool, Malformed> {
    match bytes.first() {
        Some(&LITTLE) => Ok(false),
        Some(&BIG) => Ok(true),
        _ => Err(Malformed("it does not begin with a byte order")),
    }
}
