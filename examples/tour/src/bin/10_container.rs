// SPDX-License-Identifier: MIT OR Apache-2.0
//! A container in a root directory of its own, with busybox in it: who is inside, what it sees, and how it ended.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::os::unix::fs::symlink;
use std::{env, error::Error, fs};

use skep::Container;
use skep::cgroup::{Limits, MIB};
use skep::ns::{IdMap, NamespaceKind::*, Namespaces};
use skep::rootfs::Mounts;

fn main() -> Result<(), Box<dyn Error>> {
    let root = env::temp_dir().join(format!("skep-tour-{}", std::process::id()));
    fs::create_dir_all(root.join("bin"))?;
    fs::copy("/usr/bin/busybox", root.join("bin/busybox"))?;
    for name in ["sh", "ls", "ps", "hostname"] {
        symlink("busybox", root.join("bin").join(name))?;
    }
    let out = Container::anonymous()
        .root(&root)
        .mounts(Mounts::standard())
        .namespaces(Namespaces::new().make([Mount, Pid, Uts, Ipc, Net]).user(IdMap::current_as_root()))
        .hostname("hive")
        .limits_where_possible(Limits::new().memory_max(64 * MIB).pids_max(32))
        .capabilities(["chown", "net_bind_service"])
        .no_new_privileges()
        .command("/bin/sh", ["-c", "hostname; ls /; ps"])
        .env("PATH", "/bin")
        .output();
    fs::remove_dir_all(&root)?;
    let out = out.map_err(|error| skep::Report(&error).to_string())?;
    print!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    println!("ended: {}", out.status);
    Ok(())
}
