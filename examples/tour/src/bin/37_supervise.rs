// SPDX-License-Identifier: MIT OR Apache-2.0
//! Device nodes for a program that may not make any: in a user namespace mknod is refused, whoever one is in there. Here a
//! supervisor is asked, and makes the harmless ones (null, zero, full, random, urandom, tty), for root outside.
//!
//! ```sh
//! mkdir dev; cd dev; 37_supervise sh -c 'mknod null c 1 3; mknod disk b 8 0; ls -l'
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;
use std::{env, error::Error, fs, io};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Uid};
use skep::caps_sec::{Answer, Errno, Notification, Policy, Rule, Supervisor, Verdict};

const SAFE: [(u32, u32); 6] = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0)];

fn main() -> Result<(), Box<dyn Error>> {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--"]).args(env::args_os().skip(1));
    let policy = Policy::allow_all().rule(Rule::new(Verdict::Notify, ["mknod", "mknodat"]));
    let mut supervisor = Supervisor::new();
    supervisor.on(["mknod", "mknodat"], |asked| match make(asked) {
        Ok(()) => Answer::Value(0),
        Err(error) => {
            Answer::Error(Errno::new(error.raw_os_error().and_then(|errno| errno.try_into().ok()).unwrap_or(1)))
        }
    });
    let (mut child, supervision) = supervisor.start(&mut command, &policy.compile()?)?;
    println!("{}", child.wait()?);
    let asked = supervision.join().map_err(|_| "the supervisor has panicked")??;
    println!("asked {asked} times");
    Ok(())
}

/// Makes the node that is asked for, from a copy of what the arguments point to: what the program changes in its memory
/// meanwhile makes no difference.
fn make(asked: &Notification<'_>) -> io::Result<()> {
    const AT_FDCWD: i32 = -100;
    let at = u8::from(asked.name() == Some("mknodat"));
    let [path, mode, dev] = [at, at + 1, at + 2].map(|number| asked.arg(number));
    let [mode, dev] = [mode, dev].map(|register| (register & 0xffff_ffff) as u32);
    let device = (rustix::fs::major(dev.into()), rustix::fs::minor(dev.into()));
    if FileType::from_raw_mode(mode) != FileType::CharacterDevice || !SAFE.contains(&device) {
        return Err(rustix::io::Errno::PERM.into());
    }
    let path = asked.memory()?.path(path)?;
    let from = if path.is_absolute() {
        asked.root()?
    } else {
        asked.directory(if at == 1 { (asked.arg(0) & 0xffff_ffff) as u32 as i32 } else { AT_FDCWD })?
    };
    // The folder, resolved as by the program: never out of where it begins, whatever links it puts there.
    let (folder, name) = (path.parent().unwrap_or("".as_ref()), path.file_name().unwrap_or(OsStr::from_bytes(b"")));
    let folder = if folder.as_os_str().is_empty() { ".".as_ref() } else { folder };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::openat2(from, folder, flags, Mode::empty(), ResolveFlags::IN_ROOT)?;
    let status = fs::read_to_string(format!("/proc/{}/status", asked.pid()))?;
    let number = |key: &str, radix, at| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|line| u32::from_str_radix(line.split_whitespace().nth(at)?, radix).ok()).unwrap_or(0)
    };
    if !asked.waits() {
        return Err(rustix::io::Errno::INTR.into());
    }
    let mode = Mode::from_raw_mode(mode & 0o777 & !number("Umask:", 8, 0));
    rustix::fs::mknodat(&folder, name, FileType::CharacterDevice, mode, dev.into())?;
    let (user, group) = (Uid::from_raw(number("Uid:", 10, 3)), Gid::from_raw(number("Gid:", 10, 3)));
    Ok(rustix::fs::chownat(&folder, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?)
}
