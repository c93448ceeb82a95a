// SPDX-License-Identifier: MIT OR Apache-2.0
//! `pause` and `resume`: all processes of a container, standing still and going on.

use std::time::Duration;

use crate::arguments::Globals;
use crate::failure::Failure;
use crate::known::{self, CREATED_STATUS, PAUSED, RUNNING};

/// Until all stand still, or go on.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn pause(globals: &Globals, id: &str) -> Result<(), Failure> {
    let container = known::open(globals, id)?;
    match known::status(&container)?.as_str() {
        RUNNING | CREATED_STATUS => Ok(container.freeze(PATIENCE)?),
        status => Err(Failure::from(format!("container not running or created: {id:?} is {status}"))),
    }
}

pub(super) fn resume(globals: &Globals, id: &str) -> Result<(), Failure> {
    let container = known::open(globals, id)?;
    match known::status(&container)?.as_str() {
        PAUSED => Ok(container.thaw(PATIENCE)?),
        status => Err(Failure::from(format!("container not paused: {id:?} is {status}"))),
    }
}
