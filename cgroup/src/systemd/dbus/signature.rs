// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signatures: the types of values, a letter each, or letters in brackets.
//!
//! Specification: "Type System".

/// The longest signature.
const LONGEST: usize = 255;
/// How deep arrays may be in arrays, and structures in structures.
const DEEPEST: usize = 32;

/// The types of a signature, each whole; `None` if it is none.
pub(super) fn types(signature: &str) -> Option<Vec<&str>> {
    if signature.len() > LONGEST {
        return None;
    }
    let (mut types, mut rest) = (Vec::new(), signature);
    while !rest.is_empty() {
        let (first, behind) = rest.split_at_checked(whole(rest.as_bytes(), 0, 0)?)?;
        types.push(first);
        rest = behind;
    }
    Some(types)
}

/// Whether it is one whole type.
pub(super) fn is_single(signature: &str) -> bool {
    signature.len() <= LONGEST && whole(signature.as_bytes(), 0, 0) == Some(signature.len())
}

/// How many letters the type at the beginning has.
fn whole(text: &[u8], arrays: usize, structures: usize) -> Option<usize> {
    match text.split_first()? {
        (b'y' | b'b' | b'n' | b'q' | b'i' | b'u' | b'x' | b't' | b'd' | b's' | b'o' | b'g' | b'v' | b'h', _) => Some(1),
        (b'a', _) if arrays >= DEEPEST => None,
        (b'a', [b'{', entry @ ..]) if structures < DEEPEST => {
            // A key is a plain value, and there is one value with it.
            let key = entry.first().filter(|letter| b"ybnqiuxtdsogh".contains(letter)).map(|_| 1)?;
            let value = whole(entry.get(key..)?, arrays + 1, structures + 1)?;
            (entry.get(key + value) == Some(&b'}')).then_some(2 + key + value + 1)
        }
        (b'a', element) => Some(1 + whole(element, arrays + 1, structures)?),
        (b'(', fields) if structures < DEEPEST => {
            let mut length = 0;
            while fields.get(length)? != &b')' {
                length += whole(fields.get(length..)?, arrays, structures + 1)?;
            }
            (length > 0).then_some(length + 2)
        }
        _ => None,
    }
}

/// What a value of this type begins at a multiple of.
pub(super) fn alignment(signature: &str) -> usize {
    match signature.as_bytes().first() {
        Some(b'n' | b'q') => 2,
        Some(b'b' | b'i' | b'u' | b'h' | b's' | b'o' | b'a') => 4,
        Some(b'x' | b't' | b'd' | b'(' | b'{') => 8,
        _ => 1,
    }
}
