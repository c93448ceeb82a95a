// SPDX-License-Identifier: MIT OR Apache-2.0
//! Isolation seen to fail: each sample does one thing wrong in an isolated block, and its run must be red and say so.
//!
//! A sample runs where `NEEDS_SAMPLE` names it; without the variable `sample` is an empty block, which must be green.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what the tests call fails them by a panic"
)]

use std::fs::{self, File};
use std::os::fd::IntoRawFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use needs::{Scratch, bin, isolated, isolated_for, isolated_unboxed, needs, token};

#[test]
fn sample() {
    let name = std::env::var("NEEDS_SAMPLE").unwrap_or_default();
    match name.as_str() {
        "hang" => isolated_for(Duration::from_millis(400), || std::thread::sleep(Duration::from_secs(100))),
        "hanging child" => isolated_unboxed_hang(),
        "hang with a group" => isolated_for(Duration::from_millis(400), || fill_group(&Duration::from_secs(100))),
        "unboxed panic with a group" => isolated_unboxed(|| act("panic with a group")),
        "wrong name" => elsewhere("no::such::test"),
        "nested" => isolated(|| isolated(|| ())),
        "unboxed process" => isolated_unboxed(|| leave_process("process")),
        "unboxed orphan" => isolated_unboxed(|| leave_process("orphan")),
        other => isolated(|| act(other)),
    }
}

#[test]
#[should_panic(expected = "on purpose")]
fn sample_that_should_panic() {
    match std::env::var("NEEDS_SAMPLE").unwrap_or_default().as_str() {
        "" => panic!("on purpose"),
        other => isolated(|| act(other)),
    }
}

fn act(sample: &str) {
    match sample {
        "" => println!("the block of the sample runs in process {}", std::process::id()),
        "panic" => panic!("the answer is \"41\""),
        "early exit" => exit(),
        "descriptor" => assert!(File::open("/proc/self/maps").unwrap().into_raw_fd() > 2),
        "process" | "zombie" | "orphan" | "ended orphan" | "slow end" => leave_process(sample),
        "mount" => run("mount", &["-t", "tmpfs", "none", "/mnt"]),
        "link" => run("ip", &["link", "add", "left0", "type", "bridge"]),
        "table" => run("nft", &["add", "table", "bridge", "left"]),
        "scratch" => assert!(Box::leak(Box::new(Scratch::new())).path().is_dir()),
        "cgroup" => fs::create_dir(group().join(token())).unwrap(),
        "panic with a group" => {
            fill_group(&Duration::ZERO);
            panic!("on purpose");
        }
        "first process" => assert_ne!(std::process::id(), 1),
        other => panic!("no sample is called {other:?}"),
    }
}

fn leave_process(how: &str) {
    match how {
        "process" => assert!(Command::new("sleep").arg("300").spawn().unwrap().id() > 0),
        "zombie" => assert!(Command::new("true").spawn().unwrap().id() > 0),
        "orphan" => run("sh", &["-c", "sleep 300 & true"]),
        "slow end" => run("sh", &["-c", "sleep 0.3 & true"]),
        _ => run("sh", &["-c", "true & true"]),
    }
}

/// A group, and one in it with a process; then it is quiet for a while.
#[allow(clippy::zombie_processes, reason = "that it is left is what the samples are about")]
fn fill_group(pause: &Duration) {
    let inner = group().join(token()).join("inner");
    fs::create_dir_all(&inner).unwrap();
    println!("group {}", inner.display());
    let child = Command::new("sleep").arg("300").spawn().unwrap();
    fs::write(inner.join("cgroup.procs"), child.id().to_string()).unwrap();
    std::thread::sleep(*pause);
}

/// A child that outlives the block's own death: only the warden can end it.
fn isolated_unboxed_hang() {
    needs::isolated_unboxed_for(Duration::from_millis(400), || {
        let mut child = Command::new("sleep").arg("301.5").spawn().unwrap();
        child.wait().unwrap();
    });
}

#[allow(clippy::exit, clippy::disallowed_methods, reason = "the sample is a block that ends its process")]
fn exit() {
    std::process::exit(0);
}

fn elsewhere(name: &str) {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(|| isolated(|| ())).unwrap();
    let panic = thread.join().unwrap_err();
    panic!("{}", panic.downcast_ref::<String>().unwrap());
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).stdin(Stdio::null()).status().unwrap();
    assert!(status.success(), "{program}: {status}");
}

/// The first cgroup hierarchy in which a group can be made.
fn group() -> std::path::PathBuf {
    let entries = fs::read_dir("/sys/fs/cgroup").unwrap().flatten().map(|entry| entry.path());
    let dirs = entries.chain(["/sys/fs/cgroup".into()]).filter(|path| path.join("cgroup.procs").exists());
    let mut usable = dirs.filter(|path| path.file_name().is_none_or(|name| name != "cpuset"));
    usable.next().unwrap()
}

/// Runs a sample; whether it was green, and all that it has printed.
fn outcome(test: &str, sample: &str) -> (bool, String) {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args([test, "--exact", "--nocapture", "--test-threads=1"]).env("NEEDS_SAMPLE", sample);
    let output = program.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[track_caller]
fn demand_red(sample: &str, sentence: &str) {
    let (green, text) = outcome("sample", sample);
    assert!(!green, "the sample {sample:?} was green:\n{text}");
    assert!(text.contains(sentence), "the sample {sample:?} does not say {sentence:?}:\n{text}");
}

#[test]
fn a_panic_is_forwarded_with_its_message() {
    demand_red("panic", "isolated: sample panicked: \"the answer is \"41\"\"");
}

#[test]
fn an_early_exit_is_red() {
    demand_red("early exit", "ended its process before its block finished");
}

#[test]
fn a_hang_is_killed_at_its_deadline() {
    // The deadline itself is longer where rounds are cut.
    demand_red("hang", "s, and was killed");
}

#[test]
fn what_a_killed_block_has_started_is_ended_too() {
    demand_red("hanging child", "did not finish within");
    let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path().join("cmdline"));
    let left = all.filter(|path| fs::read(path).is_ok_and(|line| line == b"sleep\x00301.5\x00")).count();
    assert_eq!(left, 0);
}

#[test]
fn a_name_that_is_no_test_is_red() {
    demand_red("wrong name", "was not found by its name");
}

#[test]
fn a_block_in_a_block_is_red() {
    demand_red("nested", "isolated was called inside an isolated block");
}

#[test]
fn a_should_panic_test_cannot_hide_an_early_exit() {
    let (green, text) = outcome("sample_that_should_panic", "early exit");
    assert!(!green && text.contains("is a should_panic test"), "{text}");
}

#[test]
fn a_process_that_is_left_is_red() {
    demand_red("process", "(sleep 300) is running");
    demand_red("orphan", "(sleep 300) is running");
    demand_red("zombie", "(true) was not waited for");
}

#[test]
fn outside_of_the_box_a_process_that_is_left_is_red_too() {
    demand_red("unboxed process", "(sleep 300) is running");
    demand_red("unboxed orphan", "(sleep 300) is running");
}

#[test]
fn an_orphan_that_has_ended_or_is_ending_is_green() {
    for sample in ["ended orphan", "slow end"] {
        let (green, text) = outcome("sample", sample);
        assert!(green, "{text}");
    }
}

#[test]
fn a_descriptor_that_is_left_is_red() {
    demand_red("descriptor", "/maps) is open");
}

#[test]
fn a_scratch_directory_that_is_left_is_red_and_swept() {
    demand_red("scratch", "is there");
    let (_, text) = outcome("sample", "scratch");
    let path = text.lines().find_map(|line| line.strip_prefix("isolated: leaked: ")?.strip_suffix(" is there"));
    assert!(!std::path::Path::new(path.unwrap()).exists());
}

/// A test that fails half way may have bound a directory of the machine.
#[test]
fn a_scratch_directory_is_not_removed_through_what_is_mounted_there() {
    needs!(root, program("mount"));
    isolated(|| {
        let (bound, dir) = (Scratch::new(), Scratch::new());
        fs::write(bound.join("file"), "").unwrap();
        fs::create_dir(dir.join("target")).unwrap();
        let (path, target) = (dir.path().to_owned(), dir.join("target"));
        run("mount", &["--bind", bound.path().to_str().unwrap(), target.to_str().unwrap()]);
        drop(dir);
        let is_there = bound.join("file").exists();
        run("umount", &[target.to_str().unwrap()]);
        fs::remove_dir_all(path).unwrap();
        assert!(is_there);
    });
}

#[test]
fn a_mount_that_is_left_is_red() {
    needs!(root, program("mount"));
    demand_red("mount", "/mnt");
}

#[test]
fn a_network_link_that_is_left_is_red() {
    needs!(root, program("ip"));
    demand_red("link", "the network link left0 is there");
}

#[test]
fn a_table_of_nf_tables_that_is_left_is_red() {
    needs!(root, nf_tables, program("nft"));
    demand_red("table", "the table left of nf_tables is there");
}

#[test]
fn a_cgroup_that_is_left_is_red_and_removed() {
    needs!(root, file("/sys/fs/cgroup"));
    let (green, text) = outcome("sample", "cgroup");
    let path = text.lines().find_map(|line| line.strip_prefix("isolated: leaked: ")?.strip_suffix(" is there"));
    assert!(!fs::exists(path.unwrap_or_else(|| panic!("{text}"))).unwrap());
    assert!(!green);
}

#[test]
fn the_groups_of_a_block_that_did_not_finish_are_removed_with_what_runs_in_them() {
    needs!(root, file("/sys/fs/cgroup"));
    for sample in ["panic with a group", "unboxed panic with a group", "hang with a group"] {
        let (green, text) = outcome("sample", sample);
        let path = text.lines().find_map(|line| line.strip_prefix("group "));
        let inner = std::path::Path::new(path.unwrap_or_else(|| panic!("{sample}: {text}")));
        assert!(!inner.parent().unwrap().exists(), "{sample}: {text}");
        assert!(!green, "{sample}: {text}");
    }
}

#[test]
fn a_boxed_block_is_not_the_first_process() {
    let (green, text) = outcome("sample", "first process");
    assert!(green, "{text}");
}

#[test]
fn what_a_green_block_prints_is_passed_on() {
    let (green, text) = outcome("sample", "");
    assert!(green && text.contains("the block of the sample runs in process "), "{text}");
    assert!(!text.contains("isolated: "), "{text}");
}

#[test]
fn what_stands_after_the_block_runs_outside_alone() {
    let before = std::process::id();
    let dir = Scratch::new();
    let file = dir.join("inside");
    // Made outside, where the block cannot see this very directory: its own, made by the same lines, has another name.
    isolated(|| assert!(!file.exists()));
    assert!(dir.path().is_dir());
    assert_eq!(before, std::process::id());
    assert!(bin("deny-syscall").is_file());
}
