// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a description to a plan. Pure: looks at nothing but its arguments.
//!
//! The order, and why: mounts are cut off from the outside before the first is made; a cgroup namespace is unshared after
//! the joins, not cloned, since on v1 it is rooted where its maker is; the user is become after everything that needs
//! root's capabilities; dumpable goes off after the parent has written the id maps, which the wait for `Go` makes sure
//! of; the death signal comes after the last change of ids, which would clear it; the directory is entered last of all
//! paths, as the program's user.

use std::collections::HashMap;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use skep_ns::{NamespaceFlags, NamespaceKind};

use super::Plan;
use super::flatten::PlanBuf;
use super::step::Step;
use crate::error::{Error, ErrorKind, Object};
use crate::spec::{Mount, Spec};

/// What the program's name is looked for in when its environment has no `PATH`.
const PATH_DEFAULT: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const SIGKILL: u32 = 9;

impl Plan {
    /// Compiles `spec`.
    ///
    /// # Errors
    /// `Invalid` with every problem of the description, each with its place.
    pub fn compile(spec: &Spec) -> Result<Self, Error> {
        let problems = spec.problems();
        if !problems.is_empty() {
            return Err(Error::invalid("create", Object::Container(None), problems));
        }
        let mut plan = PlanBuf::default();
        mounts(&mut plan, spec);
        if let Some(name) = &spec.hostname {
            plan.step(Step::Hostname { name: &text(name) });
        }
        if spec.namespaces.contains(NamespaceKind::Net) {
            plan.step(Step::Loopback);
        }
        if spec.namespaces.contains(NamespaceKind::Cgroup) {
            plan.step(Step::Unshare { flags: NamespaceFlags::CGROUP.bits() });
        }
        process(&mut plan, spec);
        let clone_flags = spec.namespaces.flags().difference(NamespaceFlags::CGROUP).bits();
        let flat = plan.finish(clone_flags, c"skep [setup]").ok_or_else(|| {
            let why = "its description is larger than a plan can be: 4 GiB, 65533 steps".to_owned();
            Error::because("create", Object::Container(None), ErrorKind::Invalid, why)
        })?;
        Ok(Self { flat, id_map: spec.namespaces.id_map().cloned() })
    }
}

fn mounts(plan: &mut PlanBuf, spec: &Spec) {
    if spec.namespaces.contains(NamespaceKind::Mount) {
        plan.step(Step::ReceiveOnly);
    }
    for mount in &spec.mounts {
        match mount {
            Mount::Bind { source, target } => plan.step(Step::Bind { source: &text(source), target: &text(target) }),
            Mount::Proc { target } => plan.step(Step::Proc { target: &text(target) }),
        }
    }
}

fn process(plan: &mut PlanBuf, spec: &Spec) {
    let process = &spec.process;
    let in_user_namespace = spec.namespaces.id_map();
    if let Some((uid, gid)) = process.user.or(in_user_namespace.map(|_| (0, 0))) {
        let drop_groups = in_user_namespace.is_none_or(|map| !map.denies_setgroups());
        plan.step(Step::Become { uid, gid, drop_groups });
    }
    plan.step(Step::Undumpable);
    if spec.die_with_caller {
        plan.step(Step::DieWithCaller { signal: SIGKILL });
    }
    if process.new_session {
        plan.step(Step::Session);
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
    plan.arg(&text(&process.program));
    for arg in &process.args {
        plan.arg(&text(arg));
    }
    for (key, value) in environment(&process.env) {
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
