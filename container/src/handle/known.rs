// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of a container that somebody else has made: its record, and its processes as they are now.

use super::first::First;
use crate::error::Error;
use crate::state::{Description, Found, Identity, Record, Removal, StateDir};

/// What is known.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) first: First,
    /// Whether it was ever started.
    pub(super) was_started: bool,
    /// Whether the process that has made it still lives, and so may be at it; `None` if nobody knows who that is.
    pub(super) maker_lives: Option<bool>,
    /// Why it cannot be known whether it runs, if it cannot.
    pub(super) doubt: Option<String>,
    pub(super) removals: Vec<Removal>,
    pub(super) description: Description,
}

impl Known {
    /// Looks at the state and at the processes that it names.
    pub(super) fn of(state: &StateDir) -> Result<Self, Error> {
        let Some(record) = Record::read(state)? else {
            // Nothing was written down yet: then nothing was made.
            let first = First::gone()?;
            return Ok(Self {
                first,
                was_started: false,
                maker_lives: None,
                doubt: None,
                removals: Vec::new(),
                description: Description::default(),
            });
        };
        let mut doubt = record.damage.map(|damage| format!("the record of its first process is damaged: {damage}"));
        let first = match record.first.as_ref().map(|first| (first.pid(), first.find())) {
            Some((pid, Found::Lives(process))) => First::Found { pid, process },
            Some((_, Found::Unknown(why))) => {
                doubt = Some(why);
                First::gone()?
            }
            Some((_, Found::Gone)) | None => First::gone()?,
        };
        let maker_lives = record.maker.as_ref().map(Identity::find).and_then(|maker| match maker {
            Found::Lives(_) => Some(true),
            Found::Gone => Some(false),
            Found::Unknown(_) => None,
        });
        Ok(Self {
            first,
            was_started: record.first.is_some(),
            maker_lives,
            doubt,
            removals: record.removals,
            description: record.description,
        })
    }
}
