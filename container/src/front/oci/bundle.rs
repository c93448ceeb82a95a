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
    /// it names is there. Nothing else is touched. What the configuration means is looked at when it is
    /// [translated](Self::translate): see [`Config::problems`] too.
    ///
    /// # Errors
    /// `NotFound` where there is no such directory, or no `config.json` in it; `Invalid` for what is no JSON, or with everything
    /// in it that has a wrong type, each with its place; for a root directory that is absent, and with it everything else that
    /// is wrong by the specification.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        const OP: &str = "open bundle";
        let Found { path, file, text } = find(OP, path.as_ref())?;
        let invalid = |problems| Error::invalid(OP, Object::Path(file.clone()), problems);
        let config = Config::from_json(text).map_err(|error| invalid(error.problems().to_vec()))?;
        let bundle = Self { path, config };
        let Some(absent) = bundle.root().filter(|root| !is_directory(root)) else { return Ok(bundle) };
        let mut problems = bundle.config.problems();
        problems.push(format!("root.path: there is no directory {absent:?}"));
        Err(invalid(problems))
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

    /// Its directory and its configuration.
    #[must_use]
    pub fn into_parts(self) -> (PathBuf, Config) {
        (self.path, self.config)
    }

    /// The configuration, to be changed before a container is made of it.
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
