// SPDX-License-Identifier: MIT OR Apache-2.0
//! Terminals: of a console socket, and shown where skep-oci runs.

use std::fs::File;
use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use needs::{isolated, needs};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use serde_json::json;

use crate::common::{Bundle, id, said, text};

/// What an engine does: takes the descriptor that comes with a message.
fn received(listener: &UnixListener) -> OwnedFd {
    let (stream, _) = listener.accept().unwrap();
    let mut bytes = [0; 64];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let message =
        rustix::net::recvmsg(&stream, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC);
    assert_eq!(bytes.get(..message.unwrap().bytes).unwrap(), b"/dev/ptmx");
    let mut fds: Vec<OwnedFd> = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = message {
            fds.extend(more);
        }
    }
    assert_eq!(fds.len(), 1);
    fds.remove(0)
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
