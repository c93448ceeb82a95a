// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processes, as `/proc` shows them.
//!
//! Man: proc_pid_stat(5).

use std::fmt;
use std::fs;

/// One process. Its number and its start are its identity: numbers are used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) started: u64,
    pub(crate) parent: i32,
    pub(crate) state: char,
    pub(crate) name: String,
}

impl Process {
    /// Reads one process; `None` when it is gone.
    pub(crate) fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        // The name is in parentheses and may hold spaces and parentheses of its own: the last one ends it.
        let (pid, rest) = stat.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        // Field 22 of the line; `fields` stands at the fifth.
        let started = fields.nth(17)?.parse().ok()?;
        Some(Self { pid: pid.parse().ok()?, started, parent, state, name: name.to_owned() })
    }

    /// Whether it has ended and was not waited for.
    pub(crate) fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let line = if line.trim().is_empty() { &self.name } else { line.trim() };
        write!(f, "process {} ({line})", self.pid)
    }
}

/// Every process that `/proc` shows.
pub(crate) fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(Process::read).collect()
}

/// Every process below `ancestor`, by the chain of parents.
pub(crate) fn descendants(ancestor: i32) -> Vec<Process> {
    let mut rest = all();
    let mut found: Vec<Process> = Vec::new();
    loop {
        let is_below =
            |process: &Process| process.parent == ancestor || found.iter().any(|parent| parent.pid == process.parent);
        let (below, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(is_below);
        if below.is_empty() {
            return found;
        }
        found.extend(below);
        rest = others;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_parentheses() {
        let line = "7 (a) b (c) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4242 0 0";
        let process = Process::parse(line).unwrap();
        assert_eq!((process.pid, process.parent, process.started), (7, 1, 4242));
        assert_eq!((process.name.as_str(), process.state), ("a) b (c", 'S'));
    }

    #[test]
    fn a_child_is_below_us_and_we_are_not_below_ourselves() {
        let us = i32::try_from(std::process::id()).unwrap();
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let below = descendants(us);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(below.iter().any(|process| process.pid == pid));
        assert!(below.iter().all(|process| process.pid != us));
    }
}
