// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cgroup hierarchies, in the shape that the job asks for.
//!
//! Man: cgroups(7). Kernel: Documentation/admin-guide/cgroup-v2.rst, "Mounting".

use std::ffi::CString;
use std::fs;
use std::path::Path;

use guest::job::Shape;
use rustix::mount::{MountFlags, UnmountFlags};

use crate::{Failure, mounts};

const ROOT: &str = "/sys/fs/cgroup";
const FLAGS: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);

/// Controllers that share a hierarchy wherever systemd mounts them.
const JOINED: [[&str; 2]; 2] = [["cpu", "cpuacct"], ["net_cls", "net_prio"]];

/// Mounts the hierarchies; the answer is a sentence for each controller that the shape should have and has not.
pub(crate) fn mount(shape: Shape) -> Result<Vec<String>, Failure> {
    if shape == Shape::V2 {
        mounts::on("cgroup2", "cgroup2", Path::new(ROOT), FLAGS, c"nsdelegate")?;
        let lacks = enable_all(Path::new(ROOT))?;
        keep_one(Path::new(ROOT));
        return Ok(lacks);
    }
    mounts::on("tmpfs", "tmpfs", Path::new(ROOT), FLAGS, c"mode=0755")?;
    let table = fs::read_to_string("/proc/cgroups").map_err(|error| format!("cannot read /proc/cgroups: {error}"))?;
    // One controller is left to version 2, as on the machines in between: a name may be in either.
    let left = |names: &&Vec<&str>| shape != Shape::Hybrid || **names != ["hugetlb"];
    let hierarchies = hierarchies(&table);
    let mut lacks: Vec<String> = hierarchies.iter().filter(left).filter_map(|names| mount_one(names).err()).collect();
    keep_one(&Path::new(ROOT).join("cpuset"));
    mounts::on("cgroup", "cgroup", &Path::new(ROOT).join("systemd"), FLAGS, c"none,name=systemd")?;
    if shape == Shape::Hybrid {
        mounts::on("cgroup2", "cgroup2", &Path::new(ROOT).join("unified"), FLAGS, c"nsdelegate")?;
        lacks.extend(enable_all(&Path::new(ROOT).join("unified"))?);
    }
    Ok(lacks)
}

/// Makes a group that stays. With the first that has cpuset, and when the last has gone, the kernel rewrites places in its
/// own code, which qemu's several processors at a time do not survive now and then: tests that make groups did it again
/// and again.
fn keep_one(hierarchy: &Path) {
    // Where there is no cpuset there is nothing to keep.
    let _absent = fs::create_dir(hierarchy.join("guest"));
}

/// Every controller of version 2, for the groups below the root.
fn enable_all(root: &Path) -> Result<Vec<String>, Failure> {
    let offered = fs::read_to_string(root.join("cgroup.controllers"))?;
    let control = root.join("cgroup.subtree_control");
    // One by one: of a list the kernel takes all or none.
    let enable = |name: &str| {
        let written = fs::write(&control, format!("+{name}"));
        written.err().map(|error| format!("cannot enable the cgroup v2 controller {name}: {error}"))
    };
    Ok(offered.split_whitespace().filter_map(enable).collect())
}

/// The controllers of each hierarchy of version 1.
fn hierarchies(table: &str) -> Vec<Vec<&str>> {
    let enabled = |line: &&str| line.split_whitespace().nth(3) == Some("1");
    let lines = table.lines().filter(|line| !line.starts_with('#')).filter(enabled);
    let mut all: Vec<Vec<&str>> = Vec::new();
    for name in lines.filter_map(|line| line.split_whitespace().next()) {
        let partner = JOINED.iter().find(|pair| pair.contains(&name));
        match all.iter_mut().find(|names| partner.is_some_and(|pair| names.iter().any(|other| pair.contains(other)))) {
            Some(names) => names.push(name),
            None => all.push(vec![name]),
        }
    }
    all
}

fn mount_one(names: &[&str]) -> Result<(), String> {
    let joined = names.join(",");
    let path = Path::new(ROOT).join(&joined);
    let options = CString::new(joined.as_str()).unwrap_or_default();
    let lack = |why: String| format!("the cgroup v1 hierarchy {joined} is not there: {why}");
    mounts::on("cgroup", "cgroup", &path, FLAGS, &options).map_err(|failure| lack(failure.to_string()))?;
    if has_files(&path, names).map_err(|error| lack(error.to_string()))? {
        for name in names.iter().filter(|name| **name != joined) {
            mounts::link(&joined, &format!("{ROOT}/{name}")).map_err(|failure| lack(failure.to_string()))?;
        }
        return Ok(());
    }
    // Linux 6.12 without CONFIG_MEMCG_V1 or CONFIG_CPUSETS_V1 mounts them, but has no file to limit anything by.
    rustix::mount::unmount(&path, UnmountFlags::empty()).map_err(|errno| lack(errno.to_string()))?;
    fs::remove_dir(&path).map_err(|error| lack(error.to_string()))?;
    Err(lack("this kernel is built without its files".to_owned()))
}

/// Whether a group of the hierarchy has a file of each controller; some have none in the root.
fn has_files(root: &Path, names: &[&str]) -> std::io::Result<bool> {
    let group = root.join("skep-probe");
    fs::create_dir(&group)?;
    let files: Vec<String> =
        fs::read_dir(&group)?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    fs::remove_dir(&group)?;
    // perf_event, and debug with it, are used without any file of theirs.
    let has = |name: &&str| *name == "perf_event" || files.iter().any(|file| is_of(file, name));
    Ok(names.iter().all(has))
}

/// `blkio.throttle.io_serviced` is blkio's, `cpuacct.usage` is not cpu's.
fn is_of(file: &str, controller: &str) -> bool {
    file.strip_prefix(controller).is_some_and(|rest| rest.starts_with('.'))
}

/// What is there now, by `/proc/self/mountinfo`.
pub(crate) fn controllers() -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let read = |path: &str| fs::read_to_string(Path::new(path).join("cgroup.controllers")).unwrap_or_default();
    of_mounts(&table, read)
}

fn of_mounts(table: &str, offered: impl Fn(&str) -> String) -> Vec<String> {
    let mut found = Vec::new();
    for line in table.lines() {
        let Some((before, after)) = line.split_once(" - ") else { continue };
        let path = before.split(' ').nth(4).unwrap_or_default();
        if after.starts_with("cgroup2 ") {
            found.extend(offered(path).split_whitespace().map(|name| format!("{name}:v2")));
        } else if after.starts_with("cgroup ") {
            let options = after.rsplit(' ').next().unwrap_or_default();
            let names = options.split(',').filter(|word| !["rw", "ro", "xattr", "none"].contains(word));
            found.extend(names.filter(|word| !word.contains('=')).map(|name| format!("{name}:v1")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_controllers_share_a_hierarchy_and_disabled_ones_have_none() {
        let table = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t1\t1\ncpu\t0\t1\t1\ncpuacct\t0\t1\t1\n\
                     memory\t0\t1\t0\nnet_prio\t0\t1\t1\npids\t0\t1\t1\nnet_cls\t0\t1\t1\n";
        let expected = [vec!["cpuset"], vec!["cpu", "cpuacct"], vec!["net_prio", "net_cls"], vec!["pids"]];
        assert_eq!(hierarchies(table), expected);
    }

    #[test]
    fn a_file_belongs_to_the_controller_before_its_first_dot() {
        assert!(is_of("cpu.shares", "cpu") && is_of("blkio.throttle.x", "blkio"));
        assert!(!is_of("cpuacct.usage", "cpu") && !is_of("cpu", "cpu") && !is_of("cgroup.procs", "memory"));
    }

    #[test]
    fn what_is_mounted_is_told_by_version() {
        let table = "30 1 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n\
                     31 1 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                     32 1 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
                     33 1 0:29 / /proc rw - proc proc rw\n";
        let found = of_mounts(table, |path| if path.ends_with("unified") { "hugetlb\n".into() } else { String::new() });
        assert_eq!(found, ["hugetlb:v2", "cpu:v1", "cpuacct:v1"]);
    }
}
