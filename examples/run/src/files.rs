// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files: what the command sees, and where what it changes goes.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use skep::rootfs::{Attributes, Bind, Changes, Mount, MountInfo, Mounts, RootSpec, Tmpfs, View};

use crate::arguments::{Arguments, Network, Share};
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
    /// Whether it was made to look at the plan alone, and goes again.
    is_passing: bool,
    _lock: File,
}

impl Drop for Kept {
    /// Lets its owner read, and so remove, all of it: the kernel leaves work directories that nobody may open.
    fn drop(&mut self) {
        if self.is_passing {
            let _not_empty = fs::remove_dir(&self.path);
            return;
        }
        let parts = fs::read_dir(&self.path).into_iter().flatten().flatten().map(|entry| entry.path());
        for part in parts.chain([self.path.clone()]) {
            let way = [part.clone(), part.join("work"), part.join("work/work")];
            // What was kept may be whatever the command could make there: no link is followed.
            if way.iter().all(|path| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())) {
                let _gone = fs::set_permissions(part.join("work/work"), Permissions::from_mode(0o700));
            }
        }
    }
}

/// What the arguments ask for. Makes the directory that changes are kept in, for a while if the plan alone is wanted.
///
/// # Errors
/// A sentence.
pub(crate) fn describe(arguments: &Arguments, user_namespace: bool) -> Result<Files, String> {
    let shares = by_depth(&arguments.shares)?;
    let kept = arguments.keep.as_deref().map(|name| keep(name, !arguments.explain)).transpose()?;
    let changes = kept.as_ref().map_or_else(Changes::in_memory, |kept| Changes::Kept(kept.path.clone()));
    let mut files = match &arguments.root {
        Some(root) => other_root(root, &changes)?,
        None => this_machine(user_namespace, &changes, &shares)?,
    };
    files.kept = kept;
    add_standard(&mut files.mounts);
    if arguments.root.is_none() && arguments.network == Network::Host {
        show_resolver(&mut files.mounts);
    }
    if let Some(kept) = files.kept.as_ref().and_then(|kept| kept.path.parent()) {
        files.mounts.masked.push(kept.to_owned());
    }
    if !shares.is_empty() {
        let machine = of_the_machine()?;
        shares.iter().try_for_each(|share| show(share, &machine, &mut files.mounts))?;
    }
    if let Some(workdir) = &arguments.workdir {
        files.workdir = files.workdir.join(workdir);
    }
    Ok(files)
}

fn this_machine(user_namespace: bool, changes: &Changes, shares: &[&Share]) -> Result<Files, String> {
    let mut view = View::of_this_machine(user_namespace, changes.clone()).map_err(|error| sentence(&error))?;
    let (workdir, is_known) = match std::env::current_dir() {
        Ok(here) => (here, true),
        Err(_) => (PathBuf::from("/"), false),
    };
    // What is shown there is where one begins, as it is.
    let is_shared = shares.iter().any(|share| workdir.starts_with(&share.target));
    if !is_shared {
        view = view.showing(&workdir, changes);
    }
    let is_seen = is_known && (is_shared || view.shows(&workdir));
    if !is_seen {
        view.notes.push("the command begins in /: where we are is not seen inside".to_owned());
    }
    let workdir = if is_seen { workdir } else { "/".into() };
    Ok(Files { root: view.root, mounts: view.mounts, workdir, notes: view.notes, kept: None })
}

fn other_root(root: &Path, changes: &Changes) -> Result<Files, String> {
    let mounts = Mounts::new()
        .add(Tmpfs::new("/tmp").mode(0o1777).nosuid().nodev().create_target())
        .add(Tmpfs::new("/run").mode(0o755).nosuid().nodev().create_target());
    // What is kept of one tree is nothing to another. One that is not there is told of with all else.
    let named = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let changes = changes.share(&named).ok_or_else(|| format!("--keep: {} is too long a path", named.display()))?;
    let root = RootSpec::new(root).changes(changes).nodev();
    Ok(Files { root, mounts, workdir: "/".into(), notes: Vec::new(), kept: None })
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

/// What is shown, what is higher up first: it would hide what is below it.
fn by_depth(shares: &[Share]) -> Result<Vec<&Share>, String> {
    let mut sorted: Vec<&Share> = shares.iter().collect();
    sorted.sort_by_key(|share| share.target.components().count());
    let mut seen = BTreeSet::new();
    match sorted.iter().find(|share| !seen.insert(&share.target)) {
        Some(twice) => {
            Err(format!("{} would show two things: it is the target of --rw or --ro twice", twice.target.display()))
        }
        None => Ok(sorted),
    }
}

/// Where processes, devices and knobs of this machine are shown, what is higher up first.
fn of_the_machine() -> Result<BTreeSet<PathBuf>, String> {
    let mounts = MountInfo::of_this_thread().map_err(|error| sentence(&error))?;
    let found = mounts.into_iter().filter(MountInfo::shows_the_machine).map(|mount| mount.target);
    Ok(found.collect())
}

/// Shows what is shared, in place of what would be there, and nothing of the machine that is mounted below it.
fn show(share: &Share, machine: &BTreeSet<PathBuf>, mounts: &mut Mounts) -> Result<(), String> {
    let Share { source, target, writable } = share;
    if target == Path::new("/") {
        return Err(format!("{} cannot be shown as /, the root itself: see --root", source.display()));
    }
    if let Some(own) = machine.iter().find(|own| source.starts_with(own)) {
        let what = if own == source { "it".to_owned() } else { own.display().to_string() };
        return Err(format!("{}: what the kernel shows in {what} is not shared", source.display()));
    }
    let bind = Bind::new(source, target).create_target().nosuid().nodev();
    mounts.mounts.retain(|mount| !mount.target().starts_with(target));
    mounts.mounts.push(if *writable { bind } else { bind.read_only() }.into());
    for below in machine.iter().filter_map(|own| own.strip_prefix(source).ok()) {
        let covered = target.join(below);
        if !mounts.masked.contains(&covered) {
            mounts.masked.push(covered);
        }
    }
    Ok(())
}

/// Where /etc/resolv.conf is a link to what the resolver of this machine keeps below /run, that file too.
fn show_resolver(mounts: &mut Mounts) {
    let Ok(link) = fs::read_link("/etc/resolv.conf") else { return };
    let file = link.strip_prefix("../run").map_or(link.clone(), |below| Path::new("/run").join(below));
    if file.starts_with("/run") {
        mounts.mounts.push(Bind::new(&file, &file).read_only().optional().create_target().into());
    }
}

/// The directory for changes under this name, made and locked; for a while only, unless it is to be used.
fn keep(name: &str, make: bool) -> Result<Kept, String> {
    let path = kept_below()?.join(name);
    let failed = |what: &str, why: &dyn fmt::Display| format!("--keep {name}: cannot {what} {}: {why}", path.display());
    let is_passing = !make && !path.exists();
    DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(|error| failed("make", &error))?;
    // Whoever owns one of them decides what the next run sees, and where what it makes goes.
    let owner = nix::unistd::geteuid().as_raw();
    for own in [path.as_path(), path.parent().unwrap_or(&path)] {
        let found = fs::symlink_metadata(own).map_err(|error| failed("look at", &error))?;
        if !found.is_dir() || found.uid() != owner || found.mode() & 0o022 != 0 {
            return Err(failed("use", &format!("{} is a link, or somebody else can write it", own.display())));
        }
    }
    // The directory itself, not a file in it: what is in it may come from the command.
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
    let lock = OpenOptions::new().read(true).custom_flags(flags.bits()).open(&path);
    let lock = lock.map_err(|error| failed("lock", &error))?;
    match lock.try_lock() {
        Ok(()) => Ok(Kept { path, is_passing, _lock: lock }),
        Err(fs::TryLockError::WouldBlock) => Err(format!("--keep {name}: another run has it now")),
        Err(fs::TryLockError::Error(error)) => Err(failed("lock", &error)),
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
