// SPDX-License-Identifier: MIT OR Apache-2.0
//! io.cost: what requests to a device cost, and how much of it there is. It is what [`io.weight`](crate::IoLimits::weight)
//! shares out, and set in the root group of version 2 for the whole machine.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "IO"; block/blk-iocost.c.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::io::Errno;

use crate::dir;
use crate::error::{Error, ErrorKind, Object};
use crate::file;
use crate::layout::Layout;
use crate::value::{DeviceNumber, Micros, Percent, digits, shown};

const QOS: &str = "io.cost.qos";
const MODEL: &str = "io.cost.model";

/// Who has chosen the numbers of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum IoCostControl {
    /// The kernel, by what it takes the device for; numbers are not written then.
    #[default]
    Auto,
    /// Somebody else.
    User,
}

/// How much of a device is given away, and when that is less: a line of `io.cost.qos`.
///
/// Displays as the kernel's line and reads that: "8:0 enable=1 ctrl=user rpct=95.00 rlat=75000 wpct=95.00 wlat=150000
/// min=50.00 max=150.00".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[doc(alias = "io.cost.qos")]
pub struct IoCostQos {
    /// The device, a whole disk.
    pub device: DeviceNumber,
    /// Whether weights count on it.
    pub enable: bool,
    /// Who has chosen what follows.
    pub control: IoCostControl,
    /// So many of the reads have to take no longer than the next says, or less is given away; to 100 %, and 0 does not ask.
    pub read_percent: Percent,
    /// How long those reads may take.
    pub read_latency: Micros,
    /// The same of writes.
    pub write_percent: Percent,
    /// How long those writes may take.
    pub write_latency: Micros,
    /// The least that is given away, of what the model says the device can; 100 % is all of that.
    pub min: Percent,
    /// The most that is given away, which may be more than the model says.
    pub max: Percent,
}

/// What a device can do in a second: a line of `io.cost.model`, whose only model is the linear one.
///
/// Displays as the kernel's line and reads that: "8:0 ctrl=user model=linear rbps=… rseqiops=… rrandiops=… wbps=…
/// wseqiops=… wrandiops=…".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[doc(alias = "io.cost.model")]
pub struct IoCostModel {
    /// The device, a whole disk.
    pub device: DeviceNumber,
    /// Who has chosen what follows.
    pub control: IoCostControl,
    /// Bytes read one behind the other.
    pub read_bytes: u64,
    /// Reads of 4 KiB one behind the other.
    pub sequential_reads: u64,
    /// Reads of 4 KiB anywhere.
    pub random_reads: u64,
    /// Bytes written one behind the other.
    pub write_bytes: u64,
    /// Writes of 4 KiB one behind the other.
    pub sequential_writes: u64,
    /// Writes of 4 KiB anywhere.
    pub random_writes: u64,
}

impl IoCostControl {
    const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::User => "user",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Auto, Self::User].into_iter().find(|control| control.word() == word)
    }
}

impl IoCostQos {
    /// Everything wrong with it, a sentence each, beginning with its place.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let whole = Percent::from_hundredths(10_000);
        let parts = [("read_percent", self.read_percent), ("write_percent", self.write_percent)];
        let parts = parts.into_iter().filter(|(_, percent)| *percent > whole);
        let mut problems: Vec<String> =
            parts.map(|(place, percent)| format!("{place} {percent} is more than 100.00")).collect();
        if self.min.as_hundredths() == 0 {
            problems.push("min 0.00 gives nothing away".to_owned());
        }
        if self.min > self.max {
            problems.push(format!("min {} is more than max {}", self.min, self.max));
        }
        problems
    }

    /// The line that has the kernel take it: a number in it would make it the user's.
    fn line(&self) -> String {
        match self.control {
            IoCostControl::User => self.to_string(),
            IoCostControl::Auto => format!("{} enable={} ctrl=auto", self.device, u8::from(self.enable)),
        }
    }
}

impl IoCostModel {
    /// Everything wrong with it, a sentence each, beginning with its place.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let numbers = self.numbers().into_iter().filter(|(_, _, number)| *number == 0);
        numbers.map(|(_, place, _)| format!("{place} 0 in a second is what no device does")).collect()
    }

    /// The kernel's words, our places and the numbers.
    const fn numbers(&self) -> [(&'static str, &'static str, u64); 6] {
        [
            ("rbps", "read_bytes", self.read_bytes),
            ("rseqiops", "sequential_reads", self.sequential_reads),
            ("rrandiops", "random_reads", self.random_reads),
            ("wbps", "write_bytes", self.write_bytes),
            ("wseqiops", "sequential_writes", self.sequential_writes),
            ("wrandiops", "random_writes", self.random_writes),
        ]
    }

    fn line(&self) -> String {
        match self.control {
            IoCostControl::User => self.to_string(),
            IoCostControl::Auto => format!("{} ctrl=auto", self.device),
        }
    }
}

impl fmt::Display for IoCostQos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} enable={} ctrl={}", self.device, u8::from(self.enable), self.control.word())?;
        write!(f, " rpct={} rlat={}", self.read_percent, self.read_latency.as_u64())?;
        write!(f, " wpct={} wlat={}", self.write_percent, self.write_latency.as_u64())?;
        write!(f, " min={} max={}", self.min, self.max)
    }
}

impl fmt::Display for IoCostModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ctrl={} model=linear", self.device, self.control.word())?;
        self.numbers().iter().try_for_each(|(word, _, number)| write!(f, " {word}={number}"))
    }
}

/// A line of keys and values behind a device, of which each must be there once.
struct Line<'a> {
    device: DeviceNumber,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Line<'a> {
    fn of(text: &'a str, keys: &[&str]) -> Result<Self, String> {
        let mut words = text.split_ascii_whitespace();
        let device = words.next().and_then(DeviceNumber::of).ok_or("does not begin with the numbers of a device")?;
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for word in words {
            let (key, value) = word.split_once('=').ok_or_else(|| format!("has {} without a value", shown(word)))?;
            if !keys.contains(&key) || pairs.iter().any(|(known, _)| *known == key) {
                return Err(format!("has {}, which is unknown here or there twice", shown(key)));
            }
            pairs.push((key, value));
        }
        Ok(Self { device, pairs })
    }

    fn value<T>(&self, key: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, String> {
        let text = self.pairs.iter().find(|(known, _)| *known == key).map(|(_, value)| *value);
        let text = text.ok_or_else(|| format!("has no {key}="))?;
        read(text).ok_or_else(|| format!("has {key}={}, which is none", shown(text)))
    }
}

fn unreadable(what: &'static str, text: &str, why: &str) -> Error {
    Error::invalid("parse", Object::Named(what), vec![format!("{} {why}", shown(text))])
}

impl FromStr for IoCostQos {
    type Err = Error;

    /// Reads a line of the kernel's.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        const KEYS: [&str; 8] = ["enable", "ctrl", "rpct", "rlat", "wpct", "wlat", "min", "max"];
        let read = || -> Result<Self, String> {
            let line = Line::of(text, &KEYS)?;
            let percent = |key| line.value(key, |text| text.parse().ok());
            let time = |key| line.value(key, |text| digits(text).map(Micros::new));
            Ok(Self {
                device: line.device,
                enable: line.value("enable", |text| digits::<u8>(text).filter(|flag| *flag < 2))? == 1,
                control: line.value("ctrl", IoCostControl::of)?,
                read_percent: percent("rpct")?,
                read_latency: time("rlat")?,
                write_percent: percent("wpct")?,
                write_latency: time("wlat")?,
                min: percent("min")?,
                max: percent("max")?,
            })
        };
        read().map_err(|why| unreadable("a line of io.cost.qos", text, &why))
    }
}

impl FromStr for IoCostModel {
    type Err = Error;

    /// Reads a line of the kernel's.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        const KEYS: [&str; 8] = ["ctrl", "model", "rbps", "rseqiops", "rrandiops", "wbps", "wseqiops", "wrandiops"];
        let read = || -> Result<Self, String> {
            let line = Line::of(text, &KEYS)?;
            line.value("model", |model| (model == "linear").then_some(()))?;
            let number = |key| line.value(key, digits::<u64>);
            Ok(Self {
                device: line.device,
                control: line.value("ctrl", IoCostControl::of)?,
                read_bytes: number("rbps")?,
                sequential_reads: number("rseqiops")?,
                random_reads: number("rrandiops")?,
                write_bytes: number("wbps")?,
                sequential_writes: number("wseqiops")?,
                random_writes: number("wrandiops")?,
            })
        };
        read().map_err(|why| unreadable("a line of io.cost.model", text, &why))
    }
}

impl Layout {
    /// `io.cost.qos` of the root group: a value for each device that io.cost was ever asked about.
    ///
    /// # Errors
    /// `Unsupported` where the root group of version 2 is not in view, or has no such file; `Invalid` for a line that is none.
    /// # Kernel
    /// Linux 5.4, with `BLK_CGROUP_IOCOST`. Version 2, and the root of the machine: no other group has the file.
    #[doc(alias = "io.cost.qos")]
    pub fn io_cost_qos(&self) -> Result<Vec<IoCostQos>, Error> {
        self.read_root(QOS)?.lines().map(str::parse).collect()
    }

    /// Sets `io.cost.qos` of a device; with [`IoCostControl::Auto`] the numbers are left to the kernel.
    ///
    /// # Errors
    /// `Invalid`, with every problem; those of [`io_cost_qos`](Self::io_cost_qos); what the kernel has against it, such as
    /// `NotFound` for a device that is not there.
    /// # Privileges
    /// Root of the machine.
    pub fn apply_io_cost_qos(&self, qos: &IoCostQos) -> Result<(), Error> {
        check(QOS, qos.problems())?;
        self.write_root(QOS, &qos.line())
    }

    /// `io.cost.model` of the root group: a value for each device that io.cost was ever asked about.
    ///
    /// # Errors
    /// Those of [`io_cost_qos`](Self::io_cost_qos).
    /// # Kernel
    /// That of [`io_cost_qos`](Self::io_cost_qos).
    #[doc(alias = "io.cost.model")]
    pub fn io_cost_model(&self) -> Result<Vec<IoCostModel>, Error> {
        self.read_root(MODEL)?.lines().map(str::parse).collect()
    }

    /// Sets `io.cost.model` of a device; with [`IoCostControl::Auto`] the numbers are left to the kernel.
    ///
    /// # Errors
    /// Those of [`apply_io_cost_qos`](Self::apply_io_cost_qos).
    /// # Privileges
    /// Root of the machine.
    pub fn apply_io_cost_model(&self, model: &IoCostModel) -> Result<(), Error> {
        check(MODEL, model.problems())?;
        self.write_root(MODEL, &model.line())
    }

    fn read_root(&self, name: &'static str) -> Result<String, Error> {
        let (root, path) = self.root_with(name)?;
        file::read_text(root.as_fd(), name).map_err(|errno| Error::os("read", Object::Path(path), errno.raw_os_error()))
    }

    fn write_root(&self, name: &'static str, line: &str) -> Result<(), Error> {
        let (root, path) = self.root_with(name)?;
        let failed = |errno: Errno| {
            let object = Object::Value { text: line.to_owned(), file: path };
            match errno {
                Errno::NODEV => {
                    let why = "there is no whole disk of these numbers";
                    Error::explained("write", object, ErrorKind::NotFound, errno.raw_os_error(), why)
                }
                errno => Error::os("write", object, errno.raw_os_error()),
            }
        };
        file::write_text(root.as_fd(), name, line).map_err(failed)
    }

    /// The root group of version 2, and its file.
    fn root_with(&self, name: &'static str) -> Result<(OwnedFd, PathBuf), Error> {
        let refused = |object, why: String| Error::because("find", object, ErrorKind::Unsupported, why);
        let Some(hierarchy) = self.v2() else {
            let why = "it is of version 2, whose hierarchy is not in view".to_owned();
            return Err(refused(Object::Named(name), why));
        };
        let path = hierarchy.mount_point().join(name);
        if hierarchy.mount_root() != Path::new("/") {
            let group = hierarchy.mount_root();
            let why = format!("{name} is of the root group alone, and what is mounted here is the group {group:?}");
            return Err(refused(Object::Path(path), why));
        }
        let root = dir::open_absolute(hierarchy.mount_point())
            .map_err(|errno| Error::os("open", Object::Path(hierarchy.mount_point().into()), errno.raw_os_error()))?;
        let there = rustix::fs::accessat(&root, name, rustix::fs::Access::EXISTS, rustix::fs::AtFlags::empty());
        if there == Err(Errno::NOENT) {
            let is_inner = file::read_text(root.as_fd(), "cgroup.type").is_ok();
            let why = if is_inner {
                format!("{name} is of the root group alone, and this is the root of a cgroup namespace")
            } else {
                "this kernel has no io.cost (BLK_CGROUP_IOCOST), or its io controller is in version 1".to_owned()
            };
            return Err(refused(Object::Path(path), why));
        }
        Ok((root, path))
    }
}

fn check(name: &'static str, problems: Vec<String>) -> Result<(), Error> {
    if problems.is_empty() { Ok(()) } else { Err(Error::invalid("apply", Object::Named(name), problems)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(
            device in any::<(u32, u32)>(), (enable, user) in any::<(bool, bool)>(),
            percents in any::<[u32; 4]>(), times in any::<[u64; 2]>(), numbers in any::<[u64; 6]>(),
        ) {
            let device = DeviceNumber::new(device.0, device.1);
            let control = if user { IoCostControl::User } else { IoCostControl::Auto };
            let [read_percent, write_percent, min, max] = percents.map(Percent::from_hundredths);
            let [read_latency, write_latency] = times.map(Micros::new);
            let qos = IoCostQos {
                device, enable, control, read_percent, read_latency, write_percent, write_latency, min, max,
            };
            prop_assert_eq!(qos.to_string().parse::<IoCostQos>().unwrap(), qos);
            let [read_bytes, sequential_reads, random_reads, write_bytes, sequential_writes, random_writes] = numbers;
            let model = IoCostModel {
                device, control, read_bytes, sequential_reads, random_reads, write_bytes, sequential_writes, random_writes,
            };
            prop_assert_eq!(model.to_string().parse::<IoCostModel>().unwrap(), model);
            // The user's numbers are written, those of the kernel are not.
            prop_assert_eq!(qos.line().contains("min="), user);
            prop_assert_eq!(model.line().contains("rbps="), user);
        }

        #[test]
        fn garbage_is_an_error(text in "[0-9a-z:=. ]{0,60}") {
            let _read = (text.parse::<IoCostQos>(), text.parse::<IoCostModel>());
        }
    }

    #[test]
    fn the_lines_of_the_kernel_are_read_and_others_are_not() {
        const LINE: &str = "8:16 enable=1 ctrl=auto rpct=95.00 rlat=75000 wpct=95.00 wlat=150000 min=50.00 max=150.00";
        let qos: IoCostQos = LINE.parse().unwrap();
        assert_eq!((qos.to_string(), qos.line()), (LINE.to_owned(), "8:16 enable=1 ctrl=auto".to_owned()));
        assert!(qos.problems().is_empty() && qos.enable);
        let bad = [
            ("8:16", "has no enable="),
            ("x enable=1", "begin with the numbers"),
            ("8:16 enable", "\"enable\" without a value"),
            ("8:16 zz=1", "\"zz\", which is unknown"),
            ("8:16 enable=1 enable=1", "there twice"),
        ];
        for (text, why) in bad {
            let error = text.parse::<IoCostQos>().unwrap_err();
            assert!(error.problems()[0].contains(why), "{error:?}");
        }
        assert!(LINE.replace("enable=1", "enable=2").parse::<IoCostQos>().is_err());
        let model = "8:16 ctrl=user model=linear rbps=9 rseqiops=8 rrandiops=7 wbps=6 wseqiops=5 wrandiops=4";
        assert_eq!(model.parse::<IoCostModel>().unwrap().line(), model);
        assert!(model.replace("linear", "other").parse::<IoCostModel>().is_err());
        let qos = IoCostQos { min: Percent::default(), read_percent: Percent::from_hundredths(10_001), ..qos };
        assert_eq!(qos.problems(), ["read_percent 100.01 is more than 100.00", "min 0.00 gives nothing away"]);
        let model = IoCostModel { random_writes: 0, ..model.parse().unwrap() };
        assert_eq!(model.problems(), ["random_writes 0 in a second is what no device does"]);
    }
}
