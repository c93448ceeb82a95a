// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds the launcher and leaves it where the library embeds it from: `$OUT_DIR/launcher`, stripped, and
//! `$OUT_DIR/launcher.symbols`, the same program with its symbol table, which `cargo xtask floor` reads.
//!
//! The floors of the leaves come by the `links` metadata of their packages, and are compiled here a second time, as
//! `no_std` libraries. It works on a stable toolchain, from path and packaged sources, and offline; a binary dependency
//! (`-Z bindeps`) would need a nightly one. The user's RUSTFLAGS do not reach the launcher: no sanitizer, coverage or
//! profile of theirs has a place in it.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Name of the floor's crate in the launcher, and of the variable that says where it is.
const FLOORS: [(&str, &str); 3] = [
    ("ns_floor", "DEP_SKEP_NS_FLOOR_0_1_FLOOR"),
    ("rootfs_floor", "DEP_SKEP_ROOTFS_FLOOR_0_1_FLOOR"),
    ("caps_sec_floor", "DEP_SKEP_CAPS_SEC_FLOOR_0_1_FLOOR"),
];

fn main() -> Result<(), Box<dyn Error>> {
    for path in ["build.rs", "launcher", "src/wire.rs", "src/plan/step.rs"] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    let build = Build::new()?;
    let mut externs = Vec::new();
    for (name, variable) in FLOORS {
        let floor =
            PathBuf::from(env::var(variable).map_err(|_| format!("{variable} is not set: is the leaf a dependency?"))?);
        println!("cargo::rerun-if-changed={}", floor.display());
        externs.push(format!("{name}={}", build.floor(name, &floor)?.display()));
    }
    build.launcher("launcher.symbols", &externs, "none")?;
    build.launcher("launcher", &externs, "symbols")
}

struct Build {
    rustc: PathBuf,
    target: String,
    out: PathBuf,
}

impl Build {
    fn new() -> Result<Self, Box<dyn Error>> {
        let target = env::var("TARGET")?;
        let architecture = env::var("CARGO_CFG_TARGET_ARCH")?;
        if !["x86_64", "aarch64"].contains(&architecture.as_str()) {
            return Err(format!("skep has no launcher for {architecture}: it knows x86_64 and aarch64").into());
        }
        Ok(Self {
            rustc: env::var_os("RUSTC").ok_or("RUSTC is not set")?.into(),
            target,
            out: env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?.into(),
        })
    }

    /// Compiles a leaf's floor as a library of `core` alone, and answers where it is.
    fn floor(&self, name: &str, floor: &Path) -> Result<PathBuf, Box<dyn Error>> {
        let root = self.out.join(format!("{name}.rs"));
        let module = floor.join("mod.rs");
        fs::write(&root, format!("#![no_std]\n#[path = {module:?}]\nmod floor;\npub use floor::*;\n"))?;
        let library = self.out.join(format!("lib{name}.rlib"));
        let mut rustc = self.rustc(name, "rlib", &library);
        rustc.arg(root);
        run(rustc)?;
        Ok(library)
    }

    /// Links the launcher against the floors.
    fn launcher(&self, file: &str, externs: &[String], strip: &str) -> Result<(), Box<dyn Error>> {
        let mut rustc = self.rustc("launcher", "bin", &self.out.join(file));
        rustc.args(["-Clto=fat", "-Crelocation-model=static", &format!("-Cstrip={strip}")]);
        // No C runtime; nothing to relocate at run time; pages as small as they come, so that the file is.
        for argument in [
            "-nostartfiles",
            "-nostdlib",
            "-static",
            "-no-pie",
            "-Wl,--build-id=none",
            "-Wl,-z,noexecstack",
            "-Wl,-z,norelro",
        ] {
            rustc.arg(format!("-Clink-arg={argument}"));
        }
        if let Some(linker) = env::var_os("RUSTC_LINKER") {
            rustc.arg("-C").arg({
                let mut argument = std::ffi::OsString::from("linker=");
                argument.push(linker);
                argument
            });
        }
        for name in externs {
            rustc.args(["--extern", name]);
        }
        rustc.arg("launcher/main.rs");
        run(rustc)
    }

    fn rustc(&self, name: &str, kind: &str, out: &Path) -> Command {
        let mut rustc = Command::new(&self.rustc);
        rustc.args(["--edition=2024", "--crate-name", name, "--crate-type", kind, "--target", &self.target]);
        rustc.args(["-Cpanic=abort", "-Copt-level=s", "-Ccodegen-units=1", "-Cdebuginfo=0"]);
        rustc.args(["-Coverflow-checks=off", "-Cdebug-assertions=off", "--cap-lints=warn"]);
        rustc.arg("-o").arg(out);
        rustc
    }
}

fn run(mut command: Command) -> Result<(), Box<dyn Error>> {
    let out = command.output().map_err(|error| format!("cannot run {:?}: {error}", command.get_program()))?;
    if out.status.success() {
        return Ok(());
    }
    Err(format!("cannot build the launcher: {command:?}\n{}", String::from_utf8_lossy(&out.stderr)).into())
}
