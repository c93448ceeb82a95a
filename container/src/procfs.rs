// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of the kernel's: small ones, that are made when they are read.
//!
//! Their size is not known before, and the standard library begins with 32 bytes, each read making the text anew.

use std::fs::File;
use std::io::{Read, Result};
use std::path::Path;

/// What the kernel tells at once, of most files.
const PAGE: usize = 4096;

/// Reads one to its end.
pub(crate) fn read(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = vec![0; PAGE];
    let mut length = 0;
    loop {
        let room = bytes.get_mut(length..).unwrap_or_default();
        match file.read(room) {
            Ok(0) => break,
            Ok(count) => length = length.saturating_add(count),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if bytes.len().saturating_sub(length) < PAGE / 2 {
            bytes.resize(bytes.len().saturating_mul(2), 0);
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_file_is_read() {
        let file = std::env::temp_dir().join(format!("skep-procfs-{}", std::process::id()));
        for length in [0, 1, 2047, 2048, 4096, 10_000] {
            let text: Vec<u8> = (0..length).map(|at: usize| at.to_le_bytes()[0]).collect();
            std::fs::write(&file, &text).unwrap();
            assert_eq!(read(&file).unwrap(), text, "{length}");
        }
        std::fs::remove_file(&file).unwrap();
        assert!(read(&file).is_err());
        assert_eq!(read("/proc/self/mountinfo").unwrap(), std::fs::read("/proc/self/mountinfo").unwrap());
    }
}
