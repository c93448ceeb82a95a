// SPDX-License-Identifier: MIT OR Apache-2.0
//! Multiplexed calls: one call of old that makes many others, by its first argument.
//!
//! i386 has them, s390x, POWER and MIPS: programs of those make their sockets by `socketcall(SYS_SOCKET, …)` as well as by
//! `socket`, and the other arguments are in memory, out of a filter's sight. What is denied by the one name would be done by
//! the other.
//!
//! Man: socketcall(2), ipc(2). Kernel: include/uapi/linux/net.h, include/uapi/linux/ipc.h.

use super::{Arch, Compare, Condition, Rule, Verdict};

/// `sys_ipc` looks at the lower half of its `int` alone; above it is a version, 0 for all but ancient programs.
const IPC: u64 = 0xffff;
const SOCKETCALL: u64 = super::condition::LOW;

const fn first(mask: u64, value: u64) -> [Condition; 1] {
    [Condition { arg: 0, mask, compare: Compare::Eq, value }]
}

/// A call, the one that it is also made by, and what is that one's first argument then.
type Way = (&'static str, &'static str, [Condition; 1]);

#[rustfmt::skip] // A table.
static WAYS: [Way; 32] = [
    ("socket", "socketcall", first(SOCKETCALL, 1)),
    ("bind", "socketcall", first(SOCKETCALL, 2)),
    ("connect", "socketcall", first(SOCKETCALL, 3)),
    ("listen", "socketcall", first(SOCKETCALL, 4)),
    ("accept", "socketcall", first(SOCKETCALL, 5)),
    ("getsockname", "socketcall", first(SOCKETCALL, 6)),
    ("getpeername", "socketcall", first(SOCKETCALL, 7)),
    ("socketpair", "socketcall", first(SOCKETCALL, 8)),
    ("send", "socketcall", first(SOCKETCALL, 9)),
    ("recv", "socketcall", first(SOCKETCALL, 10)),
    ("sendto", "socketcall", first(SOCKETCALL, 11)),
    ("recvfrom", "socketcall", first(SOCKETCALL, 12)),
    ("shutdown", "socketcall", first(SOCKETCALL, 13)),
    ("setsockopt", "socketcall", first(SOCKETCALL, 14)),
    ("getsockopt", "socketcall", first(SOCKETCALL, 15)),
    ("sendmsg", "socketcall", first(SOCKETCALL, 16)),
    ("recvmsg", "socketcall", first(SOCKETCALL, 17)),
    ("accept4", "socketcall", first(SOCKETCALL, 18)),
    ("recvmmsg", "socketcall", first(SOCKETCALL, 19)),
    ("sendmmsg", "socketcall", first(SOCKETCALL, 20)),
    ("semop", "ipc", first(IPC, 1)),
    ("semget", "ipc", first(IPC, 2)),
    ("semctl", "ipc", first(IPC, 3)),
    ("semtimedop", "ipc", first(IPC, 4)),
    ("msgsnd", "ipc", first(IPC, 11)),
    ("msgrcv", "ipc", first(IPC, 12)),
    ("msgget", "ipc", first(IPC, 13)),
    ("msgctl", "ipc", first(IPC, 14)),
    ("shmat", "ipc", first(IPC, 21)),
    ("shmdt", "ipc", first(IPC, 22)),
    ("shmget", "ipc", first(IPC, 23)),
    ("shmctl", "ipc", first(IPC, 24)),
];

/// The call that `name` is also made by on an architecture, and when it is that, if the rule is to count for it: one that
/// allows does not, since nobody is asked to allow what the name does not say.
///
/// The rule's own conditions are about arguments that cannot be seen there: it counts whatever they are.
pub(super) fn also_by(rule: &Rule, name: &str, arch: Arch) -> Option<(&'static str, &'static [Condition])> {
    if rule.verdict == Verdict::Allow {
        return None;
    }
    let (_, by, when) = WAYS.iter().find(|(call, ..)| *call == name)?;
    arch.number_of(by).map(|_| (*by, when.as_slice()))
}
