// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits: what was asked for, what is the default, and what can be had here.
//!
//! A limit that was asked for and cannot be had is a failure; a default is left out, and that is said. The number of
//! processes is limited twice for an ordinary user: setrlimit(2) knows it too, in a user namespace of its own.

use std::path::Path;

use nix::sys::resource::getrlimit;
use skep::caps_sec::{Resource, Rlimit};
use skep::cgroup::{Bytes, Lack, Layout, Limits};

use crate::arguments::{Arguments, Asked};

/// Processes and threads, where nothing else was said: more than a build needs, less than a machine suffers from.
const PIDS: u64 = 1024;

/// The first kernel that counts the processes of a user in each user namespace by itself.
const COUNTED_APART: (u32, u32) = (5, 14);

/// What the command may use.
#[derive(Debug, Default)]
pub(crate) struct Confinement {
    /// What the cgroup sees to.
    pub(crate) limits: Limits,
    /// What the process's own limits see to.
    pub(crate) rlimits: Vec<Rlimit>,
    /// In words: what is limited.
    pub(crate) limited: Vec<String>,
    /// In words: what could not be.
    pub(crate) missing: Vec<String>,
}

/// What the arguments ask for, as far as it can be had.
///
/// # Errors
/// A sentence for each limit that was asked for and cannot be had.
pub(crate) fn confine(arguments: &Arguments, user_namespace: bool) -> Result<Confinement, Vec<String>> {
    let memory = match arguments.memory {
        Asked::Default => half_of_the_memory(),
        Asked::Unlimited => None,
        Asked::Limit(bytes) => Some(bytes),
    };
    let pids = match arguments.pids {
        Asked::Default => Some(PIDS),
        Asked::Unlimited => None,
        Asked::Limit(count) => Some(count),
    };
    let mut limits = Limits::new();
    let mut found = Confinement::default();
    if let Some(bytes) = memory {
        limits = limits.memory_max(bytes);
        // What does not fit would go there, and slow down everybody.
        if has_swap() {
            limits = limits.swap_max(Bytes::new(0));
        }
    }
    if let Some(count) = pids {
        limits = limits.pids_max(count);
    }
    if let Asked::Limit(quota) = arguments.cpus {
        limits = limits.cpu(quota);
    }
    found.rlimits.push(Rlimit::both(Resource::Core, 0));
    let by_process = pids.filter(|_| user_namespace && kernel().is_some_and(|version| version >= COUNTED_APART));
    // What this account has already is not raised.
    let most = getrlimit(nix::sys::resource::Resource::RLIMIT_NPROC).map_or(u64::MAX, |(_, hard)| hard);
    let by_process = by_process.map(|count| count.min(most));
    found.rlimits.extend(by_process.map(|count| Rlimit::both(Resource::Nproc, count)));
    let lacks = lacks(&limits);
    let mut refused = Vec::new();
    for (name, is_wanted, is_demanded, words) in [
        (
            "memory",
            memory.is_some(),
            is_limit(arguments.memory),
            memory.map(|bytes| format!("{} of memory", bytes.human())),
        ),
        (
            "pids",
            pids.is_some(),
            is_limit(arguments.pids),
            by_process.or(pids).map(|count| format!("{count} processes")),
        ),
        ("cpu", is_limit(arguments.cpus), true, cpus(arguments)),
    ] {
        let lack = lacks.iter().find(|lack| lack.limit().is_none_or(|limit| limit.starts_with(name)));
        match lack {
            _ if !is_wanted => {}
            Some(_) if name == "pids" && by_process.is_some() => found.limited.extend(words),
            Some(lack) if is_demanded => refused.push(format!("--{}: {lack}", option(name))),
            Some(lack) => found.missing.push(format!("{} is not limited: {lack}", what(name))),
            None => found.limited.extend(words),
        }
    }
    let has_a_group = lacks.iter().all(|lack| lack.limit().is_some());
    found.limits = if has_a_group { limits.without(&lacks) } else { Limits::new() };
    if refused.is_empty() { Ok(found) } else { Err(refused) }
}

fn is_limit<T>(asked: Asked<T>) -> bool {
    matches!(asked, Asked::Limit(_))
}

fn option(controller: &str) -> &str {
    if controller == "cpu" { "cpus" } else { controller }
}

fn what(controller: &str) -> &str {
    if controller == "pids" { "the number of processes" } else { controller }
}

fn cpus(arguments: &Arguments) -> Option<String> {
    let Asked::Limit(quota) = arguments.cpus else { return None };
    let time = quota.time().limit()?.as_u64();
    let thousandths = time.saturating_mul(1000) / quota.period().as_u64().max(1);
    Some(format!("{}.{:03} processors", thousandths / 1000, thousandths % 1000))
}

/// What of the limits cannot be had in a cgroup of our own here.
fn lacks(limits: &Limits) -> Vec<Lack> {
    // Any group that is not there: ours will be beside it.
    Layout::detect().and_then(|layout| layout.assess(Path::new("/skep-run-to-be"), limits)).unwrap_or_default()
}

fn half_of_the_memory() -> Option<Bytes> {
    field_of_meminfo("MemTotal:").map(|total| Bytes::new(total / 2))
}

fn has_swap() -> bool {
    field_of_meminfo("SwapTotal:").is_some_and(|total| total > 0)
}

/// A field of /proc/meminfo, in bytes.
fn field_of_meminfo(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The kernel's version.
fn kernel() -> Option<(u32, u32)> {
    let name = nix::sys::utsname::uname().ok()?;
    let mut numbers = name.release().to_str()?.split(['.', '-']).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
