// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounts, and ranges of ids.

use super::object::object;

object! {
    /// Something that is mounted in a container.
    Mount {
        required {
            /// Where: an absolute path inside.
            destination: String = "destination",
        }
        optional {
            /// The kernel's name for the file system; anything, or nothing, for a bind.
            kind: String = "type",
            /// What is mounted: a device, a name; for a bind a path on this machine, a relative one in the bundle.
            source: String = "source",
            /// The words of mount(8), and those of the format: `rro`, `idmap`, `tmpcopyup`.
            options: Vec<String> = "options",
            /// The users that its files are seen as: `containerID` as they are stored, `hostID` as this machine sees them.
            uid_mappings: Vec<IdMapping> = "uidMappings",
            /// The same of groups.
            gid_mappings: Vec<IdMapping> = "gidMappings",
        }
    }
}

object! {
    /// A range of ids that are others on this machine.
    IdMapping {
        required {
            /// The first one inside.
            container_id: u32 = "containerID",
            /// The first one outside.
            host_id: u32 = "hostID",
            /// How many, at least 1.
            size: u32 = "size",
        }
        optional {}
    }
}
