// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that are in no container: a program opens `/lent/NAME`, and the caller, who is asked about every openat(2), opens
//! NAME in a directory of its own and gives it the descriptor. All other files are the container's own business.
//!
//! ```sh
//! 12_supervised /etc cat /lent/hostname /lent/shadow /etc/os-release
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::{env, error::Error, path::Path};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use skep::caps_sec::{Answer, Errno, Notification, Policy, Rule, Supervisor, Verdict};
use skep::ns::{IdMap, NamespaceKind::*, Namespaces};
use skep::{Container, Report};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args_os().skip(1);
    let (Some(lender), Some(program)) = (args.next(), args.next()) else {
        return Err("DIRECTORY PROGRAM [ARGUMENT…]".into());
    };
    let lender = rustix::fs::open(lender, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let container = Container::anonymous()
        .namespaces(Namespaces::new().make([Mount, Pid, Net]).user(IdMap::current_as_root()))
        .proc("/proc")
        .env("PATH", "/usr/bin:/bin")
        .command(program, args)
        .no_new_privileges()
        .seccomp(Policy::allow_all().rule(Rule::new(Verdict::Notify, ["openat"])))
        .start();
    let mut container = container.map_err(|error| Report(&error).to_string())?;
    let mut supervisor = Supervisor::new();
    supervisor.on(["openat"], |asked| lend(asked, &lender).unwrap_or(Answer::Error(Errno::ACCES)));
    println!("ended: {}", container.supervise(&mut supervisor)?);
    Ok(())
}

/// The answer, by a copy of the path that the program's memory has now.
fn lend(asked: &Notification<'_>, lender: impl rustix::fd::AsFd) -> Result<Answer, Box<dyn Error>> {
    let path = asked.memory()?.path(asked.arg(1))?;
    let Ok(name) = path.strip_prefix(Path::new("/lent")) else {
        // Not a file that this decides about: the kernel does, by what the container is.
        return Ok(Answer::Proceed);
    };
    // To be read, below the directory, whatever links are in it.
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(match openat2(lender, name, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
        Ok(file) => Answer::Descriptor(file),
        Err(errno) => Answer::Error(Errno::new(errno.raw_os_error().try_into()?)),
    })
}
