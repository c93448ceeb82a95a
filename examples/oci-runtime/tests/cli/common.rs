// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bundle with busybox in it, and skep-oci called for it.

use std::fs;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use needs::{Scratch, bin, token};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use serde_json::{Value, json};

/// For what takes long under emulation.
pub(crate) const DEADLINE: Duration = Duration::from_secs(300);

/// The commands that tests call.
const COMMANDS: [&str; 16] = [
    "sh", "cat", "echo", "env", "grep", "hostname", "id", "kill", "ln", "logger", "pwd", "sleep", "stty", "true",
    "tty", "trap",
];

/// A bundle in a directory of its own, and beside it one for the states of containers.
pub(crate) struct Bundle {
    dir: Scratch,
}

impl Bundle {
    /// The configuration that skep-oci gives who asks for one, without a terminal, and with what differs in it.
    pub(crate) fn new(script: &str, change: impl FnOnce(&mut Value)) -> Self {
        let dir = Scratch::new();
        let root = dir.join("rootfs/bin");
        fs::create_dir_all(&root).unwrap();
        for name in ["proc", "dev", "sys", "tmp", "etc"] {
            fs::create_dir(dir.join("rootfs").join(name)).unwrap();
        }
        let path = std::env::var_os("PATH").unwrap();
        let busybox = std::env::split_paths(&path).map(|dir| dir.join("busybox")).find(|file| file.is_file()).unwrap();
        fs::copy(busybox, root.join("busybox")).unwrap();
        COMMANDS.iter().for_each(|name| symlink("busybox", root.join(name)).unwrap());
        let bundle = Self { dir };
        let rootless: &[&str] = if is_root() { &[] } else { &["--rootless"] };
        let path = bundle.path();
        let out = oci(&[&["spec", "-b", path.to_str().unwrap()], rootless].concat());
        assert!(out.status.success(), "{}", said(&out));
        bundle.change(|config| {
            config["process"]["terminal"] = json!(false);
            config["process"]["args"] = json!(["sh", "-c", script]);
            change(config);
        });
        bundle
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Value)) {
        let file = self.dir.join("config.json");
        let mut config: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        change(&mut config);
        fs::write(file, config.to_string()).unwrap();
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn states(&self) -> PathBuf {
        self.dir.join("states")
    }

    /// skep-oci for this bundle; without control groups, whose rights few have.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(bin("skep-oci"));
        command.arg("--root").arg(self.states()).args(["--cgroup-manager", "disabled"]).args(args);
        command.current_dir(self.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn oci(&self, args: &[&str]) -> Output {
        if !args.iter().any(|arg| ["create", "-d", "--detach"].contains(arg)) {
            return self.command(args).output().unwrap();
        }
        // Who is detached keeps our streams: a pipe would not end with skep-oci.
        let [out, err] = ["out", "err"].map(|name| self.dir.join(name));
        let streams = [&out, &err].map(|path| fs::File::create(path).unwrap());
        let [stdout, stderr] = streams;
        let status = self.command(args).stdout(stdout).stderr(stderr).status().unwrap();
        Output { status, stdout: fs::read(out).unwrap(), stderr: fs::read(err).unwrap() }
    }

    /// The same, which must not fail.
    pub(crate) fn done(&self, args: &[&str]) -> String {
        let out = self.oci(args);
        assert!(out.status.success(), "{args:?}: {}", said(&out));
        text(&out.stdout).to_owned()
    }

    /// The same, which must fail: what is said of it, which is one line for who is no person, as that person would read it.
    pub(crate) fn refused(&self, args: &[&str]) -> String {
        let out = self.oci(args);
        assert_eq!(out.status.code(), Some(1), "{args:?}: {}", said(&out));
        let said = text(&out.stderr);
        assert!(said.starts_with("error: ") && said.lines().count() == 1, "{said}");
        said.replace("; ", "\n  ")
    }

    pub(crate) fn state(&self, id: &str) -> Value {
        serde_json::from_str(&self.done(&["state", id])).unwrap()
    }

    /// Nothing of a container is left.
    pub(crate) fn assert_nothing_left(&self) {
        let entries = fs::read_dir(self.states()).into_iter().flatten();
        let left: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// An id, which is a control group's name too.
pub(crate) fn id(name: &str) -> String {
    format!("{}-{name}", token())
}

pub(crate) fn oci(args: &[&str]) -> Output {
    Command::new(bin("skep-oci")).args(args).stdin(Stdio::null()).output().unwrap()
}

pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// All that was said, for a test that fails.
pub(crate) fn said(out: &Output) -> String {
    format!("{}: {}{}", out.status, text(&out.stdout), text(&out.stderr))
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Waits until it is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < DEADLINE, "{what}: not so for minutes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The number in a file that is there at once.
pub(crate) fn pid_in(file: &Path) -> i32 {
    fs::read_to_string(file).unwrap().parse().unwrap()
}

/// What an engine does: takes the descriptor that comes with a message, and reads this.
pub(crate) fn received(listener: &UnixListener) -> (String, OwnedFd) {
    let (stream, _) = listener.accept().unwrap();
    let mut bytes = [0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let message =
        rustix::net::recvmsg(&stream, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC);
    let length = message.unwrap().bytes;
    let mut fds: Vec<OwnedFd> = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = message {
            fds.extend(more);
        }
    }
    assert_eq!(fds.len(), 1);
    (text(bytes.get(..length).unwrap()).to_owned(), fds.remove(0))
}
