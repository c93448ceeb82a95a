// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lists namespaces, in the manner of lsns(8): all, those of one kind, or those of one process.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::env;
use std::error::Error;

use skep::ns::{Facts, Listing, NamespaceKind, list, list_of, list_with_holders};

const USAGE: &str = "usage: 01_lsns [KIND | PID | --held | --facts]";

fn main() -> Result<(), Box<dyn Error>> {
    let argument = env::args().nth(1);
    match argument.as_deref() {
        None => show(&list()?),
        Some("--held") => show(&list_with_holders()?),
        Some("--facts") => print!("{}", Facts::probe()),
        Some("--help") => println!("{USAGE}"),
        Some(word) => match word.parse::<u32>() {
            Ok(pid) => show(&list_of(pid).map_err(in_words)?),
            Err(_) => show(&list()?.of_kind(word.parse::<NamespaceKind>().map_err(|_| USAGE)?)),
        },
    }
    Ok(())
}

fn show(listing: &Listing) {
    print!("{listing}");
    let unowned = listing.namespaces.iter().filter(|found| found.processes == 0).count();
    println!("{} namespaces, {unowned} of them without a process", listing.namespaces.len());
}

/// The error and its cause, which the error itself leaves to who asks.
fn in_words(error: skep::ns::Error) -> String {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}")
}
