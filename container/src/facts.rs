// SPDX-License-Identifier: MIT OR Apache-2.0
//! What this machine has for containers, and what an account can have of it.

use std::fmt;

use serde::{Deserialize, Serialize};
use skep_caps_sec::{Cap, Capabilities, SeccompFeatures};
use skep_cgroup::Layout;
use skep_ns::{IdMap, NamespaceFlags, NamespaceKind};

/// The oldest kernel that all of this is tried on.
const OLDEST: (u16, u16) = (5, 10);

/// What this machine, and the account that asks, has for containers: the facts of every crate below, to print, to store, and
/// to ask [what is lacking](Self::lacks).
///
/// ```
/// let facts = skep::Facts::probe();
/// print!("{facts}");
/// for lack in facts.lacks() {
///     eprintln!("not here: {lack}");
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Facts {
    /// The effective user and group of the caller.
    pub account: (u32, u32),
    /// Whether the caller makes namespaces without a user namespace (`CAP_SYS_ADMIN`).
    pub makes_namespaces: bool,
    /// The users and groups that the account may give to others: of `/etc/subuid` and `/etc/subgid`, with its own as root.
    pub subordinate_ids: Option<IdMap>,
    /// Namespaces.
    pub namespaces: skep_ns::Facts,
    /// Where control groups are, and which of them are the caller's.
    pub cgroups: Option<Layout>,
    /// Mounts and file systems.
    pub file_systems: skep_rootfs::Facts,
    /// Capabilities and security modules.
    pub rights: skep_caps_sec::Facts,
    /// What seccomp knows.
    pub seccomp: SeccompFeatures,
}

impl Facts {
    /// Looks at this machine, and tries what cannot be seen. Nothing is left of it; what cannot be asked is taken to be
    /// absent.
    /// # Privileges
    /// None. Some things are known to root alone, and are not in it otherwise.
    #[must_use]
    pub fn probe() -> Self {
        let account = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let makes_namespaces = Capabilities::current().is_ok_and(|sets| sets.effective.contains(Cap::SYS_ADMIN));
        Self {
            account,
            makes_namespaces,
            subordinate_ids: IdMap::from_subid(&account.0.to_string()).ok(),
            namespaces: skep_ns::Facts::probe(),
            cgroups: Layout::detect().ok(),
            file_systems: skep_rootfs::Facts::probe(),
            rights: skep_caps_sec::Facts::probe(),
            seccomp: SeccompFeatures::probe(),
        }
    }

    /// What containers of this account cannot have here, why, and what to do about it: a sentence each, what matters most
    /// first. None where all is to be had.
    #[must_use]
    pub fn lacks(&self) -> Vec<String> {
        let mut found = Vec::new();
        let (major, minor) = self.namespaces.kernel;
        if self.namespaces.kernel < OLDEST {
            found.push(format!("a kernel that skep is for: this is Linux {major}.{minor}, and the oldest is 5.10"));
        }
        if !self.makes_namespaces && !self.file_systems.user_namespaces {
            let obstacles = self.namespaces.user_namespace_obstacles();
            let why = if obstacles.is_empty() {
                "the kernel or a filter refuses them".to_owned()
            } else {
                obstacles.join("; ")
            };
            found.push(format!("containers: this account makes no user namespaces: {why}"));
        }
        for kind in NamespaceKind::ALL {
            if !self.namespaces.kinds.contains(NamespaceFlags::from(kind)) {
                found.push(format!("{kind} namespaces: this kernel has none"));
            }
        }
        found.extend(self.lack_of_limits());
        if !self.makes_namespaces && self.subordinate_ids.is_none() {
            found.push(
                "containers with more than one user: the account has no range in /etc/subuid and /etc/subgid: \
                 `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 NAME` gives it one"
                    .to_owned(),
            );
        }
        if !self.makes_namespaces && self.file_systems.overlay_in_user_namespace == Some(false) {
            found.push("roots that are copied on write: overlays in user namespaces take Linux 5.11".to_owned());
        }
        if !self.seccomp.listener {
            found.push("supervised system calls: this kernel's seccomp has no listeners (Linux 5.0)".to_owned());
        }
        if self.rights.landlock.is_none() {
            found.push(
                "Landlock: it is not on: built in since Linux 5.13, and turned on by `lsm=landlock,…` at boot"
                    .to_owned(),
            );
        }
        found
    }

    fn lack_of_limits(&self) -> Option<String> {
        let Some(layout) = &self.cgroups else {
            return Some("limits: what cgroups are mounted here cannot be read".to_owned());
        };
        let error = layout.delegated_group().err()?;
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        Some(format!("limits: {error}{cause}{hint}"))
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (uid, gid) = self.account;
        let how =
            if self.makes_namespaces { "makes namespaces of every kind" } else { "makes them in a user namespace" };
        writeln!(f, "account: user {uid}, group {gid}, {how}")?;
        match &self.subordinate_ids {
            Some(map) => writeln!(f, "its users and groups: {}", map.to_string().trim().replace('\n', ", "))?,
            None if self.makes_namespaces => writeln!(f, "its users and groups: as many as it gives a container")?,
            None => writeln!(f, "its users and groups: no others than its own")?,
        }
        let cgroups = self.cgroups.as_ref().map_or_else(|| "not to be seen".to_owned(), ToString::to_string);
        for (title, text) in [
            ("namespaces", self.namespaces.to_string()),
            ("cgroups", cgroups),
            ("file systems", self.file_systems.to_string()),
            ("rights", self.rights.to_string()),
            ("seccomp", self.seccomp.to_string()),
        ] {
            writeln!(f, "\n{title}")?;
            for line in text.lines() {
                writeln!(f, "  {line}")?;
            }
        }
        let lacks = self.lacks();
        writeln!(f, "\nnot to be had here: {}", if lacks.is_empty() { "nothing" } else { "" })?;
        lacks.iter().try_for_each(|lack| writeln!(f, "  {lack}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_stored_and_read_back() {
        let facts = Facts::probe();
        let text = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
        let said = facts.to_string();
        for title in ["account: user ", "\nnamespaces\n", "\ncgroups\n", "\nseccomp\n", "\nnot to be had here: "] {
            assert!(said.contains(title), "{title:?} is not in\n{said}");
        }
    }

    #[test]
    fn what_an_account_cannot_have_is_said_with_what_to_do() {
        let mut facts = Facts::probe();
        facts.makes_namespaces = false;
        facts.subordinate_ids = None;
        facts.file_systems.user_namespaces = false;
        facts.file_systems.overlay_in_user_namespace = Some(false);
        facts.namespaces.kernel = (5, 4);
        facts.namespaces.kinds.remove(NamespaceFlags::TIME);
        facts.namespaces.unprivileged_userns_clone = Some(false);
        facts.seccomp.listener = false;
        facts.rights.landlock = None;
        facts.cgroups = None;
        let lacks = facts.lacks();
        for (at, words) in [
            "a kernel that skep is for: this is Linux 5.4",
            "containers: this account makes no user namespaces: ",
            "time namespaces: ",
            "limits: ",
            "containers with more than one user: ",
            "roots that are copied on write: ",
            "supervised system calls: ",
            "Landlock: ",
        ]
        .into_iter()
        .enumerate()
        {
            assert!(lacks[at].starts_with(words), "{lacks:#?}");
        }
        assert!(lacks[1].contains("unprivileged_userns_clone"), "{lacks:#?}");
        facts.cgroups = Some(Layout::default());
        assert!(facts.lacks()[3].contains("no cgroup hierarchy is mounted here"), "{:?}", facts.lacks());
        // To root most of it is nothing.
        facts.makes_namespaces = true;
        assert!(!facts.lacks().iter().any(|lack| lack.starts_with("containers")), "{:?}", facts.lacks());
    }
}
