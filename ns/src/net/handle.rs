// SPDX-License-Identifier: MIT OR Apache-2.0
//! The handle: a net namespace, with a socket that was opened in it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::message::{Message, Received};
use super::socket::{Family, Refusal, Socket, inside};
use crate::error::{Error, ErrorKind, Object};
use crate::handle::Namespace;
use crate::kind::NamespaceKind;
use crate::sysctl::Sysctls;

/// A net namespace, to be asked and changed, from any thread of any other.
///
/// It holds the namespace open, and a socket that was opened in it: whoever asks by it, from wherever, asks that namespace.
/// A clone is the same handle. Requests of several threads wait for each other.
///
/// ```
/// use skep_ns::net::Net;
///
/// let here = Net::here()?;
/// assert!(here.links()?.iter().any(|link| link.is_loopback()));
/// # Ok::<(), skep_ns::Error>(())
/// ```
///
/// # Privileges
/// Reading takes none, but to be able to join the namespace ([`Net::of`]). Changing takes `CAP_NET_ADMIN` in the user
/// namespace that owns it, of who opened the handle and of who uses it. See netlink(7), rtnetlink(7).
#[derive(Debug, Clone)]
pub struct Net(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    namespace: OwnedFd,
    route: Socket,
}

impl Net {
    /// The calling thread's net namespace, as it is now: a thread that leaves it keeps the handle of it.
    ///
    /// # Errors
    /// `Exhausted` at the limit of descriptors, `Unsupported` without netlink.
    pub fn here() -> Result<Self, Error> {
        let namespace = OwnedFd::from(Namespace::of_this_thread(NamespaceKind::Net)?);
        Ok(Self(Arc::new(Inner { namespace, route: Socket::open(Family::Route)? })))
    }

    /// The net namespace that `namespace` is an open file of, such as a [`Namespace`].
    ///
    /// # Errors
    /// `Invalid` for what is no net namespace; `Denied` without the right to join it.
    /// # Privileges
    /// `CAP_SYS_ADMIN` in the caller's user namespace, and in the one that owns the namespace. See setns(2).
    pub fn of(namespace: impl AsFd) -> Result<Self, Error> {
        let fd = namespace.as_fd();
        let object = || Object::Descriptor(fd.as_raw_fd());
        let copy = fd.try_clone_to_owned();
        let copy = copy.map_err(|error| Error::os("copy", object(), error.raw_os_error().unwrap_or_default()))?;
        let known = Namespace::from_fd(copy)?;
        if known.kind() != NamespaceKind::Net {
            let problem = format!("it is a {} namespace, not a net namespace", known.kind());
            return Err(Error::invalid("use", object(), vec![problem]));
        }
        let namespace = OwnedFd::from(known);
        let route = Socket::open_in(Family::Route, namespace.as_fd())?;
        Ok(Self(Arc::new(Inner { namespace, route })))
    }

    /// The namespace, to be joined or kept: see [`Join`](crate::Join).
    #[must_use]
    pub fn namespace(&self) -> BorrowedFd<'_> {
        self.0.namespace.as_fd()
    }

    /// Sets parameters in this namespace, such as `net.ipv4.ip_forward`.
    ///
    /// # Errors
    /// `Invalid` for keys that are not of net namespaces, before anything is set; else as [`Sysctls::enter_here`].
    /// # Privileges
    /// As [`Net::of`], and `CAP_NET_ADMIN`.
    pub fn set_sysctls(&self, sysctls: &Sysctls) -> Result<(), Error> {
        let strange = sysctls.iter().filter(|(key, _)| key.kind() != NamespaceKind::Net);
        let problems: Vec<String> =
            strange.map(|(key, _)| format!("{key} belongs to {} namespaces", key.kind())).collect();
        if !problems.is_empty() {
            return Err(Error::invalid("set", Object::Named("sysctls"), problems));
        }
        inside(self.namespace(), || sysctls.enter_here())?
    }

    /// Runs `work` on a thread in this namespace, which ends with it: to open a socket there, for instance, which stays
    /// there.
    ///
    /// # Errors
    /// `Denied` without the right to join it, `Exhausted` where no thread can be made.
    /// # Privileges
    /// As [`Net::of`].
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
        inside(self.namespace(), work)
    }

    /// Asks for something to be done to `object`.
    pub(super) fn request(
        &self,
        op: &'static str,
        object: &dyn Fn() -> Object,
        message: &Message,
    ) -> Result<(), Error> {
        self.0.route.request(message).map_err(|refusal| refused(refusal, op, object()))
    }

    /// Lists what `decode` makes of each message.
    pub(super) fn list<T>(
        &self,
        what: &'static str,
        message: &Message,
        decode: impl FnMut(&Received<'_>) -> Option<T>,
    ) -> Result<Vec<T>, Error> {
        self.0.route.dump(message, decode).map_err(|refusal| refused(refusal, "list", Object::Named(what)))
    }

    pub(super) fn route(&self) -> &Socket {
        &self.0.route
    }
}

/// The error of a refusal, with what is certain about it.
pub(super) fn refused(refusal: Refusal, op: &'static str, object: Object) -> Error {
    let error = refusal.error(op, object);
    if error.kind() == ErrorKind::Denied {
        return error.with_hint("this takes CAP_NET_ADMIN in the user namespace that owns the net namespace");
    }
    error
}
