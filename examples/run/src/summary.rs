// SPDX-License-Identifier: MIT OR Apache-2.0
//! Summary: a few lines about what is isolated, what is limited, and what could not be.

use std::fmt;

use skep::caps_sec::CapSet;
use skep::ns::Namespaces;

use crate::arguments::{Arguments, Network};
use crate::files::Files;
use crate::limits::Confinement;

/// What is said before the command begins, a line each.
#[derive(Debug)]
pub(crate) struct Summary(Vec<String>);

impl Summary {
    pub(crate) fn of(
        arguments: &Arguments,
        namespaces: &Namespaces,
        capabilities: CapSet,
        files: &Files,
        confinement: &Confinement,
    ) -> Self {
        let kinds: Vec<String> = namespaces.kinds().map(|kind| kind.to_string()).collect();
        let network = match arguments.network {
            Network::None => "no network",
            Network::Host => "this machine's network",
        };
        let mut lines = vec![format!(
            "isolated: {}; {network}; {} capabilities, a seccomp filter, no new privileges",
            kinds.join(", "),
            capabilities.iter().count()
        )];
        let seen = arguments.root.as_ref().map_or_else(
            || "this machine's, but for /tmp, /run and /dev".to_owned(),
            |root| format!("those of {}", root.display()),
        );
        lines.push(match &files.kept {
            Some(kept) => format!("files: {seen}; changes are kept in {}", kept.path.display()),
            None => format!("files: {seen}; changes are gone at the end"),
        });
        for share in &arguments.shares {
            let how = if share.writable { "changes reach this machine" } else { "read-only" };
            let place =
                if share.target == share.source { String::new() } else { format!(" as {}", share.target.display()) };
            lines.push(format!("shown: {}{place}; {how}", share.source.display()));
        }
        if !confinement.limited.is_empty() {
            lines.push(format!("limited: {}", confinement.limited.join(", ")));
        }
        lines.extend(files.notes.iter().chain(&confinement.missing).map(|note| format!("note: {note}")));
        Self(lines)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "skep-run: {line}"))
    }
}
