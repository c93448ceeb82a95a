// SPDX-License-Identifier: MIT OR Apache-2.0
//! Walks a tree that somebody else has made, and may be changing: every name is resolved in it, whatever links it has, and
//! nothing that could block or lead out is opened.
//!
//! `32_safe_walk /srv/unpacked`
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::error::Error;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::{env, io};

use skep::rootfs::{ErrorKind, Root};

fn main() -> Result<(), Box<dyn Error>> {
    let root = Root::open(env::args_os().nth(1).ok_or("usage: 32_safe_walk DIRECTORY")?)?;
    let mut directories = vec![PathBuf::from("/")];
    let (mut files, mut bytes) = (0, 0);
    while let Some(path) = directories.pop() {
        // Held open: what is listed is what was found, whoever exchanges names meanwhile.
        let Ok(directory) = root.open_dir(&path) else { continue };
        for name in names(&directory)? {
            let path = path.join(name);
            // A link is listed by what it leads to in the tree, and not gone into: so the walk ends.
            let is_link = fs::symlink_metadata(
                Path::new("/proc/self/fd")
                    .join(directory.as_raw_fd().to_string())
                    .join(path.file_name().unwrap_or_default()),
            )
            .is_ok_and(|found| found.is_symlink());
            let found = match root.open_path(&path) {
                Ok(place) => File::from(place).metadata()?,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    println!("{path:?} leads nowhere in here");
                    continue;
                }
                Err(error) => {
                    println!("{path:?} is not looked at: {error}");
                    continue;
                }
            };
            match found.file_type() {
                kind if kind.is_dir() && !is_link => directories.push(path),
                kind if kind.is_file() => (files, bytes) = (files + 1, bytes + found.size()),
                kind if kind.is_fifo() || kind.is_block_device() || kind.is_char_device() => {
                    println!("{path:?} is a pipe or a device, and not opened");
                }
                _ => {}
            }
        }
    }
    println!("{files} files, {bytes} bytes");
    Ok(())
}

fn names(directory: &impl AsRawFd) -> io::Result<Vec<std::ffi::OsString>> {
    let entries = fs::read_dir(format!("/proc/self/fd/{}", directory.as_raw_fd()))?;
    entries.map(|entry| entry.map(|entry| entry.file_name())).collect()
}
