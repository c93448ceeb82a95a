// SPDX-License-Identifier: MIT OR Apache-2.0
//! The maker of a container with a name killed after any of its system calls: what is left can be deleted, all of it.

use std::path::PathBuf;

use needs::{isolated_for, needs, rounds};
use nix::sys::ptrace::Options;
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use skep::cgroup::{Limits, MIB};
use skep::ns::net::{Bridge, Net, NewLink};
use skep::{Container, ErrorKind, Network, Report};

use crate::common::{DEADLINE, is_root};
use crate::roles::{hear, say};
use crate::tracer::{Traced, go_on, next_stop, pending, until_nobody_is_left};
use crate::tree::{Tree, cgroups_called};

/// The part of the maker: everything between the two marks is what it may be killed in.
pub(crate) fn start_named() {
    let var = |name: &str| std::env::var(name).unwrap();
    let (root, states, name) = (var("SKEP_TEST_ROOT"), var("SKEP_TEST_STATES"), var("SKEP_TEST_NAME"));
    say(&format!("ready {}", nix::unistd::gettid()));
    hear();
    let limits = Limits::new().memory_max(64 * MIB).pids_max(64);
    let builder = Container::builder(name)
        .namespaces(crate::common::namespaces())
        .root(root)
        .mounts(skep::rootfs::Mounts::standard())
        .state_root(states)
        .command("/bin/sleep", ["1000"]);
    let mut builder = builder.limits_where_possible(limits);
    if let Ok(bridge) = std::env::var("SKEP_TEST_BRIDGE") {
        builder = builder.network(Network::veth(bridge).host_name(LINK));
    }
    raise(Signal::SIGURG).unwrap();
    let container = builder.create().and_then(skep::Created::start);
    raise(Signal::SIGURG).unwrap();
    hear();
    container.unwrap().delete().unwrap();
}

/// Kills the maker at stop number `at`; false if it had done its work before that.
fn kill_at(tree: &Tree, at: usize) -> bool {
    let mut traced = Traced::start_with("starting named", 1, Options::empty(), |role| {
        role.env("SKEP_TEST_ROOT", tree.root())
            .env("SKEP_TEST_STATES", tree.states())
            .env("SKEP_TEST_NAME", tree.name("k"));
        if is_root() {
            role.env("SKEP_TEST_BRIDGE", "br0");
        }
    });
    go_on(traced.threads[0], true, None);
    traced.cue();
    let (mut stops, mut marks) = (0, 0);
    while stops < at && marks < 2 {
        let status = next_stop().expect("the maker has ended early");
        match status {
            WaitStatus::PtraceSyscall(_) if marks > 0 => stops += 1,
            WaitStatus::Stopped(_, Signal::SIGURG) => marks += 1,
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => panic!("the maker has ended early: {status:?}"),
            _ => {}
        }
        if stops < at && marks < 2 {
            go_on(status.pid().unwrap(), true, pending(status));
        }
    }
    traced.child.kill().unwrap();
    // A process is not over before its tracer has heard of the end of each thread.
    while !matches!(
        waitpid(traced.threads[0], Some(WaitPidFlag::__WALL)),
        Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(_)
    ) {}
    traced.child.wait().unwrap();
    stops == at
}

/// What deleting does after such a death: whatever was made is gone.
fn delete(tree: &Tree, at: usize) {
    let when = format!("killed at stop {at}");
    match tree.open("k") {
        Ok(container) => container.delete().unwrap_or_else(|error| panic!("{when}: {}", Report(&error))),
        Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{when}: {}", Report(&error)),
    }
    until_nobody_is_left(&when);
    assert!(Net::here().unwrap().link(LINK).is_err_and(|error| error.kind() == ErrorKind::NotFound), "{when}");
    assert_eq!(Container::names_in(&tree.states()).unwrap(), [""; 0], "{when}");
    assert_eq!(cgroups_called(&tree.name("k")), Vec::<PathBuf>::new(), "{when}");
}

#[test]
fn whenever_its_maker_is_killed_a_container_can_be_deleted() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE * 10, || {
        rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1)).unwrap();
        let tree = Tree::new();
        let net = Net::here().unwrap();
        if is_root() {
            net.create_link(&NewLink::bridge("br0", Bridge::new()).up()).unwrap();
        }
        // Every stop has its turn over many runs; the seed says which ones this run has had.
        let mut seed = [0; 2];
        rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty()).unwrap();
        let stride = STOPS / rounds(DEATHS) as usize;
        let first = 1 + usize::from(u16::from_ne_bytes(seed)) % stride;
        println!("seed: stop {first} and every {stride}th after it");
        let mut at = first;
        while kill_at(&tree, at) {
            delete(&tree, at);
            at += stride;
        }
        delete(&tree, at);
        println!("{at} stops");
        if is_root() {
            net.remove_link("br0").unwrap();
        }
        assert!(at > 150, "only {at} stops");
    });
}

/// The name of the end outside of the container's cable, where it may have one.
const LINK: &str = "killed0";

/// How many stops a start has, about: two a system call.
const STOPS: usize = 900;
/// How many of them have their turn in one run.
const DEATHS: u32 = 180;
