// SPDX-License-Identifier: MIT OR Apache-2.0
//! The new root: what is left of the old one (nothing), and what the caller sees of it (nothing).

use std::fs;
use std::path::Path;

use needs::{isolated, needs};
use skep_rootfs::{Mounts, Proc, RootSpec, Setting, Steps, Tmpfs};

use crate::support::{Tree, live, names};

#[test]
fn nothing_of_the_old_root_is_left() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        let outside = tree.beside("canary/file");
        tree.live(&Mounts::new().add(Proc::new("/proc")), |view| {
            assert_eq!(names("/"), ["data", "dev", "proc", "run", "sys"]);
            let targets: Vec<String> = view.mounts().into_iter().map(|mount| mount.target).collect();
            assert_eq!(targets, ["/", "/proc"]);
            assert!(!fs::exists(&outside).unwrap());
            assert_eq!(std::env::current_dir().unwrap(), Path::new("/"));
            assert_eq!(names("/../../.."), names("/"));
            // No descriptor leads out: those of the test's own harness are pipes and files without a name.
            for fd in names("/proc/thread-self/fd") {
                let to = fs::read_link(format!("/proc/thread-self/fd/{fd}")).unwrap_or_default();
                assert!(!to.starts_with(tree.beside("")), "descriptor {fd} leads to {to:?}");
            }
        })
        .unwrap();
        assert!(outside.exists());
    });
}

#[test]
fn a_read_only_root_holds_mounts_that_can_be_written() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        let steps = Steps::new(
            Some(&tree.spec().read_only()),
            &Mounts::new().add(Tmpfs::new("/made").create_target()),
            Setting::default(),
        );
        live(&steps, |view| {
            assert_eq!(fs::write("/x", "").unwrap_err().raw_os_error(), Some(30));
            fs::write("/made/x", "").unwrap();
            assert_eq!(view.at("/").attributes(), "ro");
        })
        .unwrap();
        // It was a mount of its own that became read-only, not the directory.
        fs::write(tree.join("x"), "").unwrap();
    });
}

#[test]
fn without_a_root_the_mounts_are_in_this_machine_s_own() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        let target = tree.join("data");
        let mounts = Mounts::new().add(Tmpfs::new(&target)).mask([tree.beside("canary/file")]);
        let steps = Steps::new(None, &mounts, Setting::default());
        let here = std::env::current_dir().unwrap();
        live(&steps, |view| {
            assert_eq!(view.at(target.to_str().unwrap()).kind, "tmpfs");
            assert_eq!(fs::read(tree.beside("canary/file")).unwrap(), b"");
            assert_eq!(std::env::current_dir().unwrap(), here);
        })
        .unwrap();
        tree.assert_canary_is_untouched();
    });
}

#[test]
fn this_machine_s_own_root_can_be_the_root() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        let target = tree.join("run");
        let mounts = Mounts::new().add(Tmpfs::new(&target));
        let steps = Steps::new(Some(&RootSpec::new("/")), &mounts, Setting::default());
        let of_the_machine = names("/");
        live(&steps, |view| {
            assert_eq!(names("/"), of_the_machine);
            assert_eq!(view.at(target.to_str().unwrap()).kind, "tmpfs");
            assert_eq!(view.mounts().iter().filter(|mount| mount.target == "/").count(), 1);
        })
        .unwrap();
    });
}

#[test]
fn what_is_mounted_outside_later_comes_in_and_nothing_goes_out() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        tree.live(&Mounts::new().add(Tmpfs::new("/run")), |view| {
            // Private or slave: never shared.
            assert!(view.mounts().iter().all(|mount| !mount.propagation.contains("shared")));
        })
        .unwrap();
        assert_eq!(crate::support::mounted_below(&tree.join("")), [""; 0]);
    });
}

#[test]
fn a_chroot_is_told_apart() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        let steps = Steps::new(None, &Mounts::new(), Setting::default());
        let first = Steps::new(None, &Mounts::new(), Setting::default());
        // A thread whose root is its own already, so that nobody else's is changed.
        let error = live(&first, |_| {
            rustix::process::chroot(tree.join("")).unwrap();
            steps.enter_mounts().unwrap_err()
        });
        let error = error.unwrap();
        assert_eq!(error.to_string(), "cannot cut the way of mounts to the outside");
        assert_eq!(error.hint(), Some("this process is in a chroot: \"/\" is a directory and no mount"));
    });
}

/// Leaves the root as a program does that has the right to change roots: by a second one, while it stands outside of that.
fn leave() {
    rustix::process::chroot("/data").unwrap();
    for _ in 0..64 {
        rustix::process::chdir("..").unwrap();
    }
    rustix::process::chroot(".").unwrap();
}

#[test]
fn a_root_by_chroot_alone_is_there_and_can_be_left_and_one_that_was_pivoted_into_cannot() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        let outside = tree.beside("canary/file");
        let mounts = Mounts::new().add(Proc::new("/proc"));
        for (root, can_be_left) in [(tree.spec(), false), (tree.spec().chroot_that_can_be_left(), true)] {
            live(&Steps::new(Some(&root.read_only()), &mounts, Setting::default()), |_| {
                assert_eq!(names("/"), ["data", "dev", "proc", "run", "sys"]);
                assert_eq!(std::env::current_dir().unwrap(), Path::new("/"));
                assert_eq!(names("/../../.."), names("/"));
                assert_eq!(fs::write("/x", "").unwrap_err().raw_os_error(), Some(30));
                assert!(!fs::exists(&outside).unwrap());
                leave();
                assert_eq!(fs::exists(&outside).unwrap(), can_be_left);
            })
            .unwrap();
        }
        let steps = Steps::new(Some(&tree.spec().chroot_that_can_be_left()), &mounts, Setting::default());
        let last = steps.iter().last().unwrap();
        let said = "change to the root by chroot(2) alone, which keeps nobody in who has CAP_SYS_CHROOT or something open \
                    outside";
        assert_eq!((last.to_string().as_str(), last.right()), (said, Some("CAP_SYS_CHROOT")));
    });
}
