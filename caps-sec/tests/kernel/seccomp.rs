// SPDX-License-Identifier: MIT OR Apache-2.0
//! Filters in force: the kernel answers what `decide` says, whoever loads them, and for good.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::thread;

use needs::{Need, isolated, needs};
use skep_caps_sec::{
    Arch, Call, CapSet, Capabilities, Errno, ErrorKind, Policy, Privileges, Rule, SeccompMode, Verdict, arg,
    enter_no_new_privs, enter_seccomp, seccomp_mode_of,
};

use super::support::{As, available, line, on_a_thread, sets_in, status_of};

/// An error number that no call answers by itself.
const OURS: u16 = 1999;

/// Makes the call, on this thread, and answers what the kernel answered: a number, or minus an error number.
fn make(call: (u32, [u64; 6])) -> i64 {
    let (number, [a, b, c, d, e, f]) = call;
    // SAFETY: the callers below make calls that change nothing, or that are denied.
    let answer = unsafe { libc::syscall(number.into(), a, b, c, d, e, f) };
    if answer == -1 { -i64::from(io::Error::last_os_error().raw_os_error().unwrap()) } else { answer }
}

fn number(name: &str) -> u32 {
    Arch::NATIVE.number_of(name).unwrap()
}

/// The filter in force for this thread.
fn enter(policy: &Policy) {
    enter_no_new_privs().unwrap();
    enter_seccomp(&policy.compile().unwrap()).unwrap();
}

/// The standard policy, which denies in a way that can be told from everything else.
fn marked() -> Policy {
    let mut policy = Policy::standard(CapSet::standard());
    policy.default = Verdict::Errno(Errno::new(OURS));
    policy
}

/// What the kernel has to answer to a denied call: `None` if it is made.
fn expected(policy: &Policy, call: (u32, [u64; 6])) -> Option<i64> {
    let (number, args) = call;
    let described = (0..).zip(args).fold(Call::new(number), |described, (at, value)| described.arg(at, value));
    match policy.compile().unwrap().decide(&described) {
        Verdict::Allow | Verdict::Log => None,
        Verdict::Errno(errno) => Some(-i64::from(errno.number())),
        other => panic!("{call:?}: {other}"),
    }
}

#[test]
fn the_kernel_answers_what_was_decided() {
    isolated(|| {
        let policy = marked();
        // Harmless whatever becomes of them.
        let mut calls: Vec<(u32, [u64; 6])> = Vec::new();
        for name in ["getpid", "getppid", "getuid", "gettid", "sched_yield", "getpgid", "getpriority", "umask"] {
            calls.push((number(name), [0; 6]));
        }
        for high in [0, 1 << 32, u64::MAX << 32] {
            for low in [0, 8, 0x2_0000, 0xffff_ffff, 0x4_0000, 1] {
                calls.push((number("personality"), [high | low, 0, 0, 0, 0, 0]));
            }
            // A type that no family has: nothing is opened.
            for family in 0..50 {
                calls.push((number("socket"), [high | family, 99, 0, 0, 0, 0]));
            }
            calls.push((number("ioctl"), [u64::MAX, high | 0x5412, 0, 0, 0, 0]));
        }
        // Signals and memory that do not go together: no process comes of it.
        const CLONE_SIGHAND: u64 = 0x800;
        for bit in 16..32 {
            calls.push((number("clone"), [CLONE_SIGHAND | 1 << bit, 0, 0, 0, 0, 0]));
        }
        // Arguments that make no sense, to calls that are denied, and to numbers that are none.
        let denied = "mount umount2 pivot_root unshare setns bpf keyctl add_key open_by_handle_at io_uring_setup clone3 \
                      perf_event_open fsopen move_mount open_tree mount_setattr kcmp syslog file_getattr listmount";
        calls.extend(denied.split_whitespace().map(|name| (number(name), [u64::MAX; 6])));
        calls.extend([400, 470, 500, 512, 547, 1000, 0x3fff_ffff].map(|number| (number, [u64::MAX; 6])));
        on_a_thread(|| {
            enter(&policy);
            for call in calls {
                let answer = make(call);
                match expected(&policy, call) {
                    Some(expected) => assert_eq!(answer, expected, "{call:x?}"),
                    None => assert_ne!(answer, -i64::from(OURS), "{call:x?}"),
                }
            }
        });
    });
}

#[test]
fn what_conditions_compare_is_what_the_kernel_has() {
    isolated(|| {
        const VALUES: [u64; 7] = [0, 7, 1 << 32, (1 << 32) + 7, (7 << 32) + 1, u64::MAX >> 1, u64::MAX];
        // No such process: but for the filter all of these are errors.
        let name = "sched_getscheduler";
        let made = |value| (number(name), [u64::MAX, 0, 0, value, 0, 0]);
        for value in VALUES {
            for mask in [u64::MAX, 0xffff_ffff, !0xffff_ffff, 6] {
                let it = arg(3).masked(mask);
                for condition in [it.eq(value), it.ne(value), it.lt(value), it.le(value), it.gt(value), it.ge(value)] {
                    let policy =
                        Policy::allow_all().rule(Rule::new(Verdict::Errno(Errno::new(OURS)), [name]).when([condition]));
                    // Some can never hold, and are refused.
                    if !policy.problems().is_empty() {
                        continue;
                    }
                    on_a_thread(|| {
                        enter(&policy);
                        for is in VALUES {
                            let denied = make(made(is)) == -i64::from(OURS);
                            assert_eq!(denied, expected(&policy, made(is)).is_some(), "{policy}: {is:#x}");
                        }
                    });
                }
            }
        }
    });
}

#[test]
fn a_program_with_long_jumps_is_taken_and_decides() {
    isolated(|| {
        let name = "sched_getscheduler";
        let unlike = (0..500).map(|value| arg(3).ne(1 << 40 | value));
        let policy = Policy::allow_all()
            .rule(Rule::new(Verdict::Errno(Errno::new(OURS)), [name]).when(unlike))
            .deny(["getpriority"]);
        assert!(policy.compile().unwrap().len() > 2000);
        on_a_thread(|| {
            enter(&policy);
            for value in [0, 1 << 40, 1 << 40 | 499, 1 << 40 | 500] {
                let call = (number(name), [u64::MAX, 0, 0, value, 0, 0]);
                assert_eq!(make(call) == -i64::from(OURS), expected(&policy, call).is_some(), "{value:#x}");
            }
            assert_eq!(make((number("getpriority"), [0; 6])), -i64::from(libc::EPERM));
        });
    });
}

#[test]
fn a_terminal_is_not_typed_into_whatever_bits_are_set_above_the_number() {
    isolated(|| {
        const TIOCSTI: u64 = 0x5412;
        let policy =
            Policy::allow_all().rule(Rule::new(Verdict::Errno(Errno::new(OURS)), ["ioctl"]).when([arg(1).eq(TIOCSTI)]));
        on_a_thread(|| {
            enter(&policy);
            let ioctl = |request| make((number("ioctl"), [u64::MAX, request, 0, 0, 0, 0]));
            assert_eq!(ioctl(0x5413), -i64::from(libc::EBADF));
            for high in [0, 1, 0x8000_0000] {
                assert_eq!(ioctl(high << 32 | TIOCSTI), -i64::from(OURS), "{high:#x}");
            }
        });
    });
}

#[test]
fn x32_is_not_a_way_round_a_filter() {
    isolated(|| {
        let policy = Policy::allow_all().deny(["getppid"]);
        on_a_thread(|| {
            enter(&policy);
            for number in [number("getppid"), number("getpid")] {
                assert_eq!(make((number | 0x4000_0000, [0; 6])), -i64::from(libc::ENOSYS));
            }
            assert_eq!(make((number("getppid"), [0; 6])), -i64::from(libc::EPERM));
        });
    });
}

/// How a process ends that does this before it executes `true`.
fn ends_by(act: impl Fn() -> io::Result<()> + Send + Sync + 'static) -> Option<i32> {
    let mut command = Command::new("true");
    // SAFETY: what is done between fork and exec are system calls.
    unsafe { command.stdin(Stdio::null()).pre_exec(act) };
    command.spawn().unwrap().wait().unwrap().signal()
}

/// getpid by its number on i386, through the gate of 32-bit programs.
#[cfg(target_arch = "x86_64")]
fn getpid_of_i386() {
    // SAFETY: a call without arguments; the kernel changes r8 to r11 and rax at most.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("eax") 20 => _, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_call_by_another_architecture_s_number_kills() {
    let bare = ends_by(|| {
        getpid_of_i386();
        Ok(())
    });
    if Need::new("32-bit programs", bare.map(|signal| format!("one is ended by signal {signal}"))).skip() {
        return;
    }
    isolated(|| {
        let steps = Privileges::new().no_new_privs().seccomp(Policy::allow_all()).steps(None);
        let killed = ends_by(move || {
            steps.enter_thread()?;
            getpid_of_i386();
            Ok(())
        });
        assert_eq!(killed, Some(libc::SIGSYS));
    });
}

#[test]
fn verdicts_that_kill_do() {
    isolated(|| {
        for verdict in [Verdict::KillProcess, Verdict::KillThread, Verdict::Trap] {
            let policy = Policy::allow_all().rule(Rule::new(verdict, ["getppid"]));
            let steps = Privileges::new().no_new_privs().seccomp(policy).steps(None);
            let killed = ends_by(move || {
                steps.enter_thread()?;
                let _parent = std::os::unix::process::parent_id();
                Ok(())
            });
            assert_eq!(killed, Some(libc::SIGSYS), "{verdict}");
        }
    });
}

#[test]
fn under_the_standard_policy_threads_start_and_namespaces_do_not() {
    needs!(syscall("clone3"));
    isolated(|| {
        on_a_thread(|| {
            enter(&Policy::standard(CapSet::standard()));
            assert_eq!(make((number("clone3"), [0; 6])), -i64::from(libc::ENOSYS));
            assert_eq!(thread::spawn(|| 7).join().unwrap(), 7);
            for flags in [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWNET] {
                let flags = u64::from(flags.cast_unsigned());
                assert_eq!(make((number("unshare"), [flags, 0, 0, 0, 0, 0])), -i64::from(libc::EPERM));
                assert_eq!(make((number("clone"), [flags, 0, 0, 0, 0, 0])), -i64::from(libc::EPERM));
            }
        });
        // Other threads of the process are as they were.
        assert_ne!(make((number("clone3"), [0; 6])), -i64::from(libc::ENOSYS));
    });
}

#[test]
fn a_filter_needs_a_promise_or_a_right() {
    isolated(|| {
        let filter = Policy::allow_all().compile().unwrap();
        let none = Privileges::new().capabilities(Capabilities { bounding: available(), ..Capabilities::none() });
        on_a_thread(|| {
            none.steps(None).enter_thread().unwrap();
            let error = enter_seccomp(&filter).unwrap_err();
            assert_eq!((error.kind(), error.errno()), (ErrorKind::Denied, Some(libc::EACCES)));
            assert_eq!(error.to_string(), "cannot filter the system calls of the calling thread");
            assert!(error.hint().unwrap().contains("no_new_privs"), "{:?}", error.hint());
            enter_no_new_privs().unwrap();
            enter_seccomp(&filter).unwrap();
        });
    });
}

#[test]
fn where_a_filter_hides_seccomp_the_older_call_loads_one() {
    isolated(|| {
        let hidden = Policy::allow_all().rule(Rule::new(Verdict::Errno(Errno::NOSYS), ["seccomp"]));
        on_a_thread(|| {
            enter(&hidden);
            enter(&Policy::allow_all().deny(["getppid"]));
            assert_eq!(make((number("getppid"), [0; 6])), -i64::from(libc::EPERM));
        });
    });
}

#[test]
fn a_program_is_started_under_a_filter_and_has_given_up_everything_else_before() {
    needs!(root);
    isolated(|| {
        let standard = Policy::standard(CapSet::standard());
        let few = Capabilities::exactly(CapSet::standard() & available());
        let privileges = Privileges::new().capabilities(few).undumpable().session_keyring().seccomp(standard);
        for (privileges, promised) in [(privileges.clone(), "0"), (privileges.no_new_privs(), "1")] {
            for (who, has) in [(As::User(1000), CapSet::empty()), (As::Us, few.permitted)] {
                let status = status_of("cat", &privileges, who).unwrap();
                assert_eq!((line(&status, "Seccomp"), line(&status, "NoNewPrivs")), ("2", promised), "{who:?}");
                assert_eq!(sets_in(&status).permitted, has, "{who:?}");
            }
        }
    });
}

#[test]
fn an_ordinary_user_starts_a_program_under_a_filter() {
    isolated(|| {
        let mut sleeper = Command::new("sleep");
        let steps = Privileges::new().no_new_privs().seccomp(Policy::standard(CapSet::empty())).steps(None);
        // SAFETY: between fork and exec the closure makes system calls, and allocates nothing.
        unsafe { sleeper.arg("600").stdin(Stdio::null()).pre_exec(move || steps.enter_thread()) };
        let mut sleeper = sleeper.spawn().unwrap();
        assert_eq!(seccomp_mode_of(sleeper.id()).unwrap(), SeccompMode::Filter);
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
        assert_eq!(seccomp_mode_of(sleeper.id()).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_policy_with_problems_loads_nothing_and_says_so() {
    isolated(|| {
        let bad = Privileges::new().no_new_privs().seccomp(Policy::allow_all().deny(["fly"]));
        on_a_thread(|| {
            let error = bad.steps(None).enter_thread().unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
        });
    });
}
