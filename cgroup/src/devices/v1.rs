// SPDX-License-Identifier: MIT OR Apache-2.0
//! Version 1: one default, and exceptions to it that all point the same way.
//!
//! Where the default is to deny, an access is allowed if one exception allows all of it; where it is to allow, it is denied
//! if one exception denies any of it. An exception for one device cannot take back what one for all devices says: the
//! kernel takes such a line and does nothing. So what a group shall have is compared with what can be expressed before
//! anything is written.
//!
//! A line with an "a" sets the default, and forgets the exceptions. It is needed to change the default, and where it is to
//! allow, because then the kernel does not tell what the exceptions are; for a moment a group has then fewer devices
//! than before or after, or more. A group whose default stays to deny has neither: what is new is added, then what is not
//! wanted any more is taken away.
//!
//! Kernel: security/device_cgroup.c.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;

use super::refused::is_admin;
use super::table::Place;
use super::{DeviceAccess, DeviceRules, DeviceVerdict, Devices, Table};
use crate::error::{Error, ErrorKind, Object};
use crate::group::Directory;

pub(crate) const ALLOW: &str = "devices.allow";
const DENY: &str = "devices.deny";
const LIST: &str = "devices.list";

/// What a group of version 1 has: a default, and what is otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) default: DeviceVerdict,
    pub(crate) exceptions: BTreeMap<Place, DeviceAccess>,
}

/// A line to be written: whether it allows, and what.
pub(super) type Line = (DeviceVerdict, Devices);

/// Why version 1 cannot express the rules, if it cannot.
pub(crate) fn lack(rules: &DeviceRules) -> Option<String> {
    plan(rules).err()
}

/// The default and the exceptions that mean the same.
pub(crate) fn plan(rules: &DeviceRules) -> Result<Plan, String> {
    let table = Table::of(rules);
    let all = |access| table.iter().all(|(_, allowed)| allowed == access);
    if all(DeviceAccess::ALL) {
        return Ok(Plan { default: DeviceVerdict::Allow, exceptions: BTreeMap::new() });
    }
    // To deny comes first: what is allowed then can be read back, and fits into a group that denies.
    let denying = with_default(&table, DeviceVerdict::Deny);
    match (denying, with_default(&table, DeviceVerdict::Allow)) {
        (Ok(plan), _) | (Err(_), Ok(plan)) => Ok(plan),
        (Err(denying), Err(allowing)) => Err(match rules.default_verdict() {
            DeviceVerdict::Deny => denying,
            DeviceVerdict::Allow => allowing,
        }),
    }
}

fn with_default(table: &Table, default: DeviceVerdict) -> Result<Plan, String> {
    // What an exception says, of what is allowed.
    let said = |allowed: DeviceAccess| match default {
        DeviceVerdict::Deny => allowed,
        DeviceVerdict::Allow => !allowed,
    };
    for place in crossings(table) {
        let wanted = said(table.at(place));
        for general in place.upwards() {
            let beyond = table.get(general).map(said).unwrap_or_default().without(wanted);
            if !beyond.is_empty() {
                let (taken, given) = match default {
                    DeviceVerdict::Deny => ("deny", "allowed"),
                    DeviceVerdict::Allow => ("allow", "denied"),
                };
                let (inner, outer) = (place.with(beyond), general.with(beyond));
                return Err(format!("version 1 cannot {taken} \"{inner}\" where \"{outer}\" is {given}"));
            }
        }
    }
    let exceptions = table.iter().map(|(place, allowed)| (place, said(allowed)));
    Ok(Plan { default, exceptions: exceptions.filter(|(_, access)| !access.is_empty()).collect() })
}

/// The places of a table, and where those of major and of minor numbers meet.
fn crossings(table: &Table) -> BTreeSet<Place> {
    let mut places: BTreeSet<Place> = table.iter().map(|(place, _)| place).collect();
    let majors: Vec<_> =
        places.iter().filter(|place| place.major.is_some() && place.minor.is_none()).copied().collect();
    let minors: Vec<_> =
        places.iter().filter(|place| place.major.is_none() && place.minor.is_some()).copied().collect();
    for major in majors {
        let of_kind = minors.iter().filter(|minor| minor.kind == major.kind);
        places.extend(of_kind.map(|minor| Place::new(major.kind, major.major, minor.minor)));
    }
    places
}

/// The lines that lead from what a group has to what it shall have. `now` is `None` where the default is to allow: what
/// is denied is not known then.
pub(super) fn lines(now: Option<&Plan>, wanted: &Plan) -> Vec<Line> {
    let exception = match wanted.default {
        DeviceVerdict::Deny => DeviceVerdict::Allow,
        DeviceVerdict::Allow => DeviceVerdict::Deny,
    };
    let nothing = BTreeMap::new();
    let (mut lines, before) = match now {
        Some(now) if now.default == DeviceVerdict::Deny && wanted.default == DeviceVerdict::Deny => {
            (Vec::new(), &now.exceptions)
        }
        _ => (vec![(wanted.default, Devices::ALL)], &nothing),
    };
    let differ = |these: &BTreeMap<Place, DeviceAccess>, others: &BTreeMap<Place, DeviceAccess>| {
        let beyond = these
            .iter()
            .map(|(place, access)| (*place, access.without(others.get(place).copied().unwrap_or_default())));
        beyond.filter(|(_, access)| !access.is_empty()).collect::<Vec<_>>()
    };
    lines.extend(differ(&wanted.exceptions, before).into_iter().map(|(place, new)| (exception, place.with(new))));
    lines.extend(differ(before, &wanted.exceptions).into_iter().map(|(place, old)| (wanted.default, place.with(old))));
    lines
}

/// What `devices.list` says; `None` if the default is to allow, and what is denied not told.
pub(super) fn list(text: &str) -> Result<Option<Plan>, String> {
    let mut exceptions: BTreeMap<Place, DeviceAccess> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let devices: Devices = line.parse().map_err(|error: Error| error.problems().join("; "))?;
        let Some(kind) = devices.kind else { return Ok(None) };
        let allowed = exceptions.entry(Place::new(kind, devices.major, devices.minor)).or_default();
        *allowed = *allowed | devices.access;
    }
    Ok(Some(Plan { default: DeviceVerdict::Deny, exceptions }))
}

/// The rules of a group; `None` if it does not tell.
pub(super) fn read(group: &Directory) -> Result<Option<DeviceRules>, Error> {
    Ok(current(group)?.map(|plan| {
        let allow = |rules: DeviceRules, (place, access): (&Place, &DeviceAccess)| rules.allow(place.with(*access));
        plan.exceptions.iter().fold(DeviceRules::deny_all(), allow).normal()
    }))
}

fn current(group: &Directory) -> Result<Option<Plan>, Error> {
    list(&group.read(LIST)?).map_err(|problem| {
        Error::because("read", Object::Path(group.path().join(LIST)), ErrorKind::Unsupported, problem)
    })
}

/// Gives the group these rules.
pub(crate) fn apply(group: &Directory, rules: &DeviceRules) -> Result<(), Error> {
    let unable =
        |why| Error::because("apply device rules to", Object::Group(group.path().into()), ErrorKind::Unsupported, why);
    let wanted = plan(rules).map_err(unable)?;
    let lines = lines(current(group)?.as_ref(), &wanted);
    let file = |verdict| if verdict == DeviceVerdict::Allow { ALLOW } else { DENY };
    let mut open: Option<(DeviceVerdict, OwnedFd)> = None;
    let mut write = |verdict: DeviceVerdict, text: String| {
        let (_, file_of_it) = match open.take().filter(|(known, _)| *known == verdict) {
            Some(known) => open.insert(known),
            None => open.insert((verdict, group.open_to_write(file(verdict), &text)?)),
        };
        group.write_to(file_of_it, file(verdict), &text)
    };
    for (at, (verdict, devices)) in lines.iter().enumerate() {
        if let Err(error) = write(*verdict, devices.to_string()) {
            // Nobody has more than before: what was allowed so far is taken back.
            let allowed = lines.iter().take(at).filter(|(verdict, _)| *verdict == DeviceVerdict::Allow);
            for (_, devices) in allowed.filter(|_| wanted.default == DeviceVerdict::Deny) {
                let _refused = group.write(DENY, &devices.to_string());
            }
            return Err(explain(group, file(*verdict), devices, error));
        }
    }
    Ok(())
}

fn explain(group: &Directory, file: &str, devices: &Devices, error: Error) -> Error {
    let object = Object::Value { text: devices.to_string(), file: group.path().join(file) };
    let raw = error.errno().unwrap_or_default();
    match error.kind() {
        ErrorKind::Denied if raw == 1 && is_admin() => {
            let why = "the group above does not allow that itself";
            Error::explained("write", object, ErrorKind::Denied, raw, why)
        }
        ErrorKind::Denied if raw == 1 => {
            let why = "device rules take CAP_SYS_ADMIN of the first user namespace: the root of another one has it not";
            Error::explained("write", object, ErrorKind::Denied, raw, why)
        }
        ErrorKind::Invalid if *devices == Devices::ALL => {
            let why = "the group has groups below it, and its default cannot be changed any more";
            Error::explained("write", object, ErrorKind::WrongState, raw, why)
        }
        _ => error,
    }
}
