// SPDX-License-Identifier: MIT OR Apache-2.0
//! The flat form: what was laid out is read back, and what was not laid out by us harms nobody.

use std::ffi::{CStr, CString};

use proptest::prelude::*;
use skep_rootfs::floor::BindFlags;

use crate::floors::{caps_sec, rootfs};
use crate::plan::flatten::{PlanBuf, set_fail};
use crate::plan::step::{Flat, HEADER_WORDS, MAGIC, Span, Step, VERSION, relocate};
use crate::wire::STEPS_MAX;

/// A step that owns its texts.
#[derive(Debug, Clone)]
enum Owned {
    Plain(Step<'static>),
    Bind(CString, CString, u32),
    Root(CString),
    Overlay(CString, CString, CString),
    Hostname(CString),
    Domainname(CString),
    Directory(CString),
    Seccomp(Vec<u8>, u32),
    Supervise(Vec<u8>, u32),
}

impl Owned {
    fn step(&self) -> Step<'_> {
        match self {
            Owned::Plain(step) => *step,
            Owned::Bind(source, target, attributes) => {
                let (below, flags) = (*attributes, BindFlags::default());
                Step::Disk(rootfs::Step::Bind { source, target, attributes: *attributes, below, flags })
            }
            Owned::Root(path) => Step::Disk(rootfs::Step::Root { path, attributes: 0 }),
            Owned::Overlay(target, lowers, kept) => {
                let changes = rootfs::Changes::Kept(kept);
                let layers = rootfs::Layers { lowers, changes, user: true, options: lowers };
                Step::Disk(rootfs::Step::Overlay { target, layers, attributes: 4, make: true, or_bind: false })
            }
            Owned::Hostname(name) => Step::Hostname { name },
            Owned::Domainname(name) => Step::Domainname { name },
            Owned::Directory(path) => Step::Directory { path },
            Owned::Seccomp(program, flags) => Step::Right(caps_sec::Step::Seccomp { program, flags: *flags }),
            Owned::Supervise(program, flags) => Step::Supervise { program, flags: *flags },
        }
    }
}

fn texts() -> impl Strategy<Value = CString> {
    prop::collection::vec(1..=u8::MAX, 0..40).prop_map(|bytes| CString::new(bytes).unwrap())
}

fn program() -> impl Strategy<Value = (Vec<u8>, u32)> {
    (prop::collection::vec(any::<u8>(), 0..80), any::<u32>())
}

fn steps() -> impl Strategy<Value = Owned> {
    let user = (any::<u32>(), any::<u32>(), any::<bool>());
    prop_oneof![
        prop::sample::select(&[
            Step::Disk(rootfs::Step::ReceiveOnly),
            Step::Disk(rootfs::Step::Pivot),
            Step::Right(caps_sec::Step::NoNewPrivs),
            Step::Loopback,
            Step::Right(caps_sec::Step::Undumpable),
            Step::Null,
            Step::Wait { hooks: true },
            Step::Wait { hooks: false },
            Step::Session
        ])
        .prop_map(Owned::Plain),
        any::<u64>().prop_map(|keep| Owned::Plain(Step::Right(caps_sec::Step::DropBounding { keep }))),
        any::<u64>().prop_map(|flags| Owned::Plain(Step::Unshare { flags })),
        user.prop_map(|(uid, gid, drop_groups)| Owned::Plain(Step::Become { uid, gid, drop_groups })),
        (any::<bool>(), any::<bool>(), 0..8_u32).prop_map(|(own_group, shown, terminal)| Owned::Plain(Step::Init {
            own_group,
            shown,
            terminal
        })),
        any::<u32>().prop_map(|mask| Owned::Plain(Step::Umask { mask })),
        any::<u32>().prop_map(|signal| Owned::Plain(Step::DieWithCaller { signal })),
        (0..8_u32, any::<u16>(), any::<u16>()).prop_map(|(streams, rows, columns)| Owned::Plain(Step::Terminal {
            streams,
            rows,
            columns
        })),
        (texts(), texts(), 0..16_u32).prop_map(|(source, target, attributes)| Owned::Bind(source, target, attributes)),
        texts().prop_map(Owned::Root),
        (texts(), texts(), texts()).prop_map(|(target, lowers, kept)| Owned::Overlay(target, lowers, kept)),
        texts().prop_map(Owned::Hostname),
        texts().prop_map(Owned::Domainname),
        texts().prop_map(Owned::Directory),
        program().prop_map(|(program, flags)| Owned::Seccomp(program, flags)),
        program().prop_map(|(program, flags)| Owned::Supervise(program, flags)),
    ]
}

/// What goes into a plan.
#[derive(Debug, Clone)]
struct Parts {
    flags: u64,
    name: CString,
    steps: Vec<Owned>,
    programs: Vec<CString>,
    argv: Vec<CString>,
    envp: Vec<CString>,
}

impl Parts {
    fn flatten(&self) -> Vec<u8> {
        let mut plan = PlanBuf::default();
        self.steps.iter().for_each(|step| plan.step(step.step()));
        self.programs.iter().for_each(|path| plan.program(path));
        self.argv.iter().for_each(|arg| plan.arg(arg));
        self.envp.iter().for_each(|entry| plan.env(entry));
        plan.finish(self.flags, &self.name).unwrap()
    }
}

fn parts() -> impl Strategy<Value = Parts> {
    let list = || prop::collection::vec(texts(), 0..5);
    let all = (any::<u64>(), texts(), prop::collection::vec(steps(), 0..12), list(), list(), list());
    all.prop_map(|(flags, name, steps, programs, argv, envp)| Parts { flags, name, steps, programs, argv, envp })
}

/// The strings that a relocated table points to, found as the kernel would find them.
fn pointed_to(bytes: &[u8], table: Span, base: u64) -> Vec<&CStr> {
    let pointers =
        bytes[table.offset as usize..].chunks_exact(8).map(|slot| u64::from_ne_bytes(slot.try_into().unwrap()));
    let offsets = pointers.take_while(|pointer| *pointer != 0).map(|pointer| usize::try_from(pointer - base).unwrap());
    offsets.map(|offset| CStr::from_bytes_until_nul(&bytes[offset..]).unwrap()).collect()
}

proptest! {
    #[test]
    fn what_was_laid_out_is_read_back(parts in parts()) {
        let mut bytes = parts.flatten();
        let flat = Flat::new(&bytes).unwrap();
        let read: Vec<_> = (0..).map_while(|at| flat.step(at)).collect();
        prop_assert_eq!(read, parts.steps.iter().map(Owned::step).collect::<Vec<_>>());
        let programs: Vec<_> = (0..).map_while(|at| flat.program(at)).collect();
        prop_assert_eq!(programs, parts.programs.iter().map(CString::as_c_str).collect::<Vec<_>>());
        let header = flat.header();
        prop_assert_eq!(header.clone_flags, parts.flags);
        prop_assert_eq!(flat.text(header.name), Some(parts.name.as_c_str()));
        let base = 0x7f00_1234_5000;
        for (table, texts) in [(header.argv, &parts.argv), (header.envp, &parts.envp)] {
            prop_assert_eq!(relocate(&mut bytes, table, base), Some(()));
            prop_assert_eq!(pointed_to(&bytes, table, base), texts.iter().map(CString::as_c_str).collect::<Vec<_>>());
        }
    }

    #[test]
    fn where_a_plan_fails_on_purpose_is_read_back(parts in parts(), fail: Option<(u16, u16)>) {
        let mut bytes = parts.flatten();
        let before = Flat::new(&bytes).unwrap().header();
        prop_assert_eq!(before.fail, None);
        set_fail(&mut bytes, fail);
        let after = Flat::new(&bytes).unwrap().header();
        prop_assert_eq!(after.fail, fail);
        prop_assert_eq!(after.steps, before.steps);
    }

    #[test]
    fn random_bytes_are_read_without_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..300), is_plan: bool) {
        if is_plan && bytes.len() >= HEADER_WORDS * 4 {
            let size = u32::try_from(bytes.len()).unwrap();
            for (at, word) in [MAGIC, VERSION, size].into_iter().enumerate() {
                bytes[at * 4..][..4].copy_from_slice(&word.to_ne_bytes());
            }
            prop_assert!(Flat::new(&bytes).is_some());
        }
        read_everything(&mut bytes);
    }

    // A word of a good plan is changed to anything, or to something near the plan's own sizes, which is nastier.
    #[test]
    fn a_damaged_plan_is_read_without_harm(parts in parts(), changes in prop::collection::vec(
        (any::<prop::sample::Index>(), prop_oneof![any::<u32>(), 0..600_u32, Just(u32::MAX)]), 1..6,
    )) {
        let mut bytes = parts.flatten();
        for (place, word) in changes {
            // The first three words are checked by themselves; past them the damage gets further.
            let at = 12 + place.index(bytes.len() - 16);
            bytes[at..][..4].copy_from_slice(&word.to_ne_bytes());
        }
        read_everything(&mut bytes);
    }

    #[test]
    fn a_plan_that_was_cut_off_is_none(parts in parts(), cut in any::<prop::sample::Index>()) {
        let bytes = parts.flatten();
        prop_assert!(Flat::new(&bytes[..cut.index(bytes.len())]).is_none());
    }
}

/// Reads all that a launcher reads, and a little past it; every text and every pointer must lie within the plan.
fn read_everything(bytes: &mut [u8]) {
    let range = bytes.as_ptr_range();
    let within = |text: &CStr| {
        let text = text.to_bytes_with_nul().as_ptr_range();
        assert!(range.start <= text.start && text.end <= range.end);
    };
    let Some(flat) = Flat::new(bytes) else { return };
    let header = flat.header();
    for at in (0..200).chain([u16::MAX - 1, u16::MAX]) {
        match flat.step(at) {
            Some(Step::Disk(rootfs::Step::Bind { source, target, .. })) => {
                [source, target].into_iter().for_each(within);
            }
            Some(Step::Disk(rootfs::Step::Mount { target, new, .. })) => {
                [target, new.kind, new.source, new.options].into_iter().for_each(within);
            }
            Some(Step::Disk(rootfs::Step::Attach { target, what, .. })) => {
                [target, what].into_iter().for_each(within);
            }
            Some(Step::Disk(rootfs::Step::Dev { target, options, .. })) => {
                [target, options].into_iter().for_each(within);
            }
            Some(Step::Disk(rootfs::Step::Overlay { target, layers, .. })) => {
                [target, layers.lowers, layers.options].into_iter().for_each(within);
                if let rootfs::Changes::Kept(kept) = layers.changes {
                    within(kept);
                }
            }
            Some(
                Step::Disk(
                    rootfs::Step::Root { path: text, .. }
                    | rootfs::Step::Mask { target: text }
                    | rootfs::Step::ReadOnly { target: text, .. },
                )
                | Step::Hostname { name: text }
                | Step::Domainname { name: text }
                | Step::Directory { path: text },
            ) => within(text),
            Some(Step::Right(caps_sec::Step::Seccomp { program, .. }) | Step::Supervise { program, .. }) => {
                let program = program.as_ptr_range();
                assert!(range.start <= program.start && program.end <= range.end);
            }
            _ => {}
        }
    }
    (0..200).chain([u32::MAX - 1, u32::MAX]).filter_map(|at| flat.program(at)).for_each(within);
    [header.name, u32::MAX].into_iter().filter_map(|offset| flat.text(offset)).for_each(within);
    let (base, size) = (0x7f00_1234_5000, bytes.len() as u64);
    for table in [header.argv, header.envp] {
        let mut copy = bytes.to_vec();
        if relocate(&mut copy, table, base).is_some() {
            let (start, end) = (table.offset as usize, table.offset as usize + table.count as usize * 8);
            let pointers = copy[start..end].chunks_exact(8).map(|slot| u64::from_ne_bytes(slot.try_into().unwrap()));
            pointers.for_each(|pointer| assert!((base..base + size).contains(&pointer)));
            assert_eq!(copy[end..end + 8], [0; 8]);
        }
        // An address space that ends within the plan: no pointer may wrap round.
        let mut copy = bytes.to_vec();
        let _refused = relocate(&mut copy, table, u64::MAX - 8);
    }
}

#[test]
fn a_table_that_points_to_the_plan_s_end_is_refused() {
    let table = Span { offset: 0, count: 1 };
    for (offset, answer) in [(15_u64, Some(())), (16, None), (17, None), (0, None), (u64::MAX, None)] {
        let mut bytes = [offset.to_ne_bytes(), [0; 8]].concat();
        assert_eq!(relocate(&mut bytes, table, 0x1000), answer, "{offset}");
    }
    let mut unended = [1_u64.to_ne_bytes(), 1_u64.to_ne_bytes()].concat();
    assert_eq!(relocate(&mut unended, table, 0x1000), None);
    assert_eq!(relocate(&mut [0; 16], Span { offset: 9, count: 0 }, 0x1000), None);
}

#[test]
fn bytes_that_reach_past_the_plan_s_end_are_none() {
    let mut plan = PlanBuf::default();
    plan.step(Step::Right(caps_sec::Step::Seccomp { program: &[7; 16], flags: 0 }));
    let good = plan.finish(0, c"name").unwrap();
    let flat = Flat::new(&good).unwrap();
    let size = u32::try_from(good.len()).unwrap();
    assert_eq!(flat.bytes(size, 0), Some(&[][..]));
    for (offset, length) in [(size, 1), (size - 1, 2), (0, size + 1), (u32::MAX, u32::MAX), (size + 1, 0)] {
        assert_eq!(flat.bytes(offset, length), None, "{offset} {length}");
    }
    // The length is the step's fourth word.
    let at = flat.header().steps.offset as usize + 12;
    assert!(flat.step(0).is_some());
    let mut bad = good.clone();
    bad[at..][..4].copy_from_slice(&size.to_ne_bytes());
    assert_eq!(Flat::new(&bad).unwrap().step(0), None);
}

#[test]
fn a_plan_holds_as_many_steps_as_the_wire_can_name() {
    let plan = |count: u16| {
        let mut plan = PlanBuf::default();
        (0..count).for_each(|mask| plan.step(Step::Umask { mask: mask.into() }));
        plan.finish(0, c"name")
    };
    let full = plan(STEPS_MAX).unwrap();
    let flat = Flat::new(&full).unwrap();
    assert_eq!(flat.step(STEPS_MAX - 1), Some(Step::Umask { mask: u32::from(STEPS_MAX) - 1 }));
    assert_eq!(flat.step(STEPS_MAX), None);
    assert_eq!(plan(STEPS_MAX + 1), None);
}
