// SPDX-License-Identifier: MIT OR Apache-2.0
//! Namespaces, devices, and what is in every container on Linux.

use std::fs;

use serde_json::json;

use super::bundle::{add, holds, same};
use super::case::{Case, must};

pub(super) const CASES: &[Case] = &[
    must("config-linux.md#default-devices", "the devices are there", |bundle| {
        let script = "for name in null zero full random urandom tty; do test -c /dev/$name || echo no $name; done; \
                      test -e /dev/ptmx || echo no ptmx; echo end";
        bundle.says(script, "end", |_| ())
    }),
    must("runtime-linux.md#dev-symbolic-links", "the links of descriptors are there", |bundle| {
        let script = "for name in fd stdin stdout stderr; do readlink /dev/$name; done";
        let expected = "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2";
        bundle.says(script, expected, |_| ())
    }),
    must("runtime-linux.md#file-descriptors", "the standard descriptors alone are open", |bundle| {
        let found = bundle.run("ls /proc/1/fd; true", |_| ())?;
        let more: Vec<&str> = found.lines().filter(|number| !["0", "1", "2", "10"].contains(number)).collect();
        holds(more.is_empty(), format!("these are open too: {more:?}"))
    }),
    must("config-linux.md#namespaces", "a namespace without a path is a new one", |bundle| {
        bundle.create("true", |_| ())?;
        let pid = bundle.state()?["pid"].clone();
        for kind in ["pid", "net", "mnt", "ipc", "uts"] {
            let [theirs, ours] = [format!("/proc/{pid}/ns/{kind}"), format!("/proc/self/ns/{kind}")].map(fs::read_link);
            holds(theirs? != ours?, format!("its {kind} namespace is ours"))?;
        }
        Ok(())
    }),
    must("config-linux.md#namespaces", "a kind that is not listed is the runtime's own", |bundle| {
        bundle.create("true", |config| {
            config["linux"]["namespaces"] =
                json!([{"type": "pid"}, {"type": "mount"}, {"type": "uts"}, {"type": "network"}]);
        })?;
        let theirs = fs::read_link(format!("/proc/{}/ns/ipc", bundle.state()?["pid"]))?;
        holds(theirs == fs::read_link("/proc/self/ns/ipc")?, "its ipc namespace is another one")
    }),
    must("config-linux.md#namespaces", "one with a path is joined", |bundle| {
        bundle.create("true", |config| {
            config["linux"]["namespaces"][3] = json!({"type": "ipc", "path": "/proc/self/ns/ipc"});
        })?;
        let theirs = fs::read_link(format!("/proc/{}/ns/ipc", bundle.state()?["pid"]))?;
        holds(theirs == fs::read_link("/proc/self/ns/ipc")?, "its ipc namespace is another one")
    }),
    must("config-linux.md#user-namespace-mappings", "ids are mapped as is listed", |bundle| {
        let found = bundle.run("cat /proc/self/uid_map /proc/self/gid_map", |config| {
            add(config, ["linux", "namespaces"], json!({"type": "user"}));
            for key in ["uidMappings", "gidMappings"] {
                config["linux"][key] = json!([{"containerID": 0, "hostID": 100_000, "size": 1000}]);
            }
        })?;
        let words: Vec<&str> = found.split_whitespace().collect();
        holds(words == ["0", "100000", "1000", "0", "100000", "1000"], found)
    }),
    must("config-linux.md#devices", "a device has the numbers, the mode and the owner that are listed", |bundle| {
        bundle.says("stat -c '%F %t:%T %a %u %g' /dev/given", "character special file a:e5 640 5 6", |config| {
            let device = json!({"path": "/dev/given", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 5, "gid": 6});
            add(config, ["linux", "devices"], device);
        })
    }),
    must("config-linux.md#devices", "one device twice is an error", |bundle| {
        bundle.refused(|config| {
            for minor in [229, 230] {
                let device = json!({"path": "/dev/given", "type": "c", "major": 10, "minor": minor});
                add(config, ["linux", "devices"], device);
            }
        })
    }),
    must("config-linux.md#masked-paths", "they cannot be read", |bundle| {
        bundle.says("cat /proc/version; ls /proc/fs | wc -l", "0", |config| {
            config["linux"]["maskedPaths"] = json!(["/proc/version", "/proc/fs"]);
        })
    }),
    must("config-linux.md#masked-paths", "one that is absent is no error", |bundle| {
        bundle.says("echo fine", "fine", |config| config["linux"]["maskedPaths"] = json!(["/proc/unheard-of"]))
    }),
    must("config-linux.md#readonly-paths", "they cannot be written to", |bundle| {
        bundle.says("(echo x >/proc/sys/kernel/domainname) 2>/dev/null || echo no", "no", |config| {
            config["linux"]["readonlyPaths"] = json!(["/proc/sys"]);
        })
    }),
    must("config-linux.md#rootfs-mount-propagation", "it is that of the root", |bundle| {
        let found =
            bundle.run("grep ' / / ' /proc/self/mountinfo || grep ' / ' /proc/self/mountinfo | head -1", |config| {
                config["linux"]["rootfsPropagation"] = json!("shared");
            })?;
        holds(found.contains(" shared:"), found)
    }),
    must(
        "config-linux.md#default-filesystems",
        "proc, sysfs, devpts and tmpfs are where the configuration has them",
        |bundle| {
            let script =
                "for at in /proc /sys /dev/pts /dev/shm; do grep \" $at \" /proc/mounts | cut -d ' ' -f 3; done";
            same(&bundle.run(script, |_| ())?, "proc\nsysfs\ndevpts\ntmpfs")
        },
    ),
];
