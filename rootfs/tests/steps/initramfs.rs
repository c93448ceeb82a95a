// SPDX-License-Identifier: MIT OR Apache-2.0
//! The initial root, which the kernel can move nowhere: pivot_root refuses it, and the new root is moved over it.

use std::fs::{self, File};
use std::path::Path;
use std::thread;

use needs::{Need, isolated, needs};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount as mount_at, mount_change, unmount as unmount_at,
};
use rustix::process::{chdir, chroot, pivot_root};
use skep_rootfs::{Mounts, RootSpec, Setting, Steps, Tmpfs};

use crate::support::names;

const RAMFS_MAGIC: i64 = 0x8584_58f6;
const TMPFS_MAGIC: i64 = 0x0102_1994;

/// The initial root lies below this machine's, where nobody has exchanged it: the mount that "/" is on is not listed.
fn initial_root() -> Need {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
    let top = lines.iter().find(|line| line[4] == "/").unwrap();
    let is_listed = lines.iter().any(|line| line[0] == top[1]);
    let unmet = (is_listed || top[0] == top[1]).then(|| "the root of this mount namespace was exchanged".to_owned());
    Need::new("an initial root below this one", unmet)
}

/// Has this thread be in the initial root, in a mount namespace of its own; answers a way into that.
#[allow(deprecated, reason = "of a thread that ends, and whose descriptors are not unshared")]
fn enter_initial_root() -> File {
    rustix::thread::unshare(rustix::thread::UnshareFlags::NEWNS).unwrap();
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
    let own = File::open("/proc/thread-self/ns/mnt").unwrap();
    unmount_at("/", UnmountFlags::DETACH).unwrap();
    enter(&own);
    own
}

fn enter(namespace: &File) {
    rustix::thread::move_into_link_name_space(
        std::os::fd::AsFd::as_fd(namespace),
        Some(rustix::thread::LinkNameSpaceType::Mount),
    )
    .unwrap();
}

/// Leaves the root as a program does that has the right to change roots.
fn leave() {
    chroot("/data").unwrap();
    for _ in 0..64 {
        chdir("..").unwrap();
    }
    chroot(".").unwrap();
}

#[test]
fn a_root_over_the_initial_one_is_moved_there_and_nobody_gets_below_it() {
    needs!(root);
    if initial_root().skip() {
        return;
    }
    isolated(|| {
        let life = thread::spawn(|| {
            let own = enter_initial_root();
            assert!([RAMFS_MAGIC, TMPFS_MAGIC].contains(&rustix::fs::statfs("/").unwrap().f_type));
            // Nothing is made in it, which is the whole machine's: only mounted, which is this namespace's.
            mount_at("tmpfs", "/root", "tmpfs", MountFlags::empty(), None).unwrap();
            if Path::new("/proc").is_dir() {
                mount_at("proc", "/proc", "proc", MountFlags::empty(), None).unwrap();
            }
            for name in ["tree/data", "tree/run", "canary"] {
                fs::create_dir_all(Path::new("/root").join(name)).unwrap();
            }
            // What all others do is refused here.
            mount_at("/root/tree", "/root/tree", "", MountFlags::BIND, None).unwrap();
            chdir("/root/tree").unwrap();
            assert_eq!(pivot_root(".", ".").unwrap_err().raw_os_error(), 22);
            chdir("/").unwrap();
            unmount_at("/root/tree", UnmountFlags::DETACH).unwrap();
            drop(own);

            let mounts = Mounts::new().add(Tmpfs::new("/run"));
            let steps = Steps::new(Some(&RootSpec::new("/root/tree").read_only()), &mounts, Setting::default());
            // Where /proc is not a directory there is a descriptor of the namespace all the same.
            steps.enter_mounts().unwrap();
            assert_eq!(names("/"), ["data", "run"]);
            assert_eq!(names("/../../.."), names("/"));
            assert_eq!(std::env::current_dir().unwrap(), Path::new("/"));
            fs::write("/run/x", "").unwrap();
            assert_eq!(fs::write("/x", "").unwrap_err().raw_os_error(), Some(30));
            leave();
            assert_eq!(names("/"), ["data", "run"], "who leaves by a second chroot is in the same root again");
            // So is who enters the namespace anew: what lies on top of its top is that root.
            let thread = rustix::process::Pid::from_raw(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
            let flags = rustix::process::PidfdFlags::from_bits_retain(0x80);
            if let Ok(pidfd) = rustix::process::pidfd_open(thread, flags) {
                enter(&File::from(pidfd));
                assert_eq!(names("/"), ["data", "run"]);
            }
        });
        life.join().unwrap();
        assert!(!Path::new("/root/tree").exists());
    });
}
