// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is said to be known is.

use serde_json::{Value, json};

use super::RUNTIME_SPEC;
use crate::oci::{Config, Features, Setting};

/// A configuration in which only `linux` and capabilities differ, with nothing of the machine's.
fn config(linux: &Value) -> Config {
    let mut text: Value = serde_json::from_str(RUNTIME_SPEC).unwrap();
    text.as_object_mut().unwrap().insert("mounts".to_owned(), json!([]));
    let process = text.pointer_mut("/process").unwrap().as_object_mut().unwrap();
    process.insert("terminal".to_owned(), json!(false));
    let all = text.pointer_mut("/linux").unwrap().as_object_mut().unwrap();
    all.extend(linux.as_object().unwrap().clone());
    Config::from_json(text.to_string()).unwrap()
}

#[test]
fn every_word_that_is_told_is_one_that_is_read() {
    let features = Features::of_this_build();
    assert_eq!(features.oci_version_max, "1.3.0");
    let linux = features.linux.unwrap();
    let seccomp = linux.seccomp.unwrap();
    let refused = |config: &Config| [config.problems(), config.unsupported(&Setting::new())].concat();

    let namespaces: Vec<Value> = linux.namespaces.unwrap().iter().map(|kind| json!({"type": kind})).collect();
    assert_eq!(namespaces.len(), 8);
    let range = json!([{"containerID": 0, "hostID": 1, "size": 2}]);
    let whole = config(&json!({"namespaces": namespaces, "uidMappings": range, "gidMappings": range}));
    assert_eq!(refused(&whole), [""; 0]);

    for action in seccomp.actions.unwrap() {
        let one = json!({"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/x",
            "architectures": seccomp.archs, "flags": seccomp.known_flags,
            "syscalls": [{"names": ["mkdir"], "action": action}]}});
        assert_eq!(refused(&config(&one)), [""; 0], "{action}");
        let notes = config(&one).notes(&Setting::new());
        let known = |note: &&String| note.starts_with("linux.seccomp") && !note.contains("listenerPath");
        assert_eq!(notes.iter().find(known), None);
    }
    for op in seccomp.operators.unwrap() {
        let arg = json!({"index": 0, "value": 1, "valueTwo": 1, "op": op});
        let one = json!({"seccomp": {"defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "args": [arg]}]}});
        assert_eq!(refused(&config(&one)), [""; 0], "{op}");
    }
    let memory = linux.memory_policy.unwrap();
    for mode in memory.modes.unwrap() {
        let nodes = if matches!(mode.as_str(), "MPOL_DEFAULT" | "MPOL_LOCAL") { "" } else { "0" };
        let one = json!({"memoryPolicy": {"mode": mode, "nodes": nodes}});
        assert_eq!(refused(&config(&one)), [""; 0], "{mode}");
    }
    for flag in memory.flags.unwrap() {
        let one = json!({"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": [flag]}});
        assert_eq!(refused(&config(&one)), [""; 0], "{flag}");
    }
    let names = linux.capabilities.unwrap();
    let mut all = config(&json!({}));
    all.process.as_mut().unwrap().capabilities.as_mut().unwrap().bounding = Some(names.clone());
    let spec = all.translate("/b", &Setting::new()).unwrap().spec;
    assert_eq!(spec.process.capabilities.unwrap().bounding, names);
}

#[test]
fn a_hook_of_every_moment_that_is_told_is_run() {
    for moment in Features::of_this_build().hooks.unwrap() {
        let mut text: Value = serde_json::from_str(RUNTIME_SPEC).unwrap();
        let hooks = json!({moment.clone(): [{"path": "/bin/true"}]});
        text.as_object_mut().unwrap().insert("hooks".to_owned(), hooks);
        let spec = Config::from_json(text.to_string()).unwrap().unsupported(&Setting::new());
        assert!(!spec.iter().any(|why| why.starts_with("hooks")), "{moment}: {spec:?}");
    }
}

#[test]
fn what_a_runtime_prints_is_read_back() {
    let mut features = Features::of_this_build();
    features.annotations = Some([("org.example.version".to_owned(), "1".to_owned())].into());
    let text = features.to_json().unwrap();
    assert_eq!(Features::from_json(&text).unwrap(), features);
    let theirs = r#"{"ociVersionMin": "1.0.0", "ociVersionMax": "1.4.0", "linux": {"cgroup": {"v3": true}}}"#;
    let read = Features::from_json(theirs).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&read.to_json().unwrap()).unwrap(),
        serde_json::from_str::<Value>(theirs).unwrap()
    );
}
