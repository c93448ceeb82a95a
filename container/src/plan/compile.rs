// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a description and the facts of a host to a plan. Pure: looks at nothing but its arguments.
//!
//! The order, and why: the parent claims the name before it makes anything else, and makes the cgroup before there is a
//! process to limit; mounts that take its own rights it makes before there is a process to hand them to. In the child, mounts are cut off from the outside before the first is made, and made before the root
//! is changed, while their sources can be seen; switches of namespaces are set after
//! the mounts, by the machine's /proc that was kept at hand, as root of the user namespace, and that /proc is let go of
//! before a path is entered; a cgroup namespace is unshared after the joins, not cloned, since on v1 it
//! is rooted where its maker is; limits on resources and the bounding set need rights that the next step takes away; the
//! user is become after everything that needs root's capabilities; the other sets follow, since a change of ids clears
//! them; dumpable goes off after the parent has written the id maps, which the wait for `Go` makes sure of; the death
//! signal comes after the last change of ids, which would clear it; system calls are filtered before the init forks, which
//! then gains nothing for a program that gets hold of it (without no_new_privileges long before, while there is the right
//! to: `under_filter.rs` sees to it that the filter lets the rest be done); a terminal is made by the program's user, for
//! the session; the init forks when it has no more rights than the program, and leads that session; the directory is
//! entered last of all paths, as the program's user.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use skep_caps_sec::{Filter, Policy, Steps as Rights};
use skep_ns::{NamespaceFlags, NamespaceKind};
use skep_rootfs::{Mount, Mounts, Setting, Steps};

use super::flatten::{self, PlanBuf};
use super::step::{CLOCKS, Step};
use super::under_filter::UnderFilter;
use super::{Entering, Plan, Purpose};
use crate::error::{Error, Object};
use crate::floors::{caps_sec, rootfs};
use crate::host::{Host, Who};
use crate::spec::{Hooks, Spec, TerminalSpec};

/// What the program's name is looked for in when its environment has no `PATH`.
const PATH_DEFAULT: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const SIGKILL: u32 = 9;

impl Plan {
    /// Compiles `spec` for `host`, under this name if it has one; `problems` are those that its giver has found already.
    ///
    /// # Errors
    /// `Invalid` with every problem of the description, each with its place; with every limit that cannot be applied on
    /// this host, unless the description leaves that to the host.
    pub(crate) fn compile(
        name: Option<&str>,
        spec: &Spec,
        host: &Host,
        mut problems: Vec<String>,
    ) -> Result<Self, Error> {
        let object = || Object::Container(name.map(str::to_owned));
        problems.extend(spec.problems());
        problems.extend(host.problems(name, spec));
        let (cgroup, mut notes) = match host.cgroup_for(&spec.resources) {
            Ok(planned) => planned,
            Err(lacks) => {
                problems.extend(lacks);
                (None, Vec::new())
            }
        };
        if !problems.is_empty() {
            return Err(Error::invalid("create", object(), problems));
        }
        let who = host.who(spec).map_err(|problem| Error::invalid("create", object(), vec![problem]))?;
        notes.extend(who.left_out.iter().cloned());
        let mut plan = PlanBuf::default();
        if !spec.sysctls.is_empty() || spec.time_offsets.is_some() {
            plan.step(Step::Proc { held: true });
        }
        clocks(&mut plan, spec);
        if spec.hooks.has_inside() {
            // Before ids are changed for the first time, which hides it from a caller without privileges.
            plan.step(Step::Wait { hooks: false });
        }
        let group = cgroup.as_ref().map(|cgroup| cgroup.directories.as_slice()).unwrap_or_default();
        let trees = disk(&mut plan, spec, (&who, host.caller), group).filter(Steps::need_preparing);
        if let Some(hostname) = &spec.hostname {
            plan.step(Step::Hostname { name: &text(hostname) });
        }
        if let Some(domainname) = &spec.domainname {
            plan.step(Step::Domainname { name: &text(domainname) });
        }
        if spec.namespaces.contains(NamespaceKind::Net) {
            plan.step(Step::Loopback);
        }
        if spec.namespaces.contains(NamespaceKind::Cgroup) {
            plan.step(Step::Unshare { flags: NamespaceFlags::CGROUP.bits() });
        }
        sysctls(&mut plan, spec, host.caller);
        let mut later = NamespaceFlags::CGROUP;
        if spec.time_offsets.is_some() {
            later |= NamespaceFlags::TIME;
        }
        let clone_flags = spec.namespaces.flags().difference(later).bits();
        let title = name.unwrap_or("skep");
        let Finished { flat, asks_about_exec } = finished(plan, spec, (host, &who), &mut notes, clone_flags, title)
            .map_err(|problems| Error::invalid("create", object(), problems))?;
        let id_map = spec.namespaces.id_map().cloned();
        let hooks = spec.hooks.clone();
        let name = name.map(str::to_owned);
        let (entering, joined) = host.neighbours.clone();
        let networks = host.networks.clone();
        Ok(Self {
            name,
            flat,
            id_map,
            cgroup,
            networks,
            notes,
            who,
            trees,
            hooks,
            asks_about_exec,
            entering,
            joined,
            purpose: Purpose::Create,
            fail: None,
        })
    }

    /// Compiles a program of `spec` into a container of this name that runs already, which was `described` so; its
    /// namespaces `spec` has too: nothing of those is made.
    ///
    /// # Errors
    /// `Invalid` with every problem of the program, each with its place.
    pub(crate) fn compile_into(
        name: Option<&str>,
        described: Option<&Spec>,
        spec: &Spec,
        host: &Host,
        entering: Entering,
        mut problems: Vec<String>,
    ) -> Result<Self, Error> {
        problems.extend(spec.problems_of_program());
        problems.extend(host.rights.problems(&spec.process));
        let who = host.who(spec).unwrap_or_else(|problem| {
            // Where there are others, that is for them.
            problems.extend(problems.is_empty().then_some(problem));
            Who::default()
        });
        let mut notes = who.left_out.clone();
        let mut plan = PlanBuf::default();
        if !entering.made.is_empty() {
            plan.step(Step::Unshare { flags: entering.made.bits() });
        }
        if described.is_some_and(has_own_null) {
            plan.step(Step::Null);
        }
        let done = if problems.is_empty() {
            finished(plan, spec, (host, &who), &mut notes, 0, name.unwrap_or("skep"))
        } else {
            Err(problems)
        };
        let object = || Object::Container(name.map(str::to_owned));
        let Finished { flat, asks_about_exec } =
            done.map_err(|problems| Error::invalid("execute a program in", object(), problems))?;
        let name = name.map(str::to_owned);
        Ok(Self {
            name,
            flat,
            id_map: None,
            cgroup: None,
            networks: Vec::new(),
            notes,
            who,
            trees: None,
            hooks: Hooks::default(),
            asks_about_exec,
            entering,
            joined: String::new(),
            purpose: Purpose::Further,
            fail: None,
        })
    }
}

/// A plan that is laid out.
struct Finished {
    flat: Vec<u8>,
    /// Whether a supervisor may be asked about the exec of the program.
    asks_about_exec: bool,
}

/// Lays the plan out, once everything around the program is in it; all problems if that cannot be.
fn finished(
    mut plan: PlanBuf,
    spec: &Spec,
    (host, who): (&Host, &Who),
    notes: &mut Vec<String>,
    clone_flags: u64,
    title: &str,
) -> Result<Finished, Vec<String>> {
    let identity = who.user.or(spec.id_map().map(|_| (0, 0)));
    let mut rights = spec.process.privileges();
    let (landlock, left_out) = host.rights.landlock_for(&spec.process);
    rights.landlock = landlock;
    notes.extend(left_out);
    let rights = rights.steps(identity.map(|(uid, _)| uid));
    give_up(&mut plan, spec, (identity, &who.groups), &rights);
    process(&mut plan, spec, who, &rights);
    let title = CString::new(format!("{title} [setup]")).unwrap_or_default();
    let mut flat = plan.finish(clone_flags, &title).ok_or_else(|| {
        vec![format!("the description is larger than a plan can be: 4 GiB, {} steps", crate::wire::STEPS_MAX)]
    })?;
    let start = match (rights.filter(), &spec.process.rights.seccomp) {
        // What is wrong with the policy itself was found before; what is left is its size.
        (Some(filter), Some(policy)) if filter.len() == 0 => {
            UnderFilter { problems: too_large(policy), ..UnderFilter::default() }
        }
        (Some(filter), Some(policy)) => UnderFilter::of(policy, filter, &flat, host.is_left),
        _ => UnderFilter::default(),
    };
    if !start.problems.is_empty() {
        return Err(start.problems);
    }
    if start.asks_about_look {
        flatten::set_blind(&mut flat);
    }
    Ok(Finished { flat, asks_about_exec: start.asks_about_exec })
}

/// What the compiler has against a policy.
fn too_large(policy: &Policy) -> Vec<String> {
    let error = policy.compile().err();
    let problems = error.iter().flat_map(skep_caps_sec::Error::problems);
    problems.map(|problem| format!("process.rights.seccomp.{problem}")).collect()
}

/// First of all, as who made the child, whose the file is. What is cloned into a time namespace is in it at once, and its
/// clocks stand: who unshares it can still set them, and is in it after its next fork or exec.
fn clocks(plan: &mut PlanBuf, spec: &Spec) {
    let Some(offsets) = &spec.time_offsets else { return };
    plan.step(Step::Unshare { flags: NamespaceFlags::TIME.bits() });
    plan.step(Step::Sysctl { path: CLOCKS, value: &text(offsets.to_string()) });
    if spec.sysctls.is_empty() {
        plan.step(Step::Proc { held: false });
    }
}

fn disk(plan: &mut PlanBuf, spec: &Spec, (who, caller): (&Who, (u32, u32)), group: &[PathBuf]) -> Option<Steps> {
    let mut waits = spec.hooks.has_while_made();
    let wait = Step::Wait { hooks: true };
    if !spec.namespaces.contains(NamespaceKind::Mount) {
        if waits {
            plan.step(wait);
        }
        return None;
    }
    let steps = Steps::new(
        spec.root.as_ref(),
        &as_seen_outside(spec, group),
        Setting { owner: owner(spec, who, caller), ..spec.setting() },
    );
    for step in steps.iter() {
        // Afterwards the files of the machine are out of reach.
        if matches!(step, rootfs::Step::Pivot | rootfs::Step::ChrootAlone) && std::mem::take(&mut waits) {
            plan.step(wait);
        }
        plan.step(Step::Disk(step));
    }
    if waits {
        plan.step(wait);
    }
    if has_own_null(spec) {
        plan.step(Step::Null);
    }
    Some(steps)
}

/// Whether the container has a null device of its own, in a root of its own: the machine's is none of its business then.
fn has_own_null(spec: &Spec) -> bool {
    let has_devices = |mount: &Mount| matches!(mount, Mount::Dev(dev) if dev.target == Path::new("/dev"));
    spec.root.is_some() && spec.mounts.mounts.iter().any(has_devices)
}

/// Whose is what the child makes on disk, if not the caller's, who the child still is then: root's in its user namespace,
/// and where that has none its user's.
fn owner(spec: &Spec, who: &Who, caller: (u32, u32)) -> Option<(u32, u32)> {
    let map = spec.id_map()?;
    let user = who.user.unwrap_or_default();
    let uid = if map.outside_uid(0).is_some() { 0 } else { user.0 };
    let gid = if map.outside_gid(0).is_some() { 0 } else { user.1 };
    let is_caller = (map.outside_uid(uid), map.outside_gid(gid)) == (Some(caller.0), Some(caller.1));
    (!is_caller).then_some((uid, gid))
}

/// After the mounts, whose sources may be the caller's alone; while there still is every right.
fn sysctls(plan: &mut PlanBuf, spec: &Spec, caller: (u32, u32)) {
    if spec.sysctls.is_empty() {
        return;
    }
    let root = spec.id_map().and_then(|map| map.outside_uid(0));
    if root.is_some_and(|outside| outside != caller.0) {
        plan.step(Step::Root);
    }
    for (key, value) in spec.sysctls.iter() {
        let path = key.path();
        plan.step(Step::Sysctl { path: &text(path.strip_prefix("/proc").unwrap_or(&path)), value: &text(value) });
    }
    // By its number the working directory could be one outside of the root (CVE-2024-21626).
    plan.step(Step::Proc { held: false });
}

/// The mounts, with owners as the parent sees them, who makes the devices, and with the directories of the container's group.
fn as_seen_outside<'a>(spec: &'a Spec, group: &[PathBuf]) -> Cow<'a, Mounts> {
    let mut mounts = Cow::Borrowed(&spec.mounts);
    for (at, mount) in spec.mounts.mounts.iter().enumerate() {
        if matches!(mount, Mount::Cgroups(view) if view.of_those_inside)
            && let Some(Mount::Cgroups(view)) = mounts.to_mut().mounts.get_mut(at)
        {
            view.put_in(group);
        }
    }
    let Some(map) = spec.id_map() else { return mounts };
    for (at, mount) in spec.mounts.mounts.iter().enumerate() {
        if let Mount::Device(device) = mount
            && let (Some(uid), Some(gid)) = (map.outside_uid(device.owner.0), map.outside_gid(device.owner.1))
            && let Some(Mount::Device(device)) = mounts.to_mut().mounts.get_mut(at)
        {
            device.owner = (uid, gid);
        }
    }
    mounts
}

/// Who the program is and what it may do, in the one order in which the kernel lets it be given up.
fn give_up(plan: &mut PlanBuf, spec: &Spec, (identity, groups): (Option<(u32, u32)>, &[u32]), rights: &Rights) {
    for step in rights.before_identity() {
        plan.step(right(step, spec, rights));
    }
    if let Some((uid, gid)) = identity {
        if !groups.is_empty() {
            plan.step(Step::Groups { list: &groups.iter().flat_map(|gid| gid.to_ne_bytes()).collect::<Vec<u8>>() });
        }
        let denied = spec.id_map().is_some_and(|map| map.denies_setgroups());
        let drop_groups = groups.is_empty() && !denied;
        plan.step(Step::Become { uid, gid, drop_groups });
    }
    for step in rights.after_identity() {
        plan.step(Step::Right(step));
    }
}

/// A step of what the program may do. A filter that asks somebody is loaded so that the caller is asked.
fn right<'a>(step: caps_sec::Step<'a>, spec: &Spec, rights: &Rights) -> Step<'a> {
    match step {
        caps_sec::Step::Seccomp { program, .. } if rights.filter().is_some_and(Filter::asks_supervisor) => {
            Step::Supervise { program, flags: spec.process.rights.seccomp_loading.flags(true) }
        }
        step => Step::Right(step),
    }
}

fn process(plan: &mut PlanBuf, spec: &Spec, who: &Who, rights: &Rights) {
    let process = &spec.process;
    if spec.die_with_caller {
        plan.step(Step::DieWithCaller { signal: SIGKILL });
    }
    if !process.in_caller_session {
        plan.step(Step::Session);
    }
    for step in rights.last() {
        plan.step(right(step, spec, rights));
    }
    if let Some(terminal) = &process.terminal {
        let (rows, columns) = terminal.size.unwrap_or_default();
        plan.step(Step::Terminal { streams: terminal.bits(), rows, columns });
    }
    // After the terminal: who leads its session stays, and the program is in a group that can be stopped and go on.
    if spec.init {
        let terminal = process.terminal.as_ref().map_or(0, TerminalSpec::bits);
        plan.step(Step::Init { own_group: !process.in_caller_session, shown: spec.id_map().is_some(), terminal });
    }
    if let Some(mask) = process.umask {
        plan.step(Step::Umask { mask });
    }
    if let Some(directory) = &process.directory {
        plan.step(Step::Directory { path: &text(directory) });
    }
    for path in candidates(spec) {
        plan.program(&path);
    }
    plan.arg(&text(process.arg0.as_ref().unwrap_or(&process.program)));
    for arg in &process.args {
        plan.arg(&text(arg));
    }
    let home = who.home.as_ref().map(|home| (OsString::from("HOME"), home.clone()));
    for (key, value) in environment(&process.env).chain(&home) {
        let mut entry = key.clone();
        entry.push("=");
        entry.push(value);
        plan.env(&text(&entry));
    }
}

/// Each variable once, with the value that was set last.
fn environment(env: &[(OsString, OsString)]) -> impl Iterator<Item = &(OsString, OsString)> {
    let last: HashMap<&OsString, usize> = env.iter().enumerate().map(|(at, (key, _))| (key, at)).collect();
    env.iter().enumerate().filter(move |(at, (key, _))| last.get(key) == Some(at)).map(|(_, variable)| variable)
}

/// Where the program may be: its path, or its name in each directory of the `PATH` that it will have.
fn candidates(spec: &Spec) -> Vec<CString> {
    let program = &spec.process.program;
    if program.as_bytes().contains(&b'/') {
        return vec![text(program)];
    }
    let path = spec.process.env.iter().rev().find(|(key, _)| key == "PATH");
    let path = path.map_or_else(|| OsString::from(PATH_DEFAULT), |(_, value)| value.clone());
    std::env::split_paths(&path).map(|directory| text(directory.join(program))).collect()
}

/// Text that validation found free of NUL bytes.
fn text(text: impl AsRef<OsStr>) -> CString {
    let mut bytes = text.as_ref().to_os_string().into_vec();
    bytes.retain(|byte| *byte != 0);
    CString::new(bytes).unwrap_or_default()
}
