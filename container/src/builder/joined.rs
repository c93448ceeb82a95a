// SPDX-License-Identifier: MIT OR Apache-2.0
//! Namespaces of others: what is said of them, and finding them before anything is made.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use skep_ns::{IdMap, Join, Namespace, NamespaceFlags, NamespaceKind};

use super::Builder;
use crate::error::{Error, ErrorKind, Object};
use crate::handle::Container;
use crate::parent::{Joining, Left, is_own};
use crate::spec::{JoinedNamespaces, NamespaceOf};

impl Builder {
    /// Has the container be in the namespace of this kind that an absolute path leads to, rather than in the caller's or one
    /// of its own: `/proc/PID/ns/net`, or where one is pinned, such as `/run/netns/lab`.
    ///
    /// What is set in a namespace belongs to whoever made it: a host name, clocks and sysctls cannot be said for one that is
    /// joined. With a mount namespace the container has the root and the mounts of that. A pid namespace is left to the
    /// others in it when the container ends: what its program has started is ended by its cgroup, if it has one.
    ///
    /// Of a user namespace it is asked who is who there, which the kernel tells of a process in it: there must be one.
    /// # Errors
    /// When the plan is made: `Invalid` for what is no namespace of this kind, cannot be found or opened, and for a kind that
    /// is to be made too.
    /// # Privileges
    /// `CAP_SYS_ADMIN` here and in the user namespace that owns it, setns(2). An ordinary user joins those of another
    /// container together with its user namespace.
    #[doc(alias = "setns")]
    pub fn join_path(mut self, kind: NamespaceKind, path: impl Into<PathBuf>) -> Self {
        self.spec.joined.namespaces.insert(kind, NamespaceOf::Path(path.into()));
        self
    }

    /// The same of a handle, which says by itself of what kind it is.
    pub fn join_namespace(mut self, namespace: Namespace) -> Self {
        self.spec.joined.namespaces.insert(namespace.kind(), NamespaceOf::Given);
        self.given.retain(|given| given.kind() != namespace.kind());
        self.given.push(namespace);
        self
    }

    /// Shares namespaces of these kinds with the container of this name, in the same
    /// [state directory](Self::state_root), which must run when this one is made.
    ///
    /// ```no_run
    /// use skep::Container;
    /// use skep::ns::{NamespaceKind::{Ipc, Mount, Net, Pid, Uts}, Namespaces};
    ///
    /// let web = Container::builder("web")
    ///     .namespaces(Namespaces::new().make([Mount, Net, Ipc, Uts, Pid]))
    ///     .command("/usr/sbin/nginx", ["-g", "daemon off;"])
    ///     .start()?;
    /// // What watches it has processes of its own, and finds it at 127.0.0.1.
    /// let watch = Container::builder("watch")
    ///     .namespaces(Namespaces::new().make([Mount, Pid]))
    ///     .join_container("web", [Net, Ipc, Uts])
    ///     .command("/usr/bin/curl", ["http://127.0.0.1/"])
    ///     .start()?;
    /// # Ok::<(), skep::Error>(())
    /// ```
    pub fn join_container(mut self, name: impl Into<String>, kinds: impl IntoIterator<Item = NamespaceKind>) -> Self {
        let of = NamespaceOf::Container(name.into());
        self.spec.joined.namespaces.extend(kinds.into_iter().map(|kind| (kind, of.clone())));
        self
    }

    /// The namespaces that are joined, found and held, and who is who in the user namespace among them; or what is wrong with
    /// them, a sentence each that begins with the place.
    pub(super) fn found_joined(&self) -> Result<Result<Found, Vec<String>>, Error> {
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        for (kind, of) in &self.spec.joined.namespaces {
            match self.namespace(*kind, of) {
                Ok(namespace) => found.push(namespace),
                Err(Unfound::Limit(error)) => return Err(error),
                Err(Unfound::Problem(problem)) => problems.push(format!("joined.namespaces.{kind}: {problem}")),
            }
        }
        if !problems.is_empty() {
            return Ok(Err(problems));
        }
        let mut id_map = None;
        if let Some(user) = found.iter().find(|namespace| namespace.kind() == NamespaceKind::User) {
            match who_is_who(user) {
                Some(map) => id_map = Some(map),
                None if is_own(user) => {}
                None => {
                    let problem = "joined.namespaces.user: nobody tells who is who in it: there is no process in it that \
                                   the caller may look at";
                    return Ok(Err(vec![problem.to_owned()]));
                }
            }
        }
        let (late, at_once): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|namespace| namespace.kind() == NamespaceKind::Cgroup);
        let failed = |error| Error::of_leaf("create", self.object(), error).with_hint_of_limits();
        let way = |namespaces: Vec<Namespace>| namespaces.into_iter().fold(Join::new(), Join::namespace).prepare();
        let joining = Joining {
            unit: None,
            way: way(at_once).map_err(failed)?,
            late: if late.is_empty() { None } else { Some(way(late).map_err(failed)?) },
            made: NamespaceFlags::empty(),
            cgroup: None,
            setgroups_denied: id_map.as_ref().is_some_and(IdMap::denies_setgroups),
            patience: None,
            left: Left::default(),
        };
        Ok(Ok(Found { joining, id_map }))
    }

    fn namespace(&self, kind: NamespaceKind, of: &NamespaceOf) -> Result<Namespace, Unfound> {
        match of {
            NamespaceOf::Path(path) => {
                let namespace = Namespace::open(path)?;
                if namespace.kind() != kind {
                    let problem = format!("{path:?} is a {} namespace, not a {kind} namespace", namespace.kind());
                    return Err(Unfound::Problem(problem));
                }
                Ok(namespace)
            }
            NamespaceOf::Container(name) => {
                let container = Container::open_in(&self.states(), name).map_err(Unfound::of)?;
                container.namespace(kind).map_err(Unfound::of)
            }
            NamespaceOf::Given => match self.given.iter().find(|given| given.kind() == kind) {
                Some(given) => Ok(given.try_clone()?),
                None => Err(Unfound::Problem(
                    "was given as a handle when the description was made: give it again by Builder::join_namespace"
                        .to_owned(),
                )),
            },
        }
    }

    fn object(&self) -> Object {
        Object::Container(self.name.clone())
    }
}

/// Namespaces that are joined.
pub(super) struct Found {
    pub(super) joining: Joining,
    /// Who is who in the user namespace among them.
    pub(super) id_map: Option<IdMap>,
}

/// Why a namespace is not found.
enum Unfound {
    /// A limit of this process, which says nothing of the namespace.
    Limit(Error),
    /// In a sentence.
    Problem(String),
}

impl Unfound {
    fn of(error: Error) -> Self {
        if error.kind() == ErrorKind::Exhausted { Self::Limit(error) } else { Self::Problem(in_one_line(&error)) }
    }
}

impl From<skep_ns::Error> for Unfound {
    fn from(error: skep_ns::Error) -> Self {
        if error.kind() == ErrorKind::Exhausted {
            return Self::Limit(Error::of_leaf("create", Object::Container(None), error).with_hint_of_limits());
        }
        Self::Problem(in_one_line(&error))
    }
}

/// An error with its causes.
fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut sentence = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        sentence = format!("{sentence}: {cause}");
        next = cause.source();
    }
    sentence
}

/// Who is who in a user namespace: the kernel tells it of the processes in it alone.
fn who_is_who(user: &Namespace) -> Option<IdMap> {
    let id = user.id().ok()?;
    if is_own(user) {
        return None;
    }
    let shows = |process: &Path| {
        std::fs::metadata(process.join("ns/user")).is_ok_and(|link| (link.dev(), link.ino()) == (id.device, id.inode))
    };
    let processes = std::fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path());
    let is_number =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit));
    processes.filter(is_number).filter(|process| shows(process)).find_map(|process| {
        let read = |file: &str| std::fs::read_to_string(process.join(file)).ok();
        let map = IdMap::from_kernel_text(&read("uid_map")?, &read("gid_map")?).ok()?;
        let map = if read("setgroups")?.starts_with("deny") { map.deny_setgroups() } else { map };
        // Asked again: its number may have become another's.
        shows(&process).then_some(map)
    })
}

/// In words, for a plan: "net of "/run/netns/lab", ipc of the container "web"".
pub(super) fn in_words(joined: &JoinedNamespaces) -> String {
    let words = joined.namespaces.iter().map(|(kind, of)| match of {
        NamespaceOf::Path(path) => format!("{kind} at {path:?}"),
        NamespaceOf::Container(name) => format!("{kind} of the container {name:?}"),
        NamespaceOf::Given => format!("{kind} as given"),
    });
    words.collect::<Vec<_>>().join(", ")
}
