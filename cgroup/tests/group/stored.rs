// SPDX-License-Identifier: MIT OR Apache-2.0
//! Groups that are found again by their directories.

use std::fs;
use std::path::PathBuf;

use needs::{Scratch, isolated, needs};
use skep_cgroup::{Cgroup, ErrorKind, Layout};

use crate::support::{LONG, create, name, said, signal_of, sleeper};

#[test]
fn a_group_is_held_again_killed_and_removed_by_what_was_stored() {
    needs!(root);
    isolated(|| {
        let group = create("stored");
        let stored: Vec<PathBuf> = group.directories().map(ToOwned::to_owned).collect();
        let child = sleeper();
        group.add(child.id()).unwrap();
        // In any order.
        let again = Cgroup::from_directories(stored.iter().rev()).unwrap();
        assert_eq!(again.directories().next(), group.directories().next());
        assert_eq!(again.procs().unwrap(), [child.id()]);
        again.kill().unwrap();
        assert_eq!(signal_of(child), Some(9));
        again.wait_empty(LONG).unwrap();
        // Half of it is gone already.
        fs::remove_dir(&stored[0]).unwrap();
        let half = Cgroup::from_directories(&stored).unwrap();
        assert_eq!(half.directories().count(), stored.len() - 1);
        half.remove().unwrap();
        let none = Cgroup::from_directories(&stored).unwrap();
        assert_eq!(none.directories().count(), 0);
        none.kill().unwrap();
        none.wait_empty(LONG).unwrap();
        none.remove().unwrap();
        assert_eq!(none.procs().unwrap(), [0_u32; 0]);
        let error = none.events().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        said::check("reading the events of a group of which nothing is left", &error, &[]);
        assert_eq!(none.stat().unwrap(), skep_cgroup::Stat::default());
    });
}

#[test]
fn what_is_no_group_is_refused_all_at_once() {
    needs!(root);
    isolated(|| {
        let group = create("refusals");
        let layout = Layout::detect().unwrap();
        let point = layout.hierarchies()[0].mount_point();
        let scratch = Scratch::new();
        let first = group.directories().next().unwrap();
        // A link that leads to the group is not the group.
        let link = scratch.join("link");
        std::os::unix::fs::symlink(first, &link).unwrap();
        let refused = [
            "".into(),
            "web".into(),
            "/".into(),
            "/tmp".into(),
            point.to_owned(),
            point.join(""),
            point.join(".."),
            first.join("../x"),
            first.join("cgroup.procs"),
            link.clone(),
            link.join("below"),
        ];
        let error = Cgroup::from_directories(refused.iter().map(PathBuf::as_path).chain([first])).unwrap_err();
        assert_eq!(
            (error.kind(), error.problems().len()),
            (ErrorKind::Invalid, refused.len()),
            "{}",
            said::all(&error)
        );
        let names = [
            (first.to_str().unwrap(), "GROUP"),
            (point.to_str().unwrap(), "HIERARCHY"),
            (scratch.path().to_str().unwrap(), "SCRATCH"),
        ];
        said::check("directories that are no groups", &error, &names);
        // What is not there, wherever that is, is gone.
        let gone = [first.join("x/y"), scratch.join("x"), "/no/such/place".into(), PathBuf::from(name("nowhere"))];
        assert_eq!(Cgroup::from_directories(gone).unwrap().directories().count(), 0);
    });
}
