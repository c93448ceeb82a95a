// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table that a listing displays as.

use std::fmt;

use super::{Hidden, Listed, Listing};

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>10} {:<6} {:>6} {:>7} {:<10} COMMAND", "NS", "TYPE", "NPROCS", "PID", "USER")?;
        for found in &self.namespaces {
            writeln!(f, "{found}")?;
        }
        for id in &self.for_children {
            writeln!(f, "the next children begin in {id}")?;
        }
        write!(f, "{}", self.hidden)
    }
}

impl fmt::Display for Listed {
    /// A line of the table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10} {:<6} {:>6}", self.id.inode, self.id.kind.proc_name(), self.processes)?;
        match &self.first {
            Some(first) => {
                write!(f, " {:>7}", first.pid)?;
                match &first.user {
                    Some(name) => write!(f, " {:<10}", Plain(name))?,
                    None => write!(f, " {:<10}", first.uid)?,
                }
                write!(f, " {}", Plain(&first.command))?;
            }
            None => write!(f, " {:>7} {:<10} -", "-", "-")?,
        }
        for pin in &self.pins {
            write!(f, " (pinned at {})", Plain(&pin.to_string_lossy()))?;
        }
        let mut between = " (held by";
        for pid in &self.holders {
            write!(f, "{between} {pid}")?;
            between = ",";
        }
        if self.holders.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl fmt::Display for Hidden {
    /// A line for each thing that is hidden; nothing if none is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = [(self.processes, "whose namespaces"), (self.holders, "whose descriptors")];
        for (count, what) in lines.into_iter().filter(|(count, _)| *count > 0) {
            let (processes, are) = if count == 1 { ("process", "is") } else { ("processes", "are") };
            writeln!(f, "{count} {processes} {what} may not be seen {are} not in it")?;
        }
        Ok(())
    }
}

/// Text of others, who may have put a terminal's commands into it.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain: String = self.0.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect();
        f.pad(&plain)
    }
}
