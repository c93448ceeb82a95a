// SPDX-License-Identifier: MIT OR Apache-2.0
//! A root to live in, a thread that lives in it, and what is mounted there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use needs::Scratch;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::mount::{MountPropagationFlags, mount_change};
use skep_rootfs::{Error, Mounts, Prepared, RootSpec, Setting, Steps};

/// A call that nothing here makes: denied, it changes nothing.
pub(crate) const NOTHING: &str = "kcmp";

/// A root with empty directories, and beside it a directory that nobody in the root may reach.
pub(crate) struct Tree {
    dir: Scratch,
}

impl Tree {
    pub(crate) fn new() -> Self {
        let dir = Scratch::new();
        for name in ["root/proc", "root/sys", "root/dev", "root/run", "root/data", "canary"] {
            fs::create_dir_all(dir.join(name)).unwrap();
        }
        fs::write(dir.join("canary/file"), "untouched").unwrap();
        Self { dir }
    }

    /// A path in the root.
    pub(crate) fn join(&self, path: &str) -> PathBuf {
        self.dir.join("root").join(path)
    }

    /// A path beside the root.
    pub(crate) fn beside(&self, path: &str) -> PathBuf {
        self.dir.join(path)
    }

    pub(crate) fn spec(&self) -> RootSpec {
        RootSpec::new(self.dir.join("root"))
    }

    /// Puts a link in place of an empty directory of the root.
    pub(crate) fn link(&self, path: &str, to: impl AsRef<Path>) {
        let path = self.join(path);
        if path.is_dir() {
            fs::remove_dir(&path).unwrap();
        }
        std::os::unix::fs::symlink(to, path).unwrap();
    }

    #[track_caller]
    pub(crate) fn assert_canary_is_untouched(&self) {
        let canary = self.beside("canary");
        let names: Vec<_> = fs::read_dir(&canary).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["file"]);
        assert_eq!(fs::read_to_string(canary.join("file")).unwrap(), "untouched");
    }

    /// Has a thread live in the root with these mounts, and do what `life` says; its mounts are gone with it.
    pub(crate) fn live<T: Send>(&self, mounts: &Mounts, life: impl FnOnce(&View) -> T + Send) -> Result<T, Error> {
        live(&Steps::new(Some(&self.spec()), mounts, Setting::default()), life)
    }
}

/// Has a thread perform these steps, and then do what `life` says.
pub(crate) fn live<T: Send>(steps: &Steps, life: impl FnOnce(&View) -> T + Send) -> Result<T, Error> {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let view = View::new();
            steps.enter_mounts()?;
            Ok(life(&view))
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// What is mounted at or below `path` after `work`, in a mount namespace that is gone with it: where whoever believes paths
/// has landed.
pub(crate) fn landed_in(path: &Path, work: impl FnOnce() + Send) -> Vec<String> {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            skep_rootfs::floor::sys::unshare_mounts().unwrap();
            mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
            work();
            mounted_below(path)
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The same with steps that were prepared.
pub(crate) fn live_prepared<T: Send>(steps: &Prepared, life: impl FnOnce(&View) -> T + Send) -> Result<T, Error> {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let view = View::new();
            steps.apply().map_err(|error| steps.explain(error))?;
            Ok(life(&view))
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// What a thread can be asked about its mounts, whatever it has for a /proc.
pub(crate) struct View(rustix::fd::OwnedFd);

impl View {
    fn new() -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Self(openat(CWD, "/proc/thread-self", flags, Mode::empty()).unwrap())
    }

    pub(crate) fn mounts(&self) -> Vec<MountLine> {
        let file = openat(&self.0, "mountinfo", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let text = std::io::read_to_string(fs::File::from(file)).unwrap();
        text.lines().map(MountLine::parse).collect()
    }

    /// What is mounted at `target`: the mount that is on top.
    #[track_caller]
    pub(crate) fn at(&self, target: &str) -> MountLine {
        let mounts = self.mounts();
        let found = mounts.iter().rev().find(|mount| mount.target == target).cloned();
        found.unwrap_or_else(|| panic!("nothing is mounted at {target}: {mounts:#?}"))
    }
}

/// A line of mountinfo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountLine {
    pub(crate) root: String,
    pub(crate) target: String,
    pub(crate) attributes: Vec<String>,
    pub(crate) propagation: String,
    pub(crate) kind: String,
    pub(crate) options: Vec<String>,
}

impl MountLine {
    fn parse(line: &str) -> Self {
        let (mount, super_block) = line.split_once(" - ").unwrap();
        let mount: Vec<&str> = mount.split(' ').collect();
        let super_block: Vec<&str> = super_block.split(' ').collect();
        let list = |text: &str| text.split(',').map(str::to_owned).collect();
        Self {
            root: mount[3].to_owned(),
            target: mount[4].to_owned(),
            attributes: list(mount[5]),
            propagation: mount[6..].join(" "),
            kind: super_block[0].to_owned(),
            options: list(super_block[2]),
        }
    }

    /// Its attributes, without how access times are kept.
    pub(crate) fn attributes(&self) -> String {
        let known = |word: &&String| ["ro", "rw", "nosuid", "nodev", "noexec"].contains(&word.as_str());
        self.attributes.iter().filter(known).cloned().collect::<Vec<_>>().join(",")
    }

    #[track_caller]
    pub(crate) fn assert_option(&self, option: &str) {
        assert!(self.options.iter().any(|found| found == option), "{option} is none of {self:?}");
    }
}

/// What `/proc/thread-self/mountinfo` of this machine says is mounted below `path`.
pub(crate) fn mounted_below(path: &Path) -> Vec<String> {
    let text = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    let mounts = text.lines().map(MountLine::parse).map(|mount| mount.target);
    mounts.filter(|target| Path::new(target).starts_with(path)).collect()
}

/// Runs this test again, alone, as root of new namespaces, by unshare(1) with these options. True in that second life.
pub(crate) fn again_in_namespaces(options: &[&str]) -> bool {
    again_by(Command::new("unshare").args(["--user", "--map-root-user", "--mount"]).args(options))
}

/// Runs this test again, alone, by a command that ends with what it starts. True in that second life.
pub(crate) fn again_by(command: &mut Command) -> bool {
    const LIFE: &str = "SKEP_ROOTFS_SECOND_LIFE";
    if std::env::var_os(LIFE).is_some() {
        return true;
    }
    let test = thread::current().name().unwrap().to_owned();
    let output = command
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &test, "--nocapture", "--test-threads=1"])
        .env(LIFE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("second life lived"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    false
}

/// Names in a directory, sorted.
pub(crate) fn names(path: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The error number of a refused write.
pub(crate) fn write_errno(path: &str) -> Option<i32> {
    fs::OpenOptions::new().write(true).open(path).err().and_then(|error| error.raw_os_error())
}
