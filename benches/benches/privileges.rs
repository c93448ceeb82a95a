// SPDX-License-Identifier: MIT OR Apache-2.0
//! Giving up all capabilities but one, and the way back, beside the least that does the same in calls, and the package caps.
//! Takes root.
//!
//! Credentials are a thread's and cannot be given back: each round is a thread of its own, and one that does nothing shows
//! what that costs.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench shows a table, and ends where it cannot run")]

use std::collections::HashSet;
use std::thread;

use rustix::thread::{
    CapabilitySet, CapabilitySets, capability_is_in_bounding_set, clear_ambient_capability_set,
    configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};
use skep::caps_sec::{Cap, CapSet, Capabilities, Privileges};
use skep_benches::paired::{Contestant, Rounds};

const ROUNDS: usize = 1000;
const KEEP: CapabilitySet = CapabilitySet::NET_BIND_SERVICE;

fn main() {
    let keep = Capabilities::exactly(CapSet::from(Cap::NET_BIND_SERVICE)).with_ambient();
    let steps = Privileges::new().capabilities(keep).no_new_privs().steps(None);
    println!("{steps}");
    let contestants = vec![
        Contestant { name: "a thread alone", run: Box::new(|| on_a_thread(|| Ok(()))) },
        Contestant { name: "the least, raw", run: Box::new(|| on_a_thread(|| least().map_err(|e| e.to_string()))) },
        Contestant {
            name: "Steps::enter_thread",
            run: Box::new(|| on_a_thread(|| steps.enter_thread().map_err(|error| error.to_string()))),
        },
        Contestant { name: "the package caps", run: Box::new(|| on_a_thread(|| package().map_err(|e| e.to_string()))) },
    ];
    let rounds = Rounds::run(contestants, ROUNDS);
    println!("{}", rounds.table("one capability is kept", "the least, raw"));
}

fn on_a_thread(body: impl FnOnce() -> Result<(), String> + Send) -> Result<(), String> {
    thread::scope(|scope| scope.spawn(body).join().expect("it does not panic"))
}

/// Every capability that this kernel has is asked for once, and what is there dropped: nobody can do with less, unless he
/// believes a list of his own.
fn least() -> rustix::io::Result<()> {
    for number in 0..64 {
        let one = CapabilitySet::from_bits_retain(1 << number);
        match capability_is_in_bounding_set(one) {
            Ok(true) if one != KEEP => remove_capability_from_bounding_set(one)?,
            Ok(_) => {}
            Err(_) => break,
        }
    }
    set_capabilities(None, CapabilitySets { effective: KEEP, permitted: KEEP, inheritable: KEEP })?;
    clear_ambient_capability_set()?;
    configure_capability_in_ambient_set(KEEP, true)?;
    set_no_new_privs(true)
}

fn package() -> Result<(), caps::errors::CapsError> {
    use caps::{CapSet, Capability};
    let keep = HashSet::from([Capability::CAP_NET_BIND_SERVICE]);
    for cap in caps::all() {
        if !keep.contains(&cap) && caps::has_cap(None, CapSet::Bounding, cap)? {
            caps::drop(None, CapSet::Bounding, cap)?;
        }
    }
    // Inheritable first: what is not permitted any more cannot be added.
    caps::set(None, CapSet::Inheritable, &keep)?;
    caps::set(None, CapSet::Effective, &keep)?;
    caps::set(None, CapSet::Permitted, &keep)?;
    caps::set(None, CapSet::Ambient, &keep)
}
