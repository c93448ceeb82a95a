// SPDX-License-Identifier: MIT OR Apache-2.0
//! Trouble: why a conversation failed, before it is known what for it was held.

use std::borrow::Cow;
use std::fmt;

use rustix::io::Errno;

use super::read::Malformed;
use crate::error::{Error, ErrorKind, Object};
use crate::value::shown;

/// Why a conversation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::systemd) enum Trouble {
    /// The kernel refused.
    Os(Errno),
    /// The deadline has passed.
    Late,
    /// The other side has closed the connection.
    Closed,
    /// What came is not what was agreed on.
    Malformed(&'static str),
    /// What is there is not whose it was to be: why.
    Foreign(&'static str),
    /// We were not let in.
    Rejected,
    /// The other side answers that it will not: the name of its error, and its text.
    Refused(String, String),
}

impl From<Errno> for Trouble {
    fn from(errno: Errno) -> Self {
        Self::Os(errno)
    }
}

impl From<Malformed> for Trouble {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed.0)
    }
}

impl Trouble {
    /// The class of the failure.
    pub(in crate::systemd) fn kind(&self) -> ErrorKind {
        match self {
            Self::Os(Errno::CONNREFUSED) => ErrorKind::NotFound,
            Self::Os(errno) => ErrorKind::of_errno(errno.raw_os_error()),
            Self::Late => ErrorKind::TimedOut,
            Self::Closed | Self::Malformed(_) => ErrorKind::Os,
            Self::Rejected | Self::Foreign(_) => ErrorKind::Denied,
            Self::Refused(name, _) => kind_of(name),
        }
    }

    /// The error of an operation that failed so.
    pub(in crate::systemd) fn of(self, op: &'static str, object: Object) -> Error {
        match self {
            Self::Os(errno) => Error::os(op, object, errno.raw_os_error()),
            other => Error::because(op, object, other.kind(), other.to_string()),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Os(errno) => write!(f, "{}", std::io::Error::from(*errno)),
            Self::Late => f.write_str("there was no answer before the deadline"),
            Self::Closed => f.write_str("the other side has closed the connection"),
            Self::Malformed(why) => write!(f, "what came is no message of D-Bus: {why}"),
            Self::Foreign(why) => f.write_str(why),
            Self::Rejected => f.write_str("the other side does not let this user in"),
            Self::Refused(name, text) if text.is_empty() => f.write_str(&words(name)),
            Self::Refused(name, text) => write!(f, "{} ({})", words(text), words(name)),
        }
    }
}

/// Somebody else's words, of any length: as they are if they are a line or two of text.
pub(in crate::systemd) fn words(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 500;
    let is_plain = |c: char| "\"'\\".contains(c) || c.escape_debug().count() == 1;
    if text.len() <= LONGEST && text.chars().all(is_plain) { text.into() } else { shown(text).into() }
}

/// The class of an error by its name: D-Bus', systemd's, or one that systemd makes of an error number.
fn kind_of(name: &str) -> ErrorKind {
    let word = name.rsplit('.').next().unwrap_or(name);
    match word {
        "NoSuchUnit"
        | "NoSuchJob"
        | "NoSuchProcess"
        | "UnixProcessIdUnknown"
        | "FileNotFound"
        | "ServiceUnknown"
        | "NameHasNoOwner"
        | "NoUnitForPID"
        | "ENOENT"
        | "ESRCH" => ErrorKind::NotFound,
        "UnitExists" | "EEXIST" | "EBUSY" => ErrorKind::Busy,
        "AccessDenied" | "InteractiveAuthorizationRequired" | "AuthFailed" | "EACCES" | "EPERM" => ErrorKind::Denied,
        "UnknownMethod" | "UnknownInterface" | "UnknownObject" | "UnknownProperty" | "PropertyReadOnly"
        | "NotSupported" | "EOPNOTSUPP" | "ENOSYS" => ErrorKind::Unsupported,
        "InvalidArgs" | "InvalidSignature" | "BadUnitSetting" | "EINVAL" => ErrorKind::Invalid,
        "LimitsExceeded" | "NoMemory" | "ENOMEM" | "ENOSPC" => ErrorKind::Exhausted,
        "Timeout" | "TimedOut" | "NoReply" | "ETIMEDOUT" => ErrorKind::TimedOut,
        "UnitMasked"
        | "NotReferenced"
        | "JobTypeNotApplicable"
        | "TransactionIsDestructive"
        | "ShuttingDown"
        | "ScopeNotRunning"
        | "UnitInactive"
        | "OnlyByDependency" => ErrorKind::WrongState,
        _ => ErrorKind::Os,
    }
}
