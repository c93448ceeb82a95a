// SPDX-License-Identifier: MIT OR Apache-2.0
//! Machines: what each kind of machine is known to lack (`xtask/machines.toml`).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::failure::{Failure, Usage};

/// Kept in the program: it is found wherever the program runs.
const TABLE: &str = include_str!("../../machines.toml");

/// One kind of machine.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Machine {
    /// For whoever reads the file.
    #[allow(dead_code, reason = "a required line of the file")]
    about: String,
    /// Needs that are not met here, in the words of the summary.
    pub(super) lacks: Vec<String>,
}

/// The machine of this name.
pub(super) fn read(name: &str) -> Result<Machine, Failure> {
    parse(TABLE, name)
}

fn parse(table: &str, name: &str) -> Result<Machine, Failure> {
    let mut machines: BTreeMap<String, Machine> =
        toml::from_str(table).map_err(|error| format!("cannot understand xtask/machines.toml: {error}"))?;
    machines.remove(name).ok_or_else(|| {
        let known: Vec<&str> = machines.keys().map(String::as_str).collect();
        Usage::new(format!("xtask/machines.toml has no machine {name:?}; it has {}", known.join(", "))).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_a_plain_machine() {
        assert!(!read("plain").unwrap().about.is_empty());
    }

    #[test]
    fn an_unknown_machine_is_answered_with_the_known_ones() {
        let error = parse("[a]\nabout = 'x'\nlacks = []\n", "b").unwrap_err().to_string();
        assert!(error.ends_with("it has a"), "{error}");
        assert!(parse("[a]\nlack = []\n", "a").is_err());
    }
}
