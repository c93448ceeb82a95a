// SPDX-License-Identifier: MIT OR Apache-2.0
//! Containers from their making to their end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use needs::{isolated, needs};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::common::{Bundle, id, pid_in, said, text, until};

#[test]
fn a_program_in_the_foreground_has_its_status_passed_on_and_leaves_nothing() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let bundle = Bundle::new("hostname; echo pid $$; echo $HOME; exit 7", |_| {});
        let out = bundle.oci(&["run", &id("run")]);
        assert_eq!(out.status.code(), Some(7), "{}", said(&out));
        assert_eq!(text(&out.stdout), "skep\npid 1\n/\n");
        bundle.assert_nothing_left();
        // With --keep there is something to be deleted.
        let kept = id("kept");
        assert_eq!(bundle.oci(&["run", &kept, "--keep"]).status.code(), Some(7));
        assert_eq!(bundle.state(&kept)["status"], "stopped");
        bundle.done(&["delete", &kept]);
        bundle.assert_nothing_left();
    });
}

#[test]
fn a_working_directory_that_the_image_lacks_is_made() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let bundle = Bundle::new("pwd; echo >/work/app/data/file && exit 3", |config| {
            config["process"]["cwd"] = json!("/work/app/data");
            config["root"]["readonly"] = json!(true);
        });
        // The root is read-only to the program, not to who makes the directory in it.
        let out = bundle.oci(&["run", &id("cwd")]);
        assert_eq!(text(&out.stdout), "/work/app/data\n", "{}", said(&out));
        assert!(text(&out.stderr).contains("Read-only file system"), "{}", said(&out));
        let made = fs::metadata(bundle.file("rootfs/work/app/data")).unwrap();
        assert_eq!(made.permissions().mode() & 0o7777, 0o755);
        // In what is mounted; and not where nothing can be.
        bundle.change(|config| {
            config["process"]["cwd"] = json!("/tmp/a/b");
            config["mounts"]
                .as_array_mut()
                .unwrap()
                .push(json!({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}));
        });
        assert_eq!(text(&bundle.oci(&["run", &id("tmp")]).stdout), "/tmp/a/b\n");
        assert!(!bundle.file("rootfs/tmp/a").exists());
        bundle.change(|config| config["process"]["cwd"] = json!("/bin/busybox/data"));
        let why = bundle.refused(&["run", &id("no")]);
        assert!(why.contains("/bin/busybox/data"), "{why}");
        bundle.assert_nothing_left();
    });
}

#[test]
fn a_detached_one_runs_on_and_all_is_told_of_it() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let bundle = Bundle::new("exec sleep 1000", |config| config["annotations"] = json!({"org.example": "blue"}));
        let (id, file) = (id("web"), bundle.file("pid"));
        bundle.done(&["run", "--detach", "--pid-file", file.to_str().unwrap(), &id]);
        let pid = pid_in(&file);
        let state = bundle.state(&id);
        let created = state["created"].as_str().unwrap().to_owned();
        assert!(created.ends_with('Z') && created.len() == "2026-01-01T00:00:00.000000000Z".len(), "{created}");
        let expected = json!({"ociVersion": "1.3.0", "id": id, "pid": pid, "status": "running", "bundle": bundle.path(),
            "rootfs": bundle.file("rootfs"), "created": created, "annotations": {"org.example": "blue"},
            "owner": state["owner"]});
        assert_eq!(state, expected);
        let listed: Value = serde_json::from_str(&bundle.done(&["list", "--format", "json"])).unwrap();
        assert_eq!(listed, json!([expected]));
        assert_eq!(bundle.done(&["list", "-q"]), format!("{id}\n"));
        let table = bundle.done(&["list"]);
        assert!(table.starts_with("ID ") && table.contains(&format!("   {pid} ")), "{table}");
        let inside: Vec<i32> = serde_json::from_str(&bundle.done(&["ps", "-f", "json", &id])).unwrap();
        assert_eq!(inside, [pid]);

        let said = bundle.refused(&["run", "-d", &id]);
        assert!(said.contains("already exists"), "{said}");
        let said = bundle.refused(&["delete", &id]);
        assert!(said.contains("that is not stopped: running"), "{said}");
        let said = bundle.refused(&["start", &id]);
        assert!(said.contains("cannot start an already running container"), "{said}");
        bundle.done(&["kill", &id, "SIGKILL"]);
        until("it has ended", || bundle.state(&id)["status"] == "stopped");
        assert_eq!(bundle.state(&id)["pid"], 0);
        let said = bundle.refused(&["kill", &id]);
        assert!(said.contains("container not running"), "{said}");
        bundle.done(&["kill", "--all", &id, "9"]);
        bundle.done(&["delete", &id]);
        bundle.assert_nothing_left();
    });
}

#[test]
fn one_call_makes_it_and_another_starts_it() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let bundle = Bundle::new("echo up > /tmp/here/up; exec sleep 1000", |config| {
            config["mounts"]
                .as_array_mut()
                .unwrap()
                .push(json!({"destination": "/tmp/here", "type": "bind", "source": "here", "options": ["bind"]}));
        });
        fs::create_dir(bundle.file("here")).unwrap();
        let (id, file) = (id("web"), bundle.file("pid"));
        bundle.done(&["create", &id, "--pid-file", file.to_str().unwrap()]);
        let state = bundle.state(&id);
        assert_eq!((&state["status"], &state["pid"]), (&json!("created"), &json!(pid_in(&file))));
        assert!(bundle.refused(&["create", &id]).contains("already exists"));
        assert!(bundle.refused(&["delete", &id]).contains("that is not stopped: created"));
        assert!(!bundle.file("here/up").exists(), "it has begun already");
        bundle.done(&["start", &id]);
        until("it runs", || bundle.file("here/up").exists());
        assert_eq!(bundle.state(&id)["status"], "running");
        bundle.done(&["kill", &id, "KILL"]);
        until("it has ended", || bundle.state(&id)["status"] == "stopped");
        assert!(bundle.refused(&["start", &id]).contains("cannot start a container that has stopped"));
        bundle.done(&["delete", &id]);

        // One that is never started, and one that cannot be.
        bundle.done(&["create", &id]);
        bundle.done(&["kill", &id, "KILL"]);
        until("it has ended", || bundle.state(&id)["status"] == "stopped");
        bundle.done(&["delete", &id]);
        bundle.change(|config| config["process"]["args"] = json!(["nope"]));
        assert!(bundle.refused(&["create", &id]).contains("executable file not found in $PATH"));
        bundle.assert_nothing_left();
        // Whoever cannot be told of it: then it is not there.
        bundle.change(|config| config["process"]["args"] = json!(["true"]));
        let absent = bundle.file("absent/pid");
        assert!(bundle.refused(&["create", &id, "--pid-file", absent.to_str().unwrap()]).contains("--pid-file: "));
        bundle.assert_nothing_left();
    });
}

#[test]
fn of_one_that_is_not_there_nothing_is_known() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let bundle = Bundle::new("true", |_| {});
        for command in ["state", "start", "kill", "delete", "ps", "pause", "resume", "update", "events"] {
            let said = bundle.refused(&[command, "nobody"]);
            assert!(said.contains("container does not exist"), "{command}: {said}");
        }
        bundle.done(&["delete", "--force", "nobody"]);
        assert_eq!(bundle.done(&["list", "-f", "json"]), "null\n");
        assert!(!bundle.states().exists(), "nothing was made to look");
    });
}

#[test]
fn force_deletes_what_runs() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let bundle = Bundle::new("exec sleep 1000", |_| {});
        let id = id("web");
        bundle.done(&["run", "-d", &id]);
        bundle.done(&["delete", &id, "--force"]);
        bundle.assert_nothing_left();
    });
}

#[test]
fn hooks_are_told_of_the_bundle() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let bundle = Bundle::new("true", |_| {});
        let told = bundle.file("told");
        bundle.change(|config| {
            let script = format!("cat > {}", told.display());
            config["hooks"] = json!({"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", script]}]});
            config["annotations"] = json!({"org.example": "blue"});
        });
        let id = id("web");
        bundle.done(&["run", &id]);
        let state: Value = serde_json::from_str(&fs::read_to_string(&told).unwrap()).unwrap();
        assert_eq!((&state["id"], &state["status"]), (&json!(id), &json!("stopped")));
        assert_eq!(state["bundle"], json!(bundle.path()));
        assert_eq!(state["annotations"]["org.example"], "blue");
        bundle.assert_nothing_left();
    });
}

#[test]
fn signals_to_us_are_the_program_s_and_one_that_ends_it_is_told_as_shells_do() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let bundle = Bundle::new("trap 'exit 4' TERM; echo > /dev/shm/x; while :; do sleep 0.01; done", |_| {});
        for (by, expected) in [("term", 4), ("kill", 137)] {
            let (id, file) = (id(by), bundle.file(by));
            let mut child = bundle
                .command(&["run", "--pid-file", file.to_str().unwrap(), &id])
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            until("it runs", || file.exists());
            let caught = || {
                let status = fs::read_to_string(format!("/proc/{}/status", pid_in(&file))).unwrap_or_default();
                let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0").trim();
                u64::from_str_radix(mask, 16).unwrap() & 1 << 14 != 0
            };
            until("it has its trap", caught);
            if by == "term" {
                kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
            } else {
                bundle.done(&["kill", &id, "KILL"]);
            }
            assert_eq!(child.wait().unwrap().code(), Some(expected), "{by}");
        }
    });
}

#[test]
fn descriptors_are_passed_on_by_their_numbers() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let bundle = Bundle::new("cat <&4; echo $LISTEN_FDS $LISTEN_PID; cat <&3", |_| {});
        fs::write(bundle.file("three"), "three\n").unwrap();
        fs::write(bundle.file("four"), "four\n").unwrap();
        let run = |more: &str, listens: &str| {
            let oci = bundle.command(&[]);
            let words: Vec<String> = std::iter::once(oci.get_program())
                .chain(oci.get_args())
                .map(|word| format!("'{}'", word.to_str().unwrap()))
                .collect();
            let script = format!(
                "exec 3<three 4<four; {listens} exec {} run --preserve-fds {more} {}",
                words.join(" "),
                id("fds")
            );
            std::process::Command::new("sh")
                .args(["-c", &script])
                .current_dir(bundle.path())
                .stdin(Stdio::null())
                .output()
                .unwrap()
        };
        let out = run("2", "");
        assert_eq!(text(&out.stdout), "four\n\nthree\n", "{}", said(&out));
        let out = run("1", "LISTEN_FDS=1 LISTEN_PID=$$");
        assert_eq!(text(&out.stdout), "four\n1 1\nthree\n", "{}", said(&out));
        let out = run("3", "");
        assert_eq!(out.status.code(), Some(1));
        assert!(text(&out.stderr).contains("there is no descriptor 5"), "{}", said(&out));
        bundle.assert_nothing_left();
    });
}

#[test]
fn what_cannot_be_done_yet_says_what_is_missing() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let bundle = Bundle::new("true", |_| {});
        for command in ["checkpoint", "restore"] {
            let said = bundle.refused(&[command, "--image-path", "/x", "web"]);
            assert!(said.contains("criu"), "{said}");
        }
        let said = bundle.refused(&["--systemd-cgroup", "--cgroup-manager", "systemd", "run", "web"]);
        assert!(said.contains("systemd"), "{said}");
        bundle.assert_nothing_left();
    });
}

#[test]
fn hooks_that_fail_when_it_runs_or_is_gone_are_told_and_fail_nothing() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let bundle = Bundle::new("exit 3", |config| {
            config["hooks"] = json!({
                "poststart": [{"path": "/bin/sh", "args": ["sh", "-c", "echo late; exit 7"]}],
                "poststop": [{"path": "/bin/sh", "args": ["sh", "-c", "echo later; exit 8"]}],
            });
        });
        let id = id("web");
        let out = bundle.oci(&["run", &id]);
        assert_eq!(out.status.code(), Some(3), "{}", said(&out));
        let warnings: Vec<&str> = text(&out.stderr).lines().collect();
        assert!(
            matches!(&warnings[..], [one, other]
            if one.starts_with("warning: ") && one.contains("poststart[0]") && one.contains("exit code 7")
                && other.starts_with("warning: ") && other.contains("poststop[0]") && other.contains("exit code 8")),
            "{warnings:?}"
        );
        bundle.assert_nothing_left();
    });
}
