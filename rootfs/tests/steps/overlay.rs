// SPDX-License-Identifier: MIT OR Apache-2.0
//! Overlays and roots in memory, as root: what is changed inside, and what is left of it outside.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use needs::{isolated, needs};
use skep_rootfs::{Base, Bind, Changes, Dev, Mounts, Overlay, Proc, RootSpec, Setting, Steps, Symlink, Tmpfs};

use crate::support::{NOTHING, Tree, live, names, write_errno};

/// What machines are without, one at a time and together.
pub(crate) const DENIALS: [&str; 8] = [
    NOTHING,
    "fsopen",
    "fsmount",
    "open_tree",
    "move_mount",
    "move_mount=EACCES",
    "mount_setattr,openat2",
    "openat2,fsopen,fsconfig,fsmount,open_tree,move_mount,mount_setattr",
];

/// A tree with something to change in it.
fn tree() -> Tree {
    let tree = Tree::new();
    for dir in ["etc", "full/inner", "sticky"] {
        fs::create_dir_all(tree.join(dir)).unwrap();
    }
    fs::write(tree.join("etc/hosts"), "one").unwrap();
    fs::write(tree.join("etc/passwd"), "root").unwrap();
    fs::write(tree.join("full/inner/file"), "deep").unwrap();
    fs::set_permissions(tree.join(""), fs::Permissions::from_mode(0o1751)).unwrap();
    tree
}

/// Changes everything that can be changed.
#[track_caller]
pub(crate) fn change(top: &str) {
    fs::write(format!("{top}/etc/hosts"), "two").unwrap();
    fs::write(format!("{top}/etc/new"), "new").unwrap();
    fs::remove_file(format!("{top}/etc/passwd")).unwrap();
    fs::remove_dir_all(format!("{top}/full")).unwrap();
    fs::create_dir(format!("{top}/full")).unwrap();
    fs::write(format!("{top}/full/other"), "").unwrap();
}

#[track_caller]
pub(crate) fn assert_changed(top: &str) {
    assert_eq!(fs::read_to_string(format!("{top}/etc/hosts")).unwrap(), "two");
    assert_eq!(names(format!("{top}/etc")), ["hosts", "new"]);
    assert_eq!(names(format!("{top}/full")), ["other"]);
}

#[track_caller]
fn assert_unchanged(tree: &Tree) {
    assert_eq!(fs::read_to_string(tree.join("etc/hosts")).unwrap(), "one");
    assert_eq!(names(tree.join("etc")), ["hosts", "passwd"]);
    assert_eq!(names(tree.join("full/inner")), ["file"]);
    tree.assert_canary_is_untouched();
}

/// Has a thread of its own be without these calls.
pub(crate) fn without<T: Send>(denied: &str, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            needs::deny(&denied.parse().unwrap()).unwrap();
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[test]
fn what_is_changed_in_a_root_is_in_memory_and_gone_with_it() {
    needs!(root);
    isolated(|| {
        for denied in DENIALS {
            let tree = tree();
            let root = tree.spec().copy_on_write().nodev();
            let steps = Steps::new(Some(&root), &Mounts::new().add(Proc::new("/proc")), Setting::default());
            without(denied, || {
                live(&steps, |view| {
                    change("");
                    assert_changed("");
                    let top = fs::metadata("/").unwrap();
                    assert_eq!((top.mode(), top.uid()), (0o041_751, 0), "{denied}");
                    fs::rename("/sticky", "/renamed").unwrap();
                    let mounts = view.mounts();
                    let targets: Vec<_> = mounts.iter().map(|mount| (&*mount.target, &*mount.kind)).collect();
                    assert_eq!(targets, [("/", "overlay"), ("/proc", "proc")], "{denied}");
                    assert_eq!(view.at("/").attributes(), "rw,nodev");
                    assert_eq!(names("/.."), names("/"));
                })
                .unwrap();
            });
            assert_unchanged(&tree);
        }
    });
}

#[test]
fn changes_that_are_kept_are_there_the_next_time() {
    needs!(root);
    isolated(|| {
        for denied in DENIALS {
            let tree = tree();
            let kept = tree.beside("kept");
            let root = tree.spec().changes(Changes::Kept(kept.clone()));
            let steps = Steps::new(Some(&root), &Mounts::new(), Setting::default());
            without(denied, || live(&steps, |_| change("")).unwrap());
            assert_unchanged(&tree);
            assert_eq!(names(&kept), ["upper", "work"]);
            assert_eq!(fs::read_to_string(kept.join("upper/etc/hosts")).unwrap(), "two");
            assert_eq!(fs::metadata(&kept).unwrap().mode() & 0o7777, 0o700);
            fs::set_permissions(kept.join("upper"), fs::Permissions::from_mode(0o711)).unwrap();
            without(denied, || {
                live(&steps, |_| {
                    assert_changed("");
                    // What is there is not made to look as at first.
                    assert_eq!(fs::metadata("/").unwrap().mode() & 0o7777, 0o711, "{denied}");
                })
                .unwrap();
            });
            assert_unchanged(&tree);
        }
    });
}

#[test]
fn changes_are_kept_in_a_directory_of_one_s_own_alone() {
    needs!(root);
    isolated(|| {
        let tree = tree();
        let kept = tree.beside("kept");
        fs::create_dir(&kept).unwrap();
        std::os::unix::fs::chown(&kept, Some(1234), None).unwrap();
        let steps = |kept: &std::path::Path| {
            let root = tree.spec().changes(Changes::Kept(kept.to_owned()));
            Steps::new(Some(&root), &Mounts::new(), Setting::default())
        };
        let error = live(&steps(&kept), |_| ()).unwrap_err();
        assert_eq!((error.errno(), error.hint()), (Some(1), Some("the directory must belong to who makes the mounts")));
        assert_eq!(names(&kept), [""; 0]);
        let error = live(&steps(&kept.join("a/b")), |_| ()).unwrap_err();
        assert_eq!(error.errno(), Some(2));
        // A link in place of what is to be made.
        std::os::unix::fs::chown(&kept, Some(0), None).unwrap();
        std::os::unix::fs::symlink(tree.beside("canary"), kept.join("upper")).unwrap();
        let error = live(&steps(&kept), |_| ()).unwrap_err();
        assert_eq!(error.errno(), Some(20));
        tree.assert_canary_is_untouched();
    });
}

#[test]
fn an_overlay_is_mounted_in_a_root_and_layers_lie_in_their_order() {
    needs!(root);
    isolated(|| {
        for denied in DENIALS {
            let tree = tree();
            for (name, text) in [("a:b,c", "upper"), ("c\\d", "lower")] {
                fs::create_dir(tree.beside(name)).unwrap();
                fs::write(tree.beside(name).join("same"), text).unwrap();
                fs::write(tree.beside(name).join(text), "").unwrap();
            }
            // Its way leads up to the top and down again, where something lies over the top.
            std::os::unix::fs::symlink(
                format!("{}{}", "../".repeat(9), tree.beside("c\\d").display()),
                tree.beside("l"),
            )
            .unwrap();
            let overlay = |target: &str| Overlay::new(target).lower(tree.beside("a:b,c")).lower(tree.beside("l"));
            for root in [tree.spec(), tree.spec().copy_on_write(), RootSpec::tmpfs()] {
                let mounts = Mounts::new()
                    .add(overlay("/data").changes(Changes::in_memory()).noexec())
                    .add(overlay("/run"))
                    .add(Bind::new(tree.beside("l"), "/sys"));
                let steps = Steps::new(Some(&root), &mounts, Setting::default());
                without(denied, || {
                    live(&steps, |view| {
                        for target in ["/data", "/run"] {
                            assert_eq!(names(target), ["lower", "same", "upper"], "{denied}");
                            assert_eq!(fs::read_to_string(format!("{target}/same")).unwrap(), "upper");
                            assert_eq!(view.at(target).kind, "overlay");
                        }
                        assert_eq!(names("/sys"), ["lower", "same"]);
                        fs::write("/data/lower", "x").unwrap();
                        assert_eq!(write_errno("/run/lower"), Some(30));
                        assert_eq!(view.at("/data").attributes(), "rw,noexec");
                        assert_eq!(view.mounts().len(), 4, "{denied}: {:#?}", view.mounts());
                    })
                    .unwrap();
                });
            }
            assert_eq!(fs::read_to_string(tree.beside("c\\d/lower")).unwrap(), "");
        }
    });
}

#[test]
fn without_a_root_the_memory_of_an_overlay_is_not_seen() {
    needs!(root);
    isolated(|| {
        for denied in DENIALS {
            let tree = tree();
            let target = tree.join("data");
            // Targets whose way leads up to the top, and a source that is all of this machine.
            std::os::unix::fs::symlink(format!("{}{}", "../".repeat(9), target.display()), tree.beside("up")).unwrap();
            let mounts = Mounts::new()
                .add(Overlay::new(tree.beside("up")).lower(tree.join("")).changes(Changes::in_memory()))
                .add(Tmpfs::new(tree.beside("up").join("made")).create_target())
                .add(Bind::new("/", tree.join("run")));
            let before = crate::support::mounted_below("/".as_ref());
            let of_the_machine = names("/");
            let steps = Steps::new(None, &mounts, Setting::default());
            without(denied, || {
                live(&steps, |view| {
                    let top = target.to_str().unwrap();
                    change(top);
                    assert_changed(top);
                    assert_eq!(names("/.."), of_the_machine, "{denied}");
                    assert_eq!(names(tree.join("run")), of_the_machine, "{denied}");
                    let run = tree.join("run");
                    let mut all: Vec<_> = view.mounts().into_iter().map(|mount| mount.target).collect();
                    all.retain(|target| !std::path::Path::new(target).starts_with(&run));
                    let mut expected = before.clone();
                    expected.extend([top.to_owned(), format!("{top}/made")]);
                    all.sort();
                    expected.sort();
                    assert_eq!(all, expected, "{denied}");
                })
                .unwrap();
            });
            assert_unchanged(&tree);
        }
    });
}

#[test]
fn a_root_in_memory_begins_with_what_is_mounted_in_it() {
    needs!(root);
    isolated(|| {
        for denied in DENIALS {
            let tree = tree();
            let mut root = RootSpec::tmpfs().nosuid().nodev().read_only();
            root.base = Base::Tmpfs { size: Some(1 << 20) };
            let mounts = Mounts::new()
                .add(Proc::new("/proc"))
                .add(Bind::new(tree.join("etc/hosts"), "/etc/hosts").read_only())
                .add(Symlink::new("/usr/lib", "../lib"))
                .add(Bind::new("/", "/machine").read_only())
                .add(Overlay::new("/data").lower(tree.join("")).changes(Changes::in_memory()));
            let steps = Steps::new(Some(&root), &mounts, Setting::default());
            let of_the_machine = names("/");
            without(denied, || {
                live(&steps, |view| {
                    assert_eq!(names("/"), ["data", "etc", "machine", "proc", "usr"]);
                    assert_eq!(view.at("/").attributes(), "ro,nosuid,nodev", "{denied}");
                    view.at("/").assert_option("size=1024k");
                    assert_eq!(fs::metadata("/").unwrap().mode(), 0o040_755);
                    assert_eq!(fs::read_link("/usr/lib").unwrap().to_str(), Some("../lib"));
                    assert_eq!(fs::read_to_string("/etc/hosts").unwrap(), "one");
                    assert_eq!(names("/machine"), of_the_machine, "{denied}");
                    change("/data");
                    let tops = view.mounts().iter().filter(|mount| mount.target == "/").count();
                    assert_eq!(tops, 1);
                })
                .unwrap();
            });
            assert_unchanged(&tree);
        }
    });
}

#[test]
fn this_machine_s_own_root_can_lie_under_an_overlay() {
    needs!(root);
    isolated(|| {
        for denied in DENIALS {
            let tree = tree();
            let inner = tree.join("etc");
            for root in [RootSpec::new("/").copy_on_write(), RootSpec::new("/")] {
                let target = tree.join("data");
                let mounts = Mounts::new()
                    .add(Tmpfs::new(tree.join("run")))
                    .add(Overlay::new(&target).lower(&inner).changes(Changes::InMemory { size: Some(1 << 20) }));
                let steps = Steps::new(Some(&root), &mounts, Setting::default());
                let of_the_machine = names("/");
                without(denied, || {
                    live(&steps, |view| {
                        assert_eq!(names("/"), of_the_machine, "{denied}");
                        assert_eq!(names("/.."), of_the_machine, "{denied}");
                        assert_eq!(names(&target), ["hosts", "passwd"]);
                        fs::write(target.join("hosts"), "two").unwrap();
                        if root.changes != Changes::InPlace {
                            fs::write("/made-in-a-test-of-overlays", "").unwrap();
                        }
                        assert_eq!(view.mounts().iter().filter(|mount| mount.target == "/").count(), 1, "{denied}");
                    })
                    .unwrap();
                });
            }
            assert!(!fs::exists("/made-in-a-test-of-overlays").unwrap());
            assert_unchanged(&tree);
        }
    });
}

#[test]
fn a_read_only_dev_has_what_is_mounted_in_it_and_no_more() {
    needs!(root);
    isolated(|| {
        for denied in DENIALS {
            let tree = tree();
            let mut mounts = Mounts::standard().add(Bind::new("/dev/null", "/dev/extra").create_target());
            mounts.mounts[1] = Dev::new("/dev").read_only().into();
            let steps = Steps::new(Some(&tree.spec()), &mounts, Setting::default());
            without(denied, || {
                live(&steps, |view| {
                    assert_eq!(view.at("/dev").attributes(), "ro,nosuid", "{denied}");
                    assert_eq!(fs::write("/dev/x", "").unwrap_err().raw_os_error(), Some(30));
                    fs::write("/dev/shm/x", "").unwrap();
                    fs::write("/dev/null", "x").unwrap();
                    fs::write("/dev/extra", "x").unwrap();
                })
                .unwrap();
            });
        }
    });
}

#[test]
fn attributes_of_a_root_hold_for_what_is_mounted_below_it() {
    needs!(root);
    isolated(|| {
        for denied in DENIALS {
            let tree = tree();
            let below = Steps::new(
                None,
                &Mounts::new().add(Tmpfs::new(tree.join("data")).attributes(skep_rootfs::Attributes::empty())),
                Setting::default(),
            );
            let steps = Steps::new(Some(&tree.spec().nosuid().nodev()), &Mounts::new(), Setting::default());
            without(denied, || {
                live(&below, |view| {
                    steps.enter_mounts().unwrap();
                    assert_eq!(view.at("/").attributes(), "rw,nosuid,nodev", "{denied}");
                    assert_eq!(view.at("/data").attributes(), "rw,nosuid,nodev", "{denied}");
                })
                .unwrap();
            });
        }
    });
}

#[test]
fn what_cannot_be_a_layer_is_bound_where_that_was_asked_for() {
    needs!(root);
    isolated(|| {
        for denied in DENIALS {
            let tree = tree();
            // Two overlays on one another are as many as the kernel takes.
            let lower = |lower: &str, target: &str| Overlay::new(target).lower(lower).changes(Changes::in_memory());
            let (one, two, three) = (tree.beside("one"), tree.beside("two"), tree.beside("three"));
            let [one, two, three] = [&one, &two, &three].map(|path| {
                fs::create_dir(path).unwrap();
                path.to_str().unwrap()
            });
            let steps = |last: Overlay| {
                let etc = tree.join("etc");
                let mounts = Mounts::new().add(lower(etc.to_str().unwrap(), one)).add(lower(one, two)).add(last);
                Steps::new(None, &mounts, Setting::default())
            };
            without(denied, || {
                let error = live(&steps(lower(two, three)), |_| ()).unwrap_err();
                assert_eq!(error.errno(), Some(22), "{denied}");
                live(&steps(lower(two, three).or_read_only_bind()), |view| {
                    assert_eq!(names(three), ["hosts", "passwd"]);
                    assert_eq!(view.at(three).attributes(), "ro", "{denied}");
                    assert_eq!(view.at(three).kind, "overlay");
                    fs::write(format!("{two}/hosts"), "seen in both").unwrap();
                    assert_eq!(fs::read_to_string(format!("{three}/hosts")).unwrap(), "seen in both");
                })
                .unwrap();
            });
        }
    });
}

#[test]
fn a_memory_has_the_largest_limit_that_is_asked_for() {
    needs!(root);
    isolated(|| {
        let tree = tree();
        let overlay = |target: &str, size| {
            Overlay::new(target).lower(tree.join("etc")).changes(Changes::InMemory { size: Some(size) })
        };
        let mounts = Mounts::new().add(overlay("/data", 4096)).add(overlay("/run", 1 << 20));
        let written = live(&Steps::new(Some(&tree.spec()), &mounts, Setting::default()), |_| {
            fs::write("/data/half", vec![0; 512 << 10]).unwrap();
            fs::write("/run/more", vec![0; 768 << 10]).unwrap_err().raw_os_error()
        });
        assert_eq!(written.unwrap(), Some(28));
    });
}

#[test]
fn hundreds_of_layers_are_one() {
    needs!(root);
    isolated(|| {
        // As a list, one at a time, and by mount(2), which has a page for all of it.
        for denied in [NOTHING, "fsconfig", "fsopen"] {
            std::thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    needs::deny(&denied.parse().unwrap()).unwrap();
                    let tree = Tree::new();
                    let mut overlay = Overlay::new("/data").changes(Changes::in_memory()).volatile().index(false);
                    for at in 0..300 {
                        let layer = tree.beside(&format!("layers/{at}"));
                        fs::create_dir_all(&layer).unwrap();
                        fs::write(layer.join(format!("of-{at}")), "").unwrap();
                        fs::write(layer.join("topmost"), at.to_string()).unwrap();
                        overlay = overlay.lower(layer);
                    }
                    tree.live(&Mounts::new().add(overlay), |view| {
                        assert_eq!(fs::read_dir("/data").unwrap().count(), 301, "{denied}");
                        assert_eq!(fs::read_to_string("/data/topmost").unwrap(), "0", "{denied}");
                        // "fsync=volatile" since Linux 6.19.
                        assert!(view.at("/data").options.iter().any(|option| option.ends_with("volatile")));
                    })
                    .unwrap();
                });
                thread.join().unwrap();
            });
        }
    });
}
