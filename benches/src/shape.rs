// SPDX-License-Identifier: MIT OR Apache-2.0
//! What OCI runtimes are measured with: a bundle in Docker's shape.

use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use serde_json::{Value, json};

/// Docker's capabilities.
const CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

const MASKED: [&str; 10] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
];
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Where the profile is on machines that have podman's files.
const PROFILE: &str = "/usr/share/containers/seccomp.json";

/// Shows this process, and what it starts, a second version of cgroups without controllers: crun refuses hybrid machines
/// that have some in it. Answers why not, where that cannot be.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "for a bench, which is a program of its own with one thread so far")]
pub fn hide_controllers() -> Option<String> {
    const FILE: &str = "/sys/fs/cgroup/unified/cgroup.controllers";
    let none: Option<&str> = None;
    let hidden = unshare(CloneFlags::CLONE_NEWNS)
        .and_then(|()| mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none))
        .and_then(|()| mount(Some("/dev/null"), FILE, none, MsFlags::MS_BIND, none));
    hidden
        .err()
        .filter(|_| Path::new(FILE).exists())
        .map(|errno| format!("crun may refuse this machine's cgroups: {errno}"))
}

/// Docker's filter for three architectures, as an OCI runtime takes it: what is conditional on rights and machines is
/// decided. `None` where the profile is not installed.
#[must_use]
pub fn seccomp() -> Option<Value> {
    let mut profile: Value = serde_json::from_str(&fs::read_to_string(PROFILE).ok()?).ok()?;
    let names = |rule: &Value, when: &str, what: &str| -> Vec<String> {
        let list = rule.pointer(&format!("/{when}/{what}")).and_then(Value::as_array).cloned().unwrap_or_default();
        list.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let rules = profile.get_mut("syscalls")?.as_array_mut()?;
    rules.retain(|rule| {
        let (caps, arches) = (names(rule, "includes", "caps"), names(rule, "includes", "arches"));
        caps.iter().all(|cap| CAPABILITIES.contains(&cap.as_str()))
            && (arches.is_empty() || arches.iter().any(|arch| arch == "amd64"))
            && !names(rule, "excludes", "caps").iter().any(|cap| CAPABILITIES.contains(&cap.as_str()))
            && !names(rule, "excludes", "arches").iter().any(|arch| arch == "amd64")
    });
    for rule in rules {
        for key in ["includes", "excludes", "comment", "errno"] {
            rule.as_object_mut()?.remove(key);
        }
    }
    Some(json!({
        "defaultAction": profile.get("defaultAction"),
        "defaultErrnoRet": 1,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": profile.get("syscalls"),
    }))
}

/// A bundle whose root has the program that only exits, as `/trivial`, and busybox's `/sleep` where busybox is installed.
#[derive(Debug)]
pub struct Bundle {
    dir: PathBuf,
}

impl Bundle {
    /// Makes it.
    ///
    /// # Errors
    /// What making directories and files says.
    pub fn new(dir: PathBuf) -> std::io::Result<Self> {
        let root = dir.join("rootfs");
        for name in ["proc", "dev", "sys", "etc"] {
            fs::create_dir_all(root.join(name))?;
        }
        fs::write(root.join("etc/resolv.conf"), "")?;
        fs::write(dir.join("resolv.conf"), "nameserver 127.0.0.1\n")?;
        fs::copy(crate::TRIVIAL, root.join("trivial"))?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        if let Some(busybox) = std::env::split_paths(&path).map(|at| at.join("busybox")).find(|file| file.is_file()) {
            fs::copy(busybox, root.join("sleep"))?;
        }
        Ok(Self { dir })
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether there is a program that stays.
    #[must_use]
    pub fn has_sleep(&self) -> bool {
        self.dir.join("rootfs/sleep").exists()
    }

    /// Writes its configuration in Docker's shape: six namespaces, seven mounts, fifteen masked and read-only paths, fourteen
    /// capabilities, limits of memory, processors, processes and devices, and a filter if there is one.
    ///
    /// # Errors
    /// What writing the file says.
    pub fn describe(&self, args: &[&str], group: &str, seccomp: Option<&Value>) -> std::io::Result<()> {
        let device = |kind: &str, major: u32, minor: u32| json!({"allow": true, "type": kind, "major": major, "minor": minor, "access": "rwm"});
        let mount = |destination: &str, kind: &str, options: &[&str]| json!({"destination": destination, "type": kind, "source": kind, "options": options});
        let namespaces = ["mount", "network", "uts", "pid", "ipc", "cgroup"].map(|kind| json!({"type": kind}));
        let mut config = json!({
            "ociVersion": "1.0.2",
            "root": {"path": "rootfs"},
            "hostname": "hive",
            "process": {
                "user": {"uid": 0, "gid": 0},
                "args": args,
                "cwd": "/",
                "env": ["PATH=/"],
                "noNewPrivileges": true,
                "capabilities": {"bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES},
                "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 1024}],
            },
            "mounts": [
                mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
                mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
                mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
                mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
                mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
                mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
                {"destination": "/etc/resolv.conf", "type": "bind", "source": self.dir.join("resolv.conf"), "options": ["rbind", "rprivate"]},
            ],
            "linux": {
                "cgroupsPath": group,
                "namespaces": namespaces,
                "maskedPaths": MASKED,
                "readonlyPaths": READ_ONLY,
                "resources": {
                    "memory": {"limit": 536_870_912_u64},
                    "cpu": {"shares": 512, "quota": 150_000, "period": 100_000, "cpus": "0"},
                    "pids": {"limit": 256},
                    "devices": [
                        {"allow": false, "access": "rwm"},
                        device("c", 1, 3), device("c", 1, 5), device("c", 1, 7), device("c", 1, 8), device("c", 1, 9),
                        device("c", 5, 0), device("c", 5, 2),
                        {"allow": true, "type": "c", "major": 136, "access": "rwm"},
                    ],
                },
            },
        });
        if let (Some(seccomp), Some(linux)) = (seccomp, config.get_mut("linux").and_then(Value::as_object_mut)) {
            linux.insert("seccomp".to_owned(), seccomp.clone());
        }
        fs::write(self.dir.join("config.json"), config.to_string())
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.dir);
    }
}
