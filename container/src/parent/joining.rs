// SPDX-License-Identifier: MIT OR Apache-2.0
//! What exists already, and a child is put into: the way of a further program of a container.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use skep_cgroup::Cgroup;
use skep_ns::{Namespace, NamespaceFlags, NamespaceKind, PidFd, Prepared};

use super::scope::Unit;
use crate::error::{Error, ErrorKind};
use crate::plan::{Entering, Plan, Stage};

/// The namespaces that the launcher joins for its child: all but the cgroup namespace, into which the kernel lets nobody
/// move from outside of its group.
pub(crate) const AT_ONCE: [NamespaceKind; 7] = [
    NamespaceKind::User,
    NamespaceKind::Pid,
    NamespaceKind::Net,
    NamespaceKind::Ipc,
    NamespaceKind::Uts,
    NamespaceKind::Time,
    NamespaceKind::Mount,
];

/// Whether this kernel knows such namespaces.
pub(crate) fn is_known(kind: NamespaceKind) -> bool {
    !Namespace::of_this_thread(kind).is_err_and(|error| error.kind() == ErrorKind::Unsupported)
}

/// Whether the caller is in it.
pub(crate) fn is_own(namespace: &Namespace) -> bool {
    let own = Namespace::of_this_thread(namespace.kind());
    matches!((own.and_then(|own| own.id()), namespace.id()), (Ok(own), Ok(there)) if own == there)
}

/// What exists already, and a child is put into.
#[derive(Debug)]
pub(crate) struct Joining {
    /// The namespaces that the launcher joins.
    pub(crate) way: Prepared,
    /// Those that the child joins once it is in its cgroup.
    pub(crate) late: Option<Prepared>,
    /// Those that the child makes for itself in place of the container's.
    pub(crate) made: NamespaceFlags,
    pub(crate) cgroup: Option<Cgroup>,
    /// The scope of systemd's that the cgroup is of, if it is of one.
    pub(crate) unit: Option<Unit>,
    /// Whether the user namespace denies setgroups(2).
    pub(crate) setgroups_denied: bool,
    /// How long it may take until the program runs.
    pub(crate) patience: Option<Duration>,
    /// Where a child is kept that was killed and does not end.
    pub(crate) left: Left,
}

/// A child that was killed and does not end: it waits in the kernel for somebody in the container.
pub(crate) type Left = Arc<Mutex<Option<(u32, PidFd)>>>;

impl Joining {
    /// What the plan has to know of it.
    pub(crate) fn entering(&self) -> Entering {
        let kinds = |way: &Prepared| way.joins().map(|(_, kinds)| kinds).collect();
        Entering {
            kinds: kinds(&self.way),
            late: self.late.as_ref().map(kinds).unwrap_or_default(),
            made: self.made,
            has_cgroup: self.cgroup.is_some(),
        }
    }

    /// The sentence for a namespace that could not be joined.
    pub(super) fn refused(&self, plan: &Plan, at: u16, errno: u16) -> Error {
        const ESRCH: u16 = 3;
        let error = match errno {
            ESRCH => {
                let why = "its first process has ended, and with it the container".to_owned();
                Error::because(plan.operation(), plan.object(), ErrorKind::WrongState, why)
            }
            _ => Error::of_leaf(plan.operation(), plan.object(), self.way.refused(at.into(), errno)),
        };
        error.at(plan.place(Stage::Enter), plan.operation(), plan.object())
    }
}
