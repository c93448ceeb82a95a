// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tree: what will be on the guest's disk, gathered in a directory of the host.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{library, room, tools};
use crate::cargo;
use crate::failure::Failure;

/// Programs that tests call by name, from the host; those that it lacks are left out, and `needs!` names them there.
const PROGRAMS: &str = "
    aa-exec apparmor_parser awk basename bash blkid bridge busybox capsh cat chgrp chmod chown chroot chrt cmp
    comm cp cut dash date dd df diff dirname dmesg du echo env expr false find findmnt flock fusermount3 getcap
    grep groups gzip head hostname id ip kill ldconfig ln losetup ls lsmod lsns mkdir mkfifo mkfs.btrfs
    mkfs.ext4 mkfs.xfs mknod mksquashfs mktemp modprobe mount mountpoint mv newgidmap newuidmap nft nproc
    nsenter od pgrep ping pivot_root printenv printf prlimit ps pwd readlink realpath rm rmdir sed seq setcap
    setpriv setsid sh sleep sort ss stat strace stty sync sysctl tail tar tc tee test timeout touch tr true tty
    umount uname uniq unshare wc which whoami xargs yes
";

/// What is a directory on every machine.
const DIRECTORIES: &str = "usr/bin usr/sbin usr/lib usr/lib64 etc dev home mnt opt proc root run srv sys var/lib";

/// The account of the user ring.
const ACCOUNT: [(&str, &str); 4] = [
    ("passwd", "skep-test:x:1000:1000::/nonexistent:/usr/sbin/nologin\n"),
    ("group", "skep-test:x:1000:\n"),
    ("subuid", "skep-test:100000:65536\n"),
    ("subgid", "skep-test:100000:65536\n"),
];

/// What a system's accounts are looked up in, where there is nothing yet.
const ETC: [(&str, &str); 7] = [
    (
        "passwd",
        "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n\
         nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n",
    ),
    ("group", "root:x:0:\ndaemon:x:1:\ntty:x:5:\nnogroup:x:65534:\n"),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
    ("hosts", "127.0.0.1 localhost skep-guest\n::1 localhost\n"),
    ("hostname", "skep-guest\n"),
    ("os-release", "ID=skep-guest\nNAME=\"the guest of cargo xtask vm\"\n"),
    ("machine-id", "5cef0000000000000000000000000001\n"),
];

/// What a Debian tree has otherwise.
const ETC_DEBIAN: [(&str, &str); 4] = [
    ("hosts", "127.0.0.1 localhost skep-guest\n::1 localhost\n"),
    ("hostname", "skep-guest\n"),
    // With one, systemd takes the machine for one that has been set up.
    ("machine-id", "5cef0000000000000000000000000001\n"),
    // Debian's clears /tmp at every boot: what was built may be there.
    ("tmpfiles.d/tmp.conf", ""),
];

/// A directory that becomes a disk.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// A tree of the host's own programs.
    pub(super) fn minimal(root: &Path) -> Result<Self, Failure> {
        let tree = Self { root: root.to_owned() };
        for directory in DIRECTORIES.split_whitespace() {
            room::make(&tree.root.join(directory))?;
        }
        // One place for programs and one for libraries, whatever path they are called by.
        for (path, target) in
            [("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64"), ("var/run", "/run")]
        {
            symlink(target, tree.root.join(path))?;
        }
        for directory in ["tmp", "var/tmp"] {
            room::make(&tree.root.join(directory))?;
            fs::set_permissions(tree.root.join(directory), fs::Permissions::from_mode(0o1777))?;
        }
        for (name, text) in ETC {
            let account = ACCOUNT.iter().find(|(file, _)| *file == name).map_or("", |(_, lines)| lines);
            tree.write(&format!("/etc/{name}"), format!("{text}{account}").as_bytes(), 0o644)?;
        }
        for (name, lines) in ACCOUNT.iter().filter(|(name, _)| name.starts_with("sub")) {
            tree.write(&format!("/etc/{name}"), lines.as_bytes(), 0o644)?;
        }
        for name in PROGRAMS.split_whitespace() {
            tree.program_by_name(name)?;
        }
        Ok(tree)
    }

    /// A tree of Debian's, from the one that is kept at `base`.
    pub(super) fn debian(root: &Path, base: &Path) -> Result<Self, Failure> {
        let tree = Self { root: root.to_owned() };
        // Second names of the same files: whatever is written here takes the place of a name, and leaves the file.
        cargo::output(tools::command("cp").args(["--archive", "--link", "--"]).arg(base).arg(root))?;
        for (name, lines) in ACCOUNT {
            let known = fs::read_to_string(base.join("etc").join(name)).unwrap_or_default();
            tree.write(&format!("/etc/{name}"), format!("{known}{lines}").as_bytes(), 0o644)?;
        }
        // PAM lets nobody in who is not here: without it the user has no manager of systemd's.
        let known = fs::read_to_string(base.join("etc/shadow")).unwrap_or_default();
        tree.write("/etc/shadow", format!("{known}skep-test:!:1::::::\n").as_bytes(), 0o600)?;
        for (name, text) in ETC_DEBIAN {
            tree.write(&format!("/etc/{name}"), text.as_bytes(), 0o644)?;
        }
        Ok(tree)
    }

    /// The directory itself.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Brings a program of the host and its libraries, if the host has it.
    pub(super) fn program_by_name(&self, name: &str) -> Result<(), Failure> {
        match tools::path(name) {
            Some(path) => self.program(&path),
            None => Ok(()),
        }
    }

    /// Brings a program and its libraries to where they are on the host; what the tree has there already is left.
    pub(super) fn program(&self, path: &Path) -> Result<(), Failure> {
        if self.inside(path).exists() {
            return Ok(());
        }
        self.file(path, path)?;
        self.libraries(path)
    }

    /// Makes a symbolic link.
    pub(super) fn link(&self, target: &str, path: &str) -> Result<(), Failure> {
        let to = self.place(Path::new(path))?;
        symlink(target, &to).map_err(|error| format!("cannot link {} to {target}: {error}", to.display()).into())
    }

    /// Brings a program of ours without what only a debugger reads: that is most of it.
    pub(super) fn stripped(&self, path: &Path, target: &Path) -> Result<(), Failure> {
        let to = self.place(target)?;
        let mut strip = tools::command("strip");
        strip.args(["--strip-debug", "-o"]).arg(&to).arg(path);
        if !strip.output().is_ok_and(|output| output.status.success()) {
            self.file(path, target)?;
        }
        self.libraries(path)
    }

    fn libraries(&self, program: &Path) -> Result<(), Failure> {
        for library in library::of(program)? {
            if !self.inside(&library).exists() {
                self.file(&library, &library)?;
            }
        }
        Ok(())
    }

    /// Brings a file with its mode: the right of newuidmap is in it.
    pub(super) fn file(&self, source: &Path, target: &Path) -> Result<(), Failure> {
        let to = self.place(target)?;
        let copied = fs::metadata(source).and_then(|meta| {
            fs::copy(source, &to)?;
            fs::set_permissions(&to, meta.permissions())
        });
        copied.map_err(|error| format!("cannot copy {} to {}: {error}", source.display(), to.display()).into())
    }

    /// Writes a file.
    pub(super) fn write(&self, target: &str, content: &[u8], mode: u32) -> Result<(), Failure> {
        let to = self.place(Path::new(target))?;
        let written = fs::write(&to, content).and_then(|()| fs::set_permissions(&to, fs::Permissions::from_mode(mode)));
        written.map_err(|error| format!("cannot write {}: {error}", to.display()).into())
    }

    /// Brings the files below a directory, without what is built and what is hidden.
    pub(super) fn sources(&self, directory: &Path) -> Result<(), Failure> {
        for entry in fs::read_dir(directory)? {
            let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
            let hidden = name.to_string_lossy().starts_with('.');
            if path.is_dir() && !hidden && name != "target" {
                self.sources(&path)?;
            } else if path.is_file() && !hidden {
                self.file(&path, &path)?;
            }
        }
        Ok(())
    }

    /// The path in the tree of what the guest will see as `target`, free for a new file.
    fn place(&self, target: &Path) -> Result<PathBuf, Failure> {
        let to = self.inside(target);
        room::make(to.parent().unwrap_or(&self.root))?;
        // A file here may be a second name of one that others use.
        let _absent = fs::remove_file(&to);
        Ok(to)
    }

    fn inside(&self, target: &Path) -> PathBuf {
        self.root.join(target.strip_prefix("/").unwrap_or(target))
    }

    /// Makes a disk of the tree: ext4, because containers are made of overlays, and those want its attributes.
    pub(super) fn pack(&self, disk: &Path) -> Result<(), Failure> {
        let mut command = if rustix::process::geteuid().is_root() {
            tools::command("mkfs.ext4")
        } else {
            // In a user namespace our files are root's, and so they are on the disk.
            let mut command = Command::new("unshare");
            command.args(["--map-root-user", "--"]).arg(tools::command("mkfs.ext4").get_program());
            command
        };
        // No journal, and no checks of what lives for a minute.
        command.args(["-q", "-F", "-O", "^has_journal,^metadata_csum", "-E", "nodiscard,root_owner=0:0", "-d"]);
        cargo::output(command.arg(&self.root).arg(disk).arg("4G")).map(|_| ())
    }
}
