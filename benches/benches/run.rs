// SPDX-License-Identifier: MIT OR Apache-2.0
//! `skep-run -- /bin/true` beside what else runs a program of this machine apart from it, each with what it can do.
//!
//! Builds nothing: `cargo build --release -p skep-run` first. Peers that are not installed are named.
#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::print_stdout, reason = "a bench shows a table")]
#![allow(clippy::indexing_slicing, reason = "indexing JSON does not panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use criterion::{Criterion, criterion_group, criterion_main};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use skep_benches::keep;
use skep_benches::paired::{Contestant, Rounds};
use skep_benches::shape::{hide_controllers, seccomp};

const ROUNDS: usize = 60;

/// What the differences are taken to: the least that makes the namespaces, without files, limits, filter or rights.
const BASE: &str = "unshare (namespaces, /proc)";

fn runs(criterion: &mut Criterion) {
    hide_controllers().into_iter().for_each(|why| println!("{why}"));
    let bundle = std::env::temp_dir().join(format!("skep-bench-{}", std::process::id()));
    let ours = ours();
    let contestants = vec![
        command(BASE, "unshare", &["-mpuinCf", "--mount-proc", "/bin/true"]),
        command("skep-run", ours.to_str().unwrap_or(""), &["--quiet", "--", "/bin/true"]),
        command(
            "skep-run, no limits",
            ours.to_str().unwrap_or(""),
            &["--quiet", "--memory=max", "--pids=max", "--", "/bin/true"],
        ),
        command(
            "bwrap (no limits, filter)",
            "bwrap",
            &[
                "--unshare-all",
                "--ro-bind",
                "/",
                "/",
                "--proc",
                "/proc",
                "--dev",
                "/dev",
                "--tmpfs",
                "/tmp",
                "/bin/true",
            ],
        ),
        oci("runc (docker's shape)", "runc", &bundle),
        oci("crun (docker's shape)", "crun", &bundle),
    ];
    let rounds = Rounds::run(contestants, ROUNDS);
    println!("{}", rounds.table("run /bin/true: wall time", BASE));
    println!("{}", rounds.cpu_table("run /bin/true: processor time", BASE));
    keep!(criterion, "run", rounds);
    for program in ["runc", "crun"] {
        let root = bundle.join(program).join("root");
        let _absent = umount2(&root, MntFlags::MNT_DETACH);
        // Nothing but what was made here: this machine's root was mounted in it.
        let _absent = fs::remove_dir(&root);
        let _absent = fs::remove_file(bundle.join(program).join("config.json"));
        let _absent = fs::remove_dir(bundle.join(program));
    }
    let _absent = fs::remove_dir(&bundle);
}

/// The skep-run of the same build directory.
fn ours() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.ancestors().nth(2).unwrap_or(Path::new("/")).join("skep-run")
}

fn command<'a>(name: &'static str, program: &str, args: &'a [&'a str]) -> Contestant<'a> {
    let program = program.to_owned();
    let run = move || done(Command::new(&program).args(args));
    Contestant { name, run: Box::new(run) }
}

fn done(command: &mut Command) -> Result<(), String> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(status.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// An OCI runtime with its own default description, on this machine's root, and with our limits.
fn oci<'a>(name: &'static str, program: &'static str, bundle: &Path) -> Contestant<'a> {
    let bundle = bundle.join(program);
    let mut number = 0;
    let run = move || {
        if number == 0 {
            describe(program, &bundle)?;
        }
        number += 1;
        let id = format!("skep-bench-{}-{number}", std::process::id());
        done(Command::new(program).args(["run", "--bundle"]).arg(&bundle).arg(id))
    };
    Contestant { name, run: Box::new(run) }
}

/// Writes what `program spec` says, with this machine's root, `/bin/true` and the limits of skep-run in it.
fn describe(program: &str, bundle: &Path) -> Result<(), String> {
    fs::create_dir_all(bundle).map_err(|error| error.to_string())?;
    done(Command::new(program).args(["spec", "--bundle"]).arg(bundle))
        .or_else(|_| done(Command::new(program).arg("spec").current_dir(bundle)))?;
    let path = bundle.join("config.json");
    let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
    let mut config: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    // Not "/" itself: they cannot leave what they are in. Seen by the bench alone.
    let root = bundle.join("root");
    fs::create_dir_all(&root).map_err(|error| error.to_string())?;
    let none: Option<&str> = None;
    mount(Some("/"), &root, none, MsFlags::MS_BIND, none).map_err(|errno| errno.to_string())?;
    config["root"] = serde_json::json!({ "path": root, "readonly": true });
    config["process"]["terminal"] = false.into();
    config["process"]["args"] = serde_json::json!(["/bin/true"]);
    config["linux"]["resources"]["memory"] = serde_json::json!({ "limit": 8u64 << 30 });
    config["linux"]["resources"]["pids"] = serde_json::json!({ "limit": 1024 });
    // Each mounts a sysfs of its own. The view of cgroups in it, which some cannot make on every machine, is left out.
    if let Some(mounts) = config["mounts"].as_array_mut() {
        mounts.retain(|mount| mount["type"] != "cgroup" && mount["type"] != "cgroup2");
    }
    if let Some(filter) = seccomp() {
        config["linux"]["seccomp"] = filter;
    }
    fs::write(&path, config.to_string()).map_err(|error| error.to_string())
}

criterion_group!(benches, runs);
criterion_main!(benches);
