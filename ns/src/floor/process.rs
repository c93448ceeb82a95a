// SPDX-License-Identifier: MIT OR Apache-2.0
//! This process: how it ends, and what it was told.

use super::sys::{self, Errno};

/// Has the kernel send `signal` to this process when the thread that is its parent ends.
///
/// Bound to the *thread*, and cleared by every change of ids: to be done last.
///
/// # Errors
/// `EINVAL` for a number that is not a signal.
pub fn parent_death_signal(signal: u32) -> Result<(), Errno> {
    sys::set_parent_death_signal(signal)
}

/// A decimal number below 2 to the 32, of at most ten digits.
#[must_use]
pub fn number(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 10 {
        return None;
    }
    text.iter().try_fold(0_u32, |value, digit| match digit {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u32::from(digit.wrapping_sub(b'0'))),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_decimal_digits_and_nothing_else() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"1048576"), Some(1_048_576));
        assert_eq!(number(b"4294967295"), Some(u32::MAX));
        for text in [&b"4294967296"[..], b"00000000001", b"", b".", b"..", b"-1", b"1x", b"9999999999"] {
            assert_eq!(number(text), None, "{text:?}");
        }
    }
}
