// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the commands about an OCI runtime share: which runtime it is, and where nothing of it outlives them.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lexopt::Arg;
use needs::groups;

use crate::cargo;
use crate::failure::Failure;
use crate::workspace::Workspace;

/// Set in the namespaces: the directory of the run.
const PLACE: &str = "SKEP_RUN_PLACE";

/// The runtime that `--runtime` names, or ours; nothing where only the help is asked for. The command takes the arguments
/// that are its own.
pub(crate) fn runtime(
    mut arguments: lexopt::Parser,
    help: &str,
    mut own: impl FnMut(Arg<'_>) -> Result<(), Failure>,
) -> Result<Option<OsString>, Failure> {
    let mut runtime = None;
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => {
                println!("{help}");
                return Ok(None);
            }
            Arg::Long("runtime") => runtime = Some(arguments.value()?),
            other => own(other)?,
        }
    }
    if !rustix::process::geteuid().is_root() {
        return Err("this is of what root has a runtime do: run it as root".into());
    }
    runtime.map_or_else(ours, Ok).map(Some)
}

/// Our runtime, built.
fn ours() -> Result<OsString, Failure> {
    cargo::output(&mut cargo::command(["build", "--quiet", "--package", "skep-oci"]))?;
    Ok(Workspace::load()?.target.join("debug/skep-oci").into_os_string())
}

/// The directory of the run, in the namespaces that [`isolated`] has made.
pub(crate) fn place() -> Option<PathBuf> {
    std::env::var_os(PLACE).map(PathBuf::from)
}

/// The name of a run: its directory's, and that of the group which those of its containers are below.
pub(crate) fn name(place: &Path) -> String {
    place.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Runs this command again, with these words, in pid and mount namespaces, so that no process and no mount outlives it,
/// however it ends; then its groups and its directory are removed.
pub(crate) fn isolated(command: &str, words: impl IntoIterator<Item: AsRef<OsStr>>) -> Result<(), Failure> {
    let place = std::env::temp_dir().join(format!("skep-{command}-{}", std::process::id()));
    fs::create_dir(&place)?;
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc", "--kill-child"])
        .arg(std::env::current_exe()?)
        .arg(command)
        .args(words)
        .env(PLACE, &place)
        .status();
    let removed =
        groups::named(&name(&place)).and_then(|found| found.iter().try_for_each(|group| groups::remove(group)));
    fs::remove_dir_all(&place)?;
    removed?;
    if status?.success() { Ok(()) } else { Err(format!("{command}: not everything was as it should be").into()) }
}
