// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words: a step, the right that it takes, and its failure, in sentences. The process that performs it has none.

use std::fmt;

use nix::errno::Errno;

use crate::caps::{Cap, CapSet};
use crate::floor::label::{EXEC, HEADER, KEYCREATE};
use crate::floor::landlock::{CREATING, ENTERING};
use crate::floor::limits::{FOREIGN, OPENING, WRITING};
use crate::floor::thread::WHOLE;
use crate::floor::{Failure, Step, sys};
use crate::lsm;
use crate::number_set::NumberSet;
use crate::oom_score_adj::OomScoreAdj;
use crate::personality::Personality;
use crate::rlimit::{Limit, Resource, Rlimit};
use crate::seccomp::Loading;
use crate::securebits::Securebits;

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Step::DropBounding { keep: 0 } => f.write_str("drop every capability from the bounding set"),
            Step::DropBounding { keep } => {
                write!(f, "drop every capability but {} from the bounding set", CapSet::from_bits(keep))
            }
            Step::KeepCaps => f.write_str("keep the permitted capabilities over the change of user"),
            Step::SetCaps { effective, permitted, inheritable } => write_sets(f, effective, permitted, inheritable),
            Step::Ambient { set: 0 } => f.write_str("clear the ambient capabilities"),
            Step::Ambient { set } => write!(f, "pass capabilities on to programs: {}", CapSet::from_bits(set)),
            Step::Securebits { bits } => write!(f, "set the securebits: {}", Securebits::from_bits_retain(bits)),
            Step::NoNewPrivs => f.write_str("forbid to gain privileges by an exec"),
            Step::Rlimit { resource, soft, hard } => write_limit(f, resource, soft, hard),
            Step::OomScoreAdj { value } => write!(f, "set the OOM score adjustment to {}", OomScoreAdj::new(value)),
            Step::Undumpable => f.write_str("deny others to look into the process"),
            Step::SessionKeyring => f.write_str("leave the caller's session keyring for an empty one"),
            Step::Seccomp { flags, .. } => match Loading::of_flags(flags) {
                loading if loading == Loading::new() => f.write_str("filter the system calls"),
                loading => write!(f, "filter the system calls, {loading}"),
            },
            Step::ParentDeathSignal { signal } => {
                write!(f, "get signal {signal} when the thread that started this ends")
            }
            Step::DenyWriteExecute { .. } => f.write_str("deny memory that is written and executed"),
            Step::CoreScheduling { .. } => f.write_str("share processor cores with nobody else"),
            Step::Personality { bits } => write!(f, "set the personality: {}", Personality::from_bits_retain(bits)),
            Step::Scheduler { attributes } => write!(f, "set the scheduler: policy {}", word(attributes, 4)),
            Step::IoPriority { value } => {
                write!(f, "set the priority of input and output: class {}, level {}", value >> 13, value & 7)
            }
            Step::MemoryPolicy { mode, nodes } => {
                write!(f, "set the memory policy: mode {mode}, nodes {}", Numbers(nodes))
            }
            Step::Affinity { processors } => write!(f, "run on processors {}", Numbers(processors)),
            Step::Label { attribute, context } => {
                let of = match attribute {
                    EXEC => "the program",
                    KEYCREATE => "keys",
                    _ => "the thread",
                };
                let text = String::from_utf8_lossy(context.get(HEADER..).unwrap_or_default()).into_owned();
                write!(f, "label {of}: {}", text.escape_debug())
            }
            Step::Landlock { .. } => f.write_str("deny itself files, ports and others by Landlock"),
        }
    }
}

/// The number at this place.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u32::from_ne_bytes(*word))
}

/// A bit each, as a list.
struct Numbers<'a>(&'a [u8]);

impl fmt::Display for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_ne_bytes);
        let words: Vec<u64> = self.0.chunks_exact(8).filter_map(word).collect();
        NumberSet::of_words(&words).fmt(f)
    }
}

fn write_sets(f: &mut fmt::Formatter<'_>, effective: u64, permitted: u64, inheritable: u64) -> fmt::Result {
    let [effective, permitted, inheritable] = [effective, permitted, inheritable].map(CapSet::from_bits);
    if permitted.is_empty() {
        f.write_str("give up every capability")?;
    } else {
        write!(f, "give up every capability but {permitted}")?;
    }
    if effective != permitted {
        write!(f, "; in force: {effective}")?;
    }
    if inheritable.is_empty() { Ok(()) } else { write!(f, "; inheritable: {inheritable}") }
}

fn write_limit(f: &mut fmt::Formatter<'_>, resource: u32, soft: u64, hard: u64) -> fmt::Result {
    let [soft, hard] = [soft, hard].map(Limit::from_kernel);
    match Resource::from_number(resource) {
        Some(resource) => write!(f, "set the resource limit {}", Rlimit::new(resource, soft, hard)),
        None => write!(f, "set the limit of resource {resource} to {soft}, at most {hard}"),
    }
}

impl Step<'_> {
    /// The right that it takes, where it always or sometimes takes one.
    #[must_use]
    pub fn right(&self) -> Option<&'static str> {
        match self {
            Step::DropBounding { .. } | Step::Securebits { .. } => Some("CAP_SETPCAP"),
            Step::Rlimit { .. } => Some("CAP_SYS_RESOURCE to raise the hard limit"),
            Step::OomScoreAdj { .. } => Some("CAP_SYS_RESOURCE to lower it"),
            Step::Seccomp { .. } | Step::Landlock { .. } => Some("CAP_SYS_ADMIN without no_new_privs"),
            Step::Scheduler { .. } => Some("CAP_SYS_NICE for more than the limits nice and rtprio allow"),
            Step::IoPriority { value } if value >> 13 == 1 => Some("CAP_SYS_NICE"),
            Step::Label { .. } => Some("what the security module's policy says"),
            Step::KeepCaps
            | Step::SetCaps { .. }
            | Step::Ambient { .. }
            | Step::NoNewPrivs
            | Step::Undumpable
            | Step::SessionKeyring
            | Step::ParentDeathSignal { .. }
            | Step::DenyWriteExecute { .. }
            | Step::CoreScheduling { .. }
            | Step::Personality { .. }
            | Step::IoPriority { .. }
            | Step::MemoryPolicy { .. }
            | Step::Affinity { .. } => None,
        }
    }

    /// What within the step failed: the `part` of its [`Failure`](crate::floor::Failure) in words.
    #[must_use]
    pub fn part(&self, part: u16) -> Option<String> {
        match (self, part) {
            (_, WHOLE) => None,
            (Step::DropBounding { .. } | Step::Ambient { .. }, number) => {
                Cap::new(u8::try_from(number).ok()?).map(|cap| cap.to_string())
            }
            (Step::OomScoreAdj { .. }, OPENING) => Some("opening /proc/self/oom_score_adj".to_owned()),
            (Step::OomScoreAdj { .. }, WRITING) => Some("writing /proc/self/oom_score_adj".to_owned()),
            (Step::OomScoreAdj { .. } | Step::Label { .. }, FOREIGN) => {
                Some("a /proc that is not the kernel's".to_owned())
            }
            (Step::Label { .. }, OPENING) => Some("opening the file below /proc/thread-self/attr".to_owned()),
            (Step::Label { .. }, WRITING) => Some("writing the file below /proc/thread-self/attr".to_owned()),
            (Step::Landlock { .. }, CREATING) => Some("making the ruleset".to_owned()),
            (Step::Landlock { .. }, ENTERING) => Some("entering the ruleset".to_owned()),
            (Step::Landlock { .. }, rule) => Some(format!("rules[{rule}]")),
            _ => None,
        }
    }

    /// What to do about a failure with this error number, where that is certain.
    #[must_use]
    pub fn hint(&self, part: u16, errno: i32) -> Option<String> {
        const SELINUX: u64 = crate::floor::label::SELINUX;
        let failure = Failure { errno: sys::Errno(u16::try_from(errno).unwrap_or_default()), part };
        let text = match (self, Errno::from_raw(errno)) {
            (Step::Label { context, .. }, _) => {
                let is_selinux = context.first_chunk().is_some_and(|id| u64::from_ne_bytes(*id) == SELINUX);
                return lsm::label_hint(if is_selinux { "selinux" } else { "apparmor" }, failure);
            }
            (Step::Landlock { .. }, _) => return lsm::landlock_hint(failure).map(str::to_owned),
            (Step::OomScoreAdj { .. }, _) if part == FOREIGN => {
                "what is at /proc is not the kernel's, or something is mounted over a part of it"
            }
            (Step::DenyWriteExecute { .. }, Errno::EINVAL) => {
                "memory that is written and executed is denied since Linux 6.3, and without passing it on since 6.6"
            }
            (Step::CoreScheduling { .. }, Errno::ENODEV) => {
                "the cores of this machine are one processor each: nobody has a sibling to fear"
            }
            (Step::CoreScheduling { .. }, Errno::EINVAL) => {
                "this kernel has no core scheduling: it is new in 5.14, and CONFIG_SCHED_CORE"
            }
            (Step::Scheduler { .. }, Errno::EPERM) => crate::scheduler::RIGHT,
            (Step::IoPriority { .. }, Errno::EPERM) => crate::io_priority::RIGHT,
            (Step::MemoryPolicy { .. }, Errno::EINVAL) => crate::memory_policy::NODES,
            (Step::Affinity { .. }, Errno::EINVAL) => crate::affinity::PROCESSORS,
            (Step::DropBounding { .. }, Errno::EPERM) => {
                "to drop from the bounding set takes CAP_SETPCAP, which the process does not have here; \
                 in a user namespace of its own it would"
            }
            (Step::Securebits { .. }, Errno::EPERM) => {
                "securebits take CAP_SETPCAP, cannot be changed once they are locked, and exec_* are new in Linux 6.14"
            }
            (Step::SessionKeyring, Errno::EDQUOT) => {
                "this user has as many keyrings as it may have: see the sysctl kernel.keys.maxkeys"
            }
            (Step::KeepCaps, Errno::EPERM) => "the caller's securebits lock keep_caps",
            (Step::SetCaps { .. }, Errno::EPERM) => {
                "nobody can give a capability that he does not have: compare with CapPrm and CapBnd in \
                 /proc/self/status; inheritable ones must be in the bounding set"
            }
            (Step::Ambient { .. }, Errno::EPERM) if part != WHOLE => {
                "only what is permitted and inheritable can be ambient, and not under the securebit no_cap_ambient_raise"
            }
            (Step::Ambient { .. }, Errno::EINVAL) if part != WHOLE => "this kernel does not have this capability",
            (Step::Rlimit { resource, .. }, Errno::EPERM) if *resource == Resource::Nofile.number() => {
                "a hard limit can only be raised with CAP_SYS_RESOURCE in the first user namespace, and that of nofile \
                 not above the sysctl fs.nr_open"
            }
            (Step::Rlimit { .. }, Errno::EPERM) => {
                "a hard limit can only be raised with CAP_SYS_RESOURCE in the first user namespace"
            }
            (Step::OomScoreAdj { .. }, Errno::ENOENT) if part == OPENING => "there is no /proc, which it is written by",
            (Step::OomScoreAdj { .. }, Errno::EACCES) if part == WRITING => {
                "to be killed less likely than the caller takes CAP_SYS_RESOURCE in the first user namespace"
            }
            (Step::Seccomp { .. }, Errno::EACCES) => {
                "without no_new_privs a filter takes CAP_SYS_ADMIN in the user namespace of the process"
            }
            (Step::Seccomp { flags: 1.., .. }, Errno::EINVAL) => {
                "this kernel does not know a way of loading that is asked for: SeccompFeatures::probe tells which it knows"
            }
            (Step::Seccomp { .. }, Errno::EBUSY) => {
                "a process has one listener at most, and it may have come with its parent's filter: is the caller itself \
                 supervised? Or a thread has filters that others lack"
            }
            (Step::Seccomp { flags: 1.., .. }, Errno::ENOSYS) => {
                "seccomp(2) itself is refused, by the filter that the caller is under"
            }
            (Step::Seccomp { program, .. }, Errno::EINVAL) if !program.is_empty() => {
                "this kernel was built without filters of system calls (CONFIG_SECCOMP_FILTER)"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}
