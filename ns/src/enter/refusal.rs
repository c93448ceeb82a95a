// SPDX-License-Identifier: MIT OR Apache-2.0
//! Refusals: what the kernel's number means where namespaces are joined or made, and what can be done.

use crate::error::{Error, ErrorKind, Object};
use crate::kind::{NamespaceFlags, NamespaceKind};

const EPERM: i32 = 1;
const ESRCH: i32 = 3;
const ENOMEM: i32 = 12;
const EINVAL: i32 = 22;
const ENOSPC: i32 = 28;
const EUSERS: i32 = 87;

/// One namespace, as the object of a sentence.
pub(super) fn named(kind: NamespaceKind) -> Object {
    Object::Named(match kind {
        NamespaceKind::Mount => "a mount namespace",
        NamespaceKind::Uts => "a uts namespace",
        NamespaceKind::Ipc => "an ipc namespace",
        NamespaceKind::Pid => "a pid namespace",
        NamespaceKind::Net => "a net namespace",
        NamespaceKind::User => "a user namespace",
        NamespaceKind::Cgroup => "a cgroup namespace",
        NamespaceKind::Time => "a time namespace",
    })
}

/// Why namespaces could not be joined.
pub(super) fn of_join(op: &'static str, object: Object, kinds: NamespaceFlags, errno: i32) -> Error {
    let user = kinds.contains(NamespaceFlags::USER);
    match errno {
        ESRCH => super::look::ended(op, object),
        EPERM if user => Error::os(op, object, errno).with_hint(
            "a user namespace is joined by its maker's account from outside, and by who has CAP_SYS_ADMIN in it",
        ),
        EPERM => Error::os(op, object, errno).with_hint(
            "it takes CAP_SYS_ADMIN both in the caller's user namespace and in the one that owns it: join that one too",
        ),
        EUSERS => {
            let why = "a program with several threads cannot join a time namespace";
            Error::explained(op, object, ErrorKind::Invalid, errno, why)
        }
        EINVAL if kinds.contains(NamespaceFlags::PID) => {
            let why = "the pid namespace of the caller is neither it nor above it, or the process is not in one";
            Error::explained(op, object, ErrorKind::Invalid, errno, why)
        }
        _ => Error::os(op, object, errno),
    }
}

/// Why namespaces could not be made.
pub(crate) fn of_make(op: &'static str, object: Object, kinds: NamespaceFlags, errno: i32) -> Error {
    let user = kinds.contains(NamespaceFlags::USER);
    let error = match errno {
        ENOSPC | EUSERS => {
            let why = "a limit on namespaces is reached, or they are nested 32 deep";
            Error::explained(op, object, ErrorKind::Exhausted, errno, why)
        }
        _ => Error::os(op, object, errno),
    };
    let hint = match errno {
        ENOSPC | EUSERS => Some(limits(kinds)),
        EPERM if user => user_namespaces(),
        EPERM if !kinds.is_empty() => {
            Some("it takes CAP_SYS_ADMIN, or a user namespace made with them (Namespaces::user)".to_owned())
        }
        _ => None,
    };
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// Why the second clone of a start failed, after a pid namespace was joined.
pub(crate) fn of_dead_pid_namespace(op: &'static str, object: Object, errno: i32) -> Option<Error> {
    let why = "the first process of the pid namespace has ended, and nobody can begin there any more";
    (errno == ENOMEM).then(|| Error::explained(op, object, ErrorKind::WrongState, errno, why))
}

/// Which switch of this machine refuses user namespaces to accounts without privilege.
pub(crate) fn user_namespaces() -> Option<String> {
    crate::probe::Obstacles::read().in_words().into_iter().next()
}

/// The limits that may be meant.
fn limits(kinds: NamespaceFlags) -> String {
    let names: Vec<_> = kinds.kinds().map(|kind| format!("user.max_{}_namespaces", kind.proc_name())).collect();
    format!("raise {}, here and in the user namespaces above", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_named_as_sysctl_names_them() {
        let kinds = NamespaceFlags::MOUNT | NamespaceFlags::NET;
        assert_eq!(
            limits(kinds),
            "raise user.max_mnt_namespaces, user.max_net_namespaces, here and in the user namespaces above"
        );
    }
}
