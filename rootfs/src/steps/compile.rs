// SPDX-License-Identifier: MIT OR Apache-2.0
//! From descriptions to steps. Pure: looks at nothing but its arguments.
//!
//! The order, and why: propagation is cut before the first mount is made, else it would be seen outside; the root is taken
//! before its mounts, which are made in it; sources are this machine's, so everything comes before the pivot; paths become
//! read-only and masked when nothing is mounted over them any more; the root becomes read-only when no target has to be
//! made in it any more.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;

use super::{RootSpec, Setting, Steps};
use crate::floor::{BindFlags, FileSystem, Step};
use crate::mounts::{Attributes, Bind, Mount, Mounts};

pub(super) fn compile(steps: &mut Steps, root: Option<&RootSpec>, mounts: &Mounts, setting: Setting) {
    steps.push(Step::ReceiveOnly);
    if let Some(root) = root {
        steps.push(Step::Root { path: &text(&root.path) });
    }
    for mount in &mounts.mounts {
        push(steps, mount, setting);
    }
    for path in &mounts.read_only {
        steps.push(Step::ReadOnly { target: &text(path) });
    }
    for path in &mounts.masked {
        steps.push(Step::Mask { target: &text(path) });
    }
    if let Some(root) = root {
        if root.read_only {
            steps.push(Step::ReadOnlyRoot);
        }
        steps.push(Step::Pivot);
    }
}

fn push(steps: &mut Steps, mount: &Mount, setting: Setting) {
    let Setting { user_namespace, own_net, own_pid, own_ipc, groups_mapped } = setting;
    let (target, make) = (&*text(mount.target()), mount.creates_target());
    let mut fresh = |kind, options: String, attributes: Attributes| {
        let options = &*text(options);
        steps.push(Step::Mount { kind, target, options, attributes: attributes.bits(), make });
    };
    match mount {
        Mount::Tmpfs(tmpfs) => fresh(FileSystem::Tmpfs, tmpfs.options(), tmpfs.attributes),
        Mount::Devpts(devpts) => {
            fresh(FileSystem::Devpts, devpts.options(groups_mapped || !user_namespace), devpts.attributes);
        }
        Mount::Proc(proc) if user_namespace && !own_pid => {
            instead(steps, "/proc", mount, proc.attributes, false);
        }
        Mount::Proc(proc) => fresh(FileSystem::Proc, proc.options(), proc.attributes),
        Mount::Sysfs(sysfs) if user_namespace && !own_net => {
            // This machine's /sys has its cgroups in it, and whatever else is mounted there.
            instead(steps, "/sys", mount, sysfs.attributes.union(Attributes::READ_ONLY), false);
        }
        Mount::Sysfs(sysfs) => fresh(FileSystem::Sysfs, String::new(), sysfs.attributes),
        Mount::Mqueue(mqueue) if user_namespace && !own_ipc => {
            instead(steps, "/dev/mqueue", mount, mqueue.attributes, true);
        }
        Mount::Mqueue(mqueue) => fresh(FileSystem::Mqueue, String::new(), mqueue.attributes),
        Mount::Dev(dev) => steps.push(Step::Dev {
            target,
            options: &text(dev.options()),
            attributes: dev.attributes.bits(),
            make,
            bind: user_namespace,
        }),
        Mount::Bind(Bind { source, attributes, recursive, deep, optional, .. }) => steps.push(Step::Bind {
            source: &text(source),
            target,
            attributes: attributes.bits(),
            flags: BindFlags {
                recursive: *recursive,
                deep: *recursive && *deep && !attributes.is_empty(),
                optional: *optional,
                make,
                instead: false,
            },
        }),
    }
}

/// Binds this machine's file system where a new one would be refused.
fn instead(steps: &mut Steps, source: &str, mount: &Mount, attributes: Attributes, optional: bool) {
    steps.push(Step::Bind {
        source: &text(source),
        target: &text(mount.target()),
        attributes: attributes.bits(),
        flags: BindFlags { recursive: true, deep: true, optional, make: mount.creates_target(), instead: true },
    });
}

/// Text that the checks found free of NUL bytes.
fn text(text: impl AsRef<OsStr>) -> CString {
    let bytes: Vec<u8> = text.as_ref().as_bytes().iter().copied().filter(|byte| *byte != 0).collect();
    CString::new(bytes).unwrap_or_default()
}
