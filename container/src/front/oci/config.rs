// SPDX-License-Identifier: MIT OR Apache-2.0
//! The whole configuration: what `config.json` of a bundle says.

use std::collections::BTreeMap;

use super::hooks::Hooks;
use super::linux::Linux;
use super::mount::Mount;
use super::object::{Object, Place, object};
use super::process::Process;
use super::read;
use crate::error::{Error, Object as Subject};

/// What the errors name.
const CONFIG: Subject = Subject::Named("the OCI configuration");

object! {
    /// A `config.json` of the OCI runtime specification, version 1.3, for Linux.
    ///
    /// Every key is read, kept and written again, those that the format does not have among them ([`other`](Self::other) of each
    /// object). The names of fields are those of the keys, in Rust's spelling; a key that may be absent is an [`Option`].
    ///
    /// ```
    /// use skep::oci::Config;
    ///
    /// let text = r#"{"ociVersion": "1.3.0", "root": {"path": "rootfs"}, "org.example.colour": "blue"}"#;
    /// let config = Config::from_json(text)?;
    /// assert_eq!(config.root.as_ref().map(|root| root.path.as_str()), Some("rootfs"));
    /// assert!(config.to_json()?.contains("blue"));
    ///
    /// // Everything that has the wrong type is told at once, by its place.
    /// let error = Config::from_json(r#"{"ociVersion": 1, "mounts": [{"destination": true}]}"#).unwrap_err();
    /// assert_eq!(error.problems(), [
    ///     "mounts[0].destination: invalid type: boolean `true`, expected a string",
    ///     "ociVersion: invalid type: integer `1`, expected a string",
    /// ]);
    /// # Ok::<(), skep::Error>(())
    /// ```
    /// # See also
    /// opencontainers/runtime-spec, config.md and config-linux.md.
    Config {
        required {
            /// The version of the specification that it is written for: `1.3.0`.
            oci_version: String = "ociVersion",
        }
        optional {
            /// The root directory. The format asks for it.
            root: Root = "root",
            /// What is mounted, in this order.
            mounts: Vec<Mount> = "mounts",
            /// The program. A container that is never started needs none.
            process: Process = "process",
            /// The host name; needs a uts namespace.
            hostname: String = "hostname",
            /// The NIS domain name; needs a uts namespace.
            domainname: String = "domainname",
            /// Programs that are run around the container.
            hooks: Hooks = "hooks",
            /// What its maker wants to remember of it.
            annotations: BTreeMap<String, String> = "annotations",
            /// What is Linux's own.
            linux: Linux = "linux",
        }
    }
}

object! {
    /// The root directory of a container.
    Root {
        required {
            /// The directory, on this machine: a relative one is one of the bundle.
            path: String = "path",
        }
        optional {
            /// Whether nothing in it can be changed.
            readonly: bool = "readonly",
        }
    }
}

impl Config {
    /// Reads a configuration. What a value means is not looked at: see [`problems`](Self::problems).
    ///
    /// # Errors
    /// `Invalid` for what is no JSON, with line and column; else with everything that has a wrong type or is out of its type's
    /// range, a sentence each that begins with the place (`process.user.uid`).
    pub fn from_json(text: impl AsRef<str>) -> Result<Self, Error> {
        let (config, problems) = read::read(text.as_ref());
        if problems.is_empty() { Ok(config) } else { Err(Error::invalid("read", CONFIG, problems)) }
    }

    /// The text of the configuration, with line breaks.
    ///
    /// # Errors
    /// None that can be named: JSON has a place for all that is in it.
    pub fn to_json(&self) -> Result<String, Error> {
        read::write(self, CONFIG)
    }

    /// The place of every key that the format does not have. The format asks to pass over them; a misspelt one should be seen
    /// nevertheless.
    #[must_use]
    pub fn unknown_keys(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.unknown(&Place::Top, &mut found);
        found
    }
}
