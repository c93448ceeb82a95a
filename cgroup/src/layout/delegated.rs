// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where we may make groups, and what to do about it where we may not.
//!
//! Man: systemd.resource-control(5) "Delegate=". Systemd: CGROUP_DELEGATION.md.

use std::path::Path;

use super::{Access, Hierarchy, Layout};
use crate::error::{Error, ErrorKind, Object};

const OP: &str = "find a group delegated to us for";

impl Layout {
    /// The highest group that was delegated to us, in the hierarchy that processes are kept track of by: an absolute path, to
    /// make groups below.
    ///
    /// It is our own group, or one above it: all on the way are ours, so that processes may be moved between them. In
    /// a systemd session that is `user@1000.service` for what the user's own systemd has started; what a login has
    /// started is in a `session-3.scope` of root's, and has none.
    ///
    /// # Errors
    /// `Denied` if nothing was delegated to this user, or the hierarchy is mounted read-only; `WrongState` if our own group is not below the
    /// mount point; `Unsupported` without any hierarchy. The hint says what to do.
    pub fn delegated_group(&self) -> Result<&Path, Error> {
        let Some(tracking) = self.tracking() else {
            let why = "no cgroup hierarchy is mounted here";
            return Err(Error::explained(OP, Object::Named("new groups"), ErrorKind::Unsupported, 0, why));
        };
        tracking.delegated_group().ok_or_else(|| refused(tracking, Path::new("/run/systemd/system").is_dir()))
    }
}

fn refused(hierarchy: &Hierarchy, systemd: bool) -> Error {
    let own = hierarchy.own_group().unwrap_or_else(|| Path::new("/"));
    let object = Object::Named("new groups");
    let point = hierarchy.mount_point();
    let error = |kind, why: String| Error::because(OP, object, kind, why);
    match hierarchy.access() {
        Access::OutOfView => error(ErrorKind::WrongState, format!("our own group is not in view below {point:?}"))
            .with_hint("in a cgroup namespace, mount the hierarchy anew: mount -t cgroup2 cgroup2 DIRECTORY"),
        Access::ReadOnly => error(ErrorKind::Denied, format!("{point:?} is mounted read-only"))
            .with_hint("whoever made this place must mount it writable, and give our group to this user"),
        Access::Unknown => error(ErrorKind::WrongState, "our own groups were not looked at".to_owned())
            .with_hint("Layout::detect looks at them; Layout::locate does not"),
        Access::Denied | Access::Writable => {
            let why = format!("our own group {own:?} in {point:?} does not belong to this user");
            error(ErrorKind::Denied, why).with_hint(if systemd {
                "start the program by `systemd-run --user --scope -p Delegate=yes COMMAND`, \
                 or in a unit with Delegate=yes"
            } else {
                "have root make a group, give it to this user (Cgroup::delegate), and start the program in it"
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::layout::Version;

    #[test]
    fn who_was_given_nothing_is_told_what_to_do() {
        let hierarchy = |access, own: &str| Hierarchy {
            version: Version::V2,
            mount_point: "/sys/fs/cgroup".into(),
            own: Some(own.into()),
            access,
            ..Hierarchy::default()
        };
        let said = |access, systemd| {
            let error = refused(&hierarchy(access, "/user.slice/session-3.scope"), systemd);
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            (error.kind(), error.to_string(), cause, error.hint().map(str::to_owned).unwrap_or_default())
        };
        let (kind, what, cause, hint) = said(Access::Denied, true);
        assert_eq!((kind, what.as_str()), (ErrorKind::Denied, "cannot find a group delegated to us for new groups"));
        assert_eq!(
            cause,
            "our own group \"/user.slice/session-3.scope\" in \"/sys/fs/cgroup\" does not belong to this user"
        );
        assert!(hint.contains("systemd-run --user --scope -p Delegate=yes"), "{hint}");
        assert!(said(Access::Denied, false).3.contains("Cgroup::delegate"));
        assert!(said(Access::ReadOnly, true).2.contains("read-only"));
        assert_eq!(said(Access::OutOfView, true).0, ErrorKind::WrongState);
        assert!(said(Access::Unknown, true).3.contains("Layout::detect"));
        assert_eq!(Layout::default().delegated_group().unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
