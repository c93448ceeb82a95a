// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is common to all platforms: the root, mounts, names, annotations.

use std::fs;

use serde_json::json;

use super::bundle::{add, holds};
use super::case::{Case, must, should};

pub(super) const CASES: &[Case] = &[
    should("config.md#specification-version", "a version that is not known is an error", |bundle| {
        bundle.refused(|config| config["ociVersion"] = json!("99.0.0"))
    }),
    must("config.md#root", "a relative path is one of the bundle", |bundle| bundle.says("echo here", "here", |_| ())),
    must("config.md#root", "an absolute path is the root", |bundle| {
        let root = bundle.file("rootfs");
        bundle.says("echo here", "here", |config| config["root"]["path"] = json!(root))
    }),
    must("config.md#root", "a directory must exist at the path", |bundle| {
        bundle.refused(|config| config["root"]["path"] = json!("nothing"))
    }),
    must("config.md#root", "a readonly root cannot be written to", |bundle| {
        bundle.says("touch /x 2>/dev/null || echo no", "no", |config| config["root"]["readonly"] = json!(true))
    }),
    must("config.md#root", "without readonly it can", |bundle| {
        bundle.says("touch /x && echo yes; rm /x", "yes", |_| ())
    }),
    must("config.md#mounts", "mounts are made in the listed order", |bundle| {
        let script = "touch /tmp/under/in 2>/dev/null; grep -c ' /tmp' /proc/mounts; ls /tmp";
        bundle.says(script, "2\nunder", |config| {
            for at in ["/tmp", "/tmp/under"] {
                add(config, ["mounts", ""], json!({"destination": at, "type": "tmpfs", "source": "tmpfs"}));
            }
        })
    }),
    must("config.md#mounts", "a relative source of a bind is one of the bundle", |bundle| {
        fs::write(bundle.file("given"), "given\n")?;
        bundle.says("cat /tmp/given", "given", |config| {
            let mount = json!({"destination": "/tmp/given", "type": "bind", "source": "given", "options": ["bind"]});
            add(config, ["mounts", ""], mount);
        })
    }),
    must("config.md#linux-mount-options", "options of the mount are those that are listed", |bundle| {
        let options = ["ro", "nosuid", "nodev", "noexec"];
        let found = bundle.run("grep ' /tmp ' /proc/mounts | cut -d ' ' -f 4", |config| {
            let mount = json!({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": options});
            add(config, ["mounts", ""], mount);
        })?;
        let words: Vec<&str> = found.split(',').collect();
        holds(options.iter().all(|option| words.contains(option)), format!("its options are {found}"))
    }),
    must("config.md#linux-mount-options", "what is no option of mounts is given to the file system", |bundle| {
        let found = bundle.run("grep ' /tmp ' /proc/mounts", |config| {
            let mount = json!({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["size=8k"]});
            add(config, ["mounts", ""], mount);
        })?;
        holds(found.contains("size=8k"), found)
    }),
    must("config.md#mounts", "a source that is absent is an error", |bundle| {
        bundle.refused(|config| {
            let mount = json!({"destination": "/tmp", "type": "bind", "source": "/nothing", "options": ["bind"]});
            add(config, ["mounts", ""], mount);
        })
    }),
    must("config.md#hostname", "the hostname is set", |bundle| {
        bundle.says("hostname", "bee", |config| config["hostname"] = json!("bee"))
    }),
    must("config.md#annotations", "a container may have annotations, and its state tells them", |bundle| {
        bundle.create("true", |config| config["annotations"] = json!({"org.example.a": "b"}))?;
        let state = bundle.state()?;
        holds(state["annotations"]["org.example.a"] == "b", format!("the state is {state}"))
    }),
    must("config.md#annotations", "implementations that read them must not fail on unknown keys", |bundle| {
        bundle.says("echo fine", "fine", |config| config["annotations"] = json!({"com.example.unheard.of": "x"}))
    }),
    must("config.md#extensibility", "an unknown property is no error", |bundle| {
        bundle.says("echo fine", "fine", |config| {
            config["unheardOf"] = json!({"a": 1});
            config["process"]["unheardOf"] = json!(true);
        })
    }),
    must("config.md#valid-values", "an invalid value is an error", |bundle| {
        bundle.refused(|config| add(config, ["linux", "namespaces"], json!({"type": "unheard-of"})))
    }),
];
