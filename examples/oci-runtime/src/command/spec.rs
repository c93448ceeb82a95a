// SPDX-License-Identifier: MIT OR Apache-2.0
//! `spec`: a configuration to begin with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use clap::ArgMatches;
use serde_json::json;
use skep::oci::{Config, VERSION};

use super::path;
use crate::failure::Failure;

/// A shell on a terminal, with few rights, in a read-only root.
const DEFAULT: &str = include_str!("spec.json");

pub(super) fn spec(asked: &ArgMatches) -> Result<(), Failure> {
    let file = path(asked, "bundle").unwrap_or(Path::new(".")).join("config.json");
    let text = config(asked.get_flag("rootless"))?.to_json()? + "\n";
    let opened = OpenOptions::new().write(true).create_new(true).open(&file);
    opened.and_then(|mut opened| opened.write_all(text.as_bytes())).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::from(format!("there is a file {file:?} already: remove it first")),
        _ => Failure::from(format!("cannot write {file:?}: {error}")),
    })
}

fn config(is_rootless: bool) -> Result<Config, Failure> {
    let mut config = Config::from_json(DEFAULT)?;
    config.oci_version = VERSION.to_owned();
    if is_rootless {
        let ids = [nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw()];
        make_rootless(&mut config, ids)?;
    }
    Ok(config)
}

/// What an ordinary user can run: who has these numbers is root inside, the network is the machine's, and there are no limits.
fn make_rootless(config: &mut Config, [uid, gid]: [u32; 2]) -> Result<(), Failure> {
    let wrong = |error: serde_json::Error| Failure::from(format!("cannot write a configuration: {error}"));
    let own = |id: u32| serde_json::from_value(json!([{"containerID": 0, "hostID": id, "size": 1}])).map_err(wrong);
    if let Some(linux) = &mut config.linux {
        linux.resources = None;
        linux.uid_mappings = Some(own(uid)?);
        linux.gid_mappings = Some(own(gid)?);
        let namespaces = linux.namespaces.get_or_insert_default();
        namespaces.retain(|namespace| namespace.kind != "network");
        namespaces.push(serde_json::from_value(json!({"type": "user"})).map_err(wrong)?);
    }
    let mounts = config.mounts.get_or_insert_default();
    // The network in it would have to be one of ours, and control groups are seen with it.
    mounts.retain(|mount| mount.destination != "/sys" && mount.destination != "/sys/fs/cgroup");
    for mount in mounts.iter_mut() {
        if let Some(options) = &mut mount.options {
            // Nobody else has a number there.
            options.retain(|option| !option.starts_with("gid=") && !option.starts_with("uid="));
        }
    }
    let sys = json!({"destination": "/sys", "type": "none", "source": "/sys",
        "options": ["rbind", "nosuid", "noexec", "nodev", "ro"]});
    mounts.push(serde_json::from_value(sys).map_err(wrong)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_has_no_fault() {
        for is_rootless in [false, true] {
            let config = config(is_rootless).unwrap();
            assert_eq!(config.problems(), [""; 0]);
            assert_eq!(config.unknown_keys(), [""; 0]);
            assert_eq!(config.process.unwrap().terminal, Some(true));
        }
    }
}
