// SPDX-License-Identifier: MIT OR Apache-2.0
//! Helpers: newuidmap and newgidmap, the setuid programs of shadow that write maps for those who may not.
//!
//! They are looked for where distributions put them, never on PATH: a map is not to be written by what a caller's
//! environment names. Which ids they grant is their business (/etc/subuid, /etc/subgid, nss).
//!
//! Man: newuidmap(1), newgidmap(1).

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{IdRange, Ids};
use crate::error::{Error, ErrorKind, Object};
use crate::spawn::{Spawn, Stdio};

/// Where the helpers are: /run/wrappers is NixOS, whose store cannot hold setuid programs.
pub(super) const DIRECTORIES: [&str; 6] =
    ["/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin", "/run/wrappers/bin"];

/// More than this of a helper's stderr is not shown.
const MAX_STDERR: u64 = 4096;

/// How a helper's run ended.
pub(super) struct Ended {
    /// Whether it exited with 0; unknown where the host program reaps every child itself.
    pub(super) success: Option<bool>,
    /// What it said, without the white space around it.
    pub(super) said: String,
}

/// The helper for this half of a map.
pub(super) fn find(ids: Ids, pid: u32, directories: &[&str]) -> Result<PathBuf, Error> {
    let name = ids.helper();
    let candidates = directories.iter().map(|directory| Path::new(directory).join(name));
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        let places = directories.join(", ");
        let why = format!(
            "the map has more than the caller's own id, and {name}, which may write it, is in none of {places}"
        );
        Error::because(ids.write_op(), Object::Pid(pid), ErrorKind::Unsupported, why)
            .with_hint(format!("install {name}: it is in the package \"uidmap\", \"shadow\" or \"shadow-utils\""))
    })
}

/// Runs a helper to its end.
pub(super) fn run_helper(helper: &Path, pid: u32, ranges: &[IdRange]) -> Result<Ended, Error> {
    let mut spawn = Spawn::new(helper);
    spawn.arg(pid.to_string()).stdin(Stdio::Null).stdout(Stdio::Null).stderr(Stdio::Piped);
    // The caller's environment is no business of a setuid program; English, so that refusals can be told apart.
    spawn.env_clear().env("LC_ALL", "C");
    for range in ranges {
        spawn.args([range.inside, range.outside, range.count].map(|number| number.to_string()));
    }
    let mut child = spawn.spawn()?;
    let mut said = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        // A reading that fails costs us words, not the outcome.
        drop(stderr.take(MAX_STDERR).read_to_end(&mut said));
    }
    let status = child.wait()?;
    // Where the host program ignores SIGCHLD, or reaps everything, the map itself has to tell.
    let success = status.is_known().then(|| status.success());
    Ok(Ended { success, said: String::from_utf8_lossy(&said).trim().to_owned() })
}

/// A helper ended without writing the map: what it said, and what to do where that is certain.
pub(super) fn refused(ids: Ids, pid: u32, helper: &Path, ended: &Ended) -> Error {
    let name = ids.helper();
    let why = if ended.said.is_empty() {
        format!("{name} ended without writing the map and without saying why")
    } else {
        format!("{name} refused: {}", ended.said.strip_prefix(&format!("{name}: ")).unwrap_or(&ended.said))
    };
    let error = Error::because(ids.write_op(), Object::Pid(pid), ErrorKind::Denied, why);
    let file = ids.subid_file();
    if rustix::thread::no_new_privs().unwrap_or(false) {
        error.with_hint(format!("this thread has no_new_privs, under which {name} cannot gain the privilege it needs"))
    } else if !has_privilege(helper) {
        error.with_hint(format!("{helper:?} is neither setuid root nor has it file capabilities"))
    } else if ended.said.contains("not allowed") {
        error.with_hint(format!(
            "{name} grants the caller's own id and the ranges that {file} lends to its account, no other"
        ))
    } else {
        error
    }
}

/// Whether executing the file gives privilege: the setuid bit, or capabilities in its attributes.
fn has_privilege(helper: &Path) -> bool {
    const SETUID: u32 = 0o4000;
    let setuid = helper.metadata().is_ok_and(|metadata| metadata.permissions().mode() & SETUID != 0);
    // A size of 0 asks how long the value is.
    setuid || rustix::fs::getxattr(helper, c"security.capability", &mut [0_u8; 0][..]).is_ok()
}
