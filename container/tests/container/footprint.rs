// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a start costs in memory: from a caller of two gigabytes the new processes are a few pages, from the first moment.

use std::fs;

use needs::{Need, isolated, needs};
use nix::sys::ptrace::Options;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use crate::common::{kilobytes, program};
use crate::tracer::{Traced, go_on, next_stop, pending};

/// What no new process may exceed, in kB.
const LIMIT: u64 = 200;
/// `PTRACE_EVENT_EXEC`.
const EXEC: i32 = 4;

/// So much memory to spare.
fn memory(gigabytes: u64) -> Need {
    let here = kilobytes(&fs::read_to_string("/proc/meminfo").unwrap(), "MemAvailable");
    let lacks = here < gigabytes << 20;
    Need::new(format!("{gigabytes} GiB of memory"), lacks.then(|| format!("{here} kB are available")))
}

/// Page tables and resident memory in kB.
fn sizes(pid: impl std::fmt::Display) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    (kilobytes(&status, "VmPTE"), kilobytes(&status, "VmRSS"))
}

#[test]
fn a_created_container_is_small_whatever_the_caller_holds() {
    needs!(userns);
    if memory(3).skip() {
        return;
    }
    isolated(|| {
        let held = vec![1_u8; 2 << 30];
        assert!(sizes("self").1 > 2 << 20);
        let created = program("/bin/true", &[]).create().unwrap();
        let (tables, resident) = sizes(created.pid());
        println!("waiting: page tables {tables} kB, resident {resident} kB");
        assert!(0 < tables && tables < LIMIT && resident < LIMIT, "{tables} kB, {resident} kB");
        drop(created);
        assert_eq!(std::hint::black_box(&held)[7], 1);
    });
}

/// The sizes of every process that the role makes: at its birth, and after each exec. The births come first by kind:
/// `true` for a birth.
fn sizes_of_all(part: &str) -> Vec<(Pid, bool, (u64, u64))> {
    let births = Options::PTRACE_O_TRACEVFORK | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_TRACEFORK;
    let mut traced = Traced::start(part, 1, births | Options::PTRACE_O_TRACEEXEC);
    let caller = traced.threads[0];
    assert!(sizes(caller).1 > 2 << 20);
    go_on(caller, false, None);
    traced.cue();
    let mut seen: Vec<(Pid, bool, (u64, u64))> = Vec::new();
    while let Some(status) = next_stop() {
        let pid = status.pid().unwrap();
        if matches!(status, WaitStatus::Exited(..) | WaitStatus::Signaled(..)) {
            continue;
        }
        if pid != caller && !seen.iter().any(|(known, ..)| *known == pid) {
            seen.push((pid, true, sizes(pid)));
        } else if matches!(status, WaitStatus::PtraceEvent(_, _, EXEC)) {
            seen.push((pid, false, sizes(pid)));
        }
        go_on(pid, false, pending(status));
    }
    seen
}

#[test]
fn launcher_and_child_are_small_from_their_first_moment() {
    needs!(userns);
    if memory(3).skip() {
        return;
    }
    isolated(|| {
        let seen = sizes_of_all("heavy");
        println!("{seen:?}");
        // Birth and exec of the launcher, birth and exec of the child.
        let kinds: Vec<_> = seen.iter().map(|(_, is_birth, _)| *is_birth).collect();
        assert_eq!((kinds.len(), kinds.iter().filter(|is_birth| **is_birth).count()), (4, 2), "{seen:?}");
        let launcher = seen[0].0;
        for (pid, is_birth, (tables, resident)) in &seen {
            // Born in the caller's own memory, which is not the launcher's: system_calls.rs looks at the flags.
            let is_shared = *pid == launcher && *is_birth;
            assert!(is_shared || (*tables < LIMIT && *resident < LIMIT), "{seen:?}");
        }
    });
}

#[test]
fn a_copy_of_the_caller_would_be_seen_to_be_large() {
    needs!(syscall("clone3"));
    if memory(5).skip() {
        return;
    }
    isolated(|| {
        let seen = sizes_of_all("heavy copy");
        assert_eq!(seen.len(), 1, "{seen:?}");
        let (_, is_birth, (tables, resident)) = seen[0];
        assert!(is_birth && tables > LIMIT && resident > 2 << 20, "{seen:?}");
    });
}
