// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong with a description: everything at once, each with its place, before anything is touched.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use skep_caps_sec::{Loading, Policy};
use skep_ns::NamespaceKind;
use skep_rootfs::Mount;

use super::{CapabilityNames, IdOrName, Spec};

/// The kernel's limit on host names and on NIS domain names, in bytes (`__NEW_UTS_LEN`).
const HOSTNAME_MAX: usize = 64;

/// The kernel's limit on further groups (`NGROUPS_MAX`).
pub(crate) const GROUPS_MAX: usize = 65_536;

/// Where a container's terminals are.
const TERMINALS: &str = "/dev/pts";

impl Spec {
    /// Everything that is wrong with the description, a sentence each that begins with the place; empty if it can be tried.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut found = Problems(Vec::new());
        if self.annotations.contains_key("") {
            found.add("annotations", "one of them has no name");
        }
        self.check_namespaces(&mut found);
        self.check_joined(&mut found);
        self.check_hostname(&mut found);
        self.check_domainname(&mut found);
        self.check_time_offsets(&mut found);
        found.0.extend(self.problems_of_networks());
        self.check_sysctls(&mut found);
        self.check_disk(&mut found);
        self.check_resources(&mut found);
        self.check_process(&mut found);
        self.check_rights(&mut found);
        self.check_terminal(&mut found);
        self.hooks.check(&mut found);
        self.check_hooks_inside(&mut found);
        if let Some(bundle) = &self.bundle {
            found.check_absolute("bundle", bundle);
        }
        found.0
    }

    /// The same of what concerns its program alone, for one in a container that runs already.
    pub(crate) fn problems_of_program(&self) -> Vec<String> {
        let mut found = Problems(Vec::new());
        self.check_process(&mut found);
        self.check_rights(&mut found);
        self.check_session(&mut found);
        found.0
    }

    fn check_hooks_inside(&self, found: &mut Problems) {
        if !self.hooks.start_container.is_empty() && self.asks_supervisor() {
            let why = "cannot be run: they are under the program's policy, which asks a supervisor, and nobody has their \
                       listeners";
            found.add("hooks.startContainer", why);
        }
    }

    fn asks_supervisor(&self) -> bool {
        self.process.rights.seccomp.as_ref().is_some_and(Policy::asks_supervisor)
    }

    fn check_namespaces(&self, found: &mut Problems) {
        let Err(error) = self.namespaces.check() else { return };
        for problem in error.problems() {
            found.add("namespaces", problem);
        }
    }

    fn check_joined(&self, found: &mut Problems) {
        found.0.extend(self.joined.problems());
        for kind in self.joined.namespaces.keys().filter(|kind| self.namespaces.contains(**kind)) {
            found.add(&format!("joined.namespaces.{kind}"), "is made too: it can be one of the two");
        }
        if self.joined.contains(NamespaceKind::Mount) && (self.root.is_some() || !self.mounts.is_empty()) {
            let problem = "has a root and mounts already, which are those of others: neither can be said beside it";
            found.add("joined.namespaces.mount", problem);
        }
    }

    fn check_hostname(&self, found: &mut Problems) {
        let Some(hostname) = &self.hostname else { return };
        if !self.namespaces.contains(NamespaceKind::Uts) {
            found.add("hostname", "needs a uts namespace: without one the machine itself would be renamed");
        }
        if hostname.is_empty() || hostname.len() > HOSTNAME_MAX {
            found.add("hostname", format!("has {} bytes; the kernel takes 1 to {HOSTNAME_MAX}", hostname.len()));
        }
        found.check_text("hostname", OsStr::new(hostname));
    }

    fn check_domainname(&self, found: &mut Problems) {
        let Some(name) = &self.domainname else { return };
        if !self.namespaces.contains(NamespaceKind::Uts) {
            found.add("domainname", "needs a uts namespace: without one that of the machine itself would be changed");
        }
        // An empty one is a name like others: that none is set.
        if name.len() > HOSTNAME_MAX {
            found.add("domainname", format!("has {} bytes; the kernel takes up to {HOSTNAME_MAX}", name.len()));
        }
        found.check_text("domainname", OsStr::new(name));
    }

    fn check_time_offsets(&self, found: &mut Problems) {
        let Some(offsets) = &self.time_offsets else { return };
        if !self.namespaces.contains(NamespaceKind::Time) {
            found.add("time_offsets", "need a time namespace: without one the clocks are the machine's");
        }
        found.0.extend(offsets.problems().iter().map(|problem| format!("time_offsets.{problem}")));
    }

    fn check_sysctls(&self, found: &mut Problems) {
        for problem in self.sysctls.problems() {
            found.add("sysctls", problem);
        }
        for (key, _) in self.sysctls.iter().filter(|(key, _)| !self.namespaces.contains(key.kind())) {
            let kind = key.kind();
            found.add(
                "sysctls",
                format!("{key}: the container makes no {kind} namespace: it would be set on the whole machine"),
            );
        }
    }

    fn check_disk(&self, found: &mut Problems) {
        if let Some(root) = &self.root {
            found.0.extend(root.problems().iter().map(|problem| format!("root.{problem}")));
            if !self.namespaces.contains(NamespaceKind::Mount) {
                found.add("root", "needs a mount namespace: without one it would be the root of the whole machine");
            }
        }
        found.0.extend(self.mounts.problems());
        found.0.extend(self.setting().problems(self.root.as_ref(), &self.mounts));
        if let Some(map) = self.id_map() {
            for (at, mount) in self.mounts.mounts.iter().enumerate() {
                if let Mount::Device(device) = mount
                    && let (uid, gid) = device.owner
                    && (map.outside_uid(uid).is_none() || map.outside_gid(gid).is_none())
                {
                    let problem = format!("{uid}:{gid} is not in the id map of the user namespace");
                    found.add(&format!("mounts[{at}].owner"), problem);
                }
            }
        }
        if self.mounts.is_empty() {
            return;
        }
        if !self.namespaces.contains(NamespaceKind::Mount) {
            found.add("mounts", "need a mount namespace: without one they would be seen on the whole machine");
        }
        if self.mounts.mounts.iter().any(|mount| matches!(mount, Mount::Proc(_))) && !self.is_in(NamespaceKind::Pid) {
            found.add("mounts", "a proc needs a pid namespace: without one it shows, and changes, the machine's own");
        }
    }

    fn check_resources(&self, found: &mut Problems) {
        for problem in self.resources.limits.problems() {
            found.0.push(format!("resources.{problem}"));
        }
        if let Some(path) = &self.resources.cgroup {
            found.check_absolute("resources.cgroup", path);
            if path.components().any(|part| part == Component::ParentDir) || path == Path::new("/") {
                found.add("resources.cgroup", format!("{path:?} must name a group below the root, without .."));
            }
        }
        if let Some(scope) = &self.resources.scope {
            found.0.extend(scope.problems().into_iter().map(|problem| format!("resources.scope.{problem}")));
            if self.resources.cgroup.is_some() {
                found.add("resources.scope", "beside resources.cgroup: systemd places the group by the names of units");
            }
        }
    }

    fn check_rights(&self, found: &mut Problems) {
        if let Some(Err(problems)) = self.process.capabilities.as_ref().map(CapabilityNames::parse) {
            found.0.extend(problems.iter().map(|problem| format!("process.capabilities.{problem}")));
        }
        if self.process.rights.capabilities.is_some() {
            found.add("process.rights.capabilities", "are said by their names, in process.capabilities");
        }
        // Those are said beside the others, by name.
        let place = |problem: &String| {
            if problem.starts_with("capabilities") {
                format!("process.{problem}")
            } else {
                format!("process.rights.{problem}")
            }
        };
        let mut rights = self.process.privileges();
        // Compiled with the plan, once.
        let policy = rights.seccomp.take();
        if policy.is_some() {
            rights.seccomp_loading = Loading::new();
        }
        let policy =
            policy.iter().flat_map(Policy::problems).map(|problem| format!("process.rights.seccomp.{problem}"));
        found.0.extend(rights.problems().iter().map(place).chain(policy));
        if self.process.rights.seccomp_loading.all_threads {
            found.add("process.rights.seccomp_loading", "all_threads: the program begins with one thread");
        }
        if self.init && !self.namespaces.contains(NamespaceKind::Pid) {
            found.add("init", "needs a pid namespace: its work is that of process 1");
        }
        if self.stop_signal.is_some_and(|signal| !(1..=64).contains(&signal)) {
            found.add("stop_signal", "must be between 1 and 64");
        }
    }

    fn check_terminal(&self, found: &mut Problems) {
        if self.process.terminal.is_none() {
            return;
        }
        self.check_session(found);
        if !self.namespaces.contains(NamespaceKind::Mount) {
            found.add("process.terminal", "needs a mount namespace: without one it would be among the machine's own");
        }
        if !self.has_terminals() {
            found.add("process.terminal", format!("needs a devpts on {TERMINALS:?}, and nothing on top of that"));
        }
    }

    /// Whether there is a devpts where terminals are made, and nothing on top of it.
    pub(crate) fn has_terminals(&self) -> bool {
        let on_its_way = |mount: &&Mount| Path::new(TERMINALS).starts_with(mount.target());
        let is_devpts = |mount: &Mount| matches!(mount, Mount::Devpts(devpts) if devpts.target == Path::new(TERMINALS));
        self.mounts.mounts.iter().rfind(on_its_way).is_some_and(is_devpts)
    }

    fn check_session(&self, found: &mut Problems) {
        if self.process.terminal.is_some() && self.process.in_caller_session {
            found.add("process.terminal", "the caller's session has a terminal, and no other can be had in it");
        }
    }

    fn check_process(&self, found: &mut Problems) {
        let process = &self.process;
        if process.program.is_empty() {
            found.add("process.program", "is empty");
        }
        found.check_text("process.program", &process.program);
        if let Some(arg0) = &process.arg0 {
            found.check_text("process.arg0", arg0);
        }
        for (at, arg) in process.args.iter().enumerate() {
            found.check_text(&format!("process.args[{at}]"), arg);
        }
        found.check_env("process.env", &process.env);
        if let Some(directory) = &process.directory {
            found.check_absolute("process.directory", directory);
        }
        if process.umask.is_some_and(|mask| mask > 0o777) {
            found.add("process.umask", "must be between 0 and 0o777");
        }
        self.check_user(found);
    }

    fn check_groups(&self, found: &mut Problems) {
        let groups = self.process.groups.as_deref().unwrap_or_default();
        if groups.is_empty() {
            return;
        }
        let map = self.id_map();
        if self.process.user.is_none() && map.is_none() {
            found.add("process.groups", "there is no user beside them: say who the program is");
        }
        if map.is_some_and(|map| map.denies_setgroups()) {
            found.add("process.groups", "the id map of the user namespace denies setgroups: nobody in it can have any");
        }
        if groups.len() > GROUPS_MAX {
            found.add("process.groups", format!("are {}; the kernel takes {GROUPS_MAX}", groups.len()));
        }
        for problem in groups.iter().filter_map(|group| group.problem("group")) {
            found.add("process.groups", problem);
        }
        let unmapped = |gid: &u32| map.is_some_and(|map| map.outside_gid(*gid).is_none());
        for gid in groups.iter().filter_map(IdOrName::id).filter(unmapped) {
            found.add("process.groups", format!("group {gid} is not in the id map of the user namespace"));
        }
    }

    fn check_user(&self, found: &mut Problems) {
        let user = self.process.user.as_ref();
        for problem in user.iter().flat_map(|user| user.problems()) {
            found.add("process.user", problem);
        }
        self.check_groups(found);
        let Some(map) = self.id_map() else { return };
        // What is said by name is looked up first.
        let (uid, gid) = match user {
            None => (Some(0), Some(0)),
            Some(user) => (user.user.id(), user.group.as_ref().and_then(IdOrName::id)),
        };
        if let Some(uid) = uid.filter(|uid| map.outside_uid(*uid).is_none()) {
            found.add("process.user", format!("user {uid} is not in the id map of the user namespace"));
        }
        if let Some(gid) = gid.filter(|gid| map.outside_gid(*gid).is_none()) {
            found.add("process.user", format!("group {gid} is not in the id map of the user namespace"));
        }
    }
}

pub(super) struct Problems(Vec<String>);

impl Problems {
    pub(super) fn add(&mut self, place: &str, problem: impl AsRef<str>) {
        self.0.push(format!("{place}: {}", problem.as_ref()));
    }

    pub(super) fn check_text(&mut self, place: &str, text: &OsStr) {
        if text.as_bytes().contains(&0) {
            self.add(place, format!("{text:?} has a NUL byte in it, which ends a string for the kernel"));
        }
    }

    pub(super) fn check_env(&mut self, place: &str, env: &[(OsString, OsString)]) {
        for (at, (key, value)) in env.iter().enumerate() {
            let place = format!("{place}[{at}]");
            // One may begin with it: some programs keep notes to themselves so.
            if key.is_empty() || key.as_bytes().iter().skip(1).any(|byte| *byte == b'=') {
                self.add(&place, format!("{key:?} cannot name a variable: it is empty or has a = in it"));
            }
            self.check_text(&place, key);
            self.check_text(&place, value);
        }
    }

    pub(super) fn check_absolute(&mut self, place: &str, path: &Path) {
        if !path.is_absolute() {
            self.add(place, format!("{path:?} must be an absolute path"));
        }
        self.check_text(place, path.as_os_str());
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::time::Duration;

    use skep_ns::{ClockOffset, IdMap, IdRange, Namespaces, SysctlKey, Sysctls, TimeOffsets};

    use skep_caps_sec::{Policy, Resource, Rlimit};
    use skep_cgroup::Limits;
    use skep_rootfs::{Bind, Dev, Devpts, Mounts, Proc, RootSpec, Tmpfs};

    use crate::spec::{CapabilityNames, Hook, Spec, TerminalSpec};

    /// A description in which everything is wrong that can be.
    fn wrong() -> Spec {
        let mut spec = Spec { hostname: Some("h\0".repeat(33)), ..Spec::default() };
        spec.domainname = Some("\0".to_owned());
        spec.time_offsets = Some(TimeOffsets::new().boottime(ClockOffset::new(9_223_372_037, 1_000_000_000)));
        let map = IdMap::new().uid(IdRange::new(0, 5, 2)).uid(IdRange::new(1, 9, 1)).gid(IdRange::new(7, 7, 1));
        spec.namespaces = Namespaces::new().user(map);
        spec.sysctls = Sysctls::new().value(SysctlKey::SHMMAX, "perhaps");
        spec.root = Some(RootSpec::new("root"));
        spec.mounts = Mounts::new().add(Bind::new("a", "/b\0")).add(Proc::new("proc"));
        spec.resources.limits = Limits::new().pids_max(0);
        spec.resources.cgroup = Some("/a/../b".into());
        spec.process.capabilities = Some(CapabilityNames::exactly(vec!["chown".into(), "fly".into()]));
        spec.process.rights.rlimits = vec![Rlimit::new(Resource::Nofile, 2, 1)];
        spec.process.rights.capabilities = Some(skep_caps_sec::Capabilities::default());
        spec.process.rights.seccomp = Some(Policy::allow_all().deny(["mount", "fly"]));
        spec.init = true;
        spec.stop_signal = Some(65);
        spec.process.in_caller_session = true;
        spec.process.terminal = Some(TerminalSpec::default());
        spec.process.args = vec!["good".into(), "b\0d".into()];
        let var = |key: &str, value: &str| (OsString::from(key), OsString::from(value));
        spec.process.env = vec![var("GOOD", "x"), var("", "x"), var("A=B", "x"), var("C", "\0")];
        spec.process.directory = Some("tmp".into());
        spec.process.umask = Some(0o1000);
        spec.bundle = Some("web".into());
        spec.process.user = Some((33, 34).into());
        spec.process.groups = Some(vec![7.into(), 35.into()]);
        spec.hooks.create_runtime = vec![Hook::new("hook").args([""; 0]).timeout(Duration::ZERO)];
        spec.hooks.poststop = vec![Hook::new("/good"), Hook::new("/b\0d").args(["a", "b\0"]).env("A=B", "x")];
        spec
    }

    #[test]
    fn every_problem_is_named_with_its_place() {
        let expected = [
            "namespaces: id map: uid range 2 (1 9 1) overlaps uid range 1 (0 5 2) inside",
            "hostname: needs a uts namespace: without one the machine itself would be renamed",
            "hostname: has 66 bytes; the kernel takes 1 to 64",
            "hostname: has a NUL byte",
            "domainname: needs a uts namespace: without one that of the machine itself would be changed",
            "domainname: \"\\0\" has a NUL byte in it, which ends a string for the kernel",
            "time_offsets: need a time namespace: without one the clocks are the machine's",
            "time_offsets.boottime: 9223372037 seconds are more than 292 years",
            "time_offsets.boottime: 1000000000 nanoseconds are more than a second",
            "sysctls: kernel.shmmax: \"perhaps\" is not a number from 0 to 18446744073709551615",
            "sysctls: kernel.shmmax: the container makes no ipc namespace: it would be set on the whole machine",
            "root.base.directory \"root\" is not absolute",
            "root: needs a mount namespace: without one it would be the root of the whole machine",
            "mounts[0].source \"a\" is not absolute",
            "mounts[0].target \"/b\\0\" has a NUL byte in it, which ends a string for the kernel",
            "mounts[1].target \"proc\" is not absolute",
            "mounts: need a mount namespace: without one they would be seen on the whole machine",
            "mounts: a proc needs a pid namespace: without one it shows, and changes, the machine's own",
            "resources.pids.max 0 lets no process start",
            "resources.cgroup: \"/a/../b\" must name a group below the root, without ..",
            "process.program: is empty",
            "process.args[1]: \"b\\0d\" has a NUL byte in it, which ends a string for the kernel",
            "process.env[1]: \"\" cannot name a variable: it is empty or has a = in it",
            "process.env[2]: \"A=B\" cannot name a variable: it is empty or has a = in it",
            "process.env[3]: \"\\0\" has a NUL byte in it, which ends a string for the kernel",
            "process.directory: \"tmp\" must be an absolute path",
            "process.umask: must be between 0 and 0o777",
            "process.groups: group 35 is not in the id map of the user namespace",
            "process.user: user 33 is not in the id map of the user namespace",
            "process.user: group 34 is not in the id map of the user namespace",
            "process.capabilities.bounding[1]: \"fly\" is not the name of a capability",
            "process.rights.capabilities: are said by their names, in process.capabilities",
            "process.rights.rlimits[0]: nofile: the soft limit 2 is above the hard limit 1",
            "process.rights.seccomp.rules[0].calls[1]: \"fly\" is no system call up to Linux 7.2",
            "init: needs a pid namespace: its work is that of process 1",
            "stop_signal: must be between 1 and 64",
            "process.terminal: the caller's session has a terminal, and no other can be had in it",
            "process.terminal: needs a mount namespace: without one it would be among the machine's own",
            "process.terminal: needs a devpts on \"/dev/pts\", and nothing on top of that",
            "hooks.createRuntime[0].program: \"hook\" must be an absolute path",
            "hooks.createRuntime[0].args: are empty: the first is argv[0], and cannot be absent",
            "hooks.createRuntime[0].timeout: must be more than nothing",
            "hooks.poststop[1].program: \"/b\\0d\" has a NUL byte in it, which ends a string for the kernel",
            "hooks.poststop[1].args[1]: \"b\\0\" has a NUL byte in it, which ends a string for the kernel",
            "hooks.poststop[1].env[0]: \"A=B\" cannot name a variable: it is empty or has a = in it",
            "bundle: \"web\" must be an absolute path",
        ];
        let mut problems = wrong().problems();
        // Its text is the name thirty-three times.
        problems[3] = problems[3]
            .replace(&format!("{:?} ", "h\0".repeat(33)), "")
            .replace(" in it, which ends a string for the kernel", "");
        assert_eq!(problems, expected);
    }

    #[test]
    fn a_terminal_is_made_in_a_devpts_that_nothing_covers() {
        let kinds = [skep_ns::NamespaceKind::Mount, skep_ns::NamespaceKind::Pid];
        let mut spec = Spec { namespaces: Namespaces::new().make(kinds), ..Spec::default() };
        spec.process.program = "/bin/true".into();
        spec.process.terminal = Some(TerminalSpec::default());
        let devpts = || Mounts::new().add(Devpts::new("/dev/pts"));
        for (good, mounts) in [
            (true, devpts()),
            (true, Mounts::standard()),
            (true, Mounts::new().add(Dev::new("/dev")).add(Devpts::new("/dev/pts/")).add(Tmpfs::new("/dev/shm"))),
            (false, Mounts::new()),
            (false, Mounts::new().add(Dev::new("/dev"))),
            (false, Mounts::new().add(Devpts::new("/mnt"))),
            (false, Mounts::new().add(Bind::new("/dev/pts", "/dev/pts"))),
            (false, devpts().add(Dev::new("/dev"))),
            (false, devpts().add(Tmpfs::new("/dev/pts"))),
        ] {
            spec.mounts = mounts;
            assert_eq!(spec.problems().is_empty(), good, "{:?}\n{:?}", spec.mounts, spec.problems());
        }
    }

    #[test]
    fn limits_are_within_what_is_allowed() {
        let mut spec = Spec { hostname: Some("h".repeat(64)), ..Spec::default() };
        spec.namespaces = Namespaces::new().make([skep_ns::NamespaceKind::Uts]).user(IdMap::whole(1000, 3));
        spec.process.program = "/bin/true".into();
        spec.process.umask = Some(0o777);
        spec.process.user = Some((2, 2).into());
        assert_eq!(spec.problems(), [""; 0]);
        spec.process.user = Some((3, 2).into());
        spec.hostname = Some("h".repeat(65));
        assert_eq!(spec.problems().len(), 2);
        spec.hostname = None;
        spec.process.user = None;
        for (name, problems) in [("", 0), (&"d".repeat(64), 0), (&"d".repeat(65), 1)] {
            spec.domainname = Some(name.to_owned());
            assert_eq!(spec.problems().len(), problems, "{name:?}: {:?}", spec.problems());
        }
    }
}
