// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs of others: what the kernel refuses is refused, with the place; what it takes decides as its words say.

use crate::seccomp::bpf::{Instruction, op};
use crate::seccomp::{Arch, Call, Filter, Policy, Verdict};

fn bytes(program: &[(u16, u8, u8, u32)]) -> Vec<u8> {
    program.iter().flat_map(|&(code, yes, no, k)| Instruction { code, yes, no, k }.to_bytes(false)).collect()
}

fn fault(program: &[(u16, u8, u8, u32)]) -> String {
    Filter::from_bytes(Arch::X86_64, &bytes(program)).unwrap_err().problems()[0].clone()
}

#[test]
fn what_the_kernel_refuses_is_refused_with_its_place() {
    let end = (op::RET_K, 0, 0, 0);
    assert_eq!(fault(&[]), "0 instructions: the kernel takes 1 to 4096");
    assert_eq!(fault(&[end; 4097]), "4097 instructions: the kernel takes 1 to 4096");
    assert_eq!(fault(&[(op::LD_ABS, 0, 0, 0)]), "instruction 0: the last one must be an answer");
    assert_eq!(
        fault(&[end, (op::LD_ABS, 0, 0, 64), end]),
        "instruction 1: there is no word at 64 of what a filter sees"
    );
    assert_eq!(fault(&[(op::LD_ABS, 0, 0, 2), end]), "instruction 0: there is no word at 2 of what a filter sees");
    assert_eq!(fault(&[(op::ST, 0, 0, 16), end]), "instruction 0: there are 16 words of memory, and 16 is none");
    assert_eq!(fault(&[(op::DIV, 0, 0, 0), end]), "instruction 0: a division by 0");
    assert_eq!(fault(&[(op::LSH, 0, 0, 32), end]), "instruction 0: a shift by 32 of 32 bits");
    // BPF_LD | BPF_B | BPF_ABS, and BPF_MOD: of socket filters, not of these.
    assert_eq!(fault(&[(0x30, 0, 0, 0), end]), "instruction 0: 0x30 is no instruction of filters");
    assert_eq!(fault(&[(0x94, 0, 0, 3), end]), "instruction 0: 0x94 is no instruction of filters");
    assert_eq!(fault(&[(op::JEQ, 0, 1, 0), end]), "instruction 0: it jumps past the end");
    assert_eq!(fault(&[(op::JA, 0, 0, u32::MAX), end]), "instruction 0: it jumps past the end");
    assert_eq!(
        fault(&[(op::LD_MEM, 0, 0, 3), end]),
        "instruction 0: it reads word 3 of the memory, which is not written"
    );
    // Written on one way only.
    let branch = [(op::JEQ, 0, 1, 0), (op::ST, 0, 0, 3), (op::LD_MEM, 0, 0, 3), end];
    assert_eq!(fault(&branch), "instruction 2: it reads word 3 of the memory, which is not written");
    let odd = Filter::from_bytes(Arch::X86_64, &[6, 0, 0]).unwrap_err();
    assert_eq!(odd.problems(), ["3 bytes are no program: an instruction has 8"]);
    assert_eq!(odd.to_string(), "cannot read the seccomp filter");
}

#[test]
fn every_instruction_does_what_the_kernel_s_does() {
    // Each sum of 12 and 5, with a number and with X.
    let sums = [
        (op::ADD, 17),
        (op::SUB, 7),
        (op::MUL, 60),
        (op::DIV, 2),
        (op::OR, 13),
        (op::AND, 4),
        (op::XOR, 9),
        (op::LSH, 384),
        (op::RSH, 0),
    ];
    for (code, expected) in sums {
        for with_x in [0, op::WITH_X] {
            let program = [
                (op::LDX_IMM, 0, 0, 5),
                (op::LD_IMM, 0, 0, 12),
                (code | with_x, 0, 0, 5),
                (op::ST, 0, 0, 15),
                (op::LD_IMM, 0, 0, 0),
                (op::LD_MEM, 0, 0, 15),
                (op::OR, 0, 0, 0x0005_0000),
                (op::RET_A, 0, 0, 0),
            ];
            let filter = Filter::from_bytes(Arch::X86_64, &bytes(&program)).unwrap();
            assert_eq!(filter.decide(&Call::new(0)), Verdict::of(0x0005_0000 | expected), "{code:#x} {with_x}");
        }
    }
    // By nothing at all: it answers 0.
    let divided = [
        (op::LDX_LEN, 0, 0, 0),
        (op::SUB, 0, 0, 0),
        (op::LDX_IMM, 0, 0, 0),
        (op::DIV | 8, 0, 0, 0),
        (op::RET_K, 0, 0, 0x7fff_0000),
    ];
    assert_eq!(Filter::from_bytes(Arch::X86_64, &bytes(&divided)).unwrap().decide(&Call::new(0)), Verdict::KillThread);
    for (code, one, holds) in
        [(op::JEQ, 5, true), (op::JGT, 5, false), (op::JGE, 5, true), (op::JSET, 2, false), (op::JSET, 4, true)]
    {
        for with_x in [0, op::WITH_X] {
            let program = [
                (op::LD_IMM, 0, 0, one),
                (op::TAX, 0, 0, 0),
                (op::LD_IMM, 0, 0, 5),
                (code | with_x, 0, 1, one),
                (op::RET_K, 0, 0, 0x7fff_0000),
                (op::RET_K, 0, 0, 0),
            ];
            let filter = Filter::from_bytes(Arch::X86_64, &bytes(&program)).unwrap();
            assert_eq!(filter.decide(&Call::new(0)) == Verdict::Allow, holds, "{code:#x} {one}");
            assert_eq!(filter.worst_depth(), 5);
        }
    }
}

#[test]
fn a_listing_says_what_is_compared_and_answered() {
    let filter =
        Policy::allow_all().deny_if(["ioctl"], [crate::seccomp::arg(1).eq(0x5412)]).compile_for(Arch::X86_64).unwrap();
    let listing = filter.listing();
    for words in [
        "ld [4]",
        "; architecture",
        "; x86_64",
        "; kill the process",
        "jge #0x10",
        "; ioctl",
        "; argument 1, lower half",
        "; deny with EPERM",
    ] {
        assert!(listing.contains(words), "{words}:\n{listing}");
    }
}

#[test]
fn a_filter_for_another_machine_compiles_and_says_that_it_does_not_run_here() {
    let filter = Policy::allow_all().deny(["reboot"]).compile_for(Arch::S390x).unwrap();
    assert!(!filter.runs_here());
    assert_eq!(filter.decide(&Call::of(Arch::S390x, "reboot").unwrap()), super::PERM);
    let error = crate::enter_seccomp(&filter).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Unsupported);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("the filter is for s390x, and this is "), "{cause}");
    // Its bytes are in that machine's order: the code of the first instruction is a load.
    assert_eq!(filter.as_bytes().get(..2), Some([0, 0x20].as_slice()));
}
