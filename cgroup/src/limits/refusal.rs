// SPDX-License-Identifier: MIT OR Apache-2.0
//! Refusals: what an error number of a control file means, and what to do about it.
//!
//! Kernel: kernel/cgroup/cpuset.c, `validate_change`; kernel/sched/core.c and rt.c; block/blk-cgroup.c,
//! `blkg_conf_open_bdev` and `blkg_conf_prep`; mm/memcontrol.c and memcontrol-v1.c; kernel/cgroup/rdma.c, misc.c.

use rustix::io::Errno;

use crate::error::ErrorKind;

/// What a refusal comes to: its class, the reason in a sentence, and the remedy where one is certain.
pub(crate) type Refusal = (ErrorKind, &'static str, Option<&'static str>);

/// Why the kernel has refused a value; `None` if its number says it all.
pub(crate) fn why(file: &str, errno: Errno) -> Option<Refusal> {
    let controller = file.split('.').next().unwrap_or_default();
    match (controller, errno) {
        ("memory", Errno::BUSY) => Some((
            ErrorKind::Busy,
            "the group uses more than that now, and not enough could be freed",
            Some("end or shrink what runs in the group, or give it more"),
        )),
        ("memory", Errno::INVAL) if file.ends_with("limit_in_bytes") => Some((
            ErrorKind::Invalid,
            "memory and swap together (memory.memsw.limit_in_bytes) are never less than memory alone",
            Some("set memory.max and memory.swap together"),
        )),
        ("cpu", _) => of_cpu(file, errno),
        ("cpuset", _) => of_cpuset(file, errno),
        ("io" | "blkio", _) => of_io(file, errno),
        ("hugetlb", Errno::INVAL) => Some((ErrorKind::Invalid, "the kernel does not take that amount", None)),
        ("rdma", Errno::NODEV) => Some((
            ErrorKind::NotFound,
            "there is no RDMA device of that name here",
            Some("/sys/class/infiniband lists those that are here"),
        )),
        ("misc", Errno::INVAL) => Some((
            ErrorKind::Invalid,
            "this machine counts no resource of that name",
            Some("misc.capacity of the root group lists those that it does"),
        )),
        ("net_prio", Errno::NODEV) => {
            Some((ErrorKind::NotFound, "there is no network interface of that name in this network namespace", None))
        }
        _ => None,
    }
}

fn of_cpu(file: &str, errno: Errno) -> Option<Refusal> {
    match (file, errno) {
        ("cpu.rt_runtime_us" | "cpu.rt_period_us", Errno::INVAL) => Some((
            ErrorKind::Invalid,
            "the group above has not that much real time left to give: a group has none until it is given some",
            Some("give the groups above real time first, from the root down"),
        )),
        ("cpu.rt_runtime_us", Errno::BUSY) => Some((
            ErrorKind::Busy,
            "a process with a real-time policy is in the group",
            Some("give it another policy, or move it to another group"),
        )),
        ("cpu.cfs_quota_us" | "cpu.cfs_period_us", Errno::INVAL) => Some((
            ErrorKind::Invalid,
            "the quota of the group above is smaller, or one below is larger, or the group's burst is more than that",
            Some("a group of version 1 gets no larger part than the group above: set that first, and cpu.burst along"),
        )),
        ("cpu.max", Errno::INVAL) => Some((
            ErrorKind::Invalid,
            "the group's burst (cpu.max.burst) is more than that, or the numbers are out of range",
            Some("set cpu.burst along with cpu.quota"),
        )),
        ("cpu.max.burst" | "cpu.cfs_burst_us", Errno::INVAL) => Some((
            ErrorKind::Invalid,
            "the burst is more than the time of the group's quota",
            Some("set cpu.quota along with cpu.burst"),
        )),
        ("cpu.weight" | "cpu.shares", Errno::INVAL) => Some((
            ErrorKind::Invalid,
            "the group is idle (cpu.idle is 1) and has no weight",
            Some("set cpu.idle to false"),
        )),
        (_, Errno::RANGE) => Some((ErrorKind::Invalid, "the value is out of the kernel's range", None)),
        _ => None,
    }
}

fn of_cpuset(file: &str, errno: Errno) -> Option<Refusal> {
    let list = matches!(file, "cpuset.cpus" | "cpuset.mems" | "cpuset.cpus.exclusive");
    match errno {
        Errno::RANGE | Errno::INVAL if list => Some((
            ErrorKind::Invalid,
            "the list has a number that this machine does not have, or one that another group has for itself",
            Some("/sys/devices/system/cpu/online and /sys/devices/system/node/online say what there is"),
        )),
        Errno::ACCESS if file.ends_with("_exclusive") => Some((
            ErrorKind::Invalid,
            "the group above is not exclusive itself",
            Some(
                "it takes the processors or memory nodes from all groups beside: make the group above exclusive first",
            ),
        )),
        Errno::ACCESS if list => Some((
            ErrorKind::Invalid,
            "the group above does not have all of that",
            Some("a group of version 1 has no more than the group above: set that first"),
        )),
        Errno::BUSY => Some((
            ErrorKind::Busy,
            "a group below, or a process in real time, still needs some of what would be taken away",
            None,
        )),
        Errno::NOSPC => Some((
            ErrorKind::Busy,
            "processes are in the group, and none of its processors or memory nodes would be left to them",
            None,
        )),
        Errno::INVAL if file.ends_with("_exclusive") => {
            Some((ErrorKind::Invalid, "a group beside it has some of the same, or one below is exclusive", None))
        }
        Errno::INVAL => Some((ErrorKind::Invalid, "the kernel does not take that value", None)),
        _ => None,
    }
}

fn of_io(file: &str, errno: Errno) -> Option<Refusal> {
    match errno {
        Errno::NODEV | Errno::NXIO => Some((
            ErrorKind::NotFound,
            "there is no whole disk of these numbers here: a partition has no limits of its own",
            Some("`lsblk --nodeps` lists the disks and their numbers"),
        )),
        Errno::OPNOTSUPP if file.contains("bfq") => Some((
            ErrorKind::Unsupported,
            "the device's scheduler is not BFQ, and others do not weigh groups",
            Some("write bfq to queue/scheduler of the device in /sys/block"),
        )),
        Errno::OPNOTSUPP => Some((
            ErrorKind::Unsupported,
            "io.cost is not enabled on the device, and nothing else weighs groups",
            Some("enable it in io.cost.qos of the root group"),
        )),
        Errno::RANGE | Errno::INVAL => Some((ErrorKind::Invalid, "the value is out of the kernel's range", None)),
        _ => None,
    }
}

/// What a kernel lacks that does not have the file, as far as that is certain.
pub(crate) fn why_absent(file: &str) -> Option<&'static str> {
    Some(match file {
        "cpu.rt_runtime_us" | "cpu.rt_period_us" => {
            "this kernel does not schedule real time by groups (RT_GROUP_SCHED)"
        }
        "cpu.uclamp.min" | "cpu.uclamp.max" => "this kernel does not clamp utilisation by groups (UCLAMP_TASK_GROUP)",
        "cpu.max.burst" | "cpu.cfs_burst_us" => "bursts take Linux 5.14",
        "cpu.idle" => "idle groups take Linux 5.15",
        "cpuset.cpus.exclusive" => "it takes Linux 6.7",
        "memory.zswap.max" => "it takes Linux 5.19 with zswap",
        "memory.zswap.writeback" => "it takes Linux 6.8 with zswap",
        "memory.swap.max" | "memory.swap.high" | "memory.memsw.limit_in_bytes" => {
            "this kernel does not count swap (swapaccount=0 at boot, or built so)"
        }
        "io.latency" => "this kernel has no latency targets (BLK_CGROUP_IOLATENCY)",
        "io.weight" => "this kernel has no io.cost (BLK_CGROUP_IOCOST)",
        "io.bfq.weight" | "blkio.bfq.weight" | "blkio.bfq.weight_device" => {
            "the scheduler BFQ is not built in or loaded, or does not know groups (BFQ_GROUP_IOSCHED)"
        }
        "blkio.weight" | "blkio.weight_device" => {
            "version 1 has had no such file since Linux 5.0, which weighs by BFQ alone"
        }
        file if file.starts_with("hugetlb.") => "this kernel has no huge pages of that size",
        _ => return None,
    })
}
