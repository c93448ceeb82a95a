// SPDX-License-Identifier: MIT OR Apache-2.0
//! Another name for a container: what it means for who has it open, and for what it is doing.

use needs::{isolated_for, needs};
use skep::cgroup::Limits;
use skep::{ErrorKind, Moment, Report, Status};

use crate::common::{DEADLINE, is_alive};
use crate::hooks::Place;
use crate::tree::{Tree, cgroups_called};

#[test]
fn it_is_found_by_its_new_name_alone_and_goes_on() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let mut made = tree.named("web", "sleep 1000").start().unwrap();
        let (old, new) = (tree.name("web"), tree.name("shop"));
        let mut stale = tree.open("web").unwrap();
        made.rename(&new).unwrap();
        assert_eq!(made.name(), Some(&*new));
        assert_eq!(skep::Container::names_in(&tree.states()).unwrap(), [&*new]);
        assert_eq!(tree.open("web").unwrap_err().kind(), ErrorKind::NotFound);
        let found = tree.open("shop").unwrap();
        assert_eq!((found.status().unwrap(), found.pid()), (Status::Running, made.pid()));
        // Who had it open sees it, and neither deletes nor renames what it does not name.
        assert_eq!(stale.status().unwrap(), Status::Running);
        let error = stale.rename(tree.name("third")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", Report(&error));
        assert!(Report(&error).to_string().contains("open it by its new name"), "{}", Report(&error));
        assert_eq!(stale.delete().unwrap_err().kind(), ErrorKind::WrongState);
        assert_eq!(found.status().unwrap(), Status::Running);
        // The old name is free, and how it ends is written down where it is now.
        let second = tree.named("web", "exit 3").start().unwrap();
        assert_eq!(second.wait().unwrap().code(), Some(3));
        made.kill().unwrap();
        let status = made.wait().unwrap();
        assert_eq!(tree.open("shop").unwrap().wait().unwrap(), status);
        let pid = made.pid().unwrap();
        tree.open("shop").unwrap().delete().unwrap();
        assert!(!is_alive(pid));
        // Deleted meanwhile.
        assert_eq!(made.rename(&old).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(made.name(), Some(&*new));
        second.delete().unwrap();
    });
}

#[test]
fn a_name_that_cannot_be_had_changes_nothing() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let mut first = tree.named("web", "sleep 1000").start().unwrap();
        let second = tree.named("shop", "sleep 1000").start().unwrap();
        let error = first.rename(tree.name("shop")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{}", Report(&error));
        for name in ["", "../up", "a/b", "-x", &"a".repeat(129), &tree.name("web")] {
            let kind = first.rename(name).unwrap_err().kind();
            assert_eq!(
                kind,
                if name.len() > 5 && name.len() < 129 { ErrorKind::Busy } else { ErrorKind::Invalid },
                "{name}"
            );
        }
        assert_eq!((tree.open("web").unwrap().pid(), tree.open("shop").unwrap().pid()), (first.pid(), second.pid()));
        first.delete().unwrap();
        second.delete().unwrap();
        let mut nameless = tree.shell("sleep 1000").kill_on_drop().start().unwrap();
        assert_eq!(nameless.rename("web").unwrap_err().kind(), ErrorKind::Invalid);
        // While it is made nobody else renames it.
        let created = tree.named("new", ":").create().unwrap();
        let error = tree.open("new").unwrap().rename(tree.name("newer")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{}", Report(&error));
        drop(created);
        assert_eq!(skep::Container::names_in(&tree.states()).unwrap(), [""; 0]);
    });
}

#[test]
fn what_was_made_for_it_goes_with_it_and_its_last_hooks_know_its_name() {
    needs!(root, cgroup("pids"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let dir = needs::Scratch::new();
        let place = Place::new(&dir);
        let builder = place.named("web", "sleep 1000").hook(Moment::Poststop, place.teller("last"));
        let mut made = builder.limits(Limits::new().pids_max(9)).start().unwrap();
        let group = place.name("web");
        assert!(!cgroups_called(&group).is_empty());
        made.rename(place.name("shop")).unwrap();
        place.open("shop").unwrap().delete().unwrap();
        made.wait().unwrap();
        assert!(cgroups_called(&group).is_empty());
        let log = place.log();
        assert_eq!((log.len(), &log[0].1["id"]), (1, &place.name("shop").into()));
    });
}

#[test]
fn of_many_who_rename_at_once_each_name_has_one_container() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let made = tree.named("web", "sleep 1000").start().unwrap();
        let other = tree.named("other", "sleep 1000").start().unwrap();
        let names: Vec<String> = (0..8).map(|number| tree.name(&format!("n{}", number % 4))).collect();
        let done: Vec<bool> = std::thread::scope(|scope| {
            let each = |(at, name): (usize, &String)| {
                let from = if at % 2 == 0 { "web" } else { "other" };
                let name = name.clone();
                let tree = &tree;
                scope.spawn(move || tree.open(from).is_ok_and(|mut opened| opened.rename(name).is_ok()))
            };
            let threads: Vec<_> = names.iter().enumerate().map(each).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(done.iter().filter(|is_done| **is_done).count(), 2, "{done:?}");
        let names = skep::Container::names_in(&tree.states()).unwrap();
        let mut pids: Vec<_> = names
            .iter()
            .map(|name| skep::Container::open_in(&tree.states(), name).unwrap())
            .map(|found| (found.pid(), found.delete().unwrap()).0)
            .collect();
        let mut expected = [made.pid(), other.pid()];
        pids.sort();
        expected.sort();
        assert_eq!(pids, expected);
        made.wait().unwrap();
        other.wait().unwrap();
    });
}
