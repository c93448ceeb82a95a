// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file system that finds every file and opens none: whoever opens one waits, and cannot be killed before it ends.
//!
//! The protocol is that of linux/fuse.h, in as few words as that takes. Man: fuse(4).

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const OPEN: u32 = 14;
const INIT: u32 = 26;
const BATCH_FORGET: u32 = 42;
const ENOSYS: i32 = 38;
const TOP: u64 = 1;
const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;

/// Such a file system, until it is dropped.
pub(crate) struct SilentFiles {
    at: PathBuf,
    /// Told when somebody waits.
    opened: mpsc::Receiver<()>,
    serving: Option<JoinHandle<()>>,
}

impl SilentFiles {
    /// Mounts one.
    pub(crate) fn mounted_at(at: &Path) -> Self {
        let device = OpenOptions::new().read(true).write(true).open("/dev/fuse").unwrap();
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other\0", device.as_raw_fd());
        let options = std::ffi::CStr::from_bytes_with_nul(options.as_bytes()).unwrap();
        mount("skep-silent", at, "fuse", MountFlags::empty(), options).unwrap();
        let (tell, opened) = mpsc::channel();
        let serving = Some(std::thread::spawn(move || serve(device, &tell)));
        Self { at: at.to_owned(), opened, serving }
    }

    /// Waits until somebody waits for a file.
    pub(crate) fn wait_for_opening(&self) {
        self.opened.recv().unwrap();
    }

    /// Ends it: whoever waits is let go, with an error.
    pub(crate) fn end(&mut self) {
        if let Some(serving) = self.serving.take() {
            // By force: that ends it wherever it is mounted.
            unmount(&self.at, UnmountFlags::FORCE | UnmountFlags::DETACH).unwrap();
            serving.join().unwrap();
        }
    }
}

impl Drop for SilentFiles {
    fn drop(&mut self) {
        self.end();
    }
}

fn serve(mut device: File, tell: &mpsc::Sender<()>) {
    let mut request = vec![0; 1 << 17];
    // An error when the connection has ended.
    while let Ok(length) = device.read(&mut request) {
        let request = &request[..length];
        let word = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().unwrap());
        let node = u64::from_ne_bytes(request[16..24].try_into().unwrap());
        let answer = match word(4) {
            INIT => Ok(init()),
            LOOKUP => Ok([&[2_u64, 0, 60, 60, 0].map(u64::to_ne_bytes).concat(), &attributes(2)[..]].concat()),
            GETATTR => Ok([&[60_u64, 0].map(u64::to_ne_bytes).concat(), &attributes(node)[..]].concat()),
            OPEN => {
                let _nobody_asks = tell.send(());
                continue;
            }
            FORGET | BATCH_FORGET => continue,
            _ => Err(-ENOSYS),
        };
        let (error, body) = answer.map_or_else(|error| (error, Vec::new()), |body| (0, body));
        let length = u32::try_from(16 + body.len()).unwrap();
        let answer = [&length.to_ne_bytes(), &error.to_ne_bytes()[..], &request[8..16], &body].concat();
        if device.write_all(&answer).is_err() {
            return;
        }
    }
}

/// `fuse_init_out` of version 7.31: nothing special.
fn init() -> Vec<u8> {
    let mut words = [0_u32; 16];
    (words[0], words[1], words[5], words[6]) = (7, 31, 4096, 1);
    words.map(u32::to_ne_bytes).concat()
}

/// `fuse_attr` of the directory at the top, or of a program in it.
fn attributes(node: u64) -> Vec<u8> {
    let numbers = [node, 4096, 8, 0, 0, 0].map(u64::to_ne_bytes).concat();
    let mode = if node == TOP { DIRECTORY } else { PROGRAM };
    let words = [0, 0, 0, mode, 1, 0, 0, 0, 4096, 0].map(u32::to_ne_bytes).concat();
    [numbers, words].concat()
}
