// SPDX-License-Identifier: MIT OR Apache-2.0
//! Further programs in a container that runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use needs::{isolated, needs};
use serde_json::json;

use crate::common::{Bundle, id, is_root, pid_in, said, text};

fn running() -> (Bundle, String) {
    let bundle = Bundle::new("exec sleep 1000", |_| {});
    let id = id("web");
    bundle.done(&["run", "-d", &id]);
    (bundle, id)
}

#[test]
fn a_further_program_is_what_the_options_say() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let (bundle, id) = running();
        let script = "echo $A $TERM; pwd; hostname; id -u; exit 5";
        let out = bundle.oci(&["exec", "-e", "A=1", &id, "--cwd", "/tmp", "sh", "-c", script]);
        assert_eq!(out.status.code(), Some(5), "{}", said(&out));
        assert_eq!(text(&out.stdout), "1 xterm\n/tmp\nskep\n0\n");
        if is_root() {
            let script = "id; grep CapBnd /proc/self/status";
            let options = ["--user", "5:6", "-g", "7,8", "--cap", "CAP_SYS_CHROOT"];
            let out = bundle.oci(&[&["exec"], &options[..], &[&id, "sh", "-c", script]].concat());
            assert_eq!(text(&out.stdout), "uid=5 gid=6 groups=7,8\nCapBnd:\t0000000020040420\n", "{}", said(&out));
        }
        let file = bundle.file("further");
        bundle.done(&["exec", "-d", "--pid-file", file.to_str().unwrap(), &id, "sleep", "1000"]);
        let inside: Vec<i32> = serde_json::from_str(&bundle.done(&["ps", "-f", "json", &id])).unwrap();
        assert!(inside.len() == 2 && inside.contains(&pid_in(&file)), "{inside:?}");
        bundle.done(&["delete", "-f", &id]);
    });
}

#[test]
fn a_further_program_is_what_a_file_says() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let (bundle, id) = running();
        let file = bundle.file("process.json");
        let process = json!({"cwd": "/tmp", "user": {"uid": 0, "gid": 0}, "env": ["PATH=/bin", "B=2"],
            "args": ["sh", "-c", "echo $B $TERM; pwd; exit 3"]});
        fs::write(&file, process.to_string()).unwrap();
        let out = bundle.oci(&["exec", "--process", file.to_str().unwrap(), &id]);
        assert_eq!((out.status.code(), text(&out.stdout)), (Some(3), "2\n/tmp\n"), "{}", said(&out));
        fs::write(&file, r#"{"cwd": 1, "user": {"uid": "0"}}"#).unwrap();
        let out = bundle.oci(&["exec", "-p", file.to_str().unwrap(), &id]);
        let said = said(&out);
        assert!(out.status.code() == Some(255) && said.contains("cwd: ") && said.contains("user.uid: "), "{said}");
        bundle.done(&["delete", "-f", &id]);
    });
}

#[test]
fn one_that_is_not_executed_is_told_by_what_engines_look_for() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let (bundle, id) = running();
        fs::write(bundle.file("rootfs/plain"), "").unwrap();
        fs::write(bundle.file("rootfs/text"), "no program").unwrap();
        fs::set_permissions(bundle.file("rootfs/text"), fs::Permissions::from_mode(0o755)).unwrap();
        for (program, words) in [
            ("nope", r#"exec: "nope": executable file not found in $PATH"#),
            ("/bin/nope", r#"exec: "/bin/nope": no such file or directory"#),
            ("/plain", r#"exec: "/plain": permission denied"#),
            ("/tmp", r#"exec: "/tmp": permission denied"#),
            ("/text", r#"exec: "/text": exec format error"#),
        ] {
            let out = bundle.oci(&["exec", &id, program]);
            assert_eq!(out.status.code(), Some(255), "{}", said(&out));
            assert!(text(&out.stderr).contains(words), "{}", said(&out));
        }
        bundle.done(&["kill", &id, "9"]);
        crate::common::until("it has ended", || bundle.state(&id)["status"] == "stopped");
        let out = bundle.oci(&["exec", &id, "true"]);
        assert!(text(&out.stderr).contains("cannot exec in a stopped container"), "{}", said(&out));
        bundle.done(&["delete", &id]);
        // What a bundle's own program is told by is the same.
        bundle.change(|config| config["process"]["args"] = json!(["nope"]));
        let out = bundle.refused(&["run", &id]);
        assert!(out.contains("executable file not found in $PATH"), "{out}");
        bundle.assert_nothing_left();
    });
}

#[test]
fn what_a_file_does_not_say_of_rights_is_as_it_is_with_the_container() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let bundle = Bundle::new("exec sleep 1000", |config| {
            config["process"]["rlimits"] = json!([{"type": "RLIMIT_NOFILE", "soft": 99, "hard": 99}]);
            config["process"]["execCPUAffinity"] = json!({"initial": "0", "final": "0"});
        });
        let id = id("web");
        bundle.done(&["run", "-d", &id]);
        let script = "grep -E 'CapEff|Cpus_allowed_list' /proc/self/status; ulimit -n";
        let file = bundle.file("process.json");
        let mut process =
            json!({"cwd": "/", "user": {"uid": 0, "gid": 0}, "env": ["PATH=/bin"], "args": ["sh", "-c", script]});
        let said = |process: &serde_json::Value| {
            fs::write(&file, process.to_string()).unwrap();
            bundle.done(&["exec", "-p", file.to_str().unwrap(), &id])
        };
        let expected = "CapEff:\t0000000020000420\nCpus_allowed_list:\t0\n99\n";
        assert_eq!(said(&process), expected);
        assert_eq!(bundle.done(&["exec", &id, "sh", "-c", script]), expected);
        process["capabilities"] = json!({"bounding": ["CAP_KILL"]});
        process["rlimits"] = json!([{"type": "RLIMIT_NOFILE", "soft": 88, "hard": 88}]);
        assert_eq!(said(&process), "CapEff:\t0000000000000020\nCpus_allowed_list:\t0\n88\n");
        bundle.done(&["delete", "-f", &id]);
    });
}

#[test]
fn who_answers_for_the_filter_of_a_container_is_sent_the_listeners_of_further_programs_too() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let agent = needs::Scratch::new();
        let socket = agent.join("agent.sock");
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let bundle = Bundle::new("exec sleep 1000", |config| {
            config["annotations"] = json!({"a": "b"});
            config["linux"]["seccomp"] = json!({
                "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": &socket, "listenerMetadata": "meta",
                "syscalls": [{"names": ["mkdirat", "mkdir"], "action": "SCMP_ACT_NOTIFY"}],
            });
        });
        let id = id("web");
        bundle.done(&["run", "-d", &id]);
        let message = |text: String| -> serde_json::Value { serde_json::from_str(&text).unwrap() };
        let first = message(crate::common::received(&listener).0);
        assert_eq!((&first["metadata"], &first["state"]["status"]), (&json!("meta"), &json!("creating")));
        let file = bundle.file("further");
        bundle.done(&["exec", "-d", "--pid-file", file.to_str().unwrap(), &id, "sleep", "1000"]);
        let (text, _its_listener) = crate::common::received(&listener);
        let further = message(text);
        assert_eq!(further["pid"], pid_in(&file));
        assert_eq!((&further["metadata"], &further["fds"]), (&json!("meta"), &json!(["seccompFd"])));
        let state = &further["state"];
        assert_eq!((&state["id"], &state["status"], &state["pid"]), (&json!(id), &json!("running"), &first["pid"]));
        assert_eq!(state["annotations"], json!({"a": "b"}));
        // Nobody is there any more who could answer: nothing is executed.
        drop(listener);
        let out = bundle.oci(&["exec", &id, "true"]);
        assert!(out.status.code() == Some(255) && said(&out).contains("listenerPath"), "{}", said(&out));
        bundle.done(&["delete", "-f", &id]);
    });
}

#[test]
fn a_container_that_is_not_started_yet_takes_further_programs() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let (bundle, id) = (Bundle::new("exec sleep 1000", |_| {}), id("web"));
        bundle.done(&["create", &id]);
        assert_eq!(bundle.done(&["exec", &id, "hostname"]), "skep\n");
        assert_eq!(bundle.state(&id)["status"], "created");
        bundle.done(&["start", &id]);
        bundle.done(&["delete", "-f", &id]);
    });
}
