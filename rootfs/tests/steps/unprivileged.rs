// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps in a user namespace, as an ordinary account makes them.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use needs::{isolated, needs};
use skep_rootfs::{Bind, Mounts, Setting, Steps};

use crate::support::{NOTHING, Tree, again_in_namespaces, live, mounted_below, names};

#[test]
fn the_standard_mounts_work_in_a_user_namespace() {
    needs!(userns, program("unshare"));
    if again_in_namespaces(&["--pid", "--fork", "--net", "--ipc"]) {
        let tree = Tree::new();
        let setting =
            Setting { user_namespace: true, own_net: true, own_pid: true, own_ipc: true, ..Setting::default() };
        let steps = Steps::new(Some(&tree.spec()), &Mounts::standard(), setting);
        live(&steps, |view| {
            assert_eq!(view.at("/sys").attributes(), "ro,nosuid,nodev,noexec");
            assert_eq!(fs::read_link("/proc/self").unwrap().to_str(), Some("1"));
            let null = fs::metadata("/dev/null").unwrap();
            assert!(null.file_type().is_char_device() && null.rdev() == 0x103);
            fs::write("/dev/null", "x").unwrap();
            assert_eq!(view.at("/proc/sys").attributes(), "ro,nosuid,nodev,noexec");
            assert_eq!(fs::read("/proc/keys").unwrap(), b"");
            assert_eq!(names("/dev").len(), 14);
            assert!(fs::metadata("/dev/pts/ptmx").is_ok());
        })
        .unwrap();
        println!("second life lived");
    }
}

#[test]
fn the_standard_mounts_work_in_a_user_namespace_without_the_newer_calls() {
    needs!(userns, program("unshare"));
    if again_in_namespaces(&["--pid", "--fork", "--net", "--ipc"]) {
        for denied in
            ["openat2", "fsopen", "open_tree", "move_mount", "mount_setattr", "openat2,fsopen,open_tree,mount_setattr"]
        {
            let tree = Tree::new();
            let setting =
                Setting { user_namespace: true, own_net: true, own_pid: true, own_ipc: true, ..Setting::default() };
            let mounts = Mounts::standard().add(Bind::new("/etc", "/data").read_only());
            let steps = Steps::new(Some(&tree.spec()), &mounts, setting);
            std::thread::scope(|scope| {
                // A filter is a thread's, and of what it starts.
                let thread = scope.spawn(|| {
                    needs::deny(&denied.parse().unwrap()).unwrap();
                    let seen = live(&steps, |view| {
                        let words = ["/proc/sys", "/data"].map(|path| view.at(path).attributes()[..2].to_owned());
                        (words, names("/dev").len(), fs::read("/proc/keys").unwrap())
                    });
                    assert_eq!(seen.unwrap(), (["ro", "ro"].map(str::to_owned), 14, Vec::new()), "{denied}");
                });
                thread.join().unwrap();
            });
        }
        println!("second life lived");
    }
}

#[test]
fn what_the_namespace_may_not_mount_is_this_machine_s() {
    needs!(userns, program("unshare"));
    if again_in_namespaces(&[]) {
        for denied in [NOTHING, "mount_setattr", "mount_setattr=EPERM", "openat2,open_tree,move_mount,mount_setattr"] {
            std::thread::scope(|scope| {
                // A filter is a thread's, and of what it starts.
                let thread = scope.spawn(|| {
                    needs::deny(&denied.parse().unwrap()).unwrap();
                    let tree = Tree::new();
                    let setting = Setting { user_namespace: true, ..Setting::default() };
                    let steps = Steps::new(Some(&tree.spec()), &Mounts::standard(), setting);
                    let of_machine = mounted_below("/sys".as_ref()).len();
                    live(&steps, |view| {
                        let mounts = view.mounts();
                        let below: Vec<_> = mounts.iter().filter(|mount| mount.target.starts_with("/sys")).collect();
                        assert!(below.len() >= of_machine, "{below:?}");
                        assert!(below.iter().all(|mount| mount.attributes().starts_with("ro")), "{denied}: {below:?}");
                        assert_eq!(view.at("/proc").attributes(), "rw,nosuid,nodev,noexec");
                        let own = fs::read_link("/proc/self").unwrap();
                        assert_eq!(own.to_str().unwrap(), std::process::id().to_string());
                    })
                    .unwrap();
                });
                thread.join().unwrap();
            });
        }
        println!("second life lived");
    }
}

#[test]
fn a_bind_without_what_is_mounted_below_it_is_refused_with_a_hint() {
    // mount(2) gives the same number to this and to five other refusals: there we are not sure.
    needs!(userns, program("unshare"), syscall("open_tree"));
    if again_in_namespaces(&[]) {
        let tree = Tree::new();
        let steps = Steps::new(
            Some(&tree.spec()),
            &Mounts::new().add(Bind::new("/", "/data").without_submounts()),
            Setting { user_namespace: true, ..Setting::default() },
        );
        let error = live(&steps, |_| ()).unwrap_err();
        assert_eq!(error.errno(), Some(22));
        assert_eq!(error.hint(), Some("in a user namespace a bind must take along what is mounted below its source"));
        println!("second life lived");
    }
}

#[test]
fn a_refusal_names_the_step_and_the_half() {
    needs!(user);
    isolated(|| {
        let steps = Steps::new(None, &Mounts::new(), Setting::default());
        let error = live(&steps, |_| ()).unwrap_err();
        assert_eq!(error.kind(), skep_rootfs::ErrorKind::Denied);
    });
}
