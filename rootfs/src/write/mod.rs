// SPDX-License-Identifier: MIT OR Apache-2.0
//! The small files of a root that its programs ask who and where they are: hostname, hosts, resolv.conf, passwd, group,
//! machine-id.
//!
//! Each is a value that is checked, so that nothing that is given becomes a line of its own, and is written at once under a
//! [`Root`], which nothing in it can lead astray. What people expect to stay stays: other lines of passwd, group and hosts.
//! Where one of the files is a link it becomes a file: what the link led to may be hidden by a mount later, or shared.
//!
//! Nothing is locked: whoever else writes these files at the same time may be undone.
//!
//! Man: hostname(5), hosts(5), resolv.conf(5), passwd(5), group(5), machine-id(5).

mod accounts;
mod hosts;
mod machine_id;
mod resolv;

use std::io::Read;
use std::path::Path;

use crate::error::{Error, ErrorKind};
use crate::root::Root;

pub use accounts::{Account, Group};
pub use hosts::Hosts;
pub use machine_id::MachineId;
pub use resolv::ResolvConf;

impl Root {
    /// Writes /etc/hostname; /etc is made if it is absent.
    ///
    /// # Errors
    /// `Invalid` for what is no name of a host: labels of 1 to 63 letters, digits and hyphens, with dots between them, 64
    /// bytes at most; as [`Root::write`].
    pub fn write_hostname(&self, name: &str) -> Result<(), Error> {
        let problems: Vec<String> = name_problem("hostname", name, 64).into_iter().collect();
        put(self, "/etc/hostname", problems, || Ok(format!("{name}\n").into_bytes()))
    }
}

/// Writes a file of /etc, if what it is made of makes sense.
fn put(
    root: &Root,
    path: &str,
    problems: Vec<String>,
    content: impl FnOnce() -> Result<Vec<u8>, Error>,
) -> Result<(), Error> {
    let path = Path::new(path);
    if !problems.is_empty() {
        return Err(Error::invalid("write", root.object(path), problems));
    }
    root.create_dir_all("/etc")?;
    root.write(path, content()?)
}

/// What a file holds, or nothing if there is none; no more than such a file ever has.
fn before(root: &Root, path: &str) -> Result<Vec<u8>, Error> {
    const MOST: u64 = 16 << 20;
    const FBIG: i32 = 27;
    let file = match root.open_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let mut content = Vec::new();
    let read = file.take(MOST + 1).read_to_end(&mut content);
    read.map_err(|error| root.error("read", Path::new(path), error.raw_os_error().unwrap_or_default()))?;
    if content.len() as u64 > MOST { Err(root.error("read", Path::new(path), FBIG)) } else { Ok(content) }
}

/// Lines, without their ends; the last may have none.
fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// What is wrong with the name of a host or a domain, hostname(7).
fn name_problem(place: &str, name: &str, most: usize) -> Option<String> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > most {
        return Some(format!("{place} {name:?} has {} bytes, of which there may be {most}", name.len()));
    }
    let is_name = name.split('.').all(is_label);
    (!is_name).then(|| format!("{place} {name:?} is not made of letters, digits and hyphens, with single dots between"))
}
