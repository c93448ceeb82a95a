// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is recorded of a container: what it is, what was made for it, and who its first process is.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use skep_ns::PidFd;
use skep_ns::net::MacAddress;

use super::description::Outline;
use super::{Description, Home, StateDir};
use crate::error::{Error, ErrorKind, Object};
use crate::parent::Unit;
use crate::procfs;
use crate::spec::Spec;

/// The version of the form below. A newer one is not read: what it means is not known here.
const VERSION: u32 = 1;

const INTENT: &str = "intent";
const RECORD: &str = "record";

/// A container's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record<'a> {
    version: u32,
    /// What was asked for.
    spec: Cow<'a, Spec>,
    /// What was made, or was about to be, and must go with the container.
    removals: Vec<Removal>,
    /// Who makes or deletes it: as long as that process lives, what is not started is being made.
    maker: Option<Identity>,
    /// Its first process, once there is one that is about to execute the program.
    pub(crate) first: Option<Identity>,
}

/// A record as it was read.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) description: Description,
    pub(crate) removals: Vec<Removal>,
    pub(crate) maker: Option<Identity>,
    pub(crate) first: Option<Identity>,
    /// What is wrong with the newest file, if this was read from an older one.
    pub(crate) damage: Option<String>,
}

/// Something outside of the container's processes that was made for it.
///
/// Removing it again is no failure, nor is that it was never made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) enum Removal {
    /// A cgroup: its directory in each hierarchy.
    Cgroup {
        /// Absolute paths.
        directories: Vec<PathBuf>,
    },
    /// A scope of systemd's.
    Unit {
        /// Whose, and its name.
        unit: Unit,
        /// The directories of its group.
        directories: Vec<PathBuf>,
    },
    /// The end of a cable.
    Link {
        /// Its name.
        name: String,
        /// The hardware address that was made up for it: what has another is somebody else's.
        mac: MacAddress,
        /// The network namespace of its maker, if that could be told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        home: Option<Home>,
    },
}

/// A process, so that nobody else is ever taken for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    /// Its number in the pid namespace below.
    pid: u32,
    /// When it began, in clock ticks since the boot: with the number and the boot, nobody else's.
    start_time: u64,
    /// The boot that it lived in.
    boot: String,
    /// The pid namespace that its number is of, by the kernel's number of it.
    pid_namespace: u64,
}

/// Whether a recorded process still lives, as far as it can be known here.
#[derive(Debug)]
pub(crate) enum Found {
    /// It does, and this is it.
    Lives(PidFd),
    /// It has ended.
    Gone,
    /// It cannot be known, and why.
    Unknown(String),
}

impl<'a> Record<'a> {
    /// A record of what is about to be made.
    pub(crate) fn intent(spec: &'a Spec, removals: Vec<Removal>) -> Self {
        Self { version: VERSION, spec: Cow::Borrowed(spec), removals, maker: Identity::own(), first: None }
    }

    /// Writes the record: as the intent as long as there is no process.
    pub(crate) fn write(&self, state: &StateDir) -> Result<(), Error> {
        let mut text = serde_json::to_vec(self).map_err(|error| {
            let object = Object::Container(Some(state.name().to_owned()));
            Error::because("record", object, ErrorKind::Invalid, error.to_string())
        })?;
        text.push(b'\n');
        state.write(if self.first.is_some() { RECORD } else { INTENT }, &text)
    }
}

impl Record<'_> {
    /// Writes down that the caller deletes the container now: as long as it lives, nobody else does.
    pub(crate) fn claim_deletion(state: &StateDir) -> Result<(), Error> {
        match Self::read(state)? {
            Some(Recorded { description, removals, first, damage: None, .. }) => match description.spec() {
                Some(spec) => Record { first, ..Record::intent(spec, removals) }.write(state),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Reads the newest record that is whole; `None` if nothing was recorded, and so nothing was made.
    pub(crate) fn read(state: &StateDir) -> Result<Option<Recorded>, Error> {
        let mut damaged = None;
        for file in [RECORD, INTENT] {
            match state.read(file)?.map(Self::parse) {
                Some(Ok(record)) => {
                    return Ok(Some(Recorded {
                        damage: damaged.map(|(file, why)| format!("{file}: {why}")),
                        ..record
                    }));
                }
                // The intent names as much as must be removed.
                Some(Err(why)) => damaged = damaged.or(Some((file, why))),
                None => {}
            }
        }
        match damaged {
            None => Ok(None),
            Some((file, why)) => {
                Err(Error::because("read", Object::Path(state.path().join(file)), ErrorKind::Invalid, why))
            }
        }
    }

    pub(super) fn parse(text: Vec<u8>) -> Result<Recorded, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Outlined {
            version: u32,
            spec: Outline,
            removals: Vec<Removal>,
            maker: Option<Identity>,
            first: Option<Identity>,
        }
        let failed = match serde_json::from_slice::<Outlined>(&text) {
            Ok(Outlined { version: VERSION, spec, removals, maker, first }) => {
                let description = Description::written(text, spec);
                return Ok(Recorded { description, removals, maker, first, damage: None });
            }
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        Err(match (serde_json::from_slice::<Version>(&text), failed) {
            (Ok(Version { version: VERSION }), Some(why)) => why,
            (Ok(Version { version }), _) => format!("it has version {version}; this skep reads version {VERSION}"),
            (Err(error), _) => error.to_string(),
        })
    }

    /// The whole description in the text of a record.
    pub(super) fn spec_in(text: &[u8]) -> Result<Spec, String> {
        let record: Record<'static> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        Ok(record.spec.into_owned())
    }
}

impl Identity {
    /// Takes down who `process`, of number `pid`, is; `None` if it has ended, or cannot be looked at.
    pub(crate) fn of(pid: u32, process: &PidFd) -> Option<Self> {
        let start_time = start_time(pid)?;
        // It lives: so the number was its own while it was looked at. Only looked at: its status is for whoever waits.
        if !matches!(process.has_ended(), Ok(false)) {
            return None;
        }
        Some(Self { pid, start_time, boot: boot()?, pid_namespace: pid_namespace()? })
    }

    /// Takes down who the calling process is.
    pub(crate) fn own() -> Option<Self> {
        let pid = std::process::id();
        Some(Self { pid, start_time: start_time(pid)?, boot: boot()?, pid_namespace: pid_namespace()? })
    }

    /// Its number in the pid namespace of its maker, to show.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The process itself. What cannot be known is never taken for an end.
    pub(crate) fn find(&self) -> Found {
        let unknown =
            |why: &str| Found::Unknown(format!("whether process {} still runs cannot be known: {why}", self.pid));
        match boot() {
            Some(boot) if boot != self.boot => return Found::Gone,
            Some(_) => {}
            None => return unknown("the caller has no /proc"),
        }
        if pid_namespace() != Some(self.pid_namespace) {
            return unknown("it was made in another pid namespace");
        }
        // By its number alone first, which takes neither a right nor a descriptor, and tells what is not there.
        let number = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if number.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(Errno::SRCH)) {
            return Found::Gone;
        }
        match PidFd::open(self.pid) {
            Ok(process) => match start_time(self.pid) {
                // Held first, looked at then: the number is its own as long as it has not ended.
                Some(start_time) if start_time == self.start_time => Found::Lives(process),
                Some(_) => Found::Gone,
                // It may have ended between the two.
                None if matches!(process.has_ended(), Ok(true)) => Found::Gone,
                None => unknown("the caller's /proc does not show it"),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Found::Gone,
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                unknown(&format!("{error}{cause}"))
            }
        }
    }
}

/// The caller's pid namespace, by the kernel's number of it.
pub(super) fn pid_namespace() -> Option<u64> {
    rustix::fs::stat("/proc/self/ns/pid").ok().map(|found| found.st_ino)
}

/// When process `pid` began, in clock ticks since the boot: field 22 of /proc/PID/stat.
fn start_time(pid: u32) -> Option<u64> {
    start_time_in(&procfs::read(format!("/proc/{pid}/stat")).ok()?)
}

fn start_time_in(stat: &[u8]) -> Option<u64> {
    // The second field is the process' own word for itself, and may have anything in it but for what follows the last ")".
    let at = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(at + 1..)?).ok()?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// The identity of this boot, which is one as long as a process lives.
pub(super) fn boot() -> Option<String> {
    static KNOWN: OnceLock<String> = OnceLock::new();
    if let Some(known) = KNOWN.get() {
        return Some(known.clone());
    }
    let text = procfs::read("/proc/sys/kernel/random/boot_id").ok()?;
    let boot = std::str::from_utf8(&text).ok()?.trim_end().to_owned();
    Some(KNOWN.get_or_init(|| boot).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was() {
        let removals = vec![Removal::Cgroup { directories: vec!["/sys/fs/cgroup/x".into()] }];
        let spec = Spec::default();
        let record = Record::intent(&spec, removals.clone());
        let read = Record::parse(serde_json::to_vec(&record).unwrap()).unwrap();
        assert_eq!((read.removals, read.first, read.description.whole()), (removals, None, Ok(Some(&spec))));
    }

    #[test]
    fn what_is_no_record_of_this_version_is_refused_in_words() {
        for (text, words) in [
            ("", "EOF"),
            ("{}", "version"),
            (r#"{"version": 2, "new": 1}"#, "it has version 2; this skep reads version 1"),
            (r#"{"version": 1, "new": 1}"#, "unknown field `new`"),
        ] {
            let why = Record::parse(text.into()).unwrap_err();
            assert!(why.contains(words), "{text}: {why}");
        }
    }

    #[test]
    fn a_start_time_is_found_whatever_the_process_is_called() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21";
        for name in ["sh", "a b", ") S 1 (", "\n)"] {
            assert_eq!(start_time_in(format!("7 ({name}) {rest}\n").as_bytes()), Some(4711), "{name:?}");
        }
        for text in ["", "7 (sh", "7 (sh) S 1", "7 (sh) S a b c d e f g h i j k l m n o p q r s t"] {
            assert_eq!(start_time_in(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_process_is_found_again_and_another_of_its_number_is_not() {
        let identity = Identity::own().unwrap();
        let later = Identity { start_time: identity.start_time + 1, ..identity.clone() };
        if needs::denied("pidfd_open") {
            // Not to be had, and so not to be known: never taken for gone.
            assert!(matches!(identity.find(), Found::Unknown(why) if why.contains("ENOSYS")));
        } else {
            assert!(matches!(identity.find(), Found::Lives(_)));
            assert!(matches!(later.find(), Found::Gone));
        }
        let absent = Identity { pid: i32::MAX.cast_unsigned(), ..identity.clone() };
        assert!(matches!(absent.find(), Found::Gone));
        let earlier_boot = Identity { boot: "another".to_owned(), ..identity.clone() };
        assert!(matches!(earlier_boot.find(), Found::Gone));
        let elsewhere = Identity { pid_namespace: 1, ..identity };
        assert!(matches!(elsewhere.find(), Found::Unknown(why) if why.contains("another pid namespace")));
    }
}
