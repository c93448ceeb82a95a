// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps in a user namespace, as an ordinary account makes them.

use std::error::Error as _;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::process::Command;

use needs::{Scratch, isolated, needs};
use skep_rootfs::{Bind, Mounts, Setting, Steps};

use crate::support::{NOTHING, Tree, again_by, again_in_namespaces, live, mounted_below, names};

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

/// As the storage of an engine that root runs: without mount_setattr its mounts are reached by their paths alone, and of
/// root's own directories an account can make no part its own.
#[test]
fn what_is_mounted_where_nobody_of_the_user_namespace_can_go_is_left_as_it_is() {
    needs!(userns, program("unshare"), program("setpriv"), program("mount"));
    const PLACE: &str = "SKEP_ROOTFS_PLACE";
    const EXPECTED: &str = "SKEP_ROOTFS_EXPECTED";
    const USER: u32 = 4711;
    // The program is opened by root: what leads to it may be root's own.
    const SCRIPT: &str = r#"
        for dir in barred/far open; do mount -t tmpfs none "$SKEP_ROOTFS_PLACE/$dir"; chmod 777 "$SKEP_ROOTFS_PLACE/$dir"; done
        exec 9< "$1"; shift
        exec setpriv --reuid=4711 --regid=4711 --clear-groups unshare --user --map-root-user --mount /proc/self/fd/9 "$@"
    "#;
    if let Some(place) = std::env::var_os(PLACE) {
        let tree = Tree::new();
        let mounts = Mounts::new().add(Bind::new(place, "/data").read_only());
        let steps = Steps::new(Some(&tree.spec()), &mounts, Setting { user_namespace: true, ..Setting::default() });
        let seen = std::thread::scope(|scope| {
            // A filter is a thread's, and of what it starts.
            let thread = scope.spawn(|| {
                needs::deny(&"mount_setattr".parse().unwrap()).unwrap();
                live(&steps, |view| ["/data", "/data/open", "/data/barred/far"].map(|path| view.at(path).attributes()))
            });
            thread.join().unwrap()
        });
        let found = match &seen {
            Ok(attributes) => attributes.each_ref().map(|words| &words[..2]).join(","),
            Err(error) => format!("{}: {}", error.source().unwrap(), error.hint().unwrap_or_default()),
        };
        let expected = std::env::var(EXPECTED).unwrap();
        assert!(found.contains(&expected), "{found} instead of {expected}");
        println!("second life lived");
        return;
    }
    needs!(root);
    let refused = "(EACCES): something is mounted below a directory that this account may not enter";
    for (mode, user, group, expected) in [
        (0o700, 0, 0, "ro,ro,rw"),
        (0o710, 0, 0, "ro,ro,rw"),
        (0o701, 0, 0, "ro,ro,ro"),
        (0o700, 0, USER, refused),
        (0o600, USER, 0, refused),
    ] {
        let dir = Scratch::new();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["tree/barred/far", "tree/open", "own"] {
            fs::create_dir_all(dir.join(name)).unwrap();
        }
        chown(dir.join("own"), Some(USER), Some(USER)).unwrap();
        chown(dir.join("tree/barred"), Some(user), Some(group)).unwrap();
        fs::set_permissions(dir.join("tree/barred"), fs::Permissions::from_mode(mode)).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-ec", SCRIPT, "sh"]).env("TMPDIR", dir.join("own"));
        assert!(!again_by(command.env(PLACE, dir.join("tree")).env(EXPECTED, expected)));
    }
}
