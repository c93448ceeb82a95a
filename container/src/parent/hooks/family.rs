// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everybody of a hook: who is in the session that it leads, and who descends from any of these.
//!
//! They are held still one by one until nobody new is found, and killed then: in this order none of them can leave children
//! behind that are nobody's. Who has both left the session and lost his parent before is not known to be the hook's.
//!
//! Man: proc_pid_stat(5).

use std::collections::{HashMap, HashSet};
use std::io;

use rustix::process::{Pid, Signal};
use skep_ns::{ErrorKind, PidFd};

/// How often it is looked for more. Each time somebody new was found.
const ROUNDS: usize = 200;

/// Everybody who was found, by number; by descriptor too where the kernel has these.
pub(super) struct Held(HashMap<u32, Option<PidFd>>);

/// A process that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    parent: u32,
    session: u32,
}

/// Holds everybody still who is of the hook with this number, which has not been reaped.
pub(super) fn hold(hook: u32, process: &PidFd) -> Held {
    let mut held = HashMap::new();
    for _ in 0..ROUNDS {
        let table = table();
        // Its number was its own while the table was read.
        let leads = matches!(process.has_ended(), Ok(false));
        let of_hook = |entry: Entry, family: &HashSet<u32>| entry.session == hook || family.contains(&entry.parent);
        let mut family: HashSet<u32> = leads.then_some(hook).into_iter().chain(held.keys().copied()).collect();
        loop {
            let found = table.iter().filter(|(pid, entry)| !family.contains(pid) && of_hook(**entry, &family));
            let found: Vec<u32> = found.map(|(pid, _)| *pid).collect();
            if found.is_empty() {
                break;
            }
            family.extend(found);
        }
        let mut is_new = false;
        for pid in family.iter().copied().filter(|pid| *pid != hook && table.contains_key(pid)) {
            if held.contains_key(&pid) {
                continue;
            }
            let process = match PidFd::open(pid) {
                Ok(process) => Some(process),
                // By its number where there is no other way, which was its own a moment ago.
                Err(error) if error.kind() == ErrorKind::Unsupported => None,
                Err(_) => continue,
            };
            // Held first, looked at then: it may be another's by now.
            if entry(pid).is_some_and(|entry| of_hook(entry, &family)) {
                signal(pid, process.as_ref(), Signal::STOP);
                held.insert(pid, process);
                is_new = true;
            }
        }
        if !is_new {
            break;
        }
    }
    Held(held)
}

impl Held {
    /// Kills all of them.
    pub(super) fn kill(&self) {
        self.0.iter().for_each(|(pid, process)| signal(*pid, process.as_ref(), Signal::KILL));
    }
}

/// What cannot be signalled has ended, or is not the caller's to end.
fn signal(pid: u32, process: Option<&PidFd>, signal: Signal) {
    match process {
        Some(process) => drop(process.signal(signal.as_raw())),
        None => drop(by_number(pid).map(|pid| rustix::process::kill_process(pid, signal))),
    }
}

pub(super) fn by_number(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// All processes that have not ended; none by a /proc that numbers them otherwise than the caller's calls do.
fn table() -> HashMap<u32, Entry> {
    let own = std::fs::read_link("/proc/self").ok().and_then(|own| own.to_str()?.parse().ok());
    if own != Some(std::process::id()) {
        return HashMap::new();
    }
    let entries = std::fs::read_dir("/proc").into_iter().flatten().filter_map(io::Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, entry(pid)?))).collect()
}

/// Parent and session of a process that has not ended: fields 4 and 6 of /proc/PID/stat.
fn entry(pid: u32) -> Option<Entry> {
    let text = crate::procfs::read(format!("/proc/{pid}/stat")).ok()?;
    entry_in(&text)
}

fn entry_in(stat: &[u8]) -> Option<Entry> {
    // The second field is the process' own word for itself, and may have anything in it but for what follows the last ")".
    let at = stat.iter().rposition(|byte| *byte == b')')?;
    let mut rest = std::str::from_utf8(stat.get(at + 1..)?).ok()?.split_ascii_whitespace();
    match rest.next()? {
        "Z" | "X" => None,
        _ => Some(Entry { parent: rest.next()?.parse().ok()?, session: rest.nth(1)?.parse().ok()? }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parent_and_session_are_found_whatever_the_process_is_called() {
        let found = Some(Entry { parent: 1, session: 3 });
        for name in ["sh", "a b", ") S 1 2 3 (", "\n)"] {
            assert_eq!(entry_in(format!("7 ({name}) S 1 2 3 4 5\n").as_bytes()), found, "{name:?}");
            assert_eq!(entry_in(format!("7 ({name}) Z 1 2 3 4 5\n").as_bytes()), None, "{name:?}");
        }
        for text in ["", "7 (sh", "7 (sh) S 1", "7 (sh) S a b c"] {
            assert_eq!(entry_in(text.as_bytes()), None, "{text:?}");
        }
    }
}
