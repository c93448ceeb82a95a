// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where mounts go to and come from, and attributes one by one.

use std::fs;

use needs::{isolated, needs};
use skep_rootfs::{Attributes, Bind, FileSystem, Mounts, Propagation, Setting, Steps, Tmpfs};

use crate::support::{NOTHING, Tree, View, live};

/// Whether a mount receives from others, and shares with others.
fn of(view: &View, target: &str) -> (bool, bool, bool) {
    let said = view.at(target).propagation;
    let has = |word: &str| said.contains(word);
    (has("master:"), has("shared:"), has("unbindable"))
}

#[test]
fn a_mount_and_the_root_propagate_as_they_are_told() {
    needs!(root);
    isolated(|| {
        for denied in [NOTHING, "mount_setattr", "mount_setattr,open_tree,fsopen"] {
            std::thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    needs::deny(&denied.parse().unwrap()).unwrap();
                    let tree = Tree::new();
                    let bind = |target: &str| Bind::new(tree.beside("canary"), target);
                    let mounts = Mounts::new()
                        .add(bind("/data").propagation(Propagation::Shared))
                        .add(bind("/run").propagation(Propagation::RUnbindable))
                        .add(FileSystem::new("tmpfs", "none", "/sys").propagation(Propagation::RPrivate));
                    for (propagation, root) in
                        [(None, false), (Some(Propagation::RPrivate), false), (Some(Propagation::Shared), true)]
                    {
                        let mut spec = tree.spec();
                        spec.propagation = propagation;
                        live(&Steps::new(Some(&spec), &mounts, Setting::default()), |view| {
                            assert!(of(view, "/data").1, "{denied}");
                            assert_eq!(of(view, "/run"), (false, false, true), "{denied}");
                            assert_eq!(of(view, "/sys"), (false, false, false), "{denied}");
                            assert_eq!(of(view, "/").1, root, "{denied}");
                        })
                        .unwrap();
                    }
                });
                thread.join().unwrap();
            });
        }
    });
}

#[test]
fn attributes_are_set_and_taken_away_one_by_one_on_top_and_below() {
    needs!(root, kernel(5, 10));
    isolated(|| {
        for denied in [NOTHING, "mount_setattr", "mount_setattr,open_tree,fsopen,move_mount"] {
            std::thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    needs::deny(&denied.parse().unwrap()).unwrap();
                    let tree = Tree::new();
                    fs::create_dir_all(tree.beside("source")).unwrap();
                    let nodiratime = Attributes::NODIRATIME | Attributes::STRICTATIME | Attributes::READ_ONLY;
                    let below = Mounts::new()
                        .add(Tmpfs::new(tree.beside("source")).attributes(nodiratime))
                        .add(Tmpfs::new(tree.beside("source")).attributes(nodiratime.difference(Attributes::READ_ONLY)))
                        .add(Tmpfs::new(tree.beside("source/inner")).create_target().nosymfollow().noatime());
                    let bind = Bind::new(tree.beside("source"), "/data")
                        .attributes_on_top_only()
                        .attributes(Attributes::READ_ONLY | Attributes::NOATIME)
                        .attributes_below(Attributes::NOEXEC);
                    let again = Bind::new("/data", "/run")
                        .from_inside()
                        .attributes_on_top_only()
                        .clear(Attributes::READ_ONLY | Attributes::NODIRATIME);
                    let mounts = Mounts::new().add(bind).add(again);
                    live(&Steps::new(None, &below, Setting::default()), |_| {
                        tree.live(&mounts, |view| {
                            let at = |target: &str| view.at(target).attributes.join(",");
                            assert_eq!(at("/data"), "ro,noexec,noatime,nodiratime", "{denied}");
                            assert_eq!(at("/data/inner"), "rw,nosuid,nodev,noexec,noatime,nosymfollow", "{denied}");
                            assert_eq!(at("/run"), "rw,noexec,noatime", "{denied}");
                        })
                        .unwrap();
                    })
                    .unwrap();
                });
                thread.join().unwrap();
            });
        }
    });
}

#[test]
fn a_file_system_by_its_name_has_its_source_and_options() {
    needs!(root);
    isolated(|| {
        for denied in [NOTHING, "fsopen"] {
            std::thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    needs::deny(&denied.parse().unwrap()).unwrap();
                    let tree = Tree::new();
                    let named = FileSystem::new("tmpfs", "swap", "/run/deep").options("size=4k,mode=700");
                    let absent = FileSystem::new("nosuchfs", "none", "/data").optional();
                    let mounts = Mounts::new().add(named.create_target().noexec()).add(absent.clone());
                    tree.live(&mounts, |view| {
                        view.at("/run/deep").assert_option("size=4k");
                        assert_eq!(view.at("/run/deep").attributes(), "rw,noexec");
                        assert!(view.mounts().iter().all(|mount| mount.target != "/data"));
                    })
                    .unwrap();
                    let mut needed = absent;
                    needed.optional = false;
                    let error = tree.live(&Mounts::new().add(needed), |_| ()).unwrap_err();
                    assert_eq!((error.errno(), error.hint().is_some()), (Some(19), true));
                });
                thread.join().unwrap();
            });
        }
    });
}
