// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is recorded of a container: what it is, what was made for it, and who its first process is.

use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use skep_ns::PidFd;
use skep_ns::net::MacAddress;

use super::{Home, StateDir};
use crate::error::{Error, ErrorKind, Object};
use crate::parent::Unit;
use crate::spec::Spec;

/// The version of the form below. A newer one is not read: what it means is not known here.
const VERSION: u32 = 1;

const INTENT: &str = "intent";
const RECORD: &str = "record";

/// A container's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    version: u32,
    /// What was asked for.
    pub(crate) spec: Spec,
    /// What was made, or was about to be, and must go with the container.
    pub(crate) removals: Vec<Removal>,
    /// Who makes or deletes it: as long as that process lives, what is not started is being made.
    pub(crate) maker: Option<Identity>,
    /// Its first process, once there is one that is about to execute the program.
    pub(crate) first: Option<Identity>,
    /// What is wrong with the newest file, if this was read from an older one.
    #[serde(skip)]
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

impl Record {
    /// A record of what is about to be made.
    pub(crate) fn intent(spec: Spec, removals: Vec<Removal>) -> Self {
        Self { version: VERSION, spec, removals, maker: Identity::own(), first: None, damage: None }
    }

    /// Writes the record: as the intent as long as there is no process.
    pub(crate) fn write(&self, state: &StateDir) -> Result<(), Error> {
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| {
            let object = Object::Container(Some(state.name().to_owned()));
            Error::because("record", object, ErrorKind::Invalid, error.to_string())
        })?;
        text.push(b'\n');
        state.write(if self.first.is_some() { RECORD } else { INTENT }, &text)
    }

    /// Writes down that the caller deletes the container now: as long as it lives, nobody else does.
    pub(crate) fn claim_deletion(state: &StateDir) -> Result<(), Error> {
        match Self::read(state)? {
            Some(record) if record.damage.is_none() => Self { maker: Identity::own(), ..record }.write(state),
            _ => Ok(()),
        }
    }

    /// Reads the newest record that is whole; `None` if nothing was recorded, and so nothing was made.
    pub(crate) fn read(state: &StateDir) -> Result<Option<Self>, Error> {
        let mut damaged = None;
        for file in [RECORD, INTENT] {
            match state.read(file)?.map(|text| Self::parse(&text)) {
                Some(Ok(record)) => {
                    return Ok(Some(Self { damage: damaged.map(|(file, why)| format!("{file}: {why}")), ..record }));
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

    fn parse(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        match serde_json::from_slice::<Version>(text) {
            Ok(Version { version: VERSION }) => serde_json::from_slice(text).map_err(|error| error.to_string()),
            Ok(Version { version }) => Err(format!("it has version {version}; this skep reads version {VERSION}")),
            Err(error) => Err(error.to_string()),
        }
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
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    start_time_in(&text)
}

fn start_time_in(stat: &[u8]) -> Option<u64> {
    // The second field is the process' own word for itself, and may have anything in it but for what follows the last ")".
    let at = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(at + 1..)?).ok()?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// The identity of this boot.
pub(super) fn boot() -> Option<String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open("/proc/sys/kernel/random/boot_id", flags, Mode::empty()).ok()?;
    let text = std::io::read_to_string(std::fs::File::from(file)).ok()?;
    Some(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was() {
        let removals = vec![Removal::Cgroup { directories: vec!["/sys/fs/cgroup/x".into()] }];
        let record = Record::intent(Spec::default(), removals);
        assert_eq!(Record::parse(&serde_json::to_vec(&record).unwrap()).unwrap(), record);
    }

    #[test]
    fn what_is_no_record_of_this_version_is_refused_in_words() {
        for (text, words) in [
            ("", "EOF"),
            ("{}", "version"),
            (r#"{"version": 2, "new": 1}"#, "it has version 2; this skep reads version 1"),
            (r#"{"version": 1, "new": 1}"#, "unknown field `new`"),
        ] {
            let why = Record::parse(text.as_bytes()).unwrap_err();
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
