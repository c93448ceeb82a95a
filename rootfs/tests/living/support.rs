// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process that lives in a mount namespace of its own, and a thread that does.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use needs::{Messages, in_words};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use skep_rootfs::{Error, MountInfo, MountNamespace};

const MESSAGES: Messages =
    Messages::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/living/messages.txt"), include_str!("messages.txt"));

/// Compares all that an error says with what is kept, with `dir` as "DIR".
#[track_caller]
pub(crate) fn check(name: &str, dir: &Path, error: &Error) {
    let said = in_words(error, &error.kind(), error.errno(), error.hint());
    MESSAGES.check(name, &said.replace(dir.to_str().unwrap(), "DIR"));
}

/// A process that does nothing, in namespaces of its own, until it goes.
pub(crate) struct Living {
    child: Child,
}

impl Living {
    /// Started by unshare(1) with these options.
    pub(crate) fn new(options: &[&str]) -> Self {
        let mut child = Command::new("unshare")
            .args(["--mount", "--propagation", "private"])
            .args(options)
            .args(["sh", "-c", "echo ready; read line"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { child }
    }

    pub(crate) fn pidfd(&self) -> OwnedFd {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        pidfd_open(pid, PidfdFlags::empty()).unwrap()
    }

    pub(crate) fn namespace(&self) -> MountNamespace {
        MountNamespace::of_process(self.pidfd()).unwrap()
    }

    pub(crate) fn mounts(&self) -> Vec<MountInfo> {
        MountInfo::of_process(self.child.id()).unwrap()
    }

    /// A path, as the process sees it.
    pub(crate) fn sees(&self, path: &Path) -> std::path::PathBuf {
        Path::new(&format!("/proc/{}/root", self.child.id())).join(path.strip_prefix("/").unwrap())
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// A thread in a mount namespace of its own, with a directory for its root.
pub(crate) struct Other {
    /// Told to end by its end.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    namespace: File,
    root: OwnedFd,
}

impl Other {
    pub(crate) fn new(root: &Path) -> Self {
        let (end, ended) = channel::<()>();
        let (tell, told) = channel();
        let root = root.to_owned();
        let thread = thread::spawn(move || {
            own_mounts();
            mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let root = openat(CWD, &root, flags, Mode::empty()).unwrap();
            tell.send((File::open("/proc/thread-self/ns/mnt").unwrap(), root)).unwrap();
            let _ = ended.recv();
        });
        let (namespace, root) = told.recv().unwrap();
        Self { end: Some(end), thread: Some(thread), namespace, root }
    }

    pub(crate) fn namespace(&self) -> MountNamespace {
        let namespace = self.namespace.try_clone().unwrap();
        MountNamespace::of_namespace(namespace).unwrap().root(self.root.try_clone().unwrap())
    }

    pub(crate) fn file(&self) -> &File {
        &self.namespace
    }

    pub(crate) fn mounts(&self) -> Vec<MountInfo> {
        MountInfo::of_namespace(&self.namespace).unwrap()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.end.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Has this thread have a mount namespace of its own.
#[allow(deprecated, reason = "of a thread that ends, and whose descriptors are not unshared")]
pub(crate) fn own_mounts() {
    rustix::thread::unshare(rustix::thread::UnshareFlags::NEWNS).unwrap();
}

/// Names in a directory, sorted.
pub(crate) fn names(path: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
