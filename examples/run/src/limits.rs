// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits: what was asked for, what is the default, and what can be had here.
//!
//! A limit that was asked for and cannot be had is a failure; a default is left out, and that is said. The number of
//! processes is limited twice for an ordinary user: setrlimit(2) knows it too, in a user namespace of its own.

use std::path::Path;

use nix::sys::resource::getrlimit;
use skep::caps_sec::{Resource, Rlimit};
use skep::cgroup::{Bytes, Lack, Layout, Limits, Quota};

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

/// A limit that is wanted.
struct Wish {
    /// The controller, by which the limits of a cgroup begin.
    controller: &'static str,
    /// What it is a limit of.
    of: &'static str,
    /// The option that asked for it; none asks for a default.
    option: Option<&'static str>,
    /// In words.
    words: String,
    /// Whether the process's own limits see to it where a cgroup does not.
    is_met: bool,
}

/// What the arguments ask for, as far as it can be had.
///
/// # Errors
/// A sentence for each limit that was asked for and cannot be had.
pub(crate) fn confine(arguments: &Arguments, user_namespace: bool) -> Result<Confinement, Vec<String>> {
    let mut found = Confinement { rlimits: vec![Rlimit::both(Resource::Core, 0)], ..Confinement::default() };
    let mut limits = Limits::new();
    let mut wishes = Vec::new();
    if let Some((bytes, option)) = wanted(arguments.memory, half_of_the_memory(), "--memory") {
        limits = limits.memory_max(bytes);
        // What does not fit would go there, and slow down everybody.
        if has_swap() {
            limits = limits.swap_max(Bytes::new(0));
        }
        let words = format!("{} of memory", bytes.human());
        wishes.push(Wish { controller: "memory", of: "memory", option, words, is_met: false });
    }
    if let Some((count, option)) = wanted(arguments.pids, Some(PIDS), "--pids") {
        limits = limits.pids_max(count);
        let of_the_account = user_namespace.then(|| of_the_account(count)).flatten();
        found.rlimits.extend(of_the_account.map(|count| Rlimit::both(Resource::Nproc, count)));
        let words = format!("{} processes", of_the_account.unwrap_or(count));
        let is_met = of_the_account.is_some();
        wishes.push(Wish { controller: "pids", of: "the number of processes", option, words, is_met });
    }
    if let Some((quota, option)) = wanted(arguments.cpus, None, "--cpus") {
        limits = limits.cpu(quota);
        wishes.push(Wish { controller: "cpu", of: "processor time", option, words: processors(quota), is_met: false });
    }
    let lacks = lacks(&limits);
    let mut refused = Vec::new();
    match arguments.pids {
        Asked::Limit(0) => refused.push("--pids: 0 lets no process start".to_owned()),
        Asked::Limit(1) if arguments.init => {
            refused.push("--pids: 1 has no room for the command beside its init: 2, or --no-init".to_owned());
        }
        _ => {}
    }
    for wish in wishes {
        let is_its = |lack: &&Lack| lack.limit().is_none_or(|limit| limit.starts_with(wish.controller));
        match (lacks.iter().find(is_its), wish.option) {
            (Some(lack), Some(option)) if !wish.is_met => refused.push(format!("{option}: {lack}")),
            (Some(lack), None) if !wish.is_met => found.missing.push(format!("{} is not limited: {lack}", wish.of)),
            _ => found.limited.push(wish.words),
        }
    }
    let has_a_group = lacks.iter().all(|lack| lack.limit().is_some());
    found.limits = if has_a_group { limits.without(&lacks) } else { Limits::new() };
    if refused.is_empty() { Ok(found) } else { Err(refused) }
}

/// The limit that is wanted, if one is, and the option that asked for it.
fn wanted<T>(asked: Asked<T>, default: Option<T>, option: &'static str) -> Option<(T, Option<&'static str>)> {
    match asked {
        Asked::Default => Some((default?, None)),
        Asked::Unlimited => None,
        Asked::Limit(limit) => Some((limit, Some(option))),
    }
}

/// How many processes the account may have in a user namespace of its own, where the kernel counts them apart. What it has
/// as a limit already is not raised.
fn of_the_account(count: u64) -> Option<u64> {
    kernel().filter(|version| *version >= COUNTED_APART)?;
    let most = getrlimit(nix::sys::resource::Resource::RLIMIT_NPROC).map_or(u64::MAX, |(_, hard)| hard);
    Some(count.min(most))
}

fn processors(quota: Quota) -> String {
    let time = quota.time().limit().map_or(0, |time| time.as_u64());
    let thousandths = time.saturating_mul(1000) / quota.period().as_u64().max(1);
    format!("{}.{:03} processors", thousandths / 1000, thousandths % 1000)
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
