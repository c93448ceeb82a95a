// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask floor`: the proof that the launcher needs no heap, no libc and no panic.
//!
//! The proof is the linked program itself: what it does not contain it cannot do. Its sources are read as well, so that
//! a slip is named where it was made.

mod imports;
mod proof;

use std::fs;
use std::path::{Path, PathBuf};

use lexopt::Arg;

use crate::cargo::{self, Message};
use crate::elf::{self, Elf};
use crate::failure::Failure;
use crate::workspace::Workspace;

const HELP: &str = "usage: cargo xtask floor [--bin PATH]

Proves that the launcher is static, complete, without a panic path and small. With --bin: this program instead.";

/// Proves the launcher of the workspace, or a given program.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let mut given: Option<PathBuf> = None;
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => {
                println!("{HELP}");
                return Ok(());
            }
            Arg::Long("bin") => given = Some(arguments.value()?.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    let sentence = match given {
        Some(path) => prove(&path, &path)?,
        None => workspace(&Workspace::load()?)?,
    };
    println!("{sentence}");
    Ok(())
}

/// Proves what the workspace builds and how it is written; the answer is the launcher's size, as a sentence.
pub(crate) fn workspace(workspace: &Workspace) -> Result<String, Failure> {
    let faults = imports::faults(&workspace.root)?;
    if !faults.is_empty() {
        return Err(faults.join("\n").into());
    }
    let directory = out_dir(workspace)?;
    let embedded = directory.join("launcher");
    if !embedded.is_file() {
        return Err(format!(
            "the build of skep has put no launcher at {}: container/build.rs links it there",
            embedded.display()
        )
        .into());
    }
    // The same program before it is stripped: only there could a panic path be seen.
    let symbols = directory.join("launcher.symbols");
    prove(if symbols.is_file() { &symbols } else { &embedded }, &embedded)
}

/// Where the build script of skep has put its files.
pub(crate) fn out_dir(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let skep = workspace.members().find(|package| package.name == "skep").ok_or("the workspace has no package skep")?;
    let messages = cargo::messages(&["build", "--quiet", "--package", "skep"])?;
    let mut directories = messages.into_iter().filter_map(|message| match message {
        Message::BuildScriptExecuted { package_id, out_dir } if package_id == skep.id => Some(out_dir),
        _ => None,
    });
    directories.next().ok_or_else(|| "cargo has not run the build script of skep".into())
}

fn prove(linked: &Path, embedded: &Path) -> Result<String, Failure> {
    let (linked_bytes, embedded_bytes) = (read(linked)?, read(embedded)?);
    let told = |error| format!("cannot prove {}: {error}", linked.display());
    let elf = Elf::parse(&linked_bytes).map_err(told)?;
    let mut faults = proof::of_segments(&elf);
    faults.extend(proof::of_symbols(&elf));
    if embedded != linked {
        faults.extend(proof::of_segments(&Elf::parse(&embedded_bytes)?));
        // Else the proof would be about another program than the one that runs.
        if elf::memory(&linked_bytes)? != elf::memory(&embedded_bytes)? {
            faults.push(format!("{} is another program: its memory differs", embedded.display()));
        }
    }
    let size = u64::try_from(embedded_bytes.len())?;
    faults.extend(proof::of_size(size));
    if faults.is_empty() {
        let sizes = elf.sizes();
        return Ok(format!(
            "launcher: {size} bytes (text {}, read-only {}, data {}, bss {}), {} symbols, none undefined, no panic path",
            sizes.text,
            sizes.read_only,
            sizes.data,
            sizes.bss,
            elf.symbols.len()
        ));
    }
    Err(format!("the launcher {} breaks its rules:\n{}", linked.display(), faults.join("\n")).into())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}
