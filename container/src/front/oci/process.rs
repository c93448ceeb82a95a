// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program: `process` of the configuration, and what is given to an engine's exec.

use super::object::object;
use super::read;
use crate::error::{Error, Object as Subject};

/// What the errors name.
const PROCESS: Subject = Subject::Named("the OCI process");

object! {
    /// A program, and what it may do.
    Process {
        required {
            /// Its working directory: an absolute path inside.
            cwd: String = "cwd",
            /// Who it is.
            user: User = "user",
        }
        optional {
            /// Whether it has a terminal of its own.
            terminal: bool = "terminal",
            /// The size of that, in characters.
            console_size: ConsoleSize = "consoleSize",
            /// Its environment: `NAME=value`.
            env: Vec<String> = "env",
            /// The program, a path or a name to look for on its `PATH`, and its arguments.
            args: Vec<String> = "args",
            /// Its limits on resources, each once.
            rlimits: Vec<Rlimit> = "rlimits",
            /// The profile of AppArmor that it is held to.
            apparmor_profile: String = "apparmorProfile",
            /// Its capabilities.
            capabilities: Capabilities = "capabilities",
            /// Whether no program that it executes gets more rights than it has.
            no_new_privileges: bool = "noNewPrivileges",
            /// Whom the kernel kills first when memory runs out: from -1000, never, to 1000.
            oom_score_adj: i64 = "oomScoreAdj",
            /// By which rule it gets processor time.
            scheduler: Scheduler = "scheduler",
            /// The context of SELinux that it is held to.
            selinux_label: String = "selinuxLabel",
            /// Whose requests a disk sees first.
            io_priority: IoPriority = "ioPriority",
            /// The processors that a further program in a container runs on.
            exec_cpu_affinity: CpuAffinity = "execCPUAffinity",
        }
    }
}

impl Process {
    /// Reads the description of a further program, as `--process` of the usual runtimes takes it.
    ///
    /// # Errors
    /// Those of [`Config::from_json`](super::Config::from_json).
    pub fn from_json(text: impl AsRef<str>) -> Result<Self, Error> {
        let (process, problems) = read::read(text.as_ref());
        if problems.is_empty() { Ok(process) } else { Err(Error::invalid("read", PROCESS, problems)) }
    }
}

object! {
    /// The size of a terminal, in characters.
    ConsoleSize {
        required {
            /// Rows.
            height: u64 = "height",
            /// Columns.
            width: u64 = "width",
        }
        optional {}
    }
}

object! {
    /// Who a program is, in numbers of the container.
    User {
        required {
            /// The user.
            uid: u32 = "uid",
            /// The group.
            gid: u32 = "gid",
        }
        optional {
            /// The mask of permissions for new files, 0 to 0o777.
            umask: u32 = "umask",
            /// Further groups.
            additional_gids: Vec<u32> = "additionalGids",
        }
    }
}

object! {
    /// The five sets of capabilities, by the names of capabilities(7): `CAP_CHOWN`.
    Capabilities {
        required {}
        optional {
            /// What can be had at all.
            bounding: Vec<String> = "bounding",
            /// What is in force.
            effective: Vec<String> = "effective",
            /// What a program with file capabilities may take over.
            inheritable: Vec<String> = "inheritable",
            /// What is had, and may be made effective.
            permitted: Vec<String> = "permitted",
            /// What a program without file capabilities takes over.
            ambient: Vec<String> = "ambient",
        }
    }
}

object! {
    /// A limit on a resource, setrlimit(2).
    Rlimit {
        required {
            /// Which resource: `RLIMIT_NOFILE`.
            kind: String = "type",
        }
        optional {
            /// What holds. The format asks for it; 18446744073709551615 is no limit.
            soft: u64 = "soft",
            /// What it may be raised to. The format asks for it.
            hard: u64 = "hard",
        }
    }
}

object! {
    /// By which rule a program gets processor time, sched_setattr(2).
    Scheduler {
        required {
            /// The rule: `SCHED_FIFO`.
            policy: String = "policy",
        }
        optional {
            /// For `SCHED_OTHER` and `SCHED_BATCH`: from -20, the most, to 19.
            nice: i32 = "nice",
            /// For `SCHED_FIFO` and `SCHED_RR`: from 1 to 99.
            priority: i32 = "priority",
            /// What else holds: `SCHED_FLAG_RESET_ON_FORK`.
            flags: Vec<String> = "flags",
            /// For `SCHED_DEADLINE`: the time in each period, in nanoseconds.
            runtime: u64 = "runtime",
            /// For `SCHED_DEADLINE`: until when it has had that, in nanoseconds.
            deadline: u64 = "deadline",
            /// For `SCHED_DEADLINE`: the period, in nanoseconds.
            period: u64 = "period",
        }
    }
}

object! {
    /// The priority of a program's input and output, ioprio_set(2).
    IoPriority {
        required {
            /// `IOPRIO_CLASS_RT`, `IOPRIO_CLASS_BE` or `IOPRIO_CLASS_IDLE`.
            class: String = "class",
        }
        optional {
            /// Within the class: from 0, the first, to 7.
            priority: i64 = "priority",
        }
    }
}

object! {
    /// The processors that a further program runs on: `0-3,7`.
    CpuAffinity {
        required {}
        optional {
            /// While it is being moved into the container.
            initial: String = "initial",
            /// When it is in.
            last: String = "final",
        }
    }
}
