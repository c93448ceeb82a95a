// SPDX-License-Identifier: MIT OR Apache-2.0
//! Publishes where this crate's floor is, so that `skep` can compile its launcher from it (`DEP_…_FLOOR`).
//!
//! What is published is a copy beside cargo's other output. Cargo keeps the answer of a build script for as long as the
//! files that it names have not changed, and a package of this workspace has one answer in a target directory, however
//! many checkouts share it: a path into the sources would lead to nowhere once their folder was moved, and into
//! another checkout's sources where two of them build in turn.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/floor");
    let copy = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?).join("floor");
    // A file that is gone from the sources would stay in it.
    match fs::remove_dir_all(&copy) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    copy_directory(Path::new("src/floor"), &copy)?;
    println!("cargo::metadata=floor={}", copy.display());
    Ok(())
}

fn copy_directory(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_directory(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
