// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes on their way, as many as there is room for.

/// As much as a pipe holds.
const SIZE: usize = 64 << 10;

/// A queue of bytes that does not grow.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Box<[u8]>,
    /// What is in it: from here,
    start: usize,
    /// to here.
    end: usize,
}

impl Buffer {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; SIZE].into_boxed_slice(), start: 0, end: 0 }
    }

    /// Whether anything can be put in.
    pub(super) fn has_room(&self) -> bool {
        self.end - self.start < SIZE
    }

    /// Where to put more; what was put there is told by [`filled`](Self::filled).
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// So many bytes were put in.
    pub(super) fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(SIZE);
    }

    /// What is in it, the oldest first.
    pub(super) fn pending(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// So many bytes were taken out.
    pub(super) fn taken(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Throws away what is in it.
    pub(super) fn clear(&mut self) {
        self.start = self.end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_order_and_no_more_than_there_is_room_for() {
        let mut buffer = Buffer::new();
        let (mut next_in, mut next_out, mut most) = (0_u64, 0_u64, 0);
        // Steps that have no common measure with the size, so that every place in it is a beginning and an end.
        for round in 1..2000 {
            let room = buffer.room();
            let count = room.len().min(round * 37 % 9001);
            for slot in room.iter_mut().take(count) {
                *slot = next_in.to_le_bytes()[0] ^ next_in.to_le_bytes()[1];
                next_in += 1;
            }
            buffer.filled(count);
            most = most.max(buffer.pending().len());
            let count = buffer.pending().len().min(round * 41 % 8009);
            for byte in buffer.pending().iter().take(count) {
                assert_eq!(*byte, next_out.to_le_bytes()[0] ^ next_out.to_le_bytes()[1]);
                next_out += 1;
            }
            buffer.taken(count);
        }
        assert!(most <= SIZE && most > SIZE / 2, "{most}");
        let room = buffer.room().len();
        buffer.filled(room);
        assert!(!buffer.has_room() && buffer.room().is_empty());
        buffer.clear();
        assert!(buffer.has_room() && buffer.pending().is_empty());
        assert_eq!(buffer.room().len(), SIZE);
    }
}
