// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is mounted: kinds, sources, and every word of the options.

use std::path::{Path, PathBuf};

use skep_rootfs::{Attributes, CgroupAccess, Cgroups, Idmap, Mount, Propagation};

use super::super::mount::{IdMapping, Mount as OciMount};
use super::{Walk, key, part};
use crate::spec::NamespaceOf;
use skep_ns::NamespaceKind;

/// Words that say what is so without them.
const NOTHING: [&str; 8] =
    ["loud", "silent", "nomand", "noiversion", "nolazytime", "nostrictatime", "rnorelatime", "rnostrictatime"];

/// Words that this library knows from elsewhere, and the specification does not have.
const OTHERS: [&str; 6] = ["relative", "optional", "create", "create=dir", "create=file", "loop"];

/// Words of other runtimes, and of mount(8), that cannot be done.
const CANNOT: [(&str, &str); 6] = [
    ("remount", "a mount is made anew, and not changed: give it the options at once"),
    ("iversion", "the kernel has no such option by this name any more"),
    ("copy-symlink", "a link is followed, and cannot be copied"),
    ("src-nofollow", "a source that is a link is followed"),
    ("dest-nofollow", "a target is followed inside of the root, wherever it leads there"),
    ("user", "is for who calls mount(8)"),
];

/// What the words say of ids, of which this library has its own.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ids {
    Own,
    Deep,
}

impl Walk<'_> {
    pub(super) fn mounts(&mut self) {
        let mounts = self.config.mounts.as_deref().unwrap_or_default();
        // A later mount may be over an earlier one.
        self.spec.mounts.may_hide = true;
        for (at, mount) in mounts.iter().enumerate() {
            if let Some(mount) = self.mount(&part("mounts", at), mount) {
                self.spec.mounts.mounts.push(mount);
            }
        }
    }

    fn mount(&mut self, place: &str, mount: &OciMount) -> Option<Mount> {
        let target = self.target(place, &mount.destination)?;
        let (words, ids) = self.words(place, mount);
        let is_bind =
            words.iter().any(|word| matches!(*word, "bind" | "rbind")) || mount.kind.as_deref() == Some("bind");
        let kind = mount.kind.as_deref().unwrap_or_default();
        if kind.is_empty() && !is_bind {
            self.found.problem(&key(place, "type"), "is required of what is no bind");
            return None;
        }
        if !is_bind && matches!(kind, "cgroup" | "cgroup2") {
            return self.cgroups(place, target, kind, &words);
        }
        if kind == "proc" && !is_bind && !self.has(NamespaceKind::Pid) {
            return self.proc_of_the_machine(place, target, &words);
        }
        let words = if is_bind { words } else { self.without_what_is_so(words) };
        let source = self.source(place, mount, is_bind, kind)?;
        let made =
            match Mount::from_words(if is_bind { "none" } else { kind }, source, target, with_bind(&words, is_bind)) {
                Ok(made) => made,
                Err(error) => {
                    self.found.all(&key(place, "options"), error.problems());
                    return None;
                }
            };
        if let Mount::FileSystem(named) = &made
            && named.options.split(',').any(|word| word == "tmpcopyup")
        {
            let why = "\"tmpcopyup\": is for a tmpfs with no other options than size, nr_inodes and mode";
            self.found.unsupported(&key(place, "options"), why);
        }
        self.with_ids(place, mount, made, ids)
    }

    /// What comes new into a root that is not shared goes nowhere and gets nothing, as everything in it: a word for that says
    /// nothing.
    fn without_what_is_so<'a>(&self, mut words: Vec<&'a str>) -> Vec<&'a str> {
        let propagation = self.spec.root.as_ref().and_then(|root| root.propagation);
        if !matches!(propagation, Some(Propagation::Shared | Propagation::RShared)) {
            words.retain(|word| !matches!(*word, "private" | "rprivate" | "slave" | "rslave"));
        }
        words
    }

    /// Without a pid namespace its processes are the machine's, and so is its /proc: with everything that is mounted there.
    fn proc_of_the_machine(&mut self, place: &str, target: PathBuf, words: &[&str]) -> Option<Mount> {
        let why = "there is no pid namespace in linux.namespaces: it is the machine's own /proc";
        self.found.note(place, why);
        match Mount::from_words("none", "/proc", target, with_rbind(words)) {
            Ok(made) => Some(created(made)),
            Err(error) => {
                self.found.all(&key(place, "options"), error.problems());
                None
            }
        }
    }

    fn target(&mut self, place: &str, destination: &str) -> Option<PathBuf> {
        let place = key(place, "destination");
        self.found.text(&place, destination);
        if destination.is_empty() {
            self.found.problem(&place, "is required");
            return None;
        }
        if !destination.starts_with('/') {
            self.found
                .note(&place, format!("{destination:?} is taken as one of the root: it should be an absolute path"));
        }
        Some(Path::new("/").join(destination))
    }

    fn source(&mut self, place: &str, mount: &OciMount, is_bind: bool, kind: &str) -> Option<PathBuf> {
        let place = key(place, "source");
        let source = mount.source.as_deref().unwrap_or_default();
        self.found.text(&place, source);
        match (source, is_bind) {
            ("", true) => {
                self.found.problem(&place, "is required of a bind");
                None
            }
            ("", false) => Some(kind.into()),
            (source, true) => Some(self.bundle.join(source)),
            (source, false) => Some(source.into()),
        }
    }

    /// The words that are the mount's, and what they say of ids.
    fn words<'a>(&mut self, place: &str, mount: &'a OciMount) -> (Vec<&'a str>, Option<Ids>) {
        let (mut words, mut ids) = (Vec::new(), None);
        for (at, word) in mount.options.iter().flatten().enumerate() {
            let place = part(&key(place, "options"), at);
            match word.as_str() {
                "idmap" => ids = ids.or(Some(Ids::Own)),
                "ridmap" => ids = Some(Ids::Deep),
                "mand" => self.found.note(&place, "\"mand\": no kernel since Linux 5.15 has mandatory locks"),
                word if NOTHING.contains(&word) => {}
                word if OTHERS.contains(&word) => {
                    self.found.problem(&place, format!("{word:?} is no option of the specification"));
                }
                word => match CANNOT.into_iter().find(|(known, _)| *known == word) {
                    Some((_, why)) => self.found.unsupported(&place, format!("{word:?}: {why}")),
                    None => words.push(word),
                },
            }
        }
        self.contradictions(place, &words);
        (words, ids)
    }

    /// Words of which the last counts, so that the first says nothing: nothing fails for it, but somebody should see it.
    fn contradictions(&mut self, place: &str, words: &[&str]) {
        let pairs = [
            ("ro", "rw"),
            ("nosuid", "suid"),
            ("nodev", "dev"),
            ("noexec", "exec"),
            ("nosymfollow", "symfollow"),
            ("bind", "rbind"),
        ];
        for (one, other) in pairs {
            for (one, other) in [(one.to_owned(), other.to_owned()), (format!("r{one}"), format!("r{other}"))] {
                let at = |word: &str| words.iter().rposition(|said| *said == word);
                if let (Some(first), Some(second)) = (at(&one), at(&other)) {
                    let (says_nothing, counts) = if first < second { (one, other) } else { (other, one) };
                    self.found.note(
                        &key(place, "options"),
                        format!("{says_nothing:?} says nothing beside {counts:?}, which is later"),
                    );
                }
            }
        }
    }

    fn with_ids(&mut self, place: &str, mount: &OciMount, made: Mount, ids: Option<Ids>) -> Option<Mount> {
        let (uids, gids) = (mount.uid_mappings.as_deref(), mount.gid_mappings.as_deref());
        let (uids, gids) = (uids.unwrap_or_default(), gids.unwrap_or_default());
        if uids.is_empty() != gids.is_empty() {
            let absent = if uids.is_empty() { "uidMappings" } else { "gidMappings" };
            self.found
                .problem(&key(place, absent), "is required where the other one of uidMappings and gidMappings is");
            return None;
        }
        let said = !uids.is_empty();
        if !said && ids.is_none() {
            return Some(created(made));
        }
        let Mount::Bind(mut bind) = made else {
            self.found.unsupported(place, "ids can be mapped of a bind alone");
            return None;
        };
        let map = if said { Some(ranges(uids, gids)) } else { self.container_s(place) }?;
        for problem in map.problems() {
            let problem = problem.replacen("users", "uidMappings", 1).replacen("groups", "gidMappings", 1);
            self.found.problems.push(format!("{place}.{problem}"));
        }
        // Without a word it is the mount's own alone.
        bind.idmap_deep = ids == Some(Ids::Deep);
        bind.idmap = Some(map);
        Some(created(bind.into()))
    }

    /// The map of the container's user namespace.
    fn container_s(&mut self, place: &str) -> Option<Idmap> {
        if let Some(NamespaceOf::Path(path)) = self.spec.joined.namespaces.get(&NamespaceKind::User) {
            return Some(Idmap::namespace(path));
        }
        let linux = self.config.linux.as_ref();
        let list = |list: Option<&Vec<IdMapping>>| list.cloned().unwrap_or_default();
        let uids = list(linux.and_then(|linux| linux.uid_mappings.as_ref()));
        let gids = list(linux.and_then(|linux| linux.gid_mappings.as_ref()));
        if uids.is_empty() || gids.is_empty() {
            let why = "\"idmap\" takes uidMappings and gidMappings here, or those of a user namespace in linux";
            self.found.problem(&key(place, "options"), why);
            return None;
        }
        Some(ranges(&uids, &gids))
    }

    fn cgroups(&mut self, place: &str, target: PathBuf, kind: &str, words: &[&str]) -> Option<Mount> {
        let said = Mount::from_words("cgroup2", "cgroup", target.clone(), words);
        let (attributes, options) = match &said {
            Ok(Mount::FileSystem(named)) => (named.attributes, named.options.clone()),
            Ok(_) => (Attributes::empty(), String::new()),
            Err(error) => {
                self.found.all(&key(place, "options"), error.problems());
                return None;
            }
        };
        if !options.is_empty() {
            self.found.unsupported(
                &key(place, "options"),
                format!("{options:?} is nothing that control groups are mounted with"),
            );
        }
        let wanted = |one: &&skep_rootfs::Hierarchy| kind == "cgroup" || one.is_unified();
        let hierarchies: Vec<_> = self.setting.hierarchies.iter().filter(wanted).cloned().collect();
        if hierarchies.is_empty() {
            self.found.unsupported(place, "nothing was told of control groups of this kind on the machine");
            return None;
        }
        let mut made = Cgroups::new(target, hierarchies).attributes(attributes.difference(Attributes::READ_ONLY));
        // Its own group is seen, which is there by then.
        made.of_those_inside = true;
        if !attributes.contains(Attributes::READ_ONLY) {
            made = made.access(CgroupAccess::Writable);
        }
        Some(created(made.into()))
    }

    /// What is covered and what becomes read-only, once everything is mounted.
    pub(super) fn paths(&mut self) {
        let Some(linux) = &self.config.linux else { return };
        for (name, list) in [("maskedPaths", &linux.masked_paths), ("readonlyPaths", &linux.readonly_paths)] {
            let mut paths: Vec<PathBuf> = Vec::new();
            for (at, path) in list.iter().flatten().enumerate() {
                // Said twice is said once.
                if self.found.absolute(&part(&key("linux", name), at), path) && !paths.contains(&path.into()) {
                    paths.push(path.into());
                }
            }
            let into =
                if name == "maskedPaths" { &mut self.spec.mounts.masked } else { &mut self.spec.mounts.read_only };
            into.extend(paths);
        }
    }
}

/// A kind "bind" needs no word for it.
fn with_bind<'a>(words: &[&'a str], is_bind: bool) -> Vec<&'a str> {
    let has = words.iter().any(|word| matches!(*word, "bind" | "rbind"));
    (is_bind && !has).then_some("bind").into_iter().chain(words.iter().copied()).collect()
}

fn with_rbind<'a>(words: &[&'a str]) -> Vec<&'a str> {
    ["rbind"].into_iter().chain(words.iter().copied()).collect()
}

fn ranges(uids: &[IdMapping], gids: &[IdMapping]) -> Idmap {
    let map = uids.iter().fold(Idmap::new(), |map, one| map.users(one.container_id, one.host_id, one.size));
    gids.iter().fold(map, |map, one| map.groups(one.container_id, one.host_id, one.size))
}

/// The same mount, whose target is made where it is absent.
fn created(mount: Mount) -> Mount {
    match mount {
        Mount::Bind(mount) => mount.create_target().into(),
        Mount::Tmpfs(mount) => mount.create_target().into(),
        Mount::Proc(mount) => mount.create_target().into(),
        Mount::Sysfs(mount) => mount.create_target().into(),
        Mount::Devpts(mount) => mount.create_target().into(),
        Mount::Mqueue(mount) => mount.create_target().into(),
        Mount::FileSystem(mount) => mount.create_target().into(),
        Mount::Cgroups(mount) => mount.create_target().into(),
        other => other,
    }
}
