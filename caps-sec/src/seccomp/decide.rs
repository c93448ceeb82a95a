// SPDX-License-Identifier: MIT OR Apache-2.0
//! Deciding: what the kernel will answer to a call, found out without it.
//!
//! An interpreter of the few instructions that the compiler writes. It reads the very bytes that are loaded.

use super::bpf::{AND, ANSWER, Instruction, JUMP, JUMP_EQUAL, JUMP_LEAST, JUMP_MORE, LOAD};
use super::{Call, Filter, Verdict};

impl Filter {
    /// What becomes of this call.
    ///
    /// ```
    /// use skep_caps_sec::{Call, CapSet, Errno, Policy, Verdict};
    ///
    /// let filter = Policy::standard(CapSet::standard()).compile()?;
    /// let mount = Call::named("mount").unwrap_or_default();
    /// assert_eq!(filter.decide(&mount), Verdict::Errno(Errno::PERM));
    /// # Ok::<(), skep_caps_sec::Error>(())
    /// ```
    #[must_use]
    pub fn decide(&self, call: &Call) -> Verdict {
        // A program that leads nowhere is refused by the kernel; there is none to come to.
        self.run(call).map_or(Verdict::KillProcess, Verdict::of)
    }

    /// Runs the program; `None` for one that is none of ours.
    fn run(&self, call: &Call) -> Option<u32> {
        let (mut at, mut held) = (0, 0_u32);
        loop {
            let Instruction { code, yes, no, k } = self.instruction(at)?;
            at += 1;
            let jump = |holds: bool| usize::from(if holds { yes } else { no });
            match code {
                LOAD => held = call.word(k)?,
                AND => held &= k,
                JUMP => at = at.checked_add(usize::try_from(k).ok()?)?,
                JUMP_EQUAL => at += jump(held == k),
                JUMP_MORE => at += jump(held > k),
                JUMP_LEAST => at += jump(held >= k),
                ANSWER => return Some(k),
                _ => return None,
            }
        }
    }
}

impl Call {
    /// The word at this offset of `struct seccomp_data`: number, architecture, address (which we leave at 0), arguments.
    fn word(&self, offset: u32) -> Option<u32> {
        let half = |register: u64, upper: bool| {
            let [low, high] = [register, register >> 32].map(|part| (part & 0xffff_ffff) as u32);
            if upper { high } else { low }
        };
        match (offset, offset % 4) {
            (0, _) => Some(self.number),
            (4, _) => Some(self.audit_number),
            (8 | 12, _) => Some(0),
            (16..64, 0) => {
                let arg = self.args.get(usize::try_from((offset - 16) / 8).ok()?)?;
                Some(half(*arg, offset % 8 == 4))
            }
            _ => None,
        }
    }
}
