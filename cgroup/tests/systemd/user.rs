// SPDX-License-Identifier: MIT OR Apache-2.0
//! A user's own manager.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use needs::needs;
use skep_cgroup::systemd::Systemd;
use skep_cgroup::{DeviceRules, ErrorKind, Limits};

use crate::support::{LONG, asking, said, spec, start};

/// What the other test runs as the user; alone it is nothing.
#[test]
fn the_users_side() {
    if std::env::var_os("SKEP_AS_USER").is_none() {
        return;
    }
    let mut child = Command::new("sleep").arg("600").spawn().unwrap();
    let systemd = Systemd::user().unwrap();
    let limits = Limits::new().pids_max(20);
    let scope = start(&systemd, &spec("own.scope", &child).limits(limits));
    let group = scope.state(LONG).unwrap().control_group.unwrap();
    assert!(group.to_string_lossy().contains("/user@"), "{group:?}");
    scope.stop(LONG).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    // The machine's manager does it for root alone.
    let mut child = Command::new("sleep").arg("600").spawn().unwrap();
    let error = Systemd::system().unwrap().start(&spec("foreign.scope", &child), LONG).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{}", said(&error));
    assert!(said(&error).contains("Systemd::user"), "{}", said(&error));
    child.kill().unwrap();
    child.wait().unwrap();
    println!("all of it was done");
}

#[test]
fn a_users_manager_makes_scopes_of_the_users_processes() {
    needs!(root, systemd, program("loginctl"), cgroup2("pids"));
    asking(|| {
        let id = Command::new("id").args(["-u", "skep-test"]).output().unwrap();
        let uid: u32 = String::from_utf8_lossy(&id.stdout).trim().parse().unwrap();
        let linger = |word: &str| Command::new("loginctl").args([word, "skep-test"]).status().unwrap().success();
        assert!(linger("enable-linger"));
        let runtime = format!("/run/user/{uid}");
        let (socket, end) = (format!("{runtime}/systemd/private"), Instant::now() + LONG);
        while !Path::new(&socket).exists() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(50));
        }
        // By root, for one of the user's processes.
        let systemd = Systemd::of_user(uid);
        let mut child = Command::new("sleep").arg("600").uid(uid).gid(uid).spawn().unwrap();
        let spec = spec("other.scope", &child);
        let error =
            systemd.start(&spec.clone().limits(Limits::new().devices(DeviceRules::standard())), LONG).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", said(&error));
        let scope = start(&systemd, &spec);
        assert!(scope.state(LONG).unwrap().is_active());
        scope.stop(LONG).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(15));
        // As long as there is somebody to ask: the manager ends with the lingering.
        drop(scope);
        // By the user.
        let own = Command::new(std::env::current_exe().unwrap())
            .args(["user::the_users_side", "--exact", "--nocapture", "--test-threads=1"])
            .env_clear()
            .envs([("SKEP_AS_USER", "1"), ("XDG_RUNTIME_DIR", &runtime), ("PATH", "/usr/bin:/bin")])
            .uid(uid)
            .gid(uid)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        linger("disable-linger");
        let text = String::from_utf8_lossy(&own.stdout).into_owned() + &String::from_utf8_lossy(&own.stderr);
        assert!(text.contains("all of it was done"), "{text}");
    });
}
