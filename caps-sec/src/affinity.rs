// SPDX-License-Identifier: MIT OR Apache-2.0
//! Affinity: the processors that a thread may run on.
//!
//! Man: sched_setaffinity(2).

use crate::error::Error;
use crate::floor::sys::{Errno, sched};
use crate::number_set::NumberSet;
use crate::scheduler::object;

/// The processors that thread `pid` may run on, or the calling one for 0.
///
/// # Errors
/// `NotFound` if there is no such thread.
#[doc(alias = "sched_getaffinity")]
pub fn cpu_affinity_of(pid: u32) -> Result<NumberSet, Error> {
    let mut room = [0_u8; NumberSet::END as usize / 8];
    let filled = sched::affinity(pid, &mut room)
        .map_err(|errno| Error::os("read the processors of", object(pid), errno.0.into()))?;
    let bytes = room.get(..filled).unwrap_or_default();
    let words: Vec<u64> =
        bytes.chunks_exact(8).filter_map(|word| word.try_into().ok().map(u64::from_ne_bytes)).collect();
    Ok(NumberSet::of_words(&words))
}

/// Has thread `pid`, or the calling one for 0, run on these processors alone, of those that its cpuset has; and what it
/// starts. Other threads of a process run where they did.
///
/// # Errors
/// `Invalid` for none, and where the machine, or the thread's cpuset, has none of them; `NotFound`; `Denied` for a thread of
/// another user.
/// # Privileges
/// `CAP_SYS_NICE` for a thread of another user.
#[doc(alias = "sched_setaffinity")]
pub fn apply_cpu_affinity_to(pid: u32, processors: &NumberSet) -> Result<(), Error> {
    const OP: &str = "choose the processors of";
    let problems = problems(processors);
    if !problems.is_empty() {
        return Err(Error::invalid(OP, object(pid), problems));
    }
    sched::set_affinity(pid, &processors.to_bytes()).map_err(|errno| {
        let error = Error::os(OP, object(pid), errno.0.into());
        if errno == Errno::INVAL { error.with_hint(PROCESSORS) } else { error }
    })
}

pub(crate) const PROCESSORS: &str =
    "none of them is there for the process: see Cpus_allowed_list in its /proc/PID/status and its cpuset";

pub(crate) fn problems(processors: &NumberSet) -> Vec<String> {
    if processors.is_empty() {
        return vec!["cpu_affinity: there is no processor in it".to_owned()];
    }
    processors.problems("cpu_affinity")
}
