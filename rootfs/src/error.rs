// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors: what was tried, on what, and why it failed.
//!
//! An [`Error`] displays the operation and its object ("cannot mount tmpfs on "/run""); the cause is its
//! [`source`](std::error::Error::source), so that a report can print the chain a line each. Nothing is formatted before
//! somebody asks.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::PathBuf;

use nix::errno::Errno;

/// Why an operation of this crate failed, and on what.
///
/// Converts into [`io::Error`] with the matching [`io::ErrorKind`].
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Inner>);

#[derive(Debug, thiserror::Error)]
#[error("cannot {op} {object}")]
struct Inner {
    op: &'static str,
    object: Object,
    kind: ErrorKind,
    hint: Option<Cow<'static, str>>,
    source: Cause,
}

/// The class of an [`Error`], to decide by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The object does not exist.
    NotFound,
    /// The file exists, and the kernel cannot execute it.
    NotExecutable,
    /// The kernel or a security module refused.
    Denied,
    /// This kernel or machine cannot do it.
    Unsupported,
    /// A limit of this process or of the machine was reached: descriptors, mounts, memory.
    Exhausted,
    /// Somebody else uses the object.
    Busy,
    /// The request makes no sense: to us, who then say so before anything was touched ([`Error::problems`]), or to the
    /// kernel.
    Invalid,
    /// The object is not in a state that allows it.
    WrongState,
    /// A deadline passed.
    TimedOut,
    /// Another system error: see [`Error::errno`].
    Os,
}

impl ErrorKind {
    /// The class of a kernel's error number.
    #[must_use]
    pub fn of_errno(errno: i32) -> Self {
        match Errno::from_raw(errno) {
            Errno::ENOENT | Errno::ESRCH => Self::NotFound,
            Errno::EPERM | Errno::EACCES => Self::Denied,
            Errno::ENOSYS | Errno::EOPNOTSUPP => Self::Unsupported,
            Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::ENOSPC | Errno::EAGAIN => Self::Exhausted,
            Errno::EBUSY | Errno::ETXTBSY => Self::Busy,
            Errno::EINVAL | Errno::E2BIG => Self::Invalid,
            Errno::ESTALE => Self::WrongState,
            Errno::ETIMEDOUT => Self::TimedOut,
            _ => Self::Os,
        }
    }
}

/// What an operation was done to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Object {
    /// A file or directory.
    Path(PathBuf),
    /// What is at a path of a [`Root`](crate::Root).
    InRoot {
        /// The path, from the root's top.
        path: PathBuf,
        /// The root's own.
        root: PathBuf,
    },
    /// A descriptor.
    Descriptor(i32),
    /// What a step of [`Steps`](crate::Steps) is about, in its words.
    Step(String),
    /// Something with a fixed name, such as "mounts".
    Named(&'static str),
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Object::Path(path) => write!(f, "{path:?}"),
            Object::InRoot { path, root } => write!(f, "{path:?} in {root:?}"),
            Object::Descriptor(fd) => write!(f, "descriptor {fd}"),
            Object::Step(words) => f.write_str(words),
            Object::Named(name) => f.write_str(name),
        }
    }
}

/// What is below an [`Error`]: the kernel's answer, or what was found wrong with the request.
#[derive(Debug)]
enum Cause {
    Os(i32),
    Explained(i32, String),
    Refusals(i32, Vec<String>),
    Problems(Vec<String>),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Os(errno) => write_errno(f, *errno),
            Cause::Explained(errno, why) => {
                f.write_str(why)?;
                if *errno == 0 {
                    return Ok(());
                }
                f.write_str(": ")?;
                write_errno(f, *errno)
            }
            Cause::Problems(problems) | Cause::Refusals(_, problems) => f.write_str(&problems.join("\n")),
        }
    }
}

impl std::error::Error for Cause {}

/// The kernel's text and name of an error number: "No such file or directory (ENOENT)".
fn write_errno(f: &mut fmt::Formatter<'_>, errno: i32) -> fmt::Result {
    match Errno::from_raw(errno) {
        Errno::UnknownErrno => write!(f, "error {errno}"),
        known => write!(f, "{} ({known:?})", known.desc()),
    }
}

/// The same, for a sentence.
pub(crate) fn errno_in_words(errno: i32) -> String {
    Cause::Os(errno).to_string()
}

impl Error {
    /// A refusal of the kernel.
    pub(crate) fn os(op: &'static str, object: Object, errno: i32) -> Self {
        Self::new(op, object, ErrorKind::of_errno(errno), Cause::Os(errno))
    }

    /// A refusal of the kernel, and which half of the operation it was about.
    pub(crate) fn explained(op: &'static str, object: Object, errno: i32, why: String) -> Self {
        Self::new(op, object, ErrorKind::of_errno(errno), Cause::Explained(errno, why))
    }

    /// Refusals of the kernel: the number of the first, and each in a sentence.
    pub(crate) fn refusals(op: &'static str, object: Object, errno: i32, said: Vec<String>) -> Self {
        Self::new(op, object, ErrorKind::of_errno(errno), Cause::Refusals(errno, said))
    }

    /// A request that makes no sense: every problem found, a sentence each.
    pub(crate) fn invalid(op: &'static str, object: Object, problems: Vec<String>) -> Self {
        Self::new(op, object, ErrorKind::Invalid, Cause::Problems(problems))
    }

    /// Something that cannot be told before it is there, and why.
    pub(crate) fn unforeseen(op: &'static str, object: Object, why: String) -> Self {
        Self::new(op, object, ErrorKind::Unsupported, Cause::Explained(0, why))
    }

    fn new(op: &'static str, object: Object, kind: ErrorKind, source: Cause) -> Self {
        Self(Box::new(Inner { op, object, kind, hint: None, source }))
    }

    /// Adds what to do about it; only where that is certain.
    pub(crate) fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// What was tried: a verb, such as "mount" or "open".
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.0.op
    }

    /// The class of the failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The kernel's error number, if the kernel refused.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self.0.source {
            Cause::Os(errno) | Cause::Refusals(errno, _) => Some(errno),
            Cause::Explained(errno, _) => (errno != 0).then_some(errno),
            Cause::Problems(_) => None,
        }
    }

    /// What it happened to.
    #[must_use]
    pub fn object(&self) -> &Object {
        &self.0.object
    }

    /// What to do about it, where that is certain.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Everything found wrong with the request, a sentence each; empty if it was not the request.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        match &self.0.source {
            Cause::Problems(problems) if self.0.kind == ErrorKind::Invalid => problems,
            _ => &[],
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::NotFound => io::ErrorKind::NotFound,
            ErrorKind::Denied | ErrorKind::NotExecutable => io::ErrorKind::PermissionDenied,
            ErrorKind::Unsupported => io::ErrorKind::Unsupported,
            ErrorKind::Busy => io::ErrorKind::ResourceBusy,
            ErrorKind::Invalid => io::ErrorKind::InvalidInput,
            ErrorKind::TimedOut => io::ErrorKind::TimedOut,
            ErrorKind::Exhausted | ErrorKind::WrongState | ErrorKind::Os => {
                error.errno().map_or(io::ErrorKind::Other, |errno| io::Error::from_raw_os_error(errno).kind())
            }
        };
        io::Error::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn the_sentence_names_operation_and_object_and_leaves_the_cause_to_source() {
        let error = Error::os("open", Object::Path("/srv/web".into()), 2);
        assert_eq!(error.to_string(), "cannot open \"/srv/web\"");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("No such file or directory (ENOENT)"));
        assert_eq!((error.kind(), error.errno()), (ErrorKind::NotFound, Some(2)));
    }

    #[test]
    fn an_io_error_keeps_the_kind_and_the_sentence() {
        let error = io::Error::from(Error::os("close", Object::Descriptor(7), 1));
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(error.to_string(), "cannot close descriptor 7");
    }

    #[test]
    fn an_unknown_error_number_is_shown_as_a_number() {
        assert_eq!(Cause::Os(4095).to_string(), "error 4095");
    }
}
