// SPDX-License-Identifier: MIT OR Apache-2.0
//! What threads have: the calling one by system calls, others by /proc, and what the kernel knows.
//!
//! Man: capget(2), prctl(2), proc_pid_status(5).

use rustix::io::Errno;
use rustix::thread::{CapabilitySet, capabilities, capability_is_in_ambient_set, capability_is_in_bounding_set};

use super::{Cap, CapSet, Capabilities};
use crate::error::{Error, ErrorKind, Object};
use crate::status::Status;

const CALLER: Object = Object::Named("the calling thread");

impl Cap {
    /// The last capability that the running kernel has. /proc need not be there.
    ///
    /// # Errors
    /// Where a filter forbids prctl(2).
    #[doc(alias = "cap_last_cap")]
    pub fn last() -> Result<Self, Error> {
        // They are numbered without a gap: it lies between the first, which every kernel has, and what no set has room for.
        let (mut known, mut unknown) = (Self::CHOWN, None);
        for _ in 0..u64::BITS {
            let Some(cap) = between(known, unknown) else { break };
            match capability_is_in_bounding_set(bit(cap)) {
                Ok(_) => known = cap,
                Err(Errno::INVAL) => unknown = Some(cap),
                Err(errno) => return Err(failed("ask the kernel for capabilities of", errno)),
            }
        }
        Ok(known)
    }
}

/// The capability in the middle of those above the one and below the other.
fn between(known: Cap, unknown: Option<Cap>) -> Option<Cap> {
    let above = u64::MAX << known.number() << 1;
    let below = unknown.map_or(u64::MAX, |unknown| (1 << unknown.number()) - 1);
    let caps = CapSet::from_bits(above & below);
    let half = usize::try_from(caps.len() / 2).unwrap_or_default();
    caps.iter().nth(half)
}

impl Capabilities {
    /// The sets of the calling thread. What it could give to a program that it starts is its bounding set.
    ///
    /// # Errors
    /// Where a filter forbids capget(2) or prctl(2).
    /// # Kernel
    /// Linux 4.3, for the ambient set.
    pub fn current() -> Result<Self, Error> {
        let failed = |errno| failed("read the capabilities of", errno);
        let sets = capabilities(None).map_err(failed)?;
        let (mut bounding, mut ambient) = (CapSet::empty(), CapSet::empty());
        for cap in CapSet::up_to(Cap::last()?) {
            if capability_is_in_bounding_set(bit(cap)).map_err(failed)? {
                bounding |= cap.into();
            }
            if capability_is_in_ambient_set(bit(cap)).map_err(failed)? {
                ambient |= cap.into();
            }
        }
        Ok(Self {
            bounding,
            permitted: CapSet::from_bits(sets.permitted.bits()),
            effective: CapSet::from_bits(sets.effective.bits()),
            inheritable: CapSet::from_bits(sets.inheritable.bits()),
            ambient,
        })
    }

    /// The sets of another process, of its first thread, from /proc/PID/status.
    ///
    /// `pid` is a number in the pid namespace of the mounted /proc; a process that has ended may have left its number to
    /// another one.
    ///
    /// # Errors
    /// `NotFound` if there is no such process, or it is hidden (`hidepid`); else the error number of reading.
    #[doc(alias = "getpcaps")]
    pub fn of_process(pid: u32) -> Result<Self, Error> {
        let status = Status::read("read the capabilities of", pid)?;
        Self::from_status(&status).ok_or_else(|| {
            let why = format!("{} has not the lines of five sets", status.path.display());
            Error::because("read the capabilities of", Object::Pid(pid), ErrorKind::Unsupported, why)
        })
    }

    /// The sets of one thread of a process, by its number (`tid`), from /proc/PID/task/TID/status: credentials are a
    /// thread's, and those of a process whose threads differ are those of its first.
    ///
    /// # Errors
    /// As [`of_process`](Self::of_process).
    pub fn of_thread(pid: u32, tid: u32) -> Result<Self, Error> {
        let status = Status::of_thread("read the capabilities of", pid, tid)?;
        Self::from_status(&status).ok_or_else(|| {
            let why = format!("{} has not the lines of five sets", status.path.display());
            Error::because("read the capabilities of", Object::Pid(tid), ErrorKind::Unsupported, why)
        })
    }

    pub(super) fn from_status(status: &Status) -> Option<Self> {
        let set = |key| u64::from_str_radix(status.line(key)?, 16).ok().map(CapSet::from_bits);
        Some(Self {
            bounding: set("CapBnd")?,
            permitted: set("CapPrm")?,
            effective: set("CapEff")?,
            inheritable: set("CapInh")?,
            ambient: set("CapAmb")?,
        })
    }
}

fn bit(cap: Cap) -> CapabilitySet {
    CapabilitySet::from_bits_retain(CapSet::from(cap).bits())
}

fn failed(op: &'static str, errno: Errno) -> Error {
    Error::os(op, CALLER, errno.raw_os_error())
}
