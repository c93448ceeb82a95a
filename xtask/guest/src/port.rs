// SPDX-License-Identifier: MIT OR Apache-2.0
//! The port: the guest's own line to its host.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;

use guest::frame::Frame;
use guest::job;

use crate::{Failure, kernel};

/// An open port. The kernel lets nobody open it a second time.
#[derive(Debug)]
pub(crate) struct Port {
    file: Mutex<File>,
    nonce: String,
}

impl Port {
    /// Opens the port by its name.
    pub(crate) fn open() -> Result<Self, Failure> {
        let nonce = kernel::parameter(job::NONCE).ok_or("the kernel's command line has no nonce")?;
        let path = device()?;
        let file = OpenOptions::new().write(true).open(&path);
        let file = file.map_err(|error| format!("cannot open the port {}: {error}", path.display()))?;
        Ok(Self { file: Mutex::new(file), nonce })
    }

    /// Sends one frame, whole.
    pub(crate) fn send(&self, frame: &Frame) {
        let line = frame.line(&self.nonce);
        // A thread that panicked while it held the port has said so on the console; the port is as good as before.
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Err(error) = file.write_all(line.as_bytes()) {
            eprintln!("guest: error: cannot write to the port: {error}");
        }
    }
}

/// Says why the job failed, if the port can be opened.
pub(crate) fn report(failure: &str) {
    if let Ok(port) = Port::open() {
        port.send(&Frame::Failed(failure.to_owned()));
    }
}

/// The device of the port: there is no udev that would name it.
fn device() -> Result<PathBuf, Failure> {
    let class = "/sys/class/virtio-ports";
    let entries = fs::read_dir(class).map_err(|error| format!("cannot read {class}: {error}"))?;
    for entry in entries.flatten() {
        if fs::read_to_string(entry.path().join("name")).is_ok_and(|name| name.trim() == job::PORT) {
            return Ok(PathBuf::from("/dev").join(entry.file_name()));
        }
    }
    Err(format!("no port in {class} is called {}", job::PORT).into())
}
