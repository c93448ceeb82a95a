// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program that tells whoever has started skep-oci that it is ready.

use std::os::unix::net::UnixDatagram;

use needs::{isolated_for, needs};

use crate::common::{Bundle, DEADLINE, id, said};

/// A shell line that says something to the socket: busybox has logger(1), which talks to /dev/log.
fn says(lines: &str) -> String {
    format!("logger -t \"$(printf 'x\\n{lines}\\nx')\" x")
}

/// A bundle whose program finds the socket where logger looks for it.
fn bundle(script: &str) -> Bundle {
    Bundle::new(&format!("ln -s $NOTIFY_SOCKET /dev/log; {script}"), |_| ())
}

fn received(socket: &UnixDatagram) -> String {
    let mut message = [0; 4096];
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let length = socket.recv(&mut message).unwrap();
    String::from_utf8_lossy(&message[..length]).into_owned()
}

#[test]
fn start_waits_until_the_program_is_ready_and_tells_who_waits_for_us() {
    needs!(root, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let (bundle, web) = (bundle(&format!("{}; sleep 1000", says("MAINPID=1\\nREADY=1\\nSTATUS=up"))), id("web"));
        let outside = bundle.file("outside.sock");
        let socket = UnixDatagram::bind(&outside).unwrap();
        let call = |args: &[&str]| {
            let streams = [(); 2].map(|()| std::fs::File::create(bundle.file("said")).unwrap());
            let [out, err] = streams;
            let mut command = bundle.command(args);
            let status = command.env("NOTIFY_SOCKET", &outside).stdout(out).stderr(err).status().unwrap();
            assert!(status.success(), "{}", std::fs::read_to_string(bundle.file("said")).unwrap());
        };
        call(&["create", &web]);
        call(&["start", &web]);
        let message = received(&socket);
        let pid = bundle.state(&web)["pid"].as_i64().unwrap();
        assert!(message.starts_with(&format!("MAINPID={pid}\n")), "{message}");
        assert!(message.lines().any(|line| line == "READY=1") && message.contains("\nSTATUS=up\n"), "{message}");
        bundle.done(&["delete", "--force", &web]);
        bundle.assert_nothing_left();
    });
}

#[test]
fn in_the_foreground_all_is_handed_on() {
    needs!(root, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let (bundle, web) = (bundle(&format!("{}; {}", says("READY=1"), says("STOPPING=1"))), id("web"));
        let outside = bundle.file("outside.sock");
        let socket = UnixDatagram::bind(&outside).unwrap();
        let out = bundle.command(&["run", &web]).env("NOTIFY_SOCKET", &outside).output().unwrap();
        assert!(out.status.success(), "{}", said(&out));
        assert!(received(&socket).contains("\nREADY=1\n"));
        assert!(received(&socket).contains("\nSTOPPING=1\n"));
        bundle.assert_nothing_left();
    });
}

#[test]
fn one_that_ends_without_a_word_keeps_nobody_waiting_and_leaves_nothing() {
    needs!(root, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let (bundle, web) = (bundle("exit 3"), id("web"));
        let outside = bundle.file("outside.sock");
        let _socket = UnixDatagram::bind(&outside).unwrap();
        let out = bundle.command(&["run", &web]).env("NOTIFY_SOCKET", &outside).output().unwrap();
        assert_eq!(out.status.code(), Some(3), "{}", said(&out));
        bundle.assert_nothing_left();
        let out = bundle.command(&["run", &web]).env("NOTIFY_SOCKET", "nowhere").output().unwrap();
        assert!(said(&out).contains("NOTIFY_SOCKET: \"nowhere\" is neither a path nor @ and a name"), "{}", said(&out));
        bundle.change(|config| config["process"]["args"] = serde_json::json!(["/nothing"]));
        let out = bundle.command(&["run", &web]).env("NOTIFY_SOCKET", &outside).output().unwrap();
        assert_eq!(out.status.code(), Some(1), "{}", said(&out));
        bundle.assert_nothing_left();
    });
}
