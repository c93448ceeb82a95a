// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers of the system calls that the floor does not make.

pub(crate) use machine::*;

/// Of x86_64.
#[cfg(target_arch = "x86_64")]
mod machine {
    pub(crate) const IOCTL: usize = 16;
    pub(crate) const CLONE: usize = 56;
    pub(crate) const EXIT_GROUP: usize = 231;
    pub(crate) const WAIT4: usize = 61;
    pub(crate) const WRITE: usize = 1;
    pub(crate) const RT_SIGPROCMASK: usize = 14;
    pub(crate) const UNSHARE: usize = 272;
    pub(crate) const SETNS: usize = 308;
    pub(crate) const STATX: usize = 332;
    pub(crate) const STATMOUNT: usize = 457;
    pub(crate) const LISTMOUNT: usize = 458;
    pub(crate) const UNLINKAT: usize = 263;
    pub(crate) const PRCTL: usize = 157;
    pub(crate) const MOUNT_SETATTR: usize = 442;
}

/// Of aarch64, the kernel's generic table.
#[cfg(target_arch = "aarch64")]
mod machine {
    pub(crate) const IOCTL: usize = 29;
    pub(crate) const CLONE: usize = 220;
    pub(crate) const EXIT_GROUP: usize = 94;
    pub(crate) const WAIT4: usize = 260;
    pub(crate) const WRITE: usize = 64;
    pub(crate) const RT_SIGPROCMASK: usize = 135;
    pub(crate) const UNSHARE: usize = 97;
    pub(crate) const SETNS: usize = 268;
    pub(crate) const STATX: usize = 291;
    pub(crate) const STATMOUNT: usize = 457;
    pub(crate) const LISTMOUNT: usize = 458;
    pub(crate) const UNLINKAT: usize = 35;
    pub(crate) const PRCTL: usize = 167;
    pub(crate) const MOUNT_SETATTR: usize = 442;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_libc_s() {
        let ours = [
            (IOCTL, libc::SYS_ioctl),
            (CLONE, libc::SYS_clone),
            (EXIT_GROUP, libc::SYS_exit_group),
            (WAIT4, libc::SYS_wait4),
            (WRITE, libc::SYS_write),
            (RT_SIGPROCMASK, libc::SYS_rt_sigprocmask),
            (UNSHARE, libc::SYS_unshare),
            (SETNS, libc::SYS_setns),
            (STATX, libc::SYS_statx),
            // libc has no names for these yet: they are behind mseal.
            (STATMOUNT, libc::SYS_mseal - 5),
            (LISTMOUNT, libc::SYS_mseal - 4),
            (UNLINKAT, libc::SYS_unlinkat),
            (PRCTL, libc::SYS_prctl),
            (MOUNT_SETATTR, libc::SYS_mount_setattr),
        ];
        for (number, theirs) in ours {
            assert_eq!(i64::try_from(number).unwrap(), theirs);
        }
    }
}
