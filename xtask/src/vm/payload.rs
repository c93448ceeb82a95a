// SPDX-License-Identifier: MIT OR Apache-2.0
//! The payload: what the machine is to run, and the two files that it boots from.

use std::fs;
use std::path::{Path, PathBuf};

use guest::job::{self, Job, System};

use super::bootstrap;
use super::cpio::Archive;
use super::kernel::{self, Kernel};
use super::library;
use super::options::Options;
use super::room::Room;
use super::tree::Tree;
use crate::failure::Failure;
use crate::test::artifact::Built;
use crate::workspace::Workspace;

/// The parts that are modules in some kernels, without which there is neither disk nor port.
const BOOT_MODULES: [&str; 4] = ["virtio_pci", "virtio_blk", "virtio_console", "ext4"];

/// Where the list of what was built is in the guest.
const BUILT: &str = "/usr/lib/skep-guest/built.json";

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Our program as a unit of systemd: it has a part of the hierarchy to itself, and nothing ends it but itself.
const UNIT_PATH: &str = "/etc/systemd/system/skep-guest.service";
const UNIT: &str = "[Unit]
Description=the job of cargo xtask vm

[Service]
Type=exec
ExecStart=/usr/lib/skep-guest/guest unit
StandardOutput=journal+console
Delegate=yes
TasksMax=infinity
OOMPolicy=continue
KillMode=none
";

/// What was built, and from where.
#[derive(Debug)]
pub(super) struct Payload {
    built: Built,
    root: PathBuf,
    /// The Debian tree, where one is asked for.
    base: Option<PathBuf>,
}

/// What a machine boots from.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) initial: PathBuf,
    pub(super) disk: PathBuf,
}

impl Payload {
    /// Builds the tests, and the workspace's programs in any case.
    pub(super) fn build(options: &Options, workspace: &Workspace, vm: &Path) -> Result<Self, Failure> {
        let base = if options.system == System::Minimal { None } else { Some(bootstrap::debian(vm)?) };
        let built =
            if options.command.is_some() { Built::programs()? } else { Built::build(&options.package_arguments())? };
        Ok(Self { built, root: workspace.root.clone(), base })
    }

    /// Packs the two files for one kernel.
    pub(super) fn pack(&self, kernel: &Kernel, options: &Options, room: &Room) -> Result<Packed, Failure> {
        let tree = match &self.base {
            None => Tree::minimal(&room.join("tree"))?,
            Some(base) => Tree::debian(&room.join("tree"), base)?,
        };
        if options.system == System::Systemd {
            tree.write(UNIT_PATH, UNIT.as_bytes(), 0o644)?;
            tree.link(UNIT_PATH, "/etc/systemd/system/multi-user.target.wants/skep-guest.service")?;
        }
        self.bring_built(&tree, options)?;
        let (wanted, on_demand) = kernel::wanted_modules()?;
        let order = kernel.modules.order(&wanted);
        let later = kernel.modules.order(&on_demand);
        for file in order.files.iter().chain(&later.files) {
            let guest = format!("{}/{file}", kernel.modules_guest);
            tree.file(&kernel.modules_host.join(file), Path::new(&guest))?;
        }
        self.bring_lists(&tree, kernel)?;
        let absent = [order.absent, later.absent].concat();
        let job = self.job(kernel, options, &order.files, &absent);
        tree.write(job::PATH, &serde_json::to_vec(&job)?, 0o644)?;
        let packed = Packed { initial: room.join("initial"), disk: room.join("disk") };
        fs::write(&packed.initial, self.initial(kernel)?)
            .map_err(|error| format!("cannot write {}: {error}", packed.initial.display()))?;
        tree.pack(&packed.disk)?;
        // It has become the disk.
        fs::remove_dir_all(tree.root())?;
        Ok(packed)
    }

    /// Everything keeps the path that it has here: a test may have been compiled with it.
    fn bring_built(&self, tree: &Tree, options: &Options) -> Result<(), Failure> {
        let programs = self.built.programs.iter().chain(self.built.tests.iter().map(|test| &test.path));
        for path in programs {
            tree.stripped(path, path)?;
        }
        tree.stripped(self.built.program("xtask")?, Path::new("/usr/lib/skep-guest/xtask"))?;
        tree.stripped(self.built.program("guest")?, Path::new(job::PROGRAM))?;
        tree.write(BUILT, &serde_json::to_vec(&self.built)?, 0o644)?;
        tree.sources(&self.root)?;
        bring_command(tree, options.command.as_deref().unwrap_or_default())
    }

    /// What modprobe reads.
    fn bring_lists(&self, tree: &Tree, kernel: &Kernel) -> Result<(), Failure> {
        for entry in fs::read_dir(&kernel.modules_host)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let guest = format!("{}/{}", kernel.modules_guest, entry.file_name().display());
                tree.file(&entry.path(), Path::new(&guest))?;
            }
        }
        Ok(())
    }

    fn job(&self, kernel: &Kernel, options: &Options, modules: &[String], absent: &[String]) -> Job {
        let programs = self.built.programs.first().and_then(|path| path.parent()).unwrap_or(Path::new("/"));
        let test = || {
            let words = options.test_arguments(&kernel.name, BUILT);
            ["/usr/lib/skep-guest/xtask".to_owned()].into_iter().chain(words).collect()
        };
        let variables = [("PATH", format!("{PATH}:{}", programs.display())), ("HOME", "/root".to_owned())];
        Job {
            system: options.system,
            cgroup: options.cgroup,
            modules: modules.iter().map(|file| format!("{}/{file}", kernel.modules_guest)).collect(),
            lacks: absent.iter().map(|name| format!("the kernel has no module {name}")).collect(),
            command: options.command.clone().unwrap_or_else(test),
            environment: variables.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            directory: "/root".to_owned(),
        }
    }

    /// The guest's program, its libraries, and the modules that bring the disk.
    fn initial(&self, kernel: &Kernel) -> Result<Vec<u8>, Failure> {
        let read = |path: &Path| fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()));
        let mut archive = Archive::default();
        for directory in ["/dev", "/proc", "/sys", "/root", "/modules"] {
            archive.directory(directory);
        }
        // The kernel opens it for its init before anything is mounted.
        archive.device("/dev/console", 5, 1);
        let guest = self.built.program("guest")?;
        archive.file("/init", &read(guest)?);
        let mut made = Vec::new();
        for library in library::of(guest)? {
            let above: Vec<&Path> = library.ancestors().skip(1).filter(|path| path.parent().is_some()).collect();
            for directory in above.into_iter().rev().map(|path| path.display().to_string()) {
                if !made.contains(&directory) {
                    archive.directory(&directory);
                    made.push(directory);
                }
            }
            archive.file(&library.display().to_string(), &read(&library)?);
        }
        let order = kernel.modules.order(BOOT_MODULES);
        if !order.absent.is_empty() {
            return Err(format!("the kernel has no module {}", order.absent.join(", ")).into());
        }
        let mut paths = Vec::new();
        for file in &order.files {
            let path = format!("/modules/{}", file.rsplit('/').next().unwrap_or(file));
            archive.file(&path, &read(&kernel.modules_host.join(file))?);
            paths.push(path);
        }
        archive.file(job::BOOT_MODULES, &serde_json::to_vec(&paths)?);
        Ok(archive.finish())
    }
}

/// Brings the program of a command, and every other of its words that is a file here: what it starts in its turn.
fn bring_command(tree: &Tree, words: &[String]) -> Result<(), Failure> {
    for (at, word) in words.iter().enumerate() {
        if word.starts_with('/') && Path::new(word).is_file() {
            tree.program(Path::new(word))?;
        } else if at == 0 {
            tree.program_by_name(word)?;
        }
    }
    Ok(())
}
