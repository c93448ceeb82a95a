// SPDX-License-Identifier: MIT OR Apache-2.0
//! What engines read: the log, the version, the features.

use std::fs;

use needs::{isolated, needs};
use serde_json::{Value, json};

use crate::common::{Bundle, oci, text};

#[test]
fn the_reason_of_a_failure_is_the_only_line_of_the_log() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let bundle = Bundle::new("true", |config| config["process"]["args"] = json!(["nope"]));
        let log = bundle.file("log.json");
        let options = ["--log", log.to_str().unwrap(), "--log-format", "json"];
        let said = bundle.refused(&[&options[..], &["run", "web"]].concat());
        let line = fs::read_to_string(&log).unwrap();
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["level"], "error");
        assert_eq!(format!("error: {}\n", read["msg"].as_str().unwrap()), said);
        assert!(read["time"].as_str().unwrap().ends_with('Z'), "{line}");
        // A second one is another line, and with --debug there is more.
        bundle.refused(&[&options[..], &["--debug", "run", "web"]].concat());
        let lines: Vec<Value> =
            fs::read_to_string(&log).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.len() > 1 && lines.last().unwrap()["level"] == "error", "{lines:?}");
        // What is done without a failure leaves none.
        fs::remove_file(&log).unwrap();
        bundle.done(&[&options[..], &["list"]].concat());
        assert!(!log.exists());
        let plain = bundle.file("log.txt");
        bundle.refused(&["--log", plain.to_str().unwrap(), "state", "web"]);
        let line = fs::read_to_string(&plain).unwrap();
        assert!(line.starts_with("time=\"") && line.contains(" level=error msg=\"container does not exist"), "{line}");
    });
}

#[test]
fn what_is_asked_of_the_program_itself_is_told_on_the_output() {
    let out = oci(&["--version"]);
    assert!(text(&out.stdout).starts_with("skep-oci version ") && text(&out.stdout).ends_with("\nspec: 1.3.0\n"));
    let features: Value = serde_json::from_slice(&oci(&["features"]).stdout).unwrap();
    assert_eq!(features["ociVersionMax"], "1.3.0");
    for command in ["create", "run", "exec", "update", "events"] {
        let out = oci(&[command, "--help"]);
        assert!(out.status.success() && text(&out.stdout).contains("Usage: "), "{command}");
    }
    for wrong in
        [&["frob"][..], &["run"], &["run", "a", "b"], &["--frob", "list"], &["kill", "a", "--bundle", "x"], &[]]
    {
        let out = oci(wrong);
        assert_eq!(out.status.code(), Some(1), "{wrong:?}");
        assert!(text(&out.stderr).starts_with("error: "), "{wrong:?}: {}", text(&out.stderr));
    }
}
