// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listing the namespaces of 1,000 processes, beside lsns(8): whole programs, by the processor time that they take.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench shows a table, and ends where it cannot run")]

use std::env;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use skep_benches::paired::{Contestant, Rounds};

/// What this program does when it runs itself: "box" measures, "list" lists once.
const ROLE: &str = "SKEP_BENCH_ROLE";
const PROCESSES: usize = 1000;
/// How many of them have namespaces of their own in the second shape.
const OWN: usize = 200;
const ROUNDS: usize = 40;

fn main() {
    match env::var(ROLE).as_deref() {
        Ok("list") => print!("{}", skep::ns::list().expect("a /proc")),
        Ok(_) => measure_in_box(),
        Err(_) => in_box(),
    }
}

/// Runs this program as process 1 of a pid namespace: nobody else is listed, and all in it ends with it.
fn in_box() {
    let mut command = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--"]);
    command.arg(env::current_exe().expect("this program")).env(ROLE, "box");
    let status = command.status().expect("unshare");
    assert!(status.success(), "a box cannot be made here: {status}");
}

fn measure_in_box() {
    let mut all: Vec<_> = (0..PROCESSES).map(|_| sleeper("sleep", &[])).collect();
    compare(&format!("{PROCESSES} processes in the same namespaces"));
    for child in all.iter_mut().take(OWN) {
        end(child);
        *child = sleeper("unshare", &["--uts", "--ipc", "sleep"]);
    }
    // All are where they are to be when each has brought two namespaces.
    while skep::ns::list().expect("a /proc").namespaces.len() < 8 + 2 * OWN {
        std::thread::sleep(Duration::from_millis(5));
    }
    compare(&format!("{PROCESSES} processes, {OWN} of them in uts and ipc namespaces of their own"));
    all.iter_mut().for_each(end);
}

fn sleeper(program: &str, arguments: &[&str]) -> Child {
    Command::new(program).args(arguments).arg("3600").stdin(Stdio::null()).spawn().expect("a sleeper")
}

fn end(child: &mut Child) {
    child.kill().and_then(|()| child.wait()).expect("a sleeper that ends");
}

fn compare(shape: &str) {
    let this = env::current_exe().expect("this program");
    let mut ours = Command::new(this);
    ours.env(ROLE, "list");
    let contestants = vec![
        program("lsns", Command::new("lsns")),
        program("skep_ns::list, a program", ours),
        Contestant {
            name: "skep_ns::list, a call",
            run: Box::new(|| skep::ns::list().map(drop).map_err(|error| error.to_string())),
        },
    ];
    let rounds = Rounds::run(contestants, ROUNDS);
    println!("{}", rounds.table(&format!("time: {shape}"), "lsns"));
    println!("{}", rounds.cpu_table(&format!("processor time, of programs: {shape}"), "lsns"));
}

fn program<'a>(name: &'static str, mut command: Command) -> Contestant<'a> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let run = move || match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(status.to_string()),
        Err(error) => Err(error.to_string()),
    };
    Contestant { name, run: Box::new(run) }
}
