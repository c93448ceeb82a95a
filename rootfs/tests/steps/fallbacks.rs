// SPDX-License-Identifier: MIT OR Apache-2.0
//! Machines that refuse the newer calls: the same mounts, made the older way.

use std::fs;

use needs::{isolated, needs};
use skep_rootfs::{Bind, Mounts, Setting, Steps, Tmpfs};

use crate::support::{NOTHING, Tree, live, names, write_errno};

/// What must hold whichever call is refused.
#[track_caller]
fn a_root_works() {
    let tree = Tree::new();
    fs::create_dir(tree.beside("source")).unwrap();
    fs::write(tree.beside("source/file"), "shared").unwrap();
    fs::create_dir(tree.join("secret")).unwrap();
    fs::write(tree.join("secret/file"), "secret").unwrap();
    std::os::unix::fs::symlink("../../run", tree.join("link")).unwrap();
    let source = tree.beside("source");
    let mounts = Mounts::standard()
        .add(Tmpfs::new("/link").size(1 << 20).read_only())
        .add(Bind::new(&source, "/data").read_only())
        .add(Bind::new(source.join("file"), "/etc/deep/file").noexec().create_target())
        .mask(["/secret"]);
    let steps = Steps::new(Some(&tree.spec().read_only()), &mounts, Setting::default());
    live(&steps, |view| {
        assert_eq!(view.at("/run").attributes(), "ro,nosuid,nodev");
        assert_eq!(view.at("/data").attributes(), "ro");
        assert_eq!(view.at("/etc/deep/file").attributes(), "rw,noexec");
        assert_eq!(view.at("/sys").attributes(), "ro,nosuid,nodev,noexec");
        assert_eq!(view.at("/").attributes(), "ro");
        assert_eq!(names("/secret"), [""; 0]);
        assert_eq!(write_errno("/proc/sys/kernel/core_pattern"), Some(30));
        assert_eq!(fs::read("/proc/keys").unwrap(), b"");
        fs::write("/dev/null", "x").unwrap();
        assert_eq!(names("/"), ["data", "dev", "etc", "link", "proc", "run", "secret", "sys"]);
        assert_eq!(names("/dev").len(), 14);
    })
    .unwrap();
    tree.assert_canary_is_untouched();
    assert_eq!(fs::metadata(tree.join("etc/deep/file")).unwrap().len(), 0);
}

fn denied(list: &str) {
    needs::deny(&list.parse().unwrap()).unwrap();
    a_root_works();
}

#[test]
fn with_every_call() {
    needs!(root);
    isolated(a_root_works);
}

#[test]
fn without_openat2() {
    needs!(root);
    isolated(|| denied("openat2"));
}

#[test]
fn without_fsopen() {
    needs!(root);
    isolated(|| denied("fsopen"));
}

#[test]
fn without_fsconfig() {
    needs!(root);
    isolated(|| denied("fsconfig"));
}

#[test]
fn without_fsmount() {
    needs!(root);
    isolated(|| denied("fsmount"));
}

#[test]
fn without_open_tree() {
    needs!(root);
    isolated(|| denied("open_tree"));
}

#[test]
fn without_move_mount() {
    needs!(root);
    isolated(|| denied("move_mount"));
}

#[test]
fn with_a_security_module_that_denies_move_mount() {
    needs!(root);
    isolated(|| denied("move_mount=EACCES"));
}

#[test]
fn without_mount_setattr() {
    needs!(root);
    isolated(|| denied("mount_setattr"));
}

#[test]
fn without_any_of_them() {
    needs!(root);
    isolated(|| denied("openat2,fsopen,fsconfig,fsmount,open_tree,move_mount,mount_setattr"));
}

#[test]
fn with_a_filter_that_answers_eperm_to_what_it_does_not_know() {
    needs!(root);
    isolated(|| denied("openat2=EPERM,fsopen=EPERM,open_tree=EPERM"));
}

#[test]
fn a_thread_is_where_it_was_after_the_older_calls() {
    needs!(root);
    isolated(|| {
        needs::deny(&"fsopen,open_tree".parse().unwrap()).unwrap();
        let tree = Tree::new();
        fs::create_dir(tree.beside("here")).unwrap();
        rustix::process::chdir(tree.beside("here")).unwrap();
        let mounts =
            Mounts::new().add(Tmpfs::new(tree.join("run"))).add(Bind::new(tree.beside("here"), tree.join("data")));
        let steps = Steps::new(None, &mounts, Setting::default());
        live(&steps, |_| assert_eq!(std::env::current_dir().unwrap(), tree.beside("here"))).unwrap();
        rustix::process::chdir("/").unwrap();
    });
}

#[test]
fn a_bind_keeps_what_held_for_its_source() {
    needs!(root);
    isolated(|| {
        for denied in [NOTHING, "mount_setattr", "mount_setattr,open_tree", "mount_setattr,move_mount=EACCES"] {
            let tree = Tree::new();
            let mounts = Mounts::new()
                .add(Tmpfs::new(tree.join("run")).noexec())
                .add(Bind::new(tree.join("run"), tree.join("data")).read_only().attributes_on_top_only());
            let steps = Steps::new(None, &mounts, Setting::default());
            std::thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    needs::deny(&denied.parse().unwrap()).unwrap();
                    let target = tree.join("data");
                    let seen = live(&steps, |view| view.at(target.to_str().unwrap()).attributes());
                    assert_eq!(seen.unwrap(), "ro,nosuid,nodev,noexec", "{denied}");
                });
                thread.join().unwrap();
            });
        }
    });
}

#[test]
fn attributes_hold_for_all_below_a_bind_one_mount_at_a_time() {
    needs!(root);
    isolated(|| {
        for denied in
            [NOTHING, "mount_setattr", "mount_setattr=EPERM", "mount_setattr,openat2", "mount_setattr,open_tree,fsopen"]
        {
            let tree = Tree::new();
            for name in ["a b/deep", "plain", "covered/inner", "\\134"] {
                fs::create_dir_all(tree.beside("source").join(name)).unwrap();
            }
            let source = |name: &str| tree.beside("source").join(name);
            // Blanks and what looks like an escape in names, one in another, one on another, and one under another.
            let below = Mounts::new()
                .add(Tmpfs::new(source("a b")).noexec())
                .add(Tmpfs::new(source("a b/deep")).create_target())
                .add(Tmpfs::new(source("plain")))
                .add(Tmpfs::new(source("plain")).size(1 << 20))
                .add(Tmpfs::new(source("covered/inner")))
                .add(Tmpfs::new(source("covered")))
                .add(Tmpfs::new(source("\\134")));
            let mounts = Mounts::new()
                .add(Bind::new(tree.beside("source"), "/data").read_only())
                .add(Bind::new(tree.beside("source"), "/run"))
                .read_only(["/run"]);
            let (below, steps) = (
                Steps::new(None, &below, Setting::default()),
                Steps::new(Some(&tree.spec()), &mounts, Setting::default()),
            );
            std::thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    needs::deny(&denied.parse().unwrap()).unwrap();
                    live(&below, |view| {
                        steps.enter_mounts().unwrap();
                        for top in ["/data", "/run"] {
                            for name in ["", "a b", "a b/deep", "plain", "covered", "\\134"] {
                                let path = format!("{top}/{name}");
                                let refused = fs::create_dir(format!("{path}/x")).unwrap_err().raw_os_error();
                                assert_eq!(refused, Some(30), "{denied}: {path}");
                            }
                            assert_eq!(view.at(&format!("{top}/a\\040b")).attributes(), "ro,nosuid,nodev,noexec");
                            assert_eq!(view.at(&format!("{top}/a\\040b/deep")).attributes(), "ro,nosuid,nodev");
                        }
                    })
                    .unwrap();
                });
                thread.join().unwrap();
            });
        }
    });
}
