// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scope of systemd's that a container's cgroup is.

use serde::{Deserialize, Serialize};
use skep_cgroup::systemd::UnitSpec;

/// A scope of systemd's: where systemd owns the groups, it makes that of a container, and knows the container as a unit.
///
/// The group is delegated: what is below it is the container's. It is gone with the last process in it.
///
/// ```
/// use skep::{Container, Scope};
/// use skep::cgroup::{Limits, MIB};
///
/// let web = Container::builder("web")
///     .command("/bin/sleep", ["600"])
///     .scope(Scope::new("web-1.scope").slice("web.slice"))
///     .limits(Limits::new().memory_max(64 * MIB));
/// assert!(web.spec().resources.scope.is_some());
/// ```
///
/// # Kernel
/// Any. systemd 236, and its socket or a bus that it is on. Man: systemd.scope(5).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Scope {
    /// Its name, which ends in ".scope"; by default `skep-NAME-` and a number, as that of other groups.
    pub name: Option<String>,
    /// The slice that it is in; by default the machine's for what is no login's, system.slice, or of a user's own manager
    /// that for what the user has started, app.slice.
    pub slice: Option<String>,
    /// Whether it is the manager of the caller that makes it, in that account's own part of the tree, and not that of the
    /// machine. For who is not root it always is.
    pub of_user: bool,
}

impl Scope {
    /// A scope of this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// The slice that it is in: "a-b.slice" is below "a.slice".
    #[must_use]
    pub fn slice(mut self, name: impl Into<String>) -> Self {
        self.slice = Some(name.into());
        self
    }

    /// Has it made by the manager of the caller's account, also for root.
    #[must_use]
    pub fn of_user(mut self) -> Self {
        self.of_user = true;
        self
    }

    /// What systemd is asked for, under this name where it has none of its own.
    pub(crate) fn unit(&self, name: &str) -> UnitSpec {
        let unit = UnitSpec::new(self.name.as_deref().unwrap_or(name)).delegate();
        self.slice.iter().fold(unit, UnitSpec::slice)
    }

    /// What is wrong with it by itself.
    pub(crate) fn problems(&self) -> Vec<String> {
        let unit = self.unit("skep.scope");
        let sort = unit.name().ends_with(".slice").then(|| "name is a slice's: a container is in a scope".to_owned());
        // Its processes come later.
        sort.map_or_else(|| unit.process(1).problems(), |problem| vec![problem])
    }
}
