// SPDX-License-Identifier: MIT OR Apache-2.0
//! Overlays in a user namespace.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use needs::needs;
use skep_rootfs::{Changes, Mounts, Overlay, Proc, RootSpec, Setting, Steps};

use crate::overlay::{DENIALS, assert_changed, change, without};
use crate::support::{Tree, again_in_namespaces, live, names};

const USER: Setting = setting();

const fn setting() -> Setting {
    Setting {
        user_namespace: true,
        own_net: true,
        own_pid: true,
        own_ipc: true,
        own_cgroup: false,
        groups_mapped: false,
        owner: None,
    }
}

fn tree() -> Tree {
    let tree = Tree::new();
    for dir in ["etc", "full/inner", "moved"] {
        fs::create_dir_all(tree.join(dir)).unwrap();
    }
    fs::write(tree.join("etc/hosts"), "one").unwrap();
    fs::write(tree.join("etc/passwd"), "root").unwrap();
    tree
}

#[test]
fn what_is_changed_goes_where_it_was_told_to() {
    // A directory that was removed is made again: in memory that takes attributes of users.
    needs!(userns, program("unshare"), kernel(6, 6));
    if again_in_namespaces(&["--pid", "--fork"]) {
        for denied in DENIALS {
            let tree = tree();
            let kept = tree.beside("kept");
            for changes in [Changes::in_memory(), Changes::Kept(kept.clone()), Changes::Kept(kept.clone())] {
                let again = kept.exists();
                let root = tree.spec().changes(changes);
                let steps = Steps::new(Some(&root), &Mounts::new().add(Proc::new("/proc")), USER);
                without(denied, || {
                    live(&steps, |view| {
                        if !again {
                            change("");
                        }
                        assert_changed("");
                        assert_eq!(fs::rename("/moved", "/to").unwrap_err().raw_os_error(), Some(18), "{denied}");
                        let targets: Vec<_> = view.mounts().into_iter().map(|mount| mount.target).collect();
                        assert_eq!(targets, ["/", "/proc"], "{denied}");
                    })
                    .unwrap();
                });
                assert_eq!(fs::read_to_string(tree.join("etc/hosts")).unwrap(), "one");
                assert_eq!(names(tree.join("etc")), ["hosts", "passwd"]);
            }
            assert_eq!(fs::read_to_string(kept.join("upper/etc/hosts")).unwrap(), "two");
            // The kernel leaves a directory in it that nobody may look into.
            fs::set_permissions(kept.join("work/work"), fs::Permissions::from_mode(0o700)).unwrap();
        }
        println!("second life lived");
    }
}

#[test]
fn in_memory_a_directory_that_was_removed_is_made_again_where_a_tmpfs_takes_attributes() {
    needs!(userns, program("unshare"), kernel(5, 11));
    if again_in_namespaces(&[]) {
        let tree = tree();
        let steps = Steps::new(Some(&tree.spec().copy_on_write()), &Mounts::new(), USER);
        let made = live(&steps, |_| {
            fs::remove_dir("/moved").unwrap();
            fs::create_dir("/moved").err().and_then(|error| error.raw_os_error())
        });
        let takes = needs::need::kernel(6, 6).unmet().is_none();
        assert_eq!(made.unwrap(), if takes { None } else { Some(5) });
        println!("second life lived");
    }
}

#[test]
fn files_can_be_changed_made_and_removed_in_an_overlay() {
    needs!(userns, program("unshare"), kernel(5, 11));
    if again_in_namespaces(&[]) {
        for denied in DENIALS {
            let tree = tree();
            let overlay = Overlay::new("/etc").lower(tree.join("etc")).changes(Changes::in_memory()).create_target();
            for root in [tree.spec(), RootSpec::tmpfs().nosuid().nodev()] {
                let steps = Steps::new(Some(&root), &Mounts::new().add(overlay.clone()), USER);
                without(denied, || {
                    live(&steps, |view| {
                        fs::write("/etc/hosts", "two").unwrap();
                        fs::write("/etc/new", "").unwrap();
                        fs::remove_file("/etc/passwd").unwrap();
                        assert_eq!(names("/etc"), ["hosts", "new"]);
                        let targets: Vec<_> = view.mounts().into_iter().map(|mount| mount.target).collect();
                        assert_eq!(targets, ["/", "/etc"], "{denied}");
                    })
                    .unwrap();
                });
                assert_eq!(names(tree.join("etc")), ["hosts", "passwd"]);
            }
        }
        println!("second life lived");
    }
}

#[test]
fn a_layer_with_mounts_below_it_is_refused_or_bound() {
    needs!(userns, program("unshare"), kernel(5, 11));
    if again_in_namespaces(&[]) {
        for denied in DENIALS {
            let tree = tree();
            let overlay = Overlay::new("/data").lower("/").changes(Changes::in_memory());
            let mounts = |overlay: &Overlay| Mounts::new().add(overlay.clone());
            assert_eq!(USER.problems(Some(&tree.spec()), &mounts(&overlay)).len(), 1);
            let of_the_machine = names("/");
            without(denied, || {
                let error = live(&Steps::new(Some(&tree.spec()), &mounts(&overlay), USER), |_| ()).unwrap_err();
                assert_eq!(error.errno(), Some(22), "{denied}");
                let overlay = overlay.or_read_only_bind();
                live(&Steps::new(Some(&tree.spec()), &mounts(&overlay), USER), |view| {
                    assert_eq!(names("/data"), of_the_machine, "{denied}");
                    assert!(view.at("/data").attributes().starts_with("ro"), "{denied}");
                })
                .unwrap();
            });
        }
        println!("second life lived");
    }
}
