// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files: what the command sees, and where what it changes goes.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use skep::rootfs::{Attributes, Bind, Changes, Mount, Mounts, Overlay, RootSpec, Tmpfs, View};

use crate::arguments::{Arguments, Network};
use crate::sentence;

/// What the command sees.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) root: RootSpec,
    pub(crate) mounts: Mounts,
    /// Where it begins.
    pub(crate) workdir: PathBuf,
    /// What is otherwise than one may think, a sentence each.
    pub(crate) notes: Vec<String>,
    /// Where changes are kept. Held as long as the command runs: two of them would overwrite each other's.
    pub(crate) kept: Option<Kept>,
}

/// A directory for changes that are kept.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) path: PathBuf,
    _lock: Option<File>,
}

impl Drop for Kept {
    /// Lets its owner read, and so remove, all of it: the kernel leaves work directories that nobody may open.
    fn drop(&mut self) {
        let parts = fs::read_dir(&self.path).into_iter().flatten().flatten().map(|entry| entry.path());
        for part in parts.chain([self.path.clone()]) {
            let _absent = fs::set_permissions(part.join("work/work"), Permissions::from_mode(0o700));
        }
    }
}

/// What the arguments ask for. Makes the directory that changes are kept in, unless the plan alone is wanted.
///
/// # Errors
/// A sentence.
pub(crate) fn describe(arguments: &Arguments, user_namespace: bool) -> Result<Files, String> {
    let kept = arguments.keep.as_deref().map(|name| keep(name, !arguments.explain)).transpose()?;
    let changes = kept.as_ref().map_or(Changes::InMemory { size: None }, |kept| Changes::Kept(kept.path.clone()));
    let mut files = match &arguments.root {
        Some(root) => other_root(root, changes.clone()),
        None => this_machine(user_namespace, changes.clone())?,
    };
    files.kept = kept;
    add_standard(&mut files.mounts);
    if arguments.root.is_none() {
        begin_where_we_are(&mut files, changes);
        if arguments.network == Network::Host {
            show_resolver(&mut files.mounts);
        }
    }
    if let Some(kept) = files.kept.as_ref().and_then(|kept| kept.path.parent()) {
        files.mounts = files.mounts.mask([kept]);
    }
    for share in &arguments.shares {
        let mut bind = Bind::new(&share.source, &share.target).create_target().nosuid().nodev();
        if !share.writable {
            bind = bind.read_only();
        }
        // In place of what would be there.
        files.mounts.mounts.retain(|mount| !mount.target().starts_with(&share.target));
        files.mounts = files.mounts.add(bind);
    }
    if let Some(workdir) = &arguments.workdir {
        files.workdir = files.workdir.join(workdir);
    }
    Ok(files)
}

fn this_machine(user_namespace: bool, changes: Changes) -> Result<Files, String> {
    let View { root, mounts, notes, .. } =
        View::of_this_machine(user_namespace, changes).map_err(|error| sentence(&error))?;
    let workdir = std::env::current_dir().unwrap_or_else(|_| "/".into());
    Ok(Files { root, mounts, workdir, notes, kept: None })
}

fn other_root(root: &Path, changes: Changes) -> Files {
    let mounts = Mounts::new()
        .add(Tmpfs::new("/tmp").mode(0o1777).nosuid().nodev().create_target())
        .add(Tmpfs::new("/run").mode(0o755).nosuid().nodev().create_target());
    let root = RootSpec::new(root).changes(changes).nodev();
    Files { root, mounts, workdir: "/".into(), notes: Vec::new(), kept: None }
}

/// Processes, devices, kernel knobs: what every command expects, and nothing that it could turn.
fn add_standard(mounts: &mut Mounts) {
    let standard = Mounts::standard();
    for mut mount in standard.mounts {
        // There are no rules for devices: so that none can be made, there is no place for one. All else is nodev.
        if let Mount::Dev(dev) = &mut mount {
            dev.attributes |= Attributes::READ_ONLY;
        }
        mounts.mounts.push(mount);
    }
    mounts.read_only.extend(standard.read_only);
    mounts.masked.extend(standard.masked);
}

/// Shows the directory that we are in, where something else covers it: a clone below /tmp, say.
fn begin_where_we_are(files: &mut Files, changes: Changes) {
    let here = files.workdir.clone();
    let covered = |mount: &Mount| {
        matches!(mount, Mount::Tmpfs(_) | Mount::Dev(_) | Mount::Proc(_) | Mount::Sysfs(_))
            && here.starts_with(mount.target())
    };
    let Some(above) = files.mounts.mounts.iter().find(|mount| covered(mount)) else { return };
    if above.target() == here {
        return;
    }
    if !matches!(above, Mount::Tmpfs(_)) {
        files.workdir = "/".into();
        return;
    }
    let changes = match changes {
        Changes::Kept(directory) => Changes::Kept(directory.join("here")),
        other => other,
    };
    files.mounts = std::mem::take(&mut files.mounts)
        .add(Overlay::new(&here).lower(&here).changes(changes).nosuid().nodev().create_target());
}

/// Where /etc/resolv.conf is a link to what the resolver of this machine keeps below /run, that file too.
fn show_resolver(mounts: &mut Mounts) {
    let Ok(link) = fs::read_link("/etc/resolv.conf") else { return };
    let file = link.strip_prefix("../run").map_or(link.clone(), |below| Path::new("/run").join(below));
    if file.starts_with("/run") {
        *mounts = std::mem::take(mounts).add(Bind::new(&file, &file).read_only().optional().create_target());
    }
}

/// The directory for changes under this name, made and locked if `make`.
fn keep(name: &str, make: bool) -> Result<Kept, String> {
    let path = kept_below()?.join(name);
    if !make {
        return Ok(Kept { path, _lock: None });
    }
    let failed = |what: &str, error| format!("--keep {name}: cannot {what} {}: {error}", path.display());
    DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(|error| failed("make", error))?;
    let lock =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path.join("lock"));
    let lock = lock.map_err(|error| failed("lock", error))?;
    match lock.try_lock() {
        Ok(()) => Ok(Kept { path, _lock: Some(lock) }),
        Err(fs::TryLockError::WouldBlock) => Err(format!("--keep {name}: another run has it now")),
        Err(fs::TryLockError::Error(error)) => Err(failed("lock", error)),
    }
}

/// Where changes are kept: root's in /var/lib, a user's with the user's data.
fn kept_below() -> Result<PathBuf, String> {
    if nix::unistd::geteuid().is_root() {
        return Ok("/var/lib/skep-run".into());
    }
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")));
    data.map(|data| data.join("skep-run"))
        .ok_or_else(|| "--keep: neither XDG_DATA_HOME nor HOME is an absolute path".to_owned())
}
