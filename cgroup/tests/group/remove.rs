// SPDX-License-Identifier: MIT OR Apache-2.0
//! Removing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use needs::{isolated, needs};
use skep_cgroup::{Cgroup, Controller, ErrorKind, Layout, Version};

use crate::support::{LONG, create, directory, end, has_version, name, said, sh_in, signal_of, sleeper};

#[test]
fn groups_that_the_payload_has_made_are_killed_and_removed_with_it() {
    needs!(root);
    isolated(|| {
        let group = create("nested");
        let mut children = Vec::new();
        for directory in group.directories() {
            let mut deep = directory.to_owned();
            for level in 0..20 {
                fs::create_dir_all(deep.join(format!("beside-{level}"))).unwrap();
                deep.push("deep");
                fs::create_dir(&deep).unwrap();
            }
            let child = sleeper();
            // A new group of version 1's cpuset has no processors, and takes no process.
            match fs::write(deep.join("cgroup.procs"), child.id().to_string()) {
                Ok(()) => children.push(child),
                Err(_) => end(child),
            }
        }
        assert_eq!(group.procs().unwrap().len(), children.len());
        group.kill().unwrap();
        group.wait_empty(LONG).unwrap();
        children.into_iter().for_each(|child| assert_eq!(signal_of(child), Some(9)));
        group.remove().unwrap();
        assert!(group.directories().all(|directory| !directory.exists()));
    });
}

#[test]
fn who_is_left_is_named_and_nothing_is_removed() {
    needs!(root);
    isolated(|| {
        let group = create("left");
        let below: Vec<_> = group.directories().map(|directory| directory.join("below")).collect();
        below.iter().for_each(|directory| fs::create_dir(directory).unwrap());
        let child = sh_in(&group, "exec sleep 600");
        while !crate::support::read(format!("/proc/{}/comm", child.id())).contains("sleep") {
            std::thread::yield_now();
        }
        let error = group.remove_within(Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        let (first, pid) = (group.directories().next().unwrap().to_str().unwrap(), format!(": {} (", child.id()));
        said::check("removing a group with a process", &error, &[(first, "GROUP"), (&pid, ": PID (")]);
        let error = group.wait_empty(Duration::from_millis(5)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        said::check("waiting for a group with a process", &error, &[(first, "GROUP"), (&pid, ": PID (")]);
        assert!(below.iter().all(|directory| directory.is_dir()));
        end(child);
        group.remove().unwrap();
        assert!(group.directories().all(|directory| !directory.exists()));
    });
}

#[test]
fn who_is_in_one_hierarchy_alone_keeps_its_directory_and_the_one_to_keep_track_by() {
    needs!(root, cgroup1("memory"));
    isolated(|| {
        let group = create("astray");
        let tracking = group.directories().next().unwrap().to_owned();
        let memory = directory(&group, Some(Controller::Memory));
        assert_ne!(tracking, memory);
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        fs::write(memory.join("cgroup.procs"), child.id().to_string()).unwrap();
        let error = group.remove_within(Duration::ZERO).unwrap_err();
        assert_eq!((error.kind(), error.object().to_string()), (ErrorKind::Busy, format!("the group {memory:?}")));
        assert!(
            std::error::Error::source(&error).unwrap().to_string().contains(&format!(": {} (", child.id())),
            "{error:?}"
        );
        assert!(memory.is_dir() && tracking.is_dir());
        child.kill().and_then(|()| child.wait()).unwrap();
        group.remove().unwrap();
        assert!(group.directories().all(|directory| !directory.exists()));
    });
}

#[test]
fn a_removal_waits_until_the_last_process_has_ended() {
    needs!(root);
    isolated(|| {
        let group = create("last");
        let mut children: Vec<_> = (0..5).map(|_| sh_in(&group, "exec sleep 600")).collect();
        std::thread::scope(|scope| {
            let removal = scope.spawn(|| group.remove_within(LONG));
            for child in &mut children {
                assert!(!removal.is_finished());
                child.kill().unwrap();
                child.wait().unwrap();
            }
            removal.join().unwrap().unwrap();
        });
        assert!(group.directories().all(|directory| !directory.exists()));
    });
}

#[test]
fn the_groups_above_stay() {
    needs!(root);
    isolated(|| {
        let group = Cgroup::create(format!("{}/web/1", name("above"))).unwrap();
        let above: Vec<_> = group.directories().map(|found| found.parent().unwrap().to_owned()).collect();
        group.remove().unwrap();
        assert!(above.iter().all(|directory| directory.is_dir()));
        for directory in above {
            fs::remove_dir(&directory).unwrap();
            fs::remove_dir(directory.parent().unwrap()).unwrap();
        }
    });
}

#[test]
fn a_group_that_its_owner_has_renamed_is_removed_all_the_same() {
    needs!(root);
    if !has_version(Version::V1) {
        return;
    }
    isolated(|| {
        let group = create("renamed");
        let layout = Layout::detect().unwrap();
        let v1 = |path: &&Path| {
            layout
                .hierarchies()
                .iter()
                .any(|found| found.version() == Version::V1 && path.starts_with(found.mount_point()))
        };
        let was: Vec<PathBuf> = group.directories().filter(v1).map(Path::to_owned).collect();
        let now = |path: &PathBuf| path.with_file_name(format!("{}-now", path.file_name().unwrap().to_str().unwrap()));
        was.iter().for_each(|path| fs::rename(path, now(path)).unwrap());
        // In one of them somebody else has its name by now, and keeps it.
        let other = was.first().unwrap();
        fs::create_dir(other).unwrap();
        group.remove().unwrap();
        let left: Vec<PathBuf> = was.iter().map(now).filter(|path| path.exists()).collect();
        let taken = other.exists();
        left.iter().chain([other]).for_each(|path| fs::remove_dir(path).unwrap());
        assert_eq!((left, taken), (Vec::new(), true));
    });
}
