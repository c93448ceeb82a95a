// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words: a step, the right that it takes, and its failure, in sentences. The process that performs it has none.

use std::fmt;

use nix::errno::Errno;

use crate::caps::{Cap, CapSet};
use crate::floor::Step;
use crate::floor::limits::{OPENING, WRITING};
use crate::floor::thread::WHOLE;
use crate::oom_score_adj::OomScoreAdj;
use crate::rlimit::{Limit, Resource, Rlimit};
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
            Step::Seccomp { .. } => f.write_str("filter the system calls"),
        }
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
            Step::Seccomp { .. } => Some("CAP_SYS_ADMIN without no_new_privs"),
            Step::KeepCaps
            | Step::SetCaps { .. }
            | Step::Ambient { .. }
            | Step::NoNewPrivs
            | Step::Undumpable
            | Step::SessionKeyring => None,
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
            _ => None,
        }
    }

    /// What to do about a failure with this error number, where that is certain.
    #[must_use]
    pub fn hint(&self, part: u16, errno: i32) -> Option<String> {
        let text = match (self, Errno::from_raw(errno)) {
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
            (Step::Seccomp { program }, Errno::EINVAL) if !program.is_empty() => {
                "this kernel was built without filters of system calls (CONFIG_SECCOMP_FILTER)"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}
