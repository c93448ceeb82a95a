// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that an option names: their text, as far as one is willing to read.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::failure::Failure;

/// The longest text that is read, in bytes: as long as a bundle's configuration may be.
const LONGEST: u64 = 16 << 20;

/// The text of what `option` names: a file, or a pipe, that ends. `-` is the standard input where the option says so.
pub(crate) fn text(option: &str, file: &Path) -> Result<String, Failure> {
    let failed = |why: String| Failure::from(format!("{option}: cannot read {file:?}: {why}"));
    let mut text = String::new();
    let read = match (option, file.to_str()) {
        ("--resources", Some("-")) => std::io::stdin().take(LONGEST + 1).read_to_string(&mut text),
        _ => File::open(file).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text)),
    };
    match read {
        Ok(length) if u64::try_from(length).is_ok_and(|length| length <= LONGEST) => Ok(text),
        Ok(_) => Err(failed(format!("it has more than {LONGEST} bytes"))),
        Err(error) => Err(failed(error.to_string())),
    }
}
