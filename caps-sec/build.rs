// SPDX-License-Identifier: MIT OR Apache-2.0
//! Publishes where this crate's floor is, so that `skep` can compile its launcher from it (`DEP_…_FLOOR`).

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::metadata=floor={root}/src/floor");
}
