// SPDX-License-Identifier: MIT OR Apache-2.0
//! Refusals: why the kernel takes no program, or no line of version 1.

use rustix::io::Errno;
use rustix::thread::CapabilitySet;

use super::attach::NAME;
use super::{DeviceRules, Insn, Table, program};
use crate::error::{Error, ErrorKind, Object};
use crate::layout::{Reason, Version};
use crate::{kernel, sys};

/// The first user namespace (`PROC_USER_INIT_INO`, linux/proc_ns.h).
const FIRST_NAMESPACE: &str = "user:[4026531837]";

/// The most of the verifier's words that a sentence holds.
const LOG_SHOWN: usize = 400;

/// Whether we have `CAP_SYS_ADMIN` where device rules ask for it: in the first user namespace, and no other.
pub(crate) fn is_admin() -> bool {
    let caps = rustix::thread::capabilities(None).map(|sets| sets.effective);
    let namespace = std::fs::read_link("/proc/self/ns/user").ok();
    caps.is_ok_and(|caps| caps.contains(CapabilitySet::SYS_ADMIN))
        // Without /proc nobody can tell, and the kernel has the last word.
        && namespace.is_none_or(|found| found.as_os_str() == FIRST_NAMESPACE)
}

/// Why no group could have device rules from us, if none could. A program is loaded, to see, and goes at once.
pub(crate) fn lack(version: Version) -> Option<Reason> {
    if version == Version::V1 {
        return (!is_admin()).then_some(Reason::NotPermitted);
    }
    let insns = program::compile(&Table::of(&DeviceRules::allow_all())).unwrap_or_default();
    match sys::load(&insns, NAME, None) {
        Ok(_) => None,
        Err(Errno::PERM) => Some(Reason::NotPermitted),
        Err(_) => Some(Reason::NoSuchFile),
    }
}

/// Why a program was not loaded. The verifier is asked once more, for its reasons.
pub(super) fn load(insns: &[Insn], object: Object, errno: Errno) -> Error {
    const OP: &str = "load the device program of";
    let raw = errno.raw_os_error();
    match errno {
        Errno::PERM | Errno::NOMEM if is_admin() && kernel::is_before_5_11() => {
            let why = "before Linux 5.11 programs count against RLIMIT_MEMLOCK, the memory that a process may lock";
            Error::explained(OP, object, ErrorKind::Denied, raw, why)
                .with_hint("raise the limit: \"ulimit -l unlimited\" in a shell, LimitMEMLOCK=infinity for systemd")
        }
        Errno::PERM => {
            let why = "device programs take CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, of the first user namespace: the \
                       root of another one has none of them";
            Error::explained(OP, object, ErrorKind::Denied, raw, why)
        }
        Errno::NOSYS => {
            let why = "this kernel was built without bpf(2), or a filter refuses it";
            Error::explained(OP, object, ErrorKind::Unsupported, raw, why)
        }
        Errno::INVAL | Errno::ACCESS | Errno::TOOBIG => {
            let mut log = vec![0; 1 << 16];
            let _refused_again = sys::load(insns, NAME, Some(&mut log));
            let said = log.split(|byte| *byte == 0).next().unwrap_or_default();
            let said = String::from_utf8_lossy(said.get(said.len().saturating_sub(LOG_SHOWN)..).unwrap_or_default());
            let why = match said.trim() {
                "" => "this kernel knows no device programs (CONFIG_CGROUP_BPF)".to_owned(),
                said => format!("the kernel's verifier refused the program: {}", said.replace('\n', "; ")),
            };
            Error::explained(OP, object, ErrorKind::Unsupported, raw, why)
        }
        _ => Error::os(OP, object, raw),
    }
}

/// Why a program was not attached to a group, or not looked for.
pub(crate) fn attach(op: &'static str, object: Object, errno: Errno) -> Error {
    let raw = errno.raw_os_error();
    match errno {
        Errno::PERM if is_admin() => {
            let why = "somebody has attached a program to it, or to a group above, that lets no others be beside it \
                       (without BPF_F_ALLOW_MULTI)";
            Error::explained(op, object, ErrorKind::Denied, raw, why)
        }
        Errno::PERM => {
            let why = "that takes CAP_NET_ADMIN, or CAP_SYS_ADMIN, of the first user namespace";
            Error::explained(op, object, ErrorKind::Denied, raw, why)
        }
        Errno::TOOBIG => Error::explained(
            op,
            object,
            ErrorKind::Exhausted,
            raw,
            "it has 64 programs of that kind, which is the most",
        ),
        Errno::NODEV => Error::explained(op, object, ErrorKind::NotFound, raw, "the group was removed"),
        _ => Error::os(op, object, raw),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use needs::{isolated, needs};

    use super::*;

    #[test]
    fn the_verifier_says_in_the_error_what_it_has_against_a_program() {
        needs!(root, syscall("bpf"));
        isolated(|| {
            // It ends without an answer.
            let insns = [Insn { code: 0x95, ..Insn::default() }];
            let errno = sys::load(&insns, NAME, None).unwrap_err();
            let error = load(&insns, Object::Group("/web".into()), errno);
            let cause = error.source().unwrap().to_string();
            assert!(cause.starts_with("the kernel's verifier refused the program: "), "{cause}");
            assert!(cause.contains("R0 !read_ok"), "{cause}");
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        });
    }
}
