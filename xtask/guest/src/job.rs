// SPDX-License-Identifier: MIT OR Apache-2.0
//! The job: what the host wants of the guest, a file on the guest's disk.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where the job is on the guest's disk.
pub const PATH: &str = "/usr/lib/skep-guest/job.json";

/// Where the guest's program is on its disk.
pub const PROGRAM: &str = "/usr/lib/skep-guest/guest";

/// The order of the modules that bring the disk and the port, in the initial file system.
pub const BOOT_MODULES: &str = "/boot-modules.json";

/// The name of the port, as qemu gives it and sysfs shows it.
pub const PORT: &str = "skep";

/// The parameter of the kernel's command line that carries the nonce.
pub const NONCE: &str = "skep.nonce";

/// Before a line of the command that is of interest only if nothing follows it: a record separator, which nobody types.
pub const PROGRESS: char = '\u{1e}';

/// Which cgroup hierarchies are mounted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// The one hierarchy of version 2, every controller in it.
    #[default]
    V2,
    /// A hierarchy of version 1 for each controller.
    V1,
    /// Hierarchies of version 1, and beside them one of version 2 with hugetlb alone.
    Hybrid,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 3] = [Self::V2, Self::V1, Self::Hybrid];

    /// Its name on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V1 => "v1",
            Self::Hybrid => "hybrid",
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the guest is made of beside our programs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// Programs of the host's; our own program is PID 1.
    #[default]
    Minimal,
    /// A small Debian; our own program is PID 1.
    Tree,
    /// The same with systemd as PID 1, and our program a unit of it.
    Systemd,
}

/// What the guest does between its boot and its end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Who is PID 1.
    pub system: System,
    /// Which cgroup hierarchies to mount.
    pub cgroup: Shape,
    /// Module files on the disk, what others depend on first.
    pub modules: Vec<String>,
    /// What the packing of the disk could not find, a sentence each.
    pub lacks: Vec<String>,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// Where it runs.
    pub directory: String,
}
