// SPDX-License-Identifier: MIT OR Apache-2.0
//! Libraries: what a program needs beside itself in order to start, as its own loader sees it.
//!
//! Man: ld.so(8).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo;
use crate::elf;
use crate::failure::Failure;

/// The loader and the shared libraries of a program; none of a static one, nor of a script.
pub(super) fn of(program: &Path) -> Result<Vec<PathBuf>, Failure> {
    let bytes = fs::read(program).map_err(|error| format!("cannot read {}: {error}", program.display()))?;
    if !bytes.starts_with(b"\x7fELF") {
        return Ok(Vec::new());
    }
    let loader = elf::interpreter(&bytes).map_err(|error| format!("cannot read {}: {error}", program.display()))?;
    let Some(loader) = loader else { return Ok(Vec::new()) };
    // The loader lists them and does not run the program. It alone knows every rule of where they are looked for.
    let text = cargo::output(Command::new(&loader).arg("--list").arg(program))?;
    let mut files =
        parse(&text).map_err(|name| format!("the loader cannot find {name}, which {} needs", program.display()))?;
    files.push(PathBuf::from(loader));
    Ok(files)
}

/// The paths of a loader's list; an error is the name of a library that it has not found.
fn parse(text: &str) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for line in text.lines().map(str::trim) {
        let (name, rest) = line.split_once(" => ").unwrap_or(("", line));
        if rest == "not found" {
            return Err(name.to_owned());
        }
        let path = rest.split(" (").next().unwrap_or_default();
        // The rest is the kernel's own library, which is no file.
        if path.starts_with('/') {
            files.push(PathBuf::from(path));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loaders_list_is_read_and_a_gap_is_named() {
        let text = "\tlinux-vdso.so.1 (0x00007ffe)\n\tlibc.so.6 => /lib/libc.so.6 (0x00007f)\n\t/lib64/ld.so (0x1)\n";
        assert_eq!(parse(text).unwrap(), [PathBuf::from("/lib/libc.so.6"), PathBuf::from("/lib64/ld.so")]);
        assert_eq!(parse("\tlibx.so.1 => not found\n"), Err("libx.so.1".to_owned()));
    }

    #[test]
    fn our_own_program_needs_a_c_library_and_a_script_needs_nothing() {
        let files = of(&std::env::current_exe().unwrap()).unwrap();
        assert!(files.iter().any(|file| file.to_string_lossy().contains("libc.so")), "{files:?}");
        assert!(files.iter().all(|file| file.is_file()), "{files:?}");
        assert!(of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap().is_empty());
    }
}
