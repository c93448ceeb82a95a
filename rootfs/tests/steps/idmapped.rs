// SPDX-License-Identifier: MIT OR Apache-2.0
//! Binds with other ids, as they are seen where they are mounted.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};

use needs::{isolated, needs};
use rustix::mount::{MountPropagationFlags, mount_change};
use skep_rootfs::floor::Step;
use skep_rootfs::{Bind, ErrorKind, Idmap, Mounts, NewNamespaces, Prepared, Proc, Setting, Steps, Stop, Tmpfs};

use crate::support::{Tree, live, live_prepared};

/// A tmpfs with a file of user 7 and group 8 in it, and one mounted in it with a file of user 7.
fn source(tree: &Tree) -> Steps {
    fs::create_dir_all(tree.beside("source")).unwrap();
    let top = Tmpfs::new(tree.beside("source"));
    Steps::new(
        None,
        &Mounts::new().add(top).add(Tmpfs::new(tree.beside("source/inner")).create_target()),
        Setting::default(),
    )
}

fn fill(tree: &Tree) {
    for name in ["source/file", "source/inner/file"] {
        fs::write(tree.beside(name), "").unwrap();
        chown(tree.beside(name), Some(7), Some(8)).unwrap();
    }
}

fn prepared(tree: &Tree, bind: Bind) -> Result<Prepared, skep_rootfs::Error> {
    Steps::new(Some(&tree.spec()), &Mounts::new().add(bind), Setting::default()).prepare(NewNamespaces::Mounts)
}

fn owner(path: &str) -> (u32, u32) {
    let found = fs::metadata(path).unwrap();
    (found.uid(), found.gid())
}

#[test]
fn files_are_seen_with_the_ids_that_they_are_mapped_to() {
    needs!(root, kernel(6, 3), syscall("mount_setattr"), syscall("open_tree"), syscall("move_mount"));
    isolated(|| {
        let tree = Tree::new();
        live(&source(&tree), |_| {
            fill(&tree);
            let map = || Idmap::new().users(0, 100_000, 100).groups(8, 4, 1);
            let bind = || Bind::new(tree.beside("source"), "/data").idmap(map());
            let deep = prepared(&tree, bind().read_only()).unwrap();
            live_prepared(&deep, |view| {
                assert_eq!(owner("/data/file"), (100_007, 4));
                assert_eq!(owner("/data/inner/file"), (100_007, 4));
                assert_eq!(fs::write("/data/inner/file", "x").unwrap_err().raw_os_error(), Some(30));
                assert!(view.at("/data").attributes.iter().any(|word| word == "idmapped"));
            })
            .unwrap();
            assert_eq!(owner(tree.beside("source/file").to_str().unwrap()), (7, 8));
            let top = prepared(&tree, bind().idmap_on_top_only()).unwrap();
            live_prepared(&top, |_| {
                assert_eq!((owner("/data/file"), owner("/data/inner/file")), ((100_007, 4), (7, 8)));
                // What is made through it is stored backwards; group 0 is none of those that are mapped.
                chown("/data/file", Some(100_009), None).unwrap();
                assert_eq!(fs::write("/data/new", "").unwrap_err().raw_os_error(), Some(75));
            })
            .unwrap();
            assert_eq!(owner(tree.beside("source/file").to_str().unwrap()), (9, 8));
        })
        .unwrap();
    });
}

#[test]
fn a_user_namespace_is_a_map_by_its_path_or_its_descriptor() {
    needs!(root, kernel(6, 3), program("unshare"), syscall("mount_setattr"), syscall("open_tree"));
    isolated(|| {
        let tree = Tree::new();
        let map = ["unshare", "--user", "--map-root-user", "cat"];
        let mut child = std::process::Command::new(map[0])
            .args(&map[1..])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // What it says is said in the namespace.
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"x").unwrap();
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        let path = format!("/proc/{}/ns/user", child.id());
        let file = fs::File::open(&path).unwrap();
        live(&source(&tree), |_| {
            fill(&tree);
            for map in [Idmap::namespace(&path), Idmap::descriptor(&file)] {
                let steps = prepared(&tree, Bind::new(tree.beside("source"), "/data").idmap(map)).unwrap();
                live_prepared(&steps, |_| {
                    // That namespace has no other id than 0, and what it has not is seen as nobody's.
                    assert_eq!((owner("/data"), owner("/data/file")), ((0, 0), (65_534, 65_534)));
                })
                .unwrap();
            }
        })
        .unwrap();
        drop(child.stdin.take());
        child.wait().unwrap();
    });
}

#[test]
fn what_cannot_be_mapped_is_told_by_its_file_system() {
    needs!(root, kernel(5, 12), syscall("mount_setattr"), syscall("open_tree"));
    isolated(|| {
        let tree = Tree::new();
        let map = || Idmap::new().both(0, 1000, 10);
        let steps = |source: &str, map| prepared(&tree, Bind::new(source, "/data").without_submounts().idmap(map));
        let error = steps("/proc", map()).unwrap_err();
        let why = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(why, "proc cannot have its ids mapped: Invalid argument (EINVAL)");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let error = steps("/proc", Idmap::namespace("/proc/self/ns/mnt")).unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("is no user namespace"));
        let error = steps("/absent", map()).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::NotFound, "cannot bind \"/absent\""));
        // Nothing is done where nothing has to be.
        let optional = Mounts::new().add(Bind::new("/absent", "/nowhere").optional().idmap(map()));
        let prepared =
            Steps::new(Some(&tree.spec()), &optional, Setting::default()).prepare(NewNamespaces::Mounts).unwrap();
        live_prepared(&prepared, |_| assert!(!fs::exists("/nowhere").unwrap())).unwrap();
    });
}

#[test]
fn what_was_not_prepared_is_refused_and_what_was_attached_is_used() {
    needs!(root, kernel(6, 3), syscall("mount_setattr"), syscall("open_tree"), syscall("move_mount"));
    isolated(|| {
        let tree = Tree::new();
        let mounts = Mounts::new().add(Bind::new(tree.beside("source"), "/data").idmap(Idmap::new().both(0, 9, 9)));
        live(&source(&tree), |_| {
            let steps = Steps::new(Some(&tree.spec()), &mounts.clone().add(Proc::new("/proc")), Setting::default());
            assert!(steps.need_preparing());
            // As whoever performs them without what is made before finds out.
            let at = steps.iter().position(|step| matches!(step, Step::Attach { .. })).unwrap();
            let error = steps.error(Stop { step: at.try_into().unwrap(), part: 0, errno: 9 });
            assert!(error.hint().unwrap().contains("make_trees()"), "{error:?}");
            for _ in 0..2 {
                live(&steps, |view| assert!(view.at("/data").attributes.contains(&"idmapped".to_owned()))).unwrap();
            }
            let prepared = steps.prepare(NewNamespaces::Mounts).unwrap();
            live_prepared(&prepared, |_| ()).unwrap();
            let error = live_prepared(&prepared, |_| ()).unwrap_err();
            assert!(error.hint().unwrap().contains("one time"), "{error:?}");
        })
        .unwrap();
    });
}

/// What is mounted, and unmounted, inside would be so outside too.
#[test]
fn what_is_mounted_in_it_is_not_seen_at_its_source() {
    needs!(root, kernel(6, 3), syscall("mount_setattr"), syscall("open_tree"), syscall("move_mount"));
    isolated(|| {
        let tree = Tree::new();
        live(&source(&tree), |_| {
            fill(&tree);
            let shared = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
            mount_change(tree.beside("source"), shared).unwrap();
            let bind = Bind::new(tree.beside("source"), "/data").idmap(Idmap::new().both(0, 100_000, 100));
            for bind in [bind.clone(), bind.attributes_on_top_only()] {
                live_prepared(&prepared(&tree, bind).unwrap(), |view| {
                    for path in ["/data", "/data/inner"] {
                        let said = &view.at(path).propagation;
                        assert!(said.starts_with("master:"), "{path}: {said:?}");
                    }
                })
                .unwrap();
            }
        })
        .unwrap();
    });
}
