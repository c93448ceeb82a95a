// SPDX-License-Identifier: MIT OR Apache-2.0
//! A container of this machine's files, and everything that happens to it, told as it happens by another thread: a hook
//! inside before its program, further programs, a freeze, a fork too many, its end. With `PROGRAM ARG…` for one of yours.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::error::Error;
use std::time::Duration;

use skep::cgroup::Limits;
use skep::ns::{IdMap, NamespaceKind::*, Namespaces, Stdio};
use skep::{Container, Hook, Moment};

const PATIENCE: Duration = Duration::from_secs(10);
/// It starts more than it may, and goes on.
const GREEDY: &str = "(for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done) 2>/dev/null; exec sleep 1";

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let program = args.next();
    let namespaces = Namespaces::new().make([Mount, Pid, Uts, Ipc, Net]).user(IdMap::current_as_root());
    let builder = Container::anonymous()
        .namespaces(namespaces)
        .hostname("hive")
        .proc("/proc")
        // What this account may not limit is not limited.
        .limits_where_possible(Limits::new().pids_max(8))
        .hook(Moment::StartContainer, Hook::new("/bin/sh").args(["sh", "-c", "hostname bees"]))
        .kill_on_drop();
    let is_mine = program.is_none();
    let container = match program {
        Some(program) => builder.command(program, args).start()?,
        None => builder.command("/bin/sleep", ["1000"]).start()?,
    };
    let events = container.events()?;
    let teller = std::thread::spawn(move || {
        for event in events {
            match event {
                Ok(event) => println!("{event}"),
                Err(error) => println!("{}", skep::Report(&error)),
            }
        }
    });
    if is_mine {
        print!("it is called {}", String::from_utf8_lossy(&container.exec("/bin/uname", ["-n"]).output()?.stdout));
        if container.cgroup()?.is_some() {
            container.freeze(PATIENCE)?;
            // Long enough for version 1, where one has to look.
            std::thread::sleep(Duration::from_millis(300));
            container.thaw(PATIENCE)?;
            // Those that it leaves behind hold its output: nothing is read from it.
            container.exec("/bin/sh", ["-c", GREEDY]).stdout(Stdio::Null).stderr(Stdio::Null).start()?.wait()?;
        }
        container.kill()?;
    }
    let status = container.wait()?;
    teller.join().map_err(|_| "the thread that tells has panicked")?;
    println!("its first process: {status}");
    Ok(())
}
