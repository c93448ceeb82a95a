// SPDX-License-Identifier: MIT OR Apache-2.0
//! Texts put together without a heap: paths and the names of descriptors.

use core::ffi::CStr;

use super::sys::Errno;

/// A path, or options: less than 4096 bytes, `PATH_MAX`, and a page, which is what mount(2) takes.
pub(crate) type Text = Bytes<4096>;

/// A key or a value: 255 bytes at most, which is what fsconfig(2) takes.
pub(crate) type Word = Bytes<256>;

/// A text of less than `SIZE` bytes that ends in NUL.
#[derive(Debug)]
pub(crate) struct Bytes<const SIZE: usize> {
    bytes: [u8; SIZE],
    len: usize,
}

impl<const SIZE: usize> Bytes<SIZE> {
    /// An empty text.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; SIZE], len: 0 }
    }

    /// Adds `bytes`, which must be without NUL.
    ///
    /// # Errors
    /// `ENAMETOOLONG` if there is no room for them.
    #[inline(never)]
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let end = self.len.checked_add(bytes.len()).filter(|end| *end < SIZE).ok_or(Errno::NAMETOOLONG)?;
        let room = self.bytes.get_mut(self.len..end).ok_or(Errno::NAMETOOLONG)?;
        for (slot, byte) in room.iter_mut().zip(bytes) {
            *slot = *byte;
        }
        self.len = end;
        Ok(())
    }

    /// A text of these bytes.
    ///
    /// # Errors
    /// `ENAMETOOLONG` if there are too many.
    #[inline(never)]
    pub fn of(bytes: &[u8]) -> Result<Self, Errno> {
        let mut text = Self::new();
        text.push(bytes)?;
        Ok(text)
    }

    /// The text.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The text, for a system call.
    #[must_use]
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }
}

/// The name that a descriptor has in `/proc/self/fd`.
#[derive(Debug)]
pub(crate) struct Number([u8; 12]);

impl Number {
    /// The name of this descriptor.
    #[must_use]
    pub fn of(fd: i32) -> Self {
        let mut name = [0; 12];
        let mut rest = fd.unsigned_abs();
        // From the right; the last byte stays NUL.
        for slot in name.iter_mut().rev().skip(1) {
            // A digit is less than 10.
            *slot = b'0'.wrapping_add((rest % 10).to_le_bytes()[0]);
            rest /= 10;
        }
        Self(name)
    }

    /// The name, for a system call.
    #[must_use]
    pub fn as_c_str(&self) -> &CStr {
        // Without the zeros in front, of which the last may be the number itself.
        let zeros = self.0.iter().take(10).take_while(|byte| **byte == b'0').count();
        self.0.get(zeros..).and_then(|digits| CStr::from_bytes_until_nul(digits).ok()).unwrap_or_default()
    }
}

/// A path's directory, with its slash, and its last name.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let end = path.iter().rev().take_while(|byte| **byte == b'/').count();
    let path = path.get(..path.len().saturating_sub(end)).unwrap_or_default();
    let name = path.iter().rev().take_while(|byte| **byte != b'/').count();
    path.split_at_checked(path.len().saturating_sub(name)).unwrap_or_default()
}

/// The parts of a path between its slashes, without the empty ones and ".".
pub(super) fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_s_name_is_its_decimal_number() {
        for fd in [0, 1, 9, 10, 255, 4096, 1_048_575, i32::MAX] {
            assert_eq!(Number::of(fd).as_c_str().to_str().unwrap(), fd.to_string());
        }
    }

    #[test]
    fn a_text_holds_4095_bytes_and_no_more() {
        let mut text = Text::of(&[b'x'; 4000]).unwrap();
        text.push(&[b'y'; 95]).unwrap();
        assert_eq!(text.as_c_str().count_bytes(), 4095);
        assert_eq!(text.push(b"z"), Err(Errno::NAMETOOLONG));
        assert_eq!(text.bytes().len(), 4095);
    }

    #[test]
    fn a_path_is_split_before_its_last_name() {
        for (path, above, name) in [("/a/b", "/a/", "b"), ("/a", "/", "a"), ("/a//b//", "/a//", "b"), ("/", "", "")] {
            assert_eq!(split(path.as_bytes()), (above.as_bytes(), name.as_bytes()));
        }
    }

    #[test]
    fn a_path_s_components_are_its_names() {
        let names: Vec<_> = components(b"//a/./b//..").collect();
        assert_eq!(names, [&b"a"[..], b"b", b".."]);
    }
}
