// SPDX-License-Identifier: MIT OR Apache-2.0
//! /proc/PID/status: what the kernel tells about a process, a line a fact.
//!
//! Man: proc_pid_status(5).

use std::fs;
use std::path::PathBuf;

use crate::error::{Error, Object};

/// The text of one such file.
pub(crate) struct Status {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Status {
    /// Reads that of process `pid`; a failure is one to `op` it.
    pub(crate) fn read(op: &'static str, pid: u32) -> Result<Self, Error> {
        let path = PathBuf::from(format!("/proc/{pid}/status"));
        let text = fs::read_to_string(&path).map_err(|error| Error::io(op, Object::Pid(pid), &error))?;
        Ok(Self { path, text })
    }

    /// Reads that of thread `tid` of it.
    pub(crate) fn of_thread(op: &'static str, pid: u32, tid: u32) -> Result<Self, Error> {
        let path = PathBuf::from(format!("/proc/{pid}/task/{tid}/status"));
        let text = fs::read_to_string(&path).map_err(|error| Error::io(op, Object::Pid(tid), &error))?;
        Ok(Self { path, text })
    }

    /// The value of a line.
    pub(crate) fn line(&self, key: &str) -> Option<&str> {
        self.text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map(str::trim)
    }
}
