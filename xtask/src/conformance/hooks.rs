// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hooks: when they are run, what they are told, and what their failures do.

use std::fs;

use serde_json::{Value, json};

use super::bundle::{Bundle, holds, same};
use super::case::{Case, must};
use crate::failure::Failure;

/// A hook that runs a line of the shell of this machine; `$D` is the bundle's directory.
fn hook(bundle: &Bundle, line: &str) -> Value {
    json!({"path": "/bin/sh", "args": ["sh", "-c", line], "env": [format!("D={}", bundle.path()), "PATH=/usr/bin:/bin"]})
}

fn log(bundle: &Bundle) -> Result<String, Failure> {
    Ok(fs::read_to_string(bundle.file("log")).unwrap_or_default())
}

/// One that writes its name into the log.
fn teller(bundle: &Bundle, name: &str) -> Value {
    hook(bundle, &format!("echo {name} >>$D/log"))
}

pub(super) const CASES: &[Case] = &[
    must("config.md#posix-platform-hooks", "each is run at its moment, in the listed order", |bundle| {
        bundle.create("sleep 1000", |config| {
            config["hooks"] = json!({
                "prestart": [teller(bundle, "prestart")],
                "createRuntime": [teller(bundle, "one"), teller(bundle, "two")],
                "poststart": [teller(bundle, "poststart")],
                "poststop": [teller(bundle, "poststop")],
            });
        })?;
        same(&log(bundle)?, "prestart\none\ntwo\n")?;
        bundle.done(&["start", &bundle.id])?;
        same(&log(bundle)?, "prestart\none\ntwo\npoststart\n")?;
        bundle.done(&["kill", &bundle.id, "KILL"])?;
        bundle.until("stopped")?;
        bundle.done(&["delete", &bundle.id])?;
        same(&log(bundle)?, "prestart\none\ntwo\npoststart\npoststop\n")
    }),
    must("config.md#posix-platform-hooks", "the state of the container is passed to hooks over stdin", |bundle| {
        bundle.create("true", |config| {
            config["annotations"] = json!({"a": "b"});
            config["hooks"] = json!({"createRuntime": [hook(bundle, "cat >$D/told")]});
        })?;
        let told: Value = serde_json::from_str(&fs::read_to_string(bundle.file("told"))?)?;
        let is_right = told["id"] == bundle.id.as_str()
            && told["bundle"] == bundle.path().as_str()
            && told["status"] == "creating"
            && told["pid"] == bundle.state()?["pid"]
            && told["annotations"]["a"] == "b";
        holds(is_right, format!("it was told {told}"))
    }),
    must("config.md#createruntime-hooks", "the mount operations are performed when they are run", |bundle| {
        let line = "pid=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/'); nsenter -m -t $pid sh -c \"echo given >$D/rootfs/dev/given\"";
        bundle.says("cat /dev/given", "given", |config| {
            config["hooks"] = json!({"createRuntime": [hook(bundle, line)]});
        })
    }),
    must("config.md#createcontainer-hooks", "they are run in the container's namespaces", |bundle| {
        bundle.create("true", |config| {
            config["hooks"] = json!({"createContainer": [hook(bundle, "readlink /proc/self/ns/uts >$D/seen")]});
        })?;
        let own = fs::read_link(format!("/proc/{}/ns/uts", bundle.state()?["pid"]))?;
        same(fs::read_to_string(bundle.file("seen"))?.trim(), &own.to_string_lossy())
    }),
    must("config.md#startcontainer-hooks", "their path is one of the container", |bundle| {
        bundle.create("true", |config| {
            let hook = json!({"path": "/bin/sh", "args": ["sh", "-c", "echo inside >/said"], "env": ["PATH=/bin"]});
            config["hooks"] = json!({"startContainer": [hook]});
        })?;
        holds(!bundle.file("rootfs/said").exists(), "it was run by create")?;
        bundle.done(&["start", &bundle.id])?;
        same(&fs::read_to_string(bundle.file("rootfs/said"))?, "inside\n")
    }),
    must(
        "runtime.md#lifecycle",
        "a prestart or createRuntime hook that fails is an error, and nothing is left",
        |bundle| {
            for kind in ["prestart", "createRuntime", "createContainer"] {
                bundle.refused(|config| config["hooks"] = json!({kind: [hook(bundle, "exit 3")]}))?;
            }
            Ok(())
        },
    ),
    must("runtime.md#lifecycle", "a poststop hook that fails fails nothing, and the others are run", |bundle| {
        bundle.create("true", |config| {
            config["hooks"] = json!({"poststop": [hook(bundle, "exit 3"), teller(bundle, "next")]});
        })?;
        bundle.done(&["start", &bundle.id])?;
        bundle.until("stopped")?;
        bundle.done(&["delete", &bundle.id])?;
        same(&log(bundle)?, "next\n")
    }),
    must("config.md#posix-platform-hooks", "path must be absolute", |bundle| {
        bundle.refused(|config| config["hooks"] = json!({"createRuntime": [{"path": "bin/true"}]}))
    }),
    must("config.md#posix-platform-hooks", "a hook that takes longer than its timeout is an error", |bundle| {
        let slow = json!({"path": "/bin/sh", "args": ["sh", "-c", "sleep 15"], "timeout": 1});
        bundle.refused(|config| config["hooks"] = json!({"createRuntime": [slow]}))
    }),
];
