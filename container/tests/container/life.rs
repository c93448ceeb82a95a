// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is done to a container that runs: frozen and thawed, limited anew, signalled, stopped.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use needs::{isolated_for, needs};
use skep::cgroup::{Limits, MIB};
use skep::ns::{NamespaceKind, Stdio};
use skep::{Builder, Container, ErrorKind, RebootRequest, Report, Status};

use crate::common::{DEADLINE, is_alive, namespaces, program, until};
use crate::tree::Tree;

fn limited(script: &str) -> Builder {
    program("/bin/sh", &["-c", script]).limits(Limits::new().pids_max(64)).kill_on_drop()
}

/// Starts it, and waits until it has written "up" and a newline.
fn started(builder: Builder) -> Container {
    let mut container = builder.stdout(Stdio::Piped).start().unwrap_or_else(|error| panic!("{}", Report(&error)));
    container.stdout.as_mut().unwrap().read_exact(&mut [0; 3]).unwrap();
    container
}

#[test]
fn a_frozen_container_stands_still_and_goes_on_when_it_is_thawed() {
    needs!(root, cgroup("pids"));
    isolated_for(DEADLINE, || {
        let mut container = limited("while :; do echo; done").stdout(Stdio::Piped).start().unwrap();
        let mut output = container.stdout.take().unwrap();
        output.read_exact(&mut [0; 99]).unwrap();
        container.freeze(DEADLINE).unwrap();
        container.freeze(DEADLINE).unwrap();
        assert_eq!(container.status().unwrap(), Status::Frozen);
        assert_eq!(container.status().unwrap().to_string(), "frozen");
        let fd = std::os::fd::AsFd::as_fd(&output);
        let flags = rustix::fs::fcntl_getfl(fd).unwrap();
        rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
        while output.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {}
        std::thread::sleep(Duration::from_millis(50));
        assert!(output.read(&mut [0; 1]).is_err(), "it has written something while it was frozen");
        container.thaw(DEADLINE).unwrap();
        container.thaw(DEADLINE).unwrap();
        assert_eq!(container.status().unwrap(), Status::Running);
        until("it writes again", || output.read(&mut [0; 1]).is_ok());
        // A frozen one is killed all the same.
        container.freeze(DEADLINE).unwrap();
        container.kill().unwrap();
        assert_eq!(container.wait().unwrap().signal(), Some(9));
        assert_eq!(container.status().unwrap(), Status::Ended);
    });
}

#[test]
fn what_takes_a_cgroup_says_so_where_there_is_none() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let container = program("/bin/sleep", &["1000"]).kill_on_drop().start().unwrap();
        let limits = Limits::new().pids_max(3);
        for error in [
            container.freeze(DEADLINE).unwrap_err(),
            container.thaw(DEADLINE).unwrap_err(),
            container.limit(&limits).unwrap_err(),
        ] {
            let report = Report(&error).to_string();
            assert_eq!(error.kind(), ErrorKind::WrongState, "{report}");
            assert!(report.contains("it has no cgroup") && report.contains("Builder::cgroup"), "{report}");
        }
        container.kill().unwrap();
        container.wait().unwrap();
    });
}

#[test]
fn a_container_is_limited_anew_while_it_runs() {
    needs!(root, cgroup("pids"), cgroup("memory"));
    isolated_for(DEADLINE, || {
        let container = limited("sleep 1000").start().unwrap();
        let group = container.cgroup().unwrap().unwrap();
        let max = || {
            let files = group.directories().map(|path| path.join("pids.max"));
            files.filter_map(|path| fs::read_to_string(path).ok()).next().unwrap()
        };
        container.limit(&Limits::new().pids_max(7)).unwrap();
        assert_eq!(max().trim(), "7");
        let error = container.limit(&Limits::new().pids_max(0)).unwrap_err();
        assert_eq!((error.kind(), error.problems().len()), (ErrorKind::Invalid, 1), "{}", Report(&error));
        assert_eq!(max().trim(), "7");
        // A controller that it was not made with may not be had; then it is told, and what can be is done.
        let lacks = container.limit_where_possible(&Limits::new().pids_max(9).memory_max(64 * MIB)).unwrap();
        assert_eq!(max().trim(), "9");
        assert!(lacks.len() <= 1, "{lacks:?}");
        container.kill().unwrap();
        container.wait().unwrap();
        let error = container.limit(&Limits::new().pids_max(7)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", Report(&error));
    });
}

#[test]
fn one_with_every_controller_can_be_given_any_limit_later() {
    needs!(root, cgroup("pids"), cgroup("memory"));
    isolated_for(DEADLINE, || {
        let container = limited("sleep 1000").every_controller().start().unwrap();
        let lacks = container.limit_where_possible(&Limits::new().pids_max(9).memory_max(64 * MIB)).unwrap();
        assert!(lacks.is_empty(), "{lacks:?}");
        let stat = container.cgroup().unwrap().unwrap().stat().unwrap();
        assert!(stat.memory.current.is_some() && stat.cpu.usage.is_some(), "{stat:?}");
        container.delete().unwrap();
    });
}

#[test]
fn the_processes_of_a_container_are_told_with_both_numbers() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let script = "sleep 1000 & echo up; wait";
        let builder = || program("/bin/sh", &["-c", script]).kill_on_drop();
        let container = started(builder());
        until("there are two", || container.processes().unwrap().len() == 2);
        let members = container.processes().unwrap();
        assert_eq!(members[0].pid, container.pid().unwrap());
        assert_eq!(members.iter().map(|member| member.inside).collect::<Vec<_>>(), [Some(1), Some(2)]);
        let executed = container.exec("/bin/sleep", ["1000"]).start().unwrap();
        assert!(container.processes().unwrap().iter().any(|member| member.pid == executed.pid()));
        container.kill().unwrap();
        container.wait().unwrap();
        assert_eq!(container.processes().unwrap(), []);
        // Without a pid namespace, nor a cgroup, no more is known than the first.
        let namespaces = namespaces().without(NamespaceKind::Pid);
        let first = Container::anonymous().namespaces(namespaces).command("/bin/sleep", ["1000"]).kill_on_drop();
        let first = first.start().unwrap();
        assert_eq!(first.processes().unwrap().len(), 1);
    });
}

#[test]
fn with_a_cgroup_processes_are_told_from_it() {
    needs!(root, cgroup("pids"));
    isolated_for(DEADLINE, || {
        let container = started(limited("sleep 1000 & echo up; wait"));
        until("there are two", || container.processes().unwrap().len() == 2);
        assert_eq!(container.processes().unwrap()[1].inside, Some(2));
    });
}

#[test]
fn a_signal_to_all_reaches_all() {
    needs!(userns, syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let child = "trap 'exit 0' USR1; while :; do sleep 0.01; done";
        let script = format!(
            "trap 'wait; exit 9' USR1; ({child}) & ({child}) & sleep 0.1; echo up; while :; do sleep 0.01; done"
        );
        let mut kinds = vec![program("/bin/sh", &["-c", &script]).kill_on_drop()];
        if crate::common::is_root() {
            kinds.push(limited(&script));
        }
        for builder in kinds {
            let container = started(builder);
            container.signal_all(10).unwrap();
            assert_eq!(container.wait_for(DEADLINE).unwrap().and_then(|status| status.code()), Some(9));
        }
        let container = started(program("/bin/sh", &["-c", "sleep 1000 & echo up; wait"]).kill_on_drop());
        assert_eq!(container.signal_all(65).unwrap_err().kind(), ErrorKind::Invalid);
        container.signal_all(9).unwrap();
        assert_eq!(container.wait().unwrap().signal(), Some(9));
    });
}

#[test]
fn a_container_that_is_asked_to_stop_ends_as_it_likes() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let stopping = "echo up; while :; do sleep 0.01; done";
        let container = started(program("/bin/sh", &["-c", &format!("trap 'exit 7' TERM; {stopping}")]));
        assert_eq!(container.stop(DEADLINE).unwrap().code(), Some(7));
        // Again, and again the same.
        assert_eq!(container.stop(DEADLINE).unwrap().code(), Some(7));
        let container =
            started(program("/bin/sh", &["-c", &format!("trap 'exit 8' USR2; {stopping}")]).stop_signal(12));
        assert_eq!(container.stop(DEADLINE).unwrap().code(), Some(8));
        // By way of the init, to a program without a handler.
        let container = started(program("/bin/sh", &["-c", stopping]).init());
        assert_eq!(container.stop(DEADLINE).unwrap().code(), Some(128 + 15));
    });
}

#[test]
fn a_container_that_does_not_listen_is_killed() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let deaf = "trap '' TERM; echo up; while :; do sleep 0.01; done";
        let container = started(program("/bin/sh", &["-c", deaf]).init());
        let begin = Instant::now();
        let status = container.stop(Duration::from_millis(100)).unwrap();
        assert_eq!(status.signal(), Some(9), "{status}");
        assert!(begin.elapsed() >= Duration::from_millis(90));
        // What the kernel keeps from a process 1 without a handler is not waited for: an hour would be noticed.
        let container = program("/bin/sleep", &["1000"]).start().unwrap();
        let call = || fs::read_to_string(format!("/proc/{}/syscall", container.pid().unwrap())).unwrap();
        until("it sleeps", || {
            let before = call();
            std::thread::sleep(Duration::from_millis(20));
            before == call() && !before.starts_with("running")
        });
        assert_eq!(container.stop(Duration::from_secs(3600)).unwrap().signal(), Some(9));
    });
}

#[test]
fn a_frozen_container_is_stopped_as_another() {
    needs!(root, cgroup("pids"));
    isolated_for(DEADLINE, || {
        let container = started(limited("trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done"));
        container.freeze(DEADLINE).unwrap();
        assert_eq!(container.stop(DEADLINE).unwrap().code(), Some(7));
    });
}

#[test]
fn systemd_is_asked_in_its_own_way() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let path = tree.root().join("bin/systemd");
        fs::write(&path, "#!/bin/sh\ntrap 'exit 5' 37\necho up\nwhile :; do sleep 0.01; done\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let container = started(tree.shell("").command("/bin/systemd", [""; 0]));
        assert_eq!(container.stop(DEADLINE).unwrap().code(), Some(5));
    });
}

#[test]
fn what_an_init_asks_of_its_machine_is_told() {
    needs!(root, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        for (command, request) in [("reboot", RebootRequest::Restart), ("poweroff", RebootRequest::Halt)] {
            // In the isolation's pid namespace, and in the container's own: the machine is neither's.
            let container = tree.shell(&format!("busybox {command} -f; sleep 1000")).kill_on_drop().start().unwrap();
            let status = container.wait_for(DEADLINE).unwrap().unwrap();
            assert_eq!(container.reboot_request(status), Some(request), "{status}");
        }
        let container = tree.shell("exit 1").start().unwrap();
        assert_eq!(container.reboot_request(container.wait().unwrap()), None);
    });
}

#[test]
fn whoever_opens_a_container_does_all_of_it() {
    needs!(root, cgroup("pids"), program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let script = "trap 'exit 7' USR1; echo up; while :; do sleep 0.01; done";
        let made = started(tree.named("web", script).limits(Limits::new().pids_max(16)).stop_signal(10));
        let found = tree.open("web").unwrap();
        found.freeze(DEADLINE).unwrap();
        assert_eq!((found.status().unwrap(), made.status().unwrap()), (Status::Frozen, Status::Frozen));
        found.thaw(DEADLINE).unwrap();
        found.limit(&Limits::new().pids_max(17)).unwrap();
        assert_eq!(found.processes().unwrap()[0].pid, made.pid().unwrap());
        found.stop(DEADLINE).unwrap();
        assert!(!is_alive(made.pid().unwrap()));
        assert_eq!(made.wait().unwrap().code().unwrap_or(7), 7);
        found.delete().unwrap();
    });
}
