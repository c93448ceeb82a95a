// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which keys are a namespace's, and what they take.
//!
//! Nets have a subtree each, in which some files are the machine's: the kernel shows these in the initial net namespace
//! alone. The tests compare both lists, and the ranges, with the kernel.

use crate::kind::NamespaceKind;

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// So many numbers from the first to the second, blanks between them.
    Numbers(usize, i128, i128),
    /// Two numbers, the first not above the second.
    Span(i128, i128),
    /// At most 64 bytes.
    Name,
    /// A line of the kernel's choice.
    Line,
}

const INT: i128 = i32::MAX as i128;
const LONG: i128 = u64::MAX as i128;

/// A key with its slashes, the kind of namespace that has it, what it takes.
type Row = (&'static str, NamespaceKind, Takes);

/// Sorted by key.
#[rustfmt::skip] // A table.
pub(super) const KEYS: &[Row] = {
    use NamespaceKind::{Ipc, Net, Pid, User, Uts};
    use Takes::{Name, Numbers, Span};
    &[
        ("fs/mqueue/msg_default", Ipc, Numbers(1, 1, 65_536)),
        ("fs/mqueue/msg_max", Ipc, Numbers(1, 1, 65_536)),
        ("fs/mqueue/msgsize_default", Ipc, Numbers(1, 128, 16_777_216)),
        ("fs/mqueue/msgsize_max", Ipc, Numbers(1, 128, 16_777_216)),
        ("fs/mqueue/queues_max", Ipc, Numbers(1, 0, INT)),
        ("kernel/auto_msgmni", Ipc, Numbers(1, 0, 1)),
        ("kernel/domainname", Uts, Name),
        ("kernel/hostname", Uts, Name),
        ("kernel/msg_next_id", Ipc, Numbers(1, 0, INT)),
        ("kernel/msgmax", Ipc, Numbers(1, 0, INT)),
        ("kernel/msgmnb", Ipc, Numbers(1, 0, INT)),
        ("kernel/msgmni", Ipc, Numbers(1, 0, 32_768)),
        ("kernel/ns_last_pid", Pid, Numbers(1, 0, 4_194_304)),
        ("kernel/sem", Ipc, Numbers(4, 0, INT)),
        ("kernel/sem_next_id", Ipc, Numbers(1, 0, INT)),
        ("kernel/shm_next_id", Ipc, Numbers(1, 0, INT)),
        ("kernel/shm_rmid_forced", Ipc, Numbers(1, 0, 1)),
        ("kernel/shmall", Ipc, Numbers(1, 0, LONG)),
        ("kernel/shmmax", Ipc, Numbers(1, 0, LONG)),
        ("kernel/shmmni", Ipc, Numbers(1, 0, 32_768)),
        ("net/core/somaxconn", Net, Numbers(1, 0, INT)),
        ("net/ipv4/ip_default_ttl", Net, Numbers(1, 1, 255)),
        ("net/ipv4/ip_local_port_range", Net, Span(1, 65_535)),
        ("net/ipv4/ip_unprivileged_port_start", Net, Numbers(1, 0, 65_535)),
        ("net/ipv4/ping_group_range", Net, Numbers(2, 0, INT)),
        ("user/max_cgroup_namespaces", User, Numbers(1, 0, INT)),
        ("user/max_fanotify_groups", User, Numbers(1, 0, INT)),
        ("user/max_fanotify_marks", User, Numbers(1, 0, INT)),
        ("user/max_inotify_instances", User, Numbers(1, 0, INT)),
        ("user/max_inotify_watches", User, Numbers(1, 0, INT)),
        ("user/max_ipc_namespaces", User, Numbers(1, 0, INT)),
        ("user/max_mnt_namespaces", User, Numbers(1, 0, INT)),
        ("user/max_net_namespaces", User, Numbers(1, 0, INT)),
        ("user/max_pid_namespaces", User, Numbers(1, 0, INT)),
        ("user/max_time_namespaces", User, Numbers(1, 0, INT)),
        ("user/max_user_namespaces", User, Numbers(1, 0, INT)),
        ("user/max_uts_namespaces", User, Numbers(1, 0, INT)),
        ("vm/memfd_noexec", Pid, Numbers(1, 0, 2)),
    ]
};

/// Of net/core the files that each net namespace has, which are the fewer; sorted.
const NET_CORE: &[&str] = &[
    "bypass_prot_mem",
    "optmem_max",
    "rmem_default",
    "rmem_max",
    "rps_default_mask",
    "somaxconn",
    "tstamp_allow_data",
    "txrehash",
    "wmem_default",
    "wmem_max",
    "xfrm_acq_expires",
    "xfrm_aevent_etime",
    "xfrm_aevent_rseqth",
    "xfrm_larval_drop",
];

/// Of the rest of net/ the files that the machine has one of; sorted. What ends in "/" is all that begins with it, but for
/// [`NET_IN_GLOBAL`].
const NET_GLOBAL: &[&str] = &[
    "net/ipv4/cipso_",
    "net/ipv4/fib_sync_mem",
    "net/ipv4/inet_peer_",
    "net/ipv4/ipfrag_secret_interval",
    "net/ipv4/route/",
    "net/ipv4/tcp_available_ulp",
    "net/ipv4/tcp_low_latency",
    "net/ipv4/tcp_max_orphans",
    "net/ipv4/tcp_mem",
    "net/ipv4/udp_mem",
    "net/ipv6/calipso_",
    "net/ipv6/ip6frag_secret_interval",
    "net/ipv6/mld_max_msf",
    "net/ipv6/mld_qrv",
    "net/netfilter/nf_log_all_netns",
    "net/nf_conntrack_max",
];

const NET_IN_GLOBAL: &[&str] =
    &["net/ipv4/route/flush", "net/ipv4/route/min_adv_mss", "net/ipv4/route/min_pmtu", "net/ipv4/route/mtu_expires"];

/// Whose a key is, with slashes, and what it takes; `None` for the machine's.
pub(super) fn look_up(path: &str) -> Option<(NamespaceKind, Takes)> {
    if let Ok(at) = KEYS.binary_search_by_key(&path, |row| row.0) {
        return KEYS.get(at).map(|row| (row.1, row.2));
    }
    let rest = path.strip_prefix("net/")?;
    let net = Some((NamespaceKind::Net, Takes::Line));
    if let Some(name) = rest.strip_prefix("core/") {
        return if NET_CORE.contains(&name) { net } else { None };
    }
    // What ends in "_" or "/" is a beginning; all else is a whole name.
    let global = |known: &&str| path == *known || (known.ends_with(['_', '/']) && path.starts_with(*known));
    if NET_GLOBAL.iter().any(global) && !NET_IN_GLOBAL.contains(&path) { None } else { net }
}
