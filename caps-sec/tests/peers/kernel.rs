// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel: it decides about every number as the interpreter says.

use std::io;
use std::thread;

use needs::{isolated, rounds};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use skep_caps_sec::{Arch, Call, Errno, Policy, Rule, Verdict, enter_no_new_privs, enter_seccomp};

/// What a thread makes under a filter before it ends, and its number: none of it is ever refused.
const NEEDED: &str = "exit exit_group futex madvise munmap mmap mprotect brk rt_sigprocmask sigaltstack sched_yield rseq \
                      set_robust_list write writev rt_sigreturn close poll ppoll read clock_nanosleep nanosleep getrandom \
                      prctl gettid getpid tgkill rt_sigaction restart_syscall exit clock_gettime";

/// Every number is refused, by an error of its own that says by which rule: nothing is made, whatever it is.
fn policies() -> impl Strategy<Value = (Policy, Vec<[u64; 6]>)> {
    let names: Vec<&str> = Arch::NATIVE.all_calls().map(|(_, name)| name).collect();
    let rules =
        prop::collection::vec((prop::sample::subsequence(names, 1..40), super::conditions(), 1000..1900_u16), 1..12);
    let args = prop::collection::vec(proptest::array::uniform6(super::registers()), 3);
    (rules, args).prop_map(|(rules, args)| {
        let mut policy = Policy::deny_with(Errno::new(999));
        for (names, condition, errno) in rules {
            let names = names.into_iter().filter(|name| !NEEDED.contains(name));
            let rule = Rule::new(Verdict::Errno(Errno::new(errno)), names.collect::<Vec<_>>());
            let rule = rule.when([condition]);
            if policy.clone().rule(rule.clone()).problems().is_empty() {
                policy = policy.rule(rule);
            }
        }
        let policy = policy.allow(NEEDED.split_whitespace().filter(|name| Arch::NATIVE.number_of(name).is_some()));
        (policy, args)
    })
}

#[test]
fn the_kernel_decides_about_every_number_as_the_interpreter() {
    isolated(|| {
        let mut runner = TestRunner::deterministic();
        for _ in 0..rounds(40) {
            let (policy, args) = policies().new_tree(&mut runner).unwrap().current();
            let filter = policy.compile().unwrap();
            thread::scope(|scope| {
                let told = scope.spawn(|| under(&filter, &args)).join().unwrap();
                for (number, args, answer) in told {
                    let call = described(number, args);
                    assert_eq!(filter.decide(&call), answer, "{call}\n{policy}");
                }
            });
        }
    });
}

fn described(number: u32, args: [u64; 6]) -> Call {
    (0..).zip(args).fold(Call::new(number), |call, (at, value)| call.arg(at, value))
}

/// What the kernel answers to numbers 0 to 512, those that are let through left out, on this thread.
fn under(filter: &skep_caps_sec::Filter, args: &[[u64; 6]]) -> Vec<(u32, [u64; 6], Verdict)> {
    let mut told = Vec::with_capacity(513 * args.len());
    enter_no_new_privs().unwrap();
    enter_seccomp(filter).unwrap();
    // uretprobe and uprobe no filter is asked about, since Linux 6.14: they are made by the kernel's own trampolines, and end
    // whoever calls them elsewhere.
    for number in
        (0..=512_u32).filter(|number| !["uretprobe", "uprobe"].map(Some).contains(&Arch::NATIVE.name_of(*number)))
    {
        for args in args {
            if filter.decide(&described(number, *args)).lets_through() {
                continue;
            }
            let [a, b, c, d, e, f] = *args;
            // SAFETY: the filter refuses the call; a kernel that lets it through would be what this test is to find.
            let answer = unsafe { libc::syscall(number.into(), a, b, c, d, e, f) };
            let errno = io::Error::last_os_error().raw_os_error().unwrap_or_default();
            assert_eq!(answer, -1, "call {number} was made");
            told.push((number, *args, Verdict::Errno(Errno::new(errno.try_into().unwrap()))));
        }
    }
    told
}

/// getpid by its number on i386, through the gate of 32-bit programs.
#[cfg(target_arch = "x86_64")]
fn call_of_i386(number: u32) -> i32 {
    let answer: i32;
    // SAFETY: a call without arguments; the kernel changes r8 to r11 and rax at most.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("eax") number.cast_signed() => answer, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    answer
}

#[cfg(target_arch = "x86_64")]
#[test]
fn calls_of_i386_and_x32_are_decided_by_their_own_numbers() {
    let here = std::path::Path::new("/proc/sys/abi/vsyscall32").exists();
    if needs::Need::new("32-bit programs", (!here).then(|| "the kernel runs none".to_owned())).skip() {
        return;
    }
    isolated(|| {
        let refused = |errno, names: &[&str]| Rule::new(Verdict::Errno(Errno::new(errno)), names.iter().copied());
        let policy = Policy::allow_all()
            .for_arches(Arch::X86_64.family().iter().copied())
            .rule(refused(1001, &["getppid"]).on([Arch::I386]))
            .rule(refused(1002, &["getppid"]).on([Arch::X32]))
            .rule(refused(1003, &["getppid"]).on([Arch::X86_64]))
            .rule(refused(1004, &["waitpid"]));
        let filter = policy.compile().unwrap();
        thread::spawn(move || {
            enter_no_new_privs().unwrap();
            enter_seccomp(&filter).unwrap();
            let number = |arch: Arch, name: &str| arch.number_of(name).unwrap();
            assert_eq!(call_of_i386(number(Arch::I386, "getppid")), -1001);
            assert_eq!(call_of_i386(number(Arch::I386, "waitpid")), -1004);
            assert_eq!(call_of_i386(number(Arch::I386, "getpid")).cast_unsigned(), std::process::id());
            for (arch, errno) in [(Arch::X32, 1002), (Arch::X86_64, 1003)] {
                // SAFETY: refused.
                assert_eq!(unsafe { libc::syscall(number(arch, "getppid").into()) }, -1);
                assert_eq!(io::Error::last_os_error().raw_os_error(), Some(errno), "{arch}");
            }
        })
        .join()
        .unwrap();
    });
}
