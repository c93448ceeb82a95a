// SPDX-License-Identifier: MIT OR Apache-2.0
//! A description made a configuration: the way back, as far as the format has words.

mod mounts;
mod process;
mod resources;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use skep_ns::IdRange;
use skep_rootfs::{Base, RootSpec};

use super::config::{Config, Root};
use super::hooks::{Hook as OciHook, Hooks};
use super::linux::{Linux, Namespace, TimeOffset};
use super::mount::IdMapping;
use super::translate::namespace_word;
use super::{VERSION, read};
use crate::error::{Error, Object};
use crate::spec::{Hook, Moment, NamespaceOf, Spec};

/// What the way back finds.
#[derive(Default)]
struct Back {
    problems: Vec<String>,
}

impl Back {
    fn problem(&mut self, place: &str, why: &str) {
        self.problems.push(format!("{place}: {why}"));
    }

    /// The text, which JSON has in Unicode alone.
    fn text(&mut self, place: &str, text: impl AsRef<OsStr>) -> String {
        let text = text.as_ref();
        text.to_str().map(str::to_owned).unwrap_or_else(|| {
            self.problem(place, &format!("{text:?} is no Unicode, which is all that JSON has"));
            String::new()
        })
    }

    fn env(&mut self, place: &str, env: &[(std::ffi::OsString, std::ffi::OsString)]) -> Option<Vec<String>> {
        let line = |(name, value): &(std::ffi::OsString, std::ffi::OsString)| {
            format!("{}={}", self.text(place, name), self.text(place, value))
        };
        some(env.iter().map(line).collect())
    }
}

/// A list, if there is anything in it.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}

impl Config {
    /// The configuration of the same container: [`translate`](Self::translate) makes the description of it again.
    ///
    /// ```
    /// use skep::Container;
    /// use skep::ns::{NamespaceKind, Namespaces};
    /// use skep::oci::Config;
    ///
    /// let builder = Container::anonymous()
    ///     .root("/srv/web")
    ///     .namespaces(Namespaces::new().make([NamespaceKind::Mount, NamespaceKind::Pid]))
    ///     .user(33, 33)
    ///     .capabilities(["CAP_NET_BIND_SERVICE"])
    ///     .command("/usr/sbin/nginx", ["-g", "daemon off;"]);
    /// let config = Config::of_spec(builder.spec())?;
    /// assert_eq!(config.process.and_then(|process| process.args).unwrap_or_default().len(), 3);
    /// # Ok::<(), skep::Error>(())
    /// ```
    /// # Errors
    /// `Invalid` with everything that the format has no words for, each with its place in the description: who the user is by
    /// name, Landlock, networks, an init.
    pub fn of_spec(spec: &Spec) -> Result<Self, Error> {
        let mut back = Back::default();
        let mut linux = Linux::default();
        let root = back.root(spec.root.as_ref(), &mut linux);
        back.namespaces(spec, &mut linux);
        let mounts = back.mounts(spec, &mut linux);
        back.resources(&spec.resources, &mut linux);
        let process = back.process(spec, &mut linux);
        let hooks = back.hooks(spec);
        back.others(spec);
        let config = Self {
            oci_version: VERSION.to_owned(),
            root,
            mounts,
            process: Some(process),
            hostname: spec.hostname.clone(),
            domainname: spec.domainname.clone(),
            hooks,
            annotations: Some(spec.annotations.clone()).filter(|all| !all.is_empty()),
            linux: Some(linux).filter(|linux| *linux != Linux::default()),
            ..Self::default()
        };
        if back.problems.is_empty() {
            Ok(config)
        } else {
            Err(Error::invalid("write", Object::Named("the OCI configuration"), back.problems))
        }
    }
}

impl Back {
    fn root(&mut self, root: Option<&RootSpec>, linux: &mut Linux) -> Option<Root> {
        let Some(root) = root else {
            self.problem("root", "the format asks for one");
            return None;
        };
        let path = match &root.base {
            Base::Directory(path) => self.text("root.base", path),
            _ => {
                self.problem("root.base", "the format knows directories alone");
                String::new()
            }
        };
        if root.changes.go_elsewhere() {
            self.problem("root.changes", "the format has no place for what is changed");
        }
        if !root.attributes.is_empty() {
            self.problem("root.attributes", "the format has none but read-only");
        }
        if root.chroot_that_can_be_left {
            self.problem("root.chroot_that_can_be_left", "the format has no word for it");
        }
        linux.rootfs_propagation = root.propagation.map(|propagation| propagation.to_string());
        Some(Root { path, readonly: root.read_only.then_some(true), ..Root::default() })
    }

    fn namespaces(&mut self, spec: &Spec, linux: &mut Linux) {
        let namespace = |kind, path| Namespace { kind: namespace_word(kind).to_owned(), path, ..Namespace::default() };
        let mut all: Vec<Namespace> = spec.namespaces.kinds().map(|kind| namespace(kind, None)).collect();
        for (kind, of) in &spec.joined.namespaces {
            match of {
                NamespaceOf::Path(path) => {
                    let path = self.text(&format!("joined.namespaces.{kind}"), path);
                    all.push(namespace(*kind, Some(path)));
                }
                _ => self.problem(&format!("joined.namespaces.{kind}"), "the format has paths of namespaces alone"),
            }
        }
        linux.namespaces = some(all);
        if let Some(map) = spec.namespaces.id_map() {
            let range = |range: &IdRange| IdMapping {
                container_id: range.inside,
                host_id: range.outside,
                size: range.count,
                ..IdMapping::default()
            };
            linux.uid_mappings = some(map.uids().iter().map(range).collect());
            linux.gid_mappings = some(map.gids().iter().map(range).collect());
            // Read back, one group alone denies it.
            if map.denies_setgroups() != matches!(map.gids(), [IdRange { count: 1, .. }]) {
                self.problem("namespaces.id_map.deny_setgroups", "the format has no word for it");
            }
        }
        if let Some(offsets) = &spec.time_offsets {
            let offset = |by: skep_ns::ClockOffset| TimeOffset {
                secs: Some(by.seconds()),
                nanosecs: Some(by.nanoseconds()),
                ..TimeOffset::default()
            };
            let clocks = [("monotonic", offset(offsets.monotonic)), ("boottime", offset(offsets.boottime))];
            linux.time_offsets = Some(clocks.into_iter().map(|(clock, by)| (clock.to_owned(), by)).collect());
        }
        let sysctls: BTreeMap<String, String> =
            spec.sysctls.iter().map(|(key, value)| (key.to_string(), value.to_owned())).collect();
        linux.sysctl = Some(sysctls).filter(|all| !all.is_empty());
    }

    fn hooks(&mut self, spec: &Spec) -> Option<Hooks> {
        let mut made = Hooks::default();
        for moment in Moment::ALL {
            let hook = |(at, hook): (usize, &Hook)| {
                let place = format!("hooks.{moment}[{at}]");
                let args = hook.args.as_ref().map(|args| args.iter().map(|arg| self.text(&place, arg)).collect());
                let timeout = hook.timeout.map(|timeout| {
                    if timeout.subsec_nanos() > 0 {
                        self.problem(&place, "the format has whole seconds");
                    }
                    i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX)
                });
                OciHook {
                    path: self.text(&place, &hook.program),
                    args,
                    env: self.env(&place, &hook.env),
                    timeout,
                    ..OciHook::default()
                }
            };
            *made.of_mut(moment) = some(spec.hooks.of(moment).iter().enumerate().map(hook).collect());
        }
        Some(made).filter(|made| *made != Hooks::default())
    }

    /// What the format knows nothing of.
    fn others(&mut self, spec: &Spec) {
        let places = [
            (!spec.networks.is_empty(), "networks"),
            (spec.init, "init"),
            (spec.die_with_caller, "die_with_caller"),
            (spec.stop_signal.is_some(), "stop_signal"),
            (spec.resources.where_possible, "resources.where_possible"),
        ];
        for (_, place) in places.into_iter().filter(|(is, _)| *is) {
            self.problem(place, "the format has no word for it");
        }
    }
}

/// Whether the paths are the same, but for doubled slashes and dots.
fn is_at(path: &Path, place: &str) -> bool {
    path.components().eq(Path::new(place).components())
}

/// A part of the format from its own JSON.
fn from_json<T: serde::de::DeserializeOwned + Default>(text: &str) -> (T, Vec<String>) {
    read::read(text)
}
