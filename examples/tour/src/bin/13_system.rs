// SPDX-License-Identifier: MIT OR Apache-2.0
//! A whole system in a directory, such as debootstrap makes one with systemd in it: booted, asked how it is, and halted.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::{error::Error, time::Duration};

use skep::cgroup::{Layout, Limits, Version};
use skep::ns::{NamespaceKind::*, Namespaces, Stdio};
use skep::rootfs::{CgroupAccess, Cgroups, Hierarchy, Mounts, Tmpfs};
use skep::{Container, Report};

fn main() -> Result<(), Box<dyn Error>> {
    let root = std::env::args_os().nth(1).ok_or("usage: 13_system ROOT")?;
    let layout = Layout::detect()?;
    let v2 = layout.hierarchies().iter().find(|hierarchy| hierarchy.version() == Version::V2);
    let v2 = v2.ok_or("this machine has no cgroups of version 2 mounted")?;
    let group = format!("/skep-tour-system-{}", std::process::id());
    // Version 2 alone, and the container's own group in it: what a systemd is at home in.
    let cgroups = Cgroups::new("/sys/fs/cgroup", [Hierarchy::unified(v2.mount_point(), &group)]);
    let mounts = Mounts::standard()
        .add(Tmpfs::new("/run").mode(0o755))
        .add(Tmpfs::new("/tmp").mode(0o1777))
        .add(cgroups.access(CgroupAccess::Writable));
    let run = || -> Result<(), skep::Error> {
        let system = Container::anonymous()
            .root(&root)
            .copy_on_write()
            .mounts(mounts)
            .namespaces(Namespaces::new().make([Mount, Pid, Uts, Ipc, Net, Cgroup]))
            .hostname("hive")
            .cgroup(&group)
            .limits(Limits::new().pids_max(512))
            .env("container", "skep")
            .command("/sbin/init", [""; 0])
            .stdin(Stdio::Null)
            .stdout(Stdio::Null)
            .stderr(Stdio::Null)
            .kill_on_drop()
            .start()?;
        let path = "/usr/bin:/bin:/usr/sbin:/sbin";
        let asked = || system.exec("systemctl", ["is-system-running", "--wait"]).env("PATH", path).output();
        let mut answer = asked()?;
        // Before it has begun, and while its bus is not there.
        while [&b"offline\n"[..], b""].contains(&answer.stdout.as_slice()) && system.try_wait()?.is_none() {
            std::thread::sleep(Duration::from_millis(50));
            answer = asked()?;
        }
        print!("{}{}", String::from_utf8_lossy(&answer.stdout), String::from_utf8_lossy(&answer.stderr));
        println!("{} processes", system.processes()?.len());
        let status = system.stop(Duration::from_secs(30))?;
        println!("ended: {status}, {:?}", system.reboot_request(status));
        Ok(())
    };
    run().map_err(|error| Report(&error).to_string().into())
}
