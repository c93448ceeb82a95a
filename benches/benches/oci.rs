// SPDX-License-Identifier: MIT OR Apache-2.0
//! `skep-oci` beside runc and crun, with bundles in Docker's shape: run, create and start and delete, exec, list, delete.
//!
//! As root. Builds nothing: `cargo build --release -p skep-oci` first. Peers that are not installed are named.
#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::print_stdout, reason = "a bench shows a table")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use nix::mount::{MsFlags, mount, umount};
use serde_json::Value;
use skep_benches::keep;
use skep_benches::paired::{Contestant, Rounds};
use skep_benches::shape::{Bundle, hide_controllers, seccomp};

const ROUNDS: usize = 60;
/// Containers of each runtime that are listed, and then deleted.
const MANY: usize = 100;
/// What the differences are taken to.
const BASE: &str = "crun";
const RUNTIMES: [&str; 3] = ["skep-oci", "runc", BASE];

/// A runtime, with a directory for its states.
struct Runtime {
    name: &'static str,
    program: PathBuf,
    bundle: Bundle,
    count: usize,
}

impl Runtime {
    fn new(name: &'static str, dir: &Path) -> Result<Self, String> {
        let own = std::env::current_exe().unwrap_or_default();
        // Ours is of the same build directory.
        let program = match name {
            "skep-oci" => own.ancestors().nth(2).unwrap_or(Path::new("/")).join(name),
            _ => PathBuf::from(name),
        };
        let bundle = Bundle::new(dir.join(name)).map_err(|error| error.to_string())?;
        Ok(Self { name, program, bundle, count: 0 })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--root").arg(self.bundle.dir().join("states")).args(args).current_dir(self.bundle.dir());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn done(&self, args: &[&str]) -> Result<(), String> {
        match self.command(args).status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("{} {}: {status}", self.name, args.join(" "))),
            Err(error) => Err(error.to_string()),
        }
    }

    /// A new container's id, and its configuration.
    fn next(&mut self, program: &[&str], filter: Option<&Value>) -> Result<String, String> {
        self.count += 1;
        let id = format!("skep-bench-{}-{}-{}", self.name, std::process::id(), self.count);
        self.bundle.describe(program, &format!("/{id}"), filter).map_err(|error| error.to_string())?;
        Ok(id)
    }

    fn run(&mut self, filter: Option<&Value>) -> Result<(), String> {
        let id = self.next(&["/trivial"], filter)?;
        self.done(&["run", &id])
    }

    fn in_steps(&mut self, filter: Option<&Value>) -> Result<(), String> {
        let id = self.next(&["/trivial"], filter)?;
        self.done(&["create", &id])?;
        self.done(&["start", &id])?;
        let end = Instant::now() + Duration::from_secs(10);
        // It has ended long before; a runtime that does not see it at once refuses.
        while self.done(&["delete", &id]).is_err() {
            if Instant::now() > end {
                return Err("it is not deleted".to_owned());
            }
        }
        Ok(())
    }

    fn sleeping(&mut self, filter: Option<&Value>) -> Result<String, String> {
        let id = self.next(&["/sleep", "10000"], filter)?;
        self.done(&["run", "-d", &id]).map(|()| id)
    }
}

fn rounds<'a>(
    runtimes: &'a mut [Runtime],
    mut work: impl FnMut(&mut Runtime) -> Result<(), String> + Copy + 'a,
    count: usize,
) -> Rounds {
    let contestants = runtimes.iter_mut().map(|runtime| Contestant::new(runtime.name, move || work(runtime)));
    Rounds::run(contestants.collect(), count)
}

fn runtimes(criterion: &mut Criterion) {
    if !nix::unistd::geteuid().is_root() {
        println!("not run: containers with limits take root");
        return;
    }
    hide_controllers().into_iter().for_each(|why| println!("{why}"));
    let filter = seccomp();
    if filter.is_none() {
        println!("without a filter: the profile of podman's files is not installed");
    }
    let dir = std::env::temp_dir().join(format!("skep-bench-{}", std::process::id()));
    // As /run is: what is kept of containers is nowhere on a disk.
    let made = std::fs::create_dir(&dir).map_err(|error| error.to_string());
    let none: Option<&str> = None;
    let mounted = made.and_then(|()| {
        mount(Some("bench"), &dir, Some("tmpfs"), MsFlags::empty(), none).map_err(|errno| errno.to_string())
    });
    if let Err(why) = mounted {
        println!("states are on a disk: {why}");
    }
    let mut all: Vec<Runtime> = RUNTIMES.iter().filter_map(|name| Runtime::new(name, &dir).ok()).collect();
    let show = |criterion: &mut Criterion, group: &str, rounds: &Rounds| {
        println!("{}", rounds.table(&format!("{group}: wall time"), BASE));
        println!("{}", rounds.cpu_table(&format!("{group}: processor time"), BASE));
        keep!(criterion, group, rounds);
    };
    let full = filter.as_ref();
    show(criterion, "run", &rounds(&mut all, |runtime| runtime.run(full), ROUNDS));
    show(criterion, "run, no filter", &rounds(&mut all, |runtime| runtime.run(None), ROUNDS));
    show(criterion, "create, start, delete", &rounds(&mut all, |runtime| runtime.in_steps(full), ROUNDS));
    if all.iter().all(|runtime| runtime.bundle.has_sleep()) {
        lived(criterion, &mut all, full, &show);
    } else {
        println!("exec, list, delete: not run: busybox is not installed");
    }
    drop(all);
    let _gone = umount(&dir);
    let _gone = std::fs::remove_dir(&dir);
}

/// What is done with containers that run.
fn lived(
    criterion: &mut Criterion,
    all: &mut [Runtime],
    filter: Option<&Value>,
    show: &impl Fn(&mut Criterion, &str, &Rounds),
) {
    let mut ids: Vec<Vec<String>> = Vec::new();
    for runtime in all.iter_mut() {
        ids.push((0..MANY).map_while(|_| runtime.sleeping(filter).ok()).collect());
    }
    let name = |runtime: &Runtime| RUNTIMES.iter().position(|name| *name == runtime.name).unwrap_or_default();
    let first: Vec<Option<String>> = ids.iter().map(|ids| ids.first().cloned()).collect();
    let exec = |runtime: &mut Runtime| match first.get(name(runtime)).and_then(Option::as_ref) {
        Some(id) => runtime.done(&["exec", id, "/trivial"]),
        None => Err("it makes no containers here".to_owned()),
    };
    show(criterion, "exec", &rounds(all, exec, ROUNDS));
    let list = format!("list of {MANY}");
    show(criterion, &list, &rounds(all, |runtime| runtime.done(&["list"]), ROUNDS));
    let left = std::cell::RefCell::new(ids);
    let delete = |runtime: &mut Runtime| match left.borrow_mut().get_mut(name(runtime)).and_then(Vec::pop) {
        Some(id) => runtime.done(&["delete", "-f", &id]),
        None => Err("there are no more".to_owned()),
    };
    show(criterion, "delete of a running one", &rounds(all, delete, (MANY - 1).min(ROUNDS)));
    for runtime in all.iter() {
        let left = left.borrow().get(name(runtime)).cloned().unwrap_or_default();
        left.iter().for_each(|id| drop(runtime.done(&["delete", "-f", id])));
    }
}

criterion_group!(benches, runtimes);
criterion_main!(benches);
