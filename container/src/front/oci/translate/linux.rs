// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clocks, switches of namespaces, and the path of the control group.

use std::path::{Component, Path};

use skep_ns::{ClockOffset, NamespaceKind, SysctlKey, TimeOffsets};

use super::namespaces::word;
use super::{Walk, key};
use crate::spec::Scope;

impl Walk<'_> {
    pub(super) fn clocks(&mut self) {
        const PLACE: &str = "linux.timeOffsets";
        let offsets = self.config.linux.as_ref().and_then(|linux| linux.time_offsets.as_ref());
        let Some(offsets) = offsets.filter(|offsets| !offsets.is_empty()) else { return };
        let mut made = TimeOffsets::new();
        for (clock, offset) in offsets {
            let by = ClockOffset::new(offset.secs.unwrap_or_default(), offset.nanosecs.unwrap_or_default());
            match clock.as_str() {
                "monotonic" => made = made.monotonic(by),
                "boottime" => made = made.boottime(by),
                _ => {
                    self.found.problem(&key(PLACE, clock), "is no clock that can be moved: monotonic and boottime can")
                }
            }
        }
        self.found.problems.extend(made.problems().iter().map(|problem| format!("{PLACE}.{problem}")));
        if !self.has(NamespaceKind::Time) {
            self.found.problem(PLACE, "there is no time namespace in linux.namespaces");
        } else if self.spec.joined.contains(NamespaceKind::Time) {
            self.found.unsupported(PLACE, "the time namespace is that of others, and its clocks stand");
        }
        self.spec.time_offsets = Some(made);
    }

    pub(super) fn sysctls(&mut self) {
        let sysctls = self.config.linux.as_ref().and_then(|linux| linux.sysctl.as_ref());
        for (name, value) in sysctls.into_iter().flatten() {
            let place = key("linux.sysctl", name);
            let parsed: SysctlKey = match name.parse() {
                Ok(parsed) => parsed,
                Err(error) => {
                    // The line and column are in the place.
                    let words =
                        |problem: &String| problem.split_once(": ").map_or(problem.clone(), |(_, why)| why.to_owned());
                    self.found.all(&place, error.problems().iter().map(words));
                    continue;
                }
            };
            let named = format!("{parsed}: ");
            for problem in parsed.problems_of(value) {
                self.found.problem(&place, problem.strip_prefix(&named).unwrap_or(&problem));
            }
            let kind = parsed.kind();
            if self.spec.joined.contains(kind) {
                let why = format!("the {} namespace is that of others, who have set it", word(kind));
                self.found.unsupported(&place, why);
            } else if !self.has(kind) {
                let why =
                    format!("there is no {} namespace in linux.namespaces: the machine's would be set", word(kind));
                self.found.problem(&place, why);
            }
            self.spec.sysctls = std::mem::take(&mut self.spec.sysctls).value(parsed, value);
        }
    }

    pub(super) fn cgroup(&mut self) {
        const PLACE: &str = "linux.cgroupsPath";
        let path = self.config.linux.as_ref().and_then(|linux| linux.cgroups_path.as_deref());
        let Some(path) = path.filter(|path| !path.is_empty()) else { return };
        self.found.text(PLACE, path);
        // The form of those who have systemd make it.
        if let [slice, prefix, name] = path.split(':').collect::<Vec<_>>()[..]
            && !path.starts_with('/')
        {
            return self.scope(slice, prefix, name);
        }
        // A relative one is below a place of the runtime's, which is the top.
        let whole = Path::new("/").join(path);
        if whole.components().any(|part| part == Component::ParentDir) || whole == Path::new("/") {
            return self.found.problem(PLACE, format!("{path:?} must name a group below the top, without .."));
        }
        self.spec.resources.cgroup = Some(whole);
    }

    /// A scope of systemd's, called after what has made it and after the container.
    fn scope(&mut self, slice: &str, prefix: &str, name: &str) {
        const PLACE: &str = "linux.cgroupsPath";
        if name.is_empty() || name.ends_with(".slice") {
            let why = "has no name of a scope: SLICE:PREFIX:NAME is PREFIX-NAME.scope in SLICE";
            return self.found.problem(PLACE, format!("{:?} {why}", format!("{slice}:{prefix}:{name}")));
        }
        let name = if prefix.is_empty() { format!("{name}.scope") } else { format!("{prefix}-{name}.scope") };
        let scope = Some(slice).filter(|slice| !slice.is_empty()).into_iter().fold(Scope::new(name), Scope::slice);
        for problem in scope.problems() {
            self.found.problem(PLACE, problem);
        }
        self.spec.resources.scope = Some(scope);
    }
}
