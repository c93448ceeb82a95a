// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounts: the kernel's own file systems, and the disk.

use std::fs;
use std::path::Path;

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags};

use crate::Failure;

const PLAIN: MountFlags = MountFlags::NOSUID.union(MountFlags::NOEXEC).union(MountFlags::NODEV);

/// Type, target, flags and options, in the order of mounting.
const KERNEL: [(&str, &str, MountFlags, &std::ffi::CStr); 3] = [
    ("devtmpfs", "/dev", MountFlags::NOSUID, c"mode=0755"),
    ("proc", "/proc", PLAIN, c""),
    ("sysfs", "/sys", PLAIN, c""),
];

const MORE: [(&str, &str, MountFlags, &std::ffi::CStr); 8] = [
    ("devpts", "/dev/pts", MountFlags::NOSUID.union(MountFlags::NOEXEC), c"mode=0620,gid=5,ptmxmode=0666"),
    ("tmpfs", "/dev/shm", MountFlags::NOSUID.union(MountFlags::NODEV), c"mode=1777"),
    ("mqueue", "/dev/mqueue", PLAIN, c""),
    ("tmpfs", "/run", MountFlags::NOSUID.union(MountFlags::NODEV), c"mode=0755"),
    ("securityfs", "/sys/kernel/security", PLAIN, c""),
    ("bpf", "/sys/fs/bpf", PLAIN, c"mode=0700"),
    ("tracefs", "/sys/kernel/tracing", PLAIN, c""),
    ("hugetlbfs", "/dev/hugepages", PLAIN, c""),
];

/// What the first part needs, before anything else can be asked.
pub(crate) fn first() -> Result<(), Failure> {
    KERNEL.iter().try_for_each(mount)
}

/// What a program expects of a Linux machine; the answer is a sentence for each that this kernel does not have.
pub(crate) fn second() -> Vec<String> {
    MORE.iter().filter_map(|entry| mount(entry).err()).map(|failure| failure.to_string()).collect()
}

fn mount((kind, target, flags, options): &(&str, &str, MountFlags, &std::ffi::CStr)) -> Result<(), Failure> {
    on(kind, kind, Path::new(target), *flags, options)
}

/// Makes one mount, and its directory. That the same is there already is no failure: systemd may have made it.
pub(crate) fn on(
    source: &str,
    kind: &str,
    target: &Path,
    flags: MountFlags,
    options: &std::ffi::CStr,
) -> Result<(), Failure> {
    // In sysfs and procfs nobody makes directories: then the mount itself says what is missing.
    let _there = fs::create_dir_all(target);
    match rustix::mount::mount(source, target, kind, flags, options) {
        Ok(()) | Err(Errno::BUSY) => Ok(()),
        Err(errno) => Err(format!("cannot mount {kind} on {}: {errno}", target.display()).into()),
    }
}

/// Makes `new` the root of this process, and takes the kernel's file systems along.
pub(crate) fn switch_root(new: &Path) -> Result<(), Failure> {
    for (_, target, _, _) in &KERNEL {
        let to = new.join(target.trim_start_matches('/'));
        fs::create_dir_all(&to)?;
        rustix::mount::mount_move(*target, &to)
            .map_err(|errno| format!("cannot move {target} to {}: {errno}", to.display()))?;
    }
    // The initial file system can be neither unmounted nor pivoted away from: the disk is moved over it.
    rustix::process::chdir(new)?;
    rustix::mount::mount_move(".", "/").map_err(|errno| format!("cannot make the disk the root: {errno}"))?;
    rustix::process::chroot(".").map_err(|errno| format!("cannot change to the root of the disk: {errno}"))?;
    rustix::process::chdir("/")?;
    Ok(())
}

/// Every mount shared, as systemd leaves them: what most machines have.
pub(crate) fn share_all() -> Result<(), Failure> {
    let flags = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", flags).map_err(|errno| format!("cannot make all mounts shared: {errno}").into())
}

/// A symbolic link; one that is there already is left.
pub(crate) fn link(target: &str, path: &str) -> Result<(), Failure> {
    match rustix::fs::symlinkat(target, CWD, path) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(format!("cannot link {path} to {target}: {errno}").into()),
    }
}
