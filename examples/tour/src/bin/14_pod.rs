// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two containers with one network, one host name and one set of users, and each with processes and mounts of its own: what
//! Kubernetes calls a pod.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::error::Error;

use skep::ns::{IdMap, NamespaceKind::*, Namespaces};
use skep::{Builder, Container, Report};

const SHARED: [skep::ns::NamespaceKind; 4] = [User, Net, Ipc, Uts];

fn main() -> Result<(), Box<dyn Error>> {
    run().map_err(|error| Report(&error).to_string().into())
}

fn run() -> Result<(), skep::Error> {
    let own = Namespaces::new().make([Mount, Pid]);
    let holder = Container::anonymous()
        .namespaces(own.clone().make(SHARED).user(IdMap::current_as_root()))
        .hostname("pod")
        .proc("/proc")
        .command("/bin/sleep", ["1000"])
        .kill_on_drop()
        .start()?;
    let member = |script: &str| {
        let builder = Container::anonymous()
            .namespaces(own.clone())
            .proc("/proc")
            .env("PATH", "/usr/bin:/bin")
            .command("/bin/sh", ["-c", script]);
        let join = |builder: Builder, kind| Ok::<_, skep::Error>(builder.join_namespace(holder.namespace(kind)?));
        SHARED.into_iter().try_fold(builder, join)
    };
    // Each of them is process 1, and root; they meet on one loopback.
    let script = "uname -n; id -u; echo $$; readlink /proc/self/ns/net";
    for _ in 0..2 {
        print!("{}", String::from_utf8_lossy(&member(script)?.output()?.stdout));
    }
    print!("{}", member(script)?.plan()?.explain());
    Ok(())
}
