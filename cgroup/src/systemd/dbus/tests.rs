// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values and messages: against zvariant, there and back, cut off, and of garbage.

use proptest::prelude::*;
use zvariant::serialized::{Context, Data};
use zvariant::{BE, Endian, LE, Signature};

use super::fuzzed::bus;
use super::message::{Kind, Message};
use super::read::Reader;
use super::signature::types;
use super::value::{Value, write};

/// Any value that zvariant has too.
fn values() -> impl Strategy<Value = Value> {
    let path =
        prop::collection::vec("[a-zA-Z0-9_]{1,5}", 0..3).prop_map(|names| Value::Path(format!("/{}", names.join("/"))));
    let plain = prop_oneof![
        any::<u8>().prop_map(Value::Byte),
        any::<bool>().prop_map(Value::Flag),
        any::<i16>().prop_map(Value::I16),
        any::<u16>().prop_map(Value::U16),
        any::<i32>().prop_map(Value::I32),
        any::<u32>().prop_map(Value::U32),
        any::<i64>().prop_map(Value::I64),
        any::<u64>().prop_map(Value::U64),
        any::<u64>().prop_map(Value::Fraction),
        "[^\\x00]{0,9}".prop_map(Value::Text),
        path,
        prop::sample::select(vec!["", "s", "a(sv)", "a{sa{sv}}"]).prop_map(|text| Value::Signature(text.into())),
    ];
    plain.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            // The elements of an array are of one type: the same several times.
            (inner.clone(), 0..4_usize).prop_map(|(value, count)| Value::Array(value.signature(), vec![value; count])),
            (inner.clone(), 0..3_u8).prop_map(|(value, count)| {
                let entries = (0..count).map(|key| Value::Entry(Box::new((Value::Byte(key), value.clone()))));
                Value::Array(format!("{{y{}}}", value.signature()), entries.collect())
            }),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Value::Structure),
            inner.prop_map(Value::variant),
        ]
    })
}

fn oracle(value: &Value) -> zvariant::Value<'static> {
    match value {
        Value::Byte(value) => (*value).into(),
        Value::Flag(value) => (*value).into(),
        Value::I16(value) => (*value).into(),
        Value::U16(value) => (*value).into(),
        Value::I32(value) => (*value).into(),
        Value::U32(value) => (*value).into(),
        Value::I64(value) => (*value).into(),
        Value::U64(value) => (*value).into(),
        Value::Fraction(bits) => f64::from_bits(*bits).into(),
        Value::Text(text) => text.clone().into(),
        Value::Path(path) => zvariant::ObjectPath::try_from(path.clone()).unwrap().into(),
        Value::Signature(text) => zvariant::Value::Signature(signature(text)),
        Value::Descriptor(_) | Value::Entry(_) => panic!("not made by values()"),
        Value::Array(element, values) if element.starts_with('{') => {
            let value = signature(&element[2..element.len() - 1]);
            let mut dict = zvariant::Dict::new(&signature("y"), &value);
            for entry in values {
                let Value::Entry(entry) = entry else { panic!("a table has entries") };
                dict.append(oracle(&entry.0), oracle(&entry.1)).unwrap();
            }
            dict.into()
        }
        Value::Array(element, values) => {
            let mut array = zvariant::Array::new(&signature(element));
            values.iter().for_each(|value| array.append(oracle(value)).unwrap());
            array.into()
        }
        Value::Structure(fields) => {
            let fields = fields.iter().map(oracle);
            let mut made = zvariant::StructureBuilder::new();
            fields.for_each(|field| made.push_value(field));
            made.build().unwrap().into()
        }
        Value::Variant(value) => zvariant::Value::Value(Box::new(oracle(value))),
    }
}

fn signature(text: &str) -> Signature {
    Signature::try_from(text).unwrap()
}

fn of_zvariant(value: &Value, order: Endian) -> Vec<u8> {
    zvariant::to_bytes(Context::new_dbus(order, 0), &oracle(value)).unwrap().bytes().to_vec()
}

proptest! {
    #[test]
    fn our_bytes_are_those_of_zvariant(value in values()) {
        prop_assert_eq!(write(&[value.clone().variant()]), of_zvariant(&value, LE));
    }

    #[test]
    fn what_zvariant_writes_in_either_order_is_read(value in values()) {
        for order in [LE, BE] {
            let bytes = of_zvariant(&value, order);
            let read = Reader::new(&bytes, order == BE).all("v").unwrap();
            prop_assert_eq!(&read, &[value.clone().variant()]);
        }
    }

    #[test]
    fn zvariant_reads_what_we_write(value in values()) {
        let data = Data::new(write(&[value.clone().variant()]), Context::new_dbus(LE, 0));
        let (read, length) = data.deserialize::<zvariant::Value<'_>>().unwrap();
        prop_assert_eq!(length, data.bytes().len());
        // By its bytes: no fraction that is no number equals another.
        let again = zvariant::to_bytes(Context::new_dbus(LE, 0), &read).unwrap();
        prop_assert_eq!(again.bytes(), data.bytes());
    }

    #[test]
    fn a_message_survives_the_way(body in prop::collection::vec(values(), 0..3), serial in 1..u32::MAX, answers in 1..u32::MAX) {
        let mut message = Message::call("a.b", "/c", "d.e", "F", &body);
        message.sender = Some(":1.2".to_owned());
        message.answers = Some(answers);
        message.serial = serial;
        let bytes = message.encode(serial);
        prop_assert_eq!(Message::length(bytes.first_chunk().unwrap()).unwrap(), bytes.len());
        let read = Message::decode(&bytes).unwrap();
        prop_assert_eq!(&read, &message);
        prop_assert_eq!(read.values().unwrap(), body);
    }

    #[test]
    fn a_message_that_is_cut_off_is_none(body in prop::collection::vec(values(), 0..3)) {
        let bytes = Message::call("a.b", "/c", "d.e", "F", &body).encode(7);
        for end in 0..bytes.len() {
            prop_assert!(Message::decode(&bytes[..end]).is_err(), "{end} of {}", bytes.len());
        }
    }

    #[test]
    fn garbage_is_an_error_or_a_message_but_no_end_of_us(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        bus(&bytes);
        for text in ["v", "a(sv)", "a{sv}", "aaaas", "(yv)g"] {
            let _read = Reader::new(&bytes, false).all(text);
        }
        let _types = types(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_message_with_a_changed_byte_is_an_error_or_a_message(at in 0..96_usize, byte in any::<u8>()) {
        let body = [Value::text("x"), Value::Array("(sv)".into(), vec![Value::Structure(vec![Value::text("y"), Value::U64(1).variant()])])];
        let mut bytes = Message::call("a.b", "/c", "d.e", "F", &body).encode(7);
        let at = at % bytes.len();
        bytes[at] = byte;
        bus(&bytes);
    }
}

#[test]
fn signatures_are_held_to_the_rules() {
    assert_eq!(types("sa(sv)a{sv}(ii)").unwrap(), ["s", "a(sv)", "a{sv}", "(ii)"]);
    let deep = |count: usize| "a".repeat(count) + "y";
    assert!(types(&deep(32)).is_some() && types(&deep(33)).is_none());
    let nested = |count: usize| "(".repeat(count) + "y" + &")".repeat(count);
    assert!(types(&nested(32)).is_some() && types(&nested(33)).is_none());
    for bad in ["a", "(", ")", "()", "a{vs}", "a{s}", "a{sss}", "{ss}", "z", "a{(s)s}", "a{", "é"] {
        assert_eq!(types(bad), None, "{bad}");
    }
    assert!(types(&"y".repeat(255)).is_some() && types(&"y".repeat(256)).is_none());
}

#[test]
fn variants_in_variants_have_an_end() {
    let mut bytes = Vec::new();
    (0..300).for_each(|_| bytes.extend_from_slice(b"\x01v\0"));
    assert!(Reader::new(&bytes, false).all("v").unwrap_err().0.contains("too deep"));
}

#[test]
fn a_message_of_more_values_than_anybody_says_is_refused_before_they_are_made() {
    let deep = format!("a{}y{}", "(".repeat(31), ")".repeat(31));
    let read = |signature: &str, length: u32| {
        let bytes = [length.to_le_bytes().to_vec(), vec![0; length as usize + 4]].concat();
        Reader::new(&bytes[..bytes.len() - if signature == "ay" { 4 } else { 0 }], false).all(signature)
    };
    assert!(read("ay", 100_000).is_ok());
    assert!(read("ay", 1 << 17).unwrap_err().0.contains("too many values"));
    assert!(read(&deep, 8001).is_ok());
    assert!(read(&deep, (1 << 16) + 1).unwrap_err().0.contains("too many values"));
}

#[test]
fn what_is_not_allowed_is_said() {
    let read = |bytes: &[u8], signature: &str| Reader::new(bytes, false).all(signature).unwrap_err().0;
    assert!(read(&[2, 0, 0, 0], "b").contains("neither 0 nor 1"));
    assert!(read(&[1, 0, 0, 0, b'x', b'y'], "s").contains("does not end"));
    assert!(read(&[1, 0, 0, 0, 0, 0], "s").contains("does not end"));
    assert!(read(&[1, 0, 0, 0, 0xff, 0], "s").contains("UTF-8"));
    assert!(read(&[0xff, 0xff, 0xff, 0xff], "s").contains("ends before"));
    assert!(read(&[0xff, 0xff, 0xff, 0xff], "ay").contains("ends before"));
    assert!(read(&[2, 0, 0, 0, b'/', b'/', 0], "o").contains("path"));
    assert!(read(&[1, 7, 0, 0, 1, 0, 0, 0], "yu").contains("gap"));
    assert!(read(&[1, 2], "y").contains("more than"));
    assert!(read(&[2, b's', b's', 0], "v").contains("one type"));
}

#[test]
fn a_length_of_more_than_a_mebibyte_is_refused_before_it_is_waited_for() {
    let prefix = |body: u32, fields: u32| {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&[b'l', 2, 0, 1]);
        bytes[4..8].copy_from_slice(&body.to_le_bytes());
        bytes[12..].copy_from_slice(&fields.to_le_bytes());
        Message::length(&bytes)
    };
    assert_eq!(prefix(0, 0), Ok(16));
    assert_eq!(prefix((1 << 20) - 24, 3), Ok(1 << 20));
    for (body, fields) in [(1 << 20, 8), (0, 1 << 20), (u32::MAX, 0), (0, u32::MAX), (u32::MAX, u32::MAX)] {
        assert!(prefix(body, fields).is_err(), "{body} {fields}");
    }
}

#[test]
fn what_a_kind_lacks_is_refused_and_what_is_new_is_passed_over() {
    let mut answer = Message::new(Kind::Return, &[]);
    assert!(Message::decode(&answer.encode(1)).unwrap_err().0.contains("lacks"));
    answer.answers = Some(1);
    assert!(Message::decode(&answer.encode(1)).is_ok());
    assert!(Message::decode(&answer.encode(0)).is_err());
    let head = [Value::Byte(b'l'), Value::Byte(2), Value::Byte(0), Value::Byte(1), Value::U32(0), Value::U32(1)];
    let field = |code, value: Value| Value::Structure(vec![Value::Byte(code), value.variant()]);
    let with = |fields: Vec<Value>| {
        let mut bytes = write(&[&head[..], &[Value::Array("(yv)".into(), fields)]].concat());
        super::value::pad(&mut bytes, 8);
        Message::decode(&bytes)
    };
    assert!(with(vec![field(5, Value::U32(9)), field(200, Value::text("new"))]).is_ok());
    assert_eq!(with(vec![field(5, Value::U32(9)), field(9, Value::U32(2))]).unwrap().descriptors, 2);
    assert!(with(vec![field(5, Value::text("9"))]).unwrap_err().0.contains("wrong type"));
}

#[test]
fn the_greatest_byte_may_come_first() {
    // An answer to our second message, with a number in it, as a machine of the other order writes it.
    let mut bytes = b"B\x02\x00\x01\0\0\0\x04\0\0\0\x09\0\0\0\x0f".to_vec();
    bytes.extend_from_slice(b"\x05\x01u\0\0\0\0\x02\x08\x01g\0\x01u\0\0\0\0\x01\x02");
    let message = Message::decode(&bytes).unwrap();
    assert_eq!((message.answers, message.serial), (Some(2), 9));
    assert_eq!(message.values().unwrap(), [Value::U32(258)]);
}
