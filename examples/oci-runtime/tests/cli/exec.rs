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
