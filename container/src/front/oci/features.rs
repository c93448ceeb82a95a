// SPDX-License-Identifier: MIT OR Apache-2.0
//! Features: what of the specification is known here, for whoever asks a runtime for it.

use std::collections::BTreeMap;

use skep_caps_sec::{Arch, Cap};
use skep_ns::NamespaceKind;

use super::object::object;
use super::translate::namespace_word;
use super::{VERSION, read};
use crate::error::{Error, Object as Subject};
use crate::spec::Moment;

/// What the errors name.
const FEATURES: Subject = Subject::Named("the OCI features");

/// Words of mount options that are known, whatever the file system. Of a file system's own nothing is said.
pub(super) const MOUNT_OPTIONS: [&str; 60] = [
    "async",
    "atime",
    "bind",
    "defaults",
    "dev",
    "diratime",
    "dirsync",
    "exec",
    "idmap",
    "lazytime",
    "loud",
    "mand",
    "noatime",
    "nodev",
    "nodiratime",
    "noexec",
    "noiversion",
    "nolazytime",
    "nomand",
    "norelatime",
    "nostrictatime",
    "nosuid",
    "nosymfollow",
    "private",
    "ratime",
    "rbind",
    "rdev",
    "rdiratime",
    "relatime",
    "rexec",
    "ridmap",
    "rnoatime",
    "rnodev",
    "rnodiratime",
    "rnoexec",
    "rnorelatime",
    "rnostrictatime",
    "rnosuid",
    "rnosymfollow",
    "ro",
    "rprivate",
    "rrelatime",
    "rro",
    "rrw",
    "rshared",
    "rslave",
    "rstrictatime",
    "rsuid",
    "rsymfollow",
    "runbindable",
    "rw",
    "shared",
    "silent",
    "slave",
    "strictatime",
    "suid",
    "symfollow",
    "sync",
    "tmpcopyup",
    "unbindable",
];

const ACTIONS: [&str; 9] = [
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
];
const OPERATORS: [&str; 7] =
    ["SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE"];
const FLAGS: [&str; 4] = [
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
];
const MEMORY_MODES: [&str; 7] = [
    "MPOL_BIND",
    "MPOL_DEFAULT",
    "MPOL_INTERLEAVE",
    "MPOL_LOCAL",
    "MPOL_PREFERRED",
    "MPOL_PREFERRED_MANY",
    "MPOL_WEIGHTED_INTERLEAVE",
];
const MEMORY_FLAGS: [&str; 3] = ["MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"];

object! {
    /// What of the specification a runtime knows, whatever the machine is: `features` of a runtime prints it.
    ///
    /// ```
    /// use skep::oci::Features;
    ///
    /// let features = Features::of_this_build();
    /// assert!(features.mount_options.iter().flatten().any(|word| word == "rro"));
    /// println!("{}", features.to_json()?);
    /// # Ok::<(), skep::Error>(())
    /// ```
    /// # See also
    /// opencontainers/runtime-spec, features.md and features-linux.md.
    Features {
        required {
            /// The oldest version that is known.
            oci_version_min: String = "ociVersionMin",
            /// The newest version that is known.
            oci_version_max: String = "ociVersionMax",
        }
        optional {
            /// The moments that hooks can be run at.
            hooks: Vec<String> = "hooks",
            /// The words of mount options.
            mount_options: Vec<String> = "mountOptions",
            /// What is Linux's own.
            linux: LinuxFeatures = "linux",
            /// A runtime's own: `org.opencontainers.runc.version`.
            annotations: BTreeMap<String, String> = "annotations",
            /// Annotations of a configuration that change what the runtime does, and should not be taken from strangers.
            potentially_unsafe_config_annotations: Vec<String> = "potentiallyUnsafeConfigAnnotations",
        }
    }
}

object! {
    /// What is Linux's own in features.
    LinuxFeatures {
        required {}
        optional {
            /// The kinds of namespaces.
            namespaces: Vec<String> = "namespaces",
            /// The names of capabilities.
            capabilities: Vec<String> = "capabilities",
            /// Control groups.
            cgroup: CgroupFeatures = "cgroup",
            /// System calls.
            seccomp: SeccompFeatures = "seccomp",
            /// AppArmor.
            apparmor: Enabled = "apparmor",
            /// SELinux.
            selinux: Enabled = "selinux",
            /// Intel's control of caches and memory bandwidth.
            intel_rdt: Enabled = "intelRdt",
            /// Which nodes memory comes from.
            memory_policy: MemoryPolicyFeatures = "memoryPolicy",
            /// What mounts can do.
            mount_extensions: MountExtensions = "mountExtensions",
            /// Network devices that are moved.
            net_devices: Enabled = "netDevices",
        }
    }
}

object! {
    /// Whether something is known.
    Enabled {
        required {}
        optional {
            /// Whether it is.
            enabled: bool = "enabled",
        }
    }
}

object! {
    /// What of control groups is known.
    CgroupFeatures {
        required {}
        optional {
            /// Version 1.
            v1: bool = "v1",
            /// Version 2.
            v2: bool = "v2",
            /// Groups that the machine's systemd makes.
            systemd: bool = "systemd",
            /// Groups that a user's systemd makes.
            systemd_user: bool = "systemdUser",
            /// Limits of RDMA devices.
            rdma: bool = "rdma",
        }
    }
}

object! {
    /// What of seccomp profiles is known.
    SeccompFeatures {
        required {}
        optional {
            /// Whether there are any.
            enabled: bool = "enabled",
            /// What can become of a call.
            actions: Vec<String> = "actions",
            /// How arguments are compared.
            operators: Vec<String> = "operators",
            /// The architectures.
            archs: Vec<String> = "archs",
            /// How filters are loaded.
            known_flags: Vec<String> = "knownFlags",
            /// Those of them that the kernel knows too: for a runtime to fill in, which knows its machine.
            supported_flags: Vec<String> = "supportedFlags",
        }
    }
}

object! {
    /// What of memory policies is known.
    MemoryPolicyFeatures {
        required {}
        optional {
            /// The rules.
            modes: Vec<String> = "modes",
            /// Their flags.
            flags: Vec<String> = "flags",
        }
    }
}

object! {
    /// What mounts can do.
    MountExtensions {
        required {}
        optional {
            /// Whether ids can be mapped.
            idmap: Enabled = "idmap",
        }
    }
}

fn list(words: impl IntoIterator<Item = impl Into<String>>) -> Option<Vec<String>> {
    Some(words.into_iter().map(Into::into).collect())
}

fn enabled(is: bool) -> Option<Enabled> {
    Some(Enabled { enabled: Some(is), ..Enabled::default() })
}

/// An architecture as profiles call it.
fn arch(arch: Arch) -> String {
    match arch {
        Arch::I386 => "SCMP_ARCH_X86".to_owned(),
        other => format!("SCMP_ARCH_{}", other.to_string().to_uppercase()),
    }
}

impl Features {
    /// What this build knows, whatever the machine is.
    #[must_use]
    pub fn of_this_build() -> Self {
        let cgroup = CgroupFeatures {
            v1: Some(true),
            v2: Some(true),
            systemd: Some(true),
            systemd_user: Some(true),
            rdma: Some(true),
            ..CgroupFeatures::default()
        };
        let seccomp = SeccompFeatures {
            enabled: Some(true),
            actions: list(ACTIONS),
            operators: list(OPERATORS),
            archs: list(Arch::ALL.map(arch)),
            known_flags: list(FLAGS),
            ..SeccompFeatures::default()
        };
        let memory_policy = MemoryPolicyFeatures {
            modes: list(MEMORY_MODES),
            flags: list(MEMORY_FLAGS),
            ..MemoryPolicyFeatures::default()
        };
        let linux = LinuxFeatures {
            namespaces: list(NamespaceKind::ALL.map(namespace_word)),
            capabilities: list(Cap::NAMED.into_iter().filter_map(Cap::kernel_name)),
            cgroup: Some(cgroup),
            seccomp: Some(seccomp),
            apparmor: enabled(true),
            selinux: enabled(true),
            intel_rdt: enabled(false),
            memory_policy: Some(memory_policy),
            mount_extensions: Some(MountExtensions { idmap: enabled(true), ..MountExtensions::default() }),
            net_devices: enabled(false),
            ..LinuxFeatures::default()
        };
        Self {
            oci_version_min: "1.0.0".to_owned(),
            oci_version_max: VERSION.to_owned(),
            hooks: list(Moment::ALL.map(Moment::name)),
            mount_options: list(MOUNT_OPTIONS),
            linux: Some(linux),
            ..Self::default()
        }
    }

    /// Reads what another runtime printed.
    ///
    /// # Errors
    /// `Invalid` with everything that has a wrong type.
    pub fn from_json(text: impl AsRef<str>) -> Result<Self, Error> {
        let (features, problems) = read::read(text.as_ref());
        if problems.is_empty() { Ok(features) } else { Err(Error::invalid("read", FEATURES, problems)) }
    }

    /// The text of it, with line breaks.
    ///
    /// # Errors
    /// None that can be named.
    pub fn to_json(&self) -> Result<String, Error> {
        read::write(self, FEATURES)
    }
}
