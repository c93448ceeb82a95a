// SPDX-License-Identifier: MIT OR Apache-2.0
//! The standard policy: what it allows to whom, and how large it is.

use super::{NOSYS, PERM, call, direct};
use crate::caps::{Cap, CapSet};
use crate::seccomp::{Arch, Call, Filter, Policy, Verdict};

const ALLOW: Verdict = Verdict::Allow;

fn standard(caps: CapSet) -> Filter {
    Policy::standard(caps).compile_for(Arch::X86_64).unwrap()
}

fn verdict(filter: &Filter, name: &str) -> Verdict {
    filter.decide(&call(Arch::X86_64, name))
}

#[test]
fn it_has_no_problem_and_is_small_whatever_the_capabilities() {
    for caps in [CapSet::empty(), CapSet::standard(), CapSet::all()] {
        let policy = Policy::standard(caps);
        assert_eq!(policy.problems(), [""; 0]);
        for arch in Arch::ALL {
            let filter = policy.compile_for(arch).unwrap();
            assert!(filter.len() < 400, "{caps}: {filter:?}");
        }
    }
}

#[test]
fn what_it_does_with_every_call_is_what_it_says() {
    for caps in [CapSet::empty(), CapSet::standard(), CapSet::all()] {
        let policy = Policy::standard(caps);
        for arch in Arch::ALL {
            let filter = policy.compile_for(arch).unwrap();
            for number in 0..1000 {
                let call = Call::new(number).on(arch.audit_number());
                assert_eq!(filter.decide(&call), direct(&policy, arch, &call), "{arch} {number}");
            }
        }
    }
}

#[test]
fn what_led_out_before_is_denied_and_what_everybody_needs_is_not() {
    let filter = standard(CapSet::standard());
    let denied = "mount umount2 pivot_root unshare setns bpf keyctl add_key request_key kexec_load init_module \
                  open_by_handle_at userfaultfd io_uring_setup perf_event_open swapon reboot move_pages quotactl acct \
                  settimeofday fsopen fsmount move_mount open_tree mount_setattr kcmp iopl syslog";
    for name in denied.split_whitespace() {
        assert_eq!(verdict(&filter, name), PERM, "{name}");
    }
    for name in "read write openat execve fork vfork futex mmap wait4 chroot setuid ptrace seccomp uretprobe arch_prctl"
        .split(' ')
    {
        assert_eq!(verdict(&filter, name), ALLOW, "{name}");
    }
    for name in ["clone3", "file_getattr", "file_setattr"] {
        assert_eq!(verdict(&filter, name), NOSYS, "{name}");
    }
}

#[test]
fn each_capability_brings_what_it_is_for() {
    let brings = [
        (Cap::SYS_ADMIN, "mount"),
        (Cap::SYS_ADMIN, "clone3"),
        (Cap::SYS_ADMIN, "unshare"),
        (Cap::SYS_ADMIN, "bpf"),
        (Cap::DAC_READ_SEARCH, "open_by_handle_at"),
        (Cap::SYS_BOOT, "reboot"),
        (Cap::SYS_CHROOT, "chroot"),
        (Cap::SYS_MODULE, "finit_module"),
        (Cap::SYS_PACCT, "acct"),
        (Cap::SYS_PTRACE, "pidfd_getfd"),
        (Cap::SYS_RAWIO, "iopl"),
        (Cap::SYS_TIME, "clock_settime"),
        (Cap::SYS_TTY_CONFIG, "vhangup"),
        (Cap::SYS_NICE, "mbind"),
        (Cap::SYSLOG, "syslog"),
        (Cap::BPF, "bpf"),
        (Cap::PERFMON, "perf_event_open"),
    ];
    for (cap, name) in brings {
        assert_ne!(verdict(&standard(CapSet::empty()), name), ALLOW, "{name}");
        assert_eq!(verdict(&standard(cap.into()), name), ALLOW, "{name}");
    }
}

#[test]
fn namespaces_are_not_made_by_clone_without_sys_admin() {
    let clone = |filter: &Filter, flags| filter.decide(&call(Arch::X86_64, "clone").arg(0, flags));
    let (without, with) = (standard(CapSet::standard()), standard(Cap::SYS_ADMIN.into()));
    // What fork and pthread_create ask for.
    for flags in [17, 0x003d_0f00, 0x0120_0011] {
        assert_eq!((clone(&without, flags), clone(&with, flags)), (ALLOW, ALLOW));
    }
    for bit in [17, 25, 26, 27, 28, 29, 30] {
        assert_eq!((clone(&without, 17 | 1 << bit), clone(&with, 17 | 1 << bit)), (PERM, ALLOW), "{bit}");
    }
}

#[test]
fn sockets_are_of_families_that_the_kernel_has_but_alg_and_vsock() {
    let filter = standard(CapSet::standard());
    for high in [0, 1, 0xffff_ffff] {
        for family in 0..64_u64 {
            let answer = filter.decide(&call(Arch::X86_64, "socket").arg(0, high << 32 | family));
            let gone = [12, 19, 20, 23, 25, 34, 37, 38, 40].contains(&family) || family > 45;
            assert_eq!(answer, if gone { PERM } else { ALLOW }, "{family}");
        }
    }
}

#[test]
fn a_personality_is_linux_or_a_question() {
    let filter = standard(CapSet::standard());
    let personality = |value| filter.decide(&call(Arch::X86_64, "personality").arg(0, value));
    for value in [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff] {
        assert_eq!(personality(value), ALLOW, "{value:#x}");
    }
    // ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, other systems.
    for value in [0x4_0000, 0x40_0000, 1, 9] {
        assert_eq!(personality(value), PERM, "{value:#x}");
    }
}

#[test]
fn for_all_that_an_x86_64_machine_runs_it_is_below_450_instructions_and_a_few_deep() {
    for caps in [CapSet::empty(), CapSet::standard(), CapSet::all()] {
        let filter = Policy::standard(caps).for_arches(Arch::X86_64.family().iter().copied()).compile().unwrap();
        assert!(filter.len() < 450, "{caps}: {filter:?}");
        assert!(filter.worst_depth() < 60, "{caps}: {}", filter.worst_depth());
    }
}
