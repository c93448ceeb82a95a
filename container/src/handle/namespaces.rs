// SPDX-License-Identifier: MIT OR Apache-2.0
//! The namespaces that a container is in.

use skep_ns::{Namespace, NamespaceKind, PidFd};

use super::created::Created;
use super::running::Container;
use crate::error::{Error, ErrorKind, Object};

const OP: &str = "open a namespace of";

impl Container {
    /// The namespace of this kind that its first process is in: to look at, to [join](crate::Builder::join_namespace), to
    /// [pin](skep_ns::Namespace::pin).
    ///
    /// # Errors
    /// `WrongState` if it has ended; as [`Namespace::of`](skep_ns::Namespace::of).
    /// # Privileges
    /// Those to trace its first process, ptrace(2); its maker has them once its program runs.
    pub fn namespace(&self, kind: NamespaceKind) -> Result<Namespace, Error> {
        let first = self.first.demand(OP, || self.object())?;
        of(first, kind, self.object())
    }
}

impl Created {
    /// The namespace of this kind that it will be in: for whoever sets up a network before the program begins.
    ///
    /// # Errors
    /// As [`Namespace::of`](skep_ns::Namespace::of).
    /// # Privileges
    /// `CAP_SYS_PTRACE` over it: what is not the program yet is hidden from everybody else.
    pub fn namespace(&self, kind: NamespaceKind) -> Result<Namespace, Error> {
        of(self.launched.process(), kind, self.launched.plan().object())
    }
}

fn of(first: &PidFd, kind: NamespaceKind, object: Object) -> Result<Namespace, Error> {
    Namespace::of(first, kind).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            Error::because(OP, object, ErrorKind::WrongState, "its first process has ended".to_owned())
        }
        _ => Error::of_leaf(OP, object, error),
    })
}
