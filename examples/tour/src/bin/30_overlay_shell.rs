// SPDX-License-Identifier: MIT OR Apache-2.0
//! A shell in which a directory can be changed, and is not: what is written goes into memory, and with the shell.
//!
//! `30_overlay_shell /etc -- sh -c 'echo changed > /etc/motd; cat /etc/motd'`
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "a program for a terminal")]

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::{env, path};

use skep::ns::{IdMap, NamespaceKind, Namespaces, Spawn};
use skep::rootfs::{Changes, Mounts, Overlay, Setting, Steps};

/// Set where the namespaces are made already.
const INSIDE: &str = "OVERLAY_SHELL_INSIDE";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let directory = arguments.next().map(PathBuf::from).ok_or("usage: 30_overlay_shell DIRECTORY [-- PROGRAM…]")?;
    let directory = path::absolute(directory)?;
    let is_root = IdMap::current_as_root().outside_uid(0) == Some(0);
    let inside = env::var_os(INSIDE).is_some();
    if !is_root && !inside {
        // An ordinary account may mount where it is root: in a user namespace, which this program starts itself in again.
        let set = Namespaces::new().make([NamespaceKind::Mount]).user(IdMap::current_as_root());
        let mut again = Spawn::new(env::current_exe()?);
        let status = again.args(env::args_os().skip(1)).env(INSIDE, "1").namespaces(set).status()?;
        return Ok(status.shell_code().unwrap_or(u8::MAX).into());
    }
    let overlay = Overlay::new(&directory).lower(&directory).changes(Changes::in_memory());
    let mounts = Mounts::new().add(overlay);
    mounts.check()?;
    let setting = Setting { user_namespace: inside, ..Setting::default() };
    // From here on this thread, which is the only one, has mounts of its own; what it starts has the same.
    if let Err(error) = Steps::new(None, &mounts, setting).enter_mounts() {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        eprintln!("overlay_shell: {error}: {cause}\n{}", error.hint().unwrap_or_default());
        return Ok(ExitCode::FAILURE);
    }
    let words: Vec<OsString> = arguments.skip_while(|word| word == "--").collect();
    let (program, words) = words.split_first().map_or(("sh".into(), [].as_slice()), |(one, rest)| (one.clone(), rest));
    let status = Command::new(program).args(words).env_remove(INSIDE).current_dir(&directory).status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX).into())
}
