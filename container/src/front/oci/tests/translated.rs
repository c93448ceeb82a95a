// SPDX-License-Identifier: MIT OR Apache-2.0
//! What parts of configurations become. Whole ones are in `tests/container/oci.rs`.

use std::path::Path;

use serde_json::{Value, json};
use skep_rootfs::{Hierarchy, Mount};

use super::RUNTIME_SPEC;
use crate::oci::features::MOUNT_OPTIONS;
use crate::oci::{Config, Setting, Translated};

/// A machine with version 2 alone, and the caller in a group of it.
fn setting() -> Setting {
    Setting::new().hierarchies([Hierarchy::unified("/sys/fs/cgroup", "/user.slice")])
}

#[test]
fn every_word_of_the_specification_is_known_of_a_bind_or_of_a_file_system() {
    for word in MOUNT_OPTIONS {
        let of = |kind: &str, source: &str| {
            let mount = json!({"destination": "/x", "type": kind, "source": source, "options": [word]});
            let text = json!({"ociVersion": "1.0.0", "root": {"path": "/r"}, "mounts": [mount],
                "process": {"cwd": "/", "user": {"uid": 0, "gid": 0}, "args": ["x"]},
                "linux": {"namespaces": [{"type": "mount"}, {"type": "user"}],
                    "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}],
                    "gidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}});
            Config::from_json(text.to_string()).unwrap().translate("/b", &setting())
        };
        let (bind, tmpfs) = (of("bind", "/y"), of("tmpfs", "tmpfs"));
        assert!(bind.is_ok() || tmpfs.is_ok(), "{word}: {bind:?} {tmpfs:?}");
        // A word of the table is never an option of some file system's own, but for those that the kernel takes so.
        if let Ok(Translated { spec, .. }) = tmpfs
            && let Some(Mount::FileSystem(named)) = spec.mounts.mounts.first()
        {
            let whole = matches!(word, "dirsync" | "lazytime" | "sync");
            assert_eq!(named.options, if whole { word } else { "" }, "{word}");
        }
    }
}

/// The configuration that a runtime gives, with what is at these places in place of what is there.
fn with(changes: &[(&str, Value)]) -> Config {
    let mut text: Value = serde_json::from_str(RUNTIME_SPEC).unwrap();
    for (place, value) in changes {
        let (holder, key) = place.rsplit_once('/').unwrap();
        text.pointer_mut(holder).unwrap().as_object_mut().unwrap().insert(key.to_owned(), value.clone());
    }
    Config::from_json(text.to_string()).unwrap()
}

#[test]
fn a_word_about_later_changes_of_limits_is_told() {
    let memory = json!({"limit": 1 << 30, "checkBeforeUpdate": true});
    let notes = with(&[("/linux/resources/memory", memory)]).notes(&setting());
    assert!(notes.iter().any(|note| note.starts_with("linux.resources.memory.checkBeforeUpdate: ")), "{notes:?}");
    let memory = json!({"limit": 1 << 30, "checkBeforeUpdate": false});
    let notes = with(&[("/linux/resources/memory", memory)]).notes(&setting());
    assert!(!notes.iter().any(|note| note.contains("checkBeforeUpdate")), "{notes:?}");
}

#[test]
fn a_program_that_is_given_no_capabilities_has_none() {
    let mut config = with(&[]);
    config.process.as_mut().unwrap().capabilities = None;
    let spec = config.translate("/b", &setting()).unwrap().spec;
    assert_eq!(spec.process.capabilities, Some(crate::CapabilityNames::default()));
}

#[test]
fn a_configuration_without_a_process_is_right_and_cannot_be_started() {
    let mut config = with(&[]);
    config.process = None;
    assert_eq!(config.problems(), [""; 0]);
    let error = config.translate("/b", &setting()).unwrap_err();
    assert_eq!(error.problems(), ["process: is required of a container that is to be started"]);
}

#[test]
fn a_listener_is_the_runtime_s_to_send() {
    let profile = json!({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/asked.sock", "listenerMetadata": "web",
        "flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", "SECCOMP_FILTER_FLAG_TSYNC"],
        "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]});
    let Translated { listener, spec, .. } = with(&[("/linux/seccomp", profile)]).translate("/b", &setting()).unwrap();
    assert_eq!(listener, Some(("/run/asked.sock".into(), Some("web".into()))));
    assert!(spec.process.rights.seccomp_loading.wait_killable);
    assert!(!spec.process.rights.seccomp_loading.all_threads);
}

#[test]
fn docker_s_profile_files_are_read_with_what_they_have_of_their_own() {
    let profile = json!({"defaultAction": "SCMP_ACT_ERRNO",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": [
        {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["kill"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_KILL"]}},
    ]});
    let config = with(&[("/linux/seccomp", profile)]);
    let policy = config.translate("/b", &setting()).unwrap().spec.process.rights.seccomp.unwrap();
    let text = serde_json::to_string(&policy).unwrap();
    assert!(text.contains("kill") && !text.contains("mount"), "{text}");
}

#[test]
fn what_is_mounted_of_control_groups_is_the_container_s_own() {
    let config = with(&[("/linux/cgroupsPath", json!("lab/web"))]);
    let spec = config.translate("/b", &setting()).unwrap().spec;
    assert_eq!(spec.resources.cgroup.as_deref(), Some(Path::new("/lab/web")));
    // Which that is on a machine is known when it is made there.
    assert!(spec.mounts.mounts.iter().any(|mount| matches!(mount, Mount::Cgroups(view) if view.of_those_inside)));
}

#[test]
fn the_form_of_systemd_is_a_scope() {
    for (path, name, slice) in [
        ("machine.slice:libpod:web", "libpod-web.scope", Some("machine.slice")),
        (":skep-oci:web", "skep-oci-web.scope", None),
        ("a-b.slice::web", "web.scope", Some("a-b.slice")),
    ] {
        let spec = with(&[("/linux/cgroupsPath", json!(path))]).translate("/b", &setting()).unwrap().spec;
        let scope = spec.resources.scope.as_ref().unwrap();
        assert_eq!((scope.name.as_deref(), scope.slice.as_deref()), (Some(name), slice), "{path}");
        assert!(spec.resources.cgroup.is_none() && !scope.of_user);
    }
    for (path, words) in [
        ("a.slice:x:", "has no name of a scope"),
        ("a.slice:x:y.slice", "has no name of a scope"),
        ("a.scope:x:y", "\"a.scope\" is no slice"),
        ("a.slice:x:y z", "has ' ' in it"),
    ] {
        let error = with(&[("/linux/cgroupsPath", json!(path))]).translate("/b", &setting()).unwrap_err();
        let all = error.problems().join("\n");
        assert!(all.starts_with("linux.cgroupsPath: ") && all.contains(words), "{path}: {all}");
    }
    // What only looks like it is a path, which has its two points from wherever.
    let spec = with(&[("/linux/cgroupsPath", json!("/a:b:c"))]).translate("/b", &setting()).unwrap().spec;
    assert_eq!(spec.resources.cgroup.as_deref(), Some(Path::new("/a:b:c")));
}

#[test]
fn whoever_brings_a_dev_along_keeps_it_as_it_is() {
    let mounts = json!([{"destination": "/dev/", "type": "bind", "source": "/dev", "options": ["rbind"]}]);
    let config = with(&[("/mounts", mounts), ("/process/terminal", json!(false))]);
    assert_eq!(config.translate("/b", &setting()).unwrap().spec.mounts.mounts.len(), 1);
    // And a root without one gets what every container has.
    let config = with(&[("/mounts", json!([])), ("/process/terminal", json!(false))]);
    let mounts = config.translate("/b", &setting()).unwrap().spec.mounts.mounts;
    assert_eq!(mounts.len(), 11);
}

#[test]
fn what_says_nothing_of_a_device_limits_nothing() {
    let said = json!({"weightDevice": [{"major": 8, "minor": 0}], "throttleReadBpsDevice": []});
    let config = with(&[("/linux/resources", json!({"blockIO": said}))]);
    let spec = config.translate("/b", &setting()).unwrap().spec;
    assert_eq!(spec.resources.limits, skep_cgroup::Limits::new());
}

#[test]
fn capabilities_that_cannot_be_given_are_left_out_and_told() {
    let text = r#"{"ociVersion": "1.0.2", "root": {"path": "r"}, "linux": {"namespaces": [{"type": "mount"}]},
        "process": {"cwd": "/", "user": {"uid": 0, "gid": 0}, "args": ["x"], "capabilities": {
            "bounding": ["CAP_KILL"], "permitted": ["CAP_KILL", "CAP_CHOWN"], "effective": ["CAP_KILL", "CAP_CHOWN"],
            "ambient": ["CAP_KILL"]}}}"#;
    let translated = Config::from_json(text).unwrap().translate("/b", &Setting::new()).unwrap();
    let names = translated.spec.process.capabilities.unwrap();
    assert_eq!(
        (names.permitted, names.effective, names.ambient),
        (vec!["CAP_KILL".to_owned()], vec!["CAP_KILL".to_owned()], vec![])
    );
    assert_eq!(
        translated.notes,
        [
            "process.capabilities.permitted: CAP_CHOWN is not bounding, as the kernel demands it, and not given",
            "process.capabilities.effective: CAP_CHOWN is not permitted, as the kernel demands it, and not given",
            "process.capabilities.ambient: CAP_KILL is not inheritable, as the kernel demands it, and not given",
        ]
    );
}
