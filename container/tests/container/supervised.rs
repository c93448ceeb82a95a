// SPDX-License-Identifier: MIT OR Apache-2.0
//! Policies that ask: the caller answers, nobody else does, and nothing waits for ever where nobody answers.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use needs::{isolated, isolated_for, needs};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use skep::caps_sec::{
    Answer, Errno, Listener, Loading, Notification, Policy, Rule, Supervisor, Verdict, enter_no_new_privs,
};
use skep::ns::Stdio;
use skep::rootfs::{Devpts, Mounts, Proc};
use skep::{Builder, Container, ErrorKind, Report};

use crate::common::{DEADLINE, at_every_low_limit_on_descriptors, is_alive, program, role, shell, status, until};
use crate::roles::{hear, say};
use crate::tree::Tree;

const MKDIR: [&str; 2] = ["mkdir", "mkdirat"];

fn asking(calls: impl IntoIterator<Item = &'static str>) -> Policy {
    Policy::allow_all().rule(Rule::new(Verdict::Notify, calls))
}

/// A shell whose directories somebody else makes.
fn asking_shell(script: &str) -> Builder {
    shell(script).seccomp(asking(MKDIR)).no_new_privileges().stdin(Stdio::Piped).stdout(Stdio::Piped)
}

#[track_caller]
fn start(builder: Builder) -> (Container, Listener) {
    let mut container = builder.start().unwrap_or_else(|error| panic!("{}", Report(&error)));
    let listener = container.listener.take().expect("no listener");
    (container, listener)
}

/// Waits until a call waits for an answer, which it goes on doing.
fn until_asked(listener: &Listener) {
    let deadline = Timespec { tv_sec: 60, tv_nsec: 0 };
    let mut here = [PollFd::new(listener, PollFlags::IN)];
    assert_eq!(poll(&mut here, Some(&deadline)), Ok(1), "nobody asks");
}

/// Answers until nobody is left under the filter, and tells what the program said.
fn supervise(mut supervisor: Supervisor<'_>, mut container: Container) -> String {
    container.supervise(&mut supervisor).unwrap();
    let out = container.wait_with_output().unwrap();
    assert!(out.status.success(), "{}", out.status);
    String::from_utf8(out.stdout).unwrap()
}

/// The path that a call is about, by its name without or with a directory.
fn path(asked: &Notification<'_>) -> PathBuf {
    let at = u8::from(asked.name().unwrap().ends_with("at"));
    asked.memory().unwrap().path(asked.arg(at)).unwrap()
}

#[test]
fn the_caller_answers_in_the_kernel_s_place() {
    needs!(userns, syscall("seccomp"));
    isolated_for(DEADLINE, || {
        let script = "mkdir /not/made && echo made; cat /asked/for; ln -s a /b 2>&1 || :; echo end";
        let calls = ["mkdir", "mkdirat", "openat", "symlink", "symlinkat"];
        for (init, promised) in [(false, false), (false, true), (true, false), (true, true)] {
            let builder = shell(script).seccomp(asking(calls)).stdout(Stdio::Piped);
            let builder = if init { builder.init() } else { builder };
            let builder = if promised { builder.no_new_privileges() } else { builder };
            let (mut made, (given, mut into)) = (Vec::new(), std::io::pipe().unwrap());
            into.write_all(b"given\n").unwrap();
            drop(into);
            let mut given = Some(given);
            let mut supervisor = Supervisor::new();
            supervisor
                .on(MKDIR, |asked| {
                    made.push(path(asked));
                    Answer::Value(0)
                })
                .on(["openat"], |asked| match given.take_if(|_| path(asked) == *"/asked/for") {
                    Some(file) => Answer::Descriptor(file.into()),
                    None => Answer::Proceed,
                })
                .otherwise(|_| Answer::Error(Errno::ACCES));
            let said = supervise(supervisor, builder.start().unwrap());
            let [first, second, third, end] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
            assert_eq!((first, second, end), ("made", "given", "end"), "{said}");
            assert!(third.contains("Permission denied"), "{said}");
            assert_eq!(made, [PathBuf::from("/not/made")]);
        }
    });
}

#[test]
fn nobody_in_the_container_has_the_listener() {
    needs!(userns, syscall("seccomp"));
    isolated_for(DEADLINE, || {
        for builder in [asking_shell("ls -l /proc/[0-9]*/fd; read line"), asking_shell("ls -l /proc/[0-9]*/fd").init()]
        {
            let (container, listener) = start(builder);
            drop(listener);
            let said = String::from_utf8(container.wait_with_output().unwrap().stdout).unwrap();
            assert!(said.contains("-> ") && !said.contains("seccomp"), "{said}");
        }
    });
}

#[test]
fn not_even_while_the_program_is_executed() {
    needs!(root, syscall("seccomp"));
    isolated_for(DEADLINE, || {
        let mut created = program("/bin/true", &[]).seccomp(asking(["execve"])).create().unwrap();
        let (pid, listener) = (created.pid(), created.take_listener().unwrap());
        let starting = thread::spawn(move || created.start());
        let asked = listener.receive().unwrap().unwrap();
        let fds = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let fds: Vec<PathBuf> = fds.map(|fd| fs::read_link(fd.unwrap().path()).unwrap()).collect();
        assert!(fds.len() > 3 && !fds.iter().any(|fd| fd.to_str().unwrap().contains("seccomp")), "{fds:?}");
        assert!(asked.proceed().unwrap());
        assert!(starting.join().unwrap().unwrap().wait().unwrap().success());
    });
}

#[test]
fn a_call_that_nobody_answers_waits_and_its_container_can_be_killed_and_deleted() {
    needs!(userns, program("busybox"), syscall("seccomp"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        for init in [false, true] {
            let builder = asking_shell("mkdir /nowhere; echo went on");
            let (container, listener) = start(if init { builder.init() } else { builder });
            until_asked(&listener);
            assert!(container.try_wait().unwrap().is_none());
            container.kill().unwrap();
            assert_eq!(container.wait().unwrap().signal(), Some(9));
            // Nobody is left to ask.
            assert!(listener.receive().unwrap().is_none());
            let tree = Tree::new();
            let named = tree.named("asking", "mkdir /nowhere; echo went on").seccomp(asking(MKDIR));
            let named = if init { named.init() } else { named };
            let (container, listener) = start(named.no_new_privileges());
            until_asked(&listener);
            // Only who has made it has the listener.
            let found = tree.open("asking").unwrap();
            assert!(found.listener.is_none());
            found.delete().unwrap();
            assert!(container.wait().is_ok() && listener.receive().unwrap().is_none());
        }
    });
}

#[test]
fn a_caller_that_drops_the_listener_answers_that_there_is_no_such_call() {
    needs!(userns, syscall("seccomp"));
    isolated_for(DEADLINE, || {
        let script = "read line; mkdir /nowhere 2>&1; mkdir /nowhere 2>&1; echo end";
        for waits in [false, true] {
            let (mut container, listener) = start(asking_shell(script));
            if waits {
                container.stdin.take().unwrap().write_all(b"\n").unwrap();
                until_asked(&listener);
            }
            drop(listener);
            let out = container.wait_with_output().unwrap();
            let said = String::from_utf8(out.stdout).unwrap();
            assert_eq!(said.matches("Function not implemented").count(), 2, "{said}");
            assert!(said.ends_with("end\n"), "{said}");
        }
        // With the handle it goes too.
        let mut container = asking_shell("mkdir /nowhere 2>&1; echo end").start().unwrap();
        let mut output = container.stdout.take().unwrap();
        until_asked(container.listener.as_ref().unwrap());
        drop(container);
        let mut said = String::new();
        output.read_to_string(&mut said).unwrap();
        assert!(said.contains("Function not implemented") && said.ends_with("end\n"), "{said}");
        crate::tracer::until_nobody_is_left("the handle was dropped");
    });
}

/// The part of a caller that is killed while its container waits for an answer.
pub(crate) fn leave_unanswered() {
    let builder = shell("mkdir /nowhere 2>&1; echo went on").seccomp(asking(MKDIR)).no_new_privileges();
    let (_container, listener) = start(builder.stdin(Stdio::Null));
    until_asked(&listener);
    say("ready");
    hear();
}

#[test]
fn where_the_caller_is_killed_the_program_goes_on_without() {
    needs!(userns, syscall("seccomp"));
    isolated_for(DEADLINE, || {
        rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1)).unwrap();
        let mut caller = role("leaving unanswered");
        caller.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut caller = caller.stderr(std::process::Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(caller.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line == "ready"));
        caller.kill().unwrap();
        caller.wait().unwrap();
        let said: Vec<String> = lines.collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("Function not implemented") && said[1] == "went on", "{said:?}");
        crate::tracer::until_nobody_is_left("the caller was killed");
    });
}

#[test]
fn an_exec_that_is_asked_about_is_answered_while_the_start_waits() {
    needs!(userns, syscall("seccomp"));
    isolated_for(DEADLINE, || {
        let answered = |init: bool, answer: fn() -> Answer| {
            let builder = shell("exit 7").seccomp(asking(["execve"])).no_new_privileges();
            let mut created = if init { builder.init() } else { builder }.create().unwrap();
            assert!(created.listener().is_some());
            let listener = created.take_listener().unwrap();
            assert!(created.listener().is_none() && created.take_listener().is_none());
            let server = thread::spawn(move || {
                let mut supervisor = Supervisor::new();
                supervisor.on(["execve"], move |_| answer());
                supervisor.supervise(&listener).unwrap()
            });
            let started = created.start();
            // The handle is the server's.
            assert!(started.as_ref().map_or(true, |container| container.listener.is_none()));
            let ended = started.and_then(|container| container.wait());
            (ended, server.join().unwrap())
        };
        for init in [false, true] {
            let (ended, count) = answered(init, || Answer::Proceed);
            assert_eq!((ended.unwrap().code(), count), (Some(7), 1));
            let (ended, count) = answered(init, || Answer::Error(Errno::ACCES));
            let error = ended.unwrap_err();
            assert_eq!((error.kind(), count), (ErrorKind::Denied, 1), "{}", Report(&error));
            assert!(error.hint().unwrap().contains("asks the supervisor about execve"), "{:?}", error.hint());
        }
    });
}

#[test]
fn an_exec_that_nobody_can_answer_for_is_refused_and_one_that_nobody_answers_fails() {
    needs!(userns, syscall("seccomp"));
    isolated_for(DEADLINE, || {
        let builder = || program("/bin/true", &[]).seccomp(asking(["execve"])).no_new_privileges();
        let created = builder().create().unwrap();
        let pid = created.pid();
        let error = created.start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState);
        assert_eq!(
            Report(&error).to_string(),
            "cannot start the container\n  \
             cause: its policy asks about execve, and nobody could answer: the listener is still here\n  \
             hint: Created::take_listener, and answer from another thread while this one starts"
        );
        assert!(!is_alive(pid));
        // Dropped before, and while the exec waits: the child has no copy of it that could keep it waiting.
        for waits in [false, true] {
            let mut created = builder().create().unwrap();
            let listener = created.take_listener().filter(|_| waits);
            let dropper = thread::spawn(move || drop(listener.inspect(until_asked)));
            let error = created.start().unwrap_err();
            dropper.join().unwrap();
            assert_eq!(error.errno(), Some(libc::ENOSYS), "{}", Report(&error));
            assert!(error.hint().unwrap().contains("nobody has the listener"), "{:?}", error.hint());
        }
        // Killed meanwhile: the start ends.
        let mut created = builder().create().unwrap();
        let (pid, listener) = (created.pid(), created.take_listener().unwrap());
        let starting = thread::spawn(move || created.start().map(|container| container.wait().unwrap().signal()));
        until_asked(&listener);
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.cast_signed()), nix::sys::signal::SIGKILL).unwrap();
        assert_eq!(starting.join().unwrap().unwrap(), Some(9));
    });
}

/// To look would be asked about, and nobody answers.
#[test]
fn why_an_exec_failed_is_not_looked_at_where_that_would_be_asked_about() {
    needs!(userns, syscall("seccomp"));
    isolated_for(DEADLINE, || {
        let calls = ["openat", "faccessat", "faccessat2"];
        let started = |path: &str| program(path, &[]).seccomp(asking(calls)).no_new_privileges().start();
        for (path, kind, words) in [
            ("/no/such/program", ErrorKind::NotFound, "it is absent in the container, or the interpreter"),
            ("no-such-program", ErrorKind::NotFound, "it is absent in the container, or the interpreter"),
            ("/bin/true/x", ErrorKind::NotFound, "is not a directory"),
            ("/etc", ErrorKind::Denied, "a directory of its path, a noexec mount"),
            ("/etc/passwd", ErrorKind::Denied, "a directory of its path, a noexec mount"),
        ] {
            let error = started(path).unwrap_err();
            assert!(error.kind() == kind && Report(&error).to_string().contains(words), "{path}: {}", Report(&error));
        }
        // A name is found on its PATH behind what is no directory, and what is none of its.
        let found = program("sh", &["-c", "exit 7"]).env("PATH", "/etc/passwd:/nowhere:/bin");
        let (container, listener) = start(found.seccomp(asking(calls)).no_new_privileges());
        drop(listener);
        container.wait().unwrap();
    });
}

/// Nothing of the start may wait for somebody who answers: whatever is not on the plan's list is asked about.
#[test]
fn the_start_does_nothing_that_is_asked_about_but_what_the_plan_refuses() {
    needs!(userns, syscall("seccomp"));
    isolated_for(DEADLINE, || {
        let start = ["sendmsg", "recvfrom", "ppoll", "execve", "exit_group", "close", "umask", "chdir"];
        let init = ["rt_sigprocmask", "clone", "prctl", "munmap", "close_range", "rt_sigtimedwait", "wait4", "kill"];
        let group = ["eventfd2", "setpgid", "write"];
        let terminal = ["openat", "fstat", "fstatfs", "dup3", "ioctl", "getpid"];
        let early = ["setgroups", "setresgid", "setresuid", "keyctl", "capset", "setsid"];
        let mounts = Mounts::new().add(Proc::new("/proc")).add(Devpts::new("/dev/pts"));
        let true_ = || program("/bin/true", &[]).umask(0o22).current_dir("/");
        let cases: Vec<(Builder, Vec<&[&str]>)> = vec![
            (true_().no_new_privileges(), vec![]),
            (true_().no_new_privileges().init(), vec![&init, &group]),
            (true_().mounts(mounts).terminal().no_new_privileges().init(), vec![&init, &group, &terminal]),
            (true_().capabilities(["chown"]).user(0, 0).die_with_caller(), vec![&["prctl"], &early]),
            (true_().capabilities(["chown"]).user(0, 0).init(), vec![&init, &group, &early]),
        ];
        for (number, (builder, further)) in cases.into_iter().enumerate() {
            let calls = further.into_iter().flatten().copied().chain(start);
            let builder = builder.seccomp(Policy::new(Verdict::Notify).allow(calls));
            let container = builder.start().unwrap_or_else(|error| panic!("{number}: {}", Report(&error)));
            // The program itself asks by its first call.
            let asked = container.listener.as_ref().unwrap().receive().unwrap().unwrap();
            assert_eq!(status(asked.pid(), "Name"), "true", "{number}");
            container.kill().unwrap();
            container.wait().unwrap();
        }
    });
}

#[test]
fn a_caller_that_is_supervised_itself_is_told_so() {
    needs!(userns, syscall("seccomp"));
    isolated_for(DEADLINE, || {
        let supervised = thread::spawn(|| {
            enter_no_new_privs().unwrap();
            let listener = Loading::new().enter_with_listener(&asking(["acct"]).compile().unwrap()).unwrap();
            let refused = asking_shell("true").start().unwrap_err();
            // What asks nobody can be had nevertheless.
            let plain = shell("exit 7").no_new_privileges().seccomp(Policy::allow_all().deny(["acct"]));
            assert_eq!(plain.start().unwrap().wait().unwrap().code(), Some(7));
            drop(listener);
            refused
        });
        let error = supervised.join().unwrap();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::Busy, Some(libc::EBUSY)), "{}", Report(&error));
        assert!(Report(&error).to_string().contains("in the child: filter the system calls"), "{}", Report(&error));
        assert!(error.hint().unwrap().contains("is the caller itself supervised?"), "{:?}", error.hint());
    });
}

#[test]
fn one_that_waits_is_interrupted_by_a_signal_unless_it_can_only_be_killed() {
    const USR1: i32 = 10;
    needs!(userns, kernel(5, 19), syscall("seccomp"));
    isolated_for(DEADLINE, || {
        for (loading, waits_on) in [(Loading::new(), false), (Loading::new().wait_killable(), true)] {
            let asking = shell("trap 'echo heard' USR1; umask 0; echo end").seccomp(asking(["umask"]));
            let asking = asking.no_new_privileges().seccomp_loading(loading).stdout(Stdio::Piped);
            let (container, listener) = start(asking);
            let asked = listener.receive().unwrap().unwrap();
            let pid = asked.pid();
            container.signal(USR1).unwrap();
            if waits_on {
                let pending = || u64::from_str_radix(&status(pid, "ShdPnd"), 16).unwrap() >> (USR1 - 1) & 1 == 1;
                // One that could be interrupted would have been by then.
                for _ in 0..100 {
                    assert!(pending() && asked.waits());
                    thread::sleep(Duration::from_millis(1));
                }
            } else {
                until("it is interrupted", || !asked.waits());
            }
            assert_eq!(asked.value(0).unwrap(), waits_on);
            drop(listener);
            let out = container.wait_with_output().unwrap();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), "heard\nend\n");
        }
    });
}

#[test]
fn a_container_is_supervised_to_its_end_whatever_becomes_of_the_supervisor() {
    needs!(userns, syscall("seccomp"));
    isolated_for(DEADLINE, || {
        let script = "mkdir /nowhere 2>&1; mkdir /nowhere 2>&1; exit 7";
        // One that fails, by an answer that is none.
        let mut container = asking_shell(script).start().unwrap();
        let mut supervisor = Supervisor::new();
        supervisor.otherwise(|_| Answer::Error(Errno::new(0)));
        let error = container.supervise(&mut supervisor).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.kind()), ("cannot supervise the container", ErrorKind::Invalid));
        assert!(container.listener.is_none());
        let out = container.wait_with_output().unwrap();
        let said = String::from_utf8(out.stdout).unwrap();
        assert_eq!((out.status.code(), said.matches("Function not implemented").count()), (Some(7), 2), "{said}");
        // One that panics: the panic is the caller's own, and comes when the container has ended.
        let mut container = asking_shell(script).start().unwrap();
        let mut supervisor = Supervisor::new();
        supervisor.otherwise(|_| panic!("of the supervisor"));
        let supervised = std::panic::AssertUnwindSafe(|| container.supervise(&mut supervisor));
        assert!(std::panic::catch_unwind(supervised).is_err());
        assert_eq!(container.try_wait().unwrap().unwrap().code(), Some(7));
        // And where there is nothing to answer.
        let error = container.supervise(&mut Supervisor::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", Report(&error));
    });
}

#[test]
fn output_is_not_read_to_its_end_while_nobody_can_answer() {
    needs!(userns, syscall("seccomp"));
    isolated_for(DEADLINE, || {
        let container = asking_shell("mkdir /nowhere").kill_on_drop().start().unwrap();
        let error = container.wait_with_output().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState);
        assert!(Report(&error).to_string().contains("nobody has taken its listener"), "{}", Report(&error));
    });
}

#[test]
fn a_policy_that_asks_nobody_has_no_listener() {
    needs!(userns);
    isolated(|| {
        let created = shell("true").no_new_privileges().seccomp(Policy::allow_all().deny(["acct"])).create().unwrap();
        assert!(created.listener().is_none());
        assert!(created.start().unwrap().listener.is_none());
        crate::tracer::until_nobody_is_left("the program has ended");
    });
}

#[test]
fn at_every_low_limit_on_descriptors_it_is_supervised_or_says_so() {
    needs!(userns, syscall("seccomp"));
    isolated_for(DEADLINE, || {
        at_every_low_limit_on_descriptors(|| {
            let created = asking_shell("true").init().create()?;
            assert!(created.listener().is_some());
            drop(created);
            Ok(())
        });
    });
}

#[test]
fn many_threads_make_supervised_containers_and_each_has_its_own_listener() {
    needs!(userns, syscall("seccomp"));
    isolated_for(DEADLINE, || {
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            for number in 0..8 {
                let tell = tell.clone();
                scope.spawn(move || {
                    let script = format!("mkdir /of/{number} && echo {number}");
                    let mut supervisor = Supervisor::new();
                    supervisor.on(MKDIR, |asked| {
                        assert_eq!(path(asked), PathBuf::from(format!("/of/{number}")));
                        Answer::Value(0)
                    });
                    tell.send(supervise(supervisor, asking_shell(&script).start().unwrap())).unwrap();
                });
            }
        });
        drop(tell);
        let mut said: Vec<String> = told.iter().collect();
        said.sort();
        assert_eq!(said, (0..8).map(|number| format!("{number}\n")).collect::<Vec<_>>());
    });
}
