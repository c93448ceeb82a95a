// SPDX-License-Identifier: MIT OR Apache-2.0
//! Containers with a name: kept, found by others, deleted from whatever state they are in.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use needs::{isolated_for, needs, rounds};
use skep::cgroup::{Limits, Max};
use skep::ns::{ExitStatus, Stdio};
use skep::{Container, ErrorKind, Report, Status};

use crate::common::{DEADLINE, is_alive, until};
use crate::tree::{Tree, cgroups_called};

/// By the kernel before 6.15 whoever reaps a process of two handles is the one that learns how it ended.
#[track_caller]
fn assert_killed(status: ExitStatus) {
    assert!(status.signal() == Some(9) || !status.is_known(), "{status}");
}

#[test]
fn a_running_container_is_opened_and_deleted_by_its_name() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let made = tree.named("web", "sleep 1000").start().unwrap();
        assert_eq!(Container::names_in(&tree.states()).unwrap(), [tree.name("web")]);
        let found = tree.open("web").unwrap();
        assert_eq!((found.pid(), found.status().unwrap()), (made.pid(), Status::Running));
        found.delete().unwrap();
        assert_eq!(made.status().unwrap(), Status::Ended);
        assert_killed(made.wait().unwrap());
        assert_eq!(tree.open("web").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(Container::names_in(&tree.states()).unwrap(), [""; 0]);
    });
}

#[test]
fn who_has_ended_answers_signals_alike_whoever_has_it_open() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let held = tree.named("web", "sleep 1000").start().unwrap();
        let refused = |container: &Container, who: &str| {
            for answer in [container.signal(10), container.signal_all(10), container.signal_all(9)] {
                let error = answer.expect_err(who);
                assert_eq!(error.kind(), ErrorKind::WrongState, "{who}: {}", Report(&error));
                assert!(Report(&error).to_string().contains("it has ended"), "{who}: {}", Report(&error));
            }
        };
        held.kill().unwrap();
        until("it has ended", || held.status().unwrap() == Status::Ended);
        refused(&held, "not waited for");
        assert_eq!(held.stop(DEADLINE).unwrap().signal(), Some(9));
        refused(&held, "waited for");
        let later = tree.open("web").unwrap();
        refused(&later, "opened later");
        assert_eq!(later.stop(DEADLINE).unwrap().signal(), Some(9));
        held.delete().unwrap();
    });
}

#[test]
fn how_it_ended_is_known_to_those_who_open_it_later() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let made = tree.named("web", "exit 7").start().unwrap();
        made.wait().unwrap();
        drop(made);
        let found = tree.open("web").unwrap();
        assert_eq!((found.pid(), found.status().unwrap()), (None, Status::Ended));
        assert_eq!(found.wait().unwrap().code(), Some(7));
        assert_eq!(found.signal(15).unwrap_err().kind(), ErrorKind::WrongState);
        found.delete().unwrap();
    });
}

#[test]
fn a_name_in_use_is_refused_before_anything_is_touched() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let made = tree.named("web", "sleep 1000").start().unwrap();
        let error = tree.named("web", "true").start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{}", Report(&error));
        assert!(error.problems()[0].contains("is in use"), "{}", Report(&error));
        assert_eq!(made.status().unwrap(), Status::Running);
        made.delete().unwrap();
    });
}

#[test]
fn a_created_container_is_found_creating_and_deleted_by_nobody_else() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let created = tree.named("web", "true").create().unwrap();
        let pid = created.pid();
        let found = tree.open("web").unwrap();
        assert_eq!(found.status().unwrap(), Status::Creating);
        assert_eq!(found.delete().unwrap_err().kind(), ErrorKind::Busy);
        drop(created);
        assert!(!is_alive(pid));
        assert_eq!(tree.open("web").unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_dropped_handle_leaves_a_named_container_running() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let container = tree.named("web", "read line; exit 4").stdin(Stdio::Piped).start().unwrap();
        let pid = container.pid().unwrap();
        let mut container = container;
        let stdin = container.stdin.take();
        drop(container);
        assert!(is_alive(pid));
        drop(stdin);
        until("it ends by itself", || !is_alive(pid));
        tree.open("web").unwrap().delete().unwrap();
    });
}

#[test]
fn a_state_that_others_may_write_to_is_not_believed() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        fs::create_dir(tree.states()).unwrap();
        fs::set_permissions(tree.states(), fs::Permissions::from_mode(0o777)).unwrap();
        for error in [tree.named("web", "true").start().unwrap_err(), tree.open("web").unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Denied, "{}", Report(&error));
        }
        fs::remove_dir(tree.states()).unwrap();
        std::os::unix::fs::symlink(tree.root(), tree.states()).unwrap();
        assert!(tree.named("web", "true").start().is_err());
    });
}

#[test]
fn of_a_damaged_record_nobody_guesses_whether_it_runs() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        for damage in ["", "{", "{\"version\": 1}", "\0\0\0"] {
            let tree = Tree::new();
            let made = tree.named("web", "sleep 1000").start().unwrap();
            let record = tree.states().join(tree.name("web")).join("record");
            let whole = fs::read(&record).unwrap();
            fs::write(&record, damage).unwrap();
            let found = tree.open("web").unwrap();
            assert_eq!(found.pid(), None, "{damage:?}");
            assert_eq!(found.status().unwrap_err().kind(), ErrorKind::WrongState, "{damage:?}");
            assert_eq!(found.wait().unwrap_err().kind(), ErrorKind::WrongState, "{damage:?}");
            let error = found.delete().unwrap_err();
            assert!(Report(&error).to_string().contains("damaged"), "{}", Report(&error));
            assert_eq!(made.status().unwrap(), Status::Running);
            fs::write(&record, whole).unwrap();
            tree.open("web").unwrap().delete().unwrap();
            made.wait().unwrap();
        }
    });
}

#[test]
fn with_a_cgroup_a_damaged_record_is_enough_to_delete_by() {
    needs!(root, cgroup("pids"), program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let made = tree.named("web", "sleep 1000").limits(Limits::new().pids_max(16)).start().unwrap();
        fs::write(tree.states().join(tree.name("web")).join("record"), "{").unwrap();
        tree.open("web").unwrap().delete().unwrap();
        assert_killed(made.wait().unwrap());
        assert!(cgroups_called(&tree.name("web")).is_empty());
    });
}

#[test]
fn what_was_opened_before_its_start_is_deleted_running() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let created = tree.named("web", "sleep 1000").create().unwrap();
        let found = tree.open("web").unwrap();
        assert_eq!(found.status().unwrap(), Status::Creating);
        assert_eq!(found.wait().unwrap_err().kind(), ErrorKind::WrongState);
        let made = created.start().unwrap();
        assert_eq!(found.status().unwrap(), Status::Running);
        found.delete().unwrap();
        assert_killed(made.wait().unwrap());
    });
}

#[test]
fn without_a_proc_nothing_is_taken_for_ended() {
    needs!(root, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let made = tree.named("web", "sleep 1000").start().unwrap();
        // In this test's own mount namespace.
        let nothing = rustix::mount::MountFlags::empty();
        rustix::mount::mount("tmpfs", "/proc", "tmpfs", nothing, None).unwrap();
        let error = tree.open("web").and_then(Container::delete).unwrap_err();
        rustix::mount::unmount("/proc", rustix::mount::UnmountFlags::empty()).unwrap();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", Report(&error));
        assert_eq!(made.status().unwrap(), Status::Running);
        made.delete().unwrap();
    });
}

#[test]
fn a_cgroup_that_was_there_is_neither_joined_nor_killed_nor_removed() {
    needs!(root, cgroup("pids"), program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let path = format!("/{}", tree.name("theirs"));
        let limits = Limits::new().pids_max(16);
        let theirs = tree.named("theirs", "sleep 1000").limits(limits.clone()).cgroup(&path).start().unwrap();
        for other in [tree.named("other", "true"), tree.shell("true")] {
            let error = other.limits(limits.clone()).cgroup(&path).start().unwrap_err();
            assert!(error.problems()[0].contains("is there already"), "{}", Report(&error));
        }
        assert_eq!(theirs.status().unwrap(), Status::Running);
        assert!(!cgroups_called(&tree.name("theirs")).is_empty());
        theirs.delete().unwrap();
    });
}

#[test]
fn a_half_made_container_is_seen_as_such_and_deleted() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        fs::create_dir(tree.states()).unwrap();
        fs::set_permissions(tree.states(), fs::Permissions::from_mode(0o700)).unwrap();
        fs::create_dir(tree.states().join(tree.name("web"))).unwrap();
        let found = tree.open("web").unwrap();
        assert_eq!((found.pid(), found.status().unwrap()), (None, Status::HalfMade));
        found.delete().unwrap();
        assert_eq!(tree.open("web").unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn deleting_beside_a_maker_that_waits_removes_everything() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE * 3, || {
        let tree = Tree::new();
        for _ in 0..rounds(60) {
            let made = tree.named("web", "sleep 1000").start().unwrap();
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| made.wait().unwrap());
                tree.open("web").unwrap().delete().unwrap_or_else(|error| panic!("{}", Report(&error)));
                waiter.join().unwrap();
            });
            assert_eq!(Container::names_in(&tree.states()).unwrap(), [""; 0]);
        }
    });
}

#[test]
fn a_handle_of_a_deleted_container_does_nothing_to_the_next_of_its_name() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let first = tree.named("web", "sleep 1000").start().unwrap();
        let stale = tree.open("web").unwrap();
        first.delete().unwrap();
        let second = tree.named("web", "sleep 1000").start().unwrap();
        stale.delete().unwrap();
        assert_eq!(second.status().unwrap(), Status::Running);
        tree.open("web").unwrap().delete().unwrap();
        second.wait().unwrap();
    });
}

#[test]
fn what_cannot_be_removed_stays_in_the_record_and_is_removed_later() {
    needs!(root, cgroup("pids"), program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let made = tree.named("web", "sleep 1000").limits(Limits::new().pids_max(16)).start().unwrap();
        let group = cgroups_called(&tree.name("web")).into_iter().find(|path| path.join("pids.max").exists()).unwrap();
        // Something on top of it, which the kernel keeps the directory for.
        rustix::mount::mount_bind(&group, &group).unwrap();
        let error = tree.open("web").unwrap().delete().unwrap_err();
        rustix::mount::unmount(&group, rustix::mount::UnmountFlags::empty()).unwrap();
        assert!(Report(&error).to_string().contains("behind another mount"), "{}", Report(&error));
        assert_eq!(Container::names_in(&tree.states()).unwrap(), [tree.name("web")]);
        tree.open("web").unwrap().delete().unwrap();
        assert!(cgroups_called(&tree.name("web")).is_empty());
        drop(made);
    });
}

#[test]
fn a_container_without_a_name_takes_its_cgroup_along_when_it_has_ended() {
    needs!(root, cgroup("pids"), program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let limits = Limits::new().pids_max(16);
        let path = format!("/{}", tree.name("anonymous"));
        let out = tree.shell("echo said").limits(limits.clone()).cgroup(&path).output().unwrap();
        assert_eq!(out.stdout, b"said\n");
        assert!(cgroups_called(&tree.name("anonymous")).is_empty());
        let plans: Vec<String> =
            (0..2).map(|_| tree.shell("true").limits(limits.clone()).plan().unwrap().explain()).collect();
        assert_ne!(plans[0], plans[1], "two of them would have one cgroup");
    });
}

#[test]
fn a_lock_that_a_copy_of_a_killed_maker_holds_keeps_nobody_from_deleting() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let created = tree.named("web", "true").create().unwrap();
        let state = tree.states().join(tree.name("web"));
        let intent = fs::read_to_string(state.join("intent")).unwrap();
        // As its maker's death leaves it: the lock in other hands, and a maker of whom there is nothing any more.
        assert_eq!(tree.open("web").unwrap().delete().unwrap_err().kind(), ErrorKind::Busy);
        let dead = intent.replacen("\"start_time\":", "\"start_time\":9", 1);
        assert_ne!(dead, intent);
        fs::write(state.join("intent"), dead).unwrap();
        let found = tree.open("web").unwrap();
        assert_eq!(found.status().unwrap(), Status::HalfMade);
        found.delete().unwrap();
        drop(created);
        assert_eq!(Container::names_in(&tree.states()).unwrap(), [""; 0]);
    });
}

#[test]
fn its_cgroup_tells_what_it_uses_until_it_is_deleted() {
    needs!(root, cgroup("pids"), program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let web = tree.named("web", "sleep 1000").limits(Limits::new().pids_max(16)).start().unwrap();
        for container in [&web, &tree.open("web").unwrap()] {
            let cgroup = container.cgroup().unwrap().unwrap();
            assert_eq!(cgroup.stat().unwrap().pids.max, Some(Max::Limit(16)));
            assert!(cgroup.events().unwrap().populated);
        }
        tree.open("web").unwrap().delete().unwrap();
        assert!(web.cgroup().unwrap().is_none());
        web.wait().unwrap();
        let unlimited = tree.shell("true").start().unwrap();
        assert!(unlimited.cgroup().unwrap().is_none());
        unlimited.wait().unwrap();
    });
}

#[test]
fn of_a_container_in_another_pid_namespace_nobody_says_that_it_has_ended() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let created = tree.named("web", "sleep 1000").create().unwrap();
        let state = tree.states().join(tree.name("web"));
        // As if its maker, and then its first process, had numbers of a namespace that we do not see.
        let elsewhere = |file: &str| {
            let text = fs::read_to_string(state.join(file)).unwrap();
            let other = text.replace("\"pid_namespace\":", "\"pid_namespace\":9");
            assert_ne!(other, text);
            fs::write(state.join(file), other).unwrap();
            text
        };
        let intent = elsewhere("intent");
        let opened = tree.open("web").unwrap();
        assert_eq!(opened.status().unwrap(), Status::Creating);
        fs::write(state.join("intent"), intent).unwrap();
        let web = created.start().unwrap();
        let record = elsewhere("record");
        assert_eq!(opened.status().unwrap_err().kind(), ErrorKind::WrongState);
        fs::write(state.join("record"), record).unwrap();
        assert_eq!(opened.status().unwrap(), Status::Running);
        tree.open("web").unwrap().delete().unwrap();
        assert_killed(web.wait().unwrap());
    });
}

#[test]
fn an_empty_cgroup_tells_that_it_has_ended_whatever_namespace_it_was_in() {
    needs!(root, cgroup("pids"), program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let web = tree.named("web", "sleep 1000").limits(Limits::new().pids_max(16)).start().unwrap();
        let record = tree.states().join(tree.name("web")).join("record");
        let text = fs::read_to_string(&record).unwrap();
        fs::write(&record, text.replace("\"pid_namespace\":", "\"pid_namespace\":9")).unwrap();
        assert_eq!(tree.open("web").unwrap().status().unwrap_err().kind(), ErrorKind::WrongState);
        web.kill().unwrap();
        web.wait().unwrap();
        assert_eq!(tree.open("web").unwrap().status().unwrap(), Status::Ended);
        tree.open("web").unwrap().delete().unwrap();
        assert!(cgroups_called(&tree.name("web")).is_empty());
    });
}
