// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the states of containers are kept.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

const NAME: &str = "skep-oci";

/// The directory that is used unless another is asked for: `/run/skep-oci` of this machine's root, and of others one among
/// what is theirs until they log out.
pub(crate) fn default() -> PathBuf {
    let uid = nix::unistd::geteuid();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    match runtime {
        Some(runtime) if is_of_user() => runtime.join(NAME),
        None if !uid.is_root() => PathBuf::from(format!("/tmp/{NAME}-{uid}")),
        _ => Path::new("/run").join(NAME),
    }
}

/// Whether we are not root of this machine: root of a user namespace alone may be an ordinary user of it.
pub(crate) fn is_of_user() -> bool {
    let is_all = std::fs::read_to_string("/proc/self/uid_map")
        .is_ok_and(|map| map.split_ascii_whitespace().eq(["0", "0", "4294967295"]));
    !nix::unistd::geteuid().is_root() || !is_all
}

/// Makes the directories on the way to it; the last is made, and looked at, by who uses it.
pub(crate) fn prepare(root: &Path) -> Result<(), Failure> {
    let Some(above) = root.parent() else { return Ok(()) };
    DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(above)
        .map_err(|error| Failure::from(format!("--root: cannot make the directory {above:?}: {error}")))
}
