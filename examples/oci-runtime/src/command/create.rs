// SPDX-License-Identifier: MIT OR Apache-2.0
//! `create`: a container up to where its program is still to be executed, by `start`.

use clap::ArgMatches;

use super::id;
use crate::arguments::Globals;
use crate::failure::Failure;
use crate::making::{self, Console};

pub(super) fn create(globals: &Globals, asked: &ArgMatches) -> Result<(), Failure> {
    let container = making::describe(globals, id(asked), asked, Console::OfSocket)?.create_waiting()?;
    container.notes().iter().for_each(|note| globals.log.debug(note));
    Ok(())
}
