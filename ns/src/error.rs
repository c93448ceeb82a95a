// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors: what was tried, on what, and why it failed.
//!
//! An [`Error`] displays the operation and its object ("cannot start "/bin/web""); the cause is its
//! [`source`](std::error::Error::source), so that a report can print the chain a line each. Nothing is formatted before
//! somebody asks.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::PathBuf;

use nix::errno::Errno;

use crate::kind::NamespaceKind;

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
    /// The kernel, a security module or a helper program refused.
    Denied,
    /// This kernel or machine cannot do it.
    Unsupported,
    /// A limit of this process or of the machine was reached: descriptors, processes, memory.
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

    /// The class that std has for it: for what std has none for, that of the kernel's error number.
    #[must_use]
    pub fn of_std(self, errno: Option<i32>) -> io::ErrorKind {
        match self {
            Self::NotFound => io::ErrorKind::NotFound,
            Self::Denied | Self::NotExecutable => io::ErrorKind::PermissionDenied,
            Self::Unsupported => io::ErrorKind::Unsupported,
            Self::Busy => io::ErrorKind::ResourceBusy,
            Self::Invalid => io::ErrorKind::InvalidInput,
            Self::TimedOut => io::ErrorKind::TimedOut,
            Self::Exhausted | Self::WrongState | Self::Os => {
                errno.map_or(io::ErrorKind::Other, |errno| io::Error::from_raw_os_error(errno).kind())
            }
        }
    }
}

/// What an operation was done to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Object {
    /// A file or directory.
    Path(PathBuf),
    /// A program to execute.
    Program(PathBuf),
    /// A process, by its number in the caller's pid namespace.
    Pid(u32),
    /// A descriptor.
    Descriptor(i32),
    /// The namespace of this kind of a process or thread, with its number in the caller's pid namespace if that is known.
    Namespace(NamespaceKind, Option<u32>),
    /// A user or group, by name or number.
    Account(String),
    /// A key of sysctl(8), with dots.
    Key(String),
    /// A network link, by its name, or by `#` and its number.
    Link(String),
    /// What a net namespace keeps, in words: "the route 10.0.3.0/24".
    Network(String),
    /// Something with a fixed name, such as "id map".
    Named(&'static str),
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Object::Path(path) | Object::Program(path) => write!(f, "{path:?}"),
            Object::Pid(pid) => write!(f, "process {pid}"),
            Object::Descriptor(fd) => write!(f, "descriptor {fd}"),
            Object::Namespace(kind, None) => write!(f, "the {kind} namespace of a process"),
            Object::Namespace(kind, Some(pid)) => write!(f, "the {kind} namespace of process {pid}"),
            Object::Account(name) => write!(f, "{name:?}"),
            Object::Key(key) => f.write_str(key),
            Object::Link(name) => write!(f, "the link {name:?}"),
            Object::Network(words) => f.write_str(words),
            Object::Named(name) => f.write_str(name),
        }
    }
}

/// What is below an [`Error`]: the kernel's answer, or what was found wrong with the request.
#[derive(Debug)]
enum Cause {
    Os(i32),
    Explained(i32, &'static str),
    #[cfg(feature = "net")]
    Told(i32, String),
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
            #[cfg(feature = "net")]
            Cause::Told(errno, words) => {
                write!(f, "{words}: ")?;
                write_errno(f, *errno)
            }
            Cause::Problems(problems) => f.write_str(&problems.join("\n")),
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

impl Error {
    /// A refusal of the kernel.
    pub(crate) fn os(op: &'static str, object: Object, errno: i32) -> Self {
        Self::new(op, object, ErrorKind::of_errno(errno), Cause::Os(errno))
    }

    /// A refusal of the kernel whose number alone would mislead: `why` says what it means here.
    pub(crate) fn explained(op: &'static str, object: Object, kind: ErrorKind, errno: i32, why: &'static str) -> Self {
        Self::new(op, object, kind, Cause::Explained(errno, why))
    }

    /// A refusal of the kernel whose number is of another class here than elsewhere.
    #[cfg(feature = "net")]
    pub(crate) fn of_kind(op: &'static str, object: Object, kind: ErrorKind, errno: i32) -> Self {
        Self::new(op, object, kind, Cause::Os(errno))
    }

    /// A refusal of the kernel with words of its own.
    #[cfg(feature = "net")]
    pub(crate) fn told(op: &'static str, object: Object, kind: ErrorKind, errno: i32, words: String) -> Self {
        Self::new(op, object, kind, Cause::Told(errno, words))
    }

    /// A request that makes no sense: every problem found, a sentence each.
    pub(crate) fn invalid(op: &'static str, object: Object, problems: Vec<String>) -> Self {
        Self::new(op, object, ErrorKind::Invalid, Cause::Problems(problems))
    }

    /// A failure that is not an error number: what happened, in a sentence.
    pub(crate) fn because(op: &'static str, object: Object, kind: ErrorKind, why: String) -> Self {
        Self::new(op, object, kind, Cause::Problems(vec![why]))
    }

    fn new(op: &'static str, object: Object, kind: ErrorKind, source: Cause) -> Self {
        Self(Box::new(Inner { op, object, kind, hint: None, source }))
    }

    /// Of another class than its number has elsewhere.
    #[cfg(feature = "net")]
    pub(crate) fn into_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Adds what to do about it; only where that is certain.
    pub(crate) fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// What was tried: a verb, such as "start" or "execute".
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
            Cause::Os(errno) => Some(errno),
            #[cfg(feature = "net")]
            Cause::Told(errno, _) => Some(errno),
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
        const EMFILE: i32 = 24;
        let limit = || {
            (self.errno() == Some(EMFILE))
                .then_some("the limit on open descriptors of this process is reached (ulimit -n)")
        };
        self.0.hint.as_deref().or_else(limit)
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
        io::Error::new(error.kind().of_std(error.errno()), error)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn the_sentence_names_operation_and_object_and_leaves_the_cause_to_source() {
        let error = Error::os("start", Object::Program("/bin/web".into()), 2);
        assert_eq!(error.to_string(), "cannot start \"/bin/web\"");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("No such file or directory (ENOENT)"));
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.errno(), Some(2));
    }

    #[test]
    fn an_io_error_keeps_the_kind_and_the_sentence() {
        let error = io::Error::from(Error::os("open", Object::Pid(7), 1));
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(error.to_string(), "cannot open process 7");
    }

    #[test]
    fn an_unknown_error_number_is_shown_as_a_number() {
        assert_eq!(Cause::Os(4095).to_string(), "error 4095");
    }
}
