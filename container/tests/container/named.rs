// SPDX-License-Identifier: MIT OR Apache-2.0
//! Containers with a name: kept, found by others, deleted from whatever state they are in.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use needs::{isolated_for, needs};
use skep::ns::Stdio;
use skep::{Container, ErrorKind, Report, Status};

use crate::common::{DEADLINE, is_alive, until};
use crate::tree::Tree;

#[test]
fn a_running_container_is_opened_and_deleted_by_its_name() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let made = tree.named("web", "sleep 1000").start().unwrap();
        assert_eq!(Container::names_in(&tree.states()).unwrap(), [tree.name("web")]);
        let found = tree.open("web").unwrap();
        assert_eq!((found.pid(), found.status().unwrap()), (made.pid(), Status::Running));
        found.delete().unwrap();
        assert_eq!(made.status().unwrap(), Status::Ended);
        assert_eq!(made.wait().unwrap().signal(), Some(9));
        assert_eq!(tree.open("web").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(Container::names_in(&tree.states()).unwrap(), [""; 0]);
    });
}

#[test]
fn how_it_ended_is_known_to_those_who_open_it_later() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let made = tree.named("web", "exit 7").start().unwrap();
        made.wait().unwrap();
        drop(made);
        let found = tree.open("web").unwrap();
        assert_eq!((found.pid(), found.status().unwrap()), (None, Status::Ended));
        assert_eq!(found.wait().unwrap().code(), Some(7));
        assert_eq!(found.signal(15).unwrap_err().kind(), ErrorKind::WrongState);
        found.delete().unwrap();
    });
}

#[test]
fn a_name_in_use_is_refused_before_anything_is_touched() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let made = tree.named("web", "sleep 1000").start().unwrap();
        let error = tree.named("web", "true").start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{}", Report(&error));
        assert!(error.problems()[0].contains("is in use"), "{}", Report(&error));
        assert_eq!(made.status().unwrap(), Status::Running);
        made.delete().unwrap();
    });
}

#[test]
fn a_created_container_is_found_creating_and_deleted_by_nobody_else() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let created = tree.named("web", "true").create().unwrap();
        let pid = created.pid();
        let found = tree.open("web").unwrap();
        assert_eq!(found.status().unwrap(), Status::Creating);
        assert_eq!(found.delete().unwrap_err().kind(), ErrorKind::Busy);
        drop(created);
        assert!(!is_alive(pid));
        assert_eq!(tree.open("web").unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_dropped_handle_leaves_a_named_container_running() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let container = tree.named("web", "read line; exit 4").stdin(Stdio::Piped).start().unwrap();
        let pid = container.pid().unwrap();
        let mut container = container;
        let stdin = container.stdin.take();
        drop(container);
        assert!(is_alive(pid));
        drop(stdin);
        until("it ends by itself", || !is_alive(pid));
        tree.open("web").unwrap().delete().unwrap();
    });
}

#[test]
fn a_state_that_others_may_write_to_is_not_believed() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        fs::create_dir(tree.states()).unwrap();
        fs::set_permissions(tree.states(), fs::Permissions::from_mode(0o777)).unwrap();
        for error in [tree.named("web", "true").start().unwrap_err(), tree.open("web").unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Denied, "{}", Report(&error));
        }
        fs::remove_dir(tree.states()).unwrap();
        std::os::unix::fs::symlink(tree.root(), tree.states()).unwrap();
        assert!(tree.named("web", "true").start().is_err());
    });
}

#[test]
fn a_damaged_record_falls_back_to_the_intent() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        for damage in ["", "{", "{\"version\": 1}", "\0\0\0"] {
            let tree = Tree::new();
            let made = tree.named("web", "sleep 1000").start().unwrap();
            let state = tree.states().join(tree.name("web"));
            fs::write(state.join("record"), damage).unwrap();
            let found = tree.open("web").unwrap();
            assert_eq!(found.pid(), None, "{damage:?}");
            // The process is not known any more; what was made for it is.
            made.kill().unwrap();
            made.wait().unwrap();
            found.delete().unwrap();
        }
    });
}

#[test]
fn a_half_made_container_is_seen_as_such_and_deleted() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        fs::create_dir(tree.states()).unwrap();
        fs::set_permissions(tree.states(), fs::Permissions::from_mode(0o700)).unwrap();
        fs::create_dir(tree.states().join(tree.name("web"))).unwrap();
        let found = tree.open("web").unwrap();
        assert_eq!((found.pid(), found.status().unwrap()), (None, Status::HalfMade));
        found.delete().unwrap();
        assert_eq!(tree.open("web").unwrap_err().kind(), ErrorKind::NotFound);
    });
}
