// SPDX-License-Identifier: MIT OR Apache-2.0
//! What this kernel has of what a program may do, and what is made of a description that asks for more.

use skep_caps_sec::{Cap, Landlock, Loading, Policy, SeccompFeatures, SecurityModule};

use crate::spec::Process;

/// The facts of a kernel that matter to one description. What it does not need is not looked up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rights {
    /// The newest capability that the kernel knows, if any are named.
    pub(crate) last_cap: Option<Cap>,
    /// The version of Landlock's interface; `None` where it is not on, or not asked for.
    pub(crate) landlock: Option<u32>,
    /// The security modules of labels that are asked for and known not to be on, each with the label's place.
    pub(crate) absent: Vec<(&'static str, String)>,
    /// What the kernel's seccomp can do, if more than the plain way is asked for.
    pub(crate) seccomp: Option<SeccompFeatures>,
}

fn asks_supervisor(process: &Process) -> bool {
    process.rights.seccomp.as_ref().is_some_and(Policy::asks_supervisor)
}

/// Whether more is asked of seccomp than every kernel has that we support.
fn wants_more(process: &Process) -> bool {
    process.rights.seccomp_loading != Loading::new() || asks_supervisor(process)
}

impl Rights {
    /// Looks at this kernel. Changes nothing.
    pub(crate) fn probe(process: &Process) -> Self {
        let labels = [
            ("process.rights.label", &process.rights.label),
            ("process.rights.keyring_label", &process.rights.keyring_label),
        ];
        let labels = labels.into_iter().filter_map(|(place, label)| Some((place, label.as_ref()?.module().to_owned())));
        let is_off = |module: &String| SecurityModule::new(module).is_active().is_ok_and(|active| !active);
        Self {
            last_cap: process.capabilities.as_ref().and_then(|_| Cap::last().ok()),
            landlock: process.rights.landlock.as_ref().and_then(|_| Landlock::version().ok()),
            absent: labels.filter(|(_, module)| is_off(module)).collect(),
            seccomp: wants_more(process).then(SeccompFeatures::probe),
        }
    }

    /// What of the description this kernel does not have, a sentence each that begins with the place.
    pub(crate) fn problems(&self, process: &Process) -> Vec<String> {
        let mut found = Vec::new();
        if let (Some(last), Some(names)) = (self.last_cap, &process.capabilities)
            && let Ok(sets) = names.parse()
        {
            let unknown = sets.unknown_to(last);
            if !unknown.is_empty() {
                found.push(format!("process.capabilities: this kernel does not know {unknown}"));
            }
        }
        if !process.landlock_where_possible {
            found.extend(self.landlock_for(process).1.into_iter().map(|lack| format!("process.rights.{lack}")));
        }
        found.extend(self.problems_of_loading(process));
        found.extend(self.absent.iter().map(|(place, module)| {
            format!("{place}: the security module {module} is not on in this kernel (the boot option lsm=)")
        }));
        found
    }

    /// What of the ways to load a filter cannot be had here.
    fn problems_of_loading(&self, process: &Process) -> Option<String> {
        let known = self.seccomp.as_ref()?;
        let asked = process.rights.seccomp_loading;
        let lacks = [
            (asked.log && !known.loading.log, "log"),
            (asked.speculation && !known.loading.speculation, "speculation"),
            (asked.wait_killable && !known.loading.wait_killable, "wait_killable (Linux 5.19)"),
            (asks_supervisor(process) && !known.listener, "a listener, which the policy asks by"),
        ];
        let lacks: Vec<&str> = lacks.into_iter().filter(|(is_lacking, _)| *is_lacking).map(|(_, name)| name).collect();
        (!lacks.is_empty()).then(|| {
            let lacks = lacks.join(", ");
            format!("process.rights.seccomp_loading: this kernel, or the filter of the caller, does not have {lacks}")
        })
    }

    /// What can be had of the ruleset here, and what cannot, in a sentence.
    pub(crate) fn landlock_for(&self, process: &Process) -> (Option<Landlock>, Option<String>) {
        let Some(ruleset) = &process.rights.landlock else { return (None, None) };
        let (limited, left_out) = ruleset.limited_to(self.landlock.unwrap_or(0));
        if left_out.is_empty() {
            return (Some(limited), None);
        }
        let why = match self.landlock {
            Some(version) => format!("version {version}, which this kernel has, cannot deny {left_out}"),
            None => "it is not on in this kernel (CONFIG_SECURITY_LANDLOCK, and the boot option lsm=)".to_owned(),
        };
        // Of nothing that is denied there is nothing to do.
        let some = limited != Landlock::new() && limited.check().is_ok();
        (some.then_some(limited), Some(format!("landlock: {why}")))
    }
}
