// SPDX-License-Identifier: MIT OR Apache-2.0
//! The neutral description of a container: what is wanted, in our words.
//!
//! A [`Spec`] is a value without descriptors: it can be compared, stored and made into a [`Plan`](crate::Plan) again. The
//! builder makes it; nothing is checked before [`Spec::problems`], which names everything that is wrong at once.

mod capabilities;
mod hooks;
mod joined;
mod network;
mod scope;
mod terminal;
pub(crate) mod text;
mod user;
mod validate;
mod version;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use skep_caps_sec::Privileges;
use skep_cgroup::Limits;
use skep_ns::{IdMap, NamespaceKind, Namespaces, Sysctls, TimeOffsets};
use skep_rootfs::{Mounts, RootSpec, Setting};

pub use capabilities::CapabilityNames;
pub use hooks::{Hook, Hooks, Moment};
pub use joined::{JoinedNamespaces, NamespaceOf};
pub use network::{Network, NetworkKind};
pub use scope::Scope;
pub use terminal::{Stream, TerminalSpec};
pub use user::{IdOrName, UserSpec};
pub(crate) use validate::GROUPS_MAX;
use version::Version;

/// What a container is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Spec {
    pub(crate) version: Version,
    /// What its maker wants to remember of it, which means nothing here.
    pub annotations: BTreeMap<String, String>,
    /// What its maker keeps with it for itself, by name: no hook is told of it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub memo: BTreeMap<String, String>,
    /// What it sees as `/`; the machine's own root by default.
    pub root: Option<RootSpec>,
    /// What is mounted; needs a mount namespace.
    pub mounts: Mounts,
    /// The namespaces to make, and who is who in the user namespace.
    pub namespaces: Namespaces,
    /// The namespaces of others that it is in.
    pub joined: JoinedNamespaces,
    /// The host name; needs a uts namespace.
    pub hostname: Option<String>,
    /// The NIS domain name, which is not that of DNS; needs a uts namespace.
    pub domainname: Option<String>,
    /// How far its clocks are from the machine's; needs a time namespace.
    pub time_offsets: Option<TimeOffsets>,
    /// The links that lead out of it, beside its loopback; they need a net namespace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
    /// The switches of its namespaces: each needs a namespace of its kind.
    pub sysctls: Sysctls,
    /// What it may use at most.
    pub resources: Resources,
    /// The program.
    pub process: Process,
    /// Whether the launcher stays as process 1, reaps what nobody else does and hands signals on to the program; needs a
    /// pid namespace. Else the program itself is process 1.
    pub init: bool,
    /// Whether the container dies with the thread that made it.
    pub die_with_caller: bool,
    /// The signal, 1 to 64, that asks its first process to end: see [`Container::stop`](crate::Container::stop). By default
    /// `SIGTERM`, or systemd's own.
    pub stop_signal: Option<i32>,
    /// Programs of this machine that are run at moments of its life.
    #[serde(skip_serializing_if = "Hooks::is_empty")]
    pub hooks: Hooks,
    /// The directory that its description comes from, an absolute path, which hooks are told as the bundle; by default that
    /// of its state, if it has a name.
    #[serde(with = "text::optional_path", skip_serializing_if = "Option::is_none")]
    pub bundle: Option<PathBuf>,
}

/// The group of terminals, which devpts is asked to give them.
const TTY: u32 = 5;

impl Spec {
    /// Who is who in its user namespace, whether that is made for it or joined.
    pub(crate) fn id_map(&self) -> Option<&IdMap> {
        self.namespaces.id_map().or(self.joined.id_map.as_ref())
    }

    /// Whether it has a namespace of this kind that is not simply the caller's: one of its own, or of others.
    pub(crate) fn is_in(&self, kind: NamespaceKind) -> bool {
        self.namespaces.contains(kind) || self.joined.contains(kind)
    }

    /// In what namespaces its mounts are made.
    pub(crate) fn setting(&self) -> Setting {
        let id_map = self.id_map();
        // Those that are joined together with a user namespace are taken to be its own.
        let joins_user = self.joined.contains(NamespaceKind::User);
        let own = |kind| self.namespaces.contains(kind) || (joins_user && self.joined.contains(kind));
        Setting {
            user_namespace: id_map.is_some(),
            own_net: own(NamespaceKind::Net),
            own_pid: own(NamespaceKind::Pid),
            own_ipc: own(NamespaceKind::Ipc),
            // It is made after the mounts: version 1 takes a namespace's tops from its maker's groups at that moment.
            own_cgroup: false,
            groups_mapped: id_map.is_none_or(|map| map.outside_gid(TTY).is_some()),
            owner: None,
        }
    }
}

/// What a container may use at most, and the cgroup that sees to it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Resources {
    /// The cgroup, from the root of the hierarchy that the caller sees; by default one of its own below the root, if there are
    /// limits.
    #[serde(with = "text::optional_path")]
    pub cgroup: Option<PathBuf>,
    /// The limits.
    pub limits: Limits,
    /// Whether a limit that cannot be applied here is left out, and said, rather than an error.
    pub where_possible: bool,
    /// The scope of systemd's that is the cgroup, where it is not to be made without systemd. Its name stands in place of
    /// [`cgroup`](Self::cgroup).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Whether the cgroup has every controller that can be had here: then any limit can be applied while it runs, and all that
    /// it uses is counted. By default it has those of its limits alone, and is sooner joined.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub every_controller: bool,
}

impl Resources {
    /// Whether there must be a cgroup.
    pub(crate) fn wants_cgroup(&self) -> bool {
        self.cgroup.is_some() || self.scope.is_some() || !self.limits.is_empty()
    }
}

/// The program of a container.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Process {
    /// A path, or a name without a slash that is looked for on the `PATH` of `env`.
    #[serde(with = "text")]
    pub program: OsString,
    /// What it finds as its own name, `argv[0]`; by default as it is called here.
    #[serde(with = "text::optional", default, skip_serializing_if = "Option::is_none")]
    pub arg0: Option<OsString>,
    /// Its arguments, without its name.
    #[serde(with = "text::list")]
    pub args: Vec<OsString>,
    /// Its environment, all of it; of several values of one variable the last counts.
    #[serde(with = "text::pairs")]
    pub env: Vec<(OsString, OsString)>,
    /// Its working directory, an absolute path; by default `/` where the container has a root of its own, else where the
    /// caller is.
    #[serde(with = "text::optional_path")]
    pub directory: Option<PathBuf>,
    /// Its user and group inside; by default root in a new user namespace, else who the caller is.
    pub user: Option<UserSpec>,
    /// Its further groups inside. By default those that list its [`user`](Self::user) in `/etc/group`, if that was said
    /// without a group; none if it was said with one; else the caller's.
    pub groups: Option<Vec<IdOrName>>,
    /// Whether `HOME` is its user's directory by the container's `/etc/passwd`, if `env` has none.
    pub home_of_user: bool,
    /// Its capabilities; by default what the kernel leaves it.
    pub capabilities: Option<CapabilityNames>,
    /// What else it may do, and when and where it runs; the caller's for what is not said. Its capabilities have their names
    /// [beside it](Self::capabilities), and it has no session keyring but its own unless
    /// [that is said](Self::caller_keyring).
    pub rights: Privileges,
    /// Whether what this kernel's Landlock does not know is left out, and said, rather than an error.
    pub landlock_where_possible: bool,
    /// Whether it keeps the session keyring of the caller, and the keys in it; else it gets an empty one of its own.
    pub caller_keyring: bool,
    /// Its mask of permissions for new files, 0 to 0o777; the caller's by default.
    pub umask: Option<u32>,
    /// Whether it stays in the caller's session and process group, with the caller's terminal; else it leads a session of
    /// its own.
    pub in_caller_session: bool,
    /// A terminal of its own, if it has one; needs a mount namespace with a devpts on /dev/pts.
    pub terminal: Option<TerminalSpec>,
}

impl Process {
    /// What it may do, as values. Names that are none are left out: they are among the [problems](Spec::problems).
    pub(crate) fn privileges(&self) -> Privileges {
        let mut rights = self.rights.clone();
        rights.capabilities = self.capabilities.as_ref().and_then(|names| names.parse().ok());
        // Never given but by name: the caller's keys, and a look into what is not the program yet.
        rights.session_keyring |= !self.caller_keyring;
        rights.undumpable = true;
        rights
    }
}
