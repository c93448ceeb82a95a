// SPDX-License-Identifier: MIT OR Apache-2.0
//! A root directory with busybox and nothing else, and containers in it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use needs::{Scratch, token};
use skep::rootfs::Mounts;
use skep::{Builder, Container};

use crate::common::namespaces;

/// The commands that tests call.
const COMMANDS: [&str; 25] = [
    "sh", "cat", "chmod", "echo", "env", "grep", "head", "hostname", "id", "kill", "ls", "mkdir", "mount", "ps", "pwd",
    "readlink", "rm", "seq", "sleep", "sort", "stat", "touch", "true", "wc", "test",
];

/// A root directory, and beside it a directory for the states of containers.
pub(crate) struct Tree {
    dir: Scratch,
}

impl Tree {
    pub(crate) fn new() -> Self {
        let dir = Scratch::new();
        let bin = dir.join("root/bin");
        fs::create_dir_all(&bin).unwrap();
        for name in ["proc", "dev", "sys", "tmp", "etc"] {
            fs::create_dir(dir.join("root").join(name)).unwrap();
        }
        fs::copy(busybox(), bin.join("busybox")).unwrap();
        for name in COMMANDS {
            symlink("busybox", bin.join(name)).unwrap();
        }
        Self { dir }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    pub(crate) fn states(&self) -> PathBuf {
        self.dir.join("states")
    }

    /// Its files and directories, sorted, to be compared with those of another moment.
    pub(crate) fn listing(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        list(&self.root(), &mut found);
        found.sort();
        found
    }

    /// A container without a name in this tree, whose program is the shell.
    pub(crate) fn shell(&self, script: &str) -> Builder {
        self.furnish(Container::anonymous(), script)
    }

    /// A container with a name, which carries this run's token, in this tree.
    pub(crate) fn named(&self, name: &str, script: &str) -> Builder {
        self.furnish(Container::builder(self.name(name)), script).state_root(self.states())
    }

    /// The name that [`named`](Self::named) gives.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{name}-{}", token())
    }

    /// A container of this tree by its name.
    pub(crate) fn open(&self, name: &str) -> Result<Container, skep::Error> {
        Container::open_in(&self.states(), &self.name(name))
    }

    fn furnish(&self, builder: Builder, script: &str) -> Builder {
        builder
            .namespaces(namespaces())
            .root(self.root())
            .mounts(Mounts::standard())
            .hostname("hive")
            .env("PATH", "/bin")
            .command("/bin/sh", ["-c", script])
    }
}

fn list(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        found.push(entry.path());
        if entry.file_type().unwrap().is_dir() {
            list(&entry.path(), found);
        }
    }
}

/// The static busybox of this machine.
fn busybox() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).map(|dir| dir.join("busybox")).find(|path| path.exists()).unwrap()
}

/// Every cgroup directory with `name` in its own name.
pub(crate) fn cgroups_called(name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(hierarchies) = fs::read_dir("/sys/fs/cgroup") else { return found };
    let hierarchies = hierarchies.flatten().map(|entry| entry.path()).chain([PathBuf::from("/sys/fs/cgroup")]);
    for hierarchy in hierarchies {
        let groups = fs::read_dir(hierarchy).into_iter().flatten().flatten().map(|entry| entry.path());
        found.extend(groups.filter(|path| path.file_name().is_some_and(|each| each.to_string_lossy().contains(name))));
    }
    found
}
