// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs in new namespaces and in those of others: each is where it was told to be, and the caller stays.

#![allow(unsafe_code, reason = "Request::copy is unsafe; the copies here sleep and do no more")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use needs::{isolated, isolated_for, needs, rounds};
use rustix::process::{Resource, Rlimit, WaitOptions, getrlimit, setrlimit, waitpid};
use skep_ns::NamespaceKind::{self, Cgroup, Ipc, Mount, Net, Pid, Time, User, Uts};
use skep_ns::{ClockOffset, ErrorKind, IdMap, IdRange, Namespaces, Spawn, Stdio, TimeOffsets};

use crate::support::halted::{Halted, WAIT};
use crate::support::{assert_same, beside, caller, raw, said, sh};

const ALL: [NamespaceKind; 8] = NamespaceKind::ALL;

fn of(process: &str) -> BTreeMap<NamespaceKind, PathBuf> {
    ALL.into_iter()
        .map(|kind| (kind, fs::read_link(format!("/proc/{process}/ns/{}", kind.proc_name())).unwrap()))
        .collect()
}

fn of_halted(halted: &Halted) -> BTreeMap<NamespaceKind, PathBuf> {
    of(&halted.pid().to_string())
}

/// Which kinds differ.
fn differing(one: &BTreeMap<NamespaceKind, PathBuf>, other: &BTreeMap<NamespaceKind, PathBuf>) -> Vec<NamespaceKind> {
    ALL.into_iter().filter(|kind| one[kind] != other[kind]).collect()
}

fn namespace(halted: &Halted, kind: NamespaceKind) -> File {
    File::open(format!("/proc/{}/ns/{}", halted.pid(), kind.proc_name())).unwrap()
}

/// A waiting program in new namespaces of these kinds and a user namespace, of which this account is root.
fn neighbour(kinds: &[NamespaceKind]) -> Halted {
    let set = Namespaces::new().make(kinds.iter().copied()).user(IdMap::current_as_root());
    Halted::waiting(sh(WAIT).namespaces(set))
}

#[test]
fn a_program_of_root_has_each_new_namespace_and_shares_the_others() {
    needs!(root);
    isolated(|| {
        let before = caller::look();
        let own = of("self");
        for made in [&[Uts][..], &[Mount, Pid], &[Net, Ipc, Cgroup], &[Mount, Uts, Ipc, Pid, Net, Cgroup]] {
            let halted = Halted::waiting(sh(WAIT).namespaces(Namespaces::new().make(made.iter().copied())));
            let mut made = made.to_vec();
            made.sort_unstable();
            assert_eq!(differing(&own, &of_halted(&halted)), made);
        }
        assert_same(&before, &caller::look());
    });
}

#[test]
fn a_program_of_anybody_is_root_in_namespaces_of_its_own() {
    needs!(userns);
    isolated(|| {
        let before = caller::look();
        let own = of("self");
        let set = Namespaces::new().make([Mount, Uts, Ipc, Pid, Net, Cgroup]).user(IdMap::current_as_root());
        let halted = Halted::waiting(sh(WAIT).namespaces(set.clone()).hostname("hive"));
        assert_eq!(differing(&own, &of_halted(&halted)), [Mount, Uts, Ipc, Pid, Net, User, Cgroup]);
        assert_eq!(halted.status("NSpid").split('\t').next_back(), Some("1"));
        assert_ne!(halted.status("CapEff"), "0000000000000000");
        drop(halted);
        let out = sh("id -u; id -g; uname -n").namespaces(set).hostname("hive").output().unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout), "0\n0\nhive\n");
        let name = |set| sh("cat /proc/sys/kernel/domainname").namespaces(set).domainname("swarm").output();
        let own = Namespaces::new().make([Uts]).user(IdMap::current_as_root());
        assert_eq!(name(own).unwrap().stdout, b"swarm\n");
        let error = name(Namespaces::new()).unwrap_err();
        assert!(error.problems()[0].contains("rename the whole machine"), "{}", said::all(&error));
        let mut numbered = sh("exit 0");
        numbered.namespaces(Namespaces::new().make([Pid]).user(IdMap::current_as_root())).pids([300]);
        fails("number of the first process", ErrorKind::Invalid, &mut numbered);
        assert_same(&before, &caller::look());
    });
}

#[test]
fn a_time_namespace_is_made_with_the_program_in_it() {
    needs!(userns, syscall("clone3"));
    isolated(|| {
        let own = of("self");
        let set = Namespaces::new().make([Time]).user(IdMap::current_as_root());
        let halted = Halted::waiting(sh(WAIT).namespaces(set.clone()));
        assert_eq!(differing(&own, &of_halted(&halted)), [User, Time]);
        drop(halted);
        let day = Duration::from_secs(86_400);
        let offsets = TimeOffsets::new().monotonic(ClockOffset::ahead(day)).boottime(ClockOffset::ahead(3 * day));
        let out = sh("cat /proc/self/timens_offsets; cat /proc/uptime").namespaces(set).time_offsets(offsets).output();
        let said = String::from_utf8(out.unwrap().stdout).unwrap();
        let words: Vec<&str> = said.split_whitespace().collect();
        assert_eq!(words[..6], ["monotonic", "86400", "0", "boottime", "259200", "0"]);
        assert!(words[6].parse::<f64>().unwrap() > 259_200.0, "{said}");
    });
}

#[test]
fn a_map_of_root_s_makes_its_first_ids_the_program_s_and_another_user_is_one_of_the_map() {
    needs!(root, userns);
    isolated(|| {
        let set = || Namespaces::new().user(IdMap::whole(100_000, 1000));
        let halted = Halted::waiting(sh(WAIT).namespaces(set()));
        let ids = |halted: &Halted| ["Uid", "Gid", "Groups"].map(|key| halted.status(key).trim().to_owned());
        assert_eq!(ids(&halted), ["100000\t100000\t100000\t100000", "100000\t100000\t100000\t100000", ""]);
        drop(halted);
        let halted = Halted::waiting(sh(WAIT).namespaces(set()).user(33, 44, [55]));
        assert_eq!(ids(&halted), ["100033\t100033\t100033\t100033", "100044\t100044\t100044\t100044", "100055"]);
        drop(halted);
        // Without 0 in it nobody is chosen.
        let map = IdMap::new().both(IdRange::new(5, 100_000, 1));
        let halted = Halted::waiting(sh(WAIT).namespaces(Namespaces::new().user(map)));
        assert!(ids(&halted)[0].starts_with("0\t"), "{:?}", ids(&halted));
    });
}

#[test]
fn a_map_from_subuid_is_written_by_the_helpers_while_the_child_waits() {
    needs!(user, userns, subids);
    isolated(|| {
        let account = rustix::process::getuid().as_raw().to_string();
        let set = Namespaces::new().make([Mount]).user(IdMap::from_subid(&account).unwrap());
        let out = sh("id -u; id -g; cat /proc/self/uid_map").namespaces(set).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(said.starts_with("0\n0\n") && said.lines().count() >= 4, "{said}");
    });
}

#[test]
fn a_program_joins_the_namespaces_of_another_by_files_in_any_order() {
    needs!(userns);
    isolated(|| {
        let before = caller::look();
        let kinds = [Mount, Uts, Ipc, Net, User, Cgroup];
        let other = neighbour(&[Mount, Uts, Ipc, Net, Cgroup]);
        for turn in 0..kinds.len() {
            let mut spawn = sh(WAIT);
            for kind in kinds.into_iter().cycle().skip(turn).take(kinds.len()) {
                spawn.join(namespace(&other, kind));
            }
            let halted = Halted::waiting(&mut spawn);
            assert_eq!(differing(&of_halted(&other), &of_halted(&halted)), [], "{turn}");
            assert_eq!(halted.status("Uid").split('\t').next(), other.status("Uid").split('\t').next());
        }
        drop(other);
        assert_same(&before, &caller::look());
    });
}

#[test]
fn a_program_joins_the_namespaces_of_a_process_at_once_its_pid_namespace_among_them() {
    needs!(userns);
    isolated(|| {
        let before = caller::look();
        let other = neighbour(&[Mount, Uts, Ipc, Net, Cgroup, Pid]);
        let join = |script: &str| {
            let mut spawn = sh(script);
            let pidfd = other.fd().try_clone_to_owned().unwrap();
            spawn.join_process(pidfd, [Mount, Uts, Ipc, Net, Cgroup, Pid, User]);
            spawn
        };
        let halted = Halted::waiting(&mut join(WAIT));
        assert_eq!(differing(&of_halted(&other), &of_halted(&halted)), []);
        // A sibling: this process is its parent.
        assert_eq!(halted.status("PPid"), std::process::id().to_string());
        drop(halted);
        let out = join("id -u; exit 5").output().unwrap();
        assert_eq!((out.stdout.as_slice(), out.status.code()), (&b"0\n"[..], Some(5)));
        drop(other);
        assert_same(&before, &caller::look());
    });
}

#[test]
fn joining_and_making_go_together() {
    needs!(userns);
    isolated(|| {
        let other = neighbour(&[Net, Uts]);
        let mut spawn = sh(WAIT);
        for kind in [Net, User] {
            spawn.join(namespace(&other, kind));
        }
        spawn.namespaces(Namespaces::new().make([Mount, Pid]));
        let halted = Halted::waiting(&mut spawn);
        assert_eq!(differing(&of_halted(&other), &of_halted(&halted)), [Mount, Uts, Pid]);
        assert_eq!(halted.status("NSpid").split('\t').next_back(), Some("1"));
    });
}

#[test]
fn what_the_machine_s_root_owns_is_joined_before_the_user_namespace_and_what_that_owns_after() {
    needs!(root, userns);
    isolated(|| {
        let of_root = Halted::waiting(sh(WAIT).namespaces(Namespaces::new().make([Net])));
        let other =
            Halted::waiting(sh(WAIT).namespaces(Namespaces::new().make([Uts]).user(IdMap::whole(100_000, 1000))));
        for turn in 0..3 {
            let targets = [(&other, User), (&of_root, Net), (&other, Uts)];
            let mut spawn = sh(WAIT);
            for (halted, kind) in targets.into_iter().cycle().skip(turn).take(3) {
                spawn.join(namespace(halted, kind));
            }
            let found = of_halted(&Halted::waiting(&mut spawn));
            assert_eq!(found[&Net], of_halted(&of_root)[&Net]);
            assert_eq!((&found[&User], &found[&Uts]), (&of_halted(&other)[&User], &of_halted(&other)[&Uts]));
        }
        let mut spawn = sh(WAIT);
        spawn.join(namespace(&other, User));
        spawn.join_process(of_root.fd().try_clone_to_owned().unwrap(), [Net]);
        let found = of_halted(&Halted::waiting(&mut spawn));
        assert_eq!((&found[&User], &found[&Net]), (&of_halted(&other)[&User], &of_halted(&of_root)[&Net]));
    });
}

#[test]
fn the_caller_s_own_user_namespace_is_passed_over() {
    isolated(|| {
        let out = sh("exit 4").join(File::open("/proc/self/ns/user").unwrap()).status().unwrap();
        assert_eq!(out.code(), Some(4));
    });
}

/// With the number of a descriptor, which differs from run to run, written as FD.
fn without_numbers(text: &str) -> String {
    match text.split_once("descriptor ") {
        Some((before, after)) => {
            format!("{before}descriptor FD{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => text.to_owned(),
    }
}

/// The start fails with these words, and leaves nothing.
#[track_caller]
fn fails(name: &str, kind: ErrorKind, spawn: &mut Spawn) {
    let before = caller::descriptors();
    let error = spawn.spawn().unwrap_err();
    assert_same(&before, &caller::descriptors());
    assert_eq!(error.kind(), kind, "{name}: {}", said::all(&error));
    said::MESSAGES.check(name, &without_numbers(&said::all(&error)));
    nobody_is_left();
}

/// There is no child, neither ended nor running, with a signal at its end or without.
#[track_caller]
fn nobody_is_left() {
    let options = WaitOptions::NOHANG | WaitOptions::from_bits_retain(0x4000_0000);
    assert_eq!(waitpid(None, options).err(), Some(rustix::io::Errno::CHILD));
}

#[test]
fn a_start_in_namespaces_that_fails_says_where_and_leaves_nothing() {
    needs!(userns);
    isolated(|| {
        let set = || Namespaces::new().make([Mount]).user(IdMap::current_as_root());
        // As without namespaces.
        for directory in ["/", "/nowhere/at/all"] {
            let start = |namespaces| {
                let before = caller::descriptors();
                let error = Spawn::new("/nowhere/at/all").current_dir(directory).namespaces(namespaces).spawn();
                assert_same(&before, &caller::descriptors());
                nobody_is_left();
                said::all(&error.unwrap_err())
            };
            assert_eq!(start(set()), start(Namespaces::new()));
        }
        let mut file = sh("exit 0");
        fails("file that is no namespace", ErrorKind::Invalid, file.join(File::open("/dev/null").unwrap()));
        let mut pidfd = sh("exit 0");
        let other = neighbour(&[Uts]);
        let started = pidfd.join(other.fd().try_clone_to_owned().unwrap());
        let error = started.spawn().unwrap_err();
        said::MESSAGES.check("pidfd that is no namespace", &without_numbers(&said::all(&error)));
        drop(other);
        let mut namespace = sh("exit 0");
        namespace.join_process(File::open("/proc/self/ns/net").unwrap(), [Net]);
        fails("namespace that is no process", ErrorKind::Invalid, &mut namespace);
        let mut twice = sh("exit 0");
        let own = |name: &str| File::open(format!("/proc/self/ns/{name}")).unwrap();
        twice.join(own("net")).join(own("net"));
        fails("two of a kind", ErrorKind::Invalid, &mut twice);
        let mut both = sh("exit 0");
        both.join(own("net")).namespaces(Namespaces::new().make([Net]));
        fails("joined and made", ErrorKind::Invalid, &mut both);
        let ended = sh("exit 0").spawn().unwrap();
        ended.pidfd().wait().unwrap();
        let mut late = sh("exit 0");
        late.join_process(ended.as_fd().try_clone_to_owned().unwrap(), [Net]);
        fails("process that has ended", ErrorKind::NotFound, &mut late);
    });
}

#[test]
fn without_the_right_each_way_is_refused_with_what_it_takes() {
    needs!(user, userns);
    isolated(|| {
        let other = neighbour(&[Net]);
        let mut alone = sh("exit 0");
        let error = alone.join(namespace(&other, Net)).spawn().unwrap_err();
        said::check("net namespace without its owner", &error, "/none".as_ref());
        let error = sh("exit 0").namespaces(Namespaces::new().make([Net])).spawn().unwrap_err();
        said::check("namespace without the right", &error, "/none".as_ref());
        let error = sh("exit 0").namespaces(Namespaces::new().user(IdMap::whole(0, 10))).spawn().unwrap_err();
        assert!(error.operation().starts_with("write the"), "{}", said::all(&error));
    });
}

#[test]
fn a_pid_namespace_whose_first_process_has_ended_takes_nobody() {
    needs!(userns);
    isolated(|| {
        let other = neighbour(&[Pid]);
        let held = [namespace(&other, Pid), namespace(&other, User)];
        drop(other);
        let mut late = sh("exit 0");
        held.into_iter().for_each(|file| {
            late.join(file);
        });
        fails("pid namespace that is over", ErrorKind::WrongState, &mut late);
    });
}

/// Process 1 of a pid namespace, that does so once it has said that it runs. It cannot signal itself, so that everybody
/// whom `kill -1` finds has just begun there.
fn hostile(script: &str) -> Halted {
    Halted::waiting(sh(&format!("echo; {script}; read line")).namespaces(Namespaces::new().make([Pid])))
}

#[test]
fn who_is_stopped_once_on_the_way_into_a_pid_namespace_goes_on() {
    needs!(root);
    isolated(|| {
        for _ in 0..rounds(20) {
            let other = hostile("until kill -STOP -1; do :; done 2>/dev/null");
            let mut spawn = sh("exit 3");
            spawn.join_process(other.fd().try_clone_to_owned().unwrap(), [Pid]);
            // The stop may come after the exec as well, where it is nobody's business but the program's.
            let mut child = spawn.spawn().unwrap_or_else(|error| panic!("{}", said::all(&error)));
            // Before the first process of its namespace, which ends when everybody there is reaped.
            child.kill().unwrap();
            child.wait().unwrap();
        }
        nobody_is_left();
    });
}

#[test]
fn a_pid_namespace_in_which_everybody_is_stopped_for_ever_keeps_no_caller() {
    needs!(root);
    isolated(|| {
        let other = hostile("while :; do kill -STOP -1; done 2>/dev/null");
        for _ in 0..rounds(20) {
            let mut spawn = sh("exit 3");
            match spawn.join_process(other.fd().try_clone_to_owned().unwrap(), [Pid]).spawn() {
                Ok(mut child) => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                }
                // Who of the two is quicker is for the kernel to say.
                Err(error) => assert_eq!(error.kind(), ErrorKind::WrongState, "{}", said::all(&error)),
            }
        }
        drop(other);
        nobody_is_left();
    });
}

#[test]
fn copied_starts_beside_8_allocating_threads_neither_hang_nor_fail() {
    needs!(userns);
    isolated_for(Duration::from_secs(400), || {
        let allocate = || (1..32).for_each(|step| drop(std::hint::black_box(Vec::<u8>::with_capacity(step * 2048))));
        beside(8, allocate, || {
            for _ in 0..rounds(100) {
                let set = Namespaces::new().make([Uts, Pid]).user(IdMap::current_as_root());
                assert_eq!(sh("exit 3").namespaces(set).status().unwrap().code(), Some(3));
            }
        });
    });
}

#[test]
fn a_caller_that_ignores_its_children_starts_programs_in_namespaces_too() {
    needs!(userns);
    isolated(|| {
        let other = neighbour(&[Pid, Uts]);
        raw::leave_no_zombies();
        for _ in 0..20 {
            let mut spawn = sh("exit 3");
            spawn.join_process(other.fd().try_clone_to_owned().unwrap(), [Pid, User]);
            let status = spawn.status().unwrap();
            assert!(!status.is_known() || status.code() == Some(3), "{status}");
        }
        drop(other);
    });
}

#[test]
fn sixty_four_threads_that_make_and_join_leave_the_caller_where_it_was() {
    needs!(userns);
    isolated_for(Duration::from_secs(400), || {
        let other = neighbour(&[Uts, Ipc, Pid]);
        let before = caller::look();
        std::thread::scope(|scope| {
            for thread in 0..64_u32 {
                let other = &other;
                scope.spawn(move || {
                    for round in 0..rounds(4) {
                        let mut spawn = sh("exit $0");
                        spawn.arg(thread.to_string());
                        if (thread + round) % 2 == 0 {
                            spawn.namespaces(Namespaces::new().make([Uts, Pid]).user(IdMap::current_as_root()));
                        } else {
                            spawn.join_process(other.fd().try_clone_to_owned().unwrap(), [Uts, Ipc, Pid, User]);
                        }
                        let status = spawn.status().unwrap_or_else(|error| panic!("{}", said::all(&error)));
                        assert_eq!(status.code(), i32::try_from(thread).ok());
                    }
                });
            }
        });
        assert_same(&before, &caller::look());
        drop(other);
    });
}

#[test]
fn a_stranger_that_was_forked_meanwhile_and_lives_on_holds_up_no_start() {
    needs!(userns);
    isolated_for(Duration::from_secs(400), || {
        let strangers = std::sync::Mutex::new(Vec::new());
        let fork = || {
            if strangers.lock().unwrap().len() >= 300 {
                return std::thread::yield_now();
            }
            let pause = || {
                loop {
                    let _woken = rustix::thread::nanosleep(&rustix::thread::Timespec { tv_sec: 600, tv_nsec: 0 });
                }
            };
            // SAFETY: the copy sleeps and does nothing else.
            let copy = unsafe { skep_ns::Request::new().copy(pause) }.unwrap();
            strangers.lock().unwrap().push(copy);
        };
        beside(2, fork, || {
            for _ in 0..rounds(100) {
                let set = Namespaces::new().make([Uts]).user(IdMap::current_as_root());
                assert_eq!(sh("exit 3").namespaces(set).status().unwrap().code(), Some(3));
            }
        });
        strangers.into_inner().unwrap().into_iter().for_each(end);
    });
}

fn end(mut copy: skep_ns::Child) {
    copy.kill().unwrap();
    copy.wait().unwrap();
}

#[test]
fn at_whichever_descriptor_the_limit_is_reached_a_start_in_namespaces_leaves_nothing() {
    needs!(userns);
    isolated(|| {
        let other = neighbour(&[Pid, Uts]);
        let hard = getrlimit(Resource::Nofile).maximum;
        let start = || {
            let mut spawn = sh("exit 3");
            let pidfd = other.fd().try_clone_to_owned().ok()?;
            Some(spawn.join_process(pidfd, [Pid, Uts, User]).stdin(Stdio::Null).spawn())
        };
        let mut failed = 0;
        for limit in 5..40 {
            setrlimit(Resource::Nofile, Rlimit { current: Some(limit), maximum: hard }).unwrap();
            let started = start();
            setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard }).unwrap();
            match started {
                Some(Ok(mut child)) => assert_eq!(child.wait().unwrap().code(), Some(3)),
                Some(Err(_)) => failed += 1,
                None => {}
            }
        }
        assert!(failed > 3, "{failed} starts have failed: the limit was never in the way");
        drop(other);
        nobody_is_left();
    });
}
