// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bus of dbus-daemon's, without a manager on it.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use needs::{Scratch, isolated, needs};
use skep_cgroup::systemd::Systemd;
use skep_cgroup::{ErrorKind, Layout};

use crate::support::{LONG, said};

/// A bus that everybody may speak on; it has said its address when it listens.
fn bus(dir: &Scratch) -> (Child, String) {
    let socket = dir.path().join("bus");
    let config = dir.path().join("config");
    let text = format!(
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n<busconfig><type>session</type>\
         <listen>unix:path={}</listen><auth>EXTERNAL</auth><policy context=\"default\"><allow send_destination=\"*\" \
         eavesdrop=\"true\"/><allow receive_sender=\"*\" eavesdrop=\"true\"/><allow own=\"*\"/><allow user=\"*\"/></policy></busconfig>",
        // A name of ours may have a comma in it, which ends a key of an address.
        socket.display().to_string().replace(',', "%2c")
    );
    fs::write(&config, text).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut child = Command::new("dbus-daemon")
        .args(["--nofork", "--nopidfile", "--print-address=1", &format!("--config-file={}", config.display())])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    while !address.ends_with('\n') {
        let mut byte = [0];
        child.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
        address.push(char::from(byte[0]));
    }
    (child, address.trim().to_owned())
}

/// What another test runs elsewhere; alone it is nothing.
#[test]
fn a_look_at_a_bus() {
    let Ok(address) = std::env::var("SKEP_BUS") else { return };
    let error = Systemd::at(&address).unwrap().version(LONG).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", said(&error));
    // Nobody could say this who was not let in, and greeted.
    assert!(said(&error).contains("org.freedesktop.DBus.Error."), "{}", said(&error));
    println!("the bus has answered");
}

#[test]
fn a_bus_lets_us_in_and_says_who_is_not_there_also_from_a_user_namespace() {
    needs!(program("dbus-daemon"), userns);
    isolated(|| {
        let dir = Scratch::new();
        let (mut daemon, address) = bus(&dir);
        let look = |program: &str, arguments: &[&str]| {
            let exe = std::env::current_exe().unwrap();
            let mut command = if program.is_empty() { Command::new(&exe) } else { Command::new(program) };
            if !program.is_empty() {
                command.args(arguments).arg(&exe);
            }
            let words = ["bus::a_look_at_a_bus", "--exact", "--nocapture", "--test-threads=1"];
            let out = command.args(words).env("SKEP_BUS", &address).output().unwrap();
            String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
        };
        for said in
            [look("", &[]), look("unshare", &["--user", "--map-root-user", "--"]), look("unshare", &["--user", "--"])]
        {
            assert!(said.contains("the bus has answered"), "{said}");
        }
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        let error = Systemd::at(&address).unwrap().version(LONG).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", said(&error));
    });
}

#[test]
fn where_systemd_is_not_nothing_is_its_own() {
    isolated(|| {
        if !Systemd::runs() {
            assert!(!Systemd::manages(&Layout::detect().unwrap()));
            let error = Systemd::of_user(4_000_000).version(LONG).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(said(&error).contains("systemd is not process 1 here"), "{}", said(&error));
        }
    });
}
