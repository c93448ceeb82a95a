// SPDX-License-Identifier: MIT OR Apache-2.0
//! What mounts of nsfs pin, as the caller's mount table has it.
//!
//! Man: proc_pid_mountinfo(5).

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rustix::fs::makedev;

use crate::kind::NamespaceKind;

/// A namespace's file, mounted somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pin {
    pub(super) kind: NamespaceKind,
    pub(super) inode: u64,
    pub(super) device: u64,
    pub(super) path: PathBuf,
}

/// Every pin of the calling thread's mount namespace; none where there is no table to read.
pub(super) fn read() -> Vec<Pin> {
    // Bytes: a mount point may have any.
    let table = fs::read("/proc/thread-self/mountinfo").unwrap_or_default();
    table.split(|byte| *byte == b'\n').filter_map(parse).collect()
}

/// A line of the table, if it is of nsfs: `37 25 0:4 net:[4026532281] /run/netns/lab rw shared:1 - nsfs nsfs rw`.
pub(super) fn parse(line: &[u8]) -> Option<Pin> {
    let mut fields = line.split(|byte| *byte == b' ');
    let (device, root, point) = (fields.nth(2)?, fields.next()?, fields.next()?);
    fields.find(|field| *field == b"-")?;
    if fields.next()? != b"nsfs" {
        return None;
    }
    let (kind, inode) = namespace_of(root)?;
    let (major, minor) = std::str::from_utf8(device).ok()?.split_once(':')?;
    let device = makedev(major.parse().ok()?, minor.parse().ok()?);
    Some(Pin { kind, inode, device, path: OsString::from_vec(unescape(point)).into() })
}

/// "net:[4026532281]" as kind and inode.
pub(super) fn namespace_of(text: &[u8]) -> Option<(NamespaceKind, u64)> {
    let colon = text.iter().position(|byte| *byte == b':')?;
    let (name, rest) = text.split_at_checked(colon)?;
    let digits = rest.strip_prefix(b":[")?.strip_suffix(b"]")?;
    let kind = NamespaceKind::ALL.into_iter().find(|kind| kind.proc_name().as_bytes() == name)?;
    let digit = |value: u64, digit: &u8| match digit {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    };
    if digits.is_empty() { None } else { Some((kind, digits.iter().try_fold(0, digit)?)) }
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let escaped = match (first, after) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) => {
                Some(((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), tail))
            }
            _ => None,
        };
        let (byte, tail) = escaped.unwrap_or((*first, after));
        plain.push(byte);
        rest = tail;
    }
    plain
}
