// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors: what was tried, on what, at which step, and why it failed.
//!
//! An [`Error`] displays the operation and its object; the chain of its sources goes on with the step of the plan, who
//! performed it, and the kernel's answer. [`Report`](crate::Report) prints the chain, a line each.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::PathBuf;

use nix::errno::Errno;

pub use skep_ns::ErrorKind;

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

/// What an operation was done to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Object {
    /// A container; without a name if it is an anonymous one.
    Container(Option<String>),
    /// A program to execute.
    Program(PathBuf),
    /// A file or directory.
    Path(PathBuf),
    /// Something with a fixed name, such as "the launcher".
    Named(&'static str),
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Object::Container(Some(name)) => write!(f, "container {name:?}"),
            Object::Container(None) => f.write_str("the container"),
            Object::Program(path) | Object::Path(path) => write!(f, "{path:?}"),
            Object::Named(name) => f.write_str(name),
        }
    }
}

/// What is below an [`Error`].
#[derive(Debug)]
pub(crate) enum Cause {
    /// The kernel's answer.
    Os(i32),
    /// The kernel's answer, and what it means here.
    Explained(i32, &'static str),
    /// A step of the plan, and the kernel's answer to it.
    Step { place: String, source: Box<Cause> },
    /// What is wrong with the request, or what happened, a sentence each.
    Problems(Vec<String>),
    /// A leaf's error.
    Leaf(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Os(errno) => write_errno(f, *errno),
            Cause::Explained(0, why) => f.write_str(why),
            Cause::Explained(errno, why) => {
                write!(f, "{why}: ")?;
                write_errno(f, *errno)
            }
            Cause::Step { place, .. } => f.write_str(place),
            Cause::Problems(problems) => f.write_str(&problems.join("\n")),
            Cause::Leaf(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Cause::Step { source, .. } => Some(source),
            Cause::Leaf(error) => error.source(),
            Cause::Os(_) | Cause::Explained(..) | Cause::Problems(_) => None,
        }
    }
}

impl Cause {
    fn errno(&self) -> Option<i32> {
        match self {
            Cause::Os(errno) | Cause::Explained(errno, _) => Some(*errno).filter(|errno| *errno != 0),
            Cause::Step { source, .. } => source.errno(),
            Cause::Leaf(error) => error.downcast_ref::<skep_ns::Error>().and_then(skep_ns::Error::errno),
            Cause::Problems(_) => None,
        }
    }
}

/// The kernel's text and name of an error number: "No such file or directory (ENOENT)".
fn write_errno(f: &mut fmt::Formatter<'_>, errno: i32) -> fmt::Result {
    match Errno::from_raw(errno) {
        Errno::UnknownErrno => write!(f, "error {errno}"),
        known => write!(f, "{} ({known:?})", known.desc()),
    }
}

impl Error {
    pub(crate) fn new(op: &'static str, object: Object, kind: ErrorKind, source: Cause) -> Self {
        Self(Box::new(Inner { op, object, kind, hint: None, source }))
    }

    /// A refusal of the kernel.
    pub(crate) fn os(op: &'static str, object: Object, errno: i32) -> Self {
        Self::new(op, object, ErrorKind::of_errno(errno), Cause::Os(errno))
    }

    /// A request that makes no sense: every problem found, a sentence each.
    pub(crate) fn invalid(op: &'static str, object: Object, problems: Vec<String>) -> Self {
        Self::new(op, object, ErrorKind::Invalid, Cause::Problems(problems))
    }

    /// A failure that is not an error number: what happened, in a sentence.
    pub(crate) fn because(op: &'static str, object: Object, kind: ErrorKind, why: String) -> Self {
        Self::new(op, object, kind, Cause::Problems(vec![why]))
    }

    /// A failure of the namespace crate, in the course of something larger.
    pub(crate) fn of_ns(op: &'static str, object: Object, error: skep_ns::Error) -> Self {
        let kind = error.kind();
        let hint = error.hint().map(str::to_owned);
        let new = Self::new(op, object, kind, Cause::Leaf(Box::new(error)));
        match hint {
            Some(hint) => new.with_hint(hint),
            None => new,
        }
    }

    /// Adds what to do about it; only where that is certain.
    pub(crate) fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The class of the failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The kernel's error number, if the kernel refused.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        self.0.source.errno()
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
            Cause::Leaf(error) => error.downcast_ref::<skep_ns::Error>().map_or(&[], skep_ns::Error::problems),
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
            _ => error.errno().map_or(io::ErrorKind::Other, |errno| io::Error::from_raw_os_error(errno).kind()),
        };
        io::Error::new(kind, error)
    }
}
