// SPDX-License-Identifier: MIT OR Apache-2.0
//! A secret of the caller's: nowhere in the new process, neither while it waits nor when the program runs.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::process::{Child, ChildStdout, Stdio};

use needs::{Scratch, isolated, needs};

use crate::common::role;

/// Where in a process the secret was found.
fn places_of(secret: &str, pid: u32) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    let mut places = Vec::new();
    for name in ["environ", "cmdline", "auxv", "comm", "stat", "status"] {
        if holds(&fs::read(format!("/proc/{pid}/{name}")).unwrap()) {
            places.push(name.to_owned());
        }
    }
    for name in ["cwd", "exe", "root"] {
        if holds(fs::read_link(format!("/proc/{pid}/{name}")).unwrap().as_os_str().as_encoded_bytes()) {
            places.push(name.to_owned());
        }
    }
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
        match fs::read_link(entry.unwrap().path()) {
            Ok(target) if holds(target.as_os_str().as_encoded_bytes()) => places.push("fd".to_owned()),
            Ok(_) => {}
            // The program's loader closes what it has read.
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound),
        }
    }
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut searched = 0;
    for line in maps.lines() {
        let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let (start, end) = (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        // What the kernel itself maps there cannot be read.
        if memory.read_exact_at(&mut bytes, start).is_ok() {
            searched += 1;
            places.extend(holds(&bytes).then(|| format!("memory: {}", line.split_whitespace().last().unwrap())));
        }
    }
    assert!(searched >= 3, "only {searched} mappings could be read of\n{maps}");
    places
}

struct Keeper {
    child: Child,
    output: BufReader<ChildStdout>,
    secret: String,
    _file: Scratch,
}

impl Keeper {
    fn start(part: &str) -> Self {
        let secret = format!("secret-{}", needs::token());
        let file = Scratch::new();
        let path = file.join(&secret);
        fs::write(&path, "").unwrap();
        let mut role = role(part);
        role.env("SKEP_TEST_SECRET", &secret).env("SKEP_TEST_FILE", &path);
        let mut child = role.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output, secret, _file: file }
    }

    /// The number in the line that begins with this word.
    fn pid_after(&mut self, word: &str) -> u32 {
        let mut line = String::new();
        while !line.starts_with(word) {
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the role has ended early");
        }
        line[word.len()..].trim().parse().unwrap()
    }

    fn cue(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    fn end(&mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn a_secret_of_the_caller_is_nowhere_in_the_container() {
    needs!(root);
    isolated(|| {
        let mut keeper = Keeper::start("keeping a secret");
        let created = keeper.pid_after("created ");
        assert_eq!(places_of(&keeper.secret, created), [""; 0]);
        keeper.cue();
        let started = keeper.pid_after("started ");
        assert_eq!(places_of(&keeper.secret, started), [""; 0]);
        assert_eq!(created, started);
        keeper.cue();
        keeper.end();
    });
}

#[test]
fn in_a_copy_of_the_caller_the_same_search_finds_it() {
    needs!(root, syscall("clone3"));
    isolated(|| {
        let mut keeper = Keeper::start("copying a secret");
        let copy = keeper.pid_after("created ");
        let places = places_of(&keeper.secret, copy);
        keeper.cue();
        keeper.end();
        for place in ["environ", "fd", "memory: [stack]"] {
            assert!(places.iter().any(|found| found == place), "{place} is not in {places:?}");
        }
        // And what the program holds in its heap and in its static page.
        assert!(places.iter().filter(|found| found.starts_with("memory: ")).count() >= 3, "{places:?}");
    });
}
