// SPDX-License-Identifier: MIT OR Apache-2.0
//! A mount of what is in a file, by way of a loop device.
//!
//! Man: loop(4).

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::PathBuf;

use rustix::fs::OFlags;

use super::ids::errno_of;
use super::sys::{LoopSetup, configure_loop, free_loop};
use super::{failed, log, text};
use crate::error::Error;
use crate::floor::attach::{New, configure, mount_of};
use crate::floor::{Errno, sys};
use crate::mounts::{Attributes, Disk};
use crate::sys::owned;

/// How often a loop device that was free is somebody else's a moment later, before that is told.
const TRIES: u32 = 64;

/// The mount, attached nowhere. The loop device is freed with it.
pub(crate) fn disk(disk: &Disk) -> Result<OwnedFd, Error> {
    let path = &disk.file;
    let read_only = disk.attributes.contains(Attributes::READ_ONLY);
    let failed = |errno, why: String| failed("mount", path, errno, why);
    // What is there may be a pipe, and to open that would wait for who writes.
    let mut options = OpenOptions::new();
    options.read(true).write(!read_only).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = options.open(path);
    let file = file.map_err(|error| match errno_of(&error) {
        errno @ (Errno::ACCES | Errno(30)) if !read_only => {
            failed(errno, "opening it, to be written".to_owned()).with_hint("if it need not be written: read_only()")
        }
        errno => failed(errno, "opening it".to_owned()),
    })?;
    let kind = file.metadata().map_err(|error| failed(errno_of(&error), "looking at it".to_owned()))?.file_type();
    // Held until the mount has hold of it.
    let (_device, source) = match kind.is_block_device() {
        true => (file, path.clone()),
        false => loop_device(disk, &file, read_only)?,
    };
    let fs = sys::fsopen(&CString::new(&*disk.kind).unwrap_or_default());
    let fs = fs.map_err(|errno| match errno {
        Errno::NODEV => failed(errno, format!("the kernel knows no file system {:?}", disk.kind)),
        errno => failed(errno, "making the file system".to_owned()),
    })?;
    let options = if read_only { format!("ro,{}", disk.options) } else { disk.options.clone() };
    let (source, options) = (text(&source), CString::new(options).unwrap_or_default());
    let new = New { kind: c"", source: &source, options: &options };
    configure(&fs, new).map_err(|errno| match (errno, log(&fs)) {
        (Errno::INVAL, said) if said.is_empty() => {
            failed(errno, format!("it has no {} in it, or an option is not known", disk.kind))
        }
        (errno, said) if said.is_empty() => failed(errno, "making the file system".to_owned()),
        (errno, said) => failed(errno, said),
    })?;
    let tree = mount_of(&fs, disk.attributes.bits());
    tree.map(owned).map_err(|failure| failed(failure.errno, "mounting the file system".to_owned()))
}

/// A loop device that shows the file, and its path.
fn loop_device(disk: &Disk, file: &File, read_only: bool) -> Result<(File, PathBuf), Error> {
    let failed = |errno, why: &str| failed("mount", &disk.file, errno, why.to_owned());
    let control = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/loop-control")
        .map_err(|error| failed(errno_of(&error), "\"/dev/loop-control\", by which loop devices are found"))?;
    let mut direct_io = disk.direct_io;
    let mut tries = 0;
    loop {
        let number = free_loop(&control).map_err(|errno| failed(errno, "finding a free loop device"))?;
        let path = PathBuf::from(format!("/dev/loop{number}"));
        let device = OpenOptions::new().read(true).write(!read_only).open(&path);
        let device = device.map_err(|error| failed(errno_of(&error), &format!("the loop device {path:?}")))?;
        let name = disk.file.as_os_str().as_bytes();
        let length = disk.length.unwrap_or_default();
        let setup = LoopSetup { offset: disk.offset, length, read_only, direct_io, name };
        match configure_loop(&device, file.as_fd(), setup) {
            Ok(()) => return Ok((device, path)),
            // Somebody else was faster.
            Err(Errno::BUSY) if tries < TRIES => tries += 1,
            Err(Errno::INVAL) if direct_io => direct_io = false,
            Err(errno) => return Err(failed(errno, &format!("having the loop device {path:?} show it"))),
        }
    }
}
