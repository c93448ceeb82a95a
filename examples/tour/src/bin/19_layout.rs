// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the control groups of this machine are, where we are in them, and where we may make some of our own.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::error::Error;

use skep::cgroup::{Controller, Layout, Limits, MIB, Quota};

fn main() -> Result<(), Box<dyn Error>> {
    let layout = Layout::detect()?;
    println!("{layout}\n");
    for controller in Controller::ALL {
        match layout.of(controller) {
            Some(hierarchy) => {
                println!("{controller:<12}{} in {}", hierarchy.version(), hierarchy.mount_point().display())
            }
            None if layout.disabled().contains(&controller) => println!("{controller:<12}turned off at boot"),
            None if layout.unmounted().contains(&controller) => println!("{controller:<12}in no hierarchy here"),
            None => println!("{controller:<12}not in this kernel"),
        }
    }
    let below = match layout.delegated_group() {
        Ok(group) => {
            println!("\nnew groups may be made below {group:?}");
            group
        }
        Err(error) => {
            println!("\n{error}");
            error.source().inspect(|cause| println!("  {cause}"));
            error.hint().inspect(|hint| println!("  hint: {hint}"));
            return Ok(());
        }
    };
    let limits = Limits::new().memory_max(64 * MIB).pids_max(32).cpu(Quota::millicpus(500));
    for lack in layout.assess(below.join("tour"), &limits)? {
        println!("  {lack}");
    }
    Ok(())
}
