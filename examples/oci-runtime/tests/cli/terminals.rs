// SPDX-License-Identifier: MIT OR Apache-2.0
//! Terminals: of a console socket, and shown where skep-oci runs.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use needs::{isolated, needs};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::common::{Bundle, id, said, text};

/// The terminal that comes to a console socket.
fn received(listener: &UnixListener) -> OwnedFd {
    let (message, terminal) = crate::common::received(listener);
    assert_eq!(message, "/dev/ptmx");
    terminal
}

/// All that is shown until nobody has the other side open.
fn shown(terminal: OwnedFd) -> String {
    let mut bytes = Vec::new();
    let _hung_up = File::from(terminal).read_to_end(&mut bytes);
    text(&bytes).to_owned()
}

#[test]
fn a_console_socket_is_sent_the_terminal() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let bundle = Bundle::new("tty; stty size", |config| {
            config["process"]["terminal"] = json!(true);
            config["process"]["consoleSize"] = json!({"height": 30, "width": 100});
        });
        let (id, socket) = (id("web"), bundle.file("console"));
        let listener = UnixListener::bind(&socket).unwrap();
        bundle.done(&["run", "-d", "--console-socket", socket.to_str().unwrap(), &id]);
        assert_eq!(shown(received(&listener)), "/dev/pts/0\r\n30 100\r\n");
        bundle.done(&["delete", "-f", &id]);

        bundle.change(|config| {
            config["process"]["terminal"] = json!(false);
            config["process"]["args"] = json!(["sleep", "1000"]);
        });
        bundle.done(&["run", "-d", &id]);
        bundle.done(&["exec", "-d", "-t", "--console-socket", socket.to_str().unwrap(), &id, "tty"]);
        assert_eq!(shown(received(&listener)), "/dev/pts/0\r\n");
        bundle.done(&["delete", "-f", &id]);
    });
}

#[test]
fn a_terminal_that_nobody_would_see_is_refused_before_anything_is_made() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let bundle = Bundle::new("true", |config| config["process"]["terminal"] = json!(true));
        let socket = bundle.file("console");
        let said = bundle.refused(&["run", "-d", "web"]);
        assert!(said.contains("process.terminal: ") && said.contains("--console-socket"), "{said}");
        let options = ["run", "-d", "web", "--console-socket", socket.to_str().unwrap()];
        let said = bundle.refused(&options);
        assert!(said.contains("cannot connect") && said.contains("No such file"), "{said}");
        drop(UnixListener::bind(&socket).unwrap());
        let said = bundle.refused(&options);
        assert!(said.contains("Connection refused"), "{said}");
        bundle.assert_nothing_left();
    });
}

#[test]
fn a_terminal_is_shown_where_it_runs() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let bundle = Bundle::new("read line; echo got $line; tty; exit 6", |config| {
            config["process"]["terminal"] = json!(true);
        });
        let mut child =
            bundle.command(&["run", &id("web")]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"hello\n").unwrap();
        let out = child.wait_with_output().unwrap();
        assert_eq!(out.status.code(), Some(6), "{}", said(&out));
        assert!(text(&out.stdout).ends_with("got hello\r\n/dev/pts/0\r\n"), "{}", said(&out));
        // The end of our input is the key that ends it there.
        bundle.change(|config| config["process"]["args"] = json!(["sh", "-c", "cat; exit 7"]));
        assert_eq!(bundle.oci(&["run", &id("end")]).status.code(), Some(7));
        bundle.assert_nothing_left();
    });
}

#[test]
fn a_program_that_writes_without_a_pause_keeps_no_signal_from_us() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let bundle = Bundle::new("trap 'exit 0' TERM; while :; do echo much; done & wait", |config| {
            config["process"]["terminal"] = json!(true);
        });
        let id = id("web");
        let mut run = bundle.command(&["run", "--keep", &id]).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = run.stdout.take().unwrap();
        // It has written, and nobody reads on.
        out.read_exact(&mut [0; 4]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100));
        kill(Pid::from_raw(run.id().cast_signed()), Signal::SIGTERM).unwrap();
        crate::common::until("it has ended", || bundle.state(&id)["status"] == "stopped");
        out.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(run.wait().unwrap().code(), Some(0));
        bundle.done(&["delete", &id]);
    });
}
