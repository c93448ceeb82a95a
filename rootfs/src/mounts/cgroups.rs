// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control groups as a file system: what of them is seen, and what of that can be changed.
//!
//! Man: cgroups(7), cgroup_namespaces(7).

use std::path::{Component, Path, PathBuf};

use super::attributes::{Attributes, common_methods};
use super::check::path_problems;
use crate::error::{Error, Object};
use crate::table::MountInfo;

const OWN: &str = "/proc/thread-self/cgroup";

/// The hierarchies of control groups below one directory, where programs look for them: /sys/fs/cgroup.
///
/// In a cgroup namespace they are mounted anew, and show what is below the own group alone ([`Setting`](crate::Setting)
/// says whether there is one). Outside of one this machine's are bound: the own group's directory in place of each
/// hierarchy's top, or, mixed, the whole with the own group in it.
///
/// Version 2 alone is at the target itself. With hierarchies of version 1 there is a small tmpfs, and in it a directory for
/// each, with its controllers' names and commas between ("cpu,cpuacct"), a link to it for each of several, "systemd" for
/// the one of that name, and "unified" for version 2 beside them: what systemd and LXC expect.
///
/// ```no_run
/// use skep_rootfs::{Cgroups, Mounts};
///
/// let mounts = Mounts::standard().add(Cgroups::of_this_process("/sys/fs/cgroup")?);
/// # Ok::<(), skep_rootfs::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Cgroups {
    /// Where in the root: an absolute path.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub target: PathBuf,
    /// Which.
    pub hierarchies: Vec<Hierarchy>,
    /// What can be changed.
    pub access: CgroupAccess,
    /// What may not be done through any of them. Read-only is what `access` says.
    pub attributes: Attributes,
    /// Whether the target is made where it is absent.
    pub create: bool,
    /// Whether the own groups are those of the container that is to be, where it has some: whoever makes that puts them in
    /// place of those that are said, with [`put_in`](Self::put_in).
    pub of_those_inside: bool,
}

/// What of control groups can be changed, by who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum CgroupAccess {
    /// Nothing.
    #[default]
    ReadOnly,
    /// The own group, and what is below it, which is all that is seen.
    Writable,
    /// The same, and outside of a cgroup namespace all the others are seen too.
    Mixed,
}

/// A hierarchy of control groups.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Hierarchy {
    /// Its controllers, as the kernel names them, or "name=systemd"; none is version 2.
    pub controllers: Vec<String>,
    /// Where this machine has it mounted.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub mounted_at: PathBuf,
    /// The own group: a path in it.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub group: PathBuf,
}

impl Hierarchy {
    /// Version 2, which this machine has at `mounted_at`; the own group is `group` in it.
    #[must_use]
    pub fn unified(mounted_at: impl Into<PathBuf>, group: impl Into<PathBuf>) -> Self {
        Self { controllers: Vec::new(), mounted_at: mounted_at.into(), group: group.into() }
    }

    /// One of version 1, with these controllers.
    #[must_use]
    pub fn of(
        controllers: impl IntoIterator<Item = impl Into<String>>,
        mounted_at: impl Into<PathBuf>,
        group: impl Into<PathBuf>,
    ) -> Self {
        let controllers = controllers.into_iter().map(Into::into).collect();
        Self { controllers, ..Self::unified(mounted_at, group) }
    }

    /// Whether it is version 2.
    #[must_use]
    pub fn is_unified(&self) -> bool {
        self.controllers.is_empty()
    }

    /// The name of its directory, beside others.
    pub(crate) fn name(&self) -> String {
        let name = |controller: &String| controller.strip_prefix("name=").unwrap_or(controller).to_owned();
        if self.is_unified() {
            return "unified".to_owned();
        }
        self.controllers.iter().map(name).collect::<Vec<_>>().join(",")
    }

    /// What a mount of it is told.
    pub(crate) fn options(&self) -> String {
        let has_none = self.controllers.iter().all(|controller| controller.starts_with("name="));
        let none = (has_none && !self.is_unified()).then(|| "none".to_owned());
        none.into_iter().chain(self.controllers.iter().cloned()).collect::<Vec<_>>().join(",")
    }

    /// The own group's directory on this machine.
    pub(crate) fn own(&self) -> PathBuf {
        self.mounted_at.join(self.below())
    }

    /// The own group without the "/" in front.
    pub(crate) fn below(&self) -> &Path {
        self.group.strip_prefix("/").unwrap_or(&self.group)
    }
}

impl Cgroups {
    /// These hierarchies at `target`, of which nothing can be changed.
    #[must_use]
    pub fn new(target: impl Into<PathBuf>, hierarchies: impl IntoIterator<Item = Hierarchy>) -> Self {
        Self {
            target: target.into(),
            hierarchies: hierarchies.into_iter().collect(),
            access: CgroupAccess::ReadOnly,
            attributes: Attributes::DATA_ONLY,
            create: false,
            of_those_inside: false,
        }
    }

    /// All that this machine has mounted, with the calling thread's own groups. One that is mounted nowhere is left out.
    ///
    /// # Errors
    /// What of /proc cannot be read.
    pub fn of_this_process(target: impl Into<PathBuf>) -> Result<Self, Error> {
        let text = std::fs::read_to_string(OWN)
            .map_err(|error| Error::os("read", Object::Path(OWN.into()), error.raw_os_error().unwrap_or_default()))?;
        Ok(Self::new(target, hierarchies(&text, &MountInfo::of_this_thread()?)))
    }

    /// The same for a container: with its own groups as the own ones, where it has some, and those of the calling thread
    /// elsewhere. What limits it has, it sees then.
    ///
    /// # Errors
    /// As [`of_this_process`](Self::of_this_process).
    pub fn of_those_inside(target: impl Into<PathBuf>) -> Result<Self, Error> {
        Ok(Self { of_those_inside: true, ..Self::of_this_process(target)? })
    }

    /// Puts these directories of groups on this machine in place of the own groups of the hierarchies that they are in.
    pub fn put_in(&mut self, directories: impl IntoIterator<Item = impl AsRef<Path>>) {
        for directory in directories {
            let directory = directory.as_ref();
            // One hierarchy may be mounted below another.
            let holds = |hierarchy: &&mut Hierarchy| directory.starts_with(&hierarchy.mounted_at);
            let length = |hierarchy: &&mut Hierarchy| hierarchy.mounted_at.components().count();
            let Some(hierarchy) = self.hierarchies.iter_mut().filter(holds).max_by_key(length) else { continue };
            if let Ok(below) = directory.strip_prefix(&hierarchy.mounted_at) {
                hierarchy.group = Path::new("/").join(below);
            }
        }
    }

    /// What can be changed.
    #[must_use]
    pub fn access(mut self, access: CgroupAccess) -> Self {
        self.access = access;
        self
    }

    /// Whether there is version 2 and nothing else.
    pub(crate) fn is_unified(&self) -> bool {
        self.hierarchies.len() == 1 && self.hierarchies.iter().all(Hierarchy::is_unified)
    }

    /// Everything that is wrong with it but its target, a sentence each that begins with the field.
    pub(super) fn own_problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.hierarchies.is_empty() {
            problems.push("hierarchies has none".to_owned());
        }
        for (at, hierarchy) in self.hierarchies.iter().enumerate() {
            let place = format!("hierarchies[{at}]");
            for (name, path) in [("mounted_at", &hierarchy.mounted_at), ("group", &hierarchy.group)] {
                let found = path_problems(path).into_iter();
                problems.extend(found.map(|problem| format!("{place}.{name} {path:?} {problem}")));
                if path.components().any(|part| part == Component::ParentDir) {
                    problems.push(format!("{place}.{name} {path:?} leads out of it"));
                }
            }
            let is_name = |text: &str| {
                let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-=".contains(&byte);
                !matches!(text, "" | "." | ".." | "name=" | "name=." | "name=..") && text.bytes().all(fits)
            };
            if let Some(controller) = hierarchy.controllers.iter().find(|controller| !is_name(controller)) {
                problems.push(format!("{place}.controllers: {controller:?} is no name of one"));
            }
            let has = |other: &Hierarchy| {
                other.is_unified() && hierarchy.is_unified()
                    || other.controllers.iter().any(|one| hierarchy.controllers.contains(one))
            };
            if let Some(other) = self.hierarchies.iter().take(at).position(has) {
                problems.push(format!("{place} has what hierarchies[{other}] has already"));
            }
        }
        problems
    }
}

common_methods!(Cgroups);

impl Default for Cgroups {
    fn default() -> Self {
        Self::new("", [])
    }
}

/// The hierarchies of a /proc/PID/cgroup that are mounted, with where.
fn hierarchies(text: &str, mounts: &[MountInfo]) -> Vec<Hierarchy> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(names), Some(group)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let controllers: Vec<&str> = names.split(',').filter(|name| !name.is_empty()).collect();
        let is_it = |mount: &&MountInfo| {
            // What shows a part of it has no place for all of its groups.
            let options = mount.options.to_string_lossy();
            mount.root == Path::new("/")
                && match controllers.first() {
                    None => mount.kind == "cgroup2",
                    Some(first) => mount.kind == "cgroup" && options.split(',').any(|option| option == *first),
                }
        };
        if let Some(mount) = mounts.iter().find(is_it) {
            found.push(Hierarchy::of(controllers, &mount.target, group));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mounts, Setting, Steps};

    fn co_mounted() -> Vec<Hierarchy> {
        let mounts = b"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                       32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                       33 31 0:30 /part /elsewhere rw - cgroup cgroup rw,name=systemd\n\
                       34 31 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
                       35 31 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let text = "4:memory:/lost\n3:cpu,cpuacct:/a:b/c\n2:name=systemd:/user.slice\n0::/user.slice\n";
        hierarchies(text, &MountInfo::parse_all(mounts).unwrap())
    }

    fn words(cgroups: Cgroups, own_cgroup: bool) -> Vec<String> {
        let setting = Setting { own_cgroup, ..Setting::default() };
        let mounts = Mounts::new().add(cgroups);
        assert_eq!(mounts.problems(), [""; 0]);
        Steps::new(None, &mounts, setting).iter().skip(1).map(|step| step.to_string()).collect()
    }

    #[test]
    fn a_container_s_own_groups_are_put_in_where_it_has_some() {
        let mut view = Cgroups::new("/sys/fs/cgroup", co_mounted());
        view.put_in([
            "/sys/fs/cgroup/cpu,cpuacct/hive/web",
            "/sys/fs/cgroup/unified/hive/web",
            "/sys/fs/cgroup/pids/hive",
        ]);
        let groups: Vec<&Path> = view.hierarchies.iter().map(|hierarchy| hierarchy.group.as_path()).collect();
        assert_eq!(groups, ["/hive/web", "/user.slice", "/hive/web"].map(Path::new));
        let v2 = |at: &str| Hierarchy::unified(at, "/user.slice");
        let mut view = Cgroups::new("/sys/fs/cgroup", [v2("/sys/fs/cgroup")]);
        view.put_in(["/sys/fs/cgroup/hive"]);
        assert_eq!(view.hierarchies, [Hierarchy::unified("/sys/fs/cgroup", "/hive")]);
        // The name alone is not what a directory is in.
        let mut view = Cgroups::new("/sys/fs/cgroup", [v2("/sys/fs/cgroup/uni")]);
        view.put_in(["/sys/fs/cgroup/unified/hive"]);
        assert_eq!(view.hierarchies, [v2("/sys/fs/cgroup/uni")]);
    }

    #[test]
    fn hierarchies_are_found_where_the_whole_of_them_is_mounted() {
        assert_eq!(
            co_mounted(),
            [
                Hierarchy::of(["cpu", "cpuacct"], "/sys/fs/cgroup/cpu,cpuacct", "/a:b/c"),
                Hierarchy::of(["name=systemd"], "/sys/fs/cgroup/systemd", "/user.slice"),
                Hierarchy::unified("/sys/fs/cgroup/unified", "/user.slice"),
            ]
        );
    }

    #[test]
    fn in_a_namespace_they_are_mounted_anew_and_outside_bound() {
        let all = "nosuid, nodev, noexec";
        assert_eq!(
            words(Cgroups::new("/c", co_mounted()), true),
            [
                format!("mount tmpfs on \"/c\" (mode 0755, size 64 KiB, {all})"),
                format!("mount cgroup on \"/c/cpu,cpuacct\" (cpu, cpuacct, read-only, {all})"),
                "make the link \"/c/cpu\" to \"cpu,cpuacct\"".to_owned(),
                "make the link \"/c/cpuacct\" to \"cpu,cpuacct\"".to_owned(),
                format!("mount cgroup on \"/c/systemd\" (none, name=systemd, read-only, {all})"),
                format!("mount cgroup2 on \"/c/unified\" (read-only, {all})"),
                "make \"/c\" read-only, without what is mounted below it".to_owned(),
            ]
        );
        let alone = || vec![Hierarchy::unified("/sys/fs/cgroup", "/a/b")];
        assert_eq!(
            words(Cgroups::new("/c", alone()).access(CgroupAccess::Mixed), true),
            [format!("mount cgroup2 on \"/c\" ({all})")]
        );
        assert_eq!(
            words(Cgroups::new("/c", alone()), false),
            [format!("bind \"/sys/fs/cgroup/a/b\" to \"/c\" (read-only, {all})")]
        );
        assert_eq!(
            words(Cgroups::new("/c", alone()).access(CgroupAccess::Mixed), false),
            [
                format!("bind \"/sys/fs/cgroup\" to \"/c\" (read-only, {all})"),
                format!("bind \"/sys/fs/cgroup/a/b\" to \"/c/a/b\" ({all})"),
            ]
        );
        let mixed = words(Cgroups::new("/c", co_mounted()).access(CgroupAccess::Mixed), false);
        assert_eq!(mixed[2], format!("bind \"/sys/fs/cgroup/cpu,cpuacct/a:b/c\" to \"/c/cpu,cpuacct/a:b/c\" ({all})"));
    }

    #[test]
    fn what_makes_no_view_is_told() {
        let cgroups = Cgroups::new(
            "/c",
            [
                Hierarchy::of(["cpu"], "sys", "/../x"),
                Hierarchy::of(["cpu", "a/b"], "/sys", "/"),
                Hierarchy::unified("/a", "/"),
                Hierarchy::unified("/b", "/"),
            ],
        );
        assert_eq!(
            Mounts::new().add(cgroups).add(Cgroups::new("/d", [])).problems(),
            [
                "mounts[0].hierarchies[0].mounted_at \"sys\" is not absolute",
                "mounts[0].hierarchies[0].group \"/../x\" leads out of it",
                "mounts[0].hierarchies[1].controllers: \"a/b\" is no name of one",
                "mounts[0].hierarchies[1] has what hierarchies[0] has already",
                "mounts[0].hierarchies[3] has what hierarchies[2] has already",
                "mounts[1].hierarchies has none",
            ]
        );
    }
}
