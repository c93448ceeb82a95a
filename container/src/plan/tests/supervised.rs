// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plans with a filter that asks a supervisor: what must not be asked about, since nobody would answer.

use skep_caps_sec::{Condition, Loading, Policy, Rule, SeccompFeatures, Verdict, arg};
use skep_ns::{NamespaceKind::*, Namespaces};
use skep_rootfs::{Devpts, Mounts};

use super::filtered::{EARLY, LAST, everything, place, refusal};
use crate::builder::Builder;
use crate::floors::caps_sec;
use crate::handle::Container;
use crate::host::{Host, Rights};
use crate::plan::step::{Flat, Step};

fn asking(calls: impl IntoIterator<Item = &'static str>) -> Policy {
    Policy::allow_all().rule(Rule::new(Verdict::Notify, calls))
}

fn asking_if(call: &str, condition: Condition) -> Policy {
    Policy::allow_all().rule(Rule::new(Verdict::Notify, [call]).when([condition]))
}

/// What is asked about without harm: the exec, and what would tell why that failed.
const LATE: [&str; 3] = ["execve", "faccessat", "openat"];

fn told(calls: &[&str]) -> Option<String> {
    Some(format!(
        "process.rights.seccomp: asks the supervisor about what the start does under it: {}",
        calls.join(", ")
    ))
}

#[test]
fn each_call_of_the_start_is_found_that_the_supervisor_would_be_asked_about() {
    for call in LAST.into_iter().filter(|call| !LATE.contains(call)) {
        assert_eq!(refusal(everything().no_new_privileges().seccomp(asking([call]))), told(&[call]));
        assert_eq!(refusal(everything().seccomp(asking([call]))), told(&[call]));
    }
    for call in EARLY {
        assert_eq!(refusal(everything().seccomp(asking([call]))), told(&[call]));
        // With the promise that was done before.
        assert_eq!(refusal(everything().no_new_privileges().seccomp(asking([call]))), None, "{call}");
    }
    // All at once, and what a terminal opens.
    let all = everything().no_new_privileges().seccomp(Policy::new(Verdict::Notify));
    let all = refusal(all).unwrap();
    for call in LAST.into_iter().filter(|call| !LATE.contains(call)) {
        assert!(all.contains(call), "{call} is not in {all}");
    }
    assert!(LATE.iter().all(|call| !all.contains(&format!(" {call}"))), "{all}");
}

#[test]
fn the_listener_can_be_closed() {
    let bare = || Container::anonymous().command("/bin/true", [""; 0]).no_new_privileges();
    assert_eq!(refusal(bare().seccomp(asking(["close"]))), told(&["close"]));
    let denied = "process.rights.seccomp: denies what the start does under it: close";
    assert_eq!(refusal(bare().seccomp(asking(["mkdir"]).deny(["close"]))).as_deref(), Some(denied));
    // Where there is none it may be.
    assert_eq!(refusal(bare().seccomp(Policy::allow_all().deny(["close"]))), None);
}

#[test]
fn what_is_denied_and_what_is_asked_about_are_two_problems() {
    let policy = asking(["sendmsg"]).deny(["execve"]);
    let builder = Container::anonymous().command("/bin/true", [""; 0]).no_new_privileges().seccomp(policy);
    let error = builder.plan_for(&Host::default()).unwrap_err();
    assert_eq!(
        error.problems(),
        [
            "process.rights.seccomp: denies what the start does under it: execve",
            "process.rights.seccomp: asks the supervisor about what the start does under it: sendmsg"
        ]
    );
}

#[test]
fn conditions_count_where_the_argument_is_known_and_are_feared_where_it_is_not() {
    const PR_SET_DUMPABLE: u64 = 4;
    const PR_SET_SECCOMP: u64 = 22;
    assert_eq!(refusal(everything().seccomp(asking_if("prctl", arg(0).eq(PR_SET_SECCOMP)))), None);
    assert_eq!(refusal(everything().seccomp(asking_if("prctl", arg(0).eq(PR_SET_DUMPABLE)))), told(&["prctl"]));
    // The number of the descriptor that the listener has is not known here.
    assert_eq!(refusal(everything().seccomp(asking_if("close", arg(0).eq(7)))), told(&["close"]));
    assert_eq!(refusal(everything().seccomp(asking_if("wait4", arg(0).eq(7)))), None);
}

#[test]
fn the_exec_and_what_tells_of_its_failure_may_be_asked_about() {
    let plan = |policy| everything().no_new_privileges().seccomp(policy).plan_for(&Host::default()).unwrap();
    let blind = |policy| Flat::new(plan(policy).bytes()).unwrap().header().blind;
    assert!(plan(asking(["execve"])).asks_about_exec() && !blind(asking(["execve"])));
    for call in ["faccessat", "openat"] {
        assert!(!plan(asking([call])).asks_about_exec() && blind(asking([call])), "{call}");
    }
    let plain = plan(asking(["mkdir"]));
    assert!(!plain.asks_about_exec() && !blind(asking(["mkdir"])) && !blind(Policy::allow_all()));
    // With a terminal it opens something under the filter.
    let mounts = Mounts::new().add(Devpts::new("/dev/pts"));
    let terminal = everything().namespaces(Namespaces::new().make([Pid, Mount])).mounts(mounts).terminal();
    assert_eq!(refusal(terminal.no_new_privileges().seccomp(asking(["openat"]))), told(&["openat"]));
}

fn supervises(step: &Step<'_>) -> bool {
    matches!(step, Step::Supervise { .. })
}

fn loads(step: &Step<'_>) -> bool {
    matches!(step, Step::Right(caps_sec::Step::Seccomp { .. }))
}

#[test]
fn a_filter_that_asks_stands_where_another_does_and_has_its_flags() {
    let early = everything().seccomp(asking(["mkdir"]));
    assert_eq!(place(&early, |step| matches!(step, Step::Become { .. })), place(&early, supervises) + 1);
    let late = everything().no_new_privileges().seccomp(asking(["mkdir"]));
    assert_eq!(place(&late, |step| matches!(step, Step::Init { .. })), place(&late, supervises) + 1);
    for (loading, with, without) in [
        (Loading::new(), 0b00_1000, 0),
        (Loading::new().log().speculation(), 0b00_1110, 0b110),
        (Loading::new().wait_killable(), 0b10_1000, 0),
    ] {
        let flags = |policy| {
            let plan = everything().seccomp(policy).seccomp_loading(loading).plan_for(&Host::default()).unwrap();
            let flags = plan.steps().find_map(|step| match step {
                Step::Supervise { flags, .. } | Step::Right(caps_sec::Step::Seccomp { flags, .. }) => Some(flags),
                _ => None,
            });
            assert_eq!(plan.steps().filter(|step| supervises(step) || loads(step)).count(), 1);
            flags
        };
        assert_eq!((flags(asking(["mkdir"])), flags(Policy::allow_all())), (Some(with), Some(without)));
    }
}

fn problems(builder: Builder, host: &Host) -> Vec<String> {
    builder.plan_for(host).map_or_else(|error| error.problems().to_vec(), |_| Vec::new())
}

#[test]
fn a_way_of_loading_that_is_not_to_be_had_is_a_problem() {
    let asked = || everything().seccomp(asking(["mkdir"])).seccomp_loading(Loading::new().log().wait_killable());
    let with = |change: fn(&mut SeccompFeatures)| {
        let mut known = SeccompFeatures::probe();
        known.loading = Loading::new().log().speculation().wait_killable();
        known.listener = true;
        change(&mut known);
        Host { rights: Rights { seccomp: Some(known), ..Rights::default() }, ..Host::default() }
    };
    let lacks = |what: &str| {
        format!("process.rights.seccomp_loading: this kernel, or the filter of the caller, does not have {what}")
    };
    assert_eq!(problems(asked(), &with(|_| {})), [""; 0]);
    assert_eq!(
        problems(asked(), &with(|known| known.loading.wait_killable = false)),
        [lacks("wait_killable (Linux 5.19)")]
    );
    let nothing = with(|known| (known.loading, known.listener) = (Loading::new(), false));
    assert_eq!(
        problems(asked(), &nothing),
        [lacks("log, wait_killable (Linux 5.19), a listener, which the policy asks by")]
    );
    // What does not ask needs no listener.
    assert_eq!(problems(everything().seccomp(Policy::allow_all()), &nothing), [""; 0]);
    let threads = everything().seccomp(asking(["mkdir"])).seccomp_loading(Loading::new().all_threads());
    assert_eq!(
        problems(threads, &Host::default()),
        ["process.rights.seccomp_loading: all_threads: the program begins with one thread"]
    );
    assert_eq!(
        problems(everything().seccomp_loading(Loading::new().log()), &Host::default()),
        ["process.rights.seccomp_loading: there is no policy to be loaded logged"]
    );
}

#[test]
fn what_tells_times_must_not_be_asked_about() {
    let builder = || everything().seccomp(asking(["clock_gettime"]));
    assert_eq!(refusal(builder()), None);
    let told = "profile: the policy asks the supervisor about clock_gettime, which it takes";
    assert_eq!(refusal(builder().profile()).as_deref(), Some(told));
    assert_eq!(refusal(everything().seccomp(asking(["mkdir"])).profile()), None);
}

#[test]
fn output_has_nobody_who_answers() {
    let asks = everything().seccomp(asking(["mkdir"])).output().unwrap_err();
    let told = "output: its policy asks a supervisor: start it, and answer what Container::listener receives";
    assert_eq!(asks.problems(), [told]);
    let both = everything().terminal().seccomp(asking(["mkdir"])).output().unwrap_err();
    assert_eq!(both.problems().len(), 2, "{:?}", both.problems());
}
