// SPDX-License-Identifier: MIT OR Apache-2.0
//! Presets: ordinary values, to be looked at and altered.

use super::{Dev, Devpts, Mounts, Mqueue, Proc, Sysfs, Tmpfs};

/// What Docker covers: kernel memory, keys, timers and hardware that a program has no business with, or that tell it of
/// its neighbours.
const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// What Docker makes read-only: knobs of the whole machine, which root in a namespace could turn.
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

impl Mounts {
    /// What Docker gives: proc, a minimal /dev with terminals, shared memory of 64 MiB and message queues, a read-only
    /// sysfs; the machine's knobs in them masked or read-only. Targets are made where they are absent.
    ///
    /// Masks and read-only mounts hold against a program without `CAP_SYS_ADMIN` over its mount namespace; one with it can
    /// unmount what covers them. What it finds then is the machine's, as far as its user may write it: nothing for the root
    /// of a user namespace that maps ordinary ids, everything for one that maps the machine's root.
    ///
    /// ```
    /// use skep_rootfs::Mounts;
    ///
    /// let mounts = Mounts::standard();
    /// assert_eq!(mounts.mounts.len(), 6);
    /// assert!(mounts.masked.iter().any(|path| path.as_os_str() == "/proc/kcore"));
    /// ```
    #[must_use]
    pub fn standard() -> Self {
        let shm = Tmpfs::new("/dev/shm").size(64 << 20).mode(0o1777).noexec();
        Self::new()
            .add(Proc::new("/proc").create_target())
            .add(Dev::new("/dev").size(64 << 20).create_target())
            .add(Devpts::new("/dev/pts"))
            .add(shm)
            .add(Mqueue::new("/dev/mqueue"))
            .add(Sysfs::new("/sys").create_target())
            .mask(MASKED)
            .read_only(READ_ONLY)
    }
}
