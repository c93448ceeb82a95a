// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading: our answers beside those of /proc and of the package caps.

use std::collections::HashSet;
use std::fs;
use std::process::{Command, Stdio};

use needs::{isolated, needs};
use skep_caps_sec::{
    Cap, CapSet, Capabilities, ErrorKind, Facts, Landlock, Privileges, SecurityModule, no_new_privs, no_new_privs_of,
};

use super::support::{As, available, for_some, on_a_thread, prepared, sets_within};

/// The number of no process: the kernel's are below 2²².
const NOBODY: u32 = 1 << 30;

#[test]
fn the_last_capability_is_the_one_that_proc_tells() {
    let told = fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap();
    assert_eq!(Cap::last().unwrap().number().to_string(), told.trim());
}

#[test]
fn our_sets_are_read_alike_by_calls_and_from_proc() {
    isolated(|| {
        let sets = Capabilities::current().unwrap();
        assert_eq!(Capabilities::of_process(std::process::id()).unwrap(), sets);
        assert!(sets.unknown_to(Cap::last().unwrap()).is_empty());
    });
}

fn of_caps(set: caps::CapSet) -> CapSet {
    let read: HashSet<caps::Capability> = caps::read(None, set).unwrap();
    read.into_iter().map(|cap| Cap::new(cap.index()).unwrap()).collect()
}

#[test]
fn any_sets_of_a_thread_are_read_as_the_package_caps_reads_them() {
    needs!(root);
    isolated(|| {
        for_some(sets_within(available()), |sets| {
            on_a_thread(move || {
                Privileges::new().capabilities(sets).steps(None).enter_thread().unwrap();
                let theirs = Capabilities {
                    bounding: of_caps(caps::CapSet::Bounding),
                    permitted: of_caps(caps::CapSet::Permitted),
                    effective: of_caps(caps::CapSet::Effective),
                    inheritable: of_caps(caps::CapSet::Inheritable),
                    ambient: of_caps(caps::CapSet::Ambient),
                };
                assert_eq!(Capabilities::current().unwrap(), theirs);
            });
        });
    });
}

#[test]
fn another_process_is_read_by_its_number() {
    isolated(|| {
        let mut command = Command::new("sleep");
        command.arg("600").stdin(Stdio::null());
        let mut child = prepared(&mut command, &Privileges::new().no_new_privs(), As::Us).spawn().unwrap();
        let read = (Capabilities::of_process(child.id()), no_new_privs_of(child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(read.0.unwrap().bounding, available());
        assert_eq!((read.1.unwrap(), no_new_privs().unwrap()), (true, false));
    });
}

#[test]
fn nobody_is_not_found() {
    let error = Capabilities::of_process(NOBODY).unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::NotFound, Some(libc::ENOENT)));
    assert_eq!(error.to_string(), format!("cannot read the capabilities of process {NOBODY}"));
    assert_eq!(no_new_privs_of(NOBODY).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn the_facts_are_those_that_proc_and_sys_tell() {
    isolated(|| {
        let facts = Facts::probe();
        assert_eq!(facts.last_cap, Some(Cap::last().unwrap()));
        assert_eq!(facts.bounding, available());
        if let Ok(text) = fs::read_to_string("/sys/kernel/security/lsm") {
            let names: Vec<&str> = facts.modules.iter().map(SecurityModule::name).collect();
            // Capabilities are not in the option of the boot, and always on.
            assert_eq!(names.join(","), text.trim());
        }
        if facts.module("landlock") == Some(true) && facts.landlock.is_none() {
            // A filter of the run may deny it.
            assert!(Landlock::version().is_err());
        }
        assert!(facts.to_string().starts_with("last capability: "));
        #[cfg(feature = "serde")]
        {
            let json = serde_json::to_string(&facts).unwrap();
            assert_eq!(serde_json::from_str::<Facts>(&json).unwrap(), facts);
        }
    });
}
