// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is read is what is written, and what cannot be read is told all at once.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{DOCKER, EVERY_KEY, RUNTIME_SPEC};
use crate::oci::{Config, Process, State, StateStatus};

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn written(config: &Config) -> Value {
    value(&config.to_json().unwrap())
}

#[test]
fn whole_configurations_come_back_as_they_were() {
    for (name, text) in [("every key", EVERY_KEY), ("a runtime's own", RUNTIME_SPEC), ("docker's", DOCKER)] {
        let config = Config::from_json(text).unwrap();
        assert_eq!(written(&config), value(text), "{name}");
        assert_eq!(config.unknown_keys(), [""; 0], "{name}");
    }
}

#[test]
fn an_empty_list_is_not_an_absent_one_and_null_is() {
    let text = json!({"ociVersion": "1.0.0", "mounts": [], "hooks": null, "x": null, "process": {
        "cwd": "", "user": {"uid": 0, "gid": 0}, "args": null}});
    let config = Config::from_json(text.to_string()).unwrap();
    assert_eq!(config.mounts, Some(Vec::new()));
    assert_eq!(
        written(&config),
        json!({"ociVersion": "1.0.0", "mounts": [], "x": null, "process": {
            "cwd": "", "user": {"uid": 0, "gid": 0}}})
    );
}

#[test]
fn unknown_keys_are_kept_and_named_by_their_places() {
    let mut text = value(EVERY_KEY);
    for place in ["", "/process/user", "/mounts/0", "/linux/resources/rdma/mlx5_1", "/linux/seccomp/syscalls/0/args/0"]
    {
        let object = text.pointer_mut(place).and_then(Value::as_object_mut).unwrap();
        object.insert("x-new".to_owned(), json!([1, {"a": null}]));
    }
    let config = Config::from_json(text.to_string()).unwrap();
    assert_eq!(written(&config), text);
    assert_eq!(
        config.unknown_keys(),
        [
            "mounts[0][\"x-new\"]",
            "process.user[\"x-new\"]",
            "linux.resources.rdma.mlx5_1[\"x-new\"]",
            "linux.seccomp.syscalls[0].args[0][\"x-new\"]",
            "[\"x-new\"]",
        ]
    );
}

#[test]
fn all_that_has_a_wrong_type_is_told_with_its_place_in_the_text_as_it_was() {
    let text = json!({
        "ociVersion": true,
        "process": {"user": {"uid": -1, "gid": 4_294_967_296_u64}, "args": ["a", 1, "b", 2, null], "env": "A=1"},
        "mounts": [7, {"destination": "/a", "options": [1]}, {"destination": "/b", "options": "ro"}],
        "annotations": {"a.b": 1},
        "linux": {"resources": {"cpu": {"shares": 1.5}, "memory": []}},
    });
    let error = Config::from_json(text.to_string()).unwrap_err();
    assert_eq!(
        error.problems(),
        [
            "annotations[\"a.b\"]: invalid type: integer `1`, expected a string",
            "linux.resources.cpu.shares: invalid type: floating point `1.5`, expected u64",
            "linux.resources.memory: invalid type: sequence, expected struct Memory",
            "mounts[0]: invalid type: integer `7`, expected struct Mount",
            "mounts[1].options[0]: invalid type: integer `1`, expected a string",
            "mounts[2].options: invalid type: string \"ro\", expected a sequence",
            "ociVersion: invalid type: boolean `true`, expected a string",
            "process.args[1]: invalid type: integer `1`, expected a string",
            "process.args[3]: invalid type: integer `2`, expected a string",
            "process.args[4]: invalid type: null, expected a string",
            "process.env: invalid type: string \"A=1\", expected a sequence",
            "process.user.gid: invalid value: integer `4294967296`, expected u32",
            "process.user.uid: invalid value: integer `-1`, expected u32",
        ]
    );
}

#[test]
fn what_is_no_object_at_all_is_told_too() {
    for (text, problem) in [
        ("", "it is no JSON: EOF while parsing a value at line 1 column 0"),
        ("{\"a\": 1,\n}", "it is no JSON: trailing comma at line 2 column 1"),
        ("7", "all of it: invalid type: integer `7`, expected struct Config"),
    ] {
        assert_eq!(Config::from_json(text).unwrap_err().problems(), [problem], "{text:?}");
    }
    assert_eq!(Process::from_json("[]").unwrap_err().problems().len(), 1);
    let many = json!({"process": {"args": vec![1; 5000]}});
    assert_eq!(Config::from_json(many.to_string()).unwrap_err().problems().len(), 100);
}

#[test]
fn a_state_has_a_pid_while_there_is_a_process_and_any_status() {
    let state = State::new("web", StateStatus::Created, "/b").pid(7).annotations([("a".into(), "b".into())].into());
    let expected = json!({"ociVersion": "1.3.0", "id": "web", "status": "created", "bundle": "/b", "pid": 7,
        "annotations": {"a": "b"}});
    assert_eq!(value(&state.to_json().unwrap()), expected);
    let stopped = State::new("web", StateStatus::Stopped, "/b").annotations([].into());
    assert_eq!(
        value(&stopped.to_json().unwrap()),
        json!({"ociVersion": "1.3.0", "id": "web", "status": "stopped", "bundle": "/b"})
    );
    let theirs = r#"{"ociVersion": "1.0.2", "id": "x", "status": "paused", "bundle": "/b", "rootfs": "/r"}"#;
    let read = State::from_json(theirs).unwrap();
    assert_eq!(read.status, StateStatus::Other("paused".into()));
    assert_eq!(value(&read.to_json().unwrap()), value(theirs));
}

/// Takes keys out of objects, parts out of lists, and puts new keys in, as the bits say.
pub(super) fn changed(value: &mut Value, bits: &mut impl Iterator<Item = u8>) {
    match value {
        Value::Object(map) => {
            map.retain(|_, _| bits.next().is_some_and(|bit| bit % 4 != 0));
            map.values_mut().for_each(|value| changed(value, bits));
            if bits.next().is_some_and(|bit| bit % 7 == 0) {
                map.insert("x".to_owned(), json!({"y": [null, 1.5, "z"]}));
            }
        }
        Value::Array(list) => {
            list.retain(|_| bits.next().is_some_and(|bit| bit % 4 != 0));
            list.iter_mut().for_each(|value| changed(value, bits));
        }
        _ => {}
    }
}

/// Whether all that is in `part` is in `whole`, at its place.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| holds(whole, part)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| holds(whole, part))
        }
        (whole, part) => whole == part,
    }
}

proptest! {
    #[test]
    fn whatever_is_left_out_or_added_is_written_as_it_was_read(bits in proptest::collection::vec(any::<u8>(), 600)) {
        let mut text = value(EVERY_KEY);
        // Some of all is a type of its own: there, keys are names.
        changed(&mut text, &mut bits.into_iter());
        for place in ["/annotations/x", "/linux/sysctl/x", "/linux/resources/unified/x"] {
            if let Some(word) = text.pointer_mut(place) {
                *word = json!("x");
            }
        }
        for place in ["/linux/timeOffsets/x/y", "/linux/netDevices/x/y", "/linux/resources/rdma/x/y"] {
            if let Some(word) = text.pointer_mut(place) {
                *word = json!({});
            }
        }
        let config = Config::from_json(text.to_string()).unwrap();
        let again = written(&config);
        prop_assert!(holds(&again, &text), "{again} {text}");
        prop_assert_eq!(Config::from_json(again.to_string()).unwrap(), config);
    }

    #[test]
    fn no_text_is_too_much_for_it(text in "\\PC{0,60}", at in 0..EVERY_KEY.len()) {
        drop(Config::from_json(&text));
        let broken = EVERY_KEY.get(..at).unwrap_or_default().to_owned() + &text;
        drop(Config::from_json(broken));
    }
}
