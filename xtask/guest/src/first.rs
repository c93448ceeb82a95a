// SPDX-License-Identifier: MIT OR Apache-2.0
//! The first part: from the initial file system to the disk.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use guest::job::{self, System};
use rustix::mount::MountFlags;

use crate::{Failure, modules, mounts, second};

/// The disk, and how long its driver may take to show it.
const DISK: &str = "/dev/vda";
const PATIENCE: Duration = Duration::from_secs(20);

/// Where systemd is looked for, as every distribution has it.
const SYSTEMD: &str = "/sbin/init";

/// Makes the disk the root and executes its own copy there, or systemd; returns when that fails.
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
    let (program, arguments) = match second::read_job()?.system {
        System::Systemd => (SYSTEMD, &[][..]),
        System::Minimal | System::Tree => (job::PROGRAM, &["init"][..]),
    };
    let error = Command::new(program).args(arguments).env_clear().exec();
    Err(format!("cannot execute {program}: {error}").into())
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
