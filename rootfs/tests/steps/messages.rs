// SPDX-License-Identifier: MIT OR Apache-2.0
//! What people read when it does not work. What is said stands in `messages.txt`, where a reworded sentence shows in a
//! diff.

use std::fs;
use std::os::unix::fs::symlink;

use needs::{isolated, needs};
use skep_rootfs::{Bind, Changes, Mounts, Overlay, Proc, Root, RootSpec, Setting, Steps, Symlink, Tmpfs};

use crate::said;
use crate::support::{Tree, again_in_namespaces, live};

/// A tree with a file, and links that lead nowhere, in a ring, and for /proc.
fn tree() -> Tree {
    let tree = Tree::new();
    fs::write(tree.join("file"), "").unwrap();
    symlink("nowhere", tree.join("nowhere-link")).unwrap();
    symlink("ring", tree.join("ring")).unwrap();
    tree.link("proc", "run");
    tree
}

#[test]
fn of_steps() {
    needs!(root);
    isolated(|| {
        let tree = tree();
        let file = tree.join("file");
        for (name, mounts) in [
            ("target absent", Mounts::new().add(Tmpfs::new("/absent"))),
            ("target of a bind absent", Mounts::new().add(Bind::new(&file, "/absent"))),
            ("target below a file", Mounts::new().add(Tmpfs::new("/file/below").create_target())),
            ("target a file", Mounts::new().add(Tmpfs::new("/file"))),
            ("target a link in a ring", Mounts::new().add(Tmpfs::new("/ring"))),
            ("target made through a link", Mounts::new().add(Tmpfs::new("/nowhere-link/x").create_target())),
            ("proc a link", Mounts::new().add(Proc::new("/proc"))),
            ("mask below a link", Mounts::new().mask(["/proc/kcore"])),
            ("source absent", Mounts::new().add(Bind::new(tree.beside("absent"), "/run"))),
            ("directory over a file", Mounts::new().add(Bind::new(tree.beside("canary"), "/file"))),
            ("file over a directory", Mounts::new().add(Bind::new(&file, "/run"))),
            ("lower directory absent", {
                let overlay = Overlay::new("/run").lower(tree.beside("canary")).lower(tree.beside("absent"));
                Mounts::new().add(overlay.changes(Changes::in_memory()))
            }),
            ("changes kept nowhere", {
                let kept = Changes::Kept(tree.beside("absent/kept"));
                Mounts::new().add(Overlay::new("/run").lower(tree.beside("canary")).changes(kept))
            }),
            ("link in place of a file", Mounts::new().add(Symlink::new("/file", "data"))),
            ("made in what is read-only", {
                let top = Tmpfs::new("/run").read_only();
                Mounts::new().add(top).add(Tmpfs::new("/run/x").create_target())
            }),
        ] {
            said::check(name, &tree.live(&mounts, |_| ()).unwrap_err(), tree.beside(""));
        }
        for (name, path) in [("root absent", "absent"), ("root a file", "root/file"), ("root a link", "root/proc")] {
            let steps = Steps::new(Some(&RootSpec::new(tree.beside(path))), &Mounts::new(), Setting::default());
            said::check(name, &live(&steps, |_| ()).unwrap_err(), tree.beside(""));
        }
        tree.assert_canary_is_untouched();
    });
}

#[test]
fn of_steps_without_a_right() {
    needs!(user);
    let steps = Steps::new(Some(&RootSpec::new("/")), &Mounts::new(), Setting::default());
    said::check("no right", &live(&steps, |_| ()).unwrap_err(), "/no/such");
}

#[test]
fn of_steps_in_a_user_namespace() {
    needs!(userns, program("unshare"), syscall("open_tree"), syscall("fsmount"), syscall("fsopen"));
    if again_in_namespaces(&[]) {
        let tree = Tree::new();
        // As if the pid namespace were its own, which it is not.
        let setting = Setting { user_namespace: true, own_pid: true, ..Setting::default() };
        for (name, mounts) in [
            ("a proc of others", Mounts::new().add(Proc::new("/proc"))),
            ("a layer with mounts below it", {
                Mounts::new().add(Overlay::new("/data").lower("/").changes(Changes::in_memory()))
            }),
            ("a bind without what is below it", Mounts::new().add(Bind::new("/", "/data").without_submounts())),
        ] {
            let steps = Steps::new(Some(&tree.spec()), &mounts, setting);
            said::check(name, &live(&steps, |_| ()).unwrap_err(), tree.beside(""));
        }
        println!("second life lived");
    }
}

#[test]
fn of_a_look_beforehand() {
    let tree = tree();
    let root = Root::open(tree.beside("root")).unwrap();
    let mounts = Mounts::new()
        .add(Tmpfs::new("relative"))
        .add(Tmpfs::new("/absent/x"))
        .add(Tmpfs::new("/file"))
        .add(Tmpfs::new("/ring"))
        .add(Tmpfs::new("/nowhere-link/x").create_target())
        .add(Proc::new("/proc"))
        .add(Bind::new(tree.beside("absent"), "/run"))
        .add(Bind::new(tree.beside("canary/file"), "/dev"))
        .mask(["/proc/kcore", "/sys/../etc"]);
    said::check("every problem", &root.check(&mounts).unwrap_err(), tree.beside(""));
    said::check("opened absent", &root.open_path("/absent").unwrap_err(), tree.beside(""));
    said::check("opened directory as a file", &root.open_file("/run").unwrap_err(), tree.beside(""));
    said::check("made what is there", &root.create_file("/file").unwrap_err(), tree.beside(""));
    said::check("made below a link", &root.create_file("/proc/x").unwrap_err(), tree.beside(""));
    said::check("removed the root", &root.remove("/").unwrap_err(), tree.beside(""));
}
