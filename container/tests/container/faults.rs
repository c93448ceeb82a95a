// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a machine and a container may do to us: a disk that is full, a program that forks without end, thousands of lives.

use std::fs;
use std::path::Path;
use std::time::Duration;

use needs::{isolated_for, needs, rounds};
use rustix::mount::{MountFlags, mount};
use skep::cgroup::Limits;
use skep::ns::Stdio;
use skep::{Container, ErrorKind, Moment, Report};

use crate::common::{DEADLINE, is_alive, kilobytes, until};
use crate::exec::sh;
use crate::hooks::Place;
use crate::tree::{Tree, cgroups_called};

/// A file system of its own on `path`, which has so many pages and files.
fn small(path: &Path, pages: usize, files: usize) {
    fs::create_dir_all(path).unwrap();
    let options = std::ffi::CString::new(format!("size={}k,nr_inodes={files},mode=700", pages * 4)).unwrap();
    mount("skep-test", path, "tmpfs", MountFlags::empty(), options.as_c_str()).unwrap();
}

fn gone(path: &Path) {
    rustix::mount::unmount(path, rustix::mount::UnmountFlags::DETACH).unwrap();
}

/// Makes it have no room, and answers what is in the way.
fn fill(path: &Path) -> std::path::PathBuf {
    let ballast = path.join(".ballast");
    let mut file = fs::File::create(&ballast).unwrap();
    while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
    ballast
}

#[test]
fn a_full_disk_is_told_and_nothing_is_left_on_it() {
    needs!(root, cgroup("pids"), program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let (mut failed, mut worked) = (0, 0);
        for (pages, files) in (1..12).map(|pages| (pages, 64)).chain((2..9).map(|files| (64, files))) {
            small(&tree.states(), pages, files);
            let name = format!("full-{pages}-{files}");
            let hook = Place::new(&needs::Scratch::new()).hook(":");
            let builder = tree.named(&name, "exit 3").limits(Limits::new().pids_max(9)).hook(Moment::Poststop, hook);
            match builder.start() {
                Ok(container) => {
                    // How it ended is known to who waits, whether or not it can be written down.
                    assert_eq!(container.wait().unwrap().code(), Some(3));
                    container.delete().unwrap();
                    worked += 1;
                }
                Err(error) => {
                    let report = Report(&error).to_string();
                    assert!(report.contains("ENOSPC") && report.contains("states"), "{pages} {files}: {report}");
                    failed += 1;
                }
            }
            assert_eq!(fs::read_dir(tree.states()).unwrap().count(), 0, "{pages} {files}");
            assert!(cgroups_called(&tree.name(&name)).is_empty(), "{pages} {files}");
            gone(&tree.states());
        }
        assert!(failed > 2 && worked > 3, "{failed} failed, {worked} worked");
    });
}

#[test]
fn on_a_disk_that_is_full_meanwhile_a_container_lives_and_goes_as_always() {
    needs!(root, cgroup("pids"), program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        small(&tree.states(), 64, 64);
        let created = tree.named("web", "read line; exit 3").stdin(Stdio::Piped).create().unwrap();
        let ballast = fill(&tree.states());
        // What is not on disk is not executed: nobody could find it again.
        let error = created.start().unwrap_err();
        assert!(Report(&error).to_string().contains("ENOSPC"), "{}", Report(&error));
        assert_eq!(Container::names_in(&tree.states()).unwrap(), [""; 0]);
        fs::remove_file(&ballast).unwrap();
        let builder = tree.named("web", "read line; exit 3").limits(Limits::new().pids_max(9));
        let mut container = builder.stdin(Stdio::Piped).start().unwrap();
        fill(&tree.states());
        assert_eq!(sh(&container, "echo further").output().unwrap().stdout, b"further\n");
        container.freeze(DEADLINE).unwrap();
        let found = tree.open("web").unwrap();
        found.thaw(DEADLINE).unwrap();
        container.rename(tree.name("shop")).unwrap();
        drop(container.stdin.take());
        assert_eq!(container.wait().unwrap().code(), Some(3));
        tree.open("shop").unwrap().delete().unwrap();
        assert_eq!(Container::names_in(&tree.states()).unwrap(), [""; 0]);
        gone(&tree.states());
    });
}

#[test]
fn a_fork_bomb_is_deleted_with_everybody_in_it() {
    needs!(root, cgroup("pids"), program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        for init in [false, true] {
            let bomb = "bomb() { bomb & bomb & wait; }; while :; do bomb; done 2>/dev/null";
            let builder = tree.named("bomb", bomb).limits(Limits::new().pids_max(100)).stderr(Stdio::Null);
            let container = if init { builder.init() } else { builder }.start().unwrap();
            let refused = || container.cgroup().unwrap().unwrap().events().unwrap().forks_refused;
            until("forks are refused", || refused().is_some_and(|count| count > 50));
            let pid = container.pid().unwrap();
            container.delete().unwrap();
            assert!(!is_alive(pid));
            assert!(cgroups_called(&tree.name("bomb")).is_empty());
        }
    });
}

#[test]
fn a_flood_of_zombies_is_no_hindrance() {
    needs!(root, cgroup("pids"), program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let limits = Limits::new().pids_max(500);
        let container = tree.named("flood", "exec sleep 1000").limits(limits).start().unwrap();
        // Orphans are the first process' own, which reaps nobody.
        let flood = "i=0; while [ $i -lt 300 ]; do (true &); i=$((i + 1)); done";
        assert!(sh(&container, flood).output().unwrap().status.success());
        let is_flooded = || container.cgroup().unwrap().unwrap().stat().unwrap().pids.current >= Some(300);
        until("the flood is there", is_flooded);
        assert!(!container.processes().unwrap().is_empty());
        assert_eq!(sh(&container, "echo up").output().unwrap().stdout, b"up\n");
        container.freeze(DEADLINE).unwrap();
        container.thaw(DEADLINE).unwrap();
        container.delete().unwrap();
        assert!(cgroups_called(&tree.name("flood")).is_empty());
    });
}

#[test]
fn lives_without_number_leave_the_caller_as_it_was() {
    needs!(root, cgroup("pids"), program("busybox"));
    let lives = rounds(300);
    isolated_for(DEADLINE + Duration::from_millis(50) * lives, || {
        let tree = Tree::new();
        let live = |number: u32| {
            let builder = tree.named("often", "exit 3").limits(Limits::new().pids_max(9));
            let builder = match number % 3 {
                0 => builder,
                1 => builder.init(),
                _ => builder.hook(Moment::CreateRuntime, skep::Hook::new("/bin/true")),
            };
            let container: Container = builder.start().unwrap_or_else(|error| panic!("{number}: {}", Report(&error)));
            if number.is_multiple_of(7) {
                let out = sh(&container, ":").output();
                // It may have ended before.
                let is_invalid = out.as_ref().is_err_and(|error| error.kind() == ErrorKind::Invalid);
                assert!(!is_invalid, "{number}: {out:?}");
            }
            assert_eq!(container.wait().unwrap().code(), Some(3));
            container.delete().unwrap();
        };
        let count = |path: &str| fs::read_dir(path).unwrap().count();
        let lines = |path: &str| fs::read_to_string(path).unwrap().lines().count();
        let held = || (count("/proc/self/fd"), lines("/proc/self/mountinfo"), count("/proc/self/task"));
        // Counted page by page: status tells what each processor has not handed in yet as if it were not there.
        let memory = || kilobytes(&fs::read_to_string("/proc/self/smaps_rollup").unwrap(), "Anonymous");
        (0..50).for_each(live);
        let (before, small) = (held(), memory());
        (50..lives).for_each(live);
        assert_eq!(held(), before);
        assert!(memory() < small + 2048, "{} KiB, and {small} KiB before", memory());
        assert!(cgroups_called(&tree.name("often")).is_empty());
        assert_eq!(fs::read_dir(tree.states()).unwrap().count(), 0);
    });
}
