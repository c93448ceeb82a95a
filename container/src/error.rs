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
pub(crate) struct Inner {
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
    /// A part of a step, in words of the leaf that it belongs to, and the kernel's answer to it.
    Part { part: String, errno: i32 },
    /// A leaf's error.
    Leaf(Leaf),
    /// Another error of this crate, at a step of the plan.
    Whole(Box<Inner>),
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
            Cause::Part { part, errno } => {
                write!(f, "{part}: ")?;
                write_errno(f, *errno)
            }
            Cause::Leaf(leaf) => fmt::Display::fmt(leaf.as_error(), f),
            Cause::Whole(inner) => inner.fmt(f),
        }
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Cause::Step { source, .. } => Some(source),
            Cause::Leaf(leaf) => leaf.as_error().source(),
            Cause::Whole(inner) => inner.source(),
            Cause::Os(_) | Cause::Explained(..) | Cause::Part { .. } | Cause::Problems(_) => None,
        }
    }
}

/// An error of one of the crates that this one composes.
#[derive(Debug)]
pub(crate) enum Leaf {
    Ns(skep_ns::Error),
    Cgroup(skep_cgroup::Error),
    Rootfs(skep_rootfs::Error),
    CapsSec(skep_caps_sec::Error),
}

/// The same method of whichever it is: their errors are alike, and know nothing of each other.
macro_rules! of_each {
    ($leaf:expr, $error:ident => $answer:expr) => {
        match $leaf {
            Leaf::Ns($error) => $answer,
            Leaf::Cgroup($error) => $answer,
            Leaf::Rootfs($error) => $answer,
            Leaf::CapsSec($error) => $answer,
        }
    };
}

impl Leaf {
    fn as_error(&self) -> &(dyn std::error::Error + 'static) {
        of_each!(self, error => error)
    }

    fn errno(&self) -> Option<i32> {
        of_each!(self, error => error.errno())
    }

    fn hint(&self) -> Option<&str> {
        of_each!(self, error => error.hint())
    }

    fn problems(&self) -> &[String] {
        of_each!(self, error => error.problems())
    }

    /// The class of the failure: their names are the same everywhere, and so are their texts.
    fn kind(&self) -> ErrorKind {
        macro_rules! translated {
            ($krate:ident, $error:expr) => {
                match $error.kind() {
                    $krate::ErrorKind::NotFound => ErrorKind::NotFound,
                    $krate::ErrorKind::Denied => ErrorKind::Denied,
                    $krate::ErrorKind::Unsupported => ErrorKind::Unsupported,
                    $krate::ErrorKind::Exhausted => ErrorKind::Exhausted,
                    $krate::ErrorKind::Busy => ErrorKind::Busy,
                    $krate::ErrorKind::Invalid => ErrorKind::Invalid,
                    $krate::ErrorKind::WrongState => ErrorKind::WrongState,
                    $krate::ErrorKind::TimedOut => ErrorKind::TimedOut,
                    _ => ErrorKind::Os,
                }
            };
        }
        match self {
            Leaf::Ns(error) => error.kind(),
            Leaf::Cgroup(error) => translated!(skep_cgroup, error),
            Leaf::Rootfs(error) => translated!(skep_rootfs, error),
            Leaf::CapsSec(error) => translated!(skep_caps_sec, error),
        }
    }
}

macro_rules! from_leaf {
    ($($krate:ident => $leaf:ident),*) => {
        $(impl From<$krate::Error> for Leaf {
            fn from(error: $krate::Error) -> Self {
                Leaf::$leaf(error)
            }
        })*
    };
}
from_leaf!(skep_ns => Ns, skep_cgroup => Cgroup, skep_rootfs => Rootfs, skep_caps_sec => CapsSec);

impl Cause {
    fn errno(&self) -> Option<i32> {
        match self {
            Cause::Os(errno) | Cause::Explained(errno, _) => Some(*errno).filter(|errno| *errno != 0),
            Cause::Step { source, .. } => source.errno(),
            Cause::Part { errno, .. } => Some(*errno),
            Cause::Leaf(leaf) => leaf.errno(),
            Cause::Whole(inner) => inner.source.errno(),
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

    /// A failure of a leaf, in the course of something larger.
    pub(crate) fn of_leaf(op: &'static str, object: Object, error: impl Into<Leaf>) -> Self {
        let leaf = error.into();
        let hint = leaf.hint().map(str::to_owned);
        let new = Self::new(op, object, leaf.kind(), Cause::Leaf(leaf));
        match hint {
            Some(hint) => new.with_hint(hint),
            None => new,
        }
    }

    /// A failure of std's.
    pub(crate) fn io(op: &'static str, object: Object, error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(errno) => Self::os(op, object, errno),
            None => Self::because(op, object, ErrorKind::Os, error.to_string()),
        }
    }

    /// The same failure, as that of doing `operation` to `object` at this place of its plan.
    pub(crate) fn at(self, place: String, operation: &'static str, object: Object) -> Self {
        let Inner { op, object: inner, kind, hint, source } = *self.0;
        // What says no more than the step itself does not stand between the step and its cause.
        let source = match source {
            Cause::Problems(_) if kind == ErrorKind::Invalid => {
                return Self(Box::new(Inner { op, object: inner, kind, hint, source }));
            }
            source if inner == object => source,
            source => Cause::Whole(Box::new(Inner { op, object: inner, kind, hint: None, source })),
        };
        let source = Cause::Step { place, source: Box::new(source) };
        Self(Box::new(Inner { op: operation, object, kind, hint, source }))
    }

    /// Adds what to do about it; only where that is certain.
    pub(crate) fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds which limit was reached, if one was.
    pub(crate) fn with_hint_of_limits(self) -> Self {
        match self.errno().map(Errno::from_raw) {
            Some(Errno::EMFILE) => {
                self.with_hint("the limit on open descriptors of this process is reached (ulimit -n)")
            }
            Some(Errno::ENFILE) => self.with_hint("the machine's limit on open files is reached (sysctl fs.file-max)"),
            Some(Errno::EFBIG) => {
                self.with_hint("the limit on the size of files of this process is reached (ulimit -f)")
            }
            _ => self,
        }
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
            Cause::Leaf(leaf) => leaf.problems(),
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
    use super::*;

    // The leaves do not know each other, and each has these classes anew: here they are held to be the same.
    #[test]
    fn an_error_number_is_of_one_class_in_every_leaf() {
        for errno in 0..=133 {
            let ours = format!("{:?}", ErrorKind::of_errno(errno));
            let theirs = [
                format!("{:?}", skep_cgroup::ErrorKind::of_errno(errno)),
                format!("{:?}", skep_rootfs::ErrorKind::of_errno(errno)),
                format!("{:?}", skep_caps_sec::ErrorKind::of_errno(errno)),
            ];
            assert!(theirs.iter().all(|kind| *kind == ours), "{errno}: {ours} {theirs:?}");
        }
    }
}
