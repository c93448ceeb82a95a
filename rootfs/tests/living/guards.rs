// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stands between a mount that goes wrong, or a neighbour who wishes us ill, and what is not ours.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use needs::{Scratch, isolated, isolated_for, needs, rounds};
use rustix::fs::{AtFlags, CWD, RenameFlags, renameat_with, unlinkat};
use skep_rootfs::Bind;

use crate::support::{Living, Other};

/// In a second life of the test, under strace.
const LIFE: &str = "SKEP_ROOTFS_TRACED_LIFE";

/// CVE-2016-9962: root of the user namespace that is joined could trace who joins it, and has its maker's memory.
#[test]
fn nobody_can_look_into_who_joins_a_user_namespace() {
    // Root of the machine joins no user namespace for it.
    needs!(
        user,
        userns,
        program("unshare"),
        program("strace"),
        syscall("pidfd_open"),
        syscall("open_tree"),
        syscall("move_mount"),
        syscall("mount_setattr")
    );
    if std::env::var_os(LIFE).is_some() {
        let (living, dir) = (Living::new(&["--user", "--map-root-user"]), Scratch::new());
        for name in ["source", "target"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        let there = living.namespace();
        let attached = there.attach(&Bind::new(dir.join("source"), dir.join("target"))).unwrap().unwrap();
        there.remove(&attached).unwrap();
        return;
    }
    isolated(|| {
        let dir = Scratch::new();
        let test = thread::current().name().unwrap().to_owned();
        let out = Command::new("strace")
            .args(["-f", "-qq", "-e", "trace=prctl,setns", "-e", "signal=none", "-o"])
            .arg(dir.join("trace"))
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", &test, "--nocapture", "--test-threads=1"])
            .env(LIFE, "1")
            .output()
            .unwrap();
        let trace = fs::read_to_string(dir.join("trace")).unwrap();
        assert!(out.status.success(), "{}{trace}", String::from_utf8_lossy(&out.stderr));
        let calls: Vec<(&str, &str)> = trace.lines().filter_map(|line| line.split_once(' ')).collect();
        let joins = |call: &str| call.contains("setns(") && call.contains("CLONE_NEWUSER");
        let hides = |call: &str| call.contains("prctl(PR_SET_DUMPABLE, ") && call.ends_with("= 0");
        let joined = calls.iter().enumerate().filter(|(_, (_, call))| joins(call));
        let mut count = 0;
        for (at, (pid, call)) in joined {
            let is_hidden = calls[..at].iter().any(|(other, call)| other == pid && hides(call));
            assert!(is_hidden, "{pid} {call} in\n{trace}");
            count += 1;
        }
        assert_eq!(count, 2, "one for each mount and unmount:\n{trace}");
    });
}

/// A file is made for a mount, which then fails; meanwhile the directories above it have changed places.
#[test]
fn a_file_of_others_is_not_removed_in_place_of_the_one_that_was_made() {
    needs!(root, syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated_for(Duration::from_secs(240), || {
        let dir = Scratch::new();
        for name in ["root/way", "root/other"] {
            fs::create_dir_all(dir.join(name)).unwrap();
        }
        fs::write(dir.join("root/other/made"), "theirs").unwrap();
        fs::write(dir.join("file"), "").unwrap();
        let (ours, theirs) =
            (File::open(dir.join("root/way")).unwrap(), File::open(dir.join("root/other/made")).unwrap());
        let is_there = || theirs.metadata().unwrap().nlink() == 1;
        let clear = || unlinkat(&ours, "made", AtFlags::empty()).is_ok();
        // No mount of its own: it can be attached nowhere.
        let file = File::open(dir.join("file")).unwrap();
        let other = Other::new(&dir.join("root"));
        let there = other.namespace();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let (one, other) = (dir.join("root/way"), dir.join("root/other"));
                while !stop.load(Ordering::Relaxed) {
                    renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
                }
            });
            // Until what was made was left, since its name was another's by then, or the directory gone from there.
            let (mut left, mut round, mut intact) = (0, 0, true);
            while intact && round < 200_000 && (round < rounds(2000) || left < 3) {
                let failed = there.attach_tree(&file, "/way/made", true).is_err();
                left += usize::from(clear());
                intact = failed && is_there();
                round += 1;
            }
            // Whoever makes and removes by the same path.
            let path = dir.join("root/way/made");
            let removed = (0..1_000_000).any(|_| {
                if File::create_new(&path).is_ok() {
                    drop(fs::remove_file(&path));
                }
                clear();
                !is_there()
            });
            stop.store(true, Ordering::Relaxed);
            assert!(intact, "theirs was removed in round {round}");
            assert!(left > 0 && removed, "{left} left in {round} rounds, removed {removed}: nothing was raced");
        });
    });
}
