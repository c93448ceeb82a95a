// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel will have as a layer of an overlay, by the kind of file system.

use crate::table::MountInfo;

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is a good lower layer.
    Good,
    /// It depends: how many overlays lie in one another there, which options it was made with.
    Unknown,
    /// The kernel refuses it: names in it are compared in a way of its own.
    Bad,
    /// It has no files: it shows, or does, something of the machine. Not to be taken over.
    Machine,
}

const GOOD: [&str; 14] = [
    "9p", "bcachefs", "btrfs", "erofs", "ext2", "ext3", "ext4", "f2fs", "nfs", "nfs4", "squashfs", "tmpfs", "virtiofs",
    "xfs",
];

const BAD: [&str; 8] = ["exfat", "hfs", "hfsplus", "iso9660", "msdos", "ntfs", "ntfs3", "vfat"];

const MACHINE: [&str; 22] = [
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nfsd",
    "nsfs",
    "proc",
    "pstore",
    "resctrl",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tracefs",
];

impl MountInfo {
    /// Whether it has no files, but shows processes, devices or knobs of the machine: proc, sysfs, devpts, cgroup2, …. Who
    /// shows a directory of this machine to somebody else leaves these out.
    #[must_use]
    pub fn shows_the_machine(&self) -> bool {
        MACHINE.contains(&self.kind.as_str())
    }

    /// Whether it will do as a lower layer.
    pub(super) fn fit(&self) -> Fit {
        let is_one_of = |kinds: &[&str]| kinds.contains(&self.kind.as_str());
        if self.shows_the_machine() || self.kind == "autofs" {
            Fit::Machine
        } else if is_one_of(&BAD) {
            Fit::Bad
        } else if is_one_of(&GOOD) && !self.options.as_encoded_bytes().windows(8).any(|word| word == b"casefold") {
            Fit::Good
        } else {
            Fit::Unknown
        }
    }
}
