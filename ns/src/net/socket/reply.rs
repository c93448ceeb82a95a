// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers: what the kernel says to a request, in numbers and words.

use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Object};
use crate::net::message::{Attributes, HEADER, Message, Received, attributes, flags};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

attributes! {
    NLMSGERR_ATTR_MSG = 1,
    NLMSGERR_ATTR_OFFS = 2,
    NLMSGERR_ATTR_MISS_TYPE = 5,
    NLMSGERR_ATTR_MISS_NEST = 6,
}

/// The end of what the kernel says to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    Refused(Told),
}

/// A refusal as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    errno: i32,
    words: Option<String>,
    offset: Option<u32>,
    missing: Option<u32>,
    missing_in: Option<u32>,
}

/// What a message answers; `None` if it is one of those asked for.
pub(super) fn answer(received: &Received<'_>) -> Option<Answer> {
    let errno = match (received.kind, received.body.first_chunk()) {
        (NLMSG_ERROR | NLMSG_DONE, Some(errno)) => i32::from_ne_bytes(*errno),
        // A list of older kernels ends without a number.
        (NLMSG_DONE, None) => 0,
        // Too short to be one: a number that nobody has.
        (NLMSG_ERROR, None) => i32::MIN,
        _ => return None,
    };
    // A list ends with the number of bytes of it, if with anything above 0.
    if errno >= 0 {
        return Some(Answer::Done);
    }
    let mut told = Told { errno: errno.saturating_neg(), words: None, offset: None, missing: None, missing_in: None };
    if received.flags & flags::ACK_TLVS != 0 {
        for (number, value) in words_of(received) {
            match number {
                number if number == NLMSGERR_ATTR_MSG.number => told.words = Some(value.text()),
                number if number == NLMSGERR_ATTR_OFFS.number => told.offset = value.u32(),
                number if number == NLMSGERR_ATTR_MISS_TYPE.number => told.missing = value.u32(),
                number if number == NLMSGERR_ATTR_MISS_NEST.number => told.missing_in = value.u32(),
                _ => {}
            }
        }
    }
    Some(Answer::Refused(told))
}

/// The attributes behind the error number, and behind the request that it repeats, or its header alone.
fn words_of<'a>(received: &Received<'a>) -> Attributes<'a> {
    let repeated = match received.kind {
        NLMSG_DONE => 0,
        _ if received.flags & flags::CAPPED != 0 => HEADER,
        _ => {
            let length =
                received.body.get(4..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_ne_bytes(*bytes));
            usize::try_from(length).unwrap_or(usize::MAX).saturating_add(3) & !3
        }
    };
    Attributes(received.body.get(repeated.saturating_add(4)..).unwrap_or_default())
}

impl Told {
    /// Whether a list was given up because it has changed.
    pub(super) fn is_interruption(&self) -> bool {
        self.errno == Errno::INTR.raw_os_error()
    }

    /// With the names of what `message` has where the kernel points; `place` is its place among others.
    pub(super) fn refusal(self, message: &Message, place: usize) -> Refusal {
        let attribute = self.offset.and_then(|offset| message.attribute_at(offset));
        let missing_in = self.missing_in.and_then(|offset| message.attribute_at(offset));
        let mut words = self.words.filter(|words| !words.is_empty()).map(|words| format!("the kernel says {words:?}"));
        if let Some(name) = attribute {
            words = Some(match words {
                Some(words) => format!("{words} of {name}"),
                None => format!("the kernel points at {name}"),
            });
        }
        if let Some(number) = self.missing {
            let place = missing_in.map_or("the request".to_owned(), str::to_owned);
            let lack = format!("the attribute {number} is missing in {place}");
            words = Some(words.map_or(lack.clone(), |words| format!("{words}; {lack}")));
        }
        Refusal { errno: self.errno, kind: None, words, attribute, place }
    }
}

/// Why a request was not fulfilled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The kernel's number, positive.
    pub(crate) errno: i32,
    kind: Option<ErrorKind>,
    /// The kernel's own words, or ours where it was not asked.
    words: Option<String>,
    /// The attribute that it points at.
    pub(crate) attribute: Option<&'static str>,
    /// Which of several messages it was.
    pub(crate) place: usize,
}

impl Refusal {
    pub(super) fn os(errno: Errno) -> Self {
        let words = (errno == Errno::NOBUFS).then(|| "answers of the kernel were lost".to_owned());
        Self { errno: errno.raw_os_error(), kind: None, words, attribute: None, place: 0 }
    }

    pub(super) fn overlong(name: &'static str) -> Self {
        let errno = Errno::MSGSIZE.raw_os_error();
        let words = format!("{name} is longer than a message can say");
        Self { errno, kind: Some(ErrorKind::Invalid), words: Some(words), attribute: Some(name), place: 0 }
    }

    pub(crate) fn unsteady(tries: usize) -> Self {
        let words = format!("it has changed each of the {tries} times that it was read");
        let errno = Errno::INTR.raw_os_error();
        Self { errno, kind: Some(ErrorKind::Busy), words: Some(words), attribute: None, place: 0 }
    }

    pub(super) fn would_block(&self) -> bool {
        self.errno == Errno::AGAIN.raw_os_error()
    }

    pub(crate) fn is(&self, errno: Errno) -> bool {
        self.errno == errno.raw_os_error()
    }

    /// Whether a transaction was made for another generation than is now: `ERESTART`, which rustix has no name for.
    pub(crate) fn is_late(&self) -> bool {
        self.errno == 85
    }

    /// The error that a caller sees: what was tried, on what, and the kernel's words.
    pub(crate) fn error(self, op: &'static str, object: Object) -> Error {
        let kind = self.kind.unwrap_or_else(|| kind_of(self.errno));
        match self.words {
            Some(words) => Error::told(op, object, kind, self.errno, words),
            None => Error::of_kind(op, object, kind, self.errno),
        }
    }
}

/// The class of an error number of netlink, which has meanings of its own for some.
fn kind_of(errno: i32) -> ErrorKind {
    // Any number may have been received; rustix takes those of a kernel alone.
    use nix::errno::Errno;
    match Errno::from_raw(errno) {
        // No such link; no such route or rule; no such neighbour's link; an address that is not there.
        Errno::ENODEV | Errno::ESRCH | Errno::ENXIO | Errno::EADDRNOTAVAIL => ErrorKind::NotFound,
        Errno::EEXIST => ErrorKind::WrongState,
        Errno::ERANGE | Errno::ENETUNREACH | Errno::EHOSTUNREACH => ErrorKind::Invalid,
        Errno::ENETDOWN => ErrorKind::WrongState,
        Errno::EAFNOSUPPORT | Errno::EPROTONOSUPPORT => ErrorKind::Unsupported,
        _ => ErrorKind::of_errno(errno),
    }
}
