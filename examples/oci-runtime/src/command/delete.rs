// SPDX-License-Identifier: MIT OR Apache-2.0
//! `delete`: what is left of a container, or with force all of it.

use skep::{Container, ErrorKind};

use crate::arguments::Globals;
use crate::failure::Failure;
use crate::known::{self, STOPPED};

pub(super) fn delete(globals: &Globals, id: &str, force: bool) -> Result<(), Failure> {
    match Container::open_in(&globals.root, id) {
        Err(error) if force && error.kind() == ErrorKind::NotFound => return Ok(()),
        _ => {}
    }
    let container = known::open(globals, id)?;
    let status = known::status(&container)?;
    if !force && status != STOPPED {
        return Err(Failure::from(format!(
            "cannot delete container {id} that is not stopped: {status}\n  hint: --force kills it before"
        )));
    }
    known::delete(globals, id, container)
}
