// SPDX-License-Identifier: MIT OR Apache-2.0
//! The life of a group: made, joined, killed and removed.

use needs::{isolated, needs, token};
use skep_cgroup::{Cgroup, Layout};

use crate::support::{LONG, sleeper};

#[test]
fn a_group_is_made_joined_killed_and_removed() {
    needs!(root);
    isolated(|| {
        println!("{}", Layout::detect().unwrap());
        let group = Cgroup::create(format!("{}-life", token())).unwrap();
        let mut child = sleeper();
        group.add(child.id()).unwrap();
        assert_eq!(group.procs().unwrap(), [child.id()]);
        assert!(group.events().unwrap().populated);
        println!("{:?}", group.stat().unwrap());
        group.kill().unwrap();
        group.wait_empty(LONG).unwrap();
        assert!(!child.wait().unwrap().success());
        assert!(!group.events().unwrap().populated);
        let directories: Vec<_> = group.directories().map(ToOwned::to_owned).collect();
        assert!(directories.iter().all(|directory| directory.is_dir()), "{directories:?}");
        group.remove().unwrap();
        assert!(directories.iter().all(|directory| !directory.exists()), "{directories:?}");
    });
}

#[test]
fn an_opened_group_is_the_one_that_was_made() {
    needs!(root);
    isolated(|| {
        let name = crate::support::name("opened");
        assert_eq!(Cgroup::open(&name).unwrap_err().kind(), skep_cgroup::ErrorKind::NotFound);
        let group = Cgroup::create(&name).unwrap();
        let again = Cgroup::open(&name).unwrap();
        assert_eq!(again.directories().collect::<Vec<_>>(), group.directories().collect::<Vec<_>>());
        let child = sleeper();
        group.add(child.id()).unwrap();
        assert_eq!(again.procs().unwrap(), [child.id()]);
        crate::support::end(child);
        again.remove().unwrap();
        assert_eq!(Cgroup::open(&name).unwrap_err().kind(), skep_cgroup::ErrorKind::NotFound);
    });
}
