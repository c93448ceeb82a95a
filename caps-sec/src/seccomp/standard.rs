// SPDX-License-Identifier: MIT OR Apache-2.0
//! The standard policy: what Docker allows by default, as data.
//!
//! The lists are those of Docker's profile of 2026 (moby/profiles, seccomp), to which programs have got used: what touches
//! the kernel's own state, or other people's, is left out unless a capability gives it anyway. Where we differ is said at
//! the place.

use super::{Arch, Condition, Errno, Policy, Rule, Verdict, arg};
use crate::caps::{Cap, CapSet};

/// What is allowed to everybody.
#[rustfmt::skip] // A list.
const ALWAYS: &[&str] = &[
    "accept", "accept4", "access", "adjtimex", "alarm", "bind", "brk", "cachestat", "capget", "capset", "chdir",
    "chmod", "chown", "clock_adjtime", "clock_getres", "clock_gettime", "clock_nanosleep", "close",
    "close_range", "connect", "copy_file_range", "creat", "dup", "dup2", "dup3", "epoll_create",
    "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait",
    "epoll_wait_old", "eventfd", "eventfd2", "execve", "execveat", "exit", "exit_group", "faccessat",
    "faccessat2", "fadvise64", "fallocate", "fanotify_mark", "fchdir", "fchmod", "fchmodat", "fchmodat2",
    "fchown", "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock", "fork", "fremovexattr",
    "fsetxattr", "fstat", "fstatfs", "fsync", "ftruncate", "futex", "futex_requeue", "futex_wait",
    "futex_waitv", "futex_wake", "futimesat", "get_robust_list", "get_thread_area", "getcpu", "getcwd",
    "getdents", "getdents64", "getegid", "geteuid", "getgid", "getgroups", "getitimer", "getpeername",
    "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid", "getresuid",
    "getrlimit", "getrusage", "getsid", "getsockname", "getsockopt", "gettid", "gettimeofday", "getuid",
    "getxattr", "getxattrat", "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch",
    "io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_setup", "io_submit", "ioctl", "ioprio_get",
    "ioprio_set", "kill", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "lchown",
    "lgetxattr", "link", "linkat", "listen", "listmount", "listxattr", "listxattrat", "llistxattr",
    "lremovexattr", "lseek", "lsetxattr", "lstat", "madvise", "map_shadow_stack", "membarrier", "memfd_create",
    "memfd_secret", "mincore", "mkdir", "mkdirat", "mknod", "mknodat", "mlock", "mlock2", "mlockall", "mmap",
    "mprotect", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink",
    "mremap", "mseal", "msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock", "munlockall", "munmap",
    "name_to_handle_at", "nanosleep", "newfstatat", "open", "openat", "openat2", "pause", "pidfd_open",
    "pidfd_send_signal", "pipe", "pipe2", "pkey_alloc", "pkey_free", "pkey_mprotect", "poll", "ppoll", "prctl",
    "pread64", "preadv", "preadv2", "prlimit64", "process_mrelease", "pselect6", "pwrite64", "pwritev",
    "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "recvfrom", "recvmmsg", "recvmsg",
    "remap_file_pages", "removexattr", "removexattrat", "rename", "renameat", "renameat2", "restart_syscall",
    "rmdir", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo", "sched_get_priority_max", "sched_get_priority_min",
    "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler", "sched_rr_get_interval",
    "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "seccomp",
    "select", "semctl", "semget", "semop", "semtimedop", "sendfile", "sendmmsg", "sendmsg", "sendto",
    "set_robust_list", "set_thread_area", "set_tid_address", "setfsgid", "setfsuid", "setgid", "setgroups",
    "setitimer", "setpgid", "setpriority", "setregid", "setresgid", "setresuid", "setreuid", "setrlimit",
    "setsid", "setsockopt", "setuid", "setxattr", "setxattrat", "shmat", "shmctl", "shmdt", "shmget",
    "shutdown", "sigaltstack", "signalfd", "signalfd4", "socketpair", "splice", "stat", "statfs", "statmount",
    "statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "sysinfo", "tee", "tgkill", "time",
    "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_create",
    "timerfd_gettime", "timerfd_settime", "times", "tkill", "truncate", "umask", "uname", "unlink", "unlinkat",
    "uprobe", "uretprobe", "utime", "utimensat", "utimes", "vfork", "vmsplice", "wait4", "waitid", "write",
    "writev",
];

/// What a program may do to another one that it may trace: the kernel asks for the same rights as for ptrace(2). Before
/// Linux 4.8 ptrace could get round a filter.
const TRACING: &[&str] = &["process_vm_readv", "process_vm_writev", "ptrace"];

/// What is allowed with a capability, of which the kernel asks for most of it anyway.
#[rustfmt::skip] // A table.
const WITH: &[(Cap, &[&str])] = &[
    (Cap::DAC_READ_SEARCH, &["open_by_handle_at"]),
    (Cap::SYS_ADMIN, &[
        "bpf", "clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie",
        "lsm_get_self_attr", "lsm_list_modules", "lsm_set_self_attr", "mount", "mount_setattr", "move_mount", "open_tree",
        // New in Linux 6.15, and like the one before it.
        "open_tree_attr",
        "perf_event_open", "quotactl", "quotactl_fd", "setdomainname", "sethostname", "setns", "syslog", "umount", "umount2",
        "unshare",
    ]),
    (Cap::SYS_BOOT, &["reboot"]),
    (Cap::SYS_CHROOT, &["chroot"]),
    (Cap::SYS_MODULE, &["delete_module", "finit_module", "init_module"]),
    (Cap::SYS_PACCT, &["acct"]),
    (Cap::SYS_PTRACE, &["kcmp", "pidfd_getfd", "process_madvise"]),
    (Cap::SYS_RAWIO, &["ioperm", "iopl"]),
    (Cap::SYS_TIME, &["clock_settime", "clock_settime64", "settimeofday", "stime"]),
    (Cap::SYS_TTY_CONFIG, &["vhangup"]),
    (Cap::SYS_NICE, &["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"]),
    (Cap::SYSLOG, &["syslog"]),
    (Cap::BPF, &["bpf"]),
    (Cap::PERFMON, &["perf_event_open"]),
];

/// Calls that programs of 32 bits have instead or besides: the same with wider or narrower arguments.
#[rustfmt::skip] // A list.
const NARROW: &[&str] = &[
    "_llseek", "_newselect", "chown32", "clock_adjtime64", "clock_getres_time64", "clock_gettime64",
    "clock_nanosleep_time64", "fadvise64_64", "fchown32", "fcntl64", "fstat64", "fstatat64", "fstatfs64", "ftruncate64",
    "futex_time64", "getegid32", "geteuid32", "getgid32", "getgroups32", "getresgid32", "getresuid32", "getuid32",
    "io_pgetevents_time64", "ipc", "lchown32", "lstat64", "mmap2", "mq_timedreceive_time64", "mq_timedsend_time64",
    "ppoll_time64", "pselect6_time64", "recv", "recvmmsg_time64", "rt_sigtimedwait_time64",
    "sched_rr_get_interval_time64", "semtimedop_time64", "send", "sendfile64", "setfsgid32", "setfsuid32", "setgid32",
    "setgroups32", "setregid32", "setresgid32", "setresuid32", "setreuid32", "setuid32", "sigprocmask", "sigreturn",
    "socketcall", "stat64", "statfs64", "timer_gettime64", "timer_settime64", "timerfd_gettime64",
    "timerfd_settime64", "truncate64", "ugetrlimit", "utimensat_time64", "waitpid",
];

/// Calls of single architectures.
#[rustfmt::skip] // A list.
const OF_ARCHES: &[(&[Arch], &[&str])] = &[
    (&[Arch::X86_64, Arch::X32], &["arch_prctl"]),
    // Segments for programs of old.
    (&[Arch::X86_64, Arch::X32, Arch::I386], &["modify_ldt"]),
    (&[Arch::Arm, Arch::Aarch64], &[
        "arm_fadvise64_64", "arm_sync_file_range", "sync_file_range2", "breakpoint", "cacheflush", "set_tls",
    ]),
    (&[Arch::Ppc64le], &["sync_file_range2", "swapcontext"]),
    (&[Arch::S390x], &["s390_pci_mmio_read", "s390_pci_mmio_write", "s390_runtime_instr"]),
    (&[Arch::Riscv64], &["riscv_flush_icache", "riscv_hwprobe"]),
];

/// Calls of Linux 6.17 and newer that Docker's profile does not know yet: as by an older kernel.
const NEW: &[&str] = &["file_getattr", "file_setattr", "listns", "rseq_slice_yield"];

/// The bits of clone(2) that make namespaces: `CLONE_NEWNS`, `NEWCGROUP`, `NEWUTS`, `NEWIPC`, `NEWUSER`, `NEWPID`, `NEWNET`.
const NAMESPACES: u64 = 0x7e02_0000;

/// Families of sockets, each range from and to: everything that Linux has but DECnet (12), ECONET (19), ATMSVC (20), IRDA
/// (23), WANPIPE (25), ISDN (34), CAIF (37), which it had; ALG (38), a way to the kernel's cryptography with a history of
/// holes (CVE-2026-31431); VSOCK (40), which leads to the host of a virtual machine whatever the net namespace.
const FAMILIES: [(u64, u64); 8] = [(0, 11), (13, 18), (21, 22), (24, 24), (26, 33), (35, 36), (39, 39), (41, 45)];

/// Execution domains: Linux, 32-bit Linux, each without and with the host's kernel called 2.6 (`UNAME26`); and the question
/// which it is.
const PERSONALITIES: [u64; 5] = [0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// The condition that a socket's family is from `first` to `last`.
fn family(first: u64, last: u64) -> Vec<Condition> {
    let family = arg(0).low();
    if first == last { vec![family.eq(first)] } else { vec![family.ge(first), family.le(last)] }
}

impl Policy {
    /// What Docker allows by default to a program that may have these capabilities: all that ordinary programs need, and
    /// little of what has led out of namespaces before. Everything else is refused with `EPERM`.
    ///
    /// Without `CAP_SYS_ADMIN` no namespace can be made or joined, nothing mounted, and `clone3` answers `ENOSYS`, so that
    /// the C libraries use `clone`, of which the flags are seen. Never allowed are, among others, io_uring, keyrings,
    /// kexec, swap, userfaultfd, sockets of the families ALG and VSOCK.
    ///
    /// Differences from Docker: 32-bit programs are killed, unless the policy is made [for](Self::for_arches) their
    /// architecture too; a socket's family is compared as the kernel takes it, by its lower 32 bits; and of calls that
    /// Docker's list of 2026 does not know, `uprobe` is allowed like `uretprobe`, `open_tree_attr` like `open_tree`, and
    /// the others answer `ENOSYS`. As with Docker, 32-bit programs of i386 are allowed `socketcall`, which their C
    /// libraries take for all sockets: its families cannot be seen, ALG and VSOCK neither. Deny it where that counts.
    ///
    /// ```
    /// use skep_caps_sec::{CapSet, Errno, Policy, Verdict};
    ///
    /// let policy = Policy::standard(CapSet::standard()).allow(["io_uring_setup", "io_uring_enter", "io_uring_register"]);
    /// assert_eq!(policy.default, Verdict::Errno(Errno::PERM));
    /// // What is decided before cannot be taken back by a later rule, and that is told; `replace` does it.
    /// assert!(policy.deny(["ptrace"]).problems().concat().contains("ptrace"));
    /// ```
    #[must_use]
    pub fn standard(caps: CapSet) -> Self {
        let mut policy = Self::deny_with(Errno::PERM).allow(ALWAYS.iter().copied()).allow(TRACING.iter().copied());
        policy = policy.allow(NARROW.iter().copied());
        for (arches, calls) in OF_ARCHES {
            policy = policy.rule(Rule::new(Verdict::Allow, calls.iter().copied()).on(arches.iter().copied()));
        }
        for (_, calls) in WITH.iter().filter(|(cap, _)| caps.contains(*cap)) {
            policy = policy.allow(calls.iter().copied());
        }
        if !caps.contains(Cap::SYS_ADMIN) {
            // On s390x the first two arguments are the other way round.
            let clone = |at| Rule::new(Verdict::Allow, ["clone"]).when([arg(at).masked(NAMESPACES).eq(0)]);
            policy = policy.rule(clone(0).on(Arch::ALL.into_iter().filter(|arch| *arch != Arch::S390x)));
            policy = policy.rule(clone(1).on([Arch::S390x]));
        }
        for (first, last) in FAMILIES {
            policy = policy.allow_if(["socket"], family(first, last));
        }
        for domain in PERSONALITIES {
            policy = policy.allow_if(["personality"], [arg(0).low().eq(domain)]);
        }
        policy.rule(Rule::new(Verdict::Errno(Errno::NOSYS), NEW.iter().copied()))
    }
}
