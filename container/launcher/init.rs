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
//! It leads the session, and the program a process group in it, as under a shell: in the foreground of the terminal, if
//! there is one. A group is stopped by Ctrl-Z only if somebody else in its session could have it go on, which the init is;
//! that it was stopped the init tells the caller, whose business it then is.
//!
//! Man: pid_namespaces(7), sigtimedwait(2), wait(2), setpgid(2), credentials(7).

use ns_floor::{Errno, sys as kernel};

use crate::step::Flat;
use crate::sys::process::{self, Change, Counter, Mask, Signal};
use crate::sys::{Wire, terminal};
use crate::wire::Frame;

const SIGHUP: i32 = 1;
const SIGCHLD: i32 = 17;
const SIGCONT: i32 = 18;
const SIGTSTP: i32 = 20;

/// Forks. Returns in the process that will be the program; the other one never returns.
///
/// # Errors
/// `EAGAIN` at a limit on processes, `EMFILE` at one on descriptors, `ENOMEM`.
pub fn stay(
    wire: &Wire,
    plan: &Flat<'static>,
    at: u16,
    (own_group, shown): (bool, bool),
    terminal: u32,
) -> Result<(), Errno> {
    let stops = if own_group { Some(Counter::new()?) } else { None };
    if let Some(stops) = &stops {
        wire.send_descriptor(Frame::Handed { at }, stops.number())?;
    }
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
        // While signals are blocked: who takes the foreground from behind is stopped for it otherwise.
        let done = if own_group { lead(terminal) } else { Ok(()) };
        mask.restore();
        return done;
    }
    kernel::set_name(c"skep [init]");
    process::unmap(plan);
    // The standard descriptors too: whoever reads the program's output waits for its end, not for ours. The wire last: when
    // the parent learns that the program runs, there is nothing left here but the counter.
    process::close_all_but([wire.socket(), stops.as_ref().map_or(wire.socket(), Counter::number)]);
    kernel::close(wire.socket());
    // Nothing is left to hide, and no right that the program has not. Who made the user namespace must be able to look at
    // this process, by which its namespaces are found; root of the machine is.
    if shown {
        let _ = kernel::make_dumpable();
    }
    Init { program, stops }.serve()
}

/// Leads a process group of its own, in the foreground of the terminal.
fn lead(terminal: u32) -> Result<(), Errno> {
    process::lead_group()?;
    match (0..3).find(|stream| terminal >> stream & 1 == 1) {
        Some(stream) => terminal::foreground(stream),
        None => Ok(()),
    }
}

struct Init {
    /// The first child, with whose end all ends.
    program: i32,
    /// Where its stops are counted, if it leads a group of its own.
    stops: Option<Counter>,
}

impl Init {
    fn serve(&self) -> ! {
        loop {
            let Signal { number, from_kernel } = process::wait_for_signal();
            match number {
                SIGCHLD => self.look_at_children(),
                // That its terminal is hung up the kernel tells the leader of the session alone; and whoever has the program
                // stop or go on means all of it.
                SIGHUP | SIGCONT if from_kernel => self.signal_group(number),
                SIGTSTP | SIGCONT if !from_kernel => self.signal_group(number),
                // What the terminal sends to its foreground reaches the program without us.
                _ if from_kernel => {}
                _ => process::signal(self.program, number),
            }
        }
    }

    fn signal_group(&self, number: i32) {
        match self.stops {
            Some(_) => process::signal_group(self.program, number),
            None => process::signal(self.program, number),
        }
    }

    /// Reaps every child that has ended, and ends with the program: signals of several children may come as one.
    fn look_at_children(&self) {
        while let Some(Change { pid, status }) = process::changed() {
            match (pid == self.program, status.is_stop(), &self.stops) {
                (true, true, Some(stops)) => stops.add_one(),
                (true, false, _) => kernel::exit_group(status.shell_code()),
                _ => {}
            }
        }
    }
}
