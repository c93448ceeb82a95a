// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ps`: the processes in a container, as this machine's ps(1) shows them.

use std::process::{Command, Stdio};

use clap::ArgMatches;

use super::{id, text};
use crate::arguments::Globals;
use crate::failure::Failure;
use crate::{known, print};

pub(super) fn ps(globals: &Globals, asked: &ArgMatches) -> Result<(), Failure> {
    let container = known::open(globals, id(asked))?;
    let pids: Vec<u32> = container.processes()?.into_iter().map(|member| member.pid).collect();
    if text(asked, "format") == Some("json") {
        return print::stdout(format!("{}\n", serde_json::Value::from(pids)));
    }
    let mut options: Vec<&String> = asked.get_many("options").into_iter().flatten().collect();
    let usual = "-ef".to_owned();
    if options.is_empty() {
        options.push(&usual);
    }
    let out = Command::new("ps").args(&options).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let out = out.map_err(|error| Failure::from(format!("cannot execute ps, which shows processes: {error}")))?;
    if !out.status.success() {
        return Err(Failure::from(format!("ps ended with {}", out.status)));
    }
    print::stdout(of_those(&String::from_utf8_lossy(&out.stdout), &pids)?)
}

/// The heading of ps's table, and the lines of these processes.
fn of_those(table: &str, pids: &[u32]) -> Result<String, Failure> {
    let heading = table.lines().next().unwrap_or_default();
    let column = heading.split_whitespace().position(|title| title == "PID");
    let Some(column) = column else {
        return Err(Failure::from("ps shows no PID with these options, by which lines are told apart".to_owned()));
    };
    let pid = |line: &str| line.split_whitespace().nth(column).and_then(|cell| cell.parse().ok());
    let lines = table.lines().skip(1).filter(|line| pid(line).is_some_and(|pid| pids.contains(&pid)));
    Ok(std::iter::once(heading).chain(lines).map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_its_processes_are_shown() {
        let table = "UID          PID    PPID CMD\nroot           1       0 init 7\nroot           7       1 sh\n";
        assert_eq!(of_those(table, &[7]).unwrap(), "UID          PID    PPID CMD\nroot           7       1 sh\n");
        assert!(of_those("CMD\nsh\n", &[7]).is_err());
    }
}
