// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory of a process that waits for an answer.
//!
//! Man: `proc_pid_mem(5)`.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Object};

/// The memory of a process, by an open file: it is that process's whoever gets its number.
#[derive(Debug)]
pub struct Memory {
    file: File,
    pid: u32,
}

/// The longest path that the kernel takes, with its end.
const PATH_MAX: usize = 4096;

impl Memory {
    pub(super) fn open(pid: u32) -> io::Result<Self> {
        let path = format!("/proc/{pid}/mem");
        let both = OpenOptions::new().read(true).write(true).open(&path);
        Ok(Self { file: both.or_else(|_| File::open(&path))?, pid })
    }

    /// Reads as many bytes as `bytes` has, from this address on.
    ///
    /// # Errors
    /// `Invalid` if the process has nothing there; `NotFound` if it is gone.
    pub fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), Error> {
        self.file.read_exact_at(bytes, address).map_err(|error| self.failed("read the memory of", address, &error))
    }

    /// Writes bytes to this address.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn write(&self, address: u64, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all_at(bytes, address).map_err(|error| self.failed("write to the memory of", address, &error))
    }

    /// The bytes from this address up to the first that is 0; at most as many as given.
    ///
    /// # Errors
    /// As [`read`](Self::read); `Invalid` too if none of them is 0.
    pub fn text(&self, address: u64, most: usize) -> Result<Vec<u8>, Error> {
        const OP: &str = "read a text of";
        let mut text = Vec::new();
        let mut at = address;
        while text.len() < most {
            // Up to the end of a page: the next may not be there, and need not be.
            let page = usize::try_from(4096 - at % 4096).unwrap_or(4096);
            let mut part = vec![0; page.min(most - text.len())];
            let count = self.file.read_at(&mut part, at).map_err(|error| self.failed(OP, at, &error))?;
            part.truncate(count);
            if let Some(end) = part.iter().position(|byte| *byte == 0) {
                text.extend(part.into_iter().take(end));
                return Ok(text);
            }
            if count == 0 {
                return Err(self.failed(OP, at, &io::ErrorKind::UnexpectedEof.into()));
            }
            at = at.saturating_add(count as u64);
            text.append(&mut part);
        }
        let why = format!("{most} bytes from {address:#x} on are without an end");
        Err(Error::because(OP, Object::Pid(self.pid), ErrorKind::Invalid, why))
    }

    /// The path that a call's argument points to.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub fn path(&self, address: u64) -> Result<PathBuf, Error> {
        self.text(address, PATH_MAX).map(|text| OsString::from_vec(text).into())
    }

    fn failed(&self, op: &'static str, address: u64, error: &io::Error) -> Error {
        const EIO: i32 = 5;
        match (error.raw_os_error(), error.kind()) {
            // What the kernel says of addresses where nothing is.
            (Some(EIO), _) | (None, io::ErrorKind::UnexpectedEof | io::ErrorKind::WriteZero) => {
                let why = format!("there is nothing at {address:#x}, or the process is gone");
                Error::because(op, Object::Pid(self.pid), ErrorKind::Invalid, why)
            }
            _ => Error::io(op, Object::Pid(self.pid), error),
        }
    }
}
