// SPDX-License-Identifier: MIT OR Apache-2.0
//! Containers and processes as several tests need them.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use skep::ns::{IdMap, NamespaceKind, Namespaces};
use skep::{Builder, Container, Error, ErrorKind, Report};

/// A hang detector: what has not happened by then never will.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The kinds of namespace that a container usually has.
pub(crate) const FIVE: [NamespaceKind; 5] =
    [NamespaceKind::Pid, NamespaceKind::Mount, NamespaceKind::Uts, NamespaceKind::Ipc, NamespaceKind::Net];

pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Five namespaces, and for an ordinary user a user namespace with them.
pub(crate) fn namespaces() -> Namespaces {
    let five = Namespaces::new().make(FIVE);
    if is_root() { five } else { five.user(IdMap::current_as_root()) }
}

/// A container in [`namespaces`] with an own proc, whose program is the shell.
pub(crate) fn shell(script: &str) -> Builder {
    program("/bin/sh", &["-c", script])
}

/// A container in [`namespaces`] with an own proc.
pub(crate) fn program(path: &str, args: &[&str]) -> Builder {
    Container::anonymous()
        .namespaces(namespaces())
        .proc("/proc")
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        .command(path, args.iter().copied())
}

/// What the container's program writes; it must succeed.
#[track_caller]
pub(crate) fn text_of(builder: Builder) -> String {
    let out = builder.output().unwrap_or_else(|error| panic!("{}", Report(&error)));
    assert!(out.status.success(), "{}: {}", out.status, String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// One value of `/proc/PID/status`.
pub(crate) fn status(pid: impl std::fmt::Display, key: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("no {key} in\n{text}")).trim().to_owned()
}

/// One value of `/proc/PID/status` in kB; 0 if it is not there, as for a process without memory.
pub(crate) fn kilobytes(status: &str, key: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    value.map_or(0, |value| value.trim().trim_end_matches(" kB").parse().unwrap())
}

/// Whether a process of this number is there and has not ended.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The links in `/proc/PID/ns` of the five kinds.
pub(crate) fn namespace_links(pid: &str) -> Vec<PathBuf> {
    let names = ["pid", "mnt", "uts", "ipc", "net", "user", "cgroup"];
    names.iter().map(|name| fs::read_link(format!("/proc/{pid}/ns/{name}")).unwrap()).collect()
}

/// Asks again and again until it is so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < end, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// This test program again, to play the part `part` of `roles.rs` in a process of its own.
pub(crate) fn role(part: &str) -> std::process::Command {
    role_of(std::env::current_exe().unwrap(), part)
}

/// The same by another path of this program.
pub(crate) fn role_of(path: impl AsRef<std::ffi::OsStr>, part: &str) -> std::process::Command {
    let mut command = std::process::Command::new(path);
    command.args(["roles::play", "--exact", "--nocapture", "--test-threads=1"]).env("SKEP_TEST_ROLE", part);
    command
}

/// Tries it with every small number of descriptors: it works, or says what is lacking, and leaves none open either way.
#[track_caller]
pub(crate) fn at_every_low_limit_on_descriptors(attempt: impl Fn() -> Result<(), Error>) {
    let limit = getrlimit(Resource::Nofile);
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    let (mut failed, mut worked) = (0, 0);
    for current in 3..40 {
        setrlimit(Resource::Nofile, Rlimit { current: Some(current), ..limit }).unwrap();
        let result = attempt();
        setrlimit(Resource::Nofile, limit).unwrap();
        match result {
            Ok(()) => worked += 1,
            Err(error) => {
                let report = Report(&error).to_string();
                assert_eq!(error.kind(), ErrorKind::Exhausted, "{current}: {report}");
                assert!(report.contains("(EMFILE)") && report.contains("ulimit -n"), "{current}: {report}");
                failed += 1;
            }
        }
        assert_eq!(open(), before, "{current}");
    }
    assert!(failed > 3 && worked > 3, "{failed} failed, {worked} worked");
}
