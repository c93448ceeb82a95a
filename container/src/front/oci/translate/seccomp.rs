// SPDX-License-Identifier: MIT OR Apache-2.0
//! System calls: read by the reader of profiles, which knows Docker's files too.

use skep_caps_sec::{CapSet, Profile, Setting};

use super::Walk;

/// What rules may depend on: the oldest kernel that this library is for.
const KERNEL: (u32, u32) = (5, 10);

impl Walk<'_> {
    pub(super) fn seccomp(&mut self) {
        let Some(seccomp) = self.config.linux.as_ref().and_then(|linux| linux.seccomp.as_ref()) else { return };
        if seccomp.default_action.is_empty() {
            return self.found.problem("linux.seccomp.defaultAction", "is required");
        }
        let json = match serde_json::to_string(seccomp) {
            Ok(json) => json,
            Err(error) => return self.found.problem("linux.seccomp", error.to_string()),
        };
        let names = self.spec.process.capabilities.iter().flat_map(|names| &names.bounding);
        let caps: CapSet = names.filter_map(|name| name.parse().ok()).collect();
        let resolved = Profile::from_json(&json).and_then(|profile| profile.resolve(&Setting::new(caps, KERNEL)));
        let resolved = match resolved {
            Ok(resolved) => resolved,
            Err(error) => {
                let problems = error.problems().iter().map(|problem| format!("linux.seccomp.{problem}"));
                return self.found.problems.extend(problems);
            }
        };
        for name in &resolved.unknown {
            self.found.note("linux.seccomp.syscalls", format!("no call is named {name:?}, and no rule is about it"));
        }
        for place in &resolved.unread {
            self.found.note(&format!("linux.seccomp.{place}"), "is not known, and means nothing here");
        }
        for rule in &resolved.covered {
            self.found.notes.push(format!("linux.seccomp.{rule}"));
        }
        let asks = resolved.policy.asks_supervisor();
        match (resolved.listener_path.filter(|path| !path.as_os_str().is_empty()), asks) {
            (Some(path), true) => self.listener = Some((path, resolved.listener_metadata)),
            (None, true) => {
                let why = "is required of a policy with SCMP_ACT_NOTIFY: somebody must be asked";
                self.found.problem("linux.seccomp.listenerPath", why);
            }
            (Some(_), false) => {
                self.found.note("linux.seccomp.listenerPath", "says nothing without SCMP_ACT_NOTIFY");
            }
            (None, false) => {}
        }
        let mut loading = resolved.loading;
        // There is one when the filter is loaded.
        loading.all_threads = false;
        self.spec.process.rights.seccomp = Some(resolved.policy);
        self.spec.process.rights.seccomp_loading = loading;
    }
}
