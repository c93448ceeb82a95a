// SPDX-License-Identifier: MIT OR Apache-2.0
//! A failure at every step of a plan that has every kind of step: what the error says, and that nothing is left.

use needs::{isolated_for, needs};
use skep::caps_sec::{Resource, Rlimit};
use skep::cgroup::{Limits, MIB};
use skep::{Builder, ErrorKind, Hook, Moment, Report};

use crate::common::DEADLINE;
use crate::tree::{Tree, cgroups_called};

/// EDOM: no call of a start answers it.
const INJECTED: u16 = 33;

/// A container with every kind of step that this account may take.
fn everything(tree: &Tree) -> Builder {
    let limits = Limits::new().memory_max(64 * MIB).pids_max(64);
    let builder = tree
        .named("every", "true")
        .read_only_root()
        .capabilities(["chown", "net_bind_service"])
        .ambient_capabilities(["net_bind_service"])
        .no_new_privileges()
        .rlimit(Rlimit::new(Resource::Core, 0, 0))
        .init()
        .terminal()
        .terminal_size(24, 80)
        .umask(0o27)
        .domainname("bees")
        .hook(Moment::Prestart, Hook::new("/bin/true"))
        .hook(Moment::CreateRuntime, Hook::new("/bin/true"))
        .hook(Moment::CreateContainer, Hook::new("/bin/true"))
        .hook(Moment::StartContainer, Hook::new("/bin/true"))
        .current_dir("/tmp")
        .die_with_caller();
    builder.limits_where_possible(limits)
}

#[test]
fn whatever_step_fails_it_is_named_and_nothing_is_left() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE * 5, || {
        let tree = Tree::new();
        let before = tree.listing();
        let plan = everything(&tree).plan().unwrap().explain();
        let steps: Vec<&str> = plan.lines().filter(|line| !line.starts_with("left out: ")).collect();
        assert!(steps.len() > 25, "{plan}");
        for (number, line) in (1..).zip(&steps) {
            let failed = everything(&tree).fail_at(number, INJECTED).start();
            let error = failed.err().unwrap_or_else(|| panic!("step {number} has not failed: {line}"));
            let report = Report(&error).to_string();
            assert_eq!((error.kind(), error.errno()), (ErrorKind::Os, Some(33)), "{line}\n{report}");
            assert!(report.contains("cause: ") && report.contains("(EDOM)"), "{line}\n{report}");
            let (_, words) = line.split_once(": ").unwrap();
            let words = words.rsplit_once(" [").map_or(words, |(words, _)| words);
            if number < steps.len() {
                assert!(report.contains(&format!("step {number} of {}, in the ", steps.len())), "{line}\n{report}");
            }
            // The number that a cgroup's name ends in is another one each time.
            let (said, words) = (without_tokens(&report), without_tokens(words));
            assert!(said.contains(&words), "{line}\n{report}");
            assert_eq!(tree.listing(), before, "{line}");
            assert!(tree.open("every").is_err(), "step {number} leaves its state: {line}");
            assert_eq!(cgroups_called(&tree.name("every")), Vec::<std::path::PathBuf>::new(), "{line}");
        }
        // The same plan without a failure works, or the others have told nothing.
        let container = everything(&tree).start().unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert_eq!(container.wait().unwrap().code(), Some(0));
        container.delete().unwrap();
    });
}

/// The text without the numbers of sixteen digits that names of cgroups end in.
fn without_tokens(text: &str) -> String {
    let is_token = |word: &str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split_inclusive(['-', '"']).filter(|word| !is_token(word.trim_end_matches('"'))).collect()
}
