// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files without a name, which only their descriptors lead to.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};

/// Whether a file will be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// It will: mode 0555.
    Execute,
    /// It will be read alone: mode 0444.
    Read,
}

impl Use {
    fn mode(self) -> Mode {
        Mode::from_raw_mode(match self {
            Use::Execute => 0o555,
            Use::Read => 0o444,
        })
    }
}

/// A memfd that holds `bytes`, sealed against every change.
///
/// # Kernel
/// Linux 3.17. `MFD_EXEC` and `MFD_NOEXEC_SEAL` from 6.3 on, which `vm.memfd_noexec` may demand; without them before.
pub(crate) fn sealed_memfd(name: &str, bytes: &[u8], purpose: Use) -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let wanted = flags | if purpose == Use::Execute { MemfdFlags::EXEC } else { MemfdFlags::NOEXEC_SEAL };
    let memfd = match rustix::fs::memfd_create(name, wanted) {
        Err(Errno::INVAL) => rustix::fs::memfd_create(name, flags)?,
        other => other?,
    };
    fill(memfd.as_fd(), bytes, purpose)?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&memfd, seals)?;
    Ok(memfd)
}

/// A file on a tmpfs that is mounted nowhere, opened for reading.
///
/// # Privileges
/// `CAP_SYS_ADMIN`.
/// # Kernel
/// Linux 5.2.
pub(crate) fn on_detached_tmpfs(bytes: &[u8], purpose: Use) -> Result<OwnedFd, Errno> {
    let context = rustix::mount::fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_create(context.as_fd())?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let mount = rustix::mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let writer = rustix::fs::openat(&mount, "launcher", flags, Mode::RUSR | Mode::WUSR)?;
    fill(writer.as_fd(), bytes, purpose)?;
    drop(writer);
    rustix::fs::openat(&mount, "launcher", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

/// A file without a name in `directory`, opened for reading.
///
/// # Kernel
/// Linux 3.11, and a file system that knows `O_TMPFILE`.
pub(crate) fn in_directory(directory: &Path, bytes: &[u8], purpose: Use) -> Result<OwnedFd, Errno> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let writer = rustix::fs::open(directory, flags, Mode::RUSR | Mode::WUSR)?;
    fill(writer.as_fd(), bytes, purpose)?;
    // The kernel executes no file that somebody may write to.
    let number = writer.as_raw_fd();
    let reader = rustix::fs::open(format!("/proc/self/fd/{number}"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    drop(writer);
    Ok(reader)
}

/// A file to be read, wherever this machine lets one be: a memfd, which has been written to its end, or a nameless file where
/// there are none.
pub(crate) fn nameless(name: &str, bytes: &[u8]) -> Result<OwnedFd, Errno> {
    let mut answer = match sealed_memfd(name, bytes, Use::Read) {
        Ok(file) => return Ok(file),
        Err(errno) => errno,
    };
    for directory in directories() {
        match in_directory(&directory, bytes, Use::Read) {
            Ok(file) => return Ok(file),
            Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::FBIG)) => answer = errno,
            Err(_) => {}
        }
    }
    Err(answer)
}

/// Where nameless files may be made, in order of preference.
pub(crate) fn directories() -> Vec<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    runtime.into_iter().chain(["/var/lib", "/tmp"].map(PathBuf::from)).collect()
}

/// Whether programs of the file system at `directory` may be executed.
pub(crate) fn allows_programs(directory: &Path) -> bool {
    rustix::fs::statvfs(directory).is_ok_and(|stat| !stat.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC))
}

fn fill(file: BorrowedFd<'_>, mut bytes: &[u8], purpose: Use) -> Result<(), Errno> {
    // Beyond this limit the kernel would not only refuse, but end the caller's process by SIGXFSZ.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    if limit.is_some_and(|limit| bytes.len() as u64 > limit) {
        return Err(Errno::FBIG);
    }
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    rustix::fs::fchmod(file, purpose.mode())
}
