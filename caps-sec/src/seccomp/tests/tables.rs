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
        let newest = arch.number_of("rseq_slice_yield").unwrap();
        // Counted from another number on mips and x32, and the same from there.
        let base = arch.number_of("pidfd_send_signal").unwrap() - 424;
        assert_eq!(newest, base + 471, "{arch}");
        for (number, name) in calls {
            assert_eq!((arch.number_of(name), arch.name_of(*number)), (Some(*number), Some(*name)));
        }
        assert_eq!((arch.number_of("fly"), arch.name_of(base + 472)), (None, None));
    }
}

#[test]
fn every_architecture_is_found_by_its_names_and_numbers() {
    for (at, arch) in Arch::ALL.into_iter().enumerate() {
        assert_eq!(arch as usize, at);
        assert_eq!((Arch::of_scmp(arch.scmp()), Arch::of_lxc(arch.lxc())), (Some(arch), Some(arch)), "{arch}");
        let bit = if arch == Arch::X32 { 0x4000_0000 } else { 0 };
        assert_eq!(Arch::of_call(arch.audit_number(), bit), Some(arch));
        assert!(arch.family().contains(&arch));
    }
    assert_eq!(Arch::of_call(0x1234, 0), None);
}

#[test]
fn the_numbers_of_other_architectures_are_the_kernel_s() {
    let known = [
        (Arch::I386, "getpid", 20),
        (Arch::I386, "socketcall", 102),
        (Arch::X32, "execve", 0x4000_0208),
        (Arch::X32, "getpid", 0x4000_0027),
        (Arch::Arm, "getpid", 20),
        (Arch::Arm, "set_tls", 0xf_0005),
        (Arch::Riscv64, "getpid", 172),
        (Arch::Riscv64, "riscv_hwprobe", 258),
        (Arch::S390x, "getpid", 20),
        (Arch::S390x, "socket", 359),
        (Arch::Ppc64le, "openat", 286),
        (Arch::Ppc, "stat64", 195),
        (Arch::Loongarch64, "getpid", 172),
        (Arch::Mips, "getpid", 4020),
        (Arch::Mipsel64, "getpid", 5038),
        (Arch::Mips64n32, "getpid", 6038),
    ];
    for (arch, name, number) in known {
        assert_eq!(arch.number_of(name), Some(number), "{arch} {name}");
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
