// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of what needs no kernel: reading, writing, what is made of it.

mod back;
mod featured;
mod reading;
mod translated;

/// A configuration with every key that the format has.
const EVERY_KEY: &str = include_str!("../../../../tests/oci/every-key.json");
/// What runtimes give who asks them for a configuration to begin with.
const RUNTIME_SPEC: &str = include_str!("../../../../tests/oci/runtime-spec.json");
/// What Docker writes for a web server.
const DOCKER: &str = include_str!("../../../../tests/oci/docker.json");
/// What says much, for a container with a user namespace.
const USER: &str = include_str!("../../../../tests/oci/user.json");
