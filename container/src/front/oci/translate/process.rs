// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program, and what it may do.

use std::path::{Component, Path};

use skep_caps_sec::{Cap, IoPriority, Label, NumberSet, OomScoreAdj, Resource, Rlimit, Scheduler, SchedulerFlags};

use skep_ns::NamespaceKind;

use super::super::process::{Capabilities, Process, Scheduler as OciScheduler};
use super::{Walk, key, part};
use crate::spec::{CapabilityNames, IdOrName, Stream, TerminalSpec, UserSpec};

impl Walk<'_> {
    pub(super) fn process(&mut self) {
        let Some(process) = &self.config.process else { return };
        self.program(process);
        self.user(process);
        self.terminal(process);
        self.rlimits(process);
        self.spec.process.capabilities = Some(self.capabilities(process.capabilities.as_ref()));
        self.label(process);
        self.times(process);
        let rights = &mut self.spec.process.rights;
        rights.no_new_privs = process.no_new_privileges.unwrap_or_default();
        if let Some(score) = process.oom_score_adj {
            // What does not fit is as wrong as what is out of range.
            let score = OomScoreAdj::new(i32::try_from(score).unwrap_or(i32::MAX));
            let problems = score.problems();
            self.found
                .problems
                .extend(problems.iter().map(|problem| problem.replacen("oom_score_adj", "process.oomScoreAdj", 1)));
            rights.oom_score_adj = Some(score);
        }
    }

    fn program(&mut self, process: &Process) {
        match process.args.as_deref().unwrap_or_default().split_first() {
            Some((program, args)) => {
                if program.is_empty() {
                    self.found.problem("process.args[0]", "is empty: it is the program");
                }
                self.spec.process.program = program.into();
                self.spec.process.args = args.iter().map(Into::into).collect();
            }
            None => self.found.problem("process.args", "is required: its first is the program"),
        }
        for (at, arg) in process.args.iter().flatten().enumerate() {
            self.found.text(&part("process.args", at), arg);
        }
        self.spec.process.env = self.found.env("process.env", process.env.as_ref());
        if self.found.absolute("process.cwd", &process.cwd) {
            self.spec.process.directory = Some((&process.cwd).into());
            self.made(Path::new(&process.cwd));
        }
    }

    /// Has the working directory made where it is absent, as every runtime does, though the specification is silent: images
    /// name one that only who fills it makes. The kernel's own file systems have what they have.
    fn made(&mut self, directory: &Path) {
        let is_kernel_s = ["/proc", "/sys"].iter().any(|top| directory.starts_with(top));
        let is_plain = directory.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        if self.spec.namespaces.contains(NamespaceKind::Mount)
            && is_plain
            && !is_kernel_s
            && directory != Path::new("/")
        {
            self.spec.mounts.directories.push(directory.to_owned());
        }
    }

    fn user(&mut self, process: &Process) {
        let user = &process.user;
        for (name, id) in [("uid", user.uid), ("gid", user.gid)] {
            if id == u32::MAX {
                self.found.problem(&key("process.user", name), format!("{id} is nobody's number"));
            }
        }
        self.spec.process.user = Some(UserSpec::from((user.uid, user.gid)));
        let groups: Vec<IdOrName> = user.additional_gids.iter().flatten().copied().map(IdOrName::Id).collect();
        self.spec.process.groups = Some(groups).filter(|groups| !groups.is_empty());
        if let Some(mask) = user.umask {
            if mask > 0o777 {
                self.found.problem("process.user.umask", format!("{mask} is above 511, which is 0777"));
            }
            self.spec.process.umask = Some(mask);
        }
    }

    fn terminal(&mut self, process: &Process) {
        if process.terminal != Some(true) {
            if process.console_size.is_some() {
                self.found.note("process.consoleSize", "says nothing without a terminal");
            }
            return;
        }
        let mut size = None;
        if let Some(console) = &process.console_size {
            let fits = u16::try_from(console.height).ok().zip(u16::try_from(console.width).ok());
            if fits.is_none() {
                self.found.problem("process.consoleSize", "a terminal has at most 65535 rows and columns");
            }
            size = fits;
        }
        self.spec.process.terminal = Some(TerminalSpec { streams: Stream::ALL.into_iter().collect(), size });
        let why = "it is among those of /dev/pts, and there is no /dev/console for it";
        self.found.note("process.terminal", why);
    }

    fn rlimits(&mut self, process: &Process) {
        let mut seen = Vec::new();
        for (at, limit) in process.rlimits.iter().flatten().enumerate() {
            let place = part("process.rlimits", at);
            let known = Resource::ALL.into_iter().find(|resource| resource.kernel_name() == limit.kind);
            let Some(resource) = known else {
                let why = if limit.kind.is_empty() {
                    "is required".to_owned()
                } else {
                    format!("{:?} is no resource", limit.kind)
                };
                self.found.problem(&key(&place, "type"), why);
                continue;
            };
            if seen.contains(&resource) {
                self.found.problem(&place, format!("there is a limit of {} in the list already", limit.kind));
            }
            seen.push(resource);
            for (name, value) in [("soft", limit.soft), ("hard", limit.hard)] {
                if value.is_none() {
                    self.found.problem(&key(&place, name), "is required");
                }
            }
            let made =
                Rlimit::new(resource, limit.soft.unwrap_or_default(), limit.hard.or(limit.soft).unwrap_or_default());
            self.found.all(&place, made.problems());
            self.spec.process.rights.rlimits.push(made);
        }
    }

    /// What is no capability, and what cannot be given, is left out, as the specification wants it.
    fn capabilities(&mut self, said: Option<&Capabilities>) -> CapabilityNames {
        let mut names = CapabilityNames::default();
        let Some(said) = said else { return names };
        let sets = [
            ("bounding", &said.bounding, &mut names.bounding),
            ("effective", &said.effective, &mut names.effective),
            ("inheritable", &said.inheritable, &mut names.inheritable),
            ("permitted", &said.permitted, &mut names.permitted),
            ("ambient", &said.ambient, &mut names.ambient),
        ];
        for (set, list, names) in sets {
            for (at, name) in list.iter().flatten().enumerate() {
                if name.starts_with("CAP_") && name.parse::<Cap>().is_ok() {
                    names.push(name.clone());
                } else {
                    let place = part(&key("process.capabilities", set), at);
                    self.found.note(&place, format!("{name:?} is not the name of a capability, and not given"));
                }
            }
        }
        let CapabilityNames { bounding, permitted, effective, inheritable, ambient } = &mut names;
        self.without("permitted", permitted, ("bounding", bounding));
        self.without("effective", effective, ("permitted", permitted));
        self.without("inheritable", inheritable, ("bounding", bounding));
        self.without("ambient", ambient, ("permitted", permitted));
        self.without("ambient", ambient, ("inheritable", inheritable));
        names
    }

    /// Leaves out of a set what the kernel takes into it only from another one.
    fn without(&mut self, set: &str, names: &mut Vec<String>, (other, from): (&str, &[String])) {
        names.retain(|name| {
            let can_be_given = from.contains(name);
            if !can_be_given {
                let place = key("process.capabilities", set);
                self.found.note(&place, format!("{name} is not {other}, as the kernel demands it, and not given"));
            }
            can_be_given
        });
    }

    fn label(&mut self, process: &Process) {
        let apparmor = process.apparmor_profile.as_ref().filter(|name| !name.is_empty());
        let selinux = process.selinux_label.as_ref().filter(|name| !name.is_empty());
        if apparmor.is_some() && selinux.is_some() {
            let why = "there is an apparmorProfile too, and a program can be given one of the two";
            self.found.unsupported("process.selinuxLabel", why);
        }
        for (place, label) in [
            ("process.apparmorProfile", apparmor.map(Label::apparmor)),
            ("process.selinuxLabel", selinux.map(Label::selinux)),
        ] {
            let Some(label) = label else { continue };
            self.found.all(place, label.problems());
            self.spec.process.rights.label = Some(label);
        }
    }

    /// When and where it runs.
    fn times(&mut self, process: &Process) {
        if let Some(scheduler) = &process.scheduler {
            self.spec.process.rights.scheduler = self.scheduler(scheduler);
        }
        if let Some(said) = &process.io_priority {
            let level = said.priority.unwrap_or_default();
            match (said.class.parse(), u8::try_from(level)) {
                (Ok(class), Ok(level)) if said.class.starts_with("IOPRIO_CLASS_") => {
                    let priority = IoPriority { class, level };
                    self.found.all("process.ioPriority", priority.problems());
                    self.spec.process.rights.io_priority = Some(priority);
                }
                (_, Err(_)) => self.found.problem("process.ioPriority.priority", format!("{level} is not from 0 to 7")),
                _ => {
                    let why = format!("{:?} is none: IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE", said.class);
                    self.found.problem("process.ioPriority.class", why);
                }
            }
        }
        if let Some(affinity) = &process.exec_cpu_affinity {
            for (name, list) in [("initial", &affinity.initial), ("final", &affinity.last)] {
                if let Some(Err(error)) = list.as_ref().map(|list| list.parse::<NumberSet>()) {
                    self.found.all(&key("process.execCPUAffinity", name), error.problems());
                }
            }
            self.found.note("process.execCPUAffinity", "is about programs that are executed in it later");
        }
    }

    fn scheduler(&mut self, said: &OciScheduler) -> Option<Scheduler> {
        const PLACE: &str = "process.scheduler";
        let policy = said.policy.parse().ok().filter(|_| said.policy.starts_with("SCHED_"));
        if policy.is_none() {
            self.found.problem(&key(PLACE, "policy"), format!("{:?} is no policy: SCHED_OTHER is one", said.policy));
        }
        let mut flags = SchedulerFlags::empty();
        for (at, word) in said.flags.iter().flatten().enumerate() {
            let place = part(&key(PLACE, "flags"), at);
            match word.strip_prefix("SCHED_FLAG_").and_then(SchedulerFlags::from_name) {
                Some(flag) if SchedulerFlags::UTIL_CLAMP_MIN.union(SchedulerFlags::UTIL_CLAMP_MAX).contains(flag) => {
                    self.found
                        .unsupported(&place, format!("{word:?} takes a value that the specification has no key for"));
                }
                Some(flag) => flags |= flag,
                None => self.found.problem(&place, format!("{word:?} is no flag of a scheduler")),
            }
        }
        let priority = said.priority.unwrap_or_default();
        let made = Scheduler {
            policy: policy?,
            nice: said.nice.unwrap_or_default(),
            // One below nothing is as wrong as one above all.
            priority: u32::try_from(priority).unwrap_or(u32::MAX),
            runtime: said.runtime.unwrap_or_default(),
            deadline: said.deadline.unwrap_or_default(),
            period: said.period.unwrap_or_default(),
            flags,
            ..Scheduler::default()
        };
        let problems = made.problems();
        self.found.problems.extend(problems.iter().map(|problem| format!("process.{problem}")));
        Some(made)
    }
}
