// SPDX-License-Identifier: MIT OR Apache-2.0
//! The inner process: the block, the leak check, the end.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use super::marker::Marker;
use crate::leak::Baseline;

/// Runs the block and ends the process: nothing after the block may run inside.
#[allow(clippy::exit, clippy::disallowed_methods, reason = "the rest of the test belongs to the outer process")]
pub(super) fn live(marker: &Marker, block: impl FnOnce()) -> ! {
    static ENTERED: AtomicBool = AtomicBool::new(false);
    assert!(!ENTERED.swap(true, Ordering::Relaxed), "isolated was called inside an isolated block");
    println!("{}", marker.began());
    let before = Baseline::take(marker.boxed);
    // Unwinds here and not in the harness, which would take the panic of a should_panic test for success.
    if let Err(payload) = catch_unwind(AssertUnwindSafe(block)) {
        println!("{}{:?}", marker.panicked(), message(&*payload));
        std::process::exit(101);
    }
    let leaks = before.leaks();
    for leak in &leaks {
        println!("isolated: leaked: {leak}");
    }
    if !leaks.is_empty() {
        std::process::exit(102);
    }
    println!("{}", marker.finished());
    std::process::exit(0);
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a value that is not text")
}
