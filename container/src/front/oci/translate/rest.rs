// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is left: the machine that is shown, memory's nodes, and what this library has nothing for.

use skep_caps_sec::{MemoryFlags, MemoryPolicy, NumberSet, Personality};
use skep_ns::NamespaceKind;

use super::{Walk, key, part};

/// What is said of containers of other systems.
pub(super) const PLATFORMS: [&str; 5] = ["solaris", "windows", "zos", "freebsd", "vm"];

impl Walk<'_> {
    pub(super) fn rest(&mut self) {
        for name in PLATFORMS {
            if self.config.other.contains_key(name) {
                self.found.unsupported(name, "this library makes containers of Linux, on Linux");
            }
        }
        let Some(linux) = &self.config.linux else { return };
        self.personality();
        self.memory_policy();
        if let Some(rdt) = &linux.intel_rdt {
            if rdt.clos_id.as_deref().is_some_and(|id| matches!(id, "." | "..") || id.contains(['/', '\n'])) {
                self.found.problem("linux.intelRdt.closID", "must be the name of a directory");
            }
            self.found.unsupported("linux.intelRdt", "groups of resctrl are not made yet");
        }
        for (name, device) in linux.net_devices.iter().flatten() {
            let place = key("linux.netDevices", name);
            for (place, name) in [(place.clone(), Some(name)), (key(&place, "name"), device.name.as_ref())] {
                let is_wrong = |name: &&String| {
                    name.is_empty()
                        || name.len() > 15
                        || matches!(name.as_str(), "." | "..")
                        || name.contains(['/', ':', ' ', '\0'])
                };
                if let Some(name) = name.filter(is_wrong) {
                    self.found.problem(&place, format!("{name:?} is no name of a network device, of 1 to 15 bytes"));
                }
            }
            if !self.has(NamespaceKind::Net) {
                self.found.problem(&place, "there is no network namespace in linux.namespaces");
            }
            self.found.unsupported(&place, "network devices of the machine are not moved into a container yet");
        }
        if linux.mount_label.as_deref().is_some_and(|label| !label.is_empty()) {
            let why = "mounts are not given a label of SELinux: say \"context=\" in the options of those that take it";
            self.found.unsupported("linux.mountLabel", why);
        }
    }

    fn personality(&mut self) {
        let Some(said) = self.config.linux.as_ref().and_then(|linux| linux.personality.as_ref()) else { return };
        for (at, flag) in said.flags.iter().flatten().enumerate() {
            let why = format!("{flag:?}: the specification has no flags of a personality");
            self.found.problem(&part("linux.personality.flags", at), why);
        }
        self.spec.process.rights.personality = match said.domain.as_str() {
            "LINUX" => Some(Personality::empty()),
            "LINUX32" => Some(Personality::LINUX32),
            other => {
                self.found.problem("linux.personality.domain", format!("{other:?} is none: LINUX or LINUX32"));
                None
            }
        };
    }

    fn memory_policy(&mut self) {
        const PLACE: &str = "linux.memoryPolicy";
        let Some(said) = self.config.linux.as_ref().and_then(|linux| linux.memory_policy.as_ref()) else { return };
        let mut flags = MemoryFlags::empty();
        for (at, word) in said.flags.iter().flatten().enumerate() {
            match word.strip_prefix("MPOL_F_").and_then(MemoryFlags::from_name) {
                Some(flag) => flags |= flag,
                None => self
                    .found
                    .problem(&part(&key(PLACE, "flags"), at), format!("{word:?} is no flag of a memory policy")),
            }
        }
        let nodes = match said.nodes.as_deref().unwrap_or_default().parse::<NumberSet>() {
            Ok(nodes) => nodes,
            Err(error) => return self.found.all(&key(PLACE, "nodes"), error.problems()),
        };
        match said.mode.parse().ok().filter(|_| said.mode.starts_with("MPOL_")) {
            Some(mode) => {
                let made = MemoryPolicy::new(mode, nodes.iter()).flags(flags);
                let problems = made.problems();
                let problems = problems.iter().map(|problem| problem.trim_start_matches("memory_policy: "));
                self.found.all(PLACE, problems);
                self.spec.process.rights.memory_policy = Some(made);
            }
            None => self.found.problem(&key(PLACE, "mode"), format!("{:?} is no mode: MPOL_BIND is one", said.mode)),
        }
    }
}
