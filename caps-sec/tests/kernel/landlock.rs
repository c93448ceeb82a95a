// SPDX-License-Identifier: MIT OR Apache-2.0
//! Landlock for real: files, ports and others that are denied to programs, and what of it was enforced.

use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use needs::{Scratch, isolated, isolated_unboxed, needs};
use skep_caps_sec::{
    ErrorKind, FileRights, Landlock, LandlockRights, NetRights, Privileges, Scopes, enter_no_new_privs,
};

use super::support::{As, on_a_thread, prepared};

/// Whether this kernel has it, at least in this version.
fn has(version: u32) -> bool {
    Landlock::version().is_ok_and(|has| has >= version)
}

fn run(landlock: Landlock, program: &str, arguments: &[&str]) -> io::Result<Output> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    prepared(&mut command, &Privileges::new().no_new_privs().landlock(landlock), As::Us).output()
}

/// Everything is denied that this kernel knows, but to read and execute what programs need.
fn reader() -> Landlock {
    let known = LandlockRights::known_to(Landlock::version().unwrap());
    let system = ["/usr", "/bin", "/lib", "/lib64", "/etc", "/proc"];
    let reader = Landlock::new().deny_files(known.files);
    system.iter().fold(reader, |reader, path| reader.allow_path_if_present(path, FileRights::READ_EXECUTE))
}

#[test]
fn a_program_reads_and_writes_what_it_may_and_nothing_else() {
    needs!(syscall("landlock_create_ruleset"), kernel(5, 13));
    isolated(|| {
        let scratch = Scratch::new();
        for name in ["open", "shut"] {
            fs::create_dir(scratch.join(name)).unwrap();
            fs::write(scratch.join(name).join("file"), name).unwrap();
        }
        let [open, shut] = ["open/file", "shut/file"].map(|name| scratch.join(name).to_str().unwrap().to_owned());
        let reader = reader().allow_path(scratch.join("open"), FileRights::READ);
        let out = run(reader.clone(), "cat", &[&open, &shut]).unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout), "open");
        assert!(String::from_utf8_lossy(&out.stderr).contains("Permission denied"));
        let write = ["-c", "echo no > \"$1\"", "sh", &open];
        assert!(!run(reader.clone(), "sh", &write).unwrap().status.success());
        // The rule of a file has the rights alone that a file can have.
        let writer = reader.allow_path(&open, FileRights::READ | FileRights::WRITE_FILE);
        let writer = if has(3) { writer.allow_path(&open, FileRights::TRUNCATE) } else { writer };
        assert!(run(writer, "sh", &write).unwrap().status.success());
        assert_eq!(fs::read_to_string(&open).unwrap(), "no\n");
    });
}

#[test]
fn what_may_not_be_executed_does_not_start() {
    needs!(syscall("landlock_create_ruleset"), kernel(5, 13));
    isolated(|| {
        let nothing = Landlock::new().deny_files(FileRights::EXECUTE);
        assert_eq!(run(nothing, "true", &[]).unwrap_err().raw_os_error(), Some(libc::EACCES));
    });
}

#[test]
fn ports_are_denied_but_those_that_are_allowed() {
    needs!(syscall("landlock_create_ruleset"), kernel(6, 7));
    // Not in a box, whose loopback link is down.
    isolated_unboxed(|| {
        let [good, bad] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [good_port, bad_port] = [&good, &bad].map(|listener| listener.local_addr().unwrap().port());
        on_a_thread(|| {
            enter_no_new_privs().unwrap();
            let net = Landlock::new().deny_net(NetRights::all()).allow_port(good_port, NetRights::CONNECT_TCP);
            net.enter_thread().unwrap();
            TcpStream::connect(("127.0.0.1", good_port)).unwrap();
            let error = TcpStream::connect(("127.0.0.1", bad_port)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            assert_eq!(TcpListener::bind("127.0.0.1:0").unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        });
        // Other threads are as they were.
        TcpStream::connect(("127.0.0.1", bad_port)).unwrap();
    });
}

#[test]
fn processes_outside_are_not_signalled() {
    needs!(syscall("landlock_create_ruleset"), kernel(6, 12));
    isolated(|| {
        let pid = std::process::id().to_string();
        let kill = ["-c", "kill -0 \"$1\"", "sh", &pid];
        let mut command = Command::new("sh");
        assert!(command.args(kill).status().unwrap().success());
        let out = run(Landlock::new().deny_beyond(Scopes::SIGNAL), "sh", &kill).unwrap();
        assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("not permitted"), "{out:?}");
        let inside = run(Landlock::new().deny_beyond(Scopes::SIGNAL), "sh", &["-c", "kill -0 $$"]).unwrap();
        assert!(inside.status.success(), "{inside:?}");
    });
}

#[test]
fn what_the_kernel_does_not_know_is_refused_by_name_or_left_out_by_name() {
    needs!(syscall("landlock_create_ruleset"), kernel(5, 13));
    isolated(|| {
        let future = FileRights::from_bits_retain(1 << 60);
        let wish = Landlock::new().deny_files(FileRights::WRITE_FILE | future);
        on_a_thread(|| {
            enter_no_new_privs().unwrap();
            let error = wish.enter_thread().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            let why = std::error::Error::source(&error).unwrap().to_string();
            assert!(why.contains("of Landlock, which this kernel has, does not know"), "{why}");
            let enforced = wish.enter_thread_where_possible().unwrap();
            assert_eq!(enforced, LandlockRights { files: FileRights::WRITE_FILE, ..LandlockRights::default() });
            assert!(fs::write("/dev/null", "").is_err());
        });
        fs::write("/dev/null", "").unwrap();
    });
}

#[test]
fn a_path_that_is_not_there_is_named_unless_it_is_optional() {
    needs!(syscall("landlock_create_ruleset"), kernel(5, 13));
    isolated(|| {
        on_a_thread(|| {
            enter_no_new_privs().unwrap();
            let absent = Landlock::new().deny_files(FileRights::READ_DIR);
            let error = absent.clone().allow_path("/absent", FileRights::READ_DIR).enter_thread().unwrap_err();
            assert_eq!((error.to_string().as_str(), error.errno()), ("cannot allow by Landlock \"/absent\"", Some(2)));
            assert!(fs::read_dir("/").is_ok());
            absent.allow_path_if_present("/absent", FileRights::READ_DIR).enter_thread().unwrap();
            assert!(fs::read_dir("/").is_err());
        });
    });
}

#[test]
fn without_the_promise_a_user_is_refused_with_the_reason() {
    needs!(user, syscall("landlock_create_ruleset"), kernel(5, 13));
    isolated(|| {
        let error = Landlock::new().deny_files(FileRights::READ_DIR).enter_thread().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.hint().unwrap().contains("no_new_privs"));
        assert!(fs::read_dir(Path::new("/")).is_ok());
    });
}

#[test]
fn every_problem_of_a_ruleset_is_told() {
    let bad = Landlock::new().allow_path("", FileRights::READ_FILE).allow_port(1, NetRights::empty());
    assert_eq!(
        bad.problems(),
        [
            "landlock.denied: nothing is denied",
            "landlock.rules[0]: \"\" is no path",
            "landlock.rules[0]: read_file is allowed to \"\", and not denied anywhere",
            "landlock.rules[1]: nothing is allowed to port 1",
        ]
    );
    assert_eq!(bad.enter_thread().unwrap_err().problems().len(), 4);
}
