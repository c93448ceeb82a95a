// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bundles that are wrong, and ids: each is told by its place, and leaves nothing.

use std::fs;
use std::os::unix::fs::symlink;

use needs::{isolated, needs};
use serde_json::{Value, json};

use crate::common::{Bundle, id, text};

/// The bundle with one thing wrong: what is said of it.
fn said_of(bundle: &Bundle, change: impl FnOnce(&mut Value)) -> String {
    let file = bundle.file("config.json");
    let before = fs::read_to_string(&file).unwrap();
    bundle.change(change);
    let said = bundle.refused(&["run", "web"]);
    bundle.assert_nothing_left();
    fs::write(file, before).unwrap();
    said
}

#[test]
fn a_field_that_is_missing_is_named_by_its_place() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let bundle = Bundle::new("true", |config| {
            config["process"]["rlimits"] = json!([{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]);
            config["linux"]["devices"] = json!([{"path": "/dev/x", "type": "c", "major": 1, "minor": 3}]);
            config["hooks"] = json!({"poststop": [{"path": "/bin/true"}]});
        });
        for (object, key, place) in [
            ("", "ociVersion", "ociVersion: "),
            ("", "root", "root: "),
            ("", "process", "process: "),
            ("/root", "path", "root.path: "),
            ("/process", "cwd", "process.cwd: "),
            ("/process", "args", "process.args: "),
            ("/process/rlimits/0", "type", "process.rlimits[0].type: "),
            ("/process/rlimits/0", "soft", "process.rlimits[0].soft: "),
            ("/process/rlimits/0", "hard", "process.rlimits[0].hard: "),
            ("/mounts/0", "destination", "mounts[0].destination: "),
            ("/linux/namespaces/0", "type", "linux.namespaces[0].type: "),
            ("/linux/devices/0", "path", "linux.devices[0].path: "),
            ("/linux/devices/0", "type", "linux.devices[0].type: "),
            ("/hooks/poststop/0", "path", "hooks.poststop[0].path: "),
        ] {
            let said = said_of(&bundle, |config| {
                let removed = config.pointer_mut(object).unwrap().as_object_mut().unwrap().remove(key);
                assert!(removed.is_some(), "{object} {key}");
            });
            assert!(said.contains(&format!("\n  {place}")), "{object} {key}: {said}");
        }
    });
}

#[test]
fn a_value_of_a_wrong_type_is_named_by_its_place_and_so_is_each_other() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let bundle = Bundle::new("true", |_| {});
        for (pointer, place) in [
            ("/ociVersion", "ociVersion: "),
            ("/root", "root: "),
            ("/root/path", "root.path: "),
            ("/root/readonly", "root.readonly: "),
            ("/process/cwd", "process.cwd: "),
            ("/process/args", "process.args: "),
            ("/process/args/0", "process.args[0]: "),
            ("/process/user/uid", "process.user.uid: "),
            ("/process/terminal", "process.terminal: "),
            ("/process/capabilities", "process.capabilities: "),
            ("/hostname", "hostname: "),
            ("/mounts", "mounts: "),
            ("/mounts/0/options", "mounts[0].options: "),
            ("/linux", "linux: "),
            ("/linux/namespaces/0/type", "linux.namespaces[0].type: "),
            ("/linux/maskedPaths/0", "linux.maskedPaths[0]: "),
        ] {
            let said = said_of(&bundle, |config| match config.pointer_mut(pointer) {
                Some(value) => *value = json!(1.5),
                None => config["mounts"][0]["options"] = json!(1.5),
            });
            assert!(said.contains(&format!("\n  {place}")), "{pointer}: {said}");
        }
        let said = said_of(&bundle, |config| {
            config["process"]["cwd"] = json!("relative");
            config["process"]["user"]["umask"] = json!(0o7777);
            config["hostname"] = json!("x".repeat(65));
        });
        for place in ["process.cwd: ", "process.user.umask: ", "hostname: "] {
            assert!(said.contains(place), "{said}");
        }
    });
}

#[test]
fn what_is_no_bundle_is_refused() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let bundle = Bundle::new("true", |_| {});
        let id = id("web");
        symlink(bundle.path(), bundle.file("link")).unwrap();
        bundle.done(&["run", "-b", "link", &id]);
        fs::copy(bundle.file("config.json"), bundle.file("other.json")).unwrap();
        bundle.done(&["run", "--config", "other.json", &id]);
        for (path, words) in [("absent", "absent"), ("config.json", "config.json"), ("rootfs", "config.json")] {
            let said = bundle.refused(&["run", "-b", path, &id]);
            assert!(said.contains(words), "{path}: {said}");
        }
        fs::write(bundle.file("broken.json"), "{").unwrap();
        let said = bundle.refused(&["run", "--config", "broken.json", &id]);
        assert!(said.contains("it is no JSON"), "{said}");
        fs::rename(bundle.file("rootfs"), bundle.file("gone")).unwrap();
        let said = bundle.refused(&["run", &id]);
        assert!(said.contains("\n  root.path: there is no directory"), "{said}");
        let said = bundle.refused(&["spec"]);
        assert!(said.contains("there is a file") && said.contains("remove it first"), "{said}");
        bundle.assert_nothing_left();
    });
}

#[test]
fn an_id_is_a_plain_word() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let bundle = Bundle::new("true", |_| {});
        let long = "x".repeat(1025);
        for bad in ["", "a/b", "..", "../x", "a\nb", ".x", "a b", "ä", long.as_str()] {
            for command in [&["run", bad][..], &["state", bad], &["delete", bad], &["kill", bad, "9"]] {
                let said = bundle.refused(command);
                assert!(said.contains("container id: "), "{command:?}: {said}");
            }
        }
        bundle.assert_nothing_left();
        assert!(!bundle.file("x").exists());
    });
}

#[test]
fn a_state_directory_that_others_may_change_is_not_believed() {
    needs!(userns, program("busybox"));
    isolated(|| {
        use std::os::unix::fs::PermissionsExt;
        let bundle = Bundle::new("true", |_| {});
        fs::create_dir(bundle.states()).unwrap();
        fs::set_permissions(bundle.states(), fs::Permissions::from_mode(0o777)).unwrap();
        for command in [&["run", "web"][..], &["list"], &["state", "web"]] {
            let said = bundle.refused(command);
            assert!(said.contains("cannot be trusted"), "{command:?}: {said}");
        }
        fs::set_permissions(bundle.states(), fs::Permissions::from_mode(0o700)).unwrap();
        fs::create_dir(bundle.states().join("web")).unwrap();
        fs::write(bundle.states().join("web/record"), "{").unwrap();
        let said = bundle.refused(&["state", "web"]);
        assert!(said.contains("record"), "{said}");
        // A file that is no directory is no container.
        fs::write(bundle.states().join("notes"), "").unwrap();
        assert_eq!(bundle.done(&["list", "-q"]), "web\n");
        let out = bundle.oci(&["list"]);
        assert_eq!(text(&out.stderr).lines().count(), 1, "{}", text(&out.stderr));
        assert!(out.status.success() && text(&out.stderr).starts_with("warning: web: "), "{}", text(&out.stderr));
    });
}

#[test]
fn a_file_without_an_end_is_not_read_to_its_end() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let bundle = Bundle::new("true", |_| ());
        let said = bundle.refused(&["create", "web", "--config", "/dev/zero"]);
        assert_eq!(said, "error: --config: cannot read \"/dev/zero\": it has more than 16777216 bytes\n");
        bundle.assert_nothing_left();
    });
}
