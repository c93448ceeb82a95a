// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host's own tools: qemu and what packs a disk.

use std::path::PathBuf;
use std::process::Command;

use crate::debian;
use crate::failure::Failure;

use guest::job::System;

/// Each with its Debian package.
const TOOLS: [(&str, &str); 7] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("mkfs.ext4", "e2fsprogs"),
    ("depmod", "kmod"),
    ("dpkg-deb", "dpkg"),
    ("find", "findutils"),
    ("xz", "xz-utils"),
    ("setpriv", "util-linux"),
];

/// Sees to it that the tools are there: root installs what is missing, others are told.
pub(super) fn ensure(system: System) -> Result<(), Failure> {
    let more: &[(&str, &str)] = if system == System::Minimal { &[] } else { &[("debootstrap", "debootstrap")] };
    let missing: Vec<&(&str, &str)> = TOOLS.iter().chain(more).filter(|(program, _)| path(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    if debian::is_here() && rustix::process::geteuid().is_root() {
        return debian::install(&packages);
    }
    let programs: Vec<&str> = missing.iter().map(|(program, _)| *program).collect();
    let hint = if debian::is_here() {
        format!("as root, run: apt-get install {}", packages.join(" "))
    } else {
        "install what has them".to_owned()
    };
    Err(format!("cannot run a virtual machine without {}; {hint}", programs.join(", ")).into())
}

/// Where a program is: on `PATH`, or where root's programs are, which others do not have on theirs.
pub(super) fn path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// The command of a tool.
pub(super) fn command(name: &str) -> Command {
    Command::new(path(name).unwrap_or_else(|| PathBuf::from(name)))
}
