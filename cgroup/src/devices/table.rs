// SPDX-License-Identifier: MIT OR Apache-2.0
//! The normal form: what is allowed to which devices, where the most specific counts.
//!
//! Every rule names a number or all of them. So a number that no rule names is like any other of its kind, and rules have
//! no more than four sorts of places to differ: one device (`1:3`), the rest of a major number (`1:*`), the rest of a
//! minor number (`*:3`), and the rest (`*:*`). In this order they count; what says no more than the next is left out, so
//! that there is one table for each meaning.

use std::collections::{BTreeMap, BTreeSet};

use super::{DeviceAccess, DeviceKind, DeviceRule, DeviceRules, DeviceVerdict, Devices};

/// A place of the table. In this order the more general comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) kind: DeviceKind,
    pub(crate) major: Option<u32>,
    pub(crate) minor: Option<u32>,
}

impl Place {
    pub(crate) const fn new(kind: DeviceKind, major: Option<u32>, minor: Option<u32>) -> Self {
        Self { kind, major, minor }
    }

    /// The kernel's words for this access to it.
    pub(crate) fn with(self, access: DeviceAccess) -> Devices {
        Devices { kind: Some(self.kind), major: self.major, minor: self.minor, access }
    }

    /// Itself and what is more general, the most specific first.
    pub(crate) fn upwards(self) -> [Self; 4] {
        let Self { kind, major, minor } = self;
        [self, Self::new(kind, major, None), Self::new(kind, None, minor), Self::new(kind, None, None)]
    }
}

/// What is allowed at each place that says something of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Table(BTreeMap<Place, DeviceAccess>);

impl Table {
    /// What the rules mean.
    pub(crate) fn of(rules: &DeviceRules) -> Self {
        let mut table = Self::default();
        for kind in DeviceKind::ALL {
            // Both have a line for the rest, so that a look-up always finds one.
            table.set(Place::new(kind, None, None), rules.at(kind, None, None));
            for place in places(rules, kind) {
                let allowed = rules.at(kind, place.major, place.minor);
                if allowed != table.at(place) {
                    table.set(place, allowed);
                }
            }
        }
        table
    }

    /// What is allowed at a place; a number of `None` is one that has no place of its own.
    pub(crate) fn at(&self, place: Place) -> DeviceAccess {
        place.upwards().iter().find_map(|place| self.0.get(place)).copied().unwrap_or_default()
    }

    /// Notes what is allowed at a place.
    pub(crate) fn set(&mut self, place: Place, access: DeviceAccess) {
        self.0.insert(place, access);
    }

    /// What is said of this very place, if anything is.
    pub(crate) fn get(&self, place: Place) -> Option<DeviceAccess> {
        self.0.get(&place).copied()
    }

    /// The places and what is allowed there, the more general first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Place, DeviceAccess)> {
        self.0.iter().map(|(place, access)| (*place, *access))
    }

    /// What another allows beyond this, at the places where they differ.
    #[cfg(feature = "systemd")]
    pub(crate) fn beyond(&self, other: &Self) -> Vec<Devices> {
        let places: BTreeSet<Place> = self.0.keys().chain(other.0.keys()).copied().collect();
        let majors: BTreeSet<_> = places.iter().filter_map(|place| Some((place.kind, place.major?))).collect();
        let minors: BTreeSet<_> = places.iter().filter_map(|place| Some((place.kind, place.minor?))).collect();
        let meet = majors.iter().flat_map(|(kind, major)| {
            let of_kind = minors.iter().filter(move |(other, _)| other == kind);
            of_kind.map(|(_, minor)| Place::new(*kind, Some(*major), Some(*minor)))
        });
        let all: BTreeSet<Place> = meet.chain(places.iter().copied()).collect();
        let beyond = |place: &Place| other.at(*place).without(self.at(*place));
        // What is said of a place is not said once more of those within it.
        let is_new = |place: &&Place| {
            let said = place.upwards().into_iter().skip(1).filter(|above| all.contains(above) && above != *place);
            said.fold(DeviceAccess::NONE, |said, above| said | beyond(&above)) != beyond(place)
        };
        let found = all.iter().filter(is_new).map(|place| place.with(beyond(place)));
        found.filter(|devices| !devices.access.is_empty()).collect()
    }

    /// The rules that mean this, in the order of the places.
    pub(crate) fn rules(&self) -> DeviceRules {
        let rest = |kind| self.at(Place::new(kind, None, None));
        let mut rules = match DeviceKind::ALL.map(rest) {
            [DeviceAccess::ALL, DeviceAccess::ALL] => DeviceRules::allow_all(),
            _ => DeviceRules::deny_all(),
        };
        for (place, wanted) in self.iter() {
            let before = rules.at(place.kind, place.major, place.minor);
            // `1:*` comes behind every `*:3`, and has to override it where they meet.
            let meets = |other: &Place| other.kind == place.kind && other.major.is_none() && other.minor.is_some();
            let is_rest_of_major = place.major.is_some() && place.minor.is_none();
            let before = if is_rest_of_major && self.0.keys().any(meets) { !wanted } else { before };
            for (verdict, access) in
                [(DeviceVerdict::Allow, wanted.without(before)), (DeviceVerdict::Deny, before.without(wanted))]
            {
                if !access.is_empty() {
                    rules = rules.rule(DeviceRule { verdict, devices: place.with(access) });
                }
            }
        }
        rules
    }
}

/// Every place but `*:*` where these rules may say something of its own, the more general first.
fn places(rules: &DeviceRules, kind: DeviceKind) -> BTreeSet<Place> {
    let named = rules.rules.iter().map(|rule| rule.devices).filter(|devices| devices.kind.is_none_or(|k| k == kind));
    let mut places: BTreeSet<Place> = named.map(|found| Place::new(kind, found.major, found.minor)).collect();
    // Where the rest of a major number and the rest of a minor number meet, the later rule counts.
    let majors: Vec<_> = places.iter().filter(|found| found.minor.is_none()).filter_map(|found| found.major).collect();
    let minors: Vec<_> = places.iter().filter(|found| found.major.is_none()).filter_map(|found| found.minor).collect();
    for major in majors {
        places.extend(minors.iter().map(|minor| Place::new(kind, Some(major), Some(*minor))));
    }
    places
}
