// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bundles: a directory with a configuration and, mostly, the root directory that it names.

use std::path::{Path, PathBuf};

use super::config::Config;
use super::state::{State, StateStatus};
use super::translate::{Setting, Translated};
use crate::builder::Builder;
use crate::error::{Error, Object};
use crate::host::bundle::{Found, find, is_directory};

/// A bundle: what an engine hands to a runtime.
///
/// ```
/// use skep::oci::{Bundle, Setting};
///
/// # let dir = std::env::temp_dir().join(format!("skep-bundle-{}", std::process::id()));
/// # std::fs::create_dir_all(dir.join("rootfs")).unwrap();
/// # std::fs::write(dir.join("config.json"), r#"{"ociVersion": "1.3.0", "root": {"path": "rootfs"},
/// #     "process": {"cwd": "/", "user": {"uid": 0, "gid": 0}, "args": ["/bin/true"]},
/// #     "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]}}"#).unwrap();
/// let bundle = Bundle::open(&dir)?;
/// assert_eq!(bundle.config().oci_version, "1.3.0");
///
/// // A container of that name, to be created as any other.
/// let builder = bundle.builder("web", &Setting::new())?;
/// assert_eq!(builder.spec().process.program, "/bin/true");
/// # std::fs::remove_dir_all(dir).unwrap();
/// # Ok::<(), skep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    path: PathBuf,
    config: Config,
}

impl Bundle {
    /// Reads the configuration of the bundle at `path`, which may be a symbolic link, and looks whether the root directory that
    /// it names is there. Nothing else is touched.
    ///
    /// # Errors
    /// `NotFound` where there is no such directory, or no `config.json` in it; `Invalid` with everything that is wrong with the
    /// configuration by the specification, each with its place, and an absent root directory among it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        const OP: &str = "open bundle";
        let Found { path, file, text } = find(OP, path.as_ref())?;
        let invalid = |problems| Error::invalid(OP, Object::Path(file.clone()), problems);
        let config = Config::from_json(text).map_err(|error| invalid(error.problems().to_vec()))?;
        let bundle = Self { path, config };
        let mut problems = bundle.config.problems();
        if let Some(root) = bundle.root().filter(|root| !is_directory(root)) {
            problems.push(format!("root.path: there is no directory {root:?}"));
        }
        if problems.is_empty() { Ok(bundle) } else { Err(invalid(problems)) }
    }

    /// Its directory, an absolute path without links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The same, to be changed before a container is made of it.
    pub fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// The root directory that it names.
    #[must_use]
    pub fn root(&self) -> Option<PathBuf> {
        self.config.root.as_ref().filter(|root| !root.path.is_empty()).map(|root| self.path.join(&root.path))
    }

    /// The description of the container, and what of it is the runtime's to do.
    ///
    /// # Errors
    /// Those of [`Config::translate`].
    pub fn translate(&self, setting: &Setting) -> Result<Translated, Error> {
        self.config.translate(&self.path, setting)
    }

    /// The container `id` that it describes: see [`translate`](Self::translate) for the listener and the notes.
    ///
    /// Its terminal, if it has one, is [`Created::terminal`](crate::Created::terminal)'s: what a runtime sends to a console
    /// socket.
    ///
    /// # Errors
    /// Those of [`Config::translate`]. What is wrong with the name is told with everything else, when it is made.
    pub fn builder(&self, id: impl Into<String>, setting: &Setting) -> Result<Builder, Error> {
        Ok(Builder::from_spec(self.translate(setting)?.spec).name(id))
    }

    /// The state of the container `id`, as a runtime tells it.
    #[must_use]
    pub fn state(&self, id: impl Into<String>, status: StateStatus) -> State {
        let annotations = self.config.annotations.clone().unwrap_or_default();
        State::new(id, status, self.path.to_string_lossy()).annotations(annotations)
    }
}
