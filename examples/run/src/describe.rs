// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the arguments to a container: who it is, what it sees, what it may.

use std::path::Path;

use skep::caps_sec::{CapSet, Capabilities, Policy, Privileges};
use skep::ns::{IdMap, NamespaceKind, Namespaces};
use skep::{Builder, Container};

use crate::arguments::{Arguments, Network};
use crate::files::{self, Files, Kept};
use crate::leftovers;
use crate::limits::{self, Confinement};
use crate::summary::Summary;
use crate::terminal::Caller;
use crate::user;

/// A container to be, and what is said of it.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) builder: Builder,
    pub(crate) summary: Summary,
    /// Where its changes are kept.
    pub(crate) kept: Option<Kept>,
}

/// The container that the arguments ask for.
///
/// # Errors
/// Everything that is wrong, a sentence each.
pub(crate) fn describe(arguments: &Arguments, caller: Option<&Caller>) -> Result<Described, Vec<String>> {
    // The only map that an ordinary user may write alone is one of that user.
    let user_namespace = !nix::unistd::geteuid().is_root();
    let mut problems = Vec::new();
    let seen = arguments.root.as_deref().unwrap_or(Path::new("/"));
    let ids = arguments.user.as_deref().map(|text| user::find(text, seen)).transpose();
    let ids = ids.map_err(|problem| problems.push(problem)).unwrap_or_default();
    let confinement = limits::confine(arguments, user_namespace).map_err(|lacks| problems.extend(lacks));
    let files = files::describe(arguments, user_namespace).map_err(|problem| problems.push(problem));
    let (Ok(confinement), Ok(files), true) = (confinement, files, problems.is_empty()) else { return Err(problems) };
    use NamespaceKind::{Cgroup, Ipc, Mount, Net, Pid, Uts};
    let mut namespaces = Namespaces::new().make([Mount, Pid, Uts, Ipc, Cgroup]);
    if arguments.network == Network::None {
        namespaces = namespaces.make([Net]);
    }
    if user_namespace {
        let (uid, gid) = ids.unwrap_or((0, 0));
        namespaces = namespaces.user(IdMap::single(uid, gid));
    }
    let capabilities = CapSet::standard();
    let rights = Privileges::new().capabilities(Capabilities::exactly(capabilities)).no_new_privs();
    let has = rights.after_exec(ids.map_or(0, |(uid, _)| uid)).unwrap_or_default().effective;
    let summary = Summary::of(arguments, &namespaces, has, &files, &confinement);
    let Files { root, mounts, workdir, kept, .. } = files;
    let Confinement { limits, rlimits, .. } = confinement;
    // With a name it is written down before it is made, so that a cgroup does not outlive a skep-run that is killed.
    let builder = if limits.is_empty() { Container::anonymous() } else { Container::builder(leftovers::name()) };
    let mut builder = builder
        .namespaces(namespaces)
        .hostname(&arguments.hostname)
        .root_spec(root)
        .mounts(mounts)
        .limits(limits)
        .capabilities(capabilities)
        .seccomp(Policy::standard(capabilities))
        .no_new_privileges()
        .umask(0o022)
        .current_dir(workdir)
        .command(&arguments.program, &arguments.args)
        .die_with_caller();
    if let Some((uid, gid)) = ids {
        builder = builder.user(uid, gid);
    }
    if let Some(caller) = caller {
        builder = caller.furnish(builder);
    }
    if arguments.init {
        builder = builder.init();
    }
    if !arguments.clear_env {
        builder = builder.envs(std::env::vars_os());
    }
    builder = builder.envs(arguments.env.iter().cloned());
    let builder = rlimits.into_iter().fold(builder, Builder::rlimit);
    Ok(Described { builder, summary, kept })
}
