// SPDX-License-Identifier: MIT OR Apache-2.0
//! `state`: what is told of one container.

use crate::arguments::Globals;
use crate::failure::Failure;
use crate::{known, print};

pub(super) fn state(globals: &Globals, id: &str) -> Result<(), Failure> {
    let container = known::open(globals, id)?;
    print::json(&known::state(globals, id, &container, &mut known::Owners::default())?.into())
}
