// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs of std's `Command` that join a group by themselves.

use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use needs::{isolated, needs, rounds};
use skep_cgroup::{Cgroup, Controller, ErrorKind, Layout, Limits, MIB, Prepared, Version};

use crate::support::{Swept, create, end, has, has_version, name, only, read, said, sleeper, text};

/// A program that takes the way before it is executed.
fn command(program: &str, way: &Prepared) -> Command {
    let (mut command, way) = (Command::new(program), way.clone());
    // SAFETY: apply() makes system calls and nothing else.
    #[allow(unsafe_code, reason = "std's pre_exec is")]
    unsafe {
        command.pre_exec(move || way.apply());
    }
    command
}

/// The groups that a program sees itself in at its first moment.
fn groups_seen(command: &mut Command) -> String {
    let out = command.arg("/proc/self/cgroup").stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{out:?}");
    String::from_utf8(out.stdout).unwrap()
}

fn times_in(group: &Cgroup, seen: &str) -> usize {
    let name = group.directories().next().unwrap().file_name().unwrap().to_str().unwrap();
    seen.lines().filter(|line| line.ends_with(name)).count()
}

#[test]
fn a_program_is_in_every_directory_from_its_first_moment() {
    needs!(root);
    isolated(|| {
        let group = create("first");
        let seen = groups_seen(&mut command("cat", &group.prepare().unwrap()));
        assert_eq!(times_in(&group, &seen), group.directories().count(), "{seen}");
        // Who has started it has not moved.
        assert_eq!(times_in(&group, &read("/proc/self/cgroup")), 0);
    });
}

#[test]
fn what_was_prepared_with_the_right_is_taken_by_a_child_without() {
    needs!(root);
    isolated(|| {
        let group = create("rights");
        let seen = groups_seen(command("cat", &group.prepare().unwrap()).uid(65534).gid(65534));
        assert_eq!(times_in(&group, &seen), group.directories().count(), "{seen}");
    });
}

#[test]
fn a_program_that_was_cloned_into_version_2_takes_the_rest_of_the_way() {
    needs!(root, cgroup1("pids"));
    isolated(|| {
        let group = create("rest");
        let v1 = group.directories().count() - usize::from(group.v2_fd().is_some());
        let seen = groups_seen(&mut command("cat", &group.prepare_v1().unwrap()));
        assert_eq!(times_in(&group, &seen), v1, "{seen}");
    });
}

#[test]
fn programs_that_many_threads_start_at_once_are_all_in_the_group_and_under_its_limits() {
    needs!(root);
    if !has(Controller::Memory) || !has(Controller::Pids) {
        return;
    }
    isolated(|| {
        let layout = Layout::detect().unwrap();
        let wanted = [Controller::Memory, Controller::Pids];
        let group = Swept(Cgroup::create_with(&layout, name("many"), wanted).unwrap());
        group.apply(&Limits::new().memory_max(64 * MIB).pids_max(200)).unwrap();
        let way = group.prepare().unwrap();
        for _ in 0..rounds(4) {
            std::thread::scope(|scope| {
                let start = || {
                    let seen = groups_seen(&mut command("cat", &way));
                    assert_eq!(times_in(&group, &seen), group.directories().count(), "{seen}");
                };
                let all: Vec<_> = (0..50).map(|_| scope.spawn(start)).collect();
                all.into_iter().for_each(|one| one.join().unwrap());
            });
        }
        // It is the group's limit that the program meets.
        group.apply(&Limits::new().pids_max(1)).unwrap();
        let mut shell = command("sh", &way);
        let out = shell.args(["-c", "(exit 0) || exit 7; exit 8"]).stderr(Stdio::null()).status().unwrap();
        assert!(matches!(out.code(), Some(2 | 7 | 254)), "{out}");
    });
}

#[test]
fn who_may_not_join_is_told_so_beforehand() {
    needs!(root);
    isolated(|| {
        let group = create("denied");
        let error = crate::rights::as_nobody(|| group.prepare()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        let at = group.directories().next().unwrap().to_owned();
        said::check("a way into a group of somebody else's", &error, &[(text(&at), "GROUP")]);
    });
}

#[test]
fn a_group_that_is_gone_is_an_error_of_the_start_with_the_kernels_number() {
    needs!(root);
    isolated(|| {
        let group = create("gone");
        let way = group.prepare().unwrap();
        group.remove().unwrap();
        let error = command("true", &way).spawn().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
        assert_eq!(group.prepare().unwrap_err().kind(), ErrorKind::NotFound);
        let error = group.prepare_thread().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", said::all(&error));
    });
}

/// The number alone does not say which right is missing, and so the kind does.
#[test]
fn a_child_that_may_not_leave_where_it_is_gets_permission_denied() {
    needs!(root);
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        only(Version::V2);
        let group = create("border");
        let at = group.directories().next().unwrap().to_owned();
        chown(at.join("cgroup.procs"), Some(65534), Some(65534)).unwrap();
        // Its own file, but not that of the group above both.
        let way = crate::rights::as_nobody(|| group.prepare()).unwrap();
        let error = command("true", &way).uid(65534).gid(65534).spawn().unwrap_err();
        assert_eq!((error.kind(), error.raw_os_error()), (io::ErrorKind::PermissionDenied, Some(libc::EACCES)));
    });
}

#[test]
fn a_group_that_gives_controllers_is_refused_before_anything_is_started() {
    needs!(root);
    if !has_version(Version::V2) || !has(Controller::Hugetlb) {
        return;
    }
    isolated(|| {
        only(Version::V2);
        let group = create("gives");
        let at = group.directories().next().unwrap().to_owned();
        std::fs::write(at.parent().unwrap().join("cgroup.subtree_control"), "+hugetlb").unwrap();
        std::fs::write(at.join("cgroup.subtree_control"), "+hugetlb").unwrap();
        let error = group.prepare().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        said::check("a way into a group that gives controllers", &error, &[(text(&at), "GROUP")]);
        let child = sleeper();
        assert_eq!(group.add(child.id()).unwrap_err().kind(), ErrorKind::Busy);
        end(child);
    });
}

#[test]
fn a_thread_goes_into_a_group_of_threads_alone() {
    needs!(root);
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        only(Version::V2);
        let group = create("process");
        let error = group.prepare_thread().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState);
        let at = group.directories().next().unwrap().to_owned();
        said::check("a thread's way into a group of processes", &error, &[(text(&at), "GROUP")]);

        let threads = Swept(Cgroup::create(format!("{}/threads", name("process"))).unwrap());
        threads.make_threaded().unwrap();
        let (process, thread) = (group.prepare().unwrap(), threads.prepare_thread().unwrap());
        // From another process' group there is no way for a thread.
        let error = command("true", &thread).spawn().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP));
        let mut command = command("cat", &process);
        // SAFETY: apply() makes system calls and nothing else.
        #[allow(unsafe_code, reason = "std's pre_exec is")]
        unsafe {
            command.pre_exec(move || thread.apply());
        }
        let seen = groups_seen(&mut command);
        assert!(seen.lines().any(|line| line.ends_with("-process/threads")), "{seen}");
    });
}

#[test]
fn a_thread_of_version_1_goes_alone() {
    needs!(root, cgroup1("pids"));
    isolated(|| {
        only(Version::V1);
        let group = create("thread");
        let way = group.prepare_thread().unwrap();
        let of_thread = std::thread::scope(|scope| {
            let moved = || {
                way.apply().unwrap();
                read("/proc/thread-self/cgroup")
            };
            scope.spawn(moved).join().unwrap()
        });
        assert_eq!(times_in(&group, &of_thread), group.directories().count());
        assert_eq!(times_in(&group, &read("/proc/thread-self/cgroup")), 0);
    });
}
