// SPDX-License-Identifier: MIT OR Apache-2.0
//! `list`: all containers below the root.

use clap::ArgMatches;
use serde_json::{Map, Value};
use skep::{Container, ErrorKind};

use super::text;
use crate::arguments::Globals;
use crate::failure::Failure;
use crate::{known, print};

const COLUMNS: [(&str, &str); 6] = [
    ("ID", "id"),
    ("PID", "pid"),
    ("STATUS", "status"),
    ("BUNDLE", "bundle"),
    ("CREATED", "created"),
    ("OWNER", "owner"),
];

pub(super) fn list(globals: &Globals, asked: &ArgMatches) -> Result<(), Failure> {
    let names = Container::names_in(&globals.root)?;
    if asked.get_flag("quiet") {
        return print::stdout(names.into_iter().map(|name| name + "\n").collect::<String>());
    }
    let (mut states, mut owners): (Vec<Map<String, Value>>, _) = (Vec::new(), known::Owners::default());
    for name in names {
        let state = match Container::open_in(&globals.root, &name) {
            // Deleted since, by somebody else.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => Err(error.into()),
            Ok(container) => known::state(globals, &name, &container, &mut owners),
        };
        match state {
            Ok(state) => states.push(state),
            // The others are told of nevertheless.
            Err(failure) => globals.log.warning(format!("{name}: {}", failure.message())),
        }
    }
    if text(asked, "format") == Some("json") {
        let states: Vec<Value> = states.into_iter().map(Value::from).collect();
        // One line, and null where there are none, as runc has it.
        let states = if states.is_empty() { Value::Null } else { states.into() };
        return print::stdout(format!("{states}\n"));
    }
    let cell = |state: &Map<String, Value>, key: &str| match state.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    let mut lines = vec![COLUMNS.map(|(title, _)| title.to_owned()).to_vec()];
    lines.extend(states.iter().map(|state| COLUMNS.map(|(_, key)| cell(state, key)).to_vec()));
    print::table(&lines)
}
