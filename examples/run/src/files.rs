// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files: what the command sees, and where what it changes goes.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use skep::rootfs::{Attributes, Bind, Changes, Mount, MountInfo, Mounts, Overlay, RootSpec, Tmpfs, View};

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
    let kept = arguments.keep.as_deref().map(|name| keep(name, !arguments.explain)).transpose()?;
    let changes = kept.as_ref().map_or(Changes::InMemory { size: None }, |kept| Changes::Kept(kept.path.clone()));
    let mut files = match &arguments.root {
        Some(root) => other_root(root, changes.clone()),
        None => this_machine(user_namespace, changes.clone())?,
    };
    files.kept = kept;
    add_standard(&mut files.mounts);
    if arguments.root.is_none() {
        // What is shown there is where one begins, as it is.
        if !arguments.shares.iter().any(|share| files.workdir.starts_with(&share.target)) {
            begin_where_we_are(&mut files, changes);
        }
        if arguments.network == Network::Host {
            show_resolver(&mut files.mounts);
        }
    }
    if let Some(kept) = files.kept.as_ref().and_then(|kept| kept.path.parent()) {
        files.mounts = files.mounts.mask([kept]);
    }
    for share in by_depth(&arguments.shares)? {
        let mut bind = Bind::new(&share.source, &share.target).create_target().nosuid().nodev();
        if !share.writable {
            bind = bind.read_only();
        }
        if let Some(own) = kernel_s_own().into_iter().find(|own| share.source.starts_with(own)) {
            return Err(format!(
                "{} is below {}: what the kernel shows there is not shared",
                share.source.display(),
                own.display()
            ));
        }
        let masked: BTreeSet<PathBuf> = files.mounts.masked.iter().cloned().collect();
        for own in kernel_s_own() {
            // What is mounted below comes along; processes of this machine, and what they hold open, must not.
            if let Ok(below) = own.strip_prefix(&share.source)
                && !masked.contains(&share.target.join(below))
            {
                files.mounts = std::mem::take(&mut files.mounts).mask([share.target.join(below)]);
            }
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
    let View { root, mounts, mut notes, .. } =
        View::of_this_machine(user_namespace, changes).map_err(|error| sentence(&error))?;
    let workdir = std::env::current_dir().unwrap_or_else(|error| {
        notes.push(format!("the directory we are in cannot be told ({error}): the command begins in /"));
        "/".into()
    });
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

/// Where the kernel shows this machine's processes and devices.
fn kernel_s_own() -> BTreeSet<PathBuf> {
    let mounts = MountInfo::of_this_thread().unwrap_or_default();
    let is_it = |mount: &MountInfo| {
        matches!(mount.kind.as_str(), "proc" | "sysfs" | "devpts" | "devtmpfs" | "debugfs" | "tracefs")
    };
    mounts.into_iter().filter(is_it).map(|mount| mount.target).chain(["/proc".into(), "/sys".into()]).collect()
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
    if !matches!(above, Mount::Tmpfs(_)) || above.target().starts_with("/dev") {
        files.notes.push(format!("{} is not seen inside: the command begins in /", here.display()));
        files.workdir = "/".into();
        return;
    }
    let changes = match changes {
        Changes::Kept(directory) => Changes::Kept(directory.join(format!("here{}", escaped(&here)))),
        other => other,
    };
    files.mounts = std::mem::take(&mut files.mounts)
        .add(Overlay::new(&here).lower(&here).changes(changes).nosuid().nodev().create_target());
}

/// A path as the name of one directory that no other path has.
fn escaped(path: &Path) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let bytes = path.as_os_str().as_bytes();
    bytes.iter().map(|byte| if plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Where /etc/resolv.conf is a link to what the resolver of this machine keeps below /run, that file too.
fn show_resolver(mounts: &mut Mounts) {
    let Ok(link) = fs::read_link("/etc/resolv.conf") else { return };
    let file = link.strip_prefix("../run").map_or(link.clone(), |below| Path::new("/run").join(below));
    if file.starts_with("/run") {
        *mounts = std::mem::take(mounts).add(Bind::new(&file, &file).read_only().optional().create_target());
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
