// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program.

use skep_caps_sec::{Label, MemoryFlags, Personality, SchedulerFlags};

use super::super::linux::{Linux, MemoryPolicy, Personality as OciPersonality};
use super::super::process::{Capabilities, ConsoleSize, IoPriority, Process, Rlimit, Scheduler, User};
use super::{Back, from_json, some};
use crate::spec::{IdOrName, Spec, Stream};

/// The words of flags, in capitals, behind what they all begin with.
fn flags(prefix: &str, names: impl Iterator<Item = &'static str>) -> Option<Vec<String>> {
    some(names.map(|name| format!("{prefix}{name}")).collect())
}

/// The kernel's word for what displays as a short one.
fn word(prefix: &str, short: impl ToString) -> String {
    format!("{prefix}{}", short.to_string().to_uppercase().replace('-', "_"))
}

impl Back {
    pub(super) fn process(&mut self, spec: &Spec, linux: &mut Linux) -> Process {
        let process = &spec.process;
        let mut args = vec![self.text("process.program", &process.program)];
        args.extend(process.args.iter().map(|arg| self.text("process.args", arg)));
        let cwd = process.directory.as_ref().map_or("/".to_owned(), |path| self.text("process.directory", path));
        let mut made = Process { cwd, args: Some(args), ..Process::default() };
        made.env = self.env("process.env", &process.env);
        made.user = self.user(spec);
        match &process.capabilities {
            Some(names) => {
                let set = |names: &Vec<String>| some(names.clone());
                let all = Capabilities {
                    bounding: set(&names.bounding),
                    effective: set(&names.effective),
                    inheritable: set(&names.inheritable),
                    permitted: set(&names.permitted),
                    ambient: set(&names.ambient),
                    ..Capabilities::default()
                };
                made.capabilities = Some(all).filter(|all| *all != Capabilities::default());
            }
            None => self.problem("process.capabilities", "the format has no word for what the kernel leaves: say them"),
        }
        if let Some(terminal) = &process.terminal {
            if terminal.streams.len() < Stream::ALL.len() {
                self.problem("process.terminal.streams", "the format has a terminal for all of them");
            }
            made.terminal = Some(true);
            made.console_size = terminal.size.map(|(rows, columns)| ConsoleSize {
                height: rows.into(),
                width: columns.into(),
                ..ConsoleSize::default()
            });
        }
        self.rights(spec, &mut made, linux);
        made
    }

    fn user(&mut self, spec: &Spec) -> User {
        let process = &spec.process;
        let ids = process.user.as_ref().and_then(|user| user.ids());
        if ids.is_none() {
            self.problem("process.user", "the format has numbers alone, of both a user and a group");
        }
        let (uid, gid) = ids.unwrap_or_default();
        let groups = process.groups.as_deref().unwrap_or_default();
        if groups.iter().any(|group| group.id().is_none()) {
            self.problem("process.groups", "the format has numbers alone");
        }
        let additional_gids = some(groups.iter().filter_map(IdOrName::id).collect());
        User { uid, gid, umask: process.umask, additional_gids, ..User::default() }
    }

    fn rights(&mut self, spec: &Spec, made: &mut Process, linux: &mut Linux) {
        let (process, rights) = (&spec.process, &spec.process.rights);
        let places = [
            (process.arg0.is_some(), "process.arg0"),
            (process.home_of_user, "process.home_of_user"),
            (process.caller_keyring, "process.caller_keyring"),
            (process.in_caller_session, "process.in_caller_session"),
            (process.landlock_where_possible, "process.landlock_where_possible"),
            (rights.securebits.is_some(), "process.rights.securebits"),
            (rights.cpu_affinity.is_some(), "process.rights.cpu_affinity"),
            (rights.core_scheduling, "process.rights.core_scheduling"),
            (rights.parent_death_signal.is_some(), "process.rights.parent_death_signal"),
            (rights.deny_write_execute.is_some(), "process.rights.deny_write_execute"),
            (rights.keyring_label.is_some(), "process.rights.keyring_label"),
            (rights.landlock.is_some(), "process.rights.landlock"),
        ];
        for (_, place) in places.into_iter().filter(|(is, _)| *is) {
            self.problem(place, "the format has no word for it");
        }
        made.no_new_privileges = rights.no_new_privs.then_some(true);
        made.oom_score_adj = rights.oom_score_adj.map(|score| score.value().into());
        let limit = |limit: &skep_caps_sec::Rlimit| Rlimit {
            kind: limit.resource.kernel_name().to_owned(),
            soft: Some(limit.soft.value().unwrap_or(u64::MAX)),
            hard: Some(limit.hard.value().unwrap_or(u64::MAX)),
            ..Rlimit::default()
        };
        made.rlimits = some(rights.rlimits.iter().map(limit).collect());
        made.scheduler = rights.scheduler.as_ref().map(|scheduler| {
            if scheduler.util_min > 0 || scheduler.util_max > 0 {
                self.problem("process.rights.scheduler", "the format has no word for speeds");
            }
            let number = |number: u64| Some(number).filter(|number| *number > 0);
            Scheduler {
                policy: word("SCHED_", scheduler.policy),
                nice: Some(scheduler.nice).filter(|nice| *nice != 0),
                priority: i32::try_from(scheduler.priority).ok().filter(|priority| *priority > 0),
                flags: flags("SCHED_FLAG_", scheduler.flags.iter_names().map(|(name, _): (_, SchedulerFlags)| name)),
                runtime: number(scheduler.runtime),
                deadline: number(scheduler.deadline),
                period: number(scheduler.period),
                ..Scheduler::default()
            }
        });
        made.io_priority = rights.io_priority.map(|priority| IoPriority {
            class: word("IOPRIO_CLASS_", priority.class),
            priority: Some(priority.level.into()),
            ..IoPriority::default()
        });
        match &rights.label {
            Some(Label::Apparmor(name)) => made.apparmor_profile = Some(name.clone()),
            Some(Label::Selinux(name)) => made.selinux_label = Some(name.clone()),
            Some(_) => self.problem("process.rights.label", "the format has no word for profiles on top of others"),
            None => {}
        }
        linux.memory_policy = rights.memory_policy.as_ref().map(|policy| MemoryPolicy {
            mode: word("MPOL_", policy.mode),
            nodes: Some(policy.nodes.to_string()).filter(|nodes| !nodes.is_empty()),
            flags: flags("MPOL_F_", policy.flags.iter_names().map(|(name, _): (_, MemoryFlags)| name)),
            ..MemoryPolicy::default()
        });
        linux.personality = rights.personality.and_then(|personality| {
            let domain = if personality == Personality::LINUX32 {
                "LINUX32"
            } else if personality.is_empty() {
                "LINUX"
            } else {
                self.problem("process.rights.personality", "the format has LINUX and LINUX32 alone");
                return None;
            };
            Some(OciPersonality { domain: domain.to_owned(), ..OciPersonality::default() })
        });
        self.seccomp(spec, linux);
    }

    fn seccomp(&mut self, spec: &Spec, linux: &mut Linux) {
        const PLACE: &str = "process.rights.seccomp";
        let rights = &spec.process.rights;
        let Some(policy) = &rights.seccomp else { return };
        if policy.asks_supervisor() {
            self.problem(PLACE, "the format asks for a socket that a listener is sent to: add listenerPath");
        }
        let json = match policy.to_oci_json() {
            Ok(json) => json,
            Err(error) => {
                self.problems.extend(error.problems().iter().map(|problem| format!("{PLACE}.{problem}")));
                return;
            }
        };
        let (mut made, problems): (super::super::seccomp::Seccomp, _) = from_json(&json);
        problems.iter().for_each(|problem| self.problem(PLACE, problem));
        let loading = rights.seccomp_loading;
        let words = [
            (loading.log, "SECCOMP_FILTER_FLAG_LOG"),
            (loading.speculation, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"),
            (loading.wait_killable, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"),
        ];
        made.flags = some(words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word.to_owned()).collect());
        linux.seccomp = Some(made);
    }
}
