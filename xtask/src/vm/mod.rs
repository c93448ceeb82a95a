// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask vm`: the tests on kernels and hierarchies that this machine is not.
//!
//! ```text
//! kernel.rs     Debian's package, unpacked below target/vm      ┐
//! tree.rs       programs, libraries, built tests, xtask itself  ├─► qemu.rs ─ port ─► watch.rs: output, and a judgement
//! bootstrap.rs  a Debian tree in place of the programs          │
//! cpio.rs       the guest's PID 1, the modules of the disk      ┘
//! ```
//! In the machine `xtask test` runs what was built here: rings, ledger and counts are the same as everywhere. Nothing is
//! installed but the tools, and what a run makes is gone with it; see `room.rs`.

mod bootstrap;
mod cpio;
mod kernel;
mod library;
mod modules;
mod options;
mod payload;
mod qemu;
mod room;
mod tools;
mod tree;
mod watch;

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use guest::frame::Frame;

use kernel::Kernel;
use options::Options;
use payload::Payload;
use qemu::Machine;
use room::Room;
use watch::{Patience, Record};

use crate::failure::Failure;
use crate::workspace::Workspace;

/// Runs each kernel's machine; an error if one of them has failed.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    let Some(options) = Options::read(arguments)? else {
        return Ok(());
    };
    let names = kernel::names(&options.kernel)?;
    tools::ensure(options.system)?;
    let workspace = Workspace::load()?;
    let vm = workspace.target.join("vm");
    let payload = Payload::build(&options, &workspace, &vm)?;
    let mut failures = Vec::new();
    let mut lines = Vec::new();
    for name in &names {
        let start = Instant::now();
        let answer = Kernel::fetch(name, &vm).and_then(|kernel| run_machine(&kernel, &options, &payload, &vm));
        let label = format!("Linux {name}, cgroup {}", options.cgroup);
        match answer {
            Ok((record, packing, verdict)) => {
                lines.push(format!("{label}: {}", times(&record, packing)));
                if let Err(why) = verdict {
                    failures.push(format!("{label}: {why}"));
                }
            }
            Err(failure) => {
                lines.push(format!("{label}: not run ({:.1} s)", start.elapsed().as_secs_f64()));
                failures.push(format!("{label}: {failure}"));
            }
        }
    }
    println!();
    lines.iter().for_each(|line| println!("{line}"));
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

fn times(record: &Record, packing: Duration) -> String {
    let seconds = Duration::as_secs_f64;
    let run = record.whole.saturating_sub(record.boot);
    format!("disk {:.1} s, boot {:.1} s, run {:.1} s", seconds(&packing), seconds(&record.boot), seconds(&run))
}

type Answer = (Record, Duration, Result<(), String>);

fn run_machine(kernel: &Kernel, options: &Options, payload: &Payload, vm: &Path) -> Result<Answer, Failure> {
    let start = Instant::now();
    let room = Room::open(&vm.join("rooms"))?;
    let packed = payload.pack(kernel, options, &room)?;
    let packing = start.elapsed();
    let nonce = room::random();
    let parameters = qemu::parameters(&nonce, options);
    let mut machine = Machine::start(qemu::Parts {
        kernel: &kernel.image,
        initial: &packed.initial,
        disk: &packed.disk,
        console: room.join("console"),
        parameters,
        memory: options.memory,
    })?;
    let boot = Duration::from_mins(2).min(options.deadline);
    let patience = Patience { boot, silence: Duration::from_mins(1), whole: options.deadline };
    let record = watch::listen(&mut machine, &nonce, patience, |frame| show(frame, kernel, options))?;
    machine.end()?;
    let console = machine.console();
    if options.verbose {
        println!("--- console ---\n{}\n--- end ---", console.trim_end());
    }
    let verdict = record.judge(&console);
    Ok((record, packing, verdict))
}

/// Prints a frame as it comes.
fn show(frame: &Frame, kernel: &Kernel, options: &Options) {
    match frame {
        Frame::Ready(facts) => {
            println!("\n=== Linux {} ({}), cgroup {}", kernel.name, facts.kernel, options.cgroup);
            println!("controllers: {}", facts.controllers.join(" "));
            println!("security: {}", facts.security.join(" "));
            facts.lacks.iter().for_each(|lack| println!("not there: {lack}"));
        }
        Frame::Output(text) => {
            // A closed standard output ends us at the next line that matters.
            let mut out = std::io::stdout();
            let _heard = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        }
        Frame::Progress(line) if options.verbose => println!("{line}"),
        Frame::Progress(_) | Frame::Beat | Frame::Ended(_) | Frame::Failed(_) => {}
    }
}
