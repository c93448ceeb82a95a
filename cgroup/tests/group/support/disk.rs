// SPDX-License-Identifier: MIT OR Apache-2.0
//! Block devices to read, write and limit.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use needs::{Need, Scratch};
use skep_cgroup::DeviceNumber;

use super::run;

/// A block device that is a file, for as long as this is held. Takes the program losetup and /dev/loop-control.
pub(crate) struct Loop {
    pub(crate) node: String,
    _file: Scratch,
}

impl Loop {
    pub(crate) fn new() -> Self {
        let scratch = Scratch::new();
        let file = scratch.join("disk");
        fs::write(&file, vec![1; 4 << 20]).unwrap();
        let out = Command::new("losetup").args(["--find", "--show"]).arg(&file).output().unwrap();
        assert!(out.status.success(), "{out:?}");
        Self { node: String::from_utf8(out.stdout).unwrap().trim().to_owned(), _file: scratch }
    }

    pub(crate) fn number(&self) -> DeviceNumber {
        DeviceNumber::of_rdev(fs::metadata(&self.node).unwrap().rdev())
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        run("losetup", &["--detach", &self.node]);
    }
}

/// A disk of this machine, whole; that there is none is noted.
pub(crate) fn disk() -> Option<DeviceNumber> {
    let mut disks = fs::read_dir("/sys/block").unwrap().map(|entry| entry.unwrap().path());
    let real = disks.find(|path| fs::read_to_string(path.join("size")).is_ok_and(|size| size.trim() != "0"));
    let unmet = real.is_none().then(|| "every block device here is empty".to_owned());
    if Need::new("a disk", unmet).skip() {
        return None;
    }
    real.map(|path| fs::read_to_string(path.join("dev")).unwrap().trim().parse().unwrap())
}
