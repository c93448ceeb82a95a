// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the lists: which steps, in which order, in which words; and their form in a plan.

use proptest::prelude::*;

use crate::caps::{Cap, CapSet, Capabilities};
use crate::floor::thread::WHOLE;
use crate::floor::{Step, WORDS};
use crate::io_priority::IoPriority;
use crate::lsm::{FileRights, Label, Landlock};
use crate::memory_policy::{MemoryMode, MemoryPolicy};
use crate::oom_score_adj::OomScoreAdj;
use crate::parent_death_signal::ParentDeathSignal;
use crate::personality::Personality;
use crate::privileges::Privileges;
use crate::rlimit::{Limit, Resource, Rlimit};
use crate::scheduler::Scheduler;
use crate::seccomp::{Loading, Policy};
use crate::securebits::Securebits;
use crate::write_execute::DenyWriteExecute;

const FEW: CapSet = CapSet::empty().with(Cap::CHOWN).with(Cap::NET_BIND_SERVICE);

/// Each step in words; "-" stands for the change of user.
fn words(privileges: &Privileges, uid: Option<u32>) -> Vec<String> {
    let steps = privileges.steps(uid);
    let before = steps.before_identity().map(|step| step.to_string());
    let after = steps.after_identity().chain(steps.last()).map(|step| step.to_string());
    before.chain(["-".to_owned()]).chain(after).collect()
}

#[test]
fn nothing_asked_is_nothing_done() {
    assert_eq!(words(&Privileges::new(), None), ["-"]);
    assert_eq!(words(&Privileges::new(), Some(1000)), ["-"]);
}

#[test]
fn everything_is_done_in_this_order() {
    let all = Privileges::new()
        .undumpable()
        .no_new_privs()
        .oom_score_adj(OomScoreAdj::new(500))
        .rlimit(Rlimit::new(Resource::Nofile, 1024, 4096))
        .rlimit(Rlimit::both(Resource::Memlock, Limit::UNLIMITED))
        .securebits(Securebits::NOROOT.locked())
        .capabilities(Capabilities::exactly(FEW).with_ambient());
    assert_eq!(
        words(&all, Some(1000)),
        [
            "set the OOM score adjustment to 500",
            "set the resource limit nofile=1024:4096",
            "set the resource limit memlock=unlimited",
            "drop every capability but chown, net_bind_service from the bounding set",
            "set the securebits: noroot, noroot_locked",
            "keep the permitted capabilities over the change of user",
            "-",
            "give up every capability but chown, net_bind_service; inheritable: chown, net_bind_service",
            "pass capabilities on to programs: chown, net_bind_service",
            "deny others to look into the process",
            "forbid to gain privileges by an exec",
        ]
    );
}

#[test]
fn what_was_added_later_stands_in_its_place() {
    let all = Privileges::new()
        .landlock(Landlock::new().deny_files(FileRights::WRITE_FILE))
        .seccomp(Policy::allow_all())
        .no_new_privs()
        .label(Label::apparmor("web"))
        .session_keyring()
        .keyring_label(Label::selinux("u:r:t"))
        .parent_death_signal(ParentDeathSignal::KILL)
        .deny_write_execute(DenyWriteExecute::Inherited)
        .personality(Personality::LINUX32)
        .core_scheduling()
        .io_priority(IoPriority::best_effort(3))
        .scheduler(Scheduler::batch(5))
        .memory_policy(MemoryPolicy::new(MemoryMode::Bind, [0]))
        .cpu_affinity([0, 1, 3])
        .rlimit(Rlimit::both(Resource::Core, 0))
        .undumpable()
        .capabilities(Capabilities::none());
    assert_eq!(all.problems(), [""; 0]);
    assert_eq!(
        all.steps(Some(1000)).to_string(),
        " 1. run on processors 0-1,3\n \
          2. set the memory policy: mode 2, nodes 0\n \
          3. set the scheduler: policy 3 (CAP_SYS_NICE for more than the limits nice and rtprio allow)\n \
          4. set the priority of input and output: class 2, level 3\n \
          5. share processor cores with nobody else\n \
          6. set the personality: linux32\n \
          7. set the resource limit core=0 (CAP_SYS_RESOURCE to raise the hard limit)\n \
          8. drop every capability from the bounding set (CAP_SETPCAP)\n \
          9. become the user and groups\n\
         10. label keys: u:r:t (what the security module's policy says)\n\
         11. leave the caller's session keyring for an empty one\n\
         12. label the program: exec web (what the security module's policy says)\n\
         13. give up every capability\n\
         14. get signal 9 when the thread that started this ends\n\
         15. deny others to look into the process\n\
         16. deny memory that is written and executed\n\
         17. forbid to gain privileges by an exec\n\
         18. deny itself files, ports and others by Landlock (CAP_SYS_ADMIN without no_new_privs)\n\
         19. filter the system calls (CAP_SYS_ADMIN without no_new_privs)\n"
    );
    let mut without = all.clone();
    without.no_new_privs = false;
    let before: Vec<String> = without.steps(Some(1000)).before_identity().map(|step| step.to_string()).collect();
    assert_eq!(before[8..], ["deny itself files, ports and others by Landlock", "filter the system calls"]);
    let keys = Privileges::new().keyring_label(Label::apparmor("web"));
    assert!(keys.problems()[0].starts_with("keyring_label: the AppArmor profile"));
    let keys = Privileges::new().keyring_label(Label::selinux("u:r:t"));
    assert!(keys.problems()[0].contains("no session keyring"));
    assert_eq!(Privileges::new().label(Label::apparmor("")).problems(), ["label: it is empty"]);
}

#[test]
fn capabilities_of_root_need_two_calls() {
    let root = Privileges::new().capabilities(Capabilities::exactly(FEW));
    let said = [
        "drop every capability but chown, net_bind_service from the bounding set",
        "-",
        "give up every capability but chown, net_bind_service",
    ];
    assert_eq!(words(&root, None), said);
    assert_eq!(words(&root, Some(0)), said);
    let none = Privileges::new().capabilities(Capabilities::none());
    let said = ["drop every capability from the bounding set", "-", "give up every capability"];
    assert_eq!(words(&none, Some(1000)), said);
}

#[test]
fn capabilities_are_kept_over_the_change_of_user_only_if_any_are_wanted_and_would_be_lost() {
    let keeps =
        |privileges: &Privileges, uid| privileges.steps(uid).before_identity().any(|step| step == Step::KeepCaps);
    let few = Privileges::new().capabilities(Capabilities::exactly(FEW));
    assert!(keeps(&few, Some(1000)) && !keeps(&few, Some(0)) && !keeps(&few, None));
    assert!(!keeps(&Privileges::new().capabilities(Capabilities::none()), Some(1000)));
    let inheritable = Capabilities { bounding: FEW, inheritable: FEW, ..Capabilities::none() };
    assert!(keeps(&Privileges::new().capabilities(inheritable), Some(1000)));
    for bit in [Securebits::KEEP_CAPS, Securebits::NO_SETUID_FIXUP] {
        assert!(!keeps(&few.clone().securebits(bit), Some(1000)));
    }
}

#[test]
fn the_ambient_set_is_cleared_where_the_kernel_does_not_do_it() {
    let sets = Capabilities { ambient: CapSet::empty(), ..Capabilities::exactly(FEW).with_ambient() };
    let steps = Privileges::new().capabilities(sets).steps(None);
    assert_eq!(steps.after_identity().last(), Some(Step::Ambient { set: 0 }));
    assert_eq!(Step::Ambient { set: 0 }.to_string(), "clear the ambient capabilities");
}

#[test]
fn a_filter_is_loaded_last_of_all_or_while_there_is_the_right_to() {
    let filtered = Privileges::new().undumpable().capabilities(Capabilities::exactly(FEW)).seccomp(Policy::allow_all());
    let (load, give_up) = ("filter the system calls", "give up every capability but chown, net_bind_service");
    assert_eq!(
        words(&filtered, Some(1000)),
        [
            "drop every capability but chown, net_bind_service from the bounding set",
            "keep the permitted capabilities over the change of user",
            load,
            "-",
            give_up,
            "deny others to look into the process",
        ]
    );
    let promised = filtered.no_new_privs();
    assert_eq!(
        words(&promised, Some(1000))[2..],
        ["-", give_up, "deny others to look into the process", "forbid to gain privileges by an exec", load]
    );
    assert_eq!(promised.steps(None).last().count(), 1);
}

#[test]
fn a_policy_with_problems_is_told_and_never_left_out() {
    let bad = Privileges::new().no_new_privs().seccomp(Policy::allow_all().deny(["fly"]));
    let problems = bad.problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("seccomp.rules[0].calls[0]: \"fly\" is no system call"), "{problems:?}");
    assert_eq!(bad.steps(None).last().last(), Some(Step::Seccomp { program: &[], flags: 0 }));
}

#[test]
fn every_problem_is_told_with_its_place() {
    let bad = Privileges::new()
        .capabilities(Capabilities { bounding: CapSet::empty(), ..Capabilities::exactly(FEW).with_ambient() })
        .securebits(Securebits::no_special_root())
        .rlimit(Rlimit::both(Resource::Core, 0))
        .rlimit(Rlimit::new(Resource::Core, 2, 1))
        .oom_score_adj(OomScoreAdj::new(1001))
        .seccomp_loading(Loading::new().log());
    assert_eq!(
        bad.problems(),
        [
            "capabilities.permitted: chown, net_bind_service are not in the bounding set: lost with the exec",
            "capabilities.inheritable: chown, net_bind_service are not in the bounding set: the kernel demands it",
            "securebits: no_cap_ambient_raise forbids the ambient set that is asked for",
            "rlimits[1]: core: the soft limit 2 is above the hard limit 1",
            "rlimits[1]: core is limited twice",
            "oom_score_adj: 1001 is not from -1000 (never) to 1000 (first)",
            "seccomp_loading: there is no policy to be loaded logged",
        ]
    );
    assert_eq!(bad.check().unwrap_err().to_string(), "cannot use privileges");
}

fn any_step() -> impl Strategy<Value = Step<'static>> {
    let set = any::<u64>();
    prop_oneof![
        set.prop_map(|keep| Step::DropBounding { keep }),
        Just(Step::KeepCaps),
        [set, set, set].prop_map(|[effective, permitted, inheritable]| Step::SetCaps {
            effective,
            permitted,
            inheritable
        }),
        set.prop_map(|set| Step::Ambient { set }),
        any::<u32>().prop_map(|bits| Step::Securebits { bits }),
        Just(Step::NoNewPrivs),
        Just(Step::SessionKeyring),
        (any::<u32>(), set, set).prop_map(|(resource, soft, hard)| Step::Rlimit { resource, soft, hard }),
        any::<i32>().prop_map(|value| Step::OomScoreAdj { value }),
        Just(Step::Undumpable),
        (any::<u32>(), 0..BYTES.len()).prop_map(|(flags, length)| Step::Seccomp { program: &BYTES[..length], flags }),
        any::<u32>().prop_map(|signal| Step::ParentDeathSignal { signal }),
        any::<u32>().prop_map(|bits| Step::DenyWriteExecute { bits }),
        any::<u32>().prop_map(|scope| Step::CoreScheduling { scope }),
        any::<u32>().prop_map(|bits| Step::Personality { bits }),
        (0..BYTES.len()).prop_map(|length| Step::Scheduler { attributes: &BYTES[..length] }),
        any::<u32>().prop_map(|value| Step::IoPriority { value }),
        (any::<u32>(), 0..BYTES.len()).prop_map(|(mode, length)| Step::MemoryPolicy { mode, nodes: &BYTES[..length] }),
        (0..BYTES.len()).prop_map(|length| Step::Affinity { processors: &BYTES[..length] }),
        (any::<u32>(), 0..BYTES.len()).prop_map(|(attribute, at)| Step::Label { attribute, context: &BYTES[..at] }),
        (0..BYTES.len()).prop_map(|length| Step::Landlock { ruleset: &BYTES[..length] }),
    ]
}

const BYTES: [u8; 64] = [7; 64];
/// Where bytes are kept: as far as a step's words tell.
const PLACE: u32 = 0x1234;

fn encode(step: Step<'_>) -> [u32; WORDS] {
    step.encode(&mut |_| PLACE)
}

fn decode(words: [u32; WORDS]) -> Option<Step<'static>> {
    Step::decode(words, &|place, length| BYTES.get(..length as usize).filter(|_| place == PLACE))
}

proptest! {
    #[test]
    fn a_step_is_its_words(step in any_step()) {
        prop_assert_eq!(decode(encode(step)), Some(step));
        prop_assert!(!step.to_string().is_empty());
    }

    #[test]
    fn words_that_no_step_has_are_no_step(kind in 0..23_u32, rest in proptest::array::uniform6(prop_oneof![Just(0), Just(PLACE), any::<u32>()])) {
        let [a, b, c, d, e, f] = rest;
        let words = [kind, a, b, c, d, e, f];
        if let Some(step) = decode(words) {
            prop_assert_eq!(encode(step), words);
        }
    }
}

#[test]
fn no_two_steps_have_the_same_kind() {
    let steps = [
        Step::DropBounding { keep: 0 },
        Step::KeepCaps,
        Step::SetCaps { effective: 0, permitted: 0, inheritable: 0 },
        Step::Ambient { set: 0 },
        Step::Securebits { bits: 0 },
        Step::NoNewPrivs,
        Step::Rlimit { resource: 0, soft: 0, hard: 0 },
        Step::OomScoreAdj { value: 0 },
        Step::Undumpable,
        Step::SessionKeyring,
        Step::Seccomp { program: &BYTES, flags: 0 },
        Step::ParentDeathSignal { signal: 0 },
        Step::DenyWriteExecute { bits: 0 },
        Step::CoreScheduling { scope: 0 },
        Step::Personality { bits: 0 },
        Step::Scheduler { attributes: &BYTES },
        Step::IoPriority { value: 0 },
        Step::MemoryPolicy { mode: 0, nodes: &BYTES },
        Step::Affinity { processors: &BYTES },
        Step::Label { attribute: 0, context: &BYTES },
        Step::Landlock { ruleset: &BYTES },
    ];
    assert!(steps.into_iter().map(|step| encode(step)[0]).eq(1..=21));
    assert_eq!(decode([11, PLACE, 65, 0, 0, 0, 0]), None);
    assert_eq!(decode([11, PLACE, 64, 1, 1, 0, 0]), None);
    assert_eq!(decode([1, 0, 0, 1, 0, 0, 0]), None);
    assert_eq!(decode([0; WORDS]), None);
}

#[test]
fn a_failure_says_which_capability_and_what_to_do() {
    const EPERM: i32 = 1;
    let drop = Step::DropBounding { keep: 0 };
    assert_eq!(drop.part(Cap::SYS_ADMIN.number().into()).as_deref(), Some("sys_admin"));
    assert_eq!(drop.part(WHOLE), None);
    assert_eq!(drop.right(), Some("CAP_SETPCAP"));
    assert!(drop.hint(21, EPERM).unwrap().contains("CAP_SETPCAP"));
    assert_eq!(drop.hint(21, 22), None);
    let files = Step::Rlimit { resource: Resource::Nofile.number(), soft: 1, hard: 1 };
    assert!(files.hint(WHOLE, EPERM).unwrap().contains("fs.nr_open"));
    let score = Step::OomScoreAdj { value: -5 };
    assert_eq!(score.part(1).as_deref(), Some("writing /proc/self/oom_score_adj"));
    assert_eq!(Step::NoNewPrivs.right(), None);
    let load = Step::Seccomp { program: &BYTES, flags: 0 };
    assert!(load.hint(WHOLE, 13).unwrap().contains("CAP_SYS_ADMIN"));
    assert!(load.hint(WHOLE, 22).unwrap().contains("CONFIG_SECCOMP_FILTER"));
    assert_eq!(Step::Seccomp { program: &[], flags: 0 }.hint(WHOLE, 22), None);
    let logged = Step::Seccomp { program: &BYTES, flags: 0b10_0010 };
    assert_eq!(logged.to_string(), "filter the system calls, logged, waiting killable");
    assert!(logged.hint(WHOLE, 22).unwrap().contains("SeccompFeatures"));
    assert!(logged.hint(WHOLE, 38).unwrap().contains("seccomp(2) itself"));
    assert!(load.hint(WHOLE, 16).unwrap().contains("one listener"));
}

#[cfg(feature = "serde")]
#[test]
fn serde_keeps_a_description_and_lets_most_of_it_be_left_out() {
    let all = Privileges::new()
        .capabilities(Capabilities::exactly(FEW).with_ambient())
        .securebits(Securebits::NOROOT)
        .rlimit(Rlimit::both(Resource::Core, Limit::UNLIMITED))
        .oom_score_adj(OomScoreAdj::FIRST)
        .no_new_privs()
        .undumpable()
        .label(Label::apparmor("web"))
        .landlock(Landlock::new().deny_files(FileRights::all()).allow_path("/usr", FileRights::READ))
        .scheduler(Scheduler::fifo(3))
        .memory_policy(MemoryPolicy::new(MemoryMode::Interleave, [0, 1]))
        .cpu_affinity([0, 5])
        .personality(Personality::LINUX32)
        .io_priority(IoPriority::idle())
        .deny_write_execute(DenyWriteExecute::Here)
        .parent_death_signal(ParentDeathSignal::TERM)
        .seccomp(Policy::standard(FEW))
        .seccomp_loading(Loading::new().log().wait_killable());
    let json = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<Privileges>(&json).unwrap(), all);
    let short = serde_json::from_str::<Privileges>("{\"no_new_privs\": true}").unwrap();
    assert_eq!(short, Privileges::new().no_new_privs());
    assert!(serde_json::from_str::<Privileges>("{\"no_new_prives\": true}").is_err());
}
