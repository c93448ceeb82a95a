// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parts that this test program plays in a process of its own, where another process watches, traces or kills it.
#![allow(unsafe_code, reason = "a copy of a thread, for what is not a start to be told from one")]

use std::fs::File;
use std::io::{BufRead, Read, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitPidFlag, waitpid};
use skep::ns::{ExitStatus, IdMap, Namespaces, Request, Stdio};
use skep::{Error, Report};

use crate::common::{FIVE, program, shell};

/// Plays the part that the environment names. By itself, as an ordinary test, it has none.
#[test]
fn play() {
    let Ok(part) = std::env::var("SKEP_TEST_ROLE") else { return };
    match part.as_str() {
        "allocating" => allocating(),
        "starting twice" => start_in_threads(2),
        "starting" => start_in_threads(1),
        "starting named" => crate::killed::start_named(),
        "executing" => crate::exec_killed::execute(),
        "heavy" => heavy(|| drop(program("/bin/true", &[]).start().map(|container| container.wait()))),
        "heavy copy" => heavy(copy_and_wait),
        "keeping a secret" => keep_a_secret(false),
        "copying a secret" => keep_a_secret(true),
        "once" => println!("\n{}", outcome(|| shell("exit 3").start()?.wait())),
        "making and starting" => crate::waiting::come_and_go(),
        "making with hooks" => crate::hooks::make(),
        "nested" => println!("\n{}", outcome(|| shell("exit 3").namespaces(nested()).start()?.wait())),
        "victim" => victim(),
        "creating and copying" => crate::forks::create_and_copy(),
        "keyring" => say(&format!("keyring {}", keyctl(0))),
        "reaping" => reaping(),
        "leaving unanswered" => crate::supervised::leave_unanswered(),
        "without a place" => without_a_place(),
        other => panic!("no role is called {other:?}"),
    }
}

/// A user namespace in which nothing is new but the ids.
fn nested() -> Namespaces {
    Namespaces::new().make(FIVE).user(IdMap::current_as_root())
}

/// Says `text` on a line of its own: the harness has begun one.
pub(crate) fn say(text: &str) {
    println!("\n{text}");
    std::io::stdout().flush().unwrap();
}

/// Waits for a line, or for the end of whoever would write it.
pub(crate) fn hear() {
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
}

/// How something ended, in a line.
fn outcome(act: impl FnOnce() -> Result<ExitStatus, Error>) -> String {
    match act() {
        Ok(status) => format!("ended: {status}"),
        Err(error) => format!("failed: {:?}: {}", error.kind(), Report(&error).to_string().replace('\n', " |")),
    }
}

fn children_left() -> bool {
    waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)) != Err(nix::errno::Errno::ECHILD)
}

/// Starts 400 containers while eight threads allocate without pause.
fn allocating() {
    static END: AtomicBool = AtomicBool::new(false);
    let allocate = || {
        while !END.load(Ordering::Relaxed) {
            drop(std::hint::black_box((0..20).map(|size| vec![1_u8; size * 50]).collect::<Vec<_>>()));
        }
    };
    let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(allocate)).collect();
    for number in 0..needs::rounds(400) {
        let line = outcome(|| shell("exit 5").start()?.wait());
        assert_eq!(line, "ended: exit code 5", "start {number}");
    }
    END.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(!children_left());
    say("all started");
}

/// Starts a container in each of so many threads; marks by a signal the kernel drops where each begins and ends.
fn start_in_threads(count: usize) {
    let barrier = std::sync::Barrier::new(count + 1);
    std::thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                say(&format!("ready {}", nix::unistd::gettid()));
                barrier.wait();
                // Built before: what is traced is the start alone.
                let builder = program("/bin/sleep", &["1000"]).die_with_caller();
                raise(Signal::SIGURG).unwrap();
                let container = builder.create().and_then(skep::Created::start);
                raise(Signal::SIGURG).unwrap();
                hear();
                container.unwrap().kill().unwrap();
            });
        }
        hear();
        barrier.wait();
    });
}

/// Starts from two gigabytes of touched memory.
fn heavy(start: impl FnOnce()) {
    let memory = vec![1_u8; 2 << 30];
    say(&format!("ready {}", nix::unistd::gettid()));
    hear();
    start();
    assert_eq!(std::hint::black_box(&memory)[12345], 1);
}

fn copy_and_wait() {
    // SAFETY: the copy answers a number and does nothing else.
    let mut copy = unsafe { Request::new().copy(|| 0) }.unwrap();
    copy.wait().unwrap();
}

/// Holds a secret wherever a program can hold one, and makes a process.
fn keep_a_secret(by_copy: bool) {
    static PAGE: Mutex<[u8; 2 << 20]> = Mutex::new([0; 2 << 20]);
    let secret = std::env::var("SKEP_TEST_SECRET").unwrap();
    PAGE.lock().unwrap()[12345..][..secret.len()].copy_from_slice(secret.as_bytes());
    let heap: Vec<String> = vec![secret.clone(); 1000];
    let file = File::open(std::env::temp_dir().join(std::env::var("SKEP_TEST_FILE").unwrap())).unwrap();
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    if by_copy {
        // SAFETY: the copy makes one system call and answers.
        let mut copy = unsafe { Request::new().copy(pause) }.unwrap();
        say(&format!("created {}", copy.pid()));
        hear();
        copy.kill().unwrap();
        copy.wait().unwrap();
    } else {
        let created = program("/bin/sleep", &["1000"]).create().unwrap();
        say(&format!("created {}", created.pid()));
        hear();
        let container = created.start().unwrap();
        say(&format!("started {}", container.pid().unwrap()));
        hear();
        container.kill().unwrap();
        container.wait().unwrap();
    }
    assert_eq!(std::hint::black_box(&heap)[999], secret);
}

/// Starts a container while somebody kills the launcher or the child, and says how that ended.
fn victim() {
    say(&format!("ready {}", nix::unistd::gettid()));
    hear();
    let line = outcome(|| program("/bin/true", &[]).create()?.start()?.wait());
    say(&format!("{line}; {}", if children_left() { "a child is left" } else { "nothing is left" }));
}

/// Starts containers while another thread reaps every child it can find.
fn reaping() {
    static END: AtomicBool = AtomicBool::new(false);
    let reap = || {
        while !END.load(Ordering::Relaxed) {
            let _reaped = waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG));
        }
    };
    let reaper = std::thread::spawn(reap);
    for _ in 0..100 {
        println!("\n{}", outcome(|| shell("exit 3").start()?.wait()));
    }
    println!("\n{}", outcome(|| program("/no/such/program", &[]).start()?.wait()));
    END.store(true, Ordering::Relaxed);
    reaper.join().unwrap();
}

/// Tries to start a container where the launcher's file can be nowhere.
fn without_a_place() {
    needs::deny(&"memfd_create=EPERM,fsopen".parse().unwrap()).unwrap();
    let error = shell("exit 3").stdout(Stdio::Null).start().unwrap_err();
    println!("\nreport: {:?}: {}", error.kind(), Report(&error).to_string().replace('\n', " |"));
    // The rest of standard input, so that the parent's pipe does not break.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn pause() -> u8 {
    nix::unistd::pause();
    0
}

/// keyctl(2) of an operation on the session keyring that takes nothing else: 0 is to tell its number.
fn keyctl(operation: i32) -> i64 {
    const SESSION: i32 = -3;
    // SAFETY: for these operations every argument is a number, or null.
    unsafe { libc::syscall(libc::SYS_keyctl, operation, if operation == 0 { SESSION } else { 0 }, 0) }
}

/// Gives this process a session keyring of its own, and answers its number.
pub(crate) fn join_session_keyring() -> i64 {
    const JOIN: i32 = 1;
    assert!(keyctl(JOIN) > 0);
    keyctl(0)
}
