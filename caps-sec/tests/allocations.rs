// SPDX-License-Identifier: MIT OR Apache-2.0
//! That performing steps allocates nothing, whether they succeed or fail: it happens between fork and exec, where another
//! thread's hold on the heap lasts for ever.

use std::thread;

use needs::{CountingHeap, heap_uses, isolated};
use skep_caps_sec::{Capabilities, OomScoreAdj, Policy, Privileges, Resource, Rlimit};

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
            .seccomp(Policy::allow_all().deny(["keyctl"]));
        let bad = Privileges::new().rlimit(Rlimit::new(Resource::Core, 2, 1));
        thread::scope(|scope| {
            let body = || {
                let (good, bad) = (good.steps(None), bad.steps(None));
                assert_eq!(heap_uses(|| good.enter_thread().unwrap()), 0);
                assert_eq!(heap_uses(|| assert!(bad.enter_thread().is_err())), 0);
            };
            scope.spawn(body).join().unwrap();
        });
    });
}
