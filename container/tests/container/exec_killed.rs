// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whoever executes a further program, held and then killed after any of their system calls: those inside see nothing of
//! it meanwhile, and nothing is left afterwards.

use needs::{isolated_for, needs, rounds};
use nix::sys::ptrace::Options;
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use skep::Container;
use skep::ns::{IdMap, Stdio};

use crate::common::{DEADLINE, until};
use crate::exec::text_of;
use crate::roles::{hear, say};
use crate::tracer::{Traced, go_on, next_stop, pending};
use crate::tree::Tree;

/// The part of who executes: everything between the two marks is what they may be killed in.
pub(crate) fn execute() {
    let var = |name: &str| std::env::var(name).unwrap();
    let container = Container::open_in(var("SKEP_TEST_STATES").as_ref(), &var("SKEP_TEST_NAME")).unwrap();
    say(&format!("ready {}", nix::unistd::gettid()));
    hear();
    raise(Signal::SIGURG).unwrap();
    let executed = container.exec("/bin/true", [""; 0]).stdin(Stdio::Null).start();
    raise(Signal::SIGURG).unwrap();
    hear();
    drop(executed);
}

/// Holds who executes at stop number `at`; `None` if they had done their work before that.
fn hold_at(tree: &Tree, at: usize) -> Option<Traced> {
    let mut traced = Traced::start_with("executing", 1, Options::empty(), |role| {
        role.env("SKEP_TEST_STATES", tree.states()).env("SKEP_TEST_NAME", tree.name("k"));
    });
    go_on(traced.threads[0], true, None);
    traced.cue();
    let (mut stops, mut marks) = (0, 0);
    while stops < at && marks < 2 {
        let status = next_stop().expect("who executes has ended early");
        match status {
            WaitStatus::PtraceSyscall(_) if marks > 0 => stops += 1,
            WaitStatus::Stopped(_, Signal::SIGURG) => marks += 1,
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => panic!("ended early: {status:?}"),
            _ => {}
        }
        if stops < at && marks < 2 {
            go_on(status.pid().unwrap(), true, pending(status));
        }
    }
    if stops == at {
        return Some(traced);
    }
    kill(traced);
    None
}

fn kill(mut traced: Traced) {
    traced.child.kill().unwrap();
    while !matches!(
        waitpid(traced.threads[0], Some(WaitPidFlag::__WALL)),
        Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(_)
    ) {}
    traced.child.wait().unwrap();
}

/// What a program in the container sees of all others in it.
const LOOK: &str = "for i in /proc/[0-9]*; do echo; echo == $i; readlink $i/exe $i/cwd $i/root $i/fd/*; head -c 9 $i/mem; \
    cat $i/environ; echo x >> $i/exe && echo written; done 2>/dev/null; true";

#[test]
fn whoever_executes_may_be_killed_at_any_moment_and_shows_nothing() {
    // CVE-2016-9962: the descriptors and the memory of a runtime that has joined, and has not executed yet.
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE * 5, || {
        rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1)).unwrap();
        let tree = Tree::new();
        // Those inside have every right of their user namespace, the one to trace among them. As root of the machine they
        // could by right.
        let namespaces = crate::common::namespaces().user(IdMap::current_as_root());
        let container = tree.named("k", "sleep 1000; :").namespaces(namespaces).start().unwrap();
        let look = || text_of(container.exec("/bin/sh", ["-c", LOOK]));
        let count = |seen: &str| seen.lines().filter(|line| line.starts_with("== ")).count();
        let is_alone = || {
            reap_orphans();
            count(&look()) == 3
        };
        until("the first program runs its own", is_alone);
        let mut seed = [0; 2];
        rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty()).unwrap();
        let stride = (STOPS / rounds(DEATHS) as usize).max(1);
        let mut at = 1 + usize::from(u16::from_ne_bytes(seed)) % stride;
        println!("seed: stop {at} and every {stride}th after it");
        let mut met = 0;
        while let Some(traced) = hold_at(&tree, at) {
            let seen = look();
            met += usize::from(count(&seen) > 3);
            for secret in ["memfd", "socket", "pidfd", "written", "wire="] {
                assert!(!seen.contains(secret), "stop {at}: {secret}: {seen}");
            }
            kill(traced);
            until("nothing of it is left", is_alone);
            at += stride;
        }
        println!("{at} stops, {met} with somebody inside");
        assert!(at > 80, "only {at} stops");
        assert!(met * stride > 30, "only {met} with somebody inside");
        assert!(container.try_wait().unwrap().is_none());
        until("nothing of it is left", is_alone);
        container.delete().unwrap();
    });
}

/// Reaps what has ended of whose parent was killed: it is this process's to reap, which adopts them. The container's first
/// process runs on.
fn reap_orphans() {
    while matches!(
        waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)),
        Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..))
    ) {}
}

/// How many stops an execution has, about: two a system call.
const STOPS: usize = 300;
/// How many of them have their turn in one run.
const DEATHS: u32 = 60;
