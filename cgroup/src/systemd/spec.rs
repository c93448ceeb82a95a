// SPDX-License-Identifier: MIT OR Apache-2.0
//! The description of a unit: a value, checked before anybody is asked.

use std::collections::BTreeMap;
use std::time::Duration;

use super::dbus::{MOST_DESCRIPTORS, Value};
use super::name::{self, Sort};
use super::properties;
use super::words::{CollectMode, Dependency, KillMode, Property};
use crate::error::{Error, Object};
use crate::limits::Limits;
use crate::value::{Micros, shown};

/// More processes than can be sent in a message that we make.
const MOST: usize = 10_000;

/// A scope or slice that is to be made: a unit that lives until it is stopped or the machine is, and is in no file.
///
/// The name says which: "web-1.scope", "web.slice". A scope has processes, which somebody has started, and is gone with the
/// last of them; a slice has units, by their [`slice`](Self::slice). `a-b.slice` is below `a.slice`.
///
/// ```
/// use skep_cgroup::systemd::{Dependency, UnitSpec};
/// use skep_cgroup::{Limits, MIB};
///
/// let spec = UnitSpec::new("web-1.scope")
///     .description("the first web server")
///     .slice("web.slice")
///     .limits(Limits::new().memory_max(64 * MIB).pids_max(100))
///     .dependency(Dependency::After, "network.target")
///     .process(4711);
/// spec.check()?;
/// assert_eq!(UnitSpec::new("web").problems().len(), 2);
/// # Ok::<(), skep_cgroup::Error>(())
/// ```
///
/// With the feature `serde` it is `{"name": "web-1.scope", "processes": [4711], "limits": {"pids": {"max": 100}}}`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct UnitSpec {
    pub(super) name: String,
    description: Option<String>,
    pub(super) slice: Option<String>,
    pub(super) processes: Vec<u32>,
    pub(super) limits: Limits,
    pub(super) delegate: bool,
    dependencies: BTreeMap<Dependency, Vec<String>>,
    collect_mode: Option<CollectMode>,
    kill_mode: Option<KillMode>,
    send_sigkill: Option<bool>,
    /// In microseconds, as is the next.
    stop_timeout: Option<Micros>,
    runtime_max: Option<Micros>,
    properties: BTreeMap<String, Property>,
}

impl UnitSpec {
    /// A unit of this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A line that says to people what it is.
    #[must_use]
    #[doc(alias = "Description")]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// The slice that it is in; without one a scope is in system.slice, or app.slice for a user, and a slice where its name
    /// says.
    #[must_use]
    #[doc(alias = "Slice")]
    pub fn slice(mut self, name: impl Into<String>) -> Self {
        self.slice = Some(name.into());
        self
    }

    /// One more process that is in the scope from its beginning, by its number as systemd sees it: who is in a pid
    /// namespace of its own knows other numbers. systemd moves the process, with all of its threads. Processes that are held
    /// by pidfds go to [`Systemd::start_with_pidfds`](super::Systemd::start_with_pidfds).
    #[must_use]
    #[doc(alias = "PIDs")]
    pub fn process(mut self, pid: u32) -> Self {
        self.processes.push(pid);
        self
    }

    /// What it may use. Most limits are properties of systemd's; the others are set by us in its group, which it must be
    /// [delegated](Self::delegate) for.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The groups below it, and the files in its own, are left to us: systemd gives it every controller that it has.
    /// Scopes alone.
    #[must_use]
    #[doc(alias = "Delegate")]
    pub fn delegate(mut self) -> Self {
        self.delegate = true;
        self
    }

    /// How it depends on another unit; again for more.
    #[must_use]
    pub fn dependency(mut self, kind: Dependency, name: impl Into<String>) -> Self {
        self.dependencies.entry(kind).or_default().push(name.into());
        self
    }

    /// When systemd forgets it. systemd 236.
    #[must_use]
    pub fn collect_mode(mut self, mode: CollectMode) -> Self {
        self.collect_mode = Some(mode);
        self
    }

    /// Whom systemd sends signals when it stops the scope.
    #[must_use]
    pub fn kill_mode(mut self, mode: KillMode) -> Self {
        self.kill_mode = Some(mode);
        self
    }

    /// Whether who does not end in [time](Self::stop_timeout) is killed; systemd's own choice is yes.
    #[must_use]
    #[doc(alias = "SendSIGKILL")]
    pub fn send_sigkill(mut self, kill: bool) -> Self {
        self.send_sigkill = Some(kill);
        self
    }

    /// How long a stop waits for the processes to end before they are killed; without one as the manager does it, 90 s.
    #[must_use]
    #[doc(alias = "TimeoutStopUSec")]
    pub fn stop_timeout(mut self, time: Duration) -> Self {
        self.stop_timeout = Some(micros(time));
        self
    }

    /// How long it may be active at most; then systemd stops it, and it has failed. systemd 244 for scopes.
    #[must_use]
    #[doc(alias = "RuntimeMaxUSec")]
    pub fn runtime_max(mut self, time: Duration) -> Self {
        self.runtime_max = Some(micros(time));
        self
    }

    /// Any other property, by the name that org.freedesktop.systemd1(5) has for it.
    #[must_use]
    pub fn property(mut self, name: impl Into<String>, value: Property) -> Self {
        self.properties.insert(name.into(), value);
        self
    }

    /// Everything wrong with the description by itself, a sentence each, beginning with its place.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.problems_with(0)
    }

    /// The same, if so many processes more come by their pidfds.
    fn problems_with(&self, pidfds: usize) -> Vec<String> {
        let mut problems: Vec<String> =
            name::problem(&self.name).map(|why| format!("name {why}")).into_iter().collect();
        let sort = Sort::of(&self.name);
        if sort.is_none() {
            problems.push(format!("name {} is of no unit that can be made: .scope or .slice", shown(&self.name)));
        }
        let slice = self.slice.iter().map(|slice| (slice, name::problem(slice)));
        problems.extend(slice.filter_map(|(slice, problem)| match problem {
            Some(why) => Some(format!("slice {why}")),
            None if Sort::of(slice) != Some(Sort::Slice) => Some(format!("slice {} is no slice", shown(slice))),
            None => None,
        }));
        match sort {
            Some(Sort::Scope) if self.processes.is_empty() && pidfds == 0 => {
                problems.push("processes are none: a scope is made of processes that are there".to_owned());
            }
            Some(Sort::Slice) => self.of_slice(pidfds, &mut problems),
            _ => {}
        }
        if self.processes.contains(&0) {
            problems.push("processes 0 is no process".to_owned());
        }
        if self.processes.len() > MOST {
            problems.push(format!("processes are {}, and {MOST} can be sent", self.processes.len()));
        }
        if pidfds > MOST_DESCRIPTORS {
            problems.push(format!("processes are {pidfds} by pidfds, and {MOST_DESCRIPTORS} can be sent"));
        }
        if self.description.as_ref().is_some_and(|text| text.chars().any(char::is_control)) {
            problems.push("description is not one line of text".to_owned());
        }
        for (kind, names) in &self.dependencies {
            let bad = names.iter().filter_map(|other| name::problem(other));
            problems.extend(bad.map(|why| format!("dependencies.{} {why}", kind.word())));
        }
        self.of_properties(&mut problems);
        problems.extend(self.limits.problems().into_iter().map(|problem| format!("limits.{problem}")));
        if !self.delegate {
            problems.extend(self.limits.settings().iter().filter(|setting| !properties::is_any(setting)).map(
                |setting| {
                    let place = setting.place();
                    format!("limits.{place} is none that systemd sets: we can, where the unit is delegated to us")
                },
            ));
        }
        problems
    }

    /// Whether the description makes sense by itself.
    ///
    /// # Errors
    /// `Invalid`, with every problem found ([`Error::problems`]).
    pub fn check(&self) -> Result<(), Error> {
        self.check_with(0)
    }

    pub(super) fn check_with(&self, pidfds: usize) -> Result<(), Error> {
        let problems = self.problems_with(pidfds);
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid("use", Object::Named("the unit"), problems)) }
    }

    fn of_slice(&self, pidfds: usize, problems: &mut Vec<String>) {
        let of_scopes = [
            ("processes", !self.processes.is_empty() || pidfds > 0),
            ("delegate", self.delegate),
            ("kill_mode", self.kill_mode.is_some()),
            ("send_sigkill", self.send_sigkill.is_some()),
            ("stop_timeout", self.stop_timeout.is_some()),
            ("runtime_max", self.runtime_max.is_some()),
        ];
        let given = of_scopes.iter().filter(|(_, given)| *given);
        problems.extend(given.map(|(place, _)| format!("{place} is of scopes: a slice has units, and no processes")));
        if self.slice.is_some() {
            problems.push("slice is given, and where a slice is its name says: a-b.slice is below a.slice".to_owned());
        }
        if self.name == "-.slice" {
            problems.push("name \"-.slice\" is of the root, which is always there".to_owned());
        }
    }

    fn of_properties(&self, problems: &mut Vec<String>) {
        for (name, value) in &self.properties {
            let place = format!("properties.{}", shown(name));
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                problems.push(format!("{place} is no name of a property"));
            } else if properties::NAMES.contains(&name.as_str()) {
                problems.push(format!("{place} has a place of its own in this description"));
            }
            if value.has_nul() {
                problems.push(format!("{place} has a NUL byte in it"));
            }
        }
    }

    /// All properties but those that limits become.
    pub(super) fn own_properties(&self) -> Vec<(String, Value)> {
        let mut all: Vec<(&str, Value)> = Vec::new();
        all.extend(self.description.iter().map(|text| ("Description", Value::text(text))));
        all.extend(self.slice.iter().map(|name| ("Slice", Value::text(name))));
        if self.delegate {
            all.push(("Delegate", Value::Flag(true)));
        }
        all.extend(self.dependencies.iter().map(|(kind, names)| (kind.word(), Value::texts(names))));
        all.extend(self.collect_mode.iter().map(|mode| ("CollectMode", Value::text(mode.word()))));
        all.extend(self.kill_mode.iter().map(|mode| ("KillMode", Value::text(mode.word()))));
        all.extend(self.send_sigkill.iter().map(|kill| ("SendSIGKILL", Value::Flag(*kill))));
        all.extend(self.stop_timeout.iter().map(|time| ("TimeoutStopUSec", Value::U64(time.as_u64()))));
        all.extend(self.runtime_max.iter().map(|time| ("RuntimeMaxUSec", Value::U64(time.as_u64()))));
        if !self.processes.is_empty() {
            all.push(("PIDs", pids(&self.processes)));
        }
        let mut all: Vec<(String, Value)> = all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        all.extend(self.properties.iter().map(|(name, value)| (name.clone(), value.value())));
        all
    }
}

/// Numbers of processes.
pub(super) fn pids(pids: &[u32]) -> Value {
    Value::Array("u".to_owned(), pids.iter().copied().map(Value::U32).collect())
}

/// What is too long for a number of microseconds is the longest but for ever, which systemd writes as the greatest number.
fn micros(time: Duration) -> Micros {
    Micros::new(u64::try_from(time.as_micros()).unwrap_or(u64::MAX - 1))
}
