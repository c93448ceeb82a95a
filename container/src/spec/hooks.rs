// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs that are run at moments of a container's life, to set up around it what it cannot itself.
//!
//! The moments, and what a hook is told, are those of the OCI runtime specification (config.md, "POSIX-platform Hooks").

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::text;
use super::validate::Problems;

/// A program that is run at a [moment](Moment) of a container's life: one of this machine, or at two of the moments one in
/// the container.
///
/// It runs in `/` and in a session of its own, with this environment and no other variable, and with no descriptors but its
/// standard streams; as the caller and in the caller's namespaces, where the moment does not say otherwise. On its standard
/// input it finds the container's state, in JSON:
/// `ociVersion`, `id` (the name, or `skep-` and the number of the first process), `status` (`creating`, `created`,
/// `running` or `stopped`), `pid` (unless it is stopped; in the container the number that it has there), `bundle` (its
/// [own](crate::Builder::bundle), or the directory of its state, or nothing) and `annotations`. What it
/// writes is read, and the last 4 KiB of it are in the error if it fails, which is to end otherwise than with code 0.
///
/// What it leaves running in the background is nobody's, and waited for by nobody, whatever descriptors it holds; what that
/// writes goes nowhere, with a `SIGPIPE`.
///
/// ```
/// use std::time::Duration;
/// use skep::{Container, Hook, Moment};
///
/// let hook = Hook::new("/usr/libexec/plug-in").args(["plug-in", "up"]).env("BRIDGE", "br0").timeout(Duration::from_secs(5));
/// let builder = Container::builder("web").hook(Moment::CreateRuntime, hook).command("/bin/true", [""; 0]);
/// assert_eq!(builder.spec().hooks.create_runtime.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Hook {
    /// The program, by its absolute path on this machine; for [`Moment::StartContainer`] in the container.
    #[serde(with = "text::path")]
    pub program: PathBuf,
    /// Its arguments, all of them: `argv[0]` is the first, and may be another than the path. By default the path alone.
    #[serde(with = "text::optional_list", skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<OsString>>,
    /// Its environment, all of it; of several values of one variable the last counts.
    #[serde(with = "text::pairs", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(OsString, OsString)>,
    /// How long it may take: then everybody is killed who is in its session or descends from it, and it has failed. Only what
    /// has left its session and lost its parent before, as daemons do, is not known to be its, and lives on; so does what the
    /// caller may not kill. By default as long as it takes,
    /// but for one in the container that is not executed within 60 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
}

impl Hook {
    /// A hook that runs `program`, an absolute path.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), ..Self::default() }
    }

    /// Its arguments, all of them: the first is what it finds as `argv[0]`.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args = Some(args.into_iter().map(Into::into).collect());
        self
    }

    /// Sets a variable of its environment, which is empty at first.
    #[must_use]
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// How long it may take, more than nothing.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// When a hook is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Moment {
    /// As [`CreateRuntime`](Self::CreateRuntime), and before those: an older name of nearly the same.
    #[doc(alias = "prestart")]
    Prestart,
    /// When the container is made: its first process, its namespaces, its cgroup, its id maps, its networks and its mounts are
    /// there; its root is not changed yet, and its names are still to come. Who joins its mount namespace by the process's
    /// number sees what is mounted, below the path of the root outside. A failure ends the making.
    #[doc(alias = "createRuntime")]
    CreateRuntime,
    /// After those, and before the root is changed: inside of the container, in its namespaces
    /// and in its cgroup, where all of this machine's files are still to be seen; the program is one of these. As root of
    /// its user namespace if it makes one (as its user where that has no root), else as the caller, with every capability
    /// and without its filter. A failure ends the making.
    #[doc(alias = "createContainer")]
    CreateContainer,
    /// When its program is about to be executed, by [`Created::start`](crate::Created::start): as a
    /// [further program](crate::Container::exec) of the container, with the same user, rights, filter and limits as its own
    /// program, and one of its own files. A failure ends the start, and the container.
    #[doc(alias = "startContainer")]
    StartContainer,
    /// When the program was executed, and before [`Created::start`](crate::Created::start) returns. A failure is in the
    /// [notes](crate::Container::notes); the container runs on, and the other hooks are run.
    #[doc(alias = "poststart")]
    Poststart,
    /// When everything that was made for the container has been removed again but its state, and with that its name: by
    /// [`delete`](crate::Container::delete), whoever calls it; by the end of a making that failed; one without a name by the
    /// drop of its handle, if it had ended. All of them are run. A failure is that of the deletion, which is complete all the
    /// same. If who deletes it is killed meanwhile, whoever deletes it next runs all of them again, and the one that was
    /// running then may be at work still. For one without a name nobody does.
    #[doc(alias = "poststop")]
    Poststop,
}

impl Moment {
    /// Every moment, in the order of a container's life.
    pub const ALL: [Moment; 6] = [
        Moment::Prestart,
        Moment::CreateRuntime,
        Moment::CreateContainer,
        Moment::StartContainer,
        Moment::Poststart,
        Moment::Poststop,
    ];

    /// Its name in the OCI runtime specification.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Moment::Prestart => "prestart",
            Moment::CreateRuntime => "createRuntime",
            Moment::CreateContainer => "createContainer",
            Moment::StartContainer => "startContainer",
            Moment::Poststart => "poststart",
            Moment::Poststop => "poststop",
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// All hooks of a container; those of one moment are run one after the other, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[non_exhaustive]
pub struct Hooks {
    /// Those of [`Moment::Prestart`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prestart: Vec<Hook>,
    /// Those of [`Moment::CreateRuntime`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub create_runtime: Vec<Hook>,
    /// Those of [`Moment::CreateContainer`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub create_container: Vec<Hook>,
    /// Those of [`Moment::StartContainer`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub start_container: Vec<Hook>,
    /// Those of [`Moment::Poststart`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub poststart: Vec<Hook>,
    /// Those of [`Moment::Poststop`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub poststop: Vec<Hook>,
}

impl Hooks {
    /// Those of a moment.
    #[must_use]
    pub fn of(&self, moment: Moment) -> &[Hook] {
        match moment {
            Moment::Prestart => &self.prestart,
            Moment::CreateRuntime => &self.create_runtime,
            Moment::CreateContainer => &self.create_container,
            Moment::StartContainer => &self.start_container,
            Moment::Poststart => &self.poststart,
            Moment::Poststop => &self.poststop,
        }
    }

    /// The same, to be changed.
    pub fn of_mut(&mut self, moment: Moment) -> &mut Vec<Hook> {
        match moment {
            Moment::Prestart => &mut self.prestart,
            Moment::CreateRuntime => &mut self.create_runtime,
            Moment::CreateContainer => &mut self.create_container,
            Moment::StartContainer => &mut self.start_container,
            Moment::Poststart => &mut self.poststart,
            Moment::Poststop => &mut self.poststop,
        }
    }

    /// Whether the container's first process waits for some in the middle of its making.
    pub(crate) fn has_while_made(&self) -> bool {
        !(self.prestart.is_empty() && self.create_runtime.is_empty() && self.create_container.is_empty())
    }

    /// Whether any is run inside of the container.
    pub(crate) fn has_inside(&self) -> bool {
        !self.create_container.is_empty() || !self.start_container.is_empty()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// All of them, each with its moment and its place: `hooks.poststop[1]`.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Moment, String, &Hook)> {
        let of = |moment| self.of(moment).iter().enumerate().map(move |(at, hook)| (moment, at, hook));
        let all = Moment::ALL.into_iter().flat_map(of);
        all.map(|(moment, at, hook)| (moment, format!("hooks.{moment}[{at}]"), hook))
    }

    pub(super) fn check(&self, found: &mut Problems) {
        for (_, place, hook) in self.all() {
            found.check_absolute(&format!("{place}.program"), &hook.program);
            if hook.args.as_ref().is_some_and(Vec::is_empty) {
                found.add(&format!("{place}.args"), "are empty: the first is argv[0], and cannot be absent");
            }
            for (at, arg) in hook.args.iter().flatten().enumerate() {
                found.check_text(&format!("{place}.args[{at}]"), arg);
            }
            found.check_env(&format!("{place}.env"), &hook.env);
            if hook.timeout.is_some_and(|timeout| timeout.is_zero()) {
                found.add(&format!("{place}.timeout"), "must be more than nothing");
            }
        }
    }
}
