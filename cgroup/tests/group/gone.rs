// SPDX-License-Identifier: MIT OR Apache-2.0
//! A group that somebody else removes, while we hold it and while we read it.

use std::sync::atomic::{AtomicBool, Ordering};

use needs::{isolated, needs};
use skep_cgroup::{Cgroup, ErrorKind, Limits};

use crate::support::{LONG, create, end, name, said, sleeper};

#[test]
fn of_a_group_that_was_removed_everything_says_so_and_ending_it_is_no_error() {
    needs!(root);
    isolated(|| {
        let group = create("gone");
        let first = group.directories().next().unwrap().to_str().unwrap().to_owned();
        Cgroup::open(name("gone")).unwrap().remove().unwrap();
        let child = sleeper();
        let errors = [
            ("reading the events of a removed group", group.events().unwrap_err()),
            ("adding to a removed group", group.add(child.id()).unwrap_err()),
            ("freezing a removed group", group.freeze(LONG).unwrap_err()),
            ("thawing a removed group", group.thaw(LONG).unwrap_err()),
            ("limiting a removed group", group.apply(&Limits::new().pids_max(5)).unwrap_err()),
        ];
        for (what, error) in errors {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{what}: {}", said::all(&error));
            let pid = format!("process {} to", child.id());
            if what.starts_with("adding") {
                said::check(what, &error, &[(&first, "GROUP"), (&pid, "process PID to")]);
            }
        }
        assert_eq!(group.stat().unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(group.procs().unwrap(), [0_u32; 0]);
        group.kill().unwrap();
        group.wait_empty(LONG).unwrap();
        group.remove().unwrap();
        // One of the same name is another.
        let other = create("gone");
        other.add(child.id()).unwrap();
        assert_eq!(group.procs().unwrap(), [0_u32; 0]);
        group.kill().unwrap();
        group.remove().unwrap();
        assert_eq!(other.procs().unwrap(), [child.id()]);
        end(child);
    });
}

#[test]
fn a_reader_never_sees_more_than_that_the_group_was_removed() {
    needs!(root);
    isolated(|| {
        for _ in 0..40 {
            let group = create("dying");
            let done = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let read = scope.spawn(|| {
                    let mut errors = Vec::new();
                    while !done.load(Ordering::Relaxed) {
                        errors.extend(group.stat().err());
                        errors.extend(group.events().err());
                        errors.extend(group.procs().err());
                        errors.extend(group.wait_empty(LONG).err());
                    }
                    errors
                });
                Cgroup::open(name("dying")).unwrap().remove().unwrap();
                done.store(true, Ordering::Relaxed);
                for error in read.join().unwrap() {
                    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", said::all(&error));
                }
            });
        }
    });
}
