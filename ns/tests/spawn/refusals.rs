// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts that fail: one sentence each, errors told apart, nothing left.
//!
//! What is said stands in `messages.txt`, where a reworded sentence shows in a diff.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use needs::{Scratch, isolated, needs};
use rustix::fs::MemfdFlags;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use skep_ns::{ErrorKind, Spawn};

use crate::support::caller;
use crate::support::{assert_same, said, sh, start_true};

fn file(scratch: &Scratch, name: &str, contents: impl AsRef<[u8]>, mode: u32) -> PathBuf {
    let path = scratch.join(name);
    fs::write(&path, contents).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

/// The start fails with this kind and these words, on the second try as on the first, and holds nothing.
#[track_caller]
fn fails(name: &str, kind: ErrorKind, scratch: &Scratch, spawn: &mut Spawn) {
    let before = caller::descriptors();
    let error = spawn.spawn().unwrap_err();
    assert_same(&before, &caller::descriptors());
    assert_eq!(error.kind(), kind, "{name}: {}", said::all(&error));
    said::check(name, &error, scratch.path());
    let again = spawn.output().unwrap_err();
    assert_eq!(said::all(&again), said::all(&error));
}

/// The limit on one resource, while `body` runs.
fn limited<T>(resource: Resource, limit: u64, body: impl FnOnce() -> T) -> T {
    let before = getrlimit(resource);
    setrlimit(resource, Rlimit { current: Some(limit), maximum: before.maximum }).unwrap();
    let answer = body();
    setrlimit(resource, before).unwrap();
    answer
}

#[test]
fn a_program_that_cannot_be_found_is_named() {
    isolated(|| {
        let dir = Scratch::new();
        let absent = dir.join("absent");
        fails("absent program", ErrorKind::NotFound, &dir, &mut Spawn::new(absent));
        fails("absent name", ErrorKind::NotFound, &dir, &mut Spawn::new("no-such-program-anywhere"));
        let below = file(&dir, "file", "", 0o755).join("program");
        fails("path through a file", ErrorKind::NotFound, &dir, &mut Spawn::new(below));
    });
}

#[test]
fn a_file_that_is_no_program_is_told_from_one_that_is_absent() {
    isolated(|| {
        let dir = Scratch::new();
        let plain = file(&dir, "plain", "#!/bin/sh\n", 0o644);
        fails("no execute permission", ErrorKind::NotExecutable, &dir, &mut Spawn::new(plain));
        fails("directory", ErrorKind::NotExecutable, &dir, &mut Spawn::new(dir.path()));
        let text = file(&dir, "text", "echo hello\n", 0o755);
        fails("text without #!", ErrorKind::NotExecutable, &dir, &mut Spawn::new(text));
        let empty = file(&dir, "empty", "", 0o755);
        fails("empty file", ErrorKind::NotExecutable, &dir, &mut Spawn::new(empty));
    });
}

#[test]
fn an_absent_interpreter_is_told_from_an_absent_program() {
    isolated(|| {
        let dir = Scratch::new();
        let script = file(&dir, "script", "#!/no/such/interpreter\n", 0o755);
        fails("script with an absent interpreter", ErrorKind::NotFound, &dir, &mut Spawn::new(script));
        let mut program = fs::read("/bin/true").unwrap();
        let at = program.windows(4).position(|window| window == b"/ld-").unwrap();
        program[at + 1..at + 4].copy_from_slice(b"xx-");
        let program = file(&dir, "elf", program, 0o755);
        fails("program with an absent loader", ErrorKind::NotFound, &dir, &mut Spawn::new(program));
        let script = file(&dir, "relative", "#!/bin/no-such-sh\n", 0o755);
        assert_eq!(script.parent(), Some(dir.path()));
        let mut relative = Spawn::new("./relative");
        fails("relative script", ErrorKind::NotFound, &dir, relative.current_dir(dir.path()));
    });
}

#[test]
fn a_program_that_somebody_writes_to_is_busy() {
    isolated(|| {
        let dir = Scratch::new();
        let path = file(&dir, "busy", fs::read("/bin/true").unwrap(), 0o755);
        let writer = File::options().append(true).open(&path).unwrap();
        fails("open for writing", ErrorKind::Busy, &dir, &mut Spawn::new(&path));
        drop(writer);
        assert!(Spawn::new(&path).status().unwrap().success());
    });
}

#[test]
fn a_noexec_mount_is_a_denial() {
    needs!(root, program("mount"));
    isolated(|| {
        let dir = Scratch::new();
        let mount = |program: &str, args: &[&str]| {
            assert!(Command::new(program).args(args).arg(dir.path()).status().unwrap().success());
        };
        mount("mount", &["-t", "tmpfs", "-o", "noexec", "none"]);
        let program = file(&dir, "true", fs::read("/bin/true").unwrap(), 0o755);
        fails("noexec mount", ErrorKind::Denied, &dir, &mut Spawn::new(program));
        mount("umount", &[]);
    });
}

#[test]
fn a_directory_that_may_not_be_entered_is_a_denial() {
    needs!(user);
    isolated(|| {
        let dir = Scratch::new();
        fs::create_dir(dir.join("closed")).unwrap();
        let program = file(&dir, "closed/true", fs::read("/bin/true").unwrap(), 0o755);
        fs::set_permissions(dir.join("closed"), Permissions::from_mode(0o000)).unwrap();
        fails("closed directory above", ErrorKind::Denied, &dir, &mut Spawn::new(program));
        fails("closed directory", ErrorKind::Denied, &dir, sh("exit 0").current_dir(dir.join("closed")));
        fs::set_permissions(dir.join("closed"), Permissions::from_mode(0o755)).unwrap();
    });
}

#[test]
fn a_directory_that_cannot_be_entered_is_named_and_the_program_is_not_blamed() {
    isolated(|| {
        let dir = Scratch::new();
        fails("absent directory", ErrorKind::NotFound, &dir, sh("exit 0").current_dir(dir.join("absent")));
        let file = file(&dir, "file", "", 0o644);
        fails("directory that is a file", ErrorKind::Os, &dir, sh("exit 0").current_dir(file));
    });
}

#[test]
fn more_than_the_kernel_takes_is_invalid() {
    isolated(|| {
        let dir = Scratch::new();
        fails("argument too long", ErrorKind::Invalid, &dir, sh("exit 0").arg("x".repeat(200_000)));
        let many = std::iter::repeat_n("x".repeat(1000), 8000);
        fails("arguments too many", ErrorKind::Invalid, &dir, sh("exit 0").args(many));
        fails("environment too large", ErrorKind::Invalid, &dir, sh("exit 0").env("A", "x".repeat(200_000)));
    });
}

#[test]
fn everything_that_makes_no_sense_is_listed_at_once() {
    isolated(|| {
        let dir = Scratch::new();
        let mut spawn = Spawn::new("");
        spawn
            .arg("good")
            .arg("a\0b")
            .arg0("n\0")
            .env("A=B", "1")
            .env("=A", "may be")
            .env("", "2")
            .env("K", "v\0")
            .env("N\0", "3");
        spawn.current_dir("/\0").fd(-1, File::open("/dev/null").unwrap());
        fails("every problem", ErrorKind::Invalid, &dir, &mut spawn);
        assert_eq!(spawn.spawn().unwrap_err().problems().len(), 9);
        fails("NUL in the program", ErrorKind::Invalid, &dir, &mut Spawn::new("/bin/tr\0ue"));
    });
}

#[test]
fn bytes_that_are_not_text_are_not_a_problem() {
    isolated(|| {
        let bytes = || OsString::from_vec(vec![0xff, 0xfe, b'x']);
        let out = sh("printf %s \"$1\" \"$A\"").arg("sh").arg(bytes()).env("A", bytes()).output().unwrap();
        assert_eq!(out.stdout, [0xff, 0xfe, b'x', 0xff, 0xfe, b'x']);
    });
}

#[test]
fn a_file_without_a_name_that_is_no_program_is_told_as_such() {
    needs!(syscall("memfd_create"));
    isolated(|| {
        let dir = Scratch::new();
        let mut memory = File::from(rustix::fs::memfd_create("text", MemfdFlags::CLOEXEC).unwrap());
        memory.write_all(b"echo hello\n").unwrap();
        fails("text in memory", ErrorKind::NotExecutable, &dir, Spawn::new("text").executable(memory));
    });
}

#[test]
fn a_descriptor_number_above_the_limit_is_named() {
    isolated(|| {
        let dir = Scratch::new();
        let null = || File::open("/dev/null").unwrap();
        limited(Resource::Nofile, 512, || {
            fails("number above the limit", ErrorKind::Exhausted, &dir, sh("exit 0").fd(512, null()));
            fails("greatest number", ErrorKind::Exhausted, &dir, sh("exit 0").fd(i32::MAX, null()));
            assert!(sh("exit 0").fd(511, null()).status().unwrap().success());
        });
    });
}

/// From a table that is full to one that has room enough.
#[test]
fn each_limit_on_descriptors_is_an_error_that_names_it_until_one_suffices() {
    isolated(|| {
        let dir = Scratch::new();
        let null = File::open("/dev/null").unwrap();
        let first = u64::try_from(std::os::fd::AsRawFd::as_raw_fd(&null)).unwrap();
        drop(null);
        let before = caller::descriptors();
        let mut messages = Vec::new();
        let enough = (first..first + 40).find(|limit| {
            let mut spawn = sh("echo out");
            let answer = limited(Resource::Nofile, *limit, || spawn.output());
            // After the limit is gone: reading the table takes a descriptor.
            assert_same(&before, &caller::descriptors());
            match answer {
                Ok(out) => {
                    assert_eq!(out.stdout, b"out\n");
                    true
                }
                Err(error) => {
                    messages.push(said::all(&error));
                    assert_eq!(
                        (error.kind(), error.errno()),
                        (ErrorKind::Exhausted, Some(libc::EMFILE)),
                        "{messages:?}"
                    );
                    assert!(error.hint().unwrap().contains("ulimit -n"));
                    said::check(&format!("EMFILE: {error}"), &error, dir.path());
                    false
                }
            }
        });
        // /dev/null, two pipes of which one end each, and the pidfd.
        assert_eq!((enough, messages.len()), (Some(first + 6), 6), "{messages:#?}");
    });
}

#[test]
fn a_limit_on_processes_is_an_error_that_names_it() {
    needs!(user);
    isolated(|| {
        let dir = Scratch::new();
        limited(Resource::Nproc, 0, || fails("EAGAIN", ErrorKind::Exhausted, &dir, &mut sh("exit 0")));
        start_true();
    });
}

#[test]
fn every_refusal_is_a_sentence_with_a_cause() {
    let kept = said::MESSAGES.sections();
    assert!(kept.len() > 25, "{} sections", kept.len());
    for (name, said) in kept {
        let sentence = said.lines().nth(1).unwrap();
        assert!(sentence.starts_with("cannot ") && !sentence.ends_with('.'), "{name}: {sentence}");
        assert!(said.lines().any(|line| line.starts_with("cause: ")), "{name}: no cause");
    }
}

#[test]
fn no_two_refusals_are_told_in_the_same_words() {
    // What the kernel does not tell apart, and what is one thing in two forms.
    let twins = [
        "arguments too many",
        "closed directory above",
        "clone3 denied, numbers",
        "clone3 denied, time",
        "empty file",
        "environment too large",
        "greatest number",
        "program with an absent loader",
        "relative script",
        "text in memory",
    ];
    let mut told = BTreeMap::new();
    for (name, said) in said::MESSAGES.sections().into_iter().filter(|(name, _)| !twins.contains(name)) {
        // Without what it happened to.
        let words: String = said.split('"').step_by(2).collect();
        assert_eq!(told.insert(words, name), None, "{name}");
    }
}
