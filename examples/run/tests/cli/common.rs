// SPDX-License-Identifier: MIT OR Apache-2.0
//! skep-run, started in the ways that tests do.

use std::fs;
use std::io::Read;
use std::process::{Child, Command, Output, Stdio};

use std::time::Duration;

use needs::bin;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// For what takes long under emulation.
pub(crate) const DEADLINE: Duration = Duration::from_secs(300);

pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

pub(crate) fn run(args: &[&str]) -> Output {
    Command::new(bin("skep-run")).args(args).current_dir("/").stdin(Stdio::null()).output().unwrap()
}

/// The same without a word about what holds it.
pub(crate) fn quiet(args: &[&str]) -> Output {
    run(&[&["--quiet"], args].concat())
}

pub(crate) fn sh(script: &str) -> Output {
    quiet(&["--", "/bin/sh", "-c", script])
}

/// All that was said, for a test that fails.
pub(crate) fn said(out: &Output) -> String {
    format!("{}: {}{}", out.status, text(&out.stdout), text(&out.stderr))
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// skep-run with an output to wait on.
pub(crate) fn start(args: &[&str]) -> Child {
    // Whoever runs the tests may ignore signals, as shells do for what runs in the background.
    Command::new("env")
        .arg("--default-signal")
        .arg(bin("skep-run"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until the command has written its first line, "up".
pub(crate) fn wait_for_up(child: &mut Child) {
    let mut line = [0; 3];
    child.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    assert_eq!(&line, b"up\n");
}

pub(crate) fn first_child(pid: u32) -> i32 {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// The name of the container of this run, as long as there is something left of it.
pub(crate) fn left_of(child: &Child) -> Option<String> {
    let prefix = format!("run-{}-", child.id());
    // Other tests are in boxes of their own, where others have our numbers: of theirs nothing can be known.
    let is_ours = |name: &String| {
        name.starts_with(&prefix) && skep::Container::open(name).is_ok_and(|container| container.status().is_ok())
    };
    skep::Container::names().unwrap().into_iter().find(is_ours)
}

/// Has the runs after it remove what a killed one has left.
pub(crate) fn sweep(child: &Child) {
    // What was killed may take a moment to end.
    while left_of(child).is_some() {
        assert!(quiet(&["true"]).status.success());
    }
}

/// Waits until the command runs, which its name tells: a child of the init, or of skep-run without one.
pub(crate) fn wait_for_command(child: &Child, name: &str) {
    let of = |pid: &str| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let children = |pid: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let is_there = || {
        let first = children(&child.id().to_string());
        first.iter().flat_map(|init| children(init)).chain(first.clone()).any(|pid| of(&pid) == name)
    };
    while !is_there() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub(crate) fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}
