// SPDX-License-Identifier: MIT OR Apache-2.0
//! A configuration made a description, and everything that stands in the way of it.
//!
//! One walk finds what is wrong by the specification, what this library cannot do, and what is only to be known. Nothing that
//! a configuration says is dropped without a word.

mod devices;
mod found;
mod linux;
mod mounts;
mod namespaces;
mod process;
mod resources;
mod rest;
mod seccomp;
mod unified;

use std::path::{Path, PathBuf};

use skep_ns::NamespaceKind;
use skep_rootfs::{Hierarchy, RootSpec};

use super::config::Config;
use super::hooks::Hook as OciHook;
pub(super) use super::object::{key, part};
use crate::error::{Error, Object};
use crate::spec::{Hook, Moment, Spec};
pub(super) use devices::is_default_of_dev;
use found::Found;
pub(super) use namespaces::word as namespace_word;

/// What of a machine a configuration depends on: which control groups it has, and how strict limits are meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Setting {
    /// The hierarchies of control groups, of which a mount of kind `cgroup` consists, with the caller's groups.
    pub hierarchies: Vec<Hierarchy>,
    /// Whether limits that cannot be applied are left out, and said, rather than an error: for an ordinary user without a
    /// control group of their own.
    pub limits_where_possible: bool,
}

impl Setting {
    /// A machine of which nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This machine, as the calling thread sees it in /proc.
    ///
    /// # Errors
    /// What of /proc cannot be read.
    pub fn here() -> Result<Self, Error> {
        let seen = skep_rootfs::Cgroups::of_this_process("/")
            .map_err(|error| Error::of_leaf("look at", Object::Named("the control groups of this machine"), error))?;
        Ok(Self { hierarchies: seen.hierarchies, ..Self::default() })
    }

    /// The same, without a look at what this configuration says nothing of.
    ///
    /// # Errors
    /// As [`here`](Self::here).
    pub fn here_for(config: &Config) -> Result<Self, Error> {
        let is_view = |kind: &String| matches!(kind.as_str(), "cgroup" | "cgroup2");
        let mut kinds = config.mounts.iter().flatten().filter_map(|mount| mount.kind.as_ref());
        if kinds.any(is_view) { Self::here() } else { Ok(Self::new()) }
    }

    /// A machine with these hierarchies.
    #[must_use]
    pub fn hierarchies(mut self, hierarchies: impl IntoIterator<Item = Hierarchy>) -> Self {
        self.hierarchies = hierarchies.into_iter().collect();
        self
    }

    /// Leaves out limits that cannot be applied, and says so.
    #[must_use]
    pub fn limits_where_possible(mut self) -> Self {
        self.limits_where_possible = true;
        self
    }
}

/// A configuration as a description of ours, and what of it is the runtime's to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Translated {
    /// The description.
    pub spec: Spec,
    /// The socket that the container's [listener](crate::Container::listener) is to be sent to, with the state of the seccomp
    /// process and this as its metadata: `linux.seccomp.listenerPath`, `listenerMetadata`.
    pub listener: Option<(PathBuf, Option<String>)>,
    /// What somebody should know, a sentence each that begins with its place: what says nothing here, what is unknown.
    pub notes: Vec<String>,
}

impl Config {
    /// Everything that is wrong with it by the specification, a sentence each that begins with its place; empty if it is right.
    ///
    /// ```
    /// use skep::oci::Config;
    ///
    /// let text = r#"{"ociVersion": "1.3.0", "root": {"path": "rootfs"}, "hostname": "web",
    ///     "mounts": [{"destination": "/x", "type": "bind"}]}"#;
    /// assert_eq!(Config::from_json(text)?.problems(), [
    ///     "hostname: there is no uts namespace in linux.namespaces: that of the machine would be changed",
    ///     "mounts[0].source: is required of a bind",
    /// ]);
    /// # Ok::<(), skep::Error>(())
    /// ```
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        walked(self, Path::new("/"), &Setting::default()).1.problems
    }

    /// Everything in it that is right, and that this library cannot do, a sentence each that begins with its place.
    #[must_use]
    pub fn unsupported(&self, setting: &Setting) -> Vec<String> {
        walked(self, Path::new("/"), setting).1.unsupported
    }

    /// What somebody should know of it, a sentence each that begins with its place: what says nothing, what is unknown, what is
    /// not given. Nothing fails for it; the specification asks for a warning.
    #[must_use]
    pub fn notes(&self, setting: &Setting) -> Vec<String> {
        walked(self, Path::new("/"), setting).1.notes
    }

    /// The description of the same container, for a bundle in this directory, an absolute path.
    ///
    /// What every container has by the specification is in it: the devices and links of /dev. Targets of mounts are made where
    /// they are absent. Without `process.capabilities` the program has none.
    ///
    /// # Errors
    /// `Invalid` with everything that is wrong, and everything that cannot be done, each with its place.
    pub fn translate(&self, bundle: impl AsRef<Path>, setting: &Setting) -> Result<Translated, Error> {
        let (translated, found) = walked(self, bundle.as_ref(), setting);
        let mut problems = [found.problems, found.unsupported].concat();
        if self.process.is_none() {
            problems.push("process: is required of a container that is to be started".to_owned());
        }
        if problems.is_empty() {
            // What is left is said in words of the description.
            problems = translated.spec.problems();
        }
        if problems.is_empty() {
            Ok(translated)
        } else {
            Err(Error::invalid("use", Object::Named("the OCI configuration"), problems))
        }
    }
}

/// The way through a configuration.
struct Walk<'a> {
    config: &'a Config,
    bundle: &'a Path,
    setting: &'a Setting,
    spec: Spec,
    listener: Option<(PathBuf, Option<String>)>,
    found: Found,
}

fn walked(config: &Config, bundle: &Path, setting: &Setting) -> (Translated, Found) {
    let (spec, found) = (Spec::default(), Found::default());
    let mut walk = Walk { config, bundle, setting, spec, listener: None, found };
    walk.version();
    walk.namespaces();
    walk.names();
    walk.root();
    walk.mounts();
    walk.devices();
    walk.paths();
    walk.process();
    walk.hooks();
    walk.annotations();
    walk.cgroup();
    walk.resources();
    walk.seccomp();
    walk.clocks();
    walk.sysctls();
    walk.rest();
    for place in config.unknown_keys().iter().filter(|place| !rest::PLATFORMS.contains(&place.as_str())) {
        walk.found.note(place, "is no key of the specification, and means nothing here");
    }
    let Walk { spec, listener, found, .. } = walk;
    (Translated { spec, listener, notes: found.notes.clone() }, found)
}

impl Walk<'_> {
    fn version(&mut self) {
        let version = &self.config.oci_version;
        if version.is_empty() {
            return self.found.problem("ociVersion", "is required");
        }
        let core = version.split(['-', '+']).next().unwrap_or_default();
        let numbers: Vec<Option<u64>> = core.split('.').map(|number| number.parse().ok()).collect();
        match numbers[..] {
            [Some(1), Some(_), Some(_)] => {}
            [Some(_), Some(_), Some(_)] => {
                self.found
                    .problem("ociVersion", format!("{version:?} is another specification: 1.0.0 to 1.3.0 is known"));
            }
            _ => self.found.problem("ociVersion", format!("{version:?} is no version: 1.3.0 is one")),
        }
    }

    /// Whether it is to be in a namespace of this kind that is not the machine's.
    fn has(&self, kind: NamespaceKind) -> bool {
        self.spec.is_in(kind)
    }

    fn names(&mut self) {
        for (place, name) in [("hostname", &self.config.hostname), ("domainname", &self.config.domainname)] {
            let Some(name) = name.as_ref().filter(|name| !name.is_empty()) else { continue };
            self.found.text(place, name);
            if !self.has(NamespaceKind::Uts) {
                let why = "there is no uts namespace in linux.namespaces: that of the machine would be changed";
                self.found.problem(place, why);
            } else if self.spec.joined.contains(NamespaceKind::Uts) {
                self.found.unsupported(place, "the uts namespace is that of others, who have a name already");
            }
            if name.len() > 64 {
                self.found.problem(place, format!("has {} bytes; the kernel takes up to 64", name.len()));
            }
        }
        self.spec.hostname = self.config.hostname.clone().filter(|name| !name.is_empty());
        self.spec.domainname = self.config.domainname.clone().filter(|name| !name.is_empty());
    }

    fn root(&mut self) {
        let Some(root) = &self.config.root else { return self.found.problem("root", "is required") };
        if root.path.is_empty() {
            return self.found.problem("root.path", "is required");
        }
        self.found.text("root.path", &root.path);
        let mut spec = RootSpec::new(self.bundle.join(&root.path));
        spec.read_only = root.readonly.unwrap_or_default();
        if let Some(word) = self.config.linux.as_ref().and_then(|linux| linux.rootfs_propagation.as_ref())
            && !word.is_empty()
        {
            match serde_json::from_value(serde_json::Value::from(word.as_str())) {
                Ok(propagation) => spec.propagation = Some(propagation),
                Err(_) => {
                    let why =
                        format!("{word:?} is none: shared, slave, private or unbindable, each with an r before it too");
                    self.found.problem("linux.rootfsPropagation", why);
                }
            }
        }
        self.spec.root = Some(spec);
        if !self.has(NamespaceKind::Mount) {
            let why = "there is no mount namespace in linux.namespaces: a root takes one";
            self.found.unsupported("root", why);
        } else if self.spec.joined.contains(NamespaceKind::Mount) {
            let why = "a mount namespace that is there already has a root and mounts: neither can be said beside it";
            self.found.unsupported("root", why);
        }
    }

    fn annotations(&mut self) {
        let annotations = self.config.annotations.clone().unwrap_or_default();
        if annotations.contains_key("") {
            self.found.problem("annotations", "one of them has no name");
        }
        self.spec.annotations = annotations;
    }

    fn hooks(&mut self) {
        self.spec.bundle = Some(self.bundle.to_owned());
        let Some(hooks) = &self.config.hooks else { return };
        for moment in Moment::ALL {
            for (at, hook) in hooks.of(moment).into_iter().flatten().enumerate() {
                let hook = self.hook(&part(&format!("hooks.{moment}"), at), hook);
                self.spec.hooks.of_mut(moment).push(hook);
            }
        }
    }

    fn hook(&mut self, place: &str, hook: &OciHook) -> Hook {
        self.found.absolute(&key(place, "path"), &hook.path);
        let mut made = Hook::new(&hook.path);
        if let Some(args) = hook.args.as_ref().filter(|args| !args.is_empty()) {
            args.iter().enumerate().for_each(|(at, arg)| self.found.text(&part(&key(place, "args"), at), arg));
            made = made.args(args);
        }
        made.env = self.found.env(&key(place, "env"), hook.env.as_ref());
        match hook.timeout.map(u64::try_from) {
            Some(Ok(seconds)) if seconds > 0 => made.timeout = Some(std::time::Duration::from_secs(seconds)),
            Some(_) => self.found.problem(&key(place, "timeout"), "must be more than nothing"),
            None => {}
        }
        made
    }
}
