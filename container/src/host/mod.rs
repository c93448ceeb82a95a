// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a plan depends on beside the description: the facts of this host, looked up before anything is made.

mod accounts;
#[cfg(feature = "oci")]
pub(crate) mod bundle;
mod network;
mod rights;
mod scope;

use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD};
use rustix::io::Errno;
use skep_cgroup::{Controller, Lack, Layout};
use skep_rootfs::{ErrorKind, Foreseen, Root, RootSpec};

use crate::error::{Error, Object};
use crate::plan::{CgroupPlan, Entering, NetworkPlan, UnitPlan};
use crate::spec::{Hook, Moment, Resources, Spec};
use crate::state::StateRoot;

pub(crate) use accounts::{Place, Who, denies_setgroups, look_up, process_denies_setgroups};
#[cfg(test)]
pub(crate) use network::planned as planned_networks;
pub(crate) use rights::Rights;

/// The facts of a host that matter to one description. What it does not need is not looked up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Host {
    /// Where cgroups are, and what of the limits cannot be applied there, if any are asked for.
    pub(crate) cgroups: Option<Cgroups>,
    /// What the kernel has of what the program may do.
    pub(crate) rights: Rights,
    /// What of the description this host does not have, or has otherwise, a sentence each.
    pub(crate) lacks: Vec<String>,
    /// The networks, with every name and number settled.
    pub(crate) networks: Vec<NetworkPlan>,
    /// Whether the name is in use.
    pub(crate) name_is_used: bool,
    /// The user and group that the child is until it has become its own.
    pub(crate) caller: (u32, u32),
    /// Who the program is, if that had to be looked up.
    pub(crate) who: Option<Who>,
    /// The namespaces of others that are joined, and the same in words.
    pub(crate) neighbours: (Entering, String),
    /// Whether its start is left to whoever comes.
    pub(crate) is_left: bool,
}

/// The cgroups of a host, looked at for one description.
#[derive(Debug, Clone)]
pub(crate) struct Cgroups {
    pub(crate) layout: Layout,
    /// Where the container's own would be.
    pub(crate) path: PathBuf,
    pub(crate) lacks: Vec<Lack>,
    /// The scope that systemd is to make, and the directories that its group will be.
    pub(crate) unit: Option<(UnitPlan, Vec<PathBuf>)>,
}

impl Host {
    /// Looks at this host. Changes nothing.
    pub(crate) fn probe(name: Option<&str>, spec: &Spec, state_root: &Path) -> Result<Self, Error> {
        let caller = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let mut host = Self { caller, ..Self::default() };
        if spec.resources.wants_cgroup() {
            let failed = |error| Error::of_leaf("find the cgroups of", Object::Named("this machine"), error);
            let path = spec.resources.cgroup.clone().unwrap_or_else(|| default_cgroup(name));
            // What is ours of our own groups matters to systemd alone.
            let layout = if spec.resources.scope.is_some() { Layout::detect() } else { Layout::locate() };
            let layout = layout.map_err(failed)?;
            if let Some(scope) = &spec.resources.scope {
                // What is wrong with it by itself is told.
                if scope.problems().is_empty() && spec.resources.limits.problems().is_empty() {
                    match scope::probe(name, &spec.resources, scope, layout) {
                        Ok(found) => host.cgroups = Some(found),
                        Err(lacks) => host.lacks.extend(lacks),
                    }
                }
            } else {
                match layout.assess(&path, &spec.resources.limits) {
                    Ok(lacks) => {
                        // One of the default names is nobody else's.
                        if spec.resources.cgroup.is_some() && is_there(&layout, &path) {
                            host.lacks
                                .push(format!("resources.cgroup: {path:?} is somebody else's: it is there already"));
                        }
                        host.cgroups = Some(Cgroups { layout, path, lacks, unit: None });
                    }
                    Err(error) => {
                        host.lacks
                            .extend(error.problems().iter().map(|problem| format!("resources.cgroup: {problem}")));
                    }
                }
            }
        }
        let (networks, absent) = network::probe(spec)?;
        host.networks = networks;
        host.lacks.extend(absent);
        host.rights = Rights::probe(&spec.process);
        let lacks = files(spec)?;
        if can_be_looked_into(spec) && !lacks.iter().any(|lack| lack.starts_with("root.")) {
            let files = Foreseen::new(spec.root.as_ref(), &spec.mounts, spec.setting());
            let setgroups_denied = denies_setgroups(spec.id_map(), caller);
            match look_up(spec, &Place { files, caller, setgroups_denied })? {
                Some(Ok(who)) => host.who = Some(who),
                Some(Err(problems)) => host.lacks.extend(problems),
                None => {}
            }
        }
        host.lacks.extend(lacks);
        host.lacks.extend(clocks(spec));
        host.lacks.extend(hooks(spec));
        if let Some(name) = name
            && crate::state::problem_of(name).is_none()
            && let Some(root) = StateRoot::open(state_root)?
        {
            host.name_is_used = root.find(name)?.is_some();
        }
        Ok(host)
    }

    /// Who the program is: as it was looked up, or as it is said. Nobody by a name that was not looked up.
    pub(crate) fn who(&self, spec: &Spec) -> Result<Who, String> {
        match &self.who {
            Some(who) => Ok(who.clone()),
            None if Who::is_looked_up(&spec.process) => Err("process.user: its names were not looked up".to_owned()),
            None => Ok(Who::said(&spec.process)),
        }
    }

    /// What of the description cannot be had on this host, a sentence each that begins with the place.
    pub(crate) fn problems(&self, name: Option<&str>, spec: &Spec) -> Vec<String> {
        let mut found: Vec<String> = name.and_then(crate::state::problem_of).into_iter().collect();
        if self.name_is_used {
            found
                .push(format!("name: {:?} is in use: delete that container, or take another name", name.unwrap_or("")));
        }
        found.extend(self.lacks.iter().cloned());
        found.extend(self.rights.problems(&spec.process));
        found
    }

    /// The cgroup to make, and what it will not do; an error with every limit that cannot be applied here.
    pub(crate) fn cgroup_for(&self, resources: &Resources) -> Result<(Option<CgroupPlan>, Vec<String>), Vec<String>> {
        let Some(Cgroups { layout, path, lacks, unit }) = &self.cgroups else { return Ok((None, Vec::new())) };
        if !lacks.is_empty() && !resources.where_possible {
            return Err(lacks.iter().map(|lack| format!("resources: {lack}")).collect());
        }
        let notes = lacks.iter().map(ToString::to_string).collect();
        let limits = resources.limits.without(lacks);
        if let Some((unit, directories)) = unit {
            let unit = UnitPlan { spec: unit.spec.clone().limits(limits.clone()), ..unit.clone() };
            let (layout, path, directories) = (layout.clone(), path.clone(), directories.clone());
            let controllers = Vec::new();
            return Ok((Some(CgroupPlan { layout, path, directories, controllers, limits, unit: Some(unit) }), notes));
        }
        let cannot_be_made = lacks.iter().any(|lack| lack.limit().is_none());
        if cannot_be_made || (limits.is_empty() && resources.cgroup.is_none()) {
            return Ok((None, notes));
        }
        let mut controllers: Vec<Controller> = limits.controllers().collect();
        if resources.every_controller {
            let is_to_be_had = |one: &Controller| layout.of(*one).is_some() && !controllers.contains(one);
            let more: Vec<Controller> = LIMITING.into_iter().filter(is_to_be_had).collect();
            controllers.extend(more);
        }
        let directories = layout.directories(path, controllers.iter().copied());
        let (layout, path) = (layout.clone(), path.clone());
        Ok((Some(CgroupPlan { layout, path, directories, controllers, limits, unit: None }), notes))
    }
}

/// What limits, counts or holds processes.
const LIMITING: [Controller; 9] = [
    Controller::Cpu,
    Controller::Cpuacct,
    Controller::Cpuset,
    Controller::Memory,
    Controller::Io,
    Controller::Pids,
    Controller::Devices,
    Controller::Freezer,
    Controller::Hugetlb,
];

/// Whether any hierarchy has a group of this path.
fn is_there(layout: &Layout, path: &Path) -> bool {
    let controllers = layout.hierarchies().iter().flat_map(|found| found.controllers().iter().copied());
    layout.directories(path, controllers).iter().any(|directory| rustix::fs::stat(directory).is_ok())
}

/// Directly below the root of each hierarchy: no directory of ours is left over when the last container has gone. With a
/// number that nobody else has: what is removed by this name later was made for this container, and for no other.
fn default_cgroup(name: Option<&str>) -> PathBuf {
    PathBuf::from(format!("/skep-{}-{:016x}", name.unwrap_or("anonymous"), token()))
}

/// Whether what it is made of can be looked at: what is wrong with the description itself is told without.
fn can_be_looked_into(spec: &Spec) -> bool {
    let problems = spec.root.iter().flat_map(RootSpec::problems).chain(spec.mounts.problems());
    problems.chain(spec.setting().problems(spec.root.as_ref(), &spec.mounts)).next().is_none()
}

/// What is wrong with the root directory and with the mounts in it, looked at through the root itself. What an ordinary
/// user may not look at is left to the child, who may be allowed more.
fn files(spec: &Spec) -> Result<Vec<String>, Error> {
    let mounts = &spec.mounts;
    let is_root_described_badly = spec.root.as_ref().is_some_and(|root| !root.problems().is_empty());
    if is_root_described_badly || (spec.root.is_none() && mounts.is_empty()) {
        return Ok(Vec::new());
    }
    let lacks = spec.root.iter().flat_map(RootSpec::lacks).map(|lack| format!("root.{lack}"));
    let of_mounts = |look: &dyn Fn() -> Vec<String>| if mounts.problems().is_empty() { look() } else { Vec::new() };
    let directory = match &spec.root {
        None => Path::new("/"),
        Some(root) => match root.directory() {
            Some(directory) => directory,
            None => return Ok(lacks.chain(of_mounts(&|| mounts.lacks())).collect()),
        },
    };
    match Root::open(directory) {
        Ok(root) => {
            let goes_elsewhere = spec.root.as_ref().is_some_and(|root| root.changes.go_elsewhere());
            let root = if goes_elsewhere { root.changes_go_elsewhere() } else { root };
            Ok(lacks.chain(of_mounts(&|| root.problems_of(mounts))).collect())
        }
        Err(error) if error.kind() == ErrorKind::Denied => Ok(Vec::new()),
        Err(error) if error.kind() == ErrorKind::Exhausted => {
            Err(Error::of_leaf("create", Object::Container(None), error).with_hint_of_limits())
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Ok(vec![format!("root.base.directory: {error}{cause}")])
        }
    }
}

/// Which hooks cannot be run.
fn hooks(spec: &Spec) -> Vec<String> {
    let lack = |hook: &Hook| {
        let program = &hook.program;
        if !program.is_absolute() {
            // That is told.
            return None;
        }
        match rustix::fs::accessat(CWD, program, Access::EXEC_OK, AtFlags::EACCESS) {
            Ok(()) if program.is_dir() => Some(format!("{program:?} is a directory")),
            Err(Errno::NOENT | Errno::NOTDIR) => Some(format!("there is no {program:?}")),
            Err(Errno::ACCESS) => Some(format!("{program:?} cannot be executed by this account")),
            Ok(()) | Err(_) => None,
        }
    };
    // What is in the container is seen when it is there.
    let here = spec.hooks.all().filter(|(moment, ..)| *moment != Moment::StartContainer);
    here.filter_map(|(_, place, hook)| Some(format!("{place}.program: {}", lack(hook)?))).collect()
}

/// Why clocks cannot be set on this kernel, if they are to be. Before Linux 6.2 nothing but a fork leads into the time
/// namespace that was unshared, which an init does.
fn clocks(spec: &Spec) -> Option<String> {
    const EXEC_ENTERS: (u32, u32) = (6, 2);
    spec.time_offsets?;
    let ns = Path::new("/proc/self/ns");
    if ns.is_dir() && !ns.join("time").exists() {
        return Some("time_offsets: this kernel has no time namespaces (CONFIG_TIME_NS)".to_owned());
    }
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse::<u32>().ok());
    let kernel = (numbers.next()?, numbers.next()?);
    (kernel < EXEC_ENTERS && !spec.init).then(|| {
        format!("time_offsets: without an init they take Linux 6.2, where executing a program enters a time namespace; this is {release}")
    })
}

/// A number that nobody guesses; where the kernel has none to give yet, one that is at least nobody else's now.
fn token() -> u64 {
    let mut bytes = [0; 8];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::NONBLOCK) {
        Ok(8) => u64::from_ne_bytes(bytes),
        _ => {
            let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
            (now.tv_sec.cast_unsigned() << 32) ^ now.tv_nsec.cast_unsigned() ^ u64::from(std::process::id())
        }
    }
}
