// SPDX-License-Identifier: MIT OR Apache-2.0
//! Thresholds: being told of pressure, and of what version 1 tells an eventfd.
//!
//! Kernel: Documentation/accounting/psi.rst; cgroup-v1/memory.rst, "Memory thresholds", "Memory Pressure"; mm/memcontrol-v1.c,
//! `memcg_write_event_control`.

use std::os::fd::{AsFd, AsRawFd};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::watch::{OP, Watch, failure};
use super::{Cgroup, Directory};
use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::file;
use crate::layout::Version;
use crate::pressure::{PERIOD, PressureTrigger, Resource};
use crate::value::Bytes;

/// How hard it is to find memory for a group of version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[doc(alias = "memory.pressure_level")]
pub enum MemoryPressure {
    /// Memory is taken away from it for new uses.
    Low,
    /// It begins to swap, or to give up cached files that it uses.
    Medium,
    /// It is about to run out.
    Critical,
}

impl Cgroup {
    /// Watches whether processes of the group stand still for so long in so much time; the watch is ready at most once a
    /// window.
    ///
    /// # Errors
    /// `Invalid`, with every problem, for a trigger out of bounds, and for one of some processes of [`Resource::Irq`];
    /// `Unsupported` without version 2, or where the kernel does not count pressure; `Denied` without the right, and
    /// without `CAP_SYS_RESOURCE` for a window that is not a multiple of 2 s; `NotFound` if the group was removed;
    /// `Exhausted` without a free descriptor.
    /// # Privileges
    /// Write access to the file. For other windows than multiples of 2 s `CAP_SYS_RESOURCE`, since Linux 6.5.
    /// # Kernel
    /// Linux 5.2; it is in every group of version 2, whichever hierarchy the controllers are in.
    #[doc(alias = "PSI")]
    #[doc(alias = "POLLPRI")]
    pub fn watch_pressure(&self, resource: Resource, trigger: PressureTrigger) -> Result<Watch, Error> {
        trigger.check()?;
        if resource == Resource::Irq && !trigger.is_full() {
            let problem = "irq is waited for by all processes or none: the trigger has to be full".to_owned();
            return Err(Error::invalid("use", Object::Named("a trigger of pressure"), vec![problem]));
        }
        let held = self.held(OP)?;
        let Some(group) = self.v2() else {
            let why = "the group has no directory of version 2, which alone tells of pressure";
            return Err(Error::explained(OP, Object::Group(held.path().into()), ErrorKind::Unsupported, 0, why));
        };
        let name = resource.file();
        let file = file::open_trigger(group.fd(), name).map_err(|errno| failure(group, name, errno))?;
        let text = trigger.to_string();
        file::put(file.as_fd(), &text).map_err(|errno| refused(group, name, text.clone(), trigger, errno))?;
        Ok(Watch::of(file, None, group.path().join(name)))
    }

    /// Watches whether the memory of the group passes an amount, upwards or downwards. Version 1 alone.
    ///
    /// # Errors
    /// `Unsupported` unless the group has the memory controller of version 1; `NotFound` if the group was removed; `Denied`
    /// without the right; `Exhausted` without three free descriptors, of which it keeps two.
    /// # Privileges
    /// Write access to `cgroup.event_control`.
    #[doc(alias = "memory.usage_in_bytes")]
    #[doc(alias = "cgroup.event_control")]
    pub fn watch_memory_usage(&self, threshold: Bytes) -> Result<Watch, Error> {
        let hint = "version 2 tells of memory.high: set it, and watch the memory";
        Watch::told(self.memory_of_v1(hint)?, "memory.usage_in_bytes", &threshold.to_string())
    }

    /// Watches whether it becomes hard to find memory for the group. Version 1 alone.
    ///
    /// # Errors
    /// Those of [`watch_memory_usage`](Self::watch_memory_usage).
    /// # Privileges
    /// Write access to `cgroup.event_control`.
    #[doc(alias = "memory.pressure_level")]
    #[doc(alias = "cgroup.event_control")]
    pub fn watch_memory_pressure(&self, level: MemoryPressure) -> Result<Watch, Error> {
        let word = match level {
            MemoryPressure::Low => "low",
            MemoryPressure::Medium => "medium",
            MemoryPressure::Critical => "critical",
        };
        let hint = "version 2 tells of pressure: watch that";
        Watch::told(self.memory_of_v1(hint)?, "memory.pressure_level", word)
    }

    fn memory_of_v1(&self, hint: &'static str) -> Result<&Directory, Error> {
        let held = self.held(OP)?;
        let found = self.of(Controller::Memory).filter(|group| group.version() == Version::V1);
        found.ok_or_else(|| {
            let why = "the group has no directory with the memory controller of version 1, which alone tells of that";
            Error::explained(OP, Object::Group(held.path().into()), ErrorKind::Unsupported, 0, why).with_hint(hint)
        })
    }
}

impl Watch {
    /// One that version 1 tells of a file, by an eventfd.
    pub(super) fn told(group: &Directory, name: &str, threshold: &str) -> Result<Self, Error> {
        const CONTROL: &str = "cgroup.event_control";
        let failed = |errno: Errno| failure(group, name, errno);
        let target = file::open(group.fd(), name).map_err(failed)?;
        // What can be read, to see whether the group is still there: the level of pressure cannot.
        let alive = file::open(group.fd(), "memory.usage_in_bytes").map_err(failed)?;
        let told = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(failed)?;
        let text = format!("{} {} {threshold}", told.as_raw_fd(), target.as_raw_fd());
        group.write(CONTROL, text.trim_end())?;
        Ok(Self::of(told, Some(alive), group.path().join(name)))
    }
}

/// What the kernel has against a trigger that is within bounds.
fn refused(group: &Directory, name: &str, text: String, trigger: PressureTrigger, errno: Errno) -> Error {
    let object = Object::Value { text, file: group.path().join(name) };
    let raw = errno.raw_os_error();
    match errno {
        Errno::INVAL | Errno::PERM if !trigger.window().as_micros().is_multiple_of(PERIOD.as_micros()) => {
            let why = "without CAP_SYS_RESOURCE the window has to be a multiple of 2 s";
            Error::explained("write", object, ErrorKind::Denied, raw, why)
        }
        Errno::OPNOTSUPP => {
            let why = "this kernel does not count pressure (psi=0 at boot)";
            Error::explained("write", object, ErrorKind::Unsupported, raw, why)
        }
        Errno::NODEV => Error::explained("write", object, ErrorKind::NotFound, raw, "the group was removed"),
        _ => Error::os("write", object, raw),
    }
}
