// SPDX-License-Identifier: MIT OR Apache-2.0
//! The proof about a linked program: a sentence for each rule that it breaks.

use crate::elf::{ET_EXEC, Elf, PF_W, PF_X, PT_DYNAMIC, PT_GNU_STACK, PT_INTERP};

/// The embedded launcher's limit: it is copied into a memfd at every start, and fifteen pages are copied in microseconds.
const SIZE_LIMIT: u64 = 64 * 1024;

/// Parts of symbol names, which both of rustc's manglings leave readable, and what each would mean.
const FORBIDDEN: [(&str, &str); 15] = [
    ("9panicking", "a panic path"),
    ("panic_fmt", "a panic path"),
    ("panic_bounds_check", "a panic path"),
    ("panic_nounwind", "a panic path"),
    ("panic_const", "a panic path"),
    ("rust_begin_unwind", "a panic path"),
    ("rust_panic", "a panic path"),
    ("unwrap_failed", "a panic path"),
    ("expect_failed", "a panic path"),
    ("slice_index_fail", "a panic path"),
    ("index_len_fail", "a panic path"),
    ("index_order_fail", "a panic path"),
    ("len_mismatch_fail", "a panic path"),
    ("__rust_alloc", "a heap"),
    ("_Unwind_", "unwinding"),
];

/// Static, not relocated, and no memory both writable and executable.
pub(super) fn of_segments(elf: &Elf) -> Vec<String> {
    let mut faults = Vec::new();
    if elf.kind != ET_EXEC {
        faults
            .push(format!("its type is {} and not ET_EXEC ({ET_EXEC}): something would have to relocate it", elf.kind));
    }
    for segment in &elf.segments {
        match segment.kind {
            PT_INTERP => faults.push("it asks for an interpreter (PT_INTERP)".to_owned()),
            PT_DYNAMIC => faults.push("it is dynamically linked (PT_DYNAMIC)".to_owned()),
            PT_GNU_STACK if segment.flags & PF_X != 0 => faults.push("its stack is executable".to_owned()),
            _ if segment.flags & (PF_W | PF_X) == PF_W | PF_X => {
                faults.push("a segment is writable and executable".to_owned());
            }
            _ => {}
        }
    }
    if !elf.segments.iter().any(|segment| segment.kind == PT_GNU_STACK) {
        faults.push("it has no PT_GNU_STACK, so its stack is executable".to_owned());
    }
    faults
}

/// Complete, and without the symbols of a panic, a heap or unwinding.
pub(super) fn of_symbols(elf: &Elf) -> Vec<String> {
    if elf.symbols.is_empty() {
        return vec!["it has no symbol table, in which a panic path could be seen".to_owned()];
    }
    let mut faults = Vec::new();
    for symbol in &elf.symbols {
        if symbol.undefined {
            faults.push(format!("the symbol {} is undefined", symbol.name));
        }
        if let Some((_, meaning)) = FORBIDDEN.iter().find(|(part, _)| symbol.name.contains(part)) {
            faults.push(format!("the symbol {} is {meaning}", symbol.name));
        }
    }
    faults
}

pub(super) fn of_size(size: u64) -> Option<String> {
    (size > SIZE_LIMIT).then(|| format!("it has {size} bytes, more than its limit of {SIZE_LIMIT}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::{Segment, Symbol};

    fn elf(symbols: &[(&str, bool)], segments: &[(u32, u32)]) -> Elf {
        let symbol = |&(name, undefined): &(&str, bool)| Symbol { name: name.to_owned(), undefined };
        let segment = |&(kind, flags): &(u32, u32)| Segment { kind, flags };
        Elf {
            kind: ET_EXEC,
            segments: segments.iter().map(segment).collect(),
            sections: Vec::new(),
            symbols: symbols.iter().map(symbol).collect(),
        }
    }

    #[test]
    fn a_plain_static_program_passes() {
        let elf = elf(&[("_start", false)], &[(1, PF_X | 4), (1, PF_W | 4), (PT_GNU_STACK, PF_W | 4)]);
        assert!(of_segments(&elf).is_empty() && of_symbols(&elf).is_empty());
    }

    #[test]
    fn each_segment_rule_can_fail() {
        let cases: [(&[(u32, u32)], &str); 5] = [
            (&[(PT_INTERP, 4), (PT_GNU_STACK, 6)], "interpreter"),
            (&[(PT_DYNAMIC, 6), (PT_GNU_STACK, 6)], "dynamically"),
            (&[(PT_GNU_STACK, 7)], "its stack is executable"),
            (&[(1, 4)], "no PT_GNU_STACK"),
            (&[(1, 7), (PT_GNU_STACK, 6)], "writable and executable"),
        ];
        for (segments, word) in cases {
            let faults = of_segments(&elf(&[], segments));
            assert!(faults.len() == 1 && faults[0].contains(word), "{word}: {faults:?}");
        }
        let mut relocated = elf(&[], &[(PT_GNU_STACK, 6)]);
        relocated.kind = 3;
        assert!(of_segments(&relocated)[0].contains("relocate"));
    }

    #[test]
    fn panics_of_both_manglings_and_undefined_symbols_are_seen() {
        let legacy = "_ZN4core9panicking18panic_bounds_check17h0123456789abcdefE";
        let new = "_RNvNtCs1234_4core9panicking9panic_fmt";
        for name in [legacy, new, "_RNvCs123_7___rustc17rust_begin_unwind", "_ZN4core6option13unwrap_failed17hE"] {
            assert!(of_symbols(&elf(&[(name, false)], &[]))[0].contains("a panic path"), "{name}");
        }
        assert!(of_symbols(&elf(&[("memcpy", true)], &[]))[0].contains("memcpy is undefined"));
        assert!(of_symbols(&elf(&[], &[]))[0].contains("no symbol table"));
        assert!(of_size(SIZE_LIMIT).is_none() && of_size(SIZE_LIMIT + 1).is_some());
    }
}
