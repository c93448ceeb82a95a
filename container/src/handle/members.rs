// SPDX-License-Identifier: MIT OR Apache-2.0
//! The processes of a container: which there are, and signals to all of them.

use std::collections::HashSet;
use std::time::Duration;

use skep_ns::{Namespace, NamespaceKind, PidFd};

use super::running::Container;
use crate::error::{Error, ErrorKind};

/// A process of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Member {
    /// Its number in the caller's pid namespace, to show.
    pub pid: u32,
    /// Its number in the container's; `None` if it has ended since, or cannot be looked at.
    pub inside: Option<u32>,
}

/// How long the processes are held still at most while they are signalled.
const STILL: Duration = Duration::from_millis(500);

impl Container {
    /// Its processes at this moment, in the order of their numbers: those in its cgroup if it has one, else those in its pid
    /// namespace if that is its own, else its first process alone. None if it has ended, but for those that its cgroup has
    /// still: without a pid namespace of its own its other processes outlive its first.
    ///
    /// # Errors
    /// What looking at its cgroup or at /proc answers.
    /// # Privileges
    /// Those to look at the processes of its user, proc(5).
    #[doc(alias = "cgroup.procs")]
    pub fn processes(&self) -> Result<Vec<Member>, Error> {
        const OP: &str = "list the processes of";
        let failed = |error: skep_ns::Error| Error::of_leaf(OP, self.object(), error);
        let first = match self.first.process() {
            Some(first) if !first.has_ended().map_err(failed)? => Some(first),
            _ => None,
        };
        if first.is_none() && !self.was_started {
            // Who is in its group is its maker's.
            return Ok(Vec::new());
        }
        let namespace = first.and_then(|first| Namespace::of(first, NamespaceKind::Pid).ok());
        let pids = match self.cgroup()? {
            Some(group) => group.procs().map_err(|error| Error::of_leaf(OP, self.object(), error))?,
            None if first.is_none() => Vec::new(),
            None => self.pids_of_namespace(namespace.as_ref())?,
        };
        let inside = |pid: u32| namespace.as_ref().and_then(|namespace| namespace.pid_inside(pid).ok());
        Ok(pids.into_iter().map(|pid| Member { pid, inside: inside(pid) }).collect())
    }

    /// The numbers of all processes in its pid namespace, or in one below it.
    fn pids_of_namespace(&self, namespace: Option<&Namespace>) -> Result<Vec<u32>, Error> {
        let makes_one = self.spec().is_some_and(|spec| spec.namespaces.contains(NamespaceKind::Pid));
        let Some(namespace) = namespace.filter(|_| makes_one) else { return Ok(self.pid().into_iter().collect()) };
        let failed = |error: std::io::Error| Error::io("list the processes of", self.object(), &error);
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            if namespace.pid_inside(pid).is_ok() {
                found.push(pid);
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Sends `signal`, 1 to 64, to every [process](Self::processes) of the container. With a cgroup they stand still meanwhile,
    /// so that none that is born in between is missed; without one, those that fork may be.
    ///
    /// As for [`signal`](Self::signal) a process 1 without a handler hears none but `SIGKILL` and `SIGSTOP`.
    ///
    /// # Errors
    /// `WrongState` if its first process has ended, or it was never started, as for [`signal`](Self::signal), and nobody is left
    /// in its cgroup. Else the first refusal, after all have been tried: `Invalid` for what is no signal, `Denied` without the right. That one of the others
    /// has ended is none.
    /// # Privileges
    /// Those of kill(2) over each; with a cgroup, those to [freeze](Self::freeze) it.
    /// # Kernel
    /// Linux 5.3: pidfd_open(2).
    pub fn signal_all(&self, signal: i32) -> Result<(), Error> {
        const OP: &str = "signal the processes of";
        let group = self.cgroup()?;
        let alive = self.first.demand_alive(OP, || self.object());
        if alive.is_err() && self.processes()?.is_empty() {
            return alive.map(drop);
        }
        let failed = |error: skep_ns::Error| Error::of_leaf(OP, self.object(), error);
        if signal == SIGKILL
            && let Some(group) = group
        {
            return group.kill().map_err(|error| Error::of_leaf(OP, self.object(), error));
        }
        // One that cannot be frozen is signalled as it is.
        let held = !self.is_frozen() && group.as_ref().is_some_and(|group| group.freeze(STILL).is_ok());
        let done = self.processes().and_then(|processes| {
            let mut failure = None;
            let mut opened = Vec::with_capacity(processes.len());
            for member in processes {
                let process = match PidFd::open(member.pid) {
                    Ok(process) => process,
                    Err(error) if error.kind() == ErrorKind::NotFound => continue,
                    Err(error) => {
                        failure = failure.or(Some(failed(error)));
                        continue;
                    }
                };
                opened.push((member.pid, process));
            }
            // Held now: of those that are still among the container's the number was not given to another.
            let still: HashSet<u32> = self.processes()?.into_iter().map(|member| member.pid).collect();
            for (_, process) in opened.into_iter().filter(|(pid, _)| still.contains(pid)) {
                match process.signal(signal) {
                    Err(error) if error.kind() != ErrorKind::NotFound => failure = failure.or(Some(failed(error))),
                    _ => {}
                }
            }
            failure.map_or(Ok(()), Err)
        });
        if let Some(group) = group.filter(|_| held) {
            group.thaw(STILL).map_err(|error| Error::of_leaf(OP, self.object(), error))?;
        }
        done
    }
}

const SIGKILL: i32 = 9;
