// SPDX-License-Identifier: MIT OR Apache-2.0
//! From descriptions to steps. Pure: looks at nothing but its arguments.
//!
//! The order, and why: propagation is cut before the first mount is made, else it would be seen outside; the memory that
//! changes are kept in lies below everything that is mounted over "/"; the root is taken before its mounts, which are made
//! in it; sources are this machine's, so everything comes before the pivot; paths become read-only and masked when nothing
//! is mounted over them any more; a minimal /dev and the root become read-only when no target has to be made in them any
//! more.

use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Base, Need, RootSpec, Setting, Steps};
use crate::floor::{self, BindFlags, Layers, New, Step};
use crate::mounts::{
    Attributes, Bind, Changes, Device, FileSystem, Idmap, Mount, Mounts, Overlay, Propagation, Symlink, joined,
};

pub(super) fn compile(steps: &mut Steps, root: Option<&RootSpec>, mounts: &Mounts, setting: Setting) {
    let propagation = root.and_then(|root| root.propagation);
    match propagation {
        Some(Propagation::Private | Propagation::RPrivate) => {
            steps.push(Step::Propagate { target: c"/", how: Propagation::RPrivate.how() });
        }
        _ => steps.push(Step::ReceiveOnly),
    }
    if root.is_some() {
        steps.push(Step::Top);
    }
    if let Some((uid, gid)) = setting.owner {
        steps.push(Step::Owner { uid, gid });
    }
    let memory = memory(root, mounts);
    if let Some(options) = &memory {
        steps.push(Step::Memory { options: &text(options) });
    }
    if let Some(root) = root {
        push_root(steps, root, setting);
    }
    let beneath = root.map_or(Some(Path::new("/")), RootSpec::directory);
    for mount in &mounts.mounts {
        push(steps, mount, setting, beneath);
        if let Some(propagation) = mount.propagation() {
            steps.push(Step::Propagate { target: &text(mount.target()), how: propagation.how() });
        }
    }
    for path in &mounts.directories {
        steps.push(Step::Directory { target: &text(path) });
    }
    for path in &mounts.read_only {
        steps.push(Step::ReadOnly { target: &text(path), alone: false });
    }
    for mount in &mounts.mounts {
        if let Mount::Dev(dev) = mount
            && dev.attributes.contains(Attributes::READ_ONLY)
        {
            steps.push(Step::ReadOnly { target: &text(&dev.target), alone: true });
        }
    }
    for path in &mounts.masked {
        steps.push(Step::Mask { target: &text(path) });
    }
    if let Some(root) = root {
        if root.ends_read_only() {
            steps.push(Step::ReadOnlyRoot);
        }
        steps.push(if root.chroot_that_can_be_left { Step::ChrootAlone } else { Step::Pivot });
        // The kernel exchanges no root that is shared. Where it was not exchanged "/" is that of the chroot, and a mount.
        if let Some(
            shared @ (Propagation::Shared | Propagation::RShared | Propagation::Unbindable | Propagation::RUnbindable),
        ) = propagation
        {
            steps.push(Step::Propagate { target: c"/", how: shared.how() });
        }
    } else if memory.is_some() {
        steps.push(Step::LetGo);
    }
}

/// Options of the tmpfs that changes are kept in, if there is one: as large as the largest that is asked for.
fn memory(root: Option<&RootSpec>, mounts: &Mounts) -> Option<String> {
    let mounts = mounts.mounts.iter().filter_map(|mount| match mount {
        Mount::Overlay(overlay) => Some(&overlay.changes),
        _ => None,
    });
    let sizes = root.map(|root| &root.changes).into_iter().chain(mounts).filter_map(|changes| match changes {
        Changes::InMemory { size } => Some(*size),
        _ => None,
    });
    let size = sizes.reduce(|one, other| one.zip(other).map(|(one, other)| one.max(other)))?;
    Some(tmpfs_options(size, "0700"))
}

fn tmpfs_options(size: Option<u64>, mode: &str) -> String {
    size.map(|bytes| format!("size={bytes},")).unwrap_or_default() + "mode=" + mode
}

fn push_root(steps: &mut Steps, root: &RootSpec, setting: Setting) {
    let attributes = root.attributes.difference(Attributes::READ_ONLY).bits();
    match &root.base {
        Base::Tmpfs { size } => {
            steps.push(Step::RootTmpfs { options: &text(tmpfs_options(*size, "0755")), attributes });
        }
        Base::Directory(path) if root.changes.go_elsewhere() => {
            let options = Overlay::new("/").changes(root.changes.clone()).options(setting.user_namespace);
            layers(&[path.as_path()], &root.changes, &options, setting, |layers| {
                steps.push(Step::RootOverlay { path: &text(path), layers, attributes });
            });
        }
        Base::Directory(path) => steps.push(Step::Root { path: &text(path), attributes }),
    }
}

/// Hands on what an overlay is made of, as the floor knows it.
fn layers(lowers: &[&Path], changes: &Changes, options: &str, setting: Setting, then: impl FnOnce(Layers<'_>)) {
    let lowers = text(OsStr::from_bytes(&joined(lowers)));
    let kept;
    let changes = match changes {
        Changes::InPlace => floor::Changes::None,
        Changes::InMemory { .. } => floor::Changes::InMemory,
        Changes::Kept(path) => {
            kept = text(path);
            floor::Changes::Kept(&kept)
        }
    };
    then(Layers { lowers: &lowers, changes, user: setting.user_namespace, options: &text(options) });
}

/// `beneath` is the directory that the root is made of; one that is made of none begins empty.
fn push(steps: &mut Steps, mount: &Mount, setting: Setting, beneath: Option<&Path>) {
    let Setting { user_namespace, own_net, own_pid, own_ipc, own_cgroup, groups_mapped, .. } = setting;
    let (target, make) = (&*text(mount.target()), mount.creates_target() || beneath.is_none());
    let mut fresh = |kind, options: String, attributes: Attributes| {
        let options = text(options);
        let new = New::of(kind, &options);
        steps.push(Step::Mount { new, target, attributes: attributes.bits(), make, optional: false });
    };
    match mount {
        Mount::Tmpfs(tmpfs) if tmpfs.copy_up => {
            let what = format!("a tmpfs with a copy of {:?}", tmpfs.target);
            steps.push_tree(&what, target, make, Need::CopyUp(tmpfs.clone(), beneath.map(Path::to_owned)));
        }
        Mount::Tmpfs(tmpfs) => fresh(c"tmpfs", tmpfs.options(), tmpfs.attributes),
        Mount::Devpts(devpts) => {
            fresh(c"devpts", devpts.options(groups_mapped || !user_namespace), devpts.attributes);
        }
        Mount::Proc(proc) if user_namespace && !own_pid => {
            instead(steps, "/proc", (target, make), proc.attributes, false);
        }
        Mount::Proc(proc) => fresh(c"proc", proc.options(), proc.attributes),
        Mount::Sysfs(sysfs) if user_namespace && !own_net => {
            // This machine's /sys has its cgroups in it, and whatever else is mounted there.
            instead(steps, "/sys", (target, make), sysfs.attributes.union(Attributes::READ_ONLY), false);
        }
        Mount::Sysfs(sysfs) => fresh(c"sysfs", String::new(), sysfs.attributes),
        Mount::Mqueue(mqueue) if user_namespace && !own_ipc => {
            instead(steps, "/dev/mqueue", (target, make), mqueue.attributes, true);
        }
        Mount::Mqueue(mqueue) => fresh(c"mqueue", String::new(), mqueue.attributes),
        Mount::Dev(dev) => steps.push(Step::Dev {
            target,
            options: &text(dev.options()),
            attributes: dev.attributes.difference(Attributes::READ_ONLY).bits(),
            make,
            bind: user_namespace,
        }),
        Mount::Overlay(Overlay { lowers, changes, attributes, .. }) if lowers.len() == 1 && !changes.go_elsewhere() => {
            // The kernel makes no overlay of one directory; a bind shows the same.
            let source = lowers.first().map(text).unwrap_or_default();
            let attributes = attributes.union(Attributes::READ_ONLY).bits();
            let flags = BindFlags { recursive: true, make, ..BindFlags::default() };
            steps.push(Step::Bind { source: &source, target, attributes: 0, below: attributes, flags });
        }
        Mount::Overlay(overlay @ Overlay { lowers, changes, attributes, or_read_only_bind, .. }) => {
            let options = overlay.options(user_namespace);
            let lowers: Vec<&Path> = lowers.iter().map(PathBuf::as_path).collect();
            let (attributes, or_bind) = (attributes.bits(), *or_read_only_bind);
            layers(&lowers, changes, &options, setting, |layers| {
                steps.push(Step::Overlay { target, layers, attributes, make, or_bind });
            });
        }
        Mount::Symlink(Symlink { to, .. }) => steps.push(Step::Symlink { to: &text(to), target }),
        Mount::FileSystem(FileSystem { kind, source, options, attributes, optional, .. }) => {
            let (kind, source, options) = (text(kind), text(source), text(options));
            let new = New { kind: &kind, source: &source, options: &options };
            steps.push(Step::Mount { new, target, attributes: attributes.bits(), make, optional: *optional });
        }
        Mount::Cgroups(view) => super::cgroups::push(steps, view, target, make, own_cgroup),
        Mount::Disk(disk) => {
            let what = format!("{} of {:?}", disk.kind, disk.file);
            steps.push_tree(&what, target, make, Need::Disk(disk.clone()));
        }
        Mount::Device(Device { from: Some(source), attributes, .. }) => {
            // To be used, which a read-only mount does not forbid a device, and not to be changed: who owns it in a user
            // namespace could close it to the whole machine.
            let attributes = attributes.union(Attributes::READ_ONLY).bits();
            let flags = BindFlags { make, recursive: user_namespace, ..BindFlags::default() };
            steps.push(Step::Bind { source: &text(source), target, attributes, below: 0, flags });
        }
        Mount::Device(device) => {
            let (uid, gid) = device.owner;
            let what = format!("{} (mode {:04o}, of {uid}:{gid})", device.words(), device.mode);
            steps.push_tree(&what, target, make, Need::Device(device.clone()));
        }
        Mount::Bind(bind @ Bind { source, idmap: None, by_caller: true, .. }) => {
            steps.push_tree(&format!("{source:?} of the caller"), target, make, Need::Bind(bind.clone()));
        }
        Mount::Bind(bind @ Bind { source, idmap: Some(map), .. }) => {
            let ids = match map {
                Idmap::Namespace(path) => format!("the ids of {path:?}"),
                ranges @ Idmap::Ranges { .. } => format!("ids {ranges}"),
            };
            steps.push_tree(&format!("{source:?} with {ids}"), target, make, Need::Bind(bind.clone()));
        }
        Mount::Bind(bind @ Bind { source, recursive, inside, optional, .. }) => {
            let (attributes, below) = bind.changes();
            // Alone it is all that comes along.
            let (attributes, below) = if *recursive { (attributes, below) } else { (attributes | below, 0) };
            let flags = BindFlags { recursive: *recursive, inside: *inside, optional: *optional, make, instead: false };
            steps.push(Step::Bind { source: &text(source), target, attributes, below, flags });
        }
    }
}

/// Binds this machine's file system where a new one would be refused.
fn instead(steps: &mut Steps, source: &str, at: (&CStr, bool), attributes: Attributes, optional: bool) {
    let (target, make) = at;
    steps.push(Step::Bind {
        source: &text(source),
        target,
        attributes: 0,
        below: attributes.bits(),
        flags: BindFlags { recursive: true, inside: false, optional, make, instead: true },
    });
}

/// Text that the checks found free of NUL bytes.
pub(super) fn text(text: impl AsRef<OsStr>) -> CString {
    let bytes: Vec<u8> = text.as_ref().as_bytes().iter().copied().filter(|byte| *byte != 0).collect();
    CString::new(bytes).unwrap_or_default()
}
