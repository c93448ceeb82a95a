// SPDX-License-Identifier: MIT OR Apache-2.0
//! The launcher as init: process 1 of a pid namespace, which reaps what nobody else does and hands signals on.
//!
//! ```text
//!  child ── steps ──► stay ──┬── (process 1) closes everything, waits for signals ──► ends as the program did
//!                            └── (process 2) the other steps, the start, the program
//! ```
//! It forks before the last steps rather than at the start, so that it has no more rights than the program, and the wire is
//! spoken on by one process alone. When it ends, the kernel ends every other process of the namespace.
//!
//! Man: pid_namespaces(7), sigtimedwait(2), wait(2).

use ns_floor::{Errno, sys as kernel};

use crate::step::Flat;
use crate::sys::Wire;
use crate::sys::process::{self, Ended, Mask, Signal};

/// The number of the signal that tells of a child's end.
const SIGCHLD: i32 = 17;

/// Forks. Returns in the process that will be the program; the other one never returns.
///
/// # Errors
/// `EAGAIN` at a limit on processes, `ENOMEM`.
pub fn stay(wire: &Wire, plan: &Flat<'static>) -> Result<(), Errno> {
    // Blocked before there is a child: none of its signals, and none that is sent to it by way of us, is lost.
    let mask = Mask::block_all();
    let program = match process::fork() {
        Ok(pid) => pid,
        Err(errno) => {
            mask.restore();
            return Err(errno);
        }
    };
    if program == 0 {
        mask.restore();
        return Ok(());
    }
    kernel::set_name(c"skep [init]");
    process::unmap(plan);
    // The standard descriptors too: whoever reads the program's output waits for its end, not for ours. The wire last: when
    // the parent learns that the program runs, there is nothing left here.
    process::close_all_but(wire.socket());
    kernel::close(wire.socket());
    serve(program)
}

fn serve(program: i32) -> ! {
    loop {
        match process::wait_for_signal() {
            Signal { number: SIGCHLD, .. } => reap(program),
            // What the terminal sends to its foreground reaches the program without us.
            Signal { from_kernel: true, .. } => {}
            Signal { number, .. } => process::signal(program, number),
        }
    }
}

/// Reaps every child that has ended, and ends with the program: signals of several children may come as one.
fn reap(program: i32) {
    while let Some(Ended { pid, status }) = process::reap() {
        if pid == program {
            kernel::exit_group(status.shell_code())
        }
    }
}
