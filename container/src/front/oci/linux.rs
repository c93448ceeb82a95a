// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is Linux's own.

use std::collections::BTreeMap;

use super::mount::IdMapping;
use super::object::object;
use super::resources::Resources;
use super::seccomp::Seccomp;

object! {
    /// What is Linux's own in a configuration.
    Linux {
        required {}
        optional {
            /// The namespaces of the container.
            namespaces: Vec<Namespace> = "namespaces",
            /// Who is who in its user namespace.
            uid_mappings: Vec<IdMapping> = "uidMappings",
            /// The same of groups.
            gid_mappings: Vec<IdMapping> = "gidMappings",
            /// What its time namespace adds to the clocks `monotonic` and `boottime`.
            time_offsets: BTreeMap<String, TimeOffset> = "timeOffsets",
            /// Devices that it has, beside those that every container has.
            devices: Vec<Device> = "devices",
            /// Network devices that are moved into it, by their names outside.
            net_devices: BTreeMap<String, NetDevice> = "netDevices",
            /// Its control group: a path, or `SLICE:PREFIX:NAME` for systemd.
            cgroups_path: String = "cgroupsPath",
            /// What it may use at most.
            resources: Resources = "resources",
            /// Intel's control of caches and memory bandwidth.
            intel_rdt: IntelRdt = "intelRdt",
            /// Switches of its namespaces: `net.core.somaxconn`.
            sysctl: BTreeMap<String, String> = "sysctl",
            /// Which system calls it may make.
            seccomp: Seccomp = "seccomp",
            /// Where mounts in the root go to: `shared`, `slave`, `private`, `unbindable`.
            rootfs_propagation: String = "rootfsPropagation",
            /// Paths that are covered by something empty.
            masked_paths: Vec<String> = "maskedPaths",
            /// Paths that become read-only.
            readonly_paths: Vec<String> = "readonlyPaths",
            /// What SELinux knows the files of its mounts by.
            mount_label: String = "mountLabel",
            /// What the machine is said to be.
            personality: Personality = "personality",
            /// Which nodes its memory comes from.
            memory_policy: MemoryPolicy = "memoryPolicy",
        }
    }
}

object! {
    /// A namespace.
    Namespace {
        required {
            /// `pid`, `network`, `mount`, `ipc`, `uts`, `user`, `cgroup` or `time`.
            kind: String = "type",
        }
        optional {
            /// One that is there already: an absolute path.
            path: String = "path",
        }
    }
}

object! {
    /// How far a clock is ahead.
    TimeOffset {
        required {}
        optional {
            /// Seconds.
            secs: i64 = "secs",
            /// Nanoseconds more.
            nanosecs: u32 = "nanosecs",
        }
    }
}

object! {
    /// A device in a container.
    Device {
        required {
            /// Where: an absolute path inside.
            path: String = "path",
            /// `c` or `u` for bytes, `b` for blocks, `p` for a pipe.
            kind: String = "type",
        }
        optional {
            /// Which driver it belongs to; not for a pipe.
            major: i64 = "major",
            /// Which of that driver's it is; not for a pipe.
            minor: i64 = "minor",
            /// Its permissions, in decimal as JSON has it: 438 is 0666.
            file_mode: u32 = "fileMode",
            /// Its user, inside.
            uid: u32 = "uid",
            /// Its group, inside.
            gid: u32 = "gid",
        }
    }
}

object! {
    /// A network device that is moved into a container.
    NetDevice {
        required {}
        optional {
            /// Its name inside.
            name: String = "name",
        }
    }
}

object! {
    /// Intel's control of caches and memory bandwidth: a group of resctrl.
    IntelRdt {
        required {}
        optional {
            /// The group.
            clos_id: String = "closID",
            /// Lines of its `schemata`.
            schemata: Vec<String> = "schemata",
            /// Those of the cache of level 3.
            l3_cache_schema: String = "l3CacheSchema",
            /// Those of memory bandwidth.
            mem_bw_schema: String = "memBwSchema",
            /// Whether there is a group to count its use.
            enable_monitoring: bool = "enableMonitoring",
            /// The same for caches alone, in versions before 1.3.
            enable_cmt: bool = "enableCMT",
            /// The same for memory bandwidth alone, in versions before 1.3.
            enable_mbm: bool = "enableMBM",
        }
    }
}

object! {
    /// What the machine is said to be, personality(2).
    Personality {
        required {
            /// `LINUX`, or `LINUX32` for 32 bits.
            domain: String = "domain",
        }
        optional {
            /// The format has none.
            flags: Vec<String> = "flags",
        }
    }
}

object! {
    /// Which nodes memory comes from, set_mempolicy(2).
    MemoryPolicy {
        required {
            /// The rule: `MPOL_BIND`.
            mode: String = "mode",
        }
        optional {
            /// The nodes: `0-3,7`.
            nodes: String = "nodes",
            /// How they are meant: `MPOL_F_STATIC_NODES`.
            flags: Vec<String> = "flags",
        }
    }
}
