// SPDX-License-Identifier: MIT OR Apache-2.0
//! The initial file system: a cpio archive in the one form that the kernel reads ("newc").
//!
//! Kernel: Documentation/driver-api/early-userspace/buffer-format.rst.

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const CHARACTER_DEVICE: u32 = 0o020_600;
const END: &str = "TRAILER!!!";

/// An archive that grows. Its owner is root, whoever writes it.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds a directory; the one above it must be there already.
    pub(super) fn directory(&mut self, path: &str) {
        self.entry(path, DIRECTORY, (0, 0), &[]);
    }

    /// Adds a file that may be executed.
    pub(super) fn file(&mut self, path: &str, content: &[u8]) {
        self.entry(path, PROGRAM, (0, 0), content);
    }

    /// Adds a character device.
    pub(super) fn device(&mut self, path: &str, major: u32, minor: u32) {
        self.entry(path, CHARACTER_DEVICE, (major, minor), &[]);
    }

    /// The finished archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry(END, 0, (0, 0), &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, (major, minor): (u32, u32), content: &[u8]) {
        self.entries += 1;
        let name = path.trim_start_matches('/');
        let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        // Number, mode, owner, group, links, time, size, device of the file and of the node, length of the name, sum.
        let fields =
            [self.entries, mode, 0, 0, 1, 0, length(content.len()), 0, 0, major, minor, length(name.len() + 1), 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_header_a_name_and_a_content_on_borders_of_four() {
        let mut archive = Archive::default();
        archive.directory("/dev");
        archive.file("/init", b"hello");
        archive.device("/dev/console", 5, 1);
        let bytes = archive.finish();
        let text = String::from_utf8(bytes).unwrap();
        let header = "070701000000020000 81ED0000000000000000000000010000000000000005".replace(' ', "");
        let at = text.find(&header).unwrap();
        assert_eq!((at % 4, text.get(at + 110..at + 128)), (0, Some("init\0\0hello\0\0\x000707".get(..18).unwrap())));
        assert!(text.contains("0000000500000001"));
        assert!(text.ends_with("TRAILER!!!\0\0\0\0"));
        assert_eq!(text.len() % 4, 0);
    }
}
