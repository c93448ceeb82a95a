// SPDX-License-Identifier: MIT OR Apache-2.0
//! Containers that are there already, and what is remembered of them beside what skep keeps by itself.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};
use skep::oci::VERSION;
use skep::{Container, ErrorKind, Report, Status};

use crate::arguments::Globals;
use crate::failure::Failure;
use crate::notify;

/// What we keep with a container: when it was made.
pub(crate) const CREATED: &str = "created";

/// The processors that further programs run on, if the configuration says which.
pub(crate) const EXEC_AFFINITY: &str = "exec-affinity";

/// The socket that listeners of its filter are sent to, and what is sent with them.
pub(crate) const LISTENER: &str = "listener";
pub(crate) const LISTENER_METADATA: &str = "listener-metadata";

/// The words of a container's status that decide what can be done with it.
pub(crate) const RUNNING: &str = "running";
pub(crate) const PAUSED: &str = "paused";
pub(crate) const STOPPED: &str = "stopped";
pub(crate) const CREATED_STATUS: &str = "created";

/// The container of this id.
pub(crate) fn open(globals: &Globals, id: &str) -> Result<Container, Failure> {
    Container::open_in(&globals.root, id).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::known_as("container does not exist", &error),
        _ => error.into(),
    })
}

/// Its status in the specification's words, and the runtimes' own one.
pub(crate) fn status(container: &Container) -> Result<String, Failure> {
    Ok(match container.status()? {
        Status::Running => RUNNING.to_owned(),
        Status::Frozen => PAUSED.to_owned(),
        Status::Created => CREATED_STATUS.to_owned(),
        // Nothing of it runs, or ever will.
        Status::Ended | Status::HalfMade => STOPPED.to_owned(),
        other => other.to_string(),
    })
}

/// Whose containers are, by name if there is one: whoever has made a container's state directory.
#[derive(Debug, Default)]
pub(crate) struct Owners(BTreeMap<u32, String>);

impl Owners {
    fn of(&mut self, state: &Path) -> &str {
        let Ok(stat) = rustix::fs::stat(state) else { return "" };
        self.0.entry(stat.st_uid).or_insert_with(|| {
            let user = nix::unistd::User::from_uid(stat.st_uid.into()).ok().flatten();
            user.map_or_else(|| stat.st_uid.to_string(), |user| user.name)
        })
    }
}

/// Deletes a container; hooks that fail after it are told, and fail nothing.
pub(crate) fn delete(globals: &Globals, id: &str, container: Container) -> Result<(), Failure> {
    let deleted = container.delete();
    notify::remove(&globals.root, id);
    let Err(error) = deleted else { return Ok(()) };
    match Container::open_in(&globals.root, id) {
        Err(gone) if gone.kind() == ErrorKind::NotFound => {
            globals.log.warning(Report(&error).to_string());
            Ok(())
        }
        _ => Err(error.into()),
    }
}

/// All that is told of a container: the specification's state, with runc's additions.
pub(crate) fn state(
    globals: &Globals,
    id: &str,
    container: &Container,
    owners: &mut Owners,
) -> Result<Map<String, Value>, Failure> {
    let status = status(container)?;
    let pid = container.pid().filter(|_| status != STOPPED).unwrap_or_default();
    let annotations: BTreeMap<&str, &str> = container.annotations().collect();
    let mut state = Map::new();
    state.insert("ociVersion".to_owned(), json!(VERSION));
    state.insert("id".to_owned(), json!(id));
    state.insert("pid".to_owned(), json!(pid));
    state.insert("status".to_owned(), json!(status));
    state.insert("bundle".to_owned(), json!(container.bundle().map(Path::to_string_lossy).unwrap_or_default()));
    state.insert("rootfs".to_owned(), json!(container.root().map(root).unwrap_or_default()));
    state.insert("created".to_owned(), json!(container.memo(CREATED).unwrap_or_default()));
    if !annotations.is_empty() {
        state.insert("annotations".to_owned(), json!(annotations));
    }
    state.insert("owner".to_owned(), json!(owners.of(&globals.root.join(id))));
    Ok(state)
}

fn root(root: &skep::rootfs::RootSpec) -> String {
    match &root.base {
        skep::rootfs::Base::Directory(path) => path.to_string_lossy().into_owned(),
        _ => String::new(),
    }
}
