// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds what the benches start and what they are compared with: a program that only exits, without libc, and the same
//! starts in C.

use std::env;
use std::error::Error;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src/trivial.rs");
    println!("cargo::rerun-if-changed=src/raw.c");
    let out = env::var("OUT_DIR")?;
    let mut rustc = Command::new(env::var("RUSTC")?);
    rustc.args([
        "--edition=2024",
        "--crate-name=trivial",
        "--target",
        &env::var("TARGET")?,
        "-Cpanic=abort",
        "-Copt-level=s",
    ]);
    rustc.args(["-Crelocation-model=static", "-Cstrip=symbols"]);
    for argument in ["-nostartfiles", "-nostdlib", "-static", "-no-pie"] {
        rustc.arg(format!("-Clink-arg={argument}"));
    }
    let status = rustc.args(["-o", &format!("{out}/trivial"), "src/trivial.rs"]).status()?;
    if !status.success() {
        return Err("cannot build the trivial program".into());
    }
    println!("cargo::rustc-env=SKEP_TRIVIAL={out}/trivial");
    cc::Build::new().file("src/raw.c").opt_level(2).warnings(true).try_compile("raw")?;
    Ok(())
}
