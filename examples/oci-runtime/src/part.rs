// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parts of a configuration that are given by themselves, to what runs already: a program, limits.

use serde_json::json;
use skep::cgroup::Limits;
use skep::oci::{self, Config, Setting};
use skep::{Process, Spec};

use crate::failure::Failure;

/// The program that `process` of a configuration describes, to be executed in a container that runs.
pub(crate) fn process(said: oci::Process) -> Result<Process, Failure> {
    let list = said.exec_cpu_affinity.as_ref().and_then(affinity);
    let mut config = around()?;
    config.process = Some(said);
    let mut process = spec(&config)?.process;
    on_processors(&mut process, list.as_deref());
    Ok(process)
}

/// The processors that further programs run on in the end.
pub(crate) fn affinity(said: &oci::CpuAffinity) -> Option<String> {
    said.last.clone().or_else(|| said.initial.clone()).filter(|list| !list.is_empty())
}

/// Has the program run on these processors, if it is said which; that the list is none was told when it was read.
pub(crate) fn on_processors(process: &mut Process, list: Option<&str>) {
    if let Some(Ok(set)) = list.map(str::parse) {
        process.rights.cpu_affinity = Some(set);
    }
}

/// The limits that `linux.resources` of a configuration describes.
pub(crate) fn limits(said: oci::Resources) -> Result<Limits, Failure> {
    let mut config = around()?;
    config.linux.get_or_insert_default().resources = Some(said);
    Ok(spec(&config)?.resources.limits)
}

fn spec(config: &Config) -> Result<Spec, Failure> {
    Ok(config.translate("/", &Setting::new())?.spec)
}

/// What a configuration takes beside them. A terminal may be asked for: whether there can be one is the container's to say.
fn around() -> Result<Config, Failure> {
    let config = json!({
        "ociVersion": oci::VERSION,
        "root": {"path": "/"},
        "process": {"cwd": "/", "user": {"uid": 0, "gid": 0}, "args": ["true"]},
        "mounts": [{"destination": "/dev/pts", "type": "devpts"}],
        "linux": {"namespaces": [{"type": "mount"}]},
    });
    Ok(Config::from_json(config.to_string())?)
}
