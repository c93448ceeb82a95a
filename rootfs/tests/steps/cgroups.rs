// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control groups as they are seen in a root.

use std::fs;
use std::path::Path;

use needs::{isolated, needs};
use skep_rootfs::{CgroupAccess, Cgroups, Mounts, Setting, Steps};

use crate::support::{Tree, View, again_in_namespaces, live, names, write_errno};

const EROFS: Option<i32> = Some(30);

/// Where each hierarchy is seen, and which it is.
fn places(view: &Cgroups) -> Vec<(String, bool)> {
    let name = |controllers: &[String]| match controllers {
        [] => "unified".to_owned(),
        names => names.iter().map(|name| name.trim_start_matches("name=")).collect::<Vec<_>>().join(","),
    };
    if let [only] = &*view.hierarchies
        && only.is_unified()
    {
        return vec![("/sys/fs/cgroup".to_owned(), true)];
    }
    let place = |name: String| format!("/sys/fs/cgroup/{name}");
    view.hierarchies.iter().map(|one| (place(name(&one.controllers)), one.is_unified())).collect()
}

fn assert_seen(seen: &View, view: &Cgroups, writable: Option<i32>) {
    let places = places(view);
    for (place, is_unified) in &places {
        assert_eq!(seen.at(place).kind, if *is_unified { "cgroup2" } else { "cgroup" });
        let file = format!("{place}/cgroup.procs");
        assert!(fs::exists(&file).unwrap(), "{place}: {:?}", names(place));
        assert_eq!(seen.at(place).attributes().starts_with("ro,"), writable == EROFS, "{place}");
        // An ordinary user's namespace may be told EACCES before it is told EROFS.
        let told = write_errno(&file);
        assert!(told == writable || (writable.is_some() && told == Some(13)), "{place}: {told:?}");
    }
    if places.len() > 1 {
        assert!(seen.at("/sys/fs/cgroup").attributes().starts_with("ro,nosuid"));
        assert_eq!(fs::create_dir("/sys/fs/cgroup/x").unwrap_err().raw_os_error(), EROFS);
    }
}

#[test]
fn outside_of_a_cgroup_namespace_this_machine_s_are_bound() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        for (access, writable) in
            [(CgroupAccess::ReadOnly, EROFS), (CgroupAccess::Writable, None), (CgroupAccess::Mixed, None)]
        {
            let mut view = Cgroups::of_this_process("/sys/fs/cgroup").unwrap().access(access).create_target();
            assert!(!view.hierarchies.is_empty());
            let own: Vec<_> = view.hierarchies.iter().map(|one| one.group.clone()).collect();
            let steps = Steps::new(Some(&tree.spec()), &Mounts::new().add(view.clone()), Setting::default());
            live(&steps, |seen| {
                let places = places(&view);
                for ((place, _), own) in places.iter().zip(own) {
                    let below = own.strip_prefix("/").unwrap();
                    if access == CgroupAccess::Mixed && below != Path::new("") {
                        let top = format!("{place}/cgroup.procs");
                        assert_eq!(write_errno(&top), EROFS, "{place}");
                        let own = Path::new(place).join(below).join("cgroup.procs");
                        assert_eq!(write_errno(own.to_str().unwrap()), None, "{own:?}");
                        view.hierarchies.retain(|one| one.group.strip_prefix("/").unwrap() != below);
                    }
                }
                if places.len() == view.hierarchies.len() {
                    assert_seen(seen, &view, writable);
                }
            })
            .unwrap();
        }
    });
}

#[test]
fn in_a_cgroup_namespace_they_are_mounted_anew() {
    needs!(userns, program("unshare"), syscall("open_tree"), syscall("fsmount"), syscall("fsopen"));
    if again_in_namespaces(&["--cgroup"]) {
        let tree = Tree::new();
        let view = Cgroups::of_this_process("/sys/fs/cgroup").unwrap().create_target();
        let setting = Setting { user_namespace: true, own_cgroup: true, ..Setting::default() };
        let steps = Steps::new(Some(&tree.spec()), &Mounts::new().add(view.clone()), setting);
        live(&steps, |seen| {
            for (place, _) in places(&view) {
                assert_eq!(seen.at(&place).root, "/");
            }
            assert_seen(seen, &view, EROFS);
        })
        .unwrap();
        println!("second life lived");
    }
}
