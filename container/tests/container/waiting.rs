// SPDX-License-Identifier: MIT OR Apache-2.0
//! Containers that are made by one process and started by another: who may come and go meanwhile, and what is left.

use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio as StdStdio;
use std::time::Duration;

use needs::{Scratch, isolated_for, needs};
use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType};
use skep::caps_sec::{Policy, Resource, Rlimit, Rule, Verdict};
use skep::cgroup::Limits;
use skep::ns::Stdio;
use skep::rootfs::{Devpts, Mounts};
use skep::{Builder, Container, ErrorKind, Moment, Report, Status};

use crate::common::{DEADLINE, is_alive, role, shell, status, until};
use crate::hooks::Place;

/// What a process of its own does that has this role: makes one to be started by others, starts one, and ends.
pub(crate) fn come_and_go() {
    let variable = |name| std::env::var(name).unwrap();
    let place = Place::of(Path::new(&variable("SKEP_TEST_DIR")), &variable("SKEP_TEST_TOKEN"));
    match variable("SKEP_TEST_PART").as_str() {
        "make" => {
            let made = quiet(place.named("web", "echo $$ >$D/began; exec sleep 1000")).create_waiting();
            made.unwrap_or_else(|error| panic!("{}", Report(&error)));
        }
        "start" => place.open("web").unwrap().start().unwrap_or_else(|error| panic!("{}", Report(&error))),
        part => panic!("there is no part {part:?}"),
    }
}

fn part(place: &Place, part: &str) -> std::process::Command {
    let mut command = role("making and starting");
    let (dir, token) = place.place();
    command.env("SKEP_TEST_DIR", dir).env("SKEP_TEST_TOKEN", token).env("SKEP_TEST_PART", part);
    command.stdout(StdStdio::null());
    command
}

fn quiet(builder: Builder) -> Builder {
    builder.stdin(Stdio::Null).stdout(Stdio::Null).stderr(Stdio::Null)
}

fn waiting(builder: Builder) -> Container {
    let made = builder.create_waiting().unwrap_or_else(|error| panic!("{}", Report(&error)));
    assert_eq!(made.status().unwrap(), Status::Created);
    made
}

fn refusal(done: Result<impl std::fmt::Debug, skep::Error>) -> (ErrorKind, String) {
    let error = done.unwrap_err();
    (error.kind(), Report(&error).to_string())
}

/// How many files are in the state of the container.
fn files(place: &Place, name: &str) -> Vec<String> {
    let found = fs::read_dir(place.states().join(place.name(name))).unwrap();
    let mut names: Vec<String> = found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn one_process_makes_it_another_starts_it_and_a_third_deletes_it() {
    needs!(userns, syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        for init in [false, true] {
            let dir = Scratch::new();
            let place = Place::new(&dir);
            if init {
                drop(waiting(quiet(place.named("web", "echo $$ >$D/began; exec sleep 1000").init())));
            } else {
                assert!(part(&place, "make").status().unwrap().success());
            }
            let found = place.open("web").unwrap();
            let pid = found.pid().unwrap();
            assert_eq!(found.status().unwrap(), Status::Created);
            // It waits as long as it takes, and has not begun.
            assert!(is_alive(pid) && place.text("began").is_empty());
            assert_eq!(found.try_wait().unwrap(), None);
            assert!(part(&place, "start").status().unwrap().success());
            until("the program has begun", || !place.text("began").is_empty());
            assert_eq!(place.text("began"), if init { "2\n" } else { "1\n" });
            assert_eq!((found.status().unwrap(), found.pid()), (Status::Running, Some(pid)));
            assert_eq!(files(&place, "web"), ["intent", "record"]);
            let again = refusal(place.open("web").unwrap().start());
            assert_eq!(again.0, ErrorKind::WrongState, "{}", again.1);
            assert!(again.1.contains("it was started already"), "{}", again.1);
            place.open("web").unwrap().delete().unwrap();
            assert!(!is_alive(pid));
            assert_eq!(found.status().unwrap(), Status::Ended);
            assert_eq!(fs::read_dir(place.states()).unwrap().count(), 0);
        }
    });
}

#[test]
fn its_maker_may_keep_the_handle_and_its_ends_of_the_streams() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let builder = place.named("web", "read line; echo \"$line, said\"; exit 3");
        let mut made = waiting(builder.stdin(Stdio::Piped).stdout(Stdio::Piped));
        made.start().unwrap();
        assert_eq!(made.status().unwrap(), Status::Running);
        std::io::Write::write_all(&mut made.stdin.take().unwrap(), b"well\n").unwrap();
        let mut said = String::new();
        made.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said, "well, said\n");
        assert_eq!(made.wait().unwrap().code(), Some(3));
        made.delete().unwrap();
        // The terminal is made with it, and is the program's when it is started.
        let mut made = waiting(
            place
                .named("term", "stty size <&1; exit 4")
                .mounts(Mounts::new().add(Devpts::new("/dev/pts")))
                .terminal()
                .terminal_size(24, 80),
        );
        let terminal = made.terminal.take().unwrap();
        made.start().unwrap();
        let mut text = Vec::new();
        let mut piece = [0; 100];
        while let Ok(size @ 1..) = rustix::io::read(&terminal, &mut piece) {
            text.extend_from_slice(&piece[..size]);
        }
        assert_eq!(String::from_utf8_lossy(&text), "24 80\r\n");
        assert_eq!(made.wait().unwrap().code(), Some(4));
        made.delete().unwrap();
    });
}

#[test]
fn a_program_that_cannot_be_executed_is_told_to_who_makes_it() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        fs::write(place.file("text"), "text").unwrap();
        let text = place.file("text");
        for (program, kind, words) in [
            ("/nothing/here", ErrorKind::NotFound, "no such program"),
            ("nothing-here", ErrorKind::NotFound, "nothing-here"),
            ("/dev", ErrorKind::NotExecutable, "directory"),
            (text.to_str().unwrap(), ErrorKind::NotExecutable, "no execute permission"),
        ] {
            for init in [false, true] {
                let builder = quiet(place.named("web", "").command(program, [""; 0]));
                let (is, said) = refusal(if init { builder.init() } else { builder }.create_waiting());
                assert!(is == kind && said.contains(words), "{program}: {is:?} {said}");
                assert_eq!(fs::read_dir(place.states()).unwrap().count(), 0);
            }
        }
        // Who may not look cannot tell beforehand.
        let blind = Policy::allow_all().rule(Rule::new(Verdict::Errno(skep::caps_sec::Errno::PERM), ["faccessat"]));
        let mut made = waiting(quiet(place.named("web", "exit 3").seccomp(blind)));
        made.start().unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert_eq!(made.wait().unwrap().code(), Some(3));
        made.delete().unwrap();
    });
}

#[test]
fn a_program_that_cannot_be_executed_any_more_is_told_to_who_starts_it() {
    needs!(userns, syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let program = place.file("program");
        let mode = std::os::unix::fs::PermissionsExt::from_mode;
        let spoil: [(&dyn Fn(), _, _); 3] = [
            (&|| fs::remove_file(&program).unwrap(), ErrorKind::NotFound, "no such program"),
            (
                &|| fs::set_permissions(&program, mode(0o600)).unwrap(),
                ErrorKind::NotExecutable,
                "no execute permission",
            ),
            (&|| fs::write(&program, "#!/nothing/here\n").unwrap(), ErrorKind::NotFound, "interpreter"),
        ];
        for (spoil, kind, words) in spoil {
            for init in [false, true] {
                fs::write(&program, "#!/bin/sh\n").unwrap();
                fs::set_permissions(&program, mode(0o755)).unwrap();
                let builder = quiet(place.named("web", "").command(&program, [""; 0]));
                let made = waiting(if init { builder.init() } else { builder });
                spoil();
                let mut found = place.open("web").unwrap();
                let (is, said) = refusal(found.start());
                assert!(is == kind && said.contains(words), "{is:?} {said}");
                assert_eq!(found.status().unwrap(), Status::Ended);
                assert_eq!(place.open("web").unwrap().status().unwrap(), Status::Ended);
                assert_eq!(refusal(found.start()).0, ErrorKind::WrongState);
                drop(made);
                found.delete().unwrap();
            }
        }
        assert_eq!(fs::read_dir(place.states()).unwrap().count(), 0);
    });
}

#[test]
fn whoever_comes_and_goes_leaves_it_waiting() {
    needs!(userns, syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let made = waiting(quiet(place.named("web", "exit 3")));
        let socket = place.states().join(place.name("web")).join("start");
        let come = || {
            let flags = SocketFlags::CLOEXEC;
            let socket_fd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
            let held = fs::File::open(socket.parent().unwrap()).unwrap();
            let path = format!("/proc/self/fd/{}/start", std::os::fd::AsRawFd::as_raw_fd(&held));
            rustix::net::connect(&socket_fd, &SocketAddrUnix::new(path.as_bytes()).unwrap()).unwrap();
            socket_fd
        };
        for words in
            [&[][..], b"", b"Start", &[0; 8], &[0xb1, 9, 1, 0, 0, 0, 0, 0], &[0xb1, 4, 1, 0, 0, 0, 0, 0], &[7; 999]]
        {
            let visitor = come();
            if !words.is_empty() {
                rustix::net::send(&visitor, words, SendFlags::NOSIGNAL).unwrap();
            }
            drop(visitor);
            assert_eq!(made.status().unwrap(), Status::Created, "{words:?}");
        }
        // One at the door, and a line behind.
        let at_the_door = come();
        for _ in 0..30 {
            assert_eq!(place.open("web").unwrap().status().unwrap(), Status::Created);
        }
        drop(at_the_door);
        let mut found = place.open("web").unwrap();
        found.start().unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert_eq!(made.wait().unwrap().code(), Some(3));
        found.delete().unwrap();
    });
}

#[test]
fn who_starts_it_stands_behind_a_full_line() {
    needs!(userns, syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let made = waiting(quiet(place.named("web", "exit 3")));
        let first = rustix::process::Pid::from_raw(i32::try_from(made.pid().unwrap()).unwrap()).unwrap();
        // Nobody is taken from the line: nine visitors fill it, who have gone again.
        rustix::process::kill_process(first, rustix::process::Signal::STOP).unwrap();
        for _ in 0..20 {
            assert_eq!(made.status().unwrap(), Status::Created);
        }
        let mut found = place.open("web").unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(50));
                rustix::process::kill_process(first, rustix::process::Signal::CONT).unwrap();
            });
            found.start().unwrap_or_else(|error| panic!("{}", Report(&error)));
        });
        assert_eq!(made.wait().unwrap().code(), Some(3));
        found.delete().unwrap();
    });
}

#[test]
fn of_eight_who_start_it_one_does() {
    needs!(userns, syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        for _ in 0..needs::rounds(10) {
            let made = waiting(quiet(place.named("web", "echo once >>$D/began; exit 3")));
            let start = || {
                let mut found = place.open("web").unwrap();
                found.start()
            };
            let done: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let (started, refused): (Vec<_>, Vec<_>) = done.into_iter().partition(Result::is_ok);
            assert_eq!(started.len(), 1);
            for refused in refused {
                let (kind, words) = refusal(refused);
                assert!([ErrorKind::WrongState, ErrorKind::Busy].contains(&kind), "{words}");
            }
            assert_eq!(made.wait().unwrap().code(), Some(3));
            assert_eq!(place.text("began"), "once\n");
            made.delete().unwrap();
            fs::remove_file(place.file("began")).unwrap();
        }
    });
}

#[test]
fn what_keeps_it_from_waiting_is_told_at_once_and_before_anything_is_made() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let deaf = Policy::allow_all().rule(Rule::new(Verdict::Errno(skep::caps_sec::Errno::PERM), ["accept4"]));
        let unfit =
            place.named("web", "").die_with_caller().rlimit(Rlimit::new(Resource::Nofile, 3, 3)).seccomp(deaf.clone());
        let error = unfit.create_waiting().unwrap_err();
        let told = error.problems().join("\n");
        for words in ["die_with_caller: it is to be started by others", "nofile", "4 is the least"] {
            assert!(told.contains(words), "{words:?} is not in\n{told}");
        }
        let (kind, told) = refusal(place.named("web", "").seccomp(deaf).create_waiting());
        assert!(kind == ErrorKind::Invalid && told.contains("denies what the start does under it: accept4"), "{told}");
        let (kind, told) = refusal(shell("").create_waiting());
        assert!(kind == ErrorKind::Invalid && told.contains("name: without one"), "{told}");
        assert!(!place.states().exists() || fs::read_dir(place.states()).unwrap().count() == 0);
        // With room for one it does.
        let mut made = waiting(quiet(place.named("web", "exit 3").rlimit(Rlimit::new(Resource::Nofile, 4, 4))));
        made.start().unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert_ne!(made.wait().unwrap().code(), None);
        made.delete().unwrap();
    });
}

#[test]
fn hooks_are_run_by_who_starts_it() {
    needs!(userns, syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let inside = "printf 'inside ' >>$D/log; cat >>$D/log; echo >>$D/log; readlink /proc/self/ns/uts >$D/uts";
        let build = |name: &str, inside: &str| {
            quiet(place.named(name, "sleep 1000"))
                .hook(Moment::CreateRuntime, place.teller("runtime"))
                .hook(Moment::StartContainer, place.hook(inside).env("PATH", "/usr/bin:/bin"))
                .hook(Moment::Poststart, place.teller("poststart"))
                .hook(Moment::Poststart, place.hook("exit 9"))
                .hook(Moment::Poststop, place.teller("poststop"))
        };
        let made = waiting(build("web", inside));
        assert_eq!(place.names(), ["runtime"]);
        let mut found = place.open("web").unwrap();
        found.start().unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert_eq!(place.names(), ["runtime", "inside", "poststart"]);
        let log = place.log();
        assert_eq!((&log[1].1["status"], &log[1].1["pid"]), (&"created".into(), &1.into()));
        assert_eq!((&log[2].1["status"], &log[2].1["pid"]), (&"running".into(), &made.pid().unwrap().into()));
        let uts = fs::read_link(format!("/proc/{}/ns/uts", made.pid().unwrap())).unwrap();
        assert_eq!(place.text("uts").trim().as_bytes(), uts.as_os_str().as_bytes());
        assert!(found.notes().concat().contains("exit code 9"), "{:?}", found.notes());
        found.delete().unwrap();
        assert_eq!(place.names(), ["runtime", "inside", "poststart", "poststop"]);
        // One that fails ends it.
        let made = waiting(build("shop", "exit 8"));
        let mut found = place.open("shop").unwrap();
        let (_, told) = refusal(found.start());
        assert!(told.contains("exit code 8") && told.contains("cannot start"), "{told}");
        assert_eq!((made.status().unwrap(), found.status().unwrap()), (Status::Ended, Status::Ended));
        found.delete().unwrap();
    });
}

#[test]
fn one_whose_starter_is_killed_waits_for_another() {
    needs!(userns, syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let first = "test -e $D/held || { echo $$ >$D/held; exec sleep 1000; }";
        let builder = quiet(place.named("web", "exec sleep 1000"));
        let hook = place.hook(first).env("PATH", "/usr/bin:/bin");
        let made = waiting(builder.hook(Moment::StartContainer, hook));
        let mut starter = part(&place, "start").spawn().unwrap();
        until("the hook is run", || place.text("held").ends_with('\n'));
        assert_eq!(made.status().unwrap(), Status::Created);
        assert_eq!(refusal(place.open("web").unwrap().start()).0, ErrorKind::Busy);
        starter.kill().unwrap();
        starter.wait().unwrap();
        let mut found = place.open("web").unwrap();
        until("it waits again", || found.start().is_ok());
        assert_eq!(made.status().unwrap(), Status::Running);
        found.delete().unwrap();
    });
}

#[test]
fn it_is_renamed_killed_and_deleted_as_any_other() {
    needs!(userns, syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let mut made = waiting(quiet(place.named("web", "exit 3")));
        let mut stale = place.open("web").unwrap();
        made.rename(place.name("shop")).unwrap();
        let (kind, told) = refusal(stale.start());
        assert!(kind == ErrorKind::WrongState && told.contains("open it by its new name"), "{told}");
        let mut found = place.open("shop").unwrap();
        assert_eq!(found.status().unwrap(), Status::Created);
        found.start().unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert_eq!(made.wait().unwrap().code(), Some(3));
        found.delete().unwrap();
        let made = waiting(quiet(place.named("web", "exit 3")));
        made.kill().unwrap();
        assert_eq!(made.wait().unwrap().signal(), Some(9));
        let mut found = place.open("web").unwrap();
        assert_eq!((made.status().unwrap(), found.status().unwrap()), (Status::Ended, Status::Ended));
        assert_eq!(refusal(found.start()).0, ErrorKind::WrongState);
        found.delete().unwrap();
        let made = waiting(quiet(place.named("web", "exit 3")));
        let pid = made.pid().unwrap();
        place.open("web").unwrap().delete().unwrap();
        assert!(!is_alive(pid));
        // Without who holds it, and without its state.
        drop(made);
        assert_eq!(refusal(place.open("web")).0, ErrorKind::NotFound);
        // One that is started in the usual way is nothing that could be started again.
        let mut usual = quiet(place.named("web", "sleep 1000")).start().unwrap();
        assert_eq!(refusal(usual.start()).0, ErrorKind::WrongState);
        usual.delete().unwrap();
        let mut nameless = shell("sleep 1000").kill_on_drop().start().unwrap();
        assert_eq!(refusal(nameless.start()).0, ErrorKind::WrongState);
    });
}

#[test]
fn a_frozen_one_waits_on() {
    needs!(root, cgroup("pids"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let mut made = waiting(quiet(place.named("web", "exit 3").limits(Limits::new().pids_max(9))));
        made.freeze(DEADLINE).unwrap();
        assert_eq!(made.status().unwrap(), Status::Frozen);
        let (kind, told) = refusal(made.start());
        assert!(kind == ErrorKind::WrongState && told.contains("thaw it first"), "{told}");
        made.thaw(DEADLINE).unwrap();
        assert_eq!(made.status().unwrap(), Status::Created);
        made.start().unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert_eq!(made.wait().unwrap().code(), Some(3));
        made.delete().unwrap();
    });
}

#[test]
fn it_has_the_rights_of_its_program_and_is_hidden_while_it_waits() {
    needs!(root, syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let policy = Policy::allow_all().rule(Rule::new(Verdict::Errno(skep::caps_sec::Errno::PERM), ["mkdir"]));
        let builder = quiet(place.named("web", "exec sleep 1000")).user(7, 8).capabilities([""; 0]);
        let mut made = waiting(builder.no_new_privileges().seccomp(policy));
        let pid = made.pid().unwrap();
        for (key, value) in
            [("Uid", "7\t7\t7\t7"), ("CapEff", "0000000000000000"), ("Seccomp", "2"), ("NoNewPrivs", "1")]
        {
            assert_eq!(status(pid, key), value, "{key}");
        }
        // What may not be dumped belongs to root.
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&fs::metadata(format!("/proc/{pid}/environ")).unwrap()), 0);
        // The three streams, and where it listens; who asked for its status may still be at the door.
        let open = || fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
        until("it has four descriptors", || open() == 4);
        made.start().unwrap();
        until("the shell has become sleep", || open() == 3);
        made.delete().unwrap();
    });
}

#[test]
fn a_program_may_be_executed_in_it_before_it_is_started() {
    needs!(root, syscall("pidfd_open"));
    isolated_for(Duration::from_secs(120), || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let mut made = waiting(quiet(place.named("web", "test -e $D/before && exit 3")).hostname("hive"));
        let out =
            made.exec("/bin/sh", ["-c", "hostname; : >$D/before"]).env("PATH", "/usr/bin:/bin").env("D", dir.path());
        let out = out.output().unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert_eq!(out.stdout, b"hive\n");
        assert_eq!(made.status().unwrap(), Status::Created);
        made.start().unwrap();
        assert_eq!(made.wait().unwrap().code(), Some(3));
        made.delete().unwrap();
    });
}
