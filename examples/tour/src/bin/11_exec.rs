// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs in a container that runs: each in its namespaces, with its environment and its rights, and with an end of its own.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::error::Error;

use skep::ns::{IdMap, NamespaceKind::*, Namespaces};
use skep::{Container, Report};

fn main() -> Result<(), Box<dyn Error>> {
    run().map_err(|error| Report(&error).to_string().into())
}

fn run() -> Result<(), skep::Error> {
    let container = Container::anonymous()
        .namespaces(Namespaces::new().make([Mount, Pid, Uts, Ipc, Net]).user(IdMap::current_as_root()))
        .proc("/proc")
        .hostname("hive")
        .env("PATH", "/usr/bin:/bin")
        .no_new_privileges()
        .init()
        .command("sleep", ["1000"])
        .kill_on_drop()
        .start()?;
    let out = container.exec("sh", ["-c", "uname -n; ps -o pid,args -e; exit 3"]).output()?;
    print!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    println!("ended: {}", out.status);
    // What would be done, step by step.
    print!("{}", container.exec("true", [""; 0]).env("LANG", "C").current_dir("/tmp").plan()?.explain());
    // Further programs end with the container.
    let sleeps = container.exec("sleep", ["1000"]).start()?;
    container.kill()?;
    println!("the container: {}; what slept in it: {}", container.wait()?, sleeps.wait()?);
    Ok(())
}
