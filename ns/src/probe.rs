// SPDX-License-Identifier: MIT OR Apache-2.0
//! Facts: what this kernel has of namespaces, and what its settings allow.
//!
//! Everything is read, or asked by a call that changes nothing. It is as the calling thread finds it: a filter of system
//! calls, or a user namespace with limits of its own, shows in it.
//!
//! Man: namespaces(7), "The /proc/sys/user directory"; user_namespaces(7).

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::fd::AsFd;

use crate::handle::{Namespace, kind_exists};
use crate::kind::{NamespaceFlags, NamespaceKind};
use crate::pidfd::PidFd;
use crate::sys::{self, nsfs};

/// What this kernel and its settings allow, as the calling thread finds it. See namespaces(7), user_namespaces(7).
///
/// Displays as a list, a fact a line.
///
/// ```
/// let facts = skep_ns::Facts::probe();
/// assert!(facts.kernel >= (5, 10));
/// assert!(facts.kinds.contains(skep_ns::NamespaceFlags::MOUNT));
/// println!("{facts}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Facts {
    /// The kernel's version, major and minor number.
    pub kernel: (u16, u16),
    /// The kinds of namespace that it has; none where no /proc is mounted.
    pub kinds: NamespaceFlags,
    /// How many namespaces of each kind a user may have in the caller's user namespace (`user.max_*_namespaces`). The limits
    /// of the user namespaces above hold as well.
    #[doc(alias = "max_user_namespaces")]
    pub limits: BTreeMap<NamespaceKind, u64>,
    /// Debian's `kernel.unprivileged_userns_clone`: whether ordinary users make user namespaces at all. `None` where the
    /// kernel has no such setting, which allows it.
    pub unprivileged_userns_clone: Option<bool>,
    /// `kernel.apparmor_restrict_unprivileged_userns`: whether AppArmor takes an ordinary user's capabilities in a new user
    /// namespace away, unless a profile allows it. `None` where there is no such setting.
    pub apparmor_restrict_unprivileged_userns: Option<bool>,
    /// clone3(2), and no filter refuses it. Without it time namespaces and cgroups are joined by other ways.
    pub clone3: bool,
    /// A clone begins in a cgroup of version 2 (`CLONE_INTO_CGROUP`, Linux 5.7).
    pub clone_into_cgroup: bool,
    /// pidfd_open(2).
    pub pidfd_open: bool,
    /// Several namespaces of a process are joined by its pidfd at once (setns(2), Linux 5.8).
    pub setns_by_pidfd: bool,
    /// A pidfd answers for its process' namespaces (`PIDFD_GET_*_NAMESPACE`, Linux 6.11); otherwise /proc does.
    pub pidfd_namespaces: bool,
    /// A pidfd tells of its process (`PIDFD_GET_INFO`, Linux 6.13).
    pub pidfd_info: bool,
    /// Numbers of processes are translated between pid namespaces (`NS_GET_PID_FROM_PIDNS`, Linux 6.11); otherwise /proc is
    /// searched.
    pub pid_translation: bool,
    /// Mount namespaces have a number for listmount(2) (`NS_GET_MNTNS_ID`, Linux 6.11).
    pub mount_namespace_id: bool,
}

impl Facts {
    /// Looks at this machine. Changes nothing; what cannot be asked is taken to be absent.
    /// # Kernel
    /// Reads /proc, and asks by calls that are refused for what they ask. See proc_sys(5).
    #[must_use]
    pub fn probe() -> Self {
        let kernel = release(&rustix::system::uname().release().to_string_lossy()).unwrap_or_default();
        let clone3 = sys::probe::has_clone3();
        let pidfd = PidFd::open(std::process::id()).ok();
        let asked = |question: fn(std::os::fd::BorrowedFd<'_>) -> bool| {
            pidfd.as_ref().is_some_and(|pidfd| question(pidfd.as_fd()))
        };
        let own = |kind| Namespace::of_this_thread(kind).ok();
        let id = rustix::process::getpid().as_raw_pid().cast_unsigned();
        let translates = |pids: Namespace| nsfs::translate(pids.as_fd(), nsfs::Translation::FromCaller, id).is_ok();
        let obstacles = Obstacles::read();
        let limit = |kind: NamespaceKind| {
            let value = setting(&format!("user/max_{}_namespaces", kind.proc_name()))?;
            Some((kind, value))
        };
        Self {
            kernel,
            kinds: NamespaceKind::ALL.into_iter().filter(|kind| kind_exists(*kind)).collect(),
            limits: NamespaceKind::ALL.into_iter().filter_map(limit).collect(),
            unprivileged_userns_clone: obstacles.unprivileged_userns_clone,
            apparmor_restrict_unprivileged_userns: obstacles.apparmor_restrict_unprivileged_userns,
            clone3,
            clone_into_cgroup: clone3 && kernel >= (5, 7),
            pidfd_open: pidfd.is_some(),
            setns_by_pidfd: kernel >= (5, 8) && asked(sys::probe::has_setns),
            pidfd_namespaces: asked(|pidfd| nsfs::of_pidfd(pidfd, nsfs::PIDFD_GET_UTS_NAMESPACE).is_ok()),
            pidfd_info: asked(|pidfd| sys::pidfd_info(pidfd, 0).is_ok()),
            pid_translation: own(NamespaceKind::Pid).is_some_and(translates),
            mount_namespace_id: own(NamespaceKind::Mount)
                .is_some_and(|mounts| nsfs::mount_namespace_id(mounts.as_fd()).is_ok()),
        }
    }

    /// Why an ordinary user cannot make a user namespace here, or is nobody in it: a sentence for each setting that is in
    /// the way, with what to do. Empty where none is.
    #[must_use]
    pub fn user_namespace_obstacles(&self) -> Vec<String> {
        let mut obstacles = Vec::new();
        if !self.kinds.contains(NamespaceFlags::USER) {
            obstacles.push("this kernel has no user namespaces (CONFIG_USER_NS)".to_owned());
        }
        let settings = Obstacles {
            limit: self.limits.get(&NamespaceKind::User).copied(),
            unprivileged_userns_clone: self.unprivileged_userns_clone,
            apparmor_restrict_unprivileged_userns: self.apparmor_restrict_unprivileged_userns,
        };
        obstacles.extend(settings.in_words());
        obstacles
    }
}

/// The settings that can be in the way of user namespaces: also what a refusal looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Obstacles {
    limit: Option<u64>,
    unprivileged_userns_clone: Option<bool>,
    apparmor_restrict_unprivileged_userns: Option<bool>,
}

impl Obstacles {
    /// As they are here and now.
    pub(crate) fn read() -> Self {
        let is_on = |path: &str| setting(path).map(|value| value != 0);
        Self {
            limit: setting("user/max_user_namespaces"),
            unprivileged_userns_clone: is_on("kernel/unprivileged_userns_clone"),
            apparmor_restrict_unprivileged_userns: is_on("kernel/apparmor_restrict_unprivileged_userns"),
        }
    }

    /// A sentence for each that is in the way, with what to do.
    pub(crate) fn in_words(self) -> Vec<String> {
        let clone = "this machine refuses user namespaces to ordinary accounts: sysctl kernel.unprivileged_userns_clone=1 \
                     allows them";
        let limit = "this machine allows no user namespaces: sysctl user.max_user_namespaces=15000 allows them";
        let apparmor = "AppArmor gives user namespaces of ordinary accounts no capabilities here: load a profile with \
                        \"userns,\" for the program, or sysctl kernel.apparmor_restrict_unprivileged_userns=0";
        let all = [
            (self.unprivileged_userns_clone == Some(false), clone),
            (self.limit == Some(0), limit),
            (self.apparmor_restrict_unprivileged_userns == Some(true), apparmor),
        ];
        all.into_iter().filter(|(stands, _)| *stands).map(|(_, said)| said.to_owned()).collect()
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<44} {}.{}", "Linux", self.kernel.0, self.kernel.1)?;
        for kind in NamespaceKind::ALL {
            let has = if self.kinds.contains(kind.into()) { "yes" } else { "no" };
            write!(f, "{:<44} {has}", format!("{kind} namespaces"))?;
            match self.limits.get(&kind) {
                Some(limit) => writeln!(f, ", at most {limit} (user.max_{}_namespaces)", kind.proc_name())?,
                None => writeln!(f)?,
            }
        }
        let settings = [
            ("kernel.unprivileged_userns_clone", self.unprivileged_userns_clone),
            ("kernel.apparmor_restrict_unprivileged_userns", self.apparmor_restrict_unprivileged_userns),
        ];
        for (name, value) in settings {
            writeln!(f, "{name:<44} {}", value.map_or("absent", |value| if value { "1" } else { "0" }))?;
        }
        let calls = [
            ("clone3", self.clone3),
            ("CLONE_INTO_CGROUP", self.clone_into_cgroup),
            ("pidfd_open", self.pidfd_open),
            ("setns by pidfd", self.setns_by_pidfd),
            ("PIDFD_GET_*_NAMESPACE", self.pidfd_namespaces),
            ("PIDFD_GET_INFO", self.pidfd_info),
            ("NS_GET_PID_FROM_PIDNS", self.pid_translation),
            ("NS_GET_MNTNS_ID", self.mount_namespace_id),
        ];
        for (name, has) in calls {
            writeln!(f, "{name:<44} {}", if has { "yes" } else { "no" })?;
        }
        Ok(())
    }
}

/// A number below /proc/sys; `None` if there is none.
fn setting(path: &str) -> Option<u64> {
    fs::read_to_string(format!("/proc/sys/{path}")).ok()?.trim().parse().ok()
}

/// Major and minor number of "6.18.44-fc".
fn release(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split(|letter: char| !letter.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use needs::needs;

    use super::*;

    #[test]
    fn a_release_begins_with_two_numbers() {
        assert_eq!(release("6.18.4-of-mine"), Some((6, 18)));
        assert_eq!(release("6.1-rc1"), Some((6, 1)));
        assert_eq!(release("six"), None);
    }

    #[test]
    fn the_facts_are_those_that_the_version_promises() {
        needs!(syscall("pidfd_open"), syscall("setns"));
        let facts = Facts::probe();
        let since = |major, minor| facts.kernel >= (major, minor);
        assert_eq!(facts.kinds, NamespaceFlags::all(), "every supported kernel has all eight");
        assert_eq!(facts.limits.len(), 8);
        // Distributions take newer calls into older kernels, and filters away from newer ones: one way each.
        assert!(facts.pidfd_namespaces || !since(6, 11), "{facts}");
        assert!(facts.pidfd_info || !since(6, 13), "{facts}");
        assert!(facts.pid_translation || !since(6, 11), "{facts}");
        assert!(facts.mount_namespace_id || !since(6, 11), "{facts}");
        assert!(facts.setns_by_pidfd && facts.pidfd_open);
        assert_eq!(facts.clone3, !needs::denied("clone3"));
        assert_eq!(facts.to_string().lines().count(), 19);
    }

    #[test]
    fn every_setting_in_the_way_is_named_with_what_to_do() {
        let free = Facts { kinds: NamespaceFlags::all(), ..Facts::default() };
        assert!(free.user_namespace_obstacles().is_empty());
        let none = Facts {
            limits: BTreeMap::from([(NamespaceKind::User, 0)]),
            unprivileged_userns_clone: Some(false),
            apparmor_restrict_unprivileged_userns: Some(true),
            ..Facts::default()
        };
        let said = none.user_namespace_obstacles();
        let words = ["CONFIG_USER_NS", "userns_clone=1", "max_user_namespaces=", "profile"];
        assert_eq!(said.len(), words.len());
        assert!(said.iter().zip(words).all(|(said, word)| said.contains(word)), "{said:?}");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn facts_are_stored_and_read_again() {
        let facts = Facts::probe();
        let text = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
    }
}
