// SPDX-License-Identifier: MIT OR Apache-2.0
//! Isolation: a test's block in a process of its own.
//!
//! Three processes take part, all of them the same test program:
//! ```text
//! outer   the test as the harness runs it: starts the warden, waits with a deadline, judges
//!   └─ warden   as root PID 1 of its own pid, mount and net namespaces (the box), else a child subreaper: adopts and
//!        │      reaps orphans, as an init would; ends all that is left when the outer side's pipe closes
//!        └─ inner   runs the block, then the leak check, prints "finished" with the nonce, and exits on the spot
//! ```
//! The warden is there so that the block is not PID 1 (which ignores signals without a handler), and so that an orphan
//! which ended properly is not mistaken for a zombie of the block's.

mod inner;
mod marker;
mod outer;
mod warden;

use std::time::Duration;

use marker::{Marker, Stage};

/// How long a block may take unless the test says otherwise.
const DEADLINE: Duration = Duration::from_secs(120);

/// Runs `block` in a fresh process, and fails the test unless it finishes and leaves nothing.
///
/// The block is the whole inner life: what stands before `isolated` in the test runs in all three processes and is not
/// checked (so make things in the block), what stands after it runs outside alone. Root's block runs in its own pid, mount and net namespaces with a fresh `/proc`; there
/// the loopback link is down. It must leave no process, open descriptor, mount, network link, nor any scratch directory
/// or cgroup with this run's [`token`](crate::token). What is just ending has two seconds' grace.
///
/// # Panics
/// If the block panics, ends its process, leaves something, or takes longer than two minutes; if it is called from
/// another thread than the test's own, or inside another `isolated`. In a `should_panic` test, where a panic would look
/// green, it ends the test program instead.
pub fn isolated(block: impl FnOnce()) {
    run(block, DEADLINE, true);
}

/// [`isolated`] with another deadline.
///
/// # Panics
/// As [`isolated`] does.
pub fn isolated_for(deadline: Duration, block: impl FnOnce()) {
    run(block, deadline, true);
}

/// [`isolated`] in the namespaces of the host, also as root.
///
/// Processes are still seen (the warden is a child subreaper), mounts only by this run's token, links not at all:
/// others may be making theirs.
///
/// # Panics
/// As [`isolated`] does.
pub fn isolated_unboxed(block: impl FnOnce()) {
    run(block, DEADLINE, false);
}

/// [`isolated_unboxed`] with another deadline.
///
/// # Panics
/// As [`isolated`] does.
pub fn isolated_unboxed_for(deadline: Duration, block: impl FnOnce()) {
    run(block, deadline, false);
}

fn run(block: impl FnOnce(), deadline: Duration, boxed: bool) {
    let thread = std::thread::current();
    let Some(name) = thread.name() else {
        panic!("isolated must be called on the test's own thread: its name is how the test is run again");
    };
    match Marker::of_this_process() {
        Some(marker) if marker.test != name => {
            panic!("isolated was called in a thread named {name:?}, inside the isolated test {:?}", marker.test)
        }
        Some(marker) if marker.stage == Stage::Warden => warden::keep(marker),
        Some(marker) => inner::live(marker, block),
        None => outer::judge(name, crate::rounds::patient(deadline), boxed && crate::machine::is_root()),
    }
}

/// The token that the outer process has chosen for us, inside an isolated block.
pub(crate) fn inherited_token() -> Option<String> {
    Marker::of_this_process().map(|marker| marker.token.clone())
}
