// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the program may do, and when and where it runs.

use skep_caps_sec::{
    DenyWriteExecute, IoPriority, Label, Landlock, Loading, MemoryPolicy, NumberSet, OomScoreAdj, Personality, Policy,
    Rlimit, Scheduler, Securebits,
};

use super::Builder;
use crate::spec::CapabilityNames;

impl Builder {
    /// Exactly these capabilities, and no others to be had: `net_bind_service`, `CAP_CHOWN`. By default what the kernel
    /// leaves the program.
    ///
    /// A program whose user is not root loses them when it is executed, unless they are
    /// [ambient](Self::ambient_capabilities).
    pub fn capabilities(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.spec.process.capabilities = Some(CapabilityNames::exactly(names.into_iter().map(Into::into).collect()));
        self
    }

    /// These capabilities too, for a user who is not root.
    pub fn ambient_capabilities(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        self.spec.process.capabilities.get_or_insert_default().add_ambient(&names);
        self
    }

    /// Has no program that is executed inside give more rights than its caller has (`no_new_privs`).
    #[doc(alias = "PR_SET_NO_NEW_PRIVS")]
    pub fn no_new_privileges(mut self) -> Self {
        self.spec.process.rights.no_new_privs = true;
        self
    }

    /// Which system calls the program, and all that it starts, may make: `Policy::standard` of its capabilities is what
    /// most programs need. By default all.
    ///
    /// What the start itself does under the filter must be allowed, or the container is refused before anything is made;
    /// with [`no_new_privileges`](Self::no_new_privileges) that is little: the start's own messages, the exec, the
    /// [`init`](Self::init). Without it the filter takes `CAP_SYS_ADMIN`, and must let user and capabilities be changed.
    ///
    /// ```
    /// use skep::Container;
    /// use skep::caps_sec::{CapSet, Policy};
    ///
    /// # fn main() -> Result<(), skep::Error> {
    /// let out = Container::anonymous()
    ///     .no_new_privileges()
    ///     .seccomp(Policy::standard(CapSet::empty()))
    ///     .command("/bin/grep", ["Seccomp:", "/proc/self/status"])
    ///     .output()?;
    /// assert_eq!(String::from_utf8_lossy(&out.stdout), "Seccomp:\t2\n");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A policy that [asks](skep_caps_sec::Verdict::Notify) has the caller answer: [`Container::listener`](crate::Container::listener) receives what it
    /// asks about, of the program and all that it starts, and whoever has made such a call waits until it is answered. What
    /// the start itself does under the filter, and the init as long as it lives, must not be among it, but for execve(2):
    /// see [`Created::take_listener`](crate::Created::take_listener). Nobody in the container has the listener. One filter with a listener is all that
    /// the kernel gives a process: not to a caller that is itself supervised.
    ///
    /// ```
    /// use skep::Container;
    /// use skep::caps_sec::{Answer, Errno, Policy, Rule, Supervisor, Verdict};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let asking = Rule::new(Verdict::Notify, ["mkdir", "mkdirat"]);
    /// let mut container = Container::anonymous()
    ///     .no_new_privileges()
    ///     .seccomp(Policy::allow_all().rule(asking))
    ///     .command("/bin/sh", ["-c", "mkdir /asked-about 2> /dev/null || echo refused"])
    ///     .stdout(skep::ns::Stdio::Piped)
    ///     .start()?;
    /// let mut supervisor = Supervisor::new();
    /// supervisor.on(["mkdir", "mkdirat"], |_| Answer::Error(Errno::ACCES));
    /// assert!(container.supervise(&mut supervisor)?.success());
    /// assert_eq!(String::from_utf8_lossy(&container.wait_with_output()?.stdout), "refused\n");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "SECCOMP_SET_MODE_FILTER")]
    #[doc(alias = "SECCOMP_FILTER_FLAG_NEW_LISTENER")]
    pub fn seccomp(mut self, policy: Policy) -> Self {
        self.spec.process.rights.seccomp = Some(policy);
        self
    }

    /// How the filter of the [policy](Self::seccomp) is loaded: what is refused is logged, whoever waits for a supervisor's
    /// answer can only be killed. It says nothing of all threads: there is one.
    ///
    /// A way that this kernel does not know is an error: [`Loading::wait_killable`] is of Linux 5.19.
    #[doc(alias = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")]
    #[doc(alias = "SECCOMP_FILTER_FLAG_LOG")]
    pub fn seccomp_loading(mut self, loading: Loading) -> Self {
        self.spec.process.rights.seccomp_loading = loading;
        self
    }

    /// A limit on a resource of the program's process, setrlimit(2); the last of each resource counts.
    #[doc(alias = "setrlimit")]
    pub fn rlimit(mut self, limit: Rlimit) -> Self {
        self.spec.process.rights.rlimits.retain(|earlier| earlier.resource != limit.resource);
        self.spec.process.rights.rlimits.push(limit);
        self
    }

    /// The program's securebits, all of them: how its being root, and its changes of user, concern its capabilities. See
    /// capabilities(7).
    #[doc(alias = "PR_SET_SECUREBITS")]
    pub fn securebits(mut self, securebits: Securebits) -> Self {
        self.spec.process.rights.securebits = Some(securebits);
        self
    }

    /// What a security module knows the program by, and holds it to: an AppArmor profile that is loaded, a context of
    /// SELinux. The [init](Self::init) stays what the caller is.
    #[doc(alias = "apparmor")]
    #[doc(alias = "selinux")]
    pub fn label(mut self, label: Label) -> Self {
        self.spec.process.rights.label = Some(label);
        self
    }

    /// What the program, and all that it starts, denies itself: paths are those of the container, as it begins.
    ///
    /// Without [`no_new_privileges`](Self::no_new_privileges) it takes `CAP_SYS_ADMIN`. What the start still has to open
    /// must be allowed by it: the program and what it is loaded by, [`current_dir`](Self::current_dir), the devpts of a
    /// [terminal](Self::terminal).
    ///
    /// ```
    /// use skep::Container;
    /// use skep::caps_sec::{FileRights, Landlock};
    ///
    /// # fn main() -> Result<(), skep::Error> {
    /// # if Landlock::version().is_err() { return Ok(()) }
    /// let writing = FileRights::MAKE_DIR | FileRights::MAKE_REG | FileRights::WRITE_FILE;
    /// let out = Container::anonymous()
    ///     .no_new_privileges()
    ///     .landlock(Landlock::new().deny_files(writing).allow_path("/dev/null", FileRights::WRITE_FILE))
    ///     .command("/bin/sh", ["-c", "mkdir /tmp/not-made 2> /dev/null || cat /proc/self/comm"])
    ///     .output()?;
    /// assert_eq!(String::from_utf8_lossy(&out.stdout), "cat\n");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "landlock_restrict_self")]
    pub fn landlock(mut self, landlock: Landlock) -> Self {
        self.spec.process.rights.landlock = Some(landlock);
        self.spec.process.landlock_where_possible = false;
        self
    }

    /// The same as far as this kernel's Landlock goes: what it does not know is not denied, and is in the
    /// [notes](crate::Container::notes).
    pub fn landlock_where_possible(mut self, landlock: Landlock) -> Self {
        self.spec.process.rights.landlock = Some(landlock);
        self.spec.process.landlock_where_possible = true;
        self
    }

    /// The program has no memory that is written and executed. Linux 6.3.
    #[doc(alias = "PR_SET_MDWE")]
    pub fn deny_write_execute(mut self, how: DenyWriteExecute) -> Self {
        self.spec.process.rights.deny_write_execute = Some(how);
        self
    }

    /// Has the program keep the caller's session keyring, and all keys in it, rather than begin with an empty one of its
    /// own. See keyrings(7).
    #[doc(alias = "KEYCTL_JOIN_SESSION_KEYRING")]
    pub fn in_caller_keyring(mut self) -> Self {
        self.spec.process.caller_keyring = true;
        self
    }

    /// What SELinux knows the program's session keyring by.
    pub fn keyring_label(mut self, label: Label) -> Self {
        self.spec.process.rights.keyring_label = Some(label);
        self
    }

    /// Whom the kernel kills first when memory runs out: from -1000, never, to 1000. Lowering it takes
    /// `CAP_SYS_RESOURCE`.
    pub fn oom_score_adj(mut self, oom_score_adj: OomScoreAdj) -> Self {
        self.spec.process.rights.oom_score_adj = Some(oom_score_adj);
        self
    }

    /// The container runs on these processors alone. [`limits`](Self::limits) have a set that it cannot leave.
    #[doc(alias = "sched_setaffinity")]
    pub fn cpu_affinity(mut self, processors: impl Into<NumberSet>) -> Self {
        self.spec.process.rights.cpu_affinity = Some(processors.into());
        self
    }

    /// The container's memory comes from these nodes.
    #[doc(alias = "set_mempolicy")]
    pub fn memory_policy(mut self, policy: MemoryPolicy) -> Self {
        self.spec.process.rights.memory_policy = Some(policy);
        self
    }

    /// By which rule the container gets processor time. A real-time one takes `CAP_SYS_NICE`, or a limit of it.
    #[doc(alias = "sched_setattr")]
    #[doc(alias = "nice")]
    pub fn scheduler(mut self, scheduler: Scheduler) -> Self {
        self.spec.process.rights.scheduler = Some(scheduler);
        self
    }

    /// A disk sees the container's requests with this priority.
    #[doc(alias = "ioprio_set")]
    pub fn io_priority(mut self, priority: IoPriority) -> Self {
        self.spec.process.rights.io_priority = Some(priority);
        self
    }

    /// Nobody but the container runs on the sibling of a processor that it runs on. Linux 5.14, where processors have
    /// siblings.
    #[doc(alias = "PR_SCHED_CORE")]
    pub fn core_scheduling(mut self) -> Self {
        self.spec.process.rights.core_scheduling = true;
        self
    }

    /// What the machine is said to be: 32 bits, a release of 2.6, addresses that are not random.
    #[doc(alias = "setarch")]
    pub fn personality(mut self, personality: Personality) -> Self {
        self.spec.process.rights.personality = Some(personality);
        self
    }
}
