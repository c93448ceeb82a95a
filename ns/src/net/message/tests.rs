// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages are read as they were written, and what is cut short ends.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what the tests call fails them by a panic")]

use proptest::prelude::*;

use super::*;

attributes! { FIRST = 1, SECOND = 2, INNER = 3, LONG = 4 }

fn sent(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    message.write_to(&mut out, flags::REQUEST, 7).unwrap();
    out
}

#[test]
fn what_is_written_is_read() {
    let mut message = Message::new(16, flags::CREATE, &[1, 2, 3, 4, 5]);
    message.text(FIRST, "eth0").nested(SECOND, |message| {
        message.u32(INNER, 77).bytes(FIRST, &9_u64.to_ne_bytes()).bytes(SECOND, &[]);
    });
    let bytes = sent(&message);
    assert_eq!(bytes.len() % 4, 0);
    let all: Vec<_> = Messages(&bytes).collect();
    assert_eq!(all.len(), 1);
    let received = all.first().unwrap();
    assert_eq!((received.kind, received.flags, received.sequence), (16, flags::CREATE | flags::REQUEST, 7));
    let (fixed, attributes) = received.split::<5>().unwrap();
    assert_eq!(fixed, &[1, 2, 3, 4, 5]);
    let [(1, name), (2, nest)] = attributes.collect::<Vec<_>>()[..] else { unreachable!() };
    assert_eq!(name.text(), "eth0");
    let inner: Vec<_> = nest.nested().map(|(number, value)| (number, value.u32())).collect();
    assert_eq!(
        inner,
        [(3, Some(77)), (1, Some(u32::from_ne_bytes(*9_u64.to_ne_bytes().first_chunk().unwrap()))), (2, None)]
    );
}

#[test]
fn an_offset_is_told_as_the_innermost_attribute_there() {
    let mut message = Message::new(16, 0, &[]);
    message.u32(FIRST, 1).nested(SECOND, |message| {
        message.u32(INNER, 2);
    });
    let names = [16, 24, 28].map(|offset| message.attribute_at(offset));
    assert_eq!(names, [Some("FIRST"), Some("SECOND"), Some("INNER")]);
    assert_eq!(message.attribute_at(0), None);
}

#[test]
fn an_attribute_whose_length_would_wrap_is_not_sent() {
    for (length, good) in [(65_531, true), (65_532, false), (70_000, false), (131_072, false)] {
        let mut message = Message::new(16, 0, &[]);
        message.nested(SECOND, |_| {}).bytes(LONG, &vec![0; length]);
        let answer = message.write_to(&mut Vec::new(), 0, 1);
        assert_eq!(answer, if good { Ok(()) } else { Err("LONG") }, "{length}");
    }
}

proptest! {
    #[test]
    fn no_bytes_break_the_reading(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for received in Messages(&bytes) {
            for (_, value) in received.split::<16>().into_iter().flat_map(|(_, attributes)| attributes) {
                let _text = value.text();
                prop_assert!(value.nested().count() <= value.0.len() / 4);
            }
        }
        prop_assert!(Messages(&bytes).count() <= bytes.len() / HEADER);
    }
}
