// SPDX-License-Identifier: MIT OR Apache-2.0
//! Our own group, the groups below one, and their numbers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use needs::{isolated, needs};
use skep_cgroup::{Cgroup, ErrorKind, Layout, Version};

use crate::support::{create, has_version, name, only};

#[test]
fn our_own_group_is_read_and_never_ended() {
    isolated(|| {
        let layout = Layout::detect().unwrap();
        let in_view = layout.hierarchies().iter().filter(|found| found.own_group().is_some() && found.name().is_none());
        if in_view.count() == 0 {
            assert_eq!(Cgroup::current().unwrap_err().kind(), ErrorKind::NotFound);
            return;
        }
        let own = Cgroup::current().unwrap();
        assert!(own.procs().unwrap().contains(&std::process::id()));
        own.stat().unwrap();
        assert_eq!(own.kill().unwrap_err().kind(), ErrorKind::WrongState);
        assert_eq!(own.freeze(Duration::from_secs(1)).unwrap_err().kind(), ErrorKind::WrongState);
        let is_root =
            layout.hierarchies().iter().any(|found| own.directories().any(|path| path == found.mount_point()));
        let refused = if is_root { ErrorKind::WrongState } else { ErrorKind::Busy };
        assert_eq!(own.remove_within(Duration::ZERO).unwrap_err().kind(), refused);
        assert!(own.directories().all(Path::is_dir));
    });
}

#[test]
fn our_own_group_is_the_one_that_we_have_joined() {
    needs!(root);
    isolated(|| {
        let group = create("own");
        let before = Layout::detect().unwrap();
        group.add(std::process::id()).unwrap();
        let own = Cgroup::current().unwrap();
        assert!(group.directories().all(|path| own.directories().any(|found| found == path)));
        for hierarchy in before.hierarchies() {
            let at = hierarchy.own_group().unwrap().strip_prefix("/").unwrap().to_owned();
            std::fs::write(hierarchy.mount_point().join(at).join("cgroup.procs"), "0").unwrap();
        }
    });
}

#[test]
fn groups_below_are_listed_and_walked_whatever_hierarchy_has_them() {
    needs!(root);
    isolated(|| {
        let top = create("tree");
        let below = |path: &str| PathBuf::from(format!("{}/{path}", name("tree")));
        for path in ["b", "a", "a/2", "a/1", "a/1/x"] {
            Cgroup::create(below(path)).unwrap();
        }
        // One that a single hierarchy has, the last.
        std::fs::create_dir(top.directories().last().unwrap().join("c")).unwrap();
        let layout = Layout::detect().unwrap();
        assert_eq!(layout.children(top_path()).unwrap(), ["a", "b", "c"].map(below));
        let walked: Vec<PathBuf> = layout.walk(top_path()).map(Result::unwrap).collect();
        assert_eq!(walked, ["a", "a/1", "a/1/x", "a/2", "b", "c"].map(below));
        assert!(walked.iter().all(|path| Cgroup::open_in(&layout, path).is_ok()));
        assert!(layout.children("/").unwrap().contains(&top_path()));
        assert!(layout.walk("/").filter_map(Result::ok).any(|path| path == below("a/1/x")));
        // What goes while the walk is under way is passed over.
        let mut walk = layout.walk(top_path());
        assert_eq!(walk.next().unwrap().unwrap(), below("a"));
        Cgroup::open(below("a/1")).unwrap().remove().unwrap();
        let rest: Vec<PathBuf> = walk.map(Result::unwrap).collect();
        assert_eq!(rest, ["a/2", "b", "c"].map(below));
        assert_eq!(layout.children(below("none")).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(layout.children("../x").unwrap_err().kind(), ErrorKind::Invalid);
        let failed: Vec<_> = layout.walk(below("none")).map(|item| item.unwrap_err().kind()).collect();
        assert_eq!(failed, [ErrorKind::NotFound]);
    });
}

fn top_path() -> PathBuf {
    name("tree").into()
}

#[test]
fn a_group_is_found_by_its_number() {
    needs!(root);
    if Layout::detect().unwrap().v2().is_none() {
        return;
    }
    isolated(|| {
        let layout = Layout::detect().unwrap();
        let group = create("id");
        let below = Cgroup::create(format!("{}/below", name("id"))).unwrap();
        let (id, other) = (group.id().unwrap().unwrap(), below.id().unwrap().unwrap());
        assert_ne!(id, other);
        assert_eq!(layout.path_of(id).unwrap(), Some(name("id").into()));
        assert_eq!(layout.path_of(other).unwrap(), Some(format!("{}/below", name("id")).into()));
        below.remove().unwrap();
        assert_eq!(layout.path_of(other).unwrap(), None);
    });
}

#[test]
fn without_version_2_groups_have_no_number() {
    needs!(root);
    if !has_version(Version::V1) {
        return;
    }
    isolated(|| {
        only(Version::V1);
        let group = create("v1");
        assert_eq!(group.id().unwrap(), None);
        assert_eq!(Layout::detect().unwrap().path_of(1).unwrap_err().kind(), ErrorKind::Unsupported);
    });
}
