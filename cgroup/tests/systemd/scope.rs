// SPDX-License-Identifier: MIT OR Apache-2.0
//! The life of scopes and slices.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use needs::needs;
use skep_cgroup::systemd::{Dependency, KillMode, Systemd, UnitSpec};
use skep_cgroup::{ErrorKind, Layout, Limits};

use crate::support::{LONG, asking, go, name, said, sh, spec, start};

/// The machine's manager, face to face and over the bus.
fn both() -> [Systemd; 2] {
    [Systemd::system().unwrap(), Systemd::at("unix:path=/run/dbus/system_bus_socket").unwrap()]
}

#[test]
fn a_scope_has_its_process_and_a_stop_ends_it_by_either_way() {
    needs!(root, systemd);
    asking(|| {
        assert!(Systemd::runs() && Systemd::manages(&Layout::detect().unwrap()));
        for systemd in both() {
            assert!(systemd.version(LONG).unwrap() > 236);
            let mut child = sh("exec sleep 600");
            let scope = start(&systemd, &spec("life.scope", &child).delegate().description("a test's"));
            let state = scope.state(LONG).unwrap();
            assert!(state.is_active() && state.delegated, "{state:?}");
            assert_eq!(state.sub, "running");
            let group = scope.cgroup(LONG).unwrap();
            assert_eq!(group.procs().unwrap(), [child.id()]);
            scope.stop(LONG).unwrap();
            assert_eq!(child.wait().unwrap().signal(), Some(15));
            assert_eq!(scope.state(LONG).unwrap().load, "not-found");
            assert_eq!(scope.stop(LONG).unwrap_err().kind(), ErrorKind::NotFound);
            assert_eq!(scope.cgroup(LONG).unwrap_err().kind(), ErrorKind::WrongState);
        }
    });
}

#[test]
fn who_does_not_hear_the_stop_is_killed() {
    needs!(root, systemd);
    asking(|| {
        let script = "trap '' TERM; echo; while :; do sleep 1; done";
        let mut child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        // It has its trap when it has written the line.
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        let spec = spec("deaf.scope", &child).stop_timeout(Duration::from_secs(1));
        let spec = spec.kill_mode(KillMode::ControlGroup).send_sigkill(true);
        let scope = start(&Systemd::system().unwrap(), &spec);
        scope.stop(LONG).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    });
}

#[test]
fn a_name_is_taken_once_and_a_process_must_be_there() {
    needs!(root, systemd);
    asking(|| {
        for systemd in both() {
            let mut child = sh("exec sleep 600");
            let spec = spec("taken.scope", &child);
            let scope = start(&systemd, &spec);
            let error = systemd.start(&spec, LONG).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Busy, "{}", said(&error));
            assert!(said(&error).contains("UnitExists") && said(&error).contains("reset-failed"), "{}", said(&error));
            scope.kill(9, LONG).unwrap();
            assert_eq!(child.wait().unwrap().signal(), Some(9));
            let error = systemd.start(&UnitSpec::new(name("nobody.scope")).process(child.id()), LONG).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Invalid), "{}", said(&error));
            let error = systemd.unit(name("absent.scope")).unwrap().kill(9, LONG).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{}", said(&error));
        }
    });
}

#[test]
fn processes_come_later_into_what_is_delegated() {
    needs!(root, systemd);
    asking(|| {
        let systemd = Systemd::system().unwrap();
        let (mut first, mut second) = (sh("exec sleep 600"), sh("exec sleep 600"));
        let scope = start(&systemd, &spec("attached.scope", &first).delegate());
        scope.attach(&[second.id()], LONG).unwrap();
        let mut expected = [first.id(), second.id()];
        expected.sort_unstable();
        let mut procs = scope.cgroup(LONG).unwrap().procs().unwrap();
        procs.sort_unstable();
        assert_eq!(procs, expected);
        scope.stop(LONG).unwrap();
        first.wait().unwrap();
        second.wait().unwrap();
    });
}

#[test]
fn a_scope_stands_still_and_goes_on() {
    needs!(root, systemd);
    asking(|| {
        let mut child = sh("exec sleep 600");
        let scope = start(&Systemd::system().unwrap(), &spec("frozen.scope", &child));
        if Layout::detect().unwrap().kind() == skep_cgroup::LayoutKind::V2 {
            scope.freeze(LONG).unwrap();
            assert_eq!(scope.state(LONG).unwrap().freezer, "frozen");
            scope.thaw(LONG).unwrap();
            assert_eq!(scope.state(LONG).unwrap().freezer, "running");
        } else {
            assert_eq!(scope.freeze(LONG).unwrap_err().kind(), ErrorKind::Unsupported);
        }
        drop(scope);
        child.wait().unwrap();
    });
}

#[test]
fn a_job_that_fails_for_another_unit_is_an_error_that_says_so() {
    needs!(root, systemd);
    asking(|| {
        let systemd = Systemd::system().unwrap();
        let failing = name("failing.service");
        let file = format!("/run/systemd/system/{failing}");
        fs::write(&file, "[Service]\nType=oneshot\nExecStart=/bin/false\n").unwrap();
        let mut child = sh("exec sleep 600");
        let spec = spec("dependent.scope", &child)
            .dependency(Dependency::Requires, &failing)
            .dependency(Dependency::After, &failing);
        let error = systemd.start(&spec, LONG).unwrap_err();
        fs::remove_file(&file).unwrap();
        // It forgets the file too then, without reading all others again.
        systemd.unit(&failing).unwrap().reset_failed(LONG).unwrap();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", said(&error));
        assert!(said(&error).contains("job is not done (dependency)"), "{}", said(&error));
        assert!(said(&error).contains("systemctl status"), "{}", said(&error));
        go(&mut child);
        child.kill().unwrap();
        child.wait().unwrap();
    });
}

#[test]
fn a_scope_that_lives_too_long_has_failed_and_is_forgotten_when_asked() {
    needs!(root, systemd);
    asking(|| {
        let systemd = Systemd::system().unwrap();
        let mut child = sh("exec sleep 600");
        let spec = UnitSpec::new(name("brief.scope")).process(child.id()).runtime_max(Duration::from_millis(300));
        let scope = systemd.start(&spec, LONG).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(15));
        let mut states = std::iter::repeat_with(|| {
            // systemd runs its jobs when nobody asks anything.
            std::thread::sleep(Duration::from_millis(50));
            scope.state(LONG).unwrap()
        });
        let state = states.find(|state| !matches!(state.active.as_str(), "active" | "deactivating"));
        let state = state.unwrap();
        assert!(state.has_failed() && state.result == "timeout", "{state:?}");
        scope.reset_failed(LONG).unwrap();
        assert_eq!(scope.state(LONG).unwrap().load, "not-found");
    });
}

#[test]
fn a_slice_has_limits_and_scopes_and_its_stop_is_theirs() {
    needs!(root, systemd, cgroup("pids"));
    asking(|| {
        let systemd = Systemd::system().unwrap();
        // A dash would nest it.
        let slice = name("group.slice").replace('-', "_");
        let made = start(&systemd, &UnitSpec::new(&slice).limits(Limits::new().pids_max(50)));
        let mut child = sh("exec sleep 600");
        let scope = start(&systemd, &spec("inner.scope", &child).slice(&slice));
        let path = scope.state(LONG).unwrap().control_group.unwrap();
        assert!(path.starts_with(format!("/{slice}")), "{path:?}");
        assert_eq!(made.cgroup(LONG).unwrap().read("pids.max").unwrap().trim(), "50");
        made.stop(LONG).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(15));
        assert!(!scope.state(LONG).unwrap().is_active());
    });
}

#[test]
fn what_is_foreseen_of_a_unit_is_what_comes() {
    needs!(root, systemd);
    asking(|| {
        let systemd = Systemd::system().unwrap();
        // Slices stay when they are empty: what is above this one is stopped in the end, and it with that.
        for (word, slice) in
            [("web.scope", None), ("web.scope", Some("foreseen-a-b.slice")), ("top.scope", Some("-.slice"))]
        {
            let mut child = sh("exec sleep 600");
            let mut spec = spec(word, &child).delegate().limits(Limits::new().pids_max(9));
            spec = slice.into_iter().fold(spec, UnitSpec::slice);
            let foreseen = systemd.foresee(&spec, LONG).unwrap();
            assert!(!foreseen.is_taken && foreseen.lacks.is_empty(), "{foreseen:?}");
            let scope = start(&systemd, &spec);
            let group = scope.cgroup(LONG).unwrap();
            assert_eq!(group.directories().collect::<Vec<_>>(), foreseen.directories, "{spec:?}");
            assert!(systemd.foresee(&spec, LONG).unwrap().is_taken);
            scope.kill(9, LONG).unwrap();
            child.wait().unwrap();
        }
        systemd.unit("foreseen.slice").unwrap().stop(LONG).unwrap();
        let error = systemd.foresee(&UnitSpec::new("a/b.scope"), LONG).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{}", said(&error));
    });
}
