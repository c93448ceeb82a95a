// SPDX-License-Identifier: MIT OR Apache-2.0
//! Landlock: a ruleset as bytes, made and entered by the thread that is to be restricted.
//!
//! The paths are opened here and not before: only the thread itself is in the root directory that they are meant in.
//!
//! The bytes are words of 8, lowest byte first: the rights to files, to ports, and the scopes that are handled, and one that
//! is 0; then for each rule its kind, the rights that it allows, and a port, or the length of a path and the path, ending in
//! NUL, filled up to a whole word.
//!
//! Man: landlock(7).

use core::ffi::CStr;

use super::step::Failure;
use super::sys::Errno;
use super::sys::files::Fd;
use super::sys::landlock::{self, Handled};

/// The kind of a rule: what is at and below a path.
pub const PATH: u64 = 1;
/// The same, which is no rule where there is no such path.
pub const OPTIONAL_PATH: u64 = 2;
/// A port.
pub const PORT: u64 = 3;
/// Rights that a file can have that is no directory: execute, write, read, truncate, and control of devices.
pub const OF_FILES: u64 = 1 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15;
/// What the `part` of a [`Failure`] says where the ruleset could not be made; a number below is a rule's.
pub const CREATING: u16 = 0xfffd;
/// The same: it could not be entered.
pub const ENTERING: u16 = 0xfffe;

const O_PATH: u32 = 0o10_000_000;

/// Restricts this thread, and all that it starts, by a ruleset; for good.
///
/// # Errors
/// `ENOSYS` and `EOPNOTSUPP` where Landlock is not built in or not on; `EINVAL` or `E2BIG` for a right that this kernel does
/// not know; of a rule, why its path cannot be opened; `EPERM` without `no_new_privs` and without `CAP_SYS_ADMIN`.
pub fn enter(ruleset: &[u8]) -> Result<(), Failure> {
    let failed = |part| move |errno| Failure { errno, part };
    let mut words = Words(ruleset);
    let read = |word: Option<u64>| word.ok_or(Failure { errno: Errno::INVAL, part: CREATING });
    let (files, net, scoped) = (read(words.next())?, read(words.next())?, read(words.next())?);
    if read(words.next())? != 0 {
        return Err(Failure { errno: Errno::INVAL, part: CREATING });
    }
    let made = landlock::create(&Handled { files, net, scoped }).map_err(failed(CREATING))?;
    let mut at: u16 = 0;
    while let Some(rule) = words.rule() {
        rule.and_then(|rule| rule.allow(&made)).map_err(failed(at))?;
        at = at.saturating_add(1);
    }
    landlock::restrict_self(&made).map_err(failed(ENTERING))
}

struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    /// The next rule; `None` where there is no more.
    fn rule(&mut self) -> Option<Result<Rule<'a>, Errno>> {
        if self.0.is_empty() {
            return None;
        }
        Some(self.read().ok_or(Errno::INVAL))
    }

    fn read(&mut self) -> Option<Rule<'a>> {
        let (kind, access, operand) = (self.next()?, self.next()?, self.next()?);
        match kind {
            PORT => Some(Rule::Port { access, port: operand }),
            PATH | OPTIONAL_PATH => {
                let length = usize::try_from(operand).ok()?;
                let (path, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                let path = CStr::from_bytes_until_nul(path).ok()?;
                Some(Rule::Path { access, path, optional: kind == OPTIONAL_PATH })
            }
            _ => None,
        }
    }
}

enum Rule<'a> {
    Path { access: u64, path: &'a CStr, optional: bool },
    Port { access: u64, port: u64 },
}

impl Rule<'_> {
    fn allow(&self, ruleset: &Fd) -> Result<(), Errno> {
        match *self {
            Rule::Port { access, port } => landlock::allow_port(ruleset, access, port),
            Rule::Path { access, path, optional } => {
                let file = match Fd::open(path, O_PATH) {
                    Err(Errno::NOENT) if optional => return Ok(()),
                    opened => opened?,
                };
                match landlock::allow_path(ruleset, access, &file) {
                    // A file that is no directory has fewer rights, and the kernel wants no others to be named.
                    Err(Errno::INVAL) if access & !OF_FILES != 0 && access & OF_FILES != 0 => {
                        landlock::allow_path(ruleset, access & OF_FILES, &file)
                    }
                    done => done,
                }
            }
        }
    }
}
