// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must hold of every message, whoever wrote it; see `crate::fuzzed`.

use super::message::{Message, PREFIX};
use super::read::MOST;
use super::value::{Value, signature, write};

/// The bytes of a message as a socket brings them.
pub fn bus(data: &[u8]) {
    let Some(Ok(length)) = data.first_chunk::<PREFIX>().map(Message::length) else { return };
    assert!((PREFIX..=1 << 20).contains(&length), "{length}");
    let whole = data.get(..length).unwrap_or(data);
    let Ok(message) = Message::decode(whole) else { return };
    assert_eq!(whole.len(), length);
    let Ok(values) = message.values() else { return };
    assert!(values.iter().map(count).sum::<usize>() <= MOST);
    assert_eq!(signature(&values), message.signature);
    // Of this byte order there is one way to write a value.
    let bytes = write(&values);
    assert!(message.big || bytes == message.body, "{values:?} of {whole:?}");
    let again = Message { body: bytes, big: false, ..message };
    let written = again.encode(again.serial);
    let read = Message::decode(&written);
    assert_eq!(read.as_ref(), Ok(&again), "{written:?}");
    assert_eq!(read.and_then(|read| read.values()), Ok(values), "{written:?}");
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(_, values) | Value::Structure(values) => values.iter().map(count).sum(),
        Value::Entry(pair) => count(&pair.0) + count(&pair.1),
        Value::Variant(inner) => count(inner),
        _ => 0,
    }
}
