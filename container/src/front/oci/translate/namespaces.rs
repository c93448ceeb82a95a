// SPDX-License-Identifier: MIT OR Apache-2.0
//! Namespaces, and who is who in the user namespace.

use skep_ns::{IdMap, IdRange, NamespaceKind, Namespaces};

use super::super::linux::Linux;
use super::super::mount::IdMapping;
use super::{Walk, key, part};
use crate::spec::NamespaceOf;

/// The kind of namespace that the specification calls so.
fn kind(word: &str) -> Option<NamespaceKind> {
    Some(match word {
        "pid" => NamespaceKind::Pid,
        "network" => NamespaceKind::Net,
        "mount" => NamespaceKind::Mount,
        "ipc" => NamespaceKind::Ipc,
        "uts" => NamespaceKind::Uts,
        "user" => NamespaceKind::User,
        "cgroup" => NamespaceKind::Cgroup,
        "time" => NamespaceKind::Time,
        _ => return None,
    })
}

/// What the specification calls it.
pub(in super::super) fn word(kind: NamespaceKind) -> &'static str {
    match kind {
        NamespaceKind::Net => "network",
        NamespaceKind::Pid => "pid",
        NamespaceKind::Mount => "mount",
        NamespaceKind::Ipc => "ipc",
        NamespaceKind::Uts => "uts",
        NamespaceKind::User => "user",
        NamespaceKind::Cgroup => "cgroup",
        _ => "time",
    }
}

impl Walk<'_> {
    pub(super) fn namespaces(&mut self) {
        let nothing = Linux::default();
        let linux = self.config.linux.as_ref().unwrap_or(&nothing);
        let mut namespaces = Namespaces::new();
        let mut seen = Vec::new();
        for (at, namespace) in linux.namespaces.iter().flatten().enumerate() {
            let place = part("linux.namespaces", at);
            let Some(kind) = kind(&namespace.kind) else {
                let why = if namespace.kind.is_empty() {
                    "is required".to_owned()
                } else {
                    format!("{:?} is no kind of namespace", namespace.kind)
                };
                self.found.problem(&key(&place, "type"), why);
                continue;
            };
            if seen.contains(&kind) {
                self.found.problem(&place, format!("there is a {} namespace in the list already", word(kind)));
                continue;
            }
            seen.push(kind);
            match namespace.path.as_deref().filter(|path| !path.is_empty()) {
                Some(path) => {
                    self.found.absolute(&key(&place, "path"), path);
                    self.spec.joined.namespaces.insert(kind, NamespaceOf::Path(path.into()));
                }
                // With its map, below.
                None if kind == NamespaceKind::User => {}
                None => namespaces = namespaces.make([kind]),
            }
        }
        let joined = self.spec.joined.contains(NamespaceKind::User);
        let makes_user = seen.contains(&NamespaceKind::User) && !joined;
        self.spec.namespaces = match self.id_map(linux, makes_user, joined) {
            Some(map) => namespaces.user(map),
            None => namespaces,
        };
    }

    fn id_map(&mut self, linux: &Linux, makes_user: bool, joined: bool) -> Option<IdMap> {
        let lists = [("linux.uidMappings", &linux.uid_mappings), ("linux.gidMappings", &linux.gid_mappings)];
        for (place, list) in lists {
            let is_said = list.as_ref().is_some_and(|list| !list.is_empty());
            match (makes_user, is_said) {
                (true, false) => self.found.problem(place, "is required of a user namespace that is made"),
                (false, true) if joined => {
                    self.found.problem(place, "the user namespace is there already, and so is who is who in it");
                }
                (false, true) => self.found.problem(place, "there is no user namespace in linux.namespaces"),
                (true, true) | (false, false) => {}
            }
        }
        let range = |mapping: &IdMapping| IdRange::new(mapping.container_id, mapping.host_id, mapping.size);
        let uids = linux.uid_mappings.iter().flatten().map(range);
        let groups: Vec<IdRange> = linux.gid_mappings.iter().flatten().map(range).collect();
        let mut map = uids.fold(IdMap::new(), IdMap::uid);
        map = groups.iter().copied().fold(map, IdMap::gid);
        // Who has one group alone can be an ordinary user, to whom the kernel gives it for that.
        if matches!(groups[..], [IdRange { count: 1, .. }]) {
            map = map.deny_setgroups();
        }
        if !makes_user {
            return None;
        }
        if !map.uids().is_empty()
            && !map.gids().is_empty()
            && let Err(error) = map.check()
        {
            self.found.all("linux.uidMappings, linux.gidMappings", error.problems());
        }
        Some(map)
    }
}
