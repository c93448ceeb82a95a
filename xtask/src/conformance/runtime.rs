// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operations: what each does in which state of a container, and what it must not do.

use std::fs;

use serde_json::json;

use super::bundle::{holds, same};
use super::case::{Case, must, should};

pub(super) const CASES: &[Case] = &[
    must("runtime.md#query-state", "a container that does not exist has no state", |bundle| {
        bundle.fails(&["state", "unheard-of"])
    }),
    must("runtime.md#state", "the state has the version, the id, the status, the process and the bundle", |bundle| {
        bundle.create("true", |_| ())?;
        let state = bundle.state()?;
        let is_right = state["ociVersion"].as_str().is_some_and(|version| version.starts_with("1."))
            && state["id"] == bundle.id.as_str()
            && state["status"] == "created"
            && state["pid"].as_u64().is_some_and(|pid| fs::metadata(format!("/proc/{pid}")).is_ok())
            && state["bundle"] == bundle.path().as_str();
        holds(is_right, format!("the state is {state}"))
    }),
    must("runtime.md#create", "the program is not run by create", |bundle| {
        bundle.create("touch /ran", |_| ())?;
        std::thread::sleep(std::time::Duration::from_millis(50));
        holds(!bundle.file("rootfs/ran").exists(), "it was run")
    }),
    must("runtime.md#create", "an id that is in use is an error, and the container of it stays", |bundle| {
        bundle.create("true", |_| ())?;
        bundle.fails(&["create", &bundle.id])?;
        same(&bundle.status()?, "created")
    }),
    must("runtime.md#create", "changes of the configuration afterwards have no effect", |bundle| {
        bundle.create("echo first >/said", |_| ())?;
        let file = bundle.file("config.json");
        fs::write(&file, fs::read_to_string(&file)?.replace("echo first", "echo second"))?;
        bundle.done(&["start", &bundle.id])?;
        bundle.until("stopped")?;
        same(&fs::read_to_string(bundle.file("rootfs/said"))?, "first\n")
    }),
    must("runtime.md#start", "the program is run, and the status is running", |bundle| {
        bundle.create("touch /ran; sleep 1000", |_| ())?;
        bundle.done(&["start", &bundle.id])?;
        same(&bundle.status()?, "running")?;
        bundle.until_file("rootfs/ran")
    }),
    must("runtime.md#start", "a container that does not exist cannot be started", |bundle| {
        bundle.fails(&["start", "unheard-of"])
    }),
    must("runtime.md#start", "one that runs cannot be started again, and runs on", |bundle| {
        bundle.create("sleep 1000", |_| ())?;
        bundle.done(&["start", &bundle.id])?;
        bundle.fails(&["start", &bundle.id])?;
        same(&bundle.status()?, "running")
    }),
    must("runtime.md#start", "one that has stopped cannot be started, and is stopped", |bundle| {
        bundle.create("true", |_| ())?;
        bundle.done(&["start", &bundle.id])?;
        bundle.until("stopped")?;
        bundle.fails(&["start", &bundle.id])?;
        same(&bundle.status()?, "stopped")
    }),
    must("runtime.md#kill", "a container that does not exist is sent no signal", |bundle| {
        bundle.fails(&["kill", "unheard-of", "TERM"])
    }),
    must("runtime.md#kill", "one that has stopped is sent none, which is an error", |bundle| {
        bundle.create("true", |_| ())?;
        bundle.done(&["start", &bundle.id])?;
        bundle.until("stopped")?;
        bundle.fails(&["kill", &bundle.id, "TERM"])?;
        same(&bundle.status()?, "stopped")
    }),
    must("runtime.md#kill", "the signal that is asked for arrives", |bundle| {
        bundle.create("trap 'echo usr1 >/said; exit' USR1; touch /ready; while :; do sleep 0.1; done", |_| ())?;
        bundle.done(&["start", &bundle.id])?;
        bundle.until_file("rootfs/ready")?;
        bundle.done(&["kill", &bundle.id, "USR1"])?;
        bundle.until("stopped")?;
        same(&fs::read_to_string(bundle.file("rootfs/said"))?, "usr1\n")
    }),
    must("runtime.md#kill", "one that is created can be killed", |bundle| {
        bundle.create("true", |_| ())?;
        bundle.done(&["kill", &bundle.id, "KILL"])?;
        bundle.until("stopped")
    }),
    must("runtime.md#delete", "a container that does not exist cannot be deleted", |bundle| {
        bundle.fails(&["delete", "unheard-of"])
    }),
    must("runtime.md#delete", "one that runs cannot be deleted, and runs on", |bundle| {
        bundle.create("sleep 1000", |_| ())?;
        bundle.done(&["start", &bundle.id])?;
        bundle.fails(&["delete", &bundle.id])?;
        same(&bundle.status()?, "running")
    }),
    should("runtime.md#delete", "one that is created cannot be deleted", |bundle| {
        bundle.create("true", |_| ())?;
        bundle.fails(&["delete", &bundle.id])
    }),
    must("runtime.md#delete", "what was created for it is deleted, and its id can be used again", |bundle| {
        for _ in 0..2 {
            bundle.create("true", |_| ())?;
            bundle.done(&["start", &bundle.id])?;
            bundle.until("stopped")?;
            bundle.done(&["delete", &bundle.id])?;
            bundle.nothing_left()?;
            bundle.fails(&["state", &bundle.id])?;
        }
        Ok(())
    }),
    must("runtime.md#errors", "an operation that fails leaves nothing", |bundle| {
        bundle.refused(|config| config["process"]["args"] = json!(["/nothing"]))
    }),
];
