// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looking at this machine.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::layer::Fit;
use super::{Seen, TopEntry, TopKind, is_replaced};
use crate::error::{Error, Object};
use crate::table::MountInfo;

impl Seen {
    /// What is mounted here and what is in "/".
    pub(super) fn of_this_machine(user_namespace: bool) -> Result<Self, Error> {
        let mut seen = Self { mounts: MountInfo::of_this_thread()?, ..Self::default() };
        let is_overlay = |mount: &&MountInfo| mount.target == Path::new("/") && mount.kind == "overlay";
        if !user_namespace && seen.mounts.iter().any(|mount| is_overlay(&mount)) {
            seen.no_overlays = !can_be_layer();
        }
        for mount in seen.mounts.iter().filter(|mount| !is_replaced(&mount.target)) {
            // A server that is gone must not be waited for; what is mounted from one is a directory.
            let is_here =
                !mount.kind.starts_with("nfs") && !mount.kind.starts_with("fuse") && mount.fit() != Fit::Machine;
            if is_here && fs::symlink_metadata(&mount.target).is_ok_and(|found| !found.is_dir()) {
                seen.files.insert(mount.target.clone());
            }
        }
        seen.top = top()?;
        Ok(seen)
    }
}

/// Whether an overlay can lie over "/", which is one itself: the kernel takes two in one another and no more.
///
/// It is asked to make one of "/" twice. That it refuses because it is twice (`ELOOP`), after it has counted; so nothing is
/// made. Without the right to ask, or the call, the answer is yes, and the kernel's when it is done.
fn can_be_layer() -> bool {
    use crate::floor::sys::{fsconfig, fsconfig_create, fsopen};
    let refused = fsopen(c"overlay").and_then(|fs| {
        fsconfig(&fs, c"lowerdir", Some(c"/:/"))?;
        fsconfig_create(&fs)
    });
    refused != Err(crate::floor::Errno::INVAL)
}

/// What is in "/", sorted.
fn top() -> Result<Vec<TopEntry>, Error> {
    let failed =
        |error: std::io::Error| Error::os("read", Object::Path("/".into()), error.raw_os_error().unwrap_or_default());
    let mut top = Vec::new();
    for entry in fs::read_dir("/").map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        let kind = if kind.is_dir() {
            let access = Access::READ_OK | Access::EXEC_OK;
            TopKind::Directory { open: accessat(CWD, &path, access, AtFlags::EACCESS).is_ok() }
        } else if kind.is_symlink() {
            TopKind::Link(fs::read_link(&path).map_err(failed)?)
        } else if kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device() {
            TopKind::Other
        } else {
            TopKind::File
        };
        top.push(TopEntry { name: entry.file_name(), kind });
    }
    top.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(top)
}
