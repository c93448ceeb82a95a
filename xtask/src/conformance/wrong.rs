// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bundles of which no container can be made: each is an error, and nothing of it is left.

use std::fs;

use serde_json::json;

use super::case::{Case, must};

pub(super) const CASES: &[Case] = &[
    must("bundle.md", "a bundle without config.json is an error", |bundle| {
        bundle.fails(&["create", &bundle.id])?;
        bundle.nothing_left()
    }),
    must("bundle.md", "a bundle that is absent is an error", |bundle| {
        bundle.fails(&["create", "--bundle", "/nothing", &bundle.id])?;
        bundle.nothing_left()
    }),
    must("config.md", "what is no JSON is an error", |bundle| {
        fs::write(bundle.file("config.json"), "{\"ociVersion\": ")?;
        bundle.fails(&["create", &bundle.id])?;
        bundle.nothing_left()
    }),
    must("config.md", "a value of a wrong type is an error", |bundle| {
        bundle.refused(|config| config["process"]["cwd"] = json!(7))
    }),
    must("config.md#root", "an absent root is an error", |bundle| {
        bundle.refused(|config| drop(config.as_object_mut().map(|config| config.remove("root"))))
    }),
    must("config.md#mounts", "a mount of an unknown type is an error", |bundle| {
        bundle.refused(|config| {
            let mount = json!({"destination": "/tmp", "type": "unheardof", "source": "x"});
            super::bundle::add(config, ["mounts", ""], mount);
        })
    }),
    must("config-linux.md#namespaces", "a path that is no namespace is an error", |bundle| {
        bundle.refused(|config| {
            config["linux"]["namespaces"][2] = json!({"type": "uts", "path": "/proc/self/status"});
        })
    }),
    must("config-linux.md#namespaces", "a path of a namespace of another kind is an error", |bundle| {
        bundle.refused(|config| {
            config["linux"]["namespaces"][2] = json!({"type": "uts", "path": "/proc/self/ns/ipc"});
        })
    }),
    must("config-linux.md#namespaces", "two of one kind are an error", |bundle| {
        bundle.refused(|config| super::bundle::add(config, ["linux", "namespaces"], json!({"type": "uts"})))
    }),
];
