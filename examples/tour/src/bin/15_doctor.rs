// SPDX-License-Identifier: MIT OR Apache-2.0
//! What this machine has for containers of this account, what it has not, and whether one starts.
//!
//! With `--json` the facts alone, for programs.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::error::Error;

use skep::ns::{IdMap, NamespaceKind::*, Namespaces};
use skep::{Container, Facts, Report};

fn main() -> Result<(), Box<dyn Error>> {
    let facts = Facts::probe();
    if std::env::args().any(|arg| arg == "--json") {
        println!("{}", serde_json::to_string_pretty(&facts)?);
        return Ok(());
    }
    print!("{facts}");
    let namespaces = Namespaces::new().make([Mount, Pid, Uts, Ipc, Net]).user(IdMap::current_as_root());
    let tried = Container::anonymous().namespaces(namespaces).proc("/proc").command("/bin/true", [""; 0]).output();
    match tried {
        Ok(output) => println!("\na container of /bin/true: {}", output.status),
        Err(error) => println!("\na container of /bin/true: {}", Report(&error)),
    }
    Ok(())
}
