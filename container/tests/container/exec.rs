// SPDX-License-Identifier: MIT OR Apache-2.0
//! Further programs in a container that runs: what they are, what they are not, and what is said when they cannot be.

use std::io::{Read, Write};
use std::time::Duration;

use needs::{Screen, isolated, isolated_for, needs};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use skep::caps_sec::{Answer, Policy, Privileges, Rule, Supervisor, Verdict};
use skep::cgroup::Limits;
use skep::ns::{IdMap, NamespaceKind, Namespaces, Stdio};
use skep::rootfs::{Devpts, Mounts, Proc};
use skep::{Container, ErrorKind, Exec, Report};

use crate::common::{
    DEADLINE, at_every_low_limit_on_descriptors, is_alive, namespace_links, program, shell, status, until,
};
use crate::tree::Tree;

/// A container that sleeps.
pub(crate) fn sleeper() -> skep::Builder {
    program("/bin/sleep", &["1000"]).hostname("web").kill_on_drop()
}

/// What a program writes; it must succeed.
#[track_caller]
pub(crate) fn text_of(exec: Exec<'_>) -> String {
    let out = exec.output().unwrap_or_else(|error| panic!("{}", Report(&error)));
    assert!(out.status.success(), "{}: {}", out.status, String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

pub(crate) fn sh<'a>(container: &'a Container, script: &str) -> Exec<'a> {
    container.exec("/bin/sh", ["-c", script])
}

#[test]
fn a_further_program_is_in_every_namespace_of_the_first() {
    needs!(userns);
    isolated(|| {
        for builder in [sleeper(), sleeper().init()] {
            let cgroup = NamespaceKind::Cgroup;
            let namespaces = builder.spec().namespaces.clone().make([cgroup]);
            let container = builder.namespaces(namespaces).start().unwrap();
            let script = "for kind in pid mnt uts ipc net user cgroup; do readlink /proc/self/ns/$kind; done; uname -n";
            // First: an ordinary user may not look at an init before it has let go of everything.
            let text = text_of(sh(&container, script));
            let links = namespace_links(&container.pid().unwrap().to_string());
            let expected = links.iter().map(|link| link.display().to_string()).chain(["web".to_owned()]);
            assert_eq!(text.lines().collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
    });
}

#[test]
fn a_further_program_is_what_the_first_was_described_to_be() {
    needs!(userns, program("setpriv"));
    isolated(|| {
        let script = "id -u; id -g; umask; echo $A; pwd; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; \
            ulimit -n; mkdir /tmp/x 2>&1 | grep -o 'not permitted'";
        let described = |program: &str, args: [&str; 2]| {
            let policy = Policy::allow_all().deny(["mkdir", "mkdirat"]);
            program_of(program, args)
                .env("A", "b")
                .current_dir("/usr")
                .umask(0o27)
                .capabilities(["chown"])
                .no_new_privileges()
                .seccomp(policy)
        };
        let first = described("/bin/sh", ["-c", script]).output().unwrap();
        let container = described("/bin/sleep", ["1000", "1"]).kill_on_drop().start().unwrap();
        let further = sh(&container, script).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(text(&further.stdout), text(&first.stdout));
        assert!(text(&further.stdout).contains("NoNewPrivs:\t1\nSeccomp:\t2\n"), "{}", text(&further.stdout));
        assert!(text(&further.stdout).ends_with("not permitted\n"), "{}", text(&further.stdout));
    });
}

fn program_of(path: &str, args: [&str; 2]) -> skep::Builder {
    program(path, &args)
}

#[test]
fn what_is_said_of_a_further_program_is_its_own() {
    needs!(userns);
    isolated(|| {
        let container = sleeper().env("A", "b").no_new_privileges().start().unwrap();
        let script = "echo $A $B; pwd; grep NoNewPrivs /proc/self/status";
        assert_eq!(text_of(sh(&container, script).env("B", "c")), "b c\n/\nNoNewPrivs:\t1\n".replace('/', &here()));
        let exec = sh(&container, script).env_clear().env("B", "d").current_dir("/usr").elevated();
        assert_eq!(text_of(exec), "d\n/usr\nNoNewPrivs:\t0\n");
        let mut process = sh(&container, "umask").as_process().clone();
        process.umask = Some(0o77);
        process.rights = Privileges::default();
        assert_eq!(text_of(container.exec("x", [""; 0]).process(process)), "0077\n");
    });
}

/// Where a program is that is told nothing: a mount namespace is joined at its root.
fn here() -> String {
    "/".to_owned()
}

#[test]
fn a_further_program_has_no_descriptor_but_its_own() {
    needs!(userns);
    isolated(|| {
        let container = sleeper().start().unwrap();
        let extra = std::fs::File::open("/dev/null").unwrap();
        // ls has the directory that it reads open as well.
        assert_eq!(text_of(container.exec("/bin/ls", ["/proc/self/fd"])), "0\n1\n2\n3\n");
        assert_eq!(text_of(container.exec("/bin/ls", ["/proc/self/fd"]).fd(7, extra)), "0\n1\n2\n3\n7\n");
    });
}

#[test]
fn how_a_further_program_ends_is_its_own_affair() {
    needs!(userns);
    isolated(|| {
        let container = sleeper().start().unwrap();
        assert_eq!(sh(&container, "exit 7").start().unwrap().wait().unwrap().code(), Some(7));
        assert_eq!(sh(&container, "kill -TERM $$").start().unwrap().wait().unwrap().signal(), Some(15));
        let child = container.exec("/bin/sleep", ["1000"]).start().unwrap();
        child.kill().unwrap();
        assert_eq!(child.wait_with_output().unwrap().status.signal(), Some(9));
        assert_eq!(container.try_wait().unwrap(), None);
        // Pipes, both ways.
        let mut child = container.exec("/bin/cat", [""; 0]).stdin(Stdio::Piped).stdout(Stdio::Piped).start().unwrap();
        child.stdin.take().unwrap().write_all(b"through").unwrap();
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), child.wait().unwrap().code()), ("through", Some(0)));
    });
}

#[test]
fn further_programs_end_with_the_container() {
    needs!(userns);
    isolated(|| {
        let container = sleeper().start().unwrap();
        let child = container.exec("/bin/sleep", ["1000"]).start().unwrap();
        container.kill().unwrap();
        container.wait().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    });
}

#[test]
fn whoever_waits_for_a_container_reaps_what_another_handle_has_executed() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let made = tree.named("web", "sleep 1000").start().unwrap();
        let found = tree.open("web").unwrap();
        let child = found.exec("/bin/sleep", ["1000"]).start().unwrap();
        made.kill().unwrap();
        assert_eq!(made.wait_for(DEADLINE / 2).unwrap().and_then(|status| status.signal()), Some(9));
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        made.delete().unwrap();
    });
}

#[test]
fn how_a_further_program_ends_may_be_left_to_others() {
    needs!(userns);
    isolated(|| {
        let container = sleeper().start().unwrap();
        for is_over in [true, false] {
            let executed = sh(&container, "exit 9").start().unwrap();
            let pid = executed.pid();
            if is_over {
                until("it has ended", || !is_alive(pid));
            }
            executed.leave();
            // Others are executed, and asked about, meanwhile.
            assert_eq!(text_of(sh(&container, "echo up")), "up\n");
            let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
            let options = Some(nix::sys::wait::WaitPidFlag::__WALL);
            let ended = nix::sys::wait::waitpid(pid, options).unwrap();
            assert_eq!(ended, nix::sys::wait::WaitStatus::Exited(pid, 9));
        }
    });
}

#[test]
fn a_further_program_may_have_a_terminal() {
    needs!(userns);
    isolated(|| {
        let mounts = Mounts::new().add(Proc::new("/proc")).add(Devpts::new("/dev/pts"));
        let container = sleeper().mounts(mounts).start().unwrap();
        let exec = sh(&container, "tty; stty size; exit 3").terminal().terminal_size(33, 77);
        let error = sh(&container, "tty").terminal().output().unwrap_err();
        assert!(Report(&error).to_string().contains("Executed::terminal"), "{}", Report(&error));
        let mut executed = exec.start().unwrap();
        let mut screen = Screen::new(executed.terminal.take().unwrap(), DEADLINE);
        let mut text = String::new();
        screen.terminal.read_to_string(&mut text).unwrap();
        assert_eq!(text, "/dev/pts/0\r\n33 77\r\n");
        assert_eq!(executed.wait().unwrap().code(), Some(3));
        // Without a devpts there is none, and it is said.
        let error = sh(&sleeper().start().unwrap(), "tty").terminal().start().unwrap_err();
        assert!(error.problems()[0].contains("the machine's own"), "{}", Report(&error));
    });
}

#[test]
fn a_container_that_was_opened_by_its_name_takes_further_programs() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let made = tree.named("web", "sleep 1000").env("A", "b").start().unwrap();
        let found = tree.open("web").unwrap();
        assert_eq!(
            text_of(found.exec("/bin/sh", ["-c", "echo $A; ls /; pwd"])),
            "b\nbin\ndev\netc\nproc\nsys\ntmp\n/\n"
        );
        made.delete().unwrap();
        let error = found.exec("/bin/true", [""; 0]).start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", Report(&error));
    });
}

#[test]
fn a_further_program_is_in_the_container_s_group() {
    needs!(root, cgroup("pids"));
    isolated(|| {
        let limits = Limits::new().pids_max(3);
        let namespaces = Namespaces::new().make([NamespaceKind::Pid, NamespaceKind::Mount, NamespaceKind::Cgroup]);
        let container = sleeper_without_host().namespaces(namespaces).limits(limits).start().unwrap();
        let group = container.cgroup().unwrap().unwrap();
        let child = container.exec("/bin/sleep", ["1000"]).start().unwrap();
        assert!(group.procs().unwrap().contains(&child.pid()));
        // It and the first are two: a shell is the third, and can have no child.
        let out = sh(&container, "/bin/true & wait; echo").output().unwrap();
        assert!(!out.status.success() || !out.stderr.is_empty(), "{out:?}");
        child.kill().unwrap();
        assert_eq!(child.wait_with_output().unwrap().status.signal(), Some(9));
        container.kill().unwrap();
        container.wait().unwrap();
        drop(container);
    });
}

fn sleeper_without_host() -> skep::Builder {
    program("/bin/sleep", &["1000"]).kill_on_drop()
}

#[test]
fn a_group_below_the_container_s_is_there_or_said_not_to_be() {
    needs!(root, cgroup("pids"));
    isolated(|| {
        let limits = Limits::new().pids_max(30);
        let container = sleeper_without_host().limits(limits).start().unwrap();
        let group = container.cgroup().unwrap().unwrap();
        for bad in ["..", "/x", "a/../b"] {
            let error = container.exec("/bin/true", [""; 0]).cgroup(bad).start().unwrap_err();
            assert!(error.problems()[0].starts_with("cgroup: "), "{}", Report(&error));
        }
        let error = container.exec("/bin/true", [""; 0]).cgroup("below").start().unwrap_err();
        assert!(error.problems()[0].contains("there is no group \"below\""), "{}", Report(&error));
        let below: Vec<_> = group.directories().map(|path| path.join("below")).collect();
        std::fs::create_dir(&below[0]).unwrap();
        let child = container.exec("/bin/sleep", ["1000"]).cgroup("below").start().unwrap();
        let members = std::fs::read_to_string(below[0].join("cgroup.procs")).unwrap();
        assert_eq!(members.trim(), child.pid().to_string());
        child.kill().unwrap();
        child.wait_with_output().unwrap();
        until("it is empty", || std::fs::remove_dir(&below[0]).is_ok());
    });
}

#[test]
fn a_further_program_is_a_user_of_the_container_s_user_namespace() {
    needs!(root);
    isolated(|| {
        let map = IdMap::whole(100_000, 1000);
        let kinds = [NamespaceKind::Pid, NamespaceKind::Mount];
        let container = sleeper_without_host().namespaces(Namespaces::new().make(kinds).user(map)).start().unwrap();
        let script = "id -u; id -g; id -G; cat /proc/self/uid_map";
        let text = text_of(sh(&container, script).user(33, 34).groups([35, 36]));
        assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["33", "34", "34", "35", "36", "0", "100000", "1000"]);
        let child = container.exec("/bin/sleep", ["1000"]).user(33, 34).start().unwrap();
        assert_eq!(status(child.pid(), "Uid"), "100033\t100033\t100033\t100033");
        child.kill().unwrap();
        child.wait_with_output().unwrap();
        let error = sh(&container, "true").user(1000, 0).start().unwrap_err();
        assert!(Report(&error).to_string().contains("user 1000 is not in the id map"), "{}", Report(&error));
    });
}

#[test]
fn a_frozen_container_takes_no_further_program() {
    needs!(root, cgroup("pids"));
    isolated(|| {
        let limits = Limits::new().pids_max(30);
        let container = sleeper_without_host().limits(limits).start().unwrap();
        let group = container.cgroup().unwrap().unwrap();
        group.freeze(DEADLINE).unwrap();
        let error = sh(&container, "true").start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState);
        assert!(Report(&error).to_string().contains("thaw it first"), "{}", Report(&error));
        group.thaw(DEADLINE).unwrap();
        assert_eq!(text_of(sh(&container, "echo yes")), "yes\n");
    });
}

#[test]
fn an_ended_container_takes_no_further_program() {
    needs!(userns);
    isolated(|| {
        let container = program("/bin/true", &[]).start().unwrap();
        until("it has ended", || !is_alive(container.pid().unwrap()));
        // Whether it was waited for or not.
        for _ in 0..2 {
            let error = sh(&container, "true").start().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WrongState, "{}", Report(&error));
            container.wait().unwrap();
        }
    });
}

#[test]
fn everything_wrong_with_a_further_program_is_told_at_once() {
    needs!(userns);
    isolated(|| {
        let container = sleeper().start().unwrap();
        let error = container.exec("", [""; 0]).current_dir("tmp").fd(-1, null()).env("", "x").start().unwrap_err();
        let expected = [
            "fd: -1 cannot be the number of a descriptor",
            "process.program: is empty",
            "process.env[1]: \"\" cannot name a variable: it is empty or has a = in it",
            "process.directory: \"tmp\" must be an absolute path",
        ];
        assert_eq!(error.problems(), expected);
        assert!(Report(&error).to_string().starts_with("cannot execute a program in the container"));
        for (path, kind) in [("/absent", ErrorKind::NotFound), ("/etc/passwd", ErrorKind::NotExecutable)] {
            let error = container.exec(path, [""; 0]).start().unwrap_err();
            assert_eq!(error.kind(), kind, "{}", Report(&error));
        }
    });
}

fn null() -> std::fs::File {
    std::fs::File::open("/dev/null").unwrap()
}

#[test]
fn a_failure_at_any_step_ends_what_was_begun() {
    needs!(userns);
    isolated(|| {
        let container = sleeper().start().unwrap();
        let exec = || sh(&container, "exit 1").umask_and_directory();
        let steps = exec().plan().unwrap().explain().lines().count();
        assert!(steps > 6, "{steps}");
        for number in 1..=steps {
            let error = exec().fail_at(number, 28).start().unwrap_err();
            let report = Report(&error).to_string();
            assert!(report.contains("ENOSPC"), "{report}");
            // The last one is the program's own, and speaks of that.
            if number < steps {
                assert!(report.contains(&format!("step {number} of {steps}")), "{report}");
                assert!(report.starts_with("cannot execute a program in the container"), "{report}");
            }
        }
        assert_eq!(container.try_wait().unwrap(), None);
    });
}

trait More {
    fn umask_and_directory(self) -> Self;
}

impl More for Exec<'_> {
    fn umask_and_directory(self) -> Self {
        let mut process = self.as_process().clone();
        process.umask = Some(0o22);
        self.process(process).current_dir("/")
    }
}

#[test]
fn who_could_not_be_asked_about_once_is_not_forgotten() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let container = sleeper().start().unwrap();
        let executed = container.exec("/bin/sleep", ["1000"]).start().unwrap();
        let limit = getrlimit(Resource::Nofile);
        // At which poll(2) takes no descriptors.
        setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..limit }).unwrap();
        let refused = container.try_wait();
        setrlimit(Resource::Nofile, limit).unwrap();
        assert!(refused.is_err(), "{refused:?}");
        container.kill().unwrap();
        // Nobody waits for it but who waits for the container.
        let ended = container.wait_for(Duration::from_secs(20)).unwrap();
        assert_eq!(ended.and_then(|status| status.signal()), Some(9));
        assert_eq!(executed.wait().unwrap().signal(), Some(9));
    });
}

#[test]
fn at_any_limit_on_descriptors_it_works_or_says_what_is_lacking() {
    needs!(userns);
    isolated(|| {
        let container = sleeper().start().unwrap();
        at_every_low_limit_on_descriptors(|| {
            let exec = container.exec("/bin/true", [""; 0]).stdin(Stdio::Null).stdout(Stdio::Null).stderr(Stdio::Null);
            exec.start().map(|executed| assert_eq!(executed.wait().unwrap().code(), Some(0)))
        });
    });
}

#[test]
fn many_threads_execute_at_once() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let container = sleeper().start().unwrap();
        std::thread::scope(|scope| {
            let work = || (0..5).for_each(|_| assert_eq!(text_of(sh(&container, "echo yes")), "yes\n"));
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(work)).collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
    });
}

#[test]
fn a_further_program_that_nobody_waits_for_does_not_keep_the_container_from_ending() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let container = sleeper().start().unwrap();
        drop(sh(&container, "exit 0").start().unwrap());
        let early = sh(&container, "sleep 1000").start().unwrap();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| container.wait().unwrap());
            // Executed when somebody waits for the container already.
            std::thread::sleep(Duration::from_millis(20));
            let late = sh(&container, "sleep 1000").start().unwrap();
            container.kill().unwrap();
            assert_eq!(waits.join().unwrap().signal(), Some(9));
            assert_eq!(late.wait().unwrap().signal(), Some(9));
        });
        assert_eq!(early.try_wait().unwrap().unwrap().signal(), Some(9));
        early.kill().unwrap();
        // Whoever drops the handle with it, too.
        let container = sleeper().start().unwrap();
        drop(sh(&container, "sleep 1000").start().unwrap());
        drop(container);
    });
}

#[test]
fn a_further_program_has_a_listener_of_its_own() {
    needs!(userns, syscall("seccomp"));
    isolated_for(DEADLINE, || {
        let asking = |calls: &[&'static str]| {
            let rule = Rule::new(Verdict::Notify, calls.iter().copied());
            sleeper().seccomp(Policy::allow_all().rule(rule)).no_new_privileges().start().unwrap()
        };
        let container = asking(&["mkdir", "mkdirat"]);
        let exec = || sh(&container, "mkdir /not/made && echo made").stdout(Stdio::Piped);
        let mut executed = exec().start().unwrap();
        let listener = executed.listener.take().unwrap();
        let mut supervisor = Supervisor::new();
        supervisor.on(["mkdir", "mkdirat"], |_| Answer::Value(0));
        std::thread::scope(|scope| {
            // Until nobody is left under the filter, which a program that was not waited for is.
            let served = scope.spawn(move || supervisor.supervise(&listener).unwrap());
            assert_eq!(executed.wait_with_output().unwrap().stdout, b"made\n");
            served.join().unwrap();
        });
        let error = exec().output().unwrap_err();
        assert!(error.problems()[0].contains("Executed::listener"), "{}", Report(&error));
        let error = exec().start().unwrap().wait_with_output().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", Report(&error));
        // Its own exec cannot be answered by anybody.
        let mut plain = container.spec().unwrap().process.clone();
        plain.rights.seccomp = Some(Policy::allow_all().rule(Rule::new(Verdict::Notify, ["execve"])));
        let error = exec().process(plain).start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", Report(&error));
        assert!(error.hint().unwrap().contains("Exec::elevated"), "{}", Report(&error));
        assert_eq!(text_of(sh(&container, "mkdir /not/made 2>/dev/null || echo no").elevated()), "no\n");
    });
}

#[test]
fn a_program_may_be_called_otherwise_than_its_file() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let script = "tr '\\0' ' ' </proc/$$/cmdline";
        let builder = || shell(script).arg0("-sh").stdin(Stdio::Null);
        assert!(crate::common::text_of(builder()).starts_with("-sh -c tr"));
        let container = shell("sleep 1000").kill_on_drop().start().unwrap();
        assert!(text_of(container.exec("/bin/sh", ["-c", script])).starts_with("/bin/sh -c tr"));
        assert!(text_of(container.exec("/bin/sh", ["-c", script]).arg0("-bees")).starts_with("-bees -c tr"));
        let problem = shell(":").arg0("a\0b").plan().unwrap_err();
        assert!(Report(&problem).to_string().contains("process.arg0: "), "{}", Report(&problem));
    });
}
