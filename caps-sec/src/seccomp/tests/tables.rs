// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tables: in order, and the kernel's.

use std::collections::HashSet;

use crate::seccomp::Arch;

#[test]
fn every_number_and_every_name_is_there_once_and_in_order() {
    for arch in Arch::ALL {
        let calls = arch.calls();
        assert!(calls.is_sorted_by(|(one, _), (other, _)| one < other), "{arch}");
        assert_eq!(calls.iter().map(|(_, name)| name).collect::<HashSet<_>>().len(), calls.len(), "{arch}");
        assert_eq!(calls.last(), Some(&(469, "file_setattr")), "{arch}");
        for (number, name) in calls {
            assert_eq!((arch.number_of(name), arch.name_of(*number)), (Some(*number), Some(*name)));
        }
        assert_eq!((arch.number_of("fly"), arch.name_of(470)), (None, None));
    }
}

#[test]
fn the_numbers_are_libc_s() {
    let known = [
        ("read", libc::SYS_read),
        ("write", libc::SYS_write),
        ("ioctl", libc::SYS_ioctl),
        ("clone", libc::SYS_clone),
        ("clone3", libc::SYS_clone3),
        ("execve", libc::SYS_execve),
        ("unshare", libc::SYS_unshare),
        ("setns", libc::SYS_setns),
        ("mount", libc::SYS_mount),
        ("ptrace", libc::SYS_ptrace),
        ("personality", libc::SYS_personality),
        ("socket", libc::SYS_socket),
        ("seccomp", libc::SYS_seccomp),
        ("bpf", libc::SYS_bpf),
        ("keyctl", libc::SYS_keyctl),
        ("io_uring_setup", libc::SYS_io_uring_setup),
        ("openat2", libc::SYS_openat2),
        ("mount_setattr", libc::SYS_mount_setattr),
        ("mseal", libc::SYS_mseal),
    ];
    for (name, number) in known {
        assert_eq!(Arch::NATIVE.number_of(name).map(i64::from), Some(number), "{name}");
    }
}

#[test]
fn newer_calls_have_one_number_on_both() {
    for (number, name) in Arch::Aarch64.calls().iter().filter(|(number, _)| *number >= 424) {
        assert_eq!(Arch::X86_64.name_of(*number), Some(*name));
    }
}
