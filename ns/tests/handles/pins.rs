// SPDX-License-Identifier: MIT OR Apache-2.0
//! Namespaces pinned to paths, beside ip(8).

use std::fs::{self, read_to_string};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use needs::{Scratch, isolated, needs};
use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};
use skep_ns::{ErrorKind, Namespace, NamespaceKind, RUN_NETNS, unpin};

use crate::support::{Sleeper, check};

fn mounts() -> String {
    read_to_string("/proc/self/mountinfo").unwrap()
}

fn of(sleeper: &Sleeper, kind: NamespaceKind) -> Namespace {
    Namespace::of(&sleeper.pidfd(), kind).unwrap()
}

#[test]
fn a_namespace_of_every_kind_lives_on_under_a_path() {
    needs!(root, syscall("pidfd_open"));
    isolated(|| {
        let directory = Scratch::new();
        let before = mounts();
        for kind in NamespaceKind::ALL {
            let mut sleeper = Sleeper::of_kind(kind);
            while kind == NamespaceKind::Mount && !comes_after_ours(&of(&sleeper, kind)) {
                sleeper = Sleeper::of_kind(kind);
            }
            let path = directory.join(kind.proc_name());
            let namespace = of(&sleeper, kind);
            namespace.pin(&path).unwrap();
            let id = namespace.id().unwrap();
            drop((namespace, sleeper));
            let pinned = Namespace::open(&path).unwrap();
            assert_eq!((pinned.kind(), pinned.id().unwrap()), (kind, id));
            let listing = skep_ns::list().unwrap();
            let found = listing.get(id).unwrap();
            assert_eq!(found.pins.as_slice(), std::slice::from_ref(&path));
            assert_eq!(found.processes, 0);
            assert!(found.owner.is_some(), "{kind}");
            unpin(&path).unwrap();
            assert!(!path.exists());
            assert_eq!(pinned.id().unwrap(), id, "it is still held");
        }
        assert_eq!(mounts(), before);
    });
}

/// Whether the kernel takes a mount namespace for a later one than ours. It goes by their numbers, which Linux 6.18 gives
/// to each processor in packets: a later one can have a lower number.
fn comes_after_ours(theirs: &Namespace) -> bool {
    let ours = Namespace::of_this_thread(NamespaceKind::Mount).unwrap();
    match (theirs.mount_namespace_id(), ours.mount_namespace_id()) {
        (Ok(theirs), Ok(ours)) => theirs > ours,
        _ => true,
    }
}

#[test]
fn a_pin_overwrites_nothing_and_follows_no_link() {
    needs!(root, syscall("pidfd_open"));
    isolated(|| {
        let directory = Scratch::new();
        let before = mounts();
        let sleeper = Sleeper::of_kind(NamespaceKind::Uts);
        let uts = of(&sleeper, NamespaceKind::Uts);
        let (file, link) = (directory.join("file"), directory.join("link"));
        fs::write(&file, "kept").unwrap();
        symlink(directory.join("elsewhere"), &link).unwrap();
        for path in [&file, &link] {
            let error = uts.pin(path).unwrap_err();
            assert_eq!((error.kind(), error.errno()), (ErrorKind::Busy, Some(17)));
        }
        assert_eq!(fs::read(&file).unwrap(), b"kept");
        assert!(!directory.join("elsewhere").exists());
        for path in ["", "/", "..", "/tmp/", "/tmp/.."] {
            assert_eq!(uts.pin(path).unwrap_err().kind(), ErrorKind::Invalid, "{path:?}");
            assert_eq!(unpin(path).unwrap_err().kind(), ErrorKind::Invalid, "{path:?}");
        }
        check("no directory", &uts.pin("/no-such-directory/uts").unwrap_err());

        // Nor does taking one away.
        let pin = directory.join("pin");
        uts.pin(&pin).unwrap();
        check("pinned already", &Namespace::of_this_thread(NamespaceKind::Uts).unwrap().pin("/dev/null").unwrap_err());
        fs::remove_file(&link).unwrap();
        symlink(&pin, &link).unwrap();
        for path in [&file, &link, &directory.path().to_owned()] {
            let error = unpin(path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
        }
        check("not a pin", &unpin("/dev/null").unwrap_err());
        check("not there to unpin", &unpin("/no-such-pin").unwrap_err());
        assert_eq!(unpin("/proc/self/ns/uts").unwrap_err().kind(), ErrorKind::Invalid);
        assert!(link.is_symlink() && file.is_file());
        assert_eq!(Namespace::open(&pin).unwrap().id().unwrap(), uts.id().unwrap());
        unpin(&pin).unwrap();
        assert_eq!(mounts(), before);
    });
}

#[test]
fn of_two_pins_on_one_path_each_is_taken_away_by_itself() {
    needs!(root, syscall("pidfd_open"));
    isolated(|| {
        let directory = Scratch::new();
        let path = directory.join("twice");
        let sleeper = Sleeper::of_kind(NamespaceKind::Uts);
        of(&sleeper, NamespaceKind::Uts).pin(&path).unwrap();
        mount_bind("/proc/self/ns/uts", &path).unwrap();
        unpin(&path).unwrap();
        assert_eq!(Namespace::open(&path).unwrap().id().unwrap(), of(&sleeper, NamespaceKind::Uts).id().unwrap());
        unpin(&path).unwrap();
        assert!(!path.exists());
    });
}

#[test]
fn a_pin_that_fails_leaves_no_file() {
    needs!(root, syscall("pidfd_open"));
    isolated(|| {
        let directory = Scratch::new();
        // One's own mount namespace would keep itself alive.
        let own = Namespace::of_this_thread(NamespaceKind::Mount).unwrap();
        let path = directory.join("mnt");
        check("a loop of mount namespaces", &own.pin("/dev/skep-never-there").unwrap_err());
        assert!(!Path::new("/dev/skep-never-there").exists());
        // A shared mount would carry it into namespaces that it could be in.
        mount_bind(directory.path(), directory.path()).unwrap();
        mount_change(directory.path(), MountPropagationFlags::SHARED).unwrap();
        let peer = Sleeper::unshared(&["--mount", "--propagation", "unchanged"]);
        let other = Sleeper::of_kind(NamespaceKind::Mount);
        let before = mounts();
        let error = of(&other, NamespaceKind::Mount).pin(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{error:?}");
        assert!(!path.exists());
        assert_eq!(mounts(), before);
        drop(peer);
        rustix::mount::unmount(directory.path(), rustix::mount::UnmountFlags::DETACH).unwrap();
    });
}

#[test]
fn ip_sees_what_we_pin_and_we_see_what_ip_pins() {
    needs!(root, program("ip"), syscall("pidfd_open"));
    isolated(|| {
        // A /run of our own: this is a machine's.
        rustix::mount::mount("tmpfs", "/run", "tmpfs", rustix::mount::MountFlags::empty(), None).unwrap();
        let ip = |arguments: &[&str]| {
            let out = Command::new("ip").args(arguments).output().unwrap();
            assert!(out.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
            String::from_utf8(out.stdout).unwrap()
        };
        let sleeper = Sleeper::of_kind(NamespaceKind::Net);
        let ours = of(&sleeper, NamespaceKind::Net);
        assert_eq!(ours.pin_as_netns("ours").unwrap(), Path::new(RUN_NETNS).join("ours"));
        drop(sleeper);
        let shared = |line: &str| line.contains(&format!(" {RUN_NETNS} ")) && line.contains(" shared:");
        assert!(mounts().lines().any(shared), "{}", mounts());
        ip(&["netns", "add", "theirs"]);
        let listed = ip(&["netns", "list"]);
        let mut names: Vec<_> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
        names.sort_unstable();
        assert_eq!(names, ["ours", "theirs"]);
        let inside = ip(&["netns", "exec", "ours", "readlink", "/proc/self/ns/net"]);
        assert_eq!(inside.trim(), ours.id().unwrap().to_string());
        let theirs = Namespace::open_netns("theirs").unwrap();
        let inside = ip(&["netns", "exec", "theirs", "readlink", "/proc/self/ns/net"]);
        assert_eq!(inside.trim(), theirs.id().unwrap().to_string());
        let pins = skep_ns::list().unwrap().get(theirs.id().unwrap()).unwrap().pins.clone();
        assert!(pins.contains(&Path::new(RUN_NETNS).join("theirs")), "{pins:?}");

        ip(&["netns", "delete", "ours"]);
        unpin(Path::new(RUN_NETNS).join("theirs")).unwrap();
        assert_eq!(ip(&["netns", "list"]), "");
        assert_eq!(fs::read_dir(RUN_NETNS).unwrap().count(), 0);
        check("no name of ip's", &ours.pin_as_netns("../lab").unwrap_err());
        for name in ["/proc/self/ns/net", "../../proc/self/ns/net", "", ".."] {
            assert_eq!(Namespace::open_netns(name).unwrap_err().problems().len(), 1, "{name:?}");
        }
        check("no name to open", &Namespace::open_netns("/proc/self/ns/net").unwrap_err());
        let uts = Namespace::of_this_thread(NamespaceKind::Uts).unwrap();
        assert_eq!(uts.pin_as_netns("lab").unwrap_err().problems().len(), 1);
        let flags = rustix::mount::UnmountFlags::DETACH;
        while mounts().lines().any(|line| line.contains(&format!(" {RUN_NETNS} "))) {
            rustix::mount::unmount(RUN_NETNS, flags).unwrap();
        }
        rustix::mount::unmount("/run", flags).unwrap();
    });
}

#[test]
fn a_user_pins_in_a_mount_namespace_of_their_own_alone() {
    needs!(user, userns, syscall("pidfd_open"));
    isolated(|| {
        let directory = Scratch::new();
        let path = directory.join("uts");
        let uts = Namespace::of_this_thread(NamespaceKind::Uts).unwrap();
        let error = uts.pin(&path).unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::Denied, Some(1)), "{error:?}");
        assert!(!path.exists());
    });
}
