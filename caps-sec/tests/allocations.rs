// SPDX-License-Identifier: MIT OR Apache-2.0
//! That performing steps allocates nothing, whether they succeed or fail: it happens between fork and exec, where another
//! thread's hold on the heap lasts for ever.

use std::thread;

use needs::{CountingHeap, heap_uses, isolated};
use skep_caps_sec::{
    Capabilities, FileRights, IoPriority, Label, Landlock, OomScoreAdj, ParentDeathSignal, Personality, Policy,
    Privileges, Resource, Rlimit, Scheduler, cpu_affinity_of,
};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

#[test]
fn steps_allocate_nothing_when_they_succeed_and_when_they_fail() {
    isolated(|| {
        let here = Capabilities::current().unwrap();
        let good = Privileges::new()
            .capabilities(Capabilities { bounding: here.bounding, ..Capabilities::none() })
            .rlimit(Rlimit::both(Resource::Core, 0))
            .oom_score_adj(OomScoreAdj::FIRST)
            .no_new_privs()
            .session_keyring()
            .cpu_affinity(cpu_affinity_of(0).unwrap())
            .scheduler(Scheduler::batch(19))
            .io_priority(IoPriority::best_effort(5))
            .personality(Personality::ADDR_NO_RANDOMIZE)
            .parent_death_signal(ParentDeathSignal::TERM)
            .seccomp(Policy::allow_all().deny(["keyctl"]));
        let good = match Landlock::version() {
            Ok(_) => {
                good.landlock(Landlock::new().deny_files(FileRights::EXECUTE).allow_path("/usr", FileRights::EXECUTE))
            }
            Err(_) => good,
        };
        let unknown = Privileges::new().label(Label::apparmor("no such profile"));
        let bad = Privileges::new().rlimit(Rlimit::new(Resource::Core, 2, 1));
        thread::scope(|scope| {
            let body = || {
                let (good, bad, unknown) = (good.steps(None), bad.steps(None), unknown.steps(None));
                assert_eq!(heap_uses(|| assert!(unknown.enter_thread().is_err())), 0);
                assert_eq!(heap_uses(|| good.enter_thread().unwrap()), 0);
                assert_eq!(heap_uses(|| assert!(bad.enter_thread().is_err())), 0);
            };
            scope.spawn(body).join().unwrap();
        });
    });
}
