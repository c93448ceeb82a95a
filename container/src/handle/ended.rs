// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a container ended, written down by the parent of its first process for those who cannot ask the kernel.

use serde::{Deserialize, Serialize};
use skep_ns::ExitStatus;

use crate::error::{Error, ErrorKind, Object};
use crate::state::StateDir;

const FILE: &str = "status";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
enum Ended {
    Code(i32),
    Signal { number: i32, core_dumped: bool },
}

/// Writes a known status down.
pub(super) fn write(state: &StateDir, status: ExitStatus) -> Result<(), Error> {
    let ended = match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(code),
        (None, Some(number)) => Ended::Signal { number, core_dumped: status.core_dumped() },
        (None, None) => return Ok(()),
    };
    // Whoever deletes the container removes its files and then their directory: nothing may appear in between.
    if !state.lock_patiently()? {
        return Ok(());
    }
    let written =
        if !state.is_removed() { state.write(FILE, &serde_json::to_vec(&ended).unwrap_or_default()) } else { Ok(()) };
    state.unlock();
    written
}

/// The status that was written down; unknown if none was.
pub(super) fn read(state: &StateDir) -> Result<ExitStatus, Error> {
    let Some(text) = state.read(FILE)? else { return Ok(ExitStatus::UNKNOWN) };
    let raw = match serde_json::from_slice(&text) {
        Ok(Ended::Code(code @ 0..=255)) => code << 8,
        Ok(Ended::Signal { number: number @ 1..=64, core_dumped }) => number | i32::from(core_dumped) << 7,
        Ok(_) | Err(_) => {
            let object = Object::Path(state.path().join(FILE));
            return Err(Error::because("read", object, ErrorKind::Invalid, "it is no status of ours".to_owned()));
        }
    };
    Ok(ExitStatus::from_wait_status(raw))
}
