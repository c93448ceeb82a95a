// SPDX-License-Identifier: MIT OR Apache-2.0
//! LXC's text: what its policies say, what is wrong with line and column, and back to text.

use proptest::prelude::*;

use super::PERM;
use crate::seccomp::{Arch, Call, Errno, LxcPolicy, Policy, Rule, Verdict, arg};

const COMMON: &str = include_str!("../../../fuzz/seeds/lxc/common");
const ARCHES: &str = include_str!("../../../fuzz/seeds/lxc/arches");

fn read(text: &str) -> LxcPolicy {
    LxcPolicy::from_text(text, Arch::X86_64).unwrap()
}

fn decide(policy: &Policy, arch: Arch, name: &str, args: [u64; 3]) -> Verdict {
    let [a, b, c] = args;
    policy.compile().unwrap().decide(&Call::of(arch, name).unwrap().arg(0, a).arg(1, b).arg(2, c))
}

#[test]
fn the_common_policy_denies_its_few_calls_on_all_architectures() {
    let found = read(COMMON);
    assert_eq!((found.policy.default, found.unknown.len()), (Verdict::Allow, 0));
    for arch in Arch::X86_64.family() {
        let decide = |name, args| decide(&found.policy, *arch, name, args);
        for name in ["kexec_load", "open_by_handle_at", "init_module", "finit_module", "delete_module"] {
            assert_eq!(decide(name, [0; 3]), PERM, "{arch} {name}");
        }
        assert_eq!(decide("umount2", [0, 1, 0]), Verdict::Errno(Errno::ACCES));
        assert_eq!((decide("umount2", [0, 2, 0]), decide("read", [0; 3])), (Verdict::Allow, Verdict::Allow));
    }
}

#[test]
fn blocks_actions_and_tests_are_what_they_say() {
    let found = read(ARCHES);
    assert_eq!(found.unknown, [(20, "call_of_next_year".to_owned())]);
    let decide = |arch, name, args| decide(&found.policy, arch, name, args);
    assert_eq!(found.policy.default, Verdict::Errno(Errno::new(38)));
    assert_eq!(
        (decide(Arch::X86_64, "read", [0; 3]), decide(Arch::I386, "read", [0; 3])),
        (Verdict::Allow, Verdict::Allow)
    );
    assert_eq!(decide(Arch::X86_64, "mknod", [0, 0x2000, 0]), Verdict::Notify);
    assert_eq!(decide(Arch::X86_64, "mknod", [0, 0x6000, 0]), Verdict::Errno(Errno::NOSYS));
    assert_eq!(decide(Arch::X86_64, "ioctl", [0, 0x5412, 0]), Verdict::Trap);
    assert_eq!(decide(Arch::X86_64, "ioctl", [3, 0x5412, 0]), Verdict::Errno(Errno::NOSYS));
    assert_eq!(decide(Arch::X86_64, "write", [0; 3]), Verdict::Allow);
    assert_eq!(decide(Arch::I386, "write", [0; 3]), Verdict::Errno(Errno::NOSYS));
    assert_eq!(decide(Arch::I386, "waitpid", [0; 3]), Verdict::KillThread);
    assert_eq!(decide(Arch::X86_64, "lseek", [8, 0, 0]), Verdict::Allow);
    assert_eq!(decide(Arch::X86_64, "lseek", [7, 0, 0]), Verdict::Errno(Errno::NOSYS));
}

#[test]
fn version_1_is_a_list_of_numbers() {
    let found = read("1\nallowlist\n0\n1 # write\n\n9999\n");
    assert_eq!(found.unknown, [(6, "9999".to_owned())]);
    assert_eq!(decide(&found.policy, Arch::X86_64, "write", [0; 3]), Verdict::Allow);
    assert_eq!(decide(&found.policy, Arch::X86_64, "open", [0; 3]), Verdict::KillThread);
}

#[test]
fn what_is_wrong_is_told_all_at_once_with_line_and_column() {
    let problems = |text: &str| LxcPolicy::from_text(text, Arch::X86_64).unwrap_err().problems().join("\n");
    assert_eq!(problems(""), "line 1, column 1: \"\" is no version: it is 1 or 2");
    assert_eq!(problems("debug\n2"), "line 1, column 1: \"debug\" is no version: it is 1 or 2");
    assert_eq!(problems("1\ndenylist"), "line 2, column 1: version 1 is an allowlist: that word is the second line");
    assert_eq!(problems("1\nallowlist\nread"), "line 3, column 1: \"read\" is no number of a system call");
    assert_eq!(
        problems("2\nlist"),
        "line 2, column 1: it is \"denylist\" or \"allowlist\" that the second line begins with"
    );
    let text = "2\ndenylist log\n[x86_46]\nread  errno\n  write errno 5000\nopen log\nclose kill [7,1,==]\nioctl kill [1,x,==]\n\
                fcntl kill [1,1,~]\nmmap kill [1,2\nprctl kill [1,1,&=]\nre-ad\nbind kill\nbind allow\n";
    assert_eq!(
        problems(text),
        "line 2, column 10: \"log\" is no action: they are kill, allow, trap, notify, errno\n\
         line 3, column 1: [x86_46] is no architecture, did you mean x86_64?\n\
         line 4, column 12: behind errno there is an error number, 1 to 4095\n\
         line 5, column 15: behind errno there is an error number, 1 to 4095\n\
         line 6, column 6: \"log\" is no action: they are kill, allow, trap, notify, errno\n\
         line 7, column 12: there are arguments 0 to 5, and \"7\" is none\n\
         line 8, column 12: \"x\" is no number\n\
         line 9, column 12: \"~\" is no comparison: they are == != < <= > >= &=\n\
         line 10, column 11: \"[1,2\" is no test of an argument: they are [index,value,comparison] or with a mask behind\n\
         line 11, column 12: \"&=\" takes a mask behind it\n\
         line 12, column 1: \"re-ad\" is no name of a system call\n\
         line 14, column 1: \"bind\": allow; but kill the thread in line 13"
    );
}

#[test]
fn a_policy_is_written_so_that_it_is_read_as_the_same() {
    let policy = Policy::deny_with(Errno::PERM)
        .for_arches(Arch::X86_64.family().iter().copied())
        .allow(["read", "write"])
        .rule(Rule::new(Verdict::Notify, ["mknod"]).when([
            arg(1).masked(0xf000).eq(0x2000),
            arg(2).ge(5),
            arg(2).ne(7),
        ]))
        .rule(Rule::new(Verdict::Trap, ["waitpid"]).on([Arch::I386]));
    let text = policy.to_lxc_text().unwrap();
    let again = read(&text).policy.compile().unwrap();
    let written = policy.compile().unwrap();
    for arch in Arch::X86_64.family() {
        for (number, name) in arch.all_calls() {
            for (mode, dev) in [(0x2000, 5), (0x21ff, 6), (0x2000, 7), (0x2000, 4), (0x6000, 6)] {
                let call = Call::new(number).on(arch.audit_number()).arg(1, mode).arg(2, dev);
                assert_eq!(written.decide(&call), again.decide(&call), "{arch} {name}\n{text}");
            }
        }
    }
    for found in [COMMON, ARCHES].map(|text| read(text).policy) {
        let text = found.to_lxc_text().unwrap();
        assert_eq!(
            LxcPolicy::from_text(&text, Arch::X86_64).unwrap().policy.compile().unwrap(),
            found.compile().unwrap(),
            "{text}"
        );
    }
}

#[test]
fn what_the_format_cannot_say_is_not_written() {
    let policy = Policy::new(Verdict::Log)
        .rule(Rule::new(Verdict::Trace(1), ["read"]))
        .allow_if(["write"], [arg(0).masked(6).lt(5)]);
    assert_eq!(
        policy.to_lxc_text().unwrap_err().problems(),
        [
            "default: allow and log cannot be written",
            "rules[0].verdict: ask the tracer (1) cannot be written",
            "rules[1].when[0]: arg 0 & 0x6 < 5: of some bits only equality can be written",
        ]
    );
}

proptest! {
    #[test]
    fn no_text_panics(lines in prop::collection::vec("(\\[all\\]|\\[x86\\]|read|ioctl|errno|kill|allow|[0-9]{1,4}|\\[[0-9],[0-9x]{1,4},(==|&=|<),?[0-9]?\\]|#|\\PC| ){1,9}", 0..8)) {
        drop(LxcPolicy::from_text(&format!("2\ndenylist\n{}", lines.join("\n")), Arch::X86_64));
        drop(LxcPolicy::from_text(&lines.join("\n"), Arch::X86_64));
    }
}
