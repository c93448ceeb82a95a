// SPDX-License-Identifier: MIT OR Apache-2.0
//! A further program in a container that runs, beside nsenter(1), which joins the namespaces and does nothing else.
//!
//! As root: what is joined takes the right to.
#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench shows a table, and ends where it cannot run")]

use std::process::{Command, Stdio as StdStdio};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use skep::Container;
use skep::cgroup::Limits;
use skep::ns::NamespaceKind::{Ipc, Mount, Net, Pid, Uts};
use skep::ns::{Namespaces, Stdio};
use skep_benches::keep;
use skep_benches::paired::{Contestant, Rounds};
use skep_benches::{TRIVIAL, sys};

const ROUNDS: usize = 200;
const MIB: usize = 1 << 20;

/// What the differences are taken to.
const NSENTER: &str = "nsenter";

fn execs(criterion: &mut Criterion) {
    let mut touched = 0;
    for size in [0, 256] {
        sys::touch((size - touched) * MIB).expect("memory for a large caller");
        touched = size;
        let plain = container(false);
        let limited = container(true);
        let rounds = Rounds::run(contestants(&plain, &limited), ROUNDS);
        println!("{}", rounds.table(&format!("execute and wait, from a caller of {size} MiB"), NSENTER));
        keep!(criterion, "exec", rounds, |name| BenchmarkId::new(name, format!("{size} MiB")));
    }
}

/// A container that sleeps, in five namespaces; in a group of its own, or not.
fn container(has_group: bool) -> Container {
    let builder = Container::anonymous()
        .namespaces(Namespaces::new().make([Mount, Pid, Uts, Ipc, Net]))
        .command("/bin/sleep", ["100000"])
        .stdin(Stdio::Null)
        .kill_on_drop();
    let builder = if has_group { builder.limits(Limits::new().pids_max(512)) } else { builder };
    builder.start().expect("a container, as root")
}

fn contestants<'a>(plain: &'a Container, limited: &'a Container) -> Vec<Contestant<'a>> {
    let pid = plain.pid().map(|pid| pid.to_string()).unwrap_or_default();
    let exec = |container: &Container| {
        let exec = container.exec(TRIVIAL, [""; 0]).stdin(Stdio::Null);
        exec.start().and_then(|executed| executed.wait()).map(drop).map_err(|error| skep::Report(&error).to_string())
    };
    vec![
        Contestant::new(NSENTER, move || {
            let command = Command::new("nsenter")
                .args(["-t", &pid, "-m", "-u", "-i", "-n", "-p", TRIVIAL])
                .stdin(StdStdio::null())
                .status();
            command.map(drop).map_err(|error| error.to_string())
        }),
        Contestant::new("Container::exec", move || exec(plain)),
        Contestant::new("the same, in its group", move || exec(limited)),
    ]
}

criterion_group!(benches, execs);
criterion_main!(benches);
