// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors of units: what systemd answers, with what one can do about it.

use super::dbus::Trouble;
use crate::error::{Error, ErrorKind, Object};

/// What a unit is, in an error.
pub(super) fn object(name: &str) -> Object {
    Object::Unit(name.to_owned())
}

/// The error of an operation on a unit.
pub(super) fn of_unit(op: &'static str, name: &str, trouble: Trouble) -> Error {
    let hint = match &trouble {
        Trouble::Refused(error, _) => hint(error, name),
        Trouble::Late => Some(format!(
            "`systemctl status {name}` tells what has become of it, and `systemctl list-jobs` what is waited for"
        )),
        _ => None,
    };
    let error = trouble.of(op, object(name));
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn hint(error: &str, name: &str) -> Option<String> {
    Some(match error.rsplit('.').next()? {
        "UnitExists" => {
            format!(
                "take another name, or stop the unit; if it has failed, `systemctl reset-failed {name}` has it forgotten"
            )
        }
        "InteractiveAuthorizationRequired" | "AccessDenied" => {
            "ask the user's own manager (Systemd::user), or be root".to_owned()
        }
        _ => return None,
    })
}

/// The error of a job that has ended otherwise than done, and what the unit says of itself.
pub(super) fn of_job(op: &'static str, name: &str, result: &str, state: Option<String>) -> Error {
    let (kind, why) = match result {
        "failed" => (ErrorKind::WrongState, "it has failed"),
        "dependency" => (ErrorKind::WrongState, "a unit that it depends on has failed"),
        "timeout" => (ErrorKind::TimedOut, "it took longer than systemd waits"),
        "canceled" => (ErrorKind::WrongState, "another request has taken its place, or somebody has cancelled it"),
        "skipped" => (ErrorKind::WrongState, "it does not apply to the unit as it is"),
        "invalid" | "unsupported" => (ErrorKind::Unsupported, "the unit cannot do that"),
        "collected" | "once" => (ErrorKind::WrongState, "the unit was gone before it was done"),
        _ => (ErrorKind::Os, "it has ended in a way that is not known here"),
    };
    let of = state.map(|state| format!("; {state}")).unwrap_or_default();
    let why = format!("systemd's job is not done ({}): {why}{of}", crate::value::shown(result).trim_matches('"'));
    Error::because(op, object(name), kind, why).with_hint(format!("`systemctl status {name}` tells more"))
}
