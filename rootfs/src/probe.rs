// SPDX-License-Identifier: MIT OR Apache-2.0
//! Facts: what this kernel has for mounts, and lets this account do.
//!
//! Everything is tried, on mounts that are attached nowhere or in namespaces that are made for it and gone after it. It is
//! as the calling thread finds it: a filter of system calls shows in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::enter::OwnUser;
use crate::floor::Errno;
use crate::floor::sys::{self, open};
use crate::sys::copy::{self, Words};
use crate::sys::statmount::{self, Answer, Scope};
use crate::sys::{mounted, owned};
use crate::table::MountInfo;

/// What this kernel has for mounts, as the calling thread finds it.
///
/// Displays as a list, a fact a line.
///
/// ```
/// let facts = skep_rootfs::Facts::probe();
/// assert!(facts.kernel >= (5, 10));
/// println!("{facts}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[allow(clippy::struct_excessive_bools, reason = "independent facts")]
#[non_exhaustive]
pub struct Facts {
    /// The kernel's version, major and minor number.
    pub kernel: (u16, u16),
    /// openat2(2), Linux 5.6; otherwise places are found by a walk.
    pub openat2: bool,
    /// fsopen(2), fsmount(2), open_tree(2) and move_mount(2), Linux 5.2; otherwise mount(2) does it, but for
    /// [`MountNamespace`](crate::MountNamespace).
    pub mount_calls: bool,
    /// mount_setattr(2), Linux 5.12; otherwise attributes are set a mount at a time.
    pub mount_setattr: bool,
    /// Links can be left unfollowed by mount (`MOUNT_ATTR_NOSYMFOLLOW`, Linux 5.14). `None` where it could not be tried.
    pub nosymfollow: Option<bool>,
    /// listmount(2) and statmount(2), Linux 6.8.
    pub statmount: bool,
    /// statmount(2) tells sources, so that the whole table can be asked for: Linux 6.13.
    pub statmount_sources: bool,
    /// Other mount namespaces can be listed by their number: Linux 6.11.
    pub namespace_numbers: bool,
    /// This account makes user namespaces.
    pub user_namespaces: bool,
    /// An overlay can be mounted in a user namespace (Linux 5.11). `None` where none could be made to try.
    pub overlay_in_user_namespace: Option<bool>,
    /// Kinds of file systems that are mounted here, and whether their mounts can have owners of their own
    /// (`MOUNT_ATTR_IDMAP`, Linux 5.12). Those that could not be tried, for want of the right, are not in it.
    pub idmapped: BTreeMap<String, bool>,
    /// Kinds of file systems that this kernel has loaded: /proc/filesystems.
    pub file_systems: BTreeSet<String>,
}

/// Kinds that a server or a program stands behind, which may be gone: they are not looked at.
const REMOTE: [&str; 7] = ["nfs", "fuse", "cifs", "smb", "9p", "autofs", "ceph"];

const NOSYMFOLLOW: u32 = 0x20_0000;

impl Facts {
    /// Tries. Nothing is left of it; what cannot be tried is taken to be absent, or unknown.
    /// # Privileges
    /// None; `CAP_SYS_ADMIN` for [`idmapped`](Self::idmapped).
    /// # Kernel
    /// See filesystems(5), user_namespaces(7).
    #[must_use]
    pub fn probe() -> Self {
        let text = fs::read_to_string("/proc/filesystems").unwrap_or_default();
        let kinds = text.lines().filter_map(|line| Some(line.split_whitespace().last()?.to_owned()));
        let user = OwnUser::new(0, 0);
        let user_namespace = user_namespace(&user);
        let own = sys::openat2(sys::CWD, c"/", 0);
        let statmount = match statmount::list(Scope::Own) {
            Ok(ids) => ids.first().is_some_and(|id| Answer::new().ask(Scope::Own, *id).is_ok()),
            Err(_) => false,
        };
        let namespace = openat(CWD, "/proc/thread-self/ns/mnt", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let number = namespace.ok().and_then(|namespace| statmount::namespace_id(namespace.as_fd()).ok());
        Self {
            kernel: release(&rustix::system::uname().release().to_string_lossy()).unwrap_or_default(),
            openat2: own.is_ok(),
            mount_calls: has_mount_calls(),
            mount_setattr: knows(mounted::add(rustix::stdio::stdin(), 0, false)),
            nosymfollow: nosymfollow(&user),
            statmount,
            statmount_sources: statmount && MountInfo::by_statmount().is_ok(),
            namespace_numbers: statmount
                && number.is_some_and(|number| statmount::list(Scope::Namespace(number)).is_ok()),
            user_namespaces: user_namespace.is_some(),
            overlay_in_user_namespace: in_own_user(&user, overlay),
            idmapped: user_namespace.map(|user| idmapped(&user)).unwrap_or_default(),
            file_systems: kinds.collect(),
        }
    }
}

/// Whether a call was refused for what it was asked, not because it is absent or filtered.
fn knows<T>(answer: Result<T, Errno>) -> bool {
    !matches!(answer, Err(Errno::NOSYS))
}

/// Whether the four calls are there: asked for what cannot be, with descriptors that are none.
fn has_mount_calls() -> bool {
    // A kind that nobody has; EPERM without the right, from a filter of old too: then open_tree(2) tells.
    let makes = match sys::fsopen(c"") {
        Err(Errno::PERM) => true,
        answer => knows(answer),
    };
    makes && knows(sys::open_tree(-1, false)) && knows(sys::move_mount(-1, -1))
}

/// A tmpfs that is mounted nowhere.
fn tmpfs() -> Result<OwnedFd, Errno> {
    let making = sys::fsopen(c"tmpfs")?;
    sys::fsconfig_create(&making)?;
    sys::fsmount(&making, 0).map(owned)
}

/// Whether links can be left unfollowed: tried on a tmpfs, here or as the master of namespaces that go.
fn nosymfollow(user: &OwnUser) -> Option<bool> {
    let set = || tmpfs().map(|mount| mounted::add(mount.as_fd(), NOSYMFOLLOW, false).is_ok());
    match set() {
        Ok(has) => Some(has),
        Err(Errno::PERM) => in_own_user(user, || set().ok()),
        Err(_) => None,
    }
}

/// Asks in a user namespace of its own; what is asked must not allocate.
fn in_own_user(user: &OwnUser, question: impl Fn() -> Option<bool>) -> Option<bool> {
    let answer = copy::in_a_copy(&mut || match user.enter() {
        Ok(()) => [1, question().map_or(2, u64::from), 0, 0],
        Err(_) => Words::default(),
    });
    match answer {
        Ok([1, has @ (0 | 1), ..]) => Some(has == 1),
        _ => None,
    }
}

/// A user namespace with one user, if this account can make one.
fn user_namespace(user: &OwnUser) -> Option<OwnedFd> {
    let answer = copy::in_a_copy(&mut || {
        let entered = user.enter().ok();
        let opened = entered.and_then(|()| sys::openat(sys::CWD, c"/proc/thread-self/ns/user", 0, 0).ok());
        let number = opened.and_then(|fd| u64::try_from(fd.into_number()).ok());
        [number.map_or(0, |number| number.saturating_add(1)), 0, 0, 0]
    });
    let number = answer.ok()?[0].checked_sub(1)?;
    mounted::adopt(usize::try_from(number).ok()?).ok()
}

/// Whether an overlay can be mounted, on a tmpfs over /tmp: in namespaces that are gone then.
fn overlay() -> Option<bool> {
    sys::mount(Some(c"tmpfs"), c"/tmp", Some(c"tmpfs"), 0, None).ok()?;
    let top = sys::openat(sys::CWD, c"/tmp", open::PATH | open::DIRECTORY, 0).ok()?;
    for name in [c"lower", c"upper", c"work", c"top"] {
        sys::mkdirat(top.number(), name, 0o700).ok()?;
    }
    let options = c"lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work,userxattr";
    Some(sys::mount(Some(c"overlay"), c"/tmp/top", Some(c"overlay"), 0, Some(options)).is_ok())
}

/// Which of the kinds that are mounted here take owners of their own: tried on copies that are attached nowhere.
fn idmapped(user: &OwnedFd) -> BTreeMap<String, bool> {
    let mut found = BTreeMap::new();
    for mount in MountInfo::of_this_thread().unwrap_or_default() {
        if found.get(&mount.kind) == Some(&true) || REMOTE.iter().any(|kind| mount.kind.starts_with(kind)) {
            continue;
        }
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(place) = openat(CWD, &mount.target, flags, Mode::empty()) else { continue };
        if sys::mount_id(place.as_raw_fd()) != Ok(mount.id) {
            continue;
        }
        let copied = sys::open_tree(place.as_raw_fd(), false).map(owned);
        let mapped = copied.and_then(|copy| mounted::map_ids(copy.as_fd(), user.as_fd()));
        match mapped {
            Ok(()) => found.insert(mount.kind, true),
            // EPERM is for a mount that has other owners already, too.
            Err(Errno::INVAL) if !mount.idmapped => found.insert(mount.kind, false),
            Err(_) => None,
        };
    }
    found
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |has: bool| if has { "yes" } else { "no" };
        let facts = [
            ("openat2", Some(self.openat2)),
            ("fsopen, fsmount, open_tree, move_mount", Some(self.mount_calls)),
            ("mount_setattr", Some(self.mount_setattr)),
            ("nosymfollow", self.nosymfollow),
            ("listmount, statmount", Some(self.statmount)),
            ("statmount tells sources", Some(self.statmount_sources)),
            ("listmount of other namespaces", Some(self.namespace_numbers)),
            ("user namespaces, for this account", Some(self.user_namespaces)),
            ("overlay in a user namespace", self.overlay_in_user_namespace),
        ];
        writeln!(f, "{:<44} {}.{}", "Linux", self.kernel.0, self.kernel.1)?;
        for (name, has) in facts {
            writeln!(f, "{name:<44} {}", has.map_or("not tried", word))?;
        }
        for (kind, has) in &self.idmapped {
            writeln!(f, "{:<44} {}", format!("idmapped {kind}"), word(*has))?;
        }
        let kinds: Vec<&str> = self.file_systems.iter().map(String::as_str).collect();
        writeln!(f, "{:<44} {}", "file systems", kinds.join(" "))
    }
}

/// Major and minor number of "6.18.44-fc".
fn release(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split(|letter: char| !letter.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use needs::{isolated, needs};

    use super::*;

    #[test]
    fn the_facts_are_those_that_the_version_promises() {
        isolated(|| {
            let facts = Facts::probe();
            let since = |major, minor| facts.kernel >= (major, minor);
            let denied = |names: &[&str]| names.iter().any(|name| needs::denied(name));
            assert_eq!(facts.openat2, !denied(&["openat2"]), "{facts}");
            assert_eq!(facts.mount_calls, !denied(&["fsopen", "open_tree", "move_mount"]), "{facts}");
            // Distributions take newer calls into older kernels, and filters away from newer ones: one way each.
            assert!(facts.mount_setattr || !since(5, 12) || denied(&["mount_setattr"]), "{facts}");
            assert!(facts.statmount || !since(6, 8) || denied(&["statmount", "listmount"]), "{facts}");
            assert!(facts.statmount_sources || !since(6, 13) || !facts.statmount, "{facts}");
            assert!(facts.namespace_numbers || !since(6, 11) || !facts.statmount, "{facts}");
            assert!(facts.nosymfollow != Some(false) || !since(5, 14) || !facts.mount_setattr, "{facts}");
            assert!(facts.file_systems.contains("tmpfs"));
            assert_eq!(facts.to_string().lines().count(), 11 + facts.idmapped.len());
        });
    }

    #[test]
    fn what_a_user_namespace_may_is_tried_in_one() {
        needs!(userns);
        isolated(|| {
            let facts = Facts::probe();
            assert!(facts.user_namespaces);
            let has = facts.overlay_in_user_namespace;
            assert!(has == Some(true) || !facts.file_systems.contains("overlay"), "{facts}");
        });
    }

    #[test]
    fn idmapped_mounts_are_tried_by_kind() {
        needs!(root, kernel(6, 3), syscall("mount_setattr"), syscall("open_tree"));
        isolated(|| {
            let facts = Facts::probe();
            assert_eq!(
                (facts.idmapped.get("proc"), facts.idmapped.get("sysfs")),
                (Some(&false), Some(&false)),
                "{facts}"
            );
            rustix::mount::mount("new", "/mnt", "tmpfs", rustix::mount::MountFlags::empty(), None).unwrap();
            assert_eq!(Facts::probe().idmapped.get("tmpfs"), Some(&true), "tmpfs can, since Linux 6.3");
            rustix::mount::unmount("/mnt", rustix::mount::UnmountFlags::empty()).unwrap();
        });
    }

    #[test]
    fn calls_that_a_filter_refuses_are_absent() {
        isolated(|| {
            needs::deny(&"openat2,open_tree,statmount,mount_setattr".parse().unwrap()).unwrap();
            let facts = Facts::probe();
            assert!(!facts.openat2 && !facts.mount_calls && !facts.statmount && !facts.mount_setattr, "{facts}");
            assert!(!facts.statmount_sources && facts.idmapped.is_empty(), "{facts}");
        });
    }

    #[cfg(feature = "serde")]
    #[test]
    fn facts_are_stored_and_read_again() {
        isolated(|| {
            let facts = Facts::probe();
            let text = serde_json::to_string(&facts).unwrap();
            assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
        });
    }
}
