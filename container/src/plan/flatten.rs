// SPDX-License-Identifier: MIT OR Apache-2.0
//! Laying a plan out flat, in the form that `step.rs` describes.

use std::ffi::{CStr, CString};

use super::step::{Flat, HEADER_WORDS, Header, STEP_WORDS, Span, Step, Texts};
use crate::floors::rootfs;

/// What is laid out.
#[derive(Debug, Default)]
pub(super) struct PlanBuf {
    texts: TextBuf,
    steps: Vec<[u32; STEP_WORDS]>,
    programs: Vec<u32>,
    argv: Vec<u64>,
    envp: Vec<u64>,
}

/// The strings and bytes of a plan, each behind its offset from the plan's beginning.
#[derive(Debug, Default)]
struct TextBuf(Vec<u8>);

impl Texts for TextBuf {
    fn keep(&mut self, text: &CStr) -> u32 {
        self.keep_bytes(text.to_bytes_with_nul())
    }

    fn keep_bytes(&mut self, bytes: &[u8]) -> u32 {
        let offset = HEADER_WORDS * 4 + self.0.len();
        self.0.extend_from_slice(bytes);
        // `PlanBuf::finish` refuses a plan whose offsets do not fit.
        u32::try_from(offset).unwrap_or(u32::MAX)
    }
}

impl PlanBuf {
    pub(super) fn step(&mut self, step: Step<'_>) {
        let words = step.encode(&mut self.texts);
        self.steps.push(words);
    }

    pub(super) fn program(&mut self, path: &CStr) {
        let offset = self.texts.keep(path);
        self.programs.push(offset);
    }

    pub(super) fn arg(&mut self, arg: &CString) {
        let offset = self.texts.keep(arg);
        self.argv.push(offset.into());
    }

    pub(super) fn env(&mut self, entry: &CString) {
        let offset = self.texts.keep(entry);
        self.envp.push(offset.into());
    }

    /// The flat plan, or `None` if it is larger than offsets can tell (4 GiB), or has more steps than the wire can name.
    pub(super) fn finish(mut self, clone_flags: u64, name: &CStr) -> Option<Vec<u8>> {
        if self.steps.len() > usize::from(crate::wire::STEPS_MAX) {
            return None;
        }
        let name = self.texts.keep(name);
        let mut flat = vec![0; HEADER_WORDS * 4];
        flat.append(&mut self.texts.0);
        flat.resize(flat.len().next_multiple_of(8), 0);
        let mut table = |entries: usize, bytes: Vec<u8>| {
            let span = Span { offset: u32::try_from(flat.len()).ok()?, count: u32::try_from(entries).ok()? };
            flat.extend(bytes);
            flat.resize(flat.len().next_multiple_of(8), 0);
            Some(span)
        };
        let steps = table(self.steps.len(), self.steps.iter().flatten().flat_map(|word| word.to_ne_bytes()).collect())?;
        let programs = table(self.programs.len(), self.programs.iter().flat_map(|word| word.to_ne_bytes()).collect())?;
        let pointers = |offsets: &[u64]| offsets.iter().chain(&[0]).flat_map(|offset| offset.to_ne_bytes()).collect();
        let argv = table(self.argv.len(), pointers(&self.argv))?;
        let envp = table(self.envp.len(), pointers(&self.envp))?;
        let size = u32::try_from(flat.len()).ok()?;
        let header =
            Header { size, clone_flags, name, steps, programs, argv, envp, fail: None, profile: false, blind: false };
        write_header(&mut flat, &header);
        Some(flat)
    }
}

/// A copy of a plan that is laid out already, with these numbers of descriptors in the steps that attach what the parent
/// has mounted, in their order.
pub(super) fn with_trees(flat: &[u8], mut numbers: impl Iterator<Item = i32>) -> Vec<u8> {
    /// Where the descriptor is in such a step: behind whose it is, and its kind.
    const TREE_WORD: usize = 2;
    let mut copy = flat.to_vec();
    let Some(plan) = Flat::new(flat) else { return copy };
    let steps = usize::try_from(plan.header().steps.offset).unwrap_or(usize::MAX);
    for (at, step) in (0..).map_while(|at| plan.step(at)).enumerate() {
        let Step::Disk(rootfs::Step::Attach { .. }) = step else { continue };
        let place = steps.saturating_add((at * STEP_WORDS + TREE_WORD) * 4);
        let Some(number) = numbers.next() else { break };
        for (slot, byte) in copy.iter_mut().skip(place).zip(number.to_ne_bytes()) {
            *slot = byte;
        }
    }
    copy
}

/// Sets which step fails on purpose in a plan that is laid out already.
pub(super) fn set_fail(flat: &mut [u8], fail: Option<(u16, u16)>) {
    let Some(header) = Flat::new(flat).map(|flat| Header { fail, ..flat.header() }) else { return };
    write_header(flat, &header);
}

/// Has the child of a plan that is laid out already tell how long each step takes.
pub(super) fn set_profile(flat: &mut [u8]) {
    let Some(header) = Flat::new(flat).map(|flat| Header { profile: true, ..flat.header() }) else { return };
    write_header(flat, &header);
}

/// Has the child of a plan that is laid out already not look why an exec has failed.
pub(super) fn set_blind(flat: &mut [u8]) {
    let Some(header) = Flat::new(flat).map(|flat| Header { blind: true, ..flat.header() }) else { return };
    write_header(flat, &header);
}

fn write_header(flat: &mut [u8], header: &Header) {
    for (slot, byte) in flat.iter_mut().zip(header.encode().iter().flat_map(|word| word.to_ne_bytes())) {
        *slot = byte;
    }
}
