// SPDX-License-Identifier: MIT OR Apache-2.0
//! User notification: calls are received, looked at and answered; under load, and when the target is killed.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use needs::{isolated, needs, rounds};
use skep_caps_sec::{
    Answer, Arch, Errno, ErrorKind, Listener, Loading, Policy, Rule, SeccompFeatures, Supervisor, Verdict,
    enter_no_new_privs,
};

/// Asks about these calls, and allows all others.
pub(crate) fn asking(calls: &[&str]) -> Policy {
    Policy::allow_all().rule(Rule::new(Verdict::Notify, calls.iter().copied()))
}

/// A call without arguments, by its number.
pub(crate) fn plain(name: &str) -> i64 {
    let number = Arch::NATIVE.number_of(name).unwrap();
    // SAFETY: the calls of these tests change nothing.
    let answer = unsafe { libc::syscall(number.into(), 0_u64, 0_u64, 0_u64) };
    if answer == -1 { -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap()) } else { answer }
}

/// A thread that loads the filter and does `body`, and its listener.
pub(crate) fn filtered<T: Send + 'static>(
    policy: &Policy,
    body: impl FnOnce() -> T + Send + 'static,
) -> (Listener, thread::JoinHandle<T>) {
    let (tell, told) = mpsc::channel();
    let filter = policy.compile().unwrap();
    let thread = thread::spawn(move || {
        enter_no_new_privs().unwrap();
        tell.send(Loading::new().enter_with_listener(&filter).unwrap()).unwrap();
        body()
    });
    (told.recv().unwrap(), thread)
}

#[test]
fn every_way_to_answer_is_what_the_call_answers() {
    needs!(syscall("seccomp"));
    isolated(|| {
        let (listener, thread) = filtered(&asking(&["getppid"]), || [(); 6].map(|()| plain("getppid")));
        let us = i64::from(std::os::unix::process::parent_id());
        let receive = || listener.receive().unwrap().unwrap();
        let one = receive();
        assert_eq!(
            (one.name(), one.call().arch(), one.arg(0), one.waits()),
            (Some("getppid"), Some(Arch::NATIVE), 0, true)
        );
        assert!(one.value(1 << 40).unwrap());
        assert!(receive().error(Errno::new(1999)).unwrap());
        assert!(receive().proceed().unwrap());
        let nonsense = receive().error(Errno::new(0)).unwrap_err();
        assert_eq!(nonsense.problems(), ["0 is no error number: they are from 1 to 4095"]);
        let file = File::open("/dev/null").unwrap();
        let given = receive();
        let number = given.add_descriptor(&file).unwrap();
        assert_eq!(fs::read_link(format!("/proc/self/fd/{number}")).unwrap().to_str(), Some("/dev/null"));
        close(number.into());
        assert!(given.value(7).unwrap());
        // One that nobody answers.
        drop(receive());
        assert!(listener.receive().unwrap().is_none(), "nobody is left");
        assert_eq!(thread.join().unwrap(), [1 << 40, -1999, us, -i64::from(libc::ENOSYS), 7, -i64::from(libc::ENOSYS)]);
    });
}

#[test]
fn a_descriptor_is_given_and_answered_in_one() {
    isolated(|| {
        let (listener, thread) = filtered(&asking(&["getppid"]), || plain("getppid"));
        let (reader, writer) = std::io::pipe().unwrap();
        assert!(listener.receive().unwrap().unwrap().value_descriptor(&writer).unwrap());
        let number = thread.join().unwrap();
        drop(writer);
        let mut given = fs::OpenOptions::new().write(true).open(format!("/proc/self/fd/{number}")).unwrap();
        given.write_all(b"through").unwrap();
        drop(given);
        close(number);
        let mut text = [0; 7];
        { &reader }.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"through");
    });
}

/// The limit is the program's to set: it must not end the supervision of the others.
#[test]
fn a_target_that_takes_no_descriptor_is_told_and_supervised_on() {
    needs!(syscall("pidfd_open"));
    isolated(|| {
        let mut supervisor = Supervisor::new();
        let (tell, told) = mpsc::channel();
        supervisor.on(["umask"], move |_| {
            tell.send(()).unwrap();
            Answer::Descriptor(File::open("/dev/null").unwrap().into())
        });
        let mut sh = Command::new("sh");
        sh.args(["-c", "ulimit -n 3; umask 0; umask 0"]).stdin(Stdio::null());
        let (mut child, supervision) = supervisor.start(&mut sh, &asking(&["umask"]).compile().unwrap()).unwrap();
        assert!(child.wait().unwrap().success());
        let answered = supervision.join().unwrap().unwrap();
        assert!(answered > 1 && answered == told.iter().count() as u64, "{answered}");
    });
}

#[test]
fn paths_memory_and_descriptors_of_the_target_are_seen() {
    needs!(syscall("pidfd_open"));
    isolated(|| {
        let policy = asking(&["chdir", "openat", "open"]);
        let mut supervisor = Supervisor::new();
        let (tell, told) = mpsc::channel();
        supervisor.on(["openat", "open"], |_| Answer::Proceed).on(["chdir"], move |asked| {
            let memory = asked.memory().unwrap();
            let path = memory.path(asked.arg(0)).unwrap();
            let mut first = [0; 2];
            memory.read(asked.arg(0), &mut first).unwrap();
            assert_eq!(memory.read(1, &mut first).unwrap_err().kind(), ErrorKind::Invalid);
            assert_eq!(memory.text(asked.arg(0), 3).unwrap_err().kind(), ErrorKind::Invalid);
            memory.write(asked.arg(0), b"X").unwrap();
            let seen = memory.path(asked.arg(0)).unwrap();
            let here = asked.directory(libc::AT_FDCWD).unwrap();
            let (root, input) = (asked.root().unwrap(), asked.descriptor(0).unwrap());
            assert_eq!(asked.directory(999).unwrap_err().kind(), ErrorKind::NotFound);
            tell.send((path, seen, first, [here, root, input].map(place))).unwrap();
            Answer::Error(Errno::ACCES)
        });
        let mut sh = Command::new("sh");
        sh.args(["-c", "cd /some/where/far"]).current_dir("/proc").stdin(Stdio::null()).stderr(Stdio::null());
        let (mut child, supervision) = supervisor.start(&mut sh, &policy.compile().unwrap()).unwrap();
        assert!(!child.wait().unwrap().success());
        let (path, seen, first, places) = told.recv().unwrap();
        assert_eq!((path.to_str(), seen.to_str(), &first), (Some("/some/where/far"), Some("Xsome/where/far"), b"/s"));
        assert_eq!(places, ["/proc", "/", "/dev/null"]);
        assert!(supervision.join().unwrap().unwrap() > 1);
    });
}

fn close(number: i64) {
    // SAFETY: a descriptor that this process was given by number, and that nobody owns.
    assert_eq!(unsafe { libc::close(number.try_into().unwrap()) }, 0);
}

fn place(fd: OwnedFd) -> String {
    use std::os::fd::AsRawFd;
    fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap().to_str().unwrap().to_owned()
}

#[test]
fn ten_thousand_calls_of_four_threads_are_answered_each_by_its_own() {
    isolated(|| {
        let calls = u64::from(rounds(2500));
        let (listener, thread) = filtered(&asking(&["getpgid"]), move || {
            let number = Arch::NATIVE.number_of("getpgid").unwrap();
            // SAFETY: it changes nothing.
            let call = move |value: u64| unsafe { libc::syscall(number.into(), value) };
            let body = move |thread: u64| {
                (0..calls).for_each(|at| assert_eq!(call(thread << 20 | at), (thread << 20 | at) as i64 + 1))
            };
            // They inherit the filter.
            thread::scope(|scope| (0..4).for_each(|thread| drop(scope.spawn(move || body(thread)))));
        });
        let mut supervisor = Supervisor::new();
        supervisor.on(["getpgid"], |asked| Answer::Value(asked.arg(0) as i64 + 1));
        assert_eq!(supervisor.supervise(&listener).unwrap(), 4 * calls);
        thread.join().unwrap();
    });
}

#[test]
fn a_target_that_is_killed_in_the_middle_is_told_and_nobody_else_is_taken_for_it() {
    needs!(syscall("pidfd_open"));
    isolated(|| {
        for _ in 0..rounds(50) {
            let (prepared, expected) = Loading::new().prepare(&asking(&["getppid"]).compile().unwrap()).unwrap();
            let mut sleeper = Command::new("sleep");
            let asks = move || {
                rustix::thread::set_no_new_privs(true)?;
                prepared.apply()?;
                let _parent = rustix::process::getppid();
                Ok(())
            };
            // SAFETY: between fork and exec the closure makes system calls, and allocates nothing.
            unsafe { sleeper.pre_exec(asks) };
            let killer = thread::spawn(move || {
                let listener = expected.listener().unwrap();
                let asked = listener.receive().unwrap().unwrap();
                let pid = asked.pid();
                // SAFETY: no pointer; the child of this test, which waits for our answer.
                unsafe { libc::kill(pid.cast_signed(), libc::SIGKILL) };
                while asked.waits() {
                    thread::sleep(Duration::from_millis(1));
                }
                assert_eq!(asked.memory().unwrap_err().kind(), ErrorKind::NotFound);
                assert!(asked.add_descriptor(listener.as_fd()).is_err());
                assert!(!asked.value(0).unwrap());
                assert!(listener.receive().unwrap().is_none());
            });
            // Killed between fork and exec: std has no answer from it, and takes that for the exec.
            let done = sleeper.arg("0").stdin(Stdio::null()).spawn().and_then(|mut child| child.wait());
            assert!(done.is_err() || !done.unwrap().success());
            killer.join().unwrap();
        }
    });
}

#[test]
fn where_the_supervisor_is_gone_calls_are_not_there() {
    isolated(|| {
        let (listener, thread) = filtered(&asking(&["getppid"]), || [plain("getppid"), plain("getppid")]);
        let asked = listener.receive().unwrap().unwrap();
        // As if it had been killed: nothing is answered, and the listener is closed.
        #[expect(clippy::mem_forget, reason = "dropped, it would answer")]
        std::mem::forget(asked);
        drop(listener);
        assert_eq!(thread.join().unwrap(), [-i64::from(libc::ENOSYS); 2]);
    });
}

#[test]
fn a_second_listener_and_one_without_the_promise_are_refused() {
    isolated(|| {
        let filter = asking(&["getppid"]).compile().unwrap();
        let again = filter.clone();
        let (_listener, thread) =
            filtered(&asking(&["getppid"]), move || Loading::new().enter_with_listener(&again).unwrap_err());
        let error = thread.join().unwrap();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::Busy, "cannot filter the system calls of the calling thread")
        );
        assert!(error.hint().unwrap().contains("one listener"));
    });
}

#[test]
fn all_threads_get_a_filter_if_they_are_asked_for() {
    isolated(|| {
        let (go, gone) = (mpsc::channel::<()>(), mpsc::channel());
        let ((go, wait), (tell, told)) = (go, gone);
        let other = thread::spawn(move || {
            wait.recv().unwrap();
            tell.send(plain("getpgid")).unwrap();
        });
        let refusing = Policy::allow_all().rule(Rule::new(Verdict::Errno(Errno::new(1999)), ["getpgid"]));
        enter_no_new_privs().unwrap();
        Loading::new().all_threads().log().speculation().enter(&refusing.compile().unwrap()).unwrap();
        go.send(()).unwrap();
        assert_eq!(told.recv().unwrap(), -1999);
        other.join().unwrap();
        // A thread with a filter that the others lack cannot be followed by them, nor can it follow.
        let (tell, told) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        let apart = thread::spawn(move || {
            Loading::new().enter(&Policy::allow_all().deny(["acct"]).compile().unwrap()).unwrap();
            tell.send(()).unwrap();
            wait.recv().unwrap();
        });
        told.recv().unwrap();
        let error =
            Loading::new().all_threads().enter(&Policy::allow_all().deny(["swapon"]).compile().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        go.send(()).unwrap();
        apart.join().unwrap();
    });
}

#[test]
fn the_kernel_says_what_it_can_do() {
    isolated(|| {
        let can = SeccompFeatures::probe();
        assert_eq!(can.verdicts.len(), 8, "{can}");
        assert!(can.listener && can.loading.all_threads && can.loading.log && can.loading.speculation, "{can}");
        assert!(can.to_string().starts_with("verdicts: allow, allow and log, ask the tracer"), "{can}");
    });
}
