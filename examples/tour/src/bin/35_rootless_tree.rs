// SPDX-License-Identifier: MIT OR Apache-2.0
//! Removes or copies trees whose files belong to an account's subordinate ids, as rootless programs leave them: "rm -rf" and
//! "cp -a" for an ordinary user. It starts itself again as root of a user namespace in which those ids are.
//!
//! `35_rootless_tree remove DIRECTORY…`, `35_rootless_tree copy FROM TO`
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "a program for a terminal")]

use std::env;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;

use skep::ns::{IdMap, Namespaces, Spawn};
use skep::rootfs::{Root, TreeCopy};

const INSIDE: &str = "--inside";
type Failure = Box<dyn Error>;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let done = match arguments.split_first() {
        Some((word, rest)) if word == INSIDE => work(rest).map(|()| 0),
        _ => again_as_root(&arguments),
    };
    done.map(ExitCode::from).unwrap_or_else(|error| {
        eprintln!("{error}{}", error.source().map(|cause| format!(":\n{cause}")).unwrap_or_default());
        ExitCode::FAILURE
    })
}

fn again_as_root(arguments: &[OsString]) -> Result<u8, Failure> {
    let account = env::var("USER")?;
    let inside = Namespaces::new().user(IdMap::from_subid(&account)?);
    let mut again = Spawn::new(env::current_exe()?);
    let status = again.arg(INSIDE).args(arguments.iter().cloned()).namespaces(inside).status()?;
    Ok(status.shell_code().unwrap_or(u8::MAX))
}

fn work(arguments: &[OsString]) -> Result<(), Failure> {
    match arguments {
        [word, trees @ ..] if word == "remove" => trees.iter().try_for_each(|tree| {
            let (root, name) = parent(tree)?;
            Ok(root.remove_dir_all(name)?)
        }),
        [word, from, to] if word == "copy" => {
            let ((from, tree), (to, name)) = (parent(from)?, parent(to)?);
            TreeCopy::new().copy(&from, tree, &to, name)?.whole()?;
            Ok(())
        }
        _ => Err("usage: 35_rootless_tree remove DIRECTORY... | copy FROM TO".into()),
    }
}

fn parent(path: &OsStr) -> Result<(Root, PathBuf), Failure> {
    let path = env::current_dir()?.join(path);
    let above = path.parent().ok_or("a tree has a name")?;
    Ok((Root::open(above)?, path.file_name().unwrap_or_default().into()))
}
