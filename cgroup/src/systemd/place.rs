// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a manager of systemd's is, and whether there is one.
//!
//! Man: sd_booted(3), systemd.special(7).

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::dbus::{Address, Addresses, Deadline, Trouble};
use super::manager::{MANAGER, Manager, PATH, Peer};
use super::name;
use super::unit::Unit;
use crate::error::{Error, ErrorKind, Object};
use crate::layout::{Layout, Version};

const OP: &str = "reach";

/// A manager of systemd's: that of the machine, or of a user.
///
/// It is an address, or some: a connection is made for each operation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Systemd {
    pub(super) title: &'static str,
    /// Whose manager it is; it may set what root may.
    pub(super) is_system: bool,
    /// Another user, whose word for where a group is counts among the user's own groups alone.
    pub(super) user: Option<u32>,
    pub(super) places: Vec<(Peer, Addresses)>,
}

impl Systemd {
    /// Whether systemd is this machine's process 1, or this container's.
    #[must_use]
    #[doc(alias = "sd_booted")]
    pub fn runs() -> bool {
        Path::new("/run/systemd/system").symlink_metadata().is_ok_and(|found| found.is_dir())
    }

    /// Whether systemd owns the hierarchies of this layout: it [`runs`](Self::runs), and the group of process 1 that it
    /// makes (init.scope) is at the root that is seen from here. Who makes groups in such a tree asks it.
    #[must_use]
    pub fn manages(layout: &Layout) -> bool {
        let is_its = |name: Option<&str>, version| name == Some("systemd") || version == Version::V2;
        let mut its = layout.hierarchies().iter().filter(|found| is_its(found.name(), found.version()));
        Self::runs() && its.any(|found| found.mount_point().join("init.scope").is_dir())
    }

    /// The manager of the machine: root goes to its own socket, or to the system's bus as everybody does. No other user may
    /// have it make units.
    ///
    /// # Errors
    /// `Invalid` if `DBUS_SYSTEM_BUS_ADDRESS` names no socket of this machine.
    pub fn system() -> Result<Self, Error> {
        let mut places = Vec::new();
        if rustix::process::geteuid().is_root() {
            places.push((Peer::Manager, path("/run/systemd/private").of(0)));
        }
        places.push((
            Peer::Bus,
            match env::var_os("DBUS_SYSTEM_BUS_ADDRESS") {
                Some(list) => addresses("DBUS_SYSTEM_BUS_ADDRESS", &list.to_string_lossy())?,
                None => path("/run/dbus/system_bus_socket"),
            },
        ));
        Ok(Self { title: "systemd", is_system: true, user: None, places })
    }

    /// The manager of the user that we are. As root, a socket that is not root's own is refused, or behind a symbolic link.
    ///
    /// # Errors
    /// `Invalid` if `DBUS_SESSION_BUS_ADDRESS` names no socket of this machine; `NotFound` if nothing says where it is:
    /// neither that nor `XDG_RUNTIME_DIR`.
    pub fn user() -> Result<Self, Error> {
        let runtime = runtime();
        let mut places = Vec::new();
        places.extend(runtime.iter().map(|runtime| (Peer::Manager, path(runtime.join("systemd/private")))));
        match env::var_os("DBUS_SESSION_BUS_ADDRESS") {
            Some(list) => {
                let list = addresses("DBUS_SESSION_BUS_ADDRESS", &list.to_string_lossy());
                match list {
                    Err(error) if places.is_empty() => return Err(error),
                    list => places.extend(list.ok().map(|list| (Peer::Bus, list))),
                }
            }
            None => places.extend(runtime.iter().map(|runtime| (Peer::Bus, path(runtime.join("bus"))))),
        }
        if rustix::process::geteuid().is_root() {
            // The environment may still be that of who has become root, and what is there whatever they put there.
            places = places.into_iter().map(|(peer, list)| (peer, list.of(0))).collect();
            places.retain(|(_, list)| !list.0.is_empty());
        }
        if places.is_empty() {
            let why = "neither XDG_RUNTIME_DIR nor DBUS_SESSION_BUS_ADDRESS says where it is";
            let error = Error::explained(OP, Object::Named(USER), ErrorKind::NotFound, 0, why);
            return Err(error.with_hint(
                "a login has them; without one, `loginctl enable-linger` and XDG_RUNTIME_DIR=/run/user/UID",
            ));
        }
        Ok(Self { title: USER, is_system: false, user: None, places })
    }

    /// The manager of another user, for root.
    ///
    /// Whatever is there is the user's: a socket of somebody else is refused, and so is a group that is not below the
    /// user's own (`user@UID.service`), whatever that manager says.
    #[must_use]
    pub fn of_user(uid: u32) -> Self {
        Self::of_user_at(uid, format!("/run/user/{uid}/systemd/private"))
    }

    pub(super) fn of_user_at(uid: u32, socket: impl Into<PathBuf>) -> Self {
        let places = vec![(Peer::Manager, path(socket).of(uid))];
        Self { title: USER, is_system: false, user: Some(uid), places }
    }

    /// The manager on the bus at one of these addresses, as D-Bus writes them ("unix:path=/run/dbus/system_bus_socket").
    /// It is taken for the machine's: device rules, which a user's takes and does not set, are found missing afterwards.
    ///
    /// # Errors
    /// `Invalid` if none is a socket of this machine, with a sentence for each.
    pub fn at(addresses: &str) -> Result<Self, Error> {
        let list = self::addresses("the list", addresses)?;
        Ok(Self { title: "systemd", is_system: true, user: None, places: vec![(Peer::Bus, list)] })
    }

    /// A unit by its name, whether there is one or not.
    ///
    /// # Errors
    /// `Invalid` if no unit can have this name.
    pub fn unit(&self, name: impl Into<String>) -> Result<Unit, Error> {
        let name = name.into();
        match name::problem(&name) {
            Some(problem) => Err(Error::invalid("use", Object::Named("the unit"), vec![format!("name {problem}")])),
            None => Ok(Unit::new(self.clone(), name)),
        }
    }

    /// The version of systemd: 252 of "252.39-1~deb12u1".
    ///
    /// # Errors
    /// `NotFound` if nobody is there, `Denied` if we are not let in, `TimedOut` at the deadline; `Os` if what is there does
    /// not speak as systemd does.
    pub fn version(&self, deadline: Duration) -> Result<u32, Error> {
        let deadline = Deadline::after(deadline);
        let mut manager = self.open(deadline)?;
        version(&mut manager, deadline)
            .map_err(|trouble| trouble.of("ask for the version of", Object::Named(self.title)))
    }

    /// A conversation.
    pub(super) fn open(&self, deadline: Deadline) -> Result<Manager, Error> {
        self.open_for(false, deadline)
    }

    /// A conversation in which descriptors are sent, if the other side takes them.
    pub(super) fn open_for(&self, descriptors: bool, deadline: Deadline) -> Result<Manager, Error> {
        Manager::open(&self.places, descriptors, deadline).map_err(|refusals| {
            let object = Object::Named(self.title);
            let kinds: Vec<ErrorKind> = refusals.iter().map(|(_, trouble)| trouble.kind()).collect();
            // That somebody is there, and does not let us in, says more than that nobody is elsewhere.
            let told = kinds.iter().rev().find(|kind| **kind != ErrorKind::NotFound);
            let kind = told.copied().unwrap_or(ErrorKind::NotFound);
            let each: Vec<String> = refusals.iter().map(|(place, trouble)| format!("{place}: {trouble}")).collect();
            let error = Error::because(OP, object, kind, each.join("\n"));
            if kind == ErrorKind::NotFound && !Self::runs() {
                return error.with_hint("systemd is not process 1 here: groups are made without it, by Cgroup::create");
            }
            error
        })
    }
}

const USER: &str = "the user's systemd";

/// The number that a version begins with.
pub(super) fn version(manager: &mut Manager, deadline: Deadline) -> Result<u32, Trouble> {
    let text = manager.property(PATH, MANAGER, "Version", deadline)?;
    let text = text.as_text().unwrap_or_default();
    // "v256" was written for a time.
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let number = digits.get(..end).and_then(|digits| digits.parse().ok());
    number.ok_or(Trouble::Malformed("the version of systemd is not a number"))
}

fn path(path: impl Into<PathBuf>) -> Addresses {
    Addresses(vec![Address::Path(path.into())])
}

fn runtime() -> Option<PathBuf> {
    env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.has_root())
}

fn addresses(of: &str, list: &str) -> Result<Addresses, Error> {
    Addresses::parse(list, runtime().as_deref()).map_err(|problems| {
        let problems = problems.into_iter().map(|problem| format!("{of}: {problem}")).collect();
        Error::invalid("use", Object::Named("the address of a bus"), problems)
    })
}
