// SPDX-License-Identifier: MIT OR Apache-2.0
//! Groups of calls by name, as systemd's `SystemCallFilter=` has them.
//!
//! Man: systemd.exec(5), "System Call Filtering".

use crate::nearest::nearest;

/// A named group of system calls: `@basic-io`, `@mount`. [`CallGroup::ALL`] lists them.
///
/// ```
/// use skep_caps_sec::{Call, CallGroup, Errno, Policy, Verdict};
///
/// let mounts = CallGroup::named("@mount").map(|group| group.calls()).unwrap_or_default();
/// let filter = Policy::allow_all().deny(mounts).compile()?;
/// assert_eq!(filter.decide(&Call::named("pivot_root").unwrap_or_default()), Verdict::Errno(Errno::PERM));
/// # Ok::<(), skep_caps_sec::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallGroup {
    name: &'static str,
    about: &'static str,
    /// Calls, and other groups.
    holds: &'static str,
}

impl CallGroup {
    /// The group of this name, with its `@`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name == name)
    }

    /// The names that are most like this one, which is none.
    #[must_use]
    pub fn nearest(name: &str) -> Vec<&'static str> {
        nearest(name, Self::ALL.iter().map(|group| group.name))
    }

    /// Its name, with its `@`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What its calls are for.
    #[must_use]
    pub const fn about(&self) -> &'static str {
        self.about
    }

    /// Its calls, those of the groups in it too, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<&'static str> {
        let mut calls = Vec::new();
        for word in self.holds.split_ascii_whitespace() {
            match Self::named(word) {
                Some(group) => calls.extend(group.calls()),
                None => calls.push(word),
            }
        }
        calls.sort_unstable();
        calls.dedup();
        calls
    }

    /// All groups.
    #[rustfmt::skip] // A table.
    pub const ALL: [Self; 28] = [
        Self { name: "@aio", about: "asynchronous input and output", holds:
            "io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit io_uring_enter
             io_uring_register io_uring_setup" },
        Self { name: "@basic-io", about: "reading, writing and closing what is open", holds:
            "_llseek close close_range dup dup2 dup3 lseek pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readv write
             writev" },
        Self { name: "@chown", about: "changing whose a file is", holds:
            "chown chown32 fchown fchown32 fchownat lchown lchown32" },
        Self { name: "@clock", about: "setting the clock", holds:
            "adjtimex clock_adjtime clock_adjtime64 clock_settime clock_settime64 settimeofday stime" },
        Self { name: "@cpu-emulation", about: "emulating a processor", holds:
            "modify_ldt subpage_prot switch_endian vm86 vm86old" },
        Self { name: "@debug", about: "tracing and measuring of processes", holds:
            "lookup_dcookie perf_event_open pidfd_getfd ptrace rtas s390_runtime_instr sys_debug_setcontext" },
        Self { name: "@default", about: "what every program needs", holds:
            "brk cacheflush clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
             clock_nanosleep_time64 execve exit exit_group futex futex_time64 futex_waitv get_robust_list get_thread_area
             getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid getppid
             getrandom getresgid getresgid32 getresuid getresuid32 getrlimit getsid gettid gettimeofday getuid getuid32
             membarrier mmap mmap2 mprotect munmap nanosleep pause prlimit64 restart_syscall rseq rt_sigreturn
             sched_getaffinity sched_yield set_robust_list set_thread_area set_tid_address set_tls sigreturn time
             ugetrlimit" },
        Self { name: "@file-system", about: "files and directories", holds:
            "access chdir chmod close creat faccessat faccessat2 fallocate fchdir fchmod fchmodat fchmodat2 fcntl fcntl64
             fgetxattr flistxattr fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 ftruncate ftruncate64
             futimesat getcwd getdents getdents64 getxattr getxattrat inotify_add_watch inotify_init inotify_init1
             inotify_rm_watch lgetxattr link linkat listxattr listxattrat llistxattr lremovexattr lsetxattr lstat lstat64
             mkdir mkdirat mknod mknodat newfstatat oldfstat oldlstat oldstat open openat openat2 readlink readlinkat
             removexattr removexattrat rename renameat renameat2 rmdir setxattr setxattrat stat stat64 statfs statfs64 statx
             symlink symlinkat truncate truncate64 unlink unlinkat utime utimensat utimensat_time64 utimes" },
        Self { name: "@io-event", about: "waiting for events", holds:
            "_newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait
             epoll_wait_old eventfd eventfd2 poll ppoll ppoll_time64 pselect6 pselect6_time64 select" },
        Self { name: "@ipc", about: "pipes, queues, shared memory", holds:
            "ipc memfd_create mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend
             mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd pipe pipe2 process_madvise process_vm_readv
             process_vm_writev semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget" },
        Self { name: "@keyring", about: "the kernel's keyrings", holds: "add_key keyctl request_key" },
        Self { name: "@memlock", about: "keeping memory from being swapped out", holds:
            "mlock mlock2 mlockall munlock munlockall" },
        Self { name: "@module", about: "kernel modules", holds: "delete_module finit_module init_module" },
        Self { name: "@mount", about: "mounting", holds:
            "chroot fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree open_tree_attr pivot_root umount
             umount2" },
        Self { name: "@network-io", about: "sockets", holds:
            "accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64
             recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socket socketcall socketpair" },
        Self { name: "@obsolete", about: "what nobody uses any more", holds:
            "_sysctl afs_syscall bdflush break create_module ftime get_kernel_syms getpmsg gtty idle lock mpx prof profil
             putpmsg query_module security sgetmask ssetmask stty sysfs tuxcall ulimit uselib ustat vserver" },
        Self { name: "@pkey", about: "memory protection keys", holds: "pkey_alloc pkey_free pkey_mprotect" },
        Self { name: "@privileged", about: "what takes a capability", holds:
            "@chown @clock @module @raw-io @reboot @swap _sysctl acct bpf capset chroot fanotify_init fanotify_mark nfsservctl
             open_by_handle_at pivot_root quotactl quotactl_fd setdomainname setfsuid setfsuid32 setgroups setgroups32
             sethostname setresuid setresuid32 setreuid setreuid32 setuid setuid32 vhangup" },
        Self { name: "@process", about: "making and controlling processes", holds:
            "arch_prctl capget clone clone3 execveat fork getrusage kill pidfd_open pidfd_send_signal prctl rt_sigqueueinfo
             rt_tgsigqueueinfo setns swapcontext tgkill times tkill unshare vfork wait4 waitid waitpid" },
        Self { name: "@raw-io", about: "the machine's ports", holds:
            "ioperm iopl pciconfig_iobase pciconfig_read pciconfig_write s390_pci_mmio_read s390_pci_mmio_write" },
        Self { name: "@reboot", about: "rebooting, and other kernels", holds: "kexec_file_load kexec_load reboot" },
        Self { name: "@resources", about: "limits, priorities, memory policies", holds:
            "ioprio_set mbind migrate_pages move_pages nice sched_setaffinity sched_setattr sched_setparam
             sched_setscheduler set_mempolicy set_mempolicy_home_node setpriority setrlimit" },
        Self { name: "@sandbox", about: "restricting oneself", holds:
            "landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp" },
        Self { name: "@setuid", about: "changing user and groups", holds:
            "setgid setgid32 setgroups setgroups32 setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid
             setreuid32 setuid setuid32" },
        Self { name: "@signal", about: "signals", holds:
            "rt_sigaction rt_sigpending rt_sigprocmask rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 sigaction
             sigaltstack signal signalfd signalfd4 sigpending sigprocmask sigsuspend" },
        Self { name: "@swap", about: "swap space", holds: "swapoff swapon" },
        Self { name: "@sync", about: "writing files through to the disk", holds:
            "fdatasync fsync msync sync sync_file_range sync_file_range2 syncfs" },
        Self { name: "@system-service", about: "what ordinary services need", holds:
            "@aio @basic-io @chown @default @file-system @io-event @ipc @keyring @memlock @network-io @process @resources
             @setuid @signal @sync alarm arm_fadvise64_64 capget capset copy_file_range fadvise64 fadvise64_64 flock
             get_mempolicy getcpu getitimer getpriority ioctl ioprio_get kcmp madvise mremap name_to_handle_at oldolduname
             olduname personality readahead readdir remap_file_pages sched_get_priority_max sched_get_priority_min
             sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sendfile
             sendfile64 setfsgid setfsgid32 setfsuid setfsuid32 setitimer setpgid setsid splice sysinfo tee timer_create
             timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create
             timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 umask uname userfaultfd vmsplice" },
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::Arch;

    #[test]
    fn groups_hold_calls_that_there_are_and_are_found_by_name() {
        for group in CallGroup::ALL {
            assert_eq!(CallGroup::named(group.name()), Some(group));
            // Calls of architectures, or of kernels, that are gone.
            let gone = "cacheflush oldfstat oldlstat oldstat oldolduname olduname readdir nice subpage_prot switch_endian rtas \
                        sys_debug_setcontext swapcontext pciconfig_iobase pciconfig_read pciconfig_write idle";
            for name in group.calls() {
                assert!(
                    Arch::any_has(name) || gone.contains(name) || group.name() == "@obsolete",
                    "{}: {name}",
                    group.name()
                );
            }
        }
        assert!(CallGroup::ALL.is_sorted_by_key(|group| group.name));
        assert_eq!(CallGroup::nearest("@mounts"), ["@mount"]);
    }

    #[test]
    fn a_group_holds_what_those_in_it_hold() {
        let calls = CallGroup::named("@privileged").unwrap().calls();
        for name in ["swapon", "init_module", "chown", "setuid"] {
            assert!(calls.contains(&name), "{name}");
        }
        assert!(!CallGroup::named("@system-service").unwrap().calls().contains(&"mount"));
    }
}
