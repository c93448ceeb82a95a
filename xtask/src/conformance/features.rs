// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a runtime tells of itself.

use serde_json::Value;

use super::bundle::{Bundle, holds};
use super::case::{Case, must};
use crate::failure::Failure;

fn features(bundle: &Bundle) -> Result<Value, Failure> {
    Ok(serde_json::from_str(&bundle.done(&["features"])?)?)
}

fn has(list: &Value, words: &[&str]) -> Result<(), Failure> {
    let found: Vec<&str> = list.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let missing: Vec<&&str> = words.iter().filter(|word| !found.contains(word)).collect();
    holds(missing.is_empty(), format!("{missing:?} are missing in {found:?}"))
}

pub(super) const CASES: &[Case] = &[
    must("features.md#specification-version", "the oldest and the newest version are told", |bundle| {
        let told = features(bundle)?;
        let is_version = |key: &str| told[key].as_str().is_some_and(|version| version.starts_with("1."));
        holds(is_version("ociVersionMin") && is_version("ociVersionMax"), format!("it tells {told}"))
    }),
    must("features.md#hooks", "the hooks that are known are told", |bundle| {
        has(
            &features(bundle)?["hooks"],
            &["createRuntime", "createContainer", "startContainer", "poststart", "poststop"],
        )
    }),
    must("features.md#mount-options", "the options that are known are told", |bundle| {
        has(&features(bundle)?["mountOptions"], &["bind", "rbind", "ro", "nosuid", "rprivate"])
    }),
    must("features-linux.md#namespaces", "the namespaces that are known are told", |bundle| {
        has(&features(bundle)?["linux"]["namespaces"], &["pid", "network", "mount", "ipc", "uts", "user", "cgroup"])
    }),
];
