// SPDX-License-Identifier: MIT OR Apache-2.0
//! System call numbers.
#![allow(missing_docs, reason = "the kernel's names")]

pub(super) use machine::*;

/// Of x86_64.
#[cfg(target_arch = "x86_64")]
mod machine {
    pub const READ: usize = 0;
    pub const CLOSE: usize = 3;
    pub const FSTAT: usize = 5;
    pub const SETREUID: usize = 113;
    pub const SETREGID: usize = 114;
    pub const SETFSUID: usize = 122;
    pub const SETFSGID: usize = 123;
    pub const PRCTL: usize = 157;
    pub const CHDIR: usize = 80;
    pub const FCHDIR: usize = 81;
    pub const UMASK: usize = 95;
    pub const GETPID: usize = 39;
    pub const GETEUID: usize = 107;
    pub const GETTID: usize = 186;
    pub const SETNS: usize = 308;
    pub const PIDFD_OPEN: usize = 434;
    pub const FSTATFS: usize = 138;
    pub const PIVOT_ROOT: usize = 155;
    pub const CHROOT: usize = 161;
    pub const MOUNT: usize = 165;
    pub const UMOUNT2: usize = 166;
    pub const OPENAT: usize = 257;
    pub const MKDIRAT: usize = 258;
    pub const MKNODAT: usize = 259;
    pub const FCHOWNAT: usize = 260;
    pub const SYMLINKAT: usize = 266;
    pub const READLINKAT: usize = 267;
    pub const FCHMODAT: usize = 268;
    pub const UNSHARE: usize = 272;
    pub const STATX: usize = 332;
    pub const OPEN_TREE: usize = 428;
    pub const MOVE_MOUNT: usize = 429;
    pub const FSOPEN: usize = 430;
    pub const FSCONFIG: usize = 431;
    pub const FSMOUNT: usize = 432;
    pub const OPENAT2: usize = 437;
    pub const MOUNT_SETATTR: usize = 442;
}

/// Of aarch64, the kernel's generic table.
#[cfg(target_arch = "aarch64")]
mod machine {
    pub const READ: usize = 63;
    pub const CLOSE: usize = 57;
    pub const FSTAT: usize = 80;
    pub const SETREGID: usize = 143;
    pub const SETREUID: usize = 145;
    pub const SETFSUID: usize = 151;
    pub const SETFSGID: usize = 152;
    pub const PRCTL: usize = 167;
    pub const CHDIR: usize = 49;
    pub const FCHDIR: usize = 50;
    pub const UMASK: usize = 166;
    pub const GETPID: usize = 172;
    pub const GETEUID: usize = 175;
    pub const GETTID: usize = 178;
    pub const SETNS: usize = 268;
    pub const PIDFD_OPEN: usize = 434;
    pub const FSTATFS: usize = 44;
    pub const PIVOT_ROOT: usize = 41;
    pub const CHROOT: usize = 51;
    pub const MOUNT: usize = 40;
    pub const UMOUNT2: usize = 39;
    pub const OPENAT: usize = 56;
    pub const MKDIRAT: usize = 34;
    pub const MKNODAT: usize = 33;
    pub const FCHOWNAT: usize = 54;
    pub const SYMLINKAT: usize = 36;
    pub const READLINKAT: usize = 78;
    pub const FCHMODAT: usize = 53;
    pub const UNSHARE: usize = 97;
    pub const STATX: usize = 291;
    pub const OPEN_TREE: usize = 428;
    pub const MOVE_MOUNT: usize = 429;
    pub const FSOPEN: usize = 430;
    pub const FSCONFIG: usize = 431;
    pub const FSMOUNT: usize = 432;
    pub const OPENAT2: usize = 437;
    pub const MOUNT_SETATTR: usize = 442;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_libc_s() {
        let ours = [
            (READ, libc::SYS_read),
            (CLOSE, libc::SYS_close),
            (FSTAT, libc::SYS_fstat),
            (SETREUID, libc::SYS_setreuid),
            (SETREGID, libc::SYS_setregid),
            (SETFSUID, libc::SYS_setfsuid),
            (SETFSGID, libc::SYS_setfsgid),
            (PRCTL, libc::SYS_prctl),
            (CHDIR, libc::SYS_chdir),
            (FCHDIR, libc::SYS_fchdir),
            (UMASK, libc::SYS_umask),
            (GETEUID, libc::SYS_geteuid),
            (FSTATFS, libc::SYS_fstatfs),
            (PIVOT_ROOT, libc::SYS_pivot_root),
            (CHROOT, libc::SYS_chroot),
            (MOUNT, libc::SYS_mount),
            (UMOUNT2, libc::SYS_umount2),
            (OPENAT, libc::SYS_openat),
            (MKDIRAT, libc::SYS_mkdirat),
            (MKNODAT, libc::SYS_mknodat),
            (FCHOWNAT, libc::SYS_fchownat),
            (SYMLINKAT, libc::SYS_symlinkat),
            (READLINKAT, libc::SYS_readlinkat),
            (FCHMODAT, libc::SYS_fchmodat),
            (UNSHARE, libc::SYS_unshare),
            (STATX, libc::SYS_statx),
            (OPEN_TREE, libc::SYS_open_tree),
            (MOVE_MOUNT, libc::SYS_move_mount),
            (FSOPEN, libc::SYS_fsopen),
            (FSCONFIG, libc::SYS_fsconfig),
            (FSMOUNT, libc::SYS_fsmount),
            (OPENAT2, libc::SYS_openat2),
            (MOUNT_SETATTR, libc::SYS_mount_setattr),
        ];
        for (number, theirs) in ours {
            assert_eq!(i64::try_from(number).unwrap(), theirs);
        }
    }
}
