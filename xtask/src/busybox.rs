// SPDX-License-Identifier: MIT OR Apache-2.0
//! A root directory with busybox in it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo;
use crate::failure::Failure;

/// Makes it, with a link for each of busybox's commands and a user besides root.
pub(crate) fn tree(tree: &Path) -> Result<(), Failure> {
    for directory in ["bin", "etc", "tmp", "proc", "dev", "sys", "run", "var"] {
        fs::create_dir_all(tree.join(directory))?;
    }
    let busybox = which("busybox").ok_or("busybox is not installed")?;
    fs::copy(&busybox, tree.join("bin/busybox"))?;
    for name in cargo::output(Command::new(&busybox).arg("--list"))?.lines().filter(|name| *name != "busybox") {
        symlink("busybox", tree.join("bin").join(name))?;
    }
    fs::write(tree.join("etc/passwd"), "root:x:0:0::/:/bin/sh\nbees:x:1000:1000::/:/bin/sh\n")?;
    fs::write(tree.join("etc/group"), "root:x:0:\nbees:x:1000:\n")?;
    Ok(())
}

fn which(name: &str) -> Option<PathBuf> {
    let path: OsString = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|path| path.is_file())
}
