// SPDX-License-Identifier: MIT OR Apache-2.0
//! The first part: from the initial file system to the disk.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use guest::job;
use rustix::mount::MountFlags;

use crate::{Failure, modules, mounts};

/// The disk, and how long its driver may take to show it.
const DISK: &str = "/dev/vda";
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes the disk the root and executes its own copy there; returns when that fails.
pub(crate) fn run() -> Result<(), Failure> {
    mounts::first()?;
    let list = fs::read(job::BOOT_MODULES).map_err(|error| format!("cannot read {}: {error}", job::BOOT_MODULES))?;
    let lacks = modules::load(&serde_json::from_slice::<Vec<String>>(&list)?);
    if !lacks.is_empty() {
        return Err(lacks.join("; ").into());
    }
    wait_for(Path::new(DISK))?;
    let root = Path::new("/root");
    mounts::on(DISK, "ext4", root, MountFlags::empty(), c"")?;
    mounts::switch_root(root)?;
    let error = Command::new(job::PROGRAM).arg("init").env_clear().exec();
    Err(format!("cannot execute {}: {error}", job::PROGRAM).into())
}

fn wait_for(path: &Path) -> Result<(), Failure> {
    let end = Instant::now() + PATIENCE;
    while !path.exists() {
        if Instant::now() > end {
            return Err(format!("the disk {} did not appear within {PATIENCE:?}", path.display()).into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
