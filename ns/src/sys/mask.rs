// SPDX-License-Identifier: MIT OR Apache-2.0
//! The signal mask of a thread, for the moment of a clone.

use crate::floor::sys::{nr, syscall};

/// All 64 signals of this thread, blocked until [`SignalMask::restore`].
///
/// By the raw call: glibc's functions leave out 32 and 33, which it uses itself to cancel threads and to change their ids.
#[derive(Debug)]
pub(super) struct SignalMask(u64);

impl SignalMask {
    pub(super) fn block_all() -> Self {
        let mut old = 0_u64;
        set_mask(u64::MAX, &mut old);
        Self(old)
    }

    pub(super) fn restore(self) {
        let mut ignored = 0;
        set_mask(self.0, &mut ignored);
    }
}

fn set_mask(new: u64, old: &mut u64) {
    const SIG_SETMASK: usize = 2;
    let new = &raw const new;
    let args = [SIG_SETMASK, new.expose_provenance(), std::ptr::from_mut(old).expose_provenance(), 8, 0, 0];
    // SAFETY: the kernel reads and writes 8 bytes each at live locals. It changes this thread's mask, which every caller
    // of this module restores; with these arguments it cannot fail.
    let _ = unsafe { syscall(nr::RT_SIGPROCMASK, args) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_comes_back_with_all_64_signals_in_between() {
        let mut before = 0;
        set_mask(0b1010, &mut before);
        let mask = SignalMask::block_all();
        let mut within = 0;
        set_mask(u64::MAX, &mut within);
        // SIGKILL and SIGSTOP cannot be blocked, and the kernel says so.
        assert_eq!(within, !((1 << 8) | (1 << 18)));
        mask.restore();
        let mut after = 0;
        set_mask(before, &mut after);
        assert_eq!(after, 0b1010);
    }
}
