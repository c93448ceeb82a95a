// SPDX-License-Identifier: MIT OR Apache-2.0
//! Applying limits: each in its hierarchy, one write a value.

use super::report::Report;
use super::{Cgroup, Directory};
use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::layout::{Lack, Reason, Version};
use crate::limits::{Key, Limits, Setting, Value};
use crate::value::{Max, Micros, Partition, PartitionState};
use crate::{delegate, devices, v1};

const OP: &str = "apply limits to";

impl Cgroup {
    /// Applies limits to the group; what is unset is left alone.
    ///
    /// Under version 2 the controllers are enabled from group to group down to this one, as far as they are not. Under
    /// version 1 values are converted. A limit that the hierarchy does not have is an error, found before anything is
    /// written. They are written in an order in which none is refused for another of them. After a failure on the way some
    /// limits are applied and others not: the error names the file, and what was applied before ([`Error::applied`]).
    ///
    /// Device rules replace those that were applied before. Under version 2 that is one step, and the programs of others on
    /// the group stay; under version 1 a group that allows all but exceptions, or shall do so, has other devices for a moment:
    /// apply them before processes are added. There they cannot be changed so either once groups have been made below.
    ///
    /// # Errors
    /// `Invalid` for limits that make no sense, with every problem ([`Limits::problems`]), and for a value that the kernel
    /// refuses; `Unsupported`, naming each limit, if the group has no directory where it could be applied, the version has no
    /// such limit, or no group above has the controller; `WrongState` if a group above has processes of its own, and
    /// cannot give controllers, or if the kernel makes no partition of the group; `Denied` without the right; `Busy` if
    /// version 1 cannot take away memory in use; `NotFound` if the group was removed, or there is no such device.
    /// # Privileges
    /// Write access to the group's files; under version 2 to `cgroup.subtree_control` of the groups above that do not list
    /// the controllers yet. Device rules take `CAP_SYS_ADMIN` of the first user namespace, under version 2 `CAP_BPF` and
    /// `CAP_NET_ADMIN` to begin with.
    #[doc(alias = "cgroup.subtree_control")]
    pub fn apply(&self, limits: &Limits) -> Result<(), Error> {
        limits.check()?;
        let settings = limits.settings();
        if settings.is_empty() {
            return Ok(());
        }
        let held = self.held(OP)?;
        let (work, lacks) = self.work(&settings);
        if !lacks.is_empty() {
            let lacks: Vec<String> = lacks.iter().map(ToString::to_string).collect();
            let object = Object::Group(held.path().to_owned());
            return Err(Error::because(OP, object, ErrorKind::Unsupported, lacks.join("\n")));
        }
        work.perform(&mut Report::strict())
    }

    /// Applies those limits that can be had here, and returns the others, each with the reason: for who would rather have
    /// some limits than none.
    ///
    /// What the hierarchy, the kernel or our rights do not allow is returned. A value that makes no sense, or that the kernel
    /// refuses here and now, is an error as in [`apply`](Self::apply).
    ///
    /// # Errors
    /// Those of [`apply`](Self::apply) but `Unsupported` and `Denied`.
    /// # Privileges
    /// Those of [`apply`](Self::apply).
    pub fn apply_possible(&self, limits: &Limits) -> Result<Vec<Lack>, Error> {
        limits.check()?;
        let settings = limits.settings();
        if settings.is_empty() {
            return Ok(Vec::new());
        }
        self.held(OP)?;
        let (work, lacks) = self.work(&settings);
        let mut report = Report::lenient(lacks);
        work.perform(&mut report)?;
        Ok(report.lacks())
    }

    /// Reads what the kernel has made of the group's partition of processors; `None` where it has no such thing.
    ///
    /// # Errors
    /// `NotFound` if the group was removed. What the kernel has against reading its file.
    #[doc(alias = "cpuset.cpus.partition")]
    pub fn partition(&self) -> Result<Option<PartitionState>, Error> {
        let Some(group) = self.of(Controller::Cpuset) else { return Ok(None) };
        Ok(group.read_if_there(PARTITION)?.and_then(|text| text.parse().ok()))
    }

    /// Where each limit is to be applied, and those that have no place.
    fn work<'a>(&'a self, settings: &'a [Setting]) -> (Work<'a>, Vec<Lack>) {
        let (mut work, mut lacks) = (Work::default(), Vec::new());
        for setting in settings {
            match self.home(setting) {
                Ok(home) => work.push(home, setting),
                Err(lack) => lacks.push(lack),
            }
        }
        (work, lacks)
    }

    /// The directory where a limit is applied, or why there is none.
    fn home(&self, setting: &Setting) -> Result<&Directory, Lack> {
        let Some(found) = self.of(setting.key.controller()) else {
            return Err(Lack::of(setting, Reason::NotJoined, None));
        };
        setting.lack(found.version()).map_or(Ok(found), Err)
    }
}

const PARTITION: &str = "cpuset.cpus.partition";

/// What is to be written, by directories.
#[derive(Default)]
struct Work<'a>(Vec<(&'a Directory, Vec<&'a Setting>)>);

impl<'a> Work<'a> {
    fn push(&mut self, home: &'a Directory, setting: &'a Setting) {
        match self.0.iter_mut().find(|(known, _)| std::ptr::eq(*known, home)) {
            Some((_, settings)) => settings.push(setting),
            None => self.0.push((home, vec![setting])),
        }
    }

    fn perform(self, report: &mut Report) -> Result<(), Error> {
        self.0.into_iter().try_for_each(|(directory, settings)| {
            let settings = in_order(directory, settings)?;
            match directory.version() {
                Version::V1 => v1::apply(directory, &settings, report),
                Version::V2 => apply_v2(directory, &settings, report),
            }
        })
    }
}

/// The order in which none of them is refused for another: what is given up goes first, what is claimed goes last.
fn in_order<'a>(directory: &Directory, mut settings: Vec<&'a Setting>) -> Result<Vec<&'a Setting>, Error> {
    let burst_is_lowered = match settings.iter().find(|setting| setting.key == Key::CpuBurst) {
        Some(Setting { value: Value::Time(Max::Limit(new)), key, .. }) => {
            let row = key.row();
            let file = if directory.version() == Version::V1 { row.v1 } else { row.v2 };
            let old = directory.read_if_there(file.unwrap_or_default())?;
            old.and_then(|text| text.parse::<Micros>().ok()).is_some_and(|old| *new < old)
        }
        _ => false,
    };
    settings.sort_by_key(|setting| match (setting.key, &setting.value) {
        (Key::CpuBurst, _) if burst_is_lowered => -1,
        (Key::CpuExclusive | Key::MemExclusive, Value::Flag(false)) => -1,
        (Key::Partition, Value::Partition(Partition::Member)) => -1,
        (Key::CpuExclusive | Key::MemExclusive | Key::Partition, _) => 1,
        _ => 0,
    });
    Ok(settings)
}

fn apply_v2(directory: &Directory, settings: &[&Setting], report: &mut Report) -> Result<(), Error> {
    let mut controllers: Vec<Controller> = settings.iter().map(|setting| setting.key.controller()).collect();
    controllers.sort_unstable();
    controllers.dedup();
    let mut absent = Vec::new();
    if report.is_lenient() {
        for controller in controllers {
            let its: Vec<_> = settings.iter().copied().filter(|found| found.key.controller() == controller).collect();
            if let Err(error) = delegate::enable(directory, &[controller]) {
                report.failed(directory, &its, error)?;
                absent.push(controller);
            }
        }
    } else {
        delegate::enable(directory, &controllers).map_err(|error| error.after(report.applied()))?;
    }
    for setting in settings.iter().filter(|setting| !absent.contains(&setting.key.controller())) {
        let written = match (&setting.value, setting.file(Version::V2)) {
            (Value::Devices(rules), _) => devices::apply(directory, rules),
            (_, Some(file)) => directory.write(&file, &setting.line(Version::V2)),
            (_, None) => continue,
        };
        let is_partition = |()| if setting.key == Key::Partition { is_partition(directory) } else { Ok(()) };
        report.done(directory, &[setting], written.and_then(is_partition))?;
    }
    Ok(())
}

/// The kernel takes the word whether it can make a partition or not, and says so when it is read.
fn is_partition(directory: &Directory) -> Result<(), Error> {
    let text = directory.read(PARTITION)?;
    match text.parse::<PartitionState>() {
        Ok(PartitionState { invalid: Some(reason), partition }) => {
            let object = Object::Group(directory.path().to_owned());
            let of = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            let why = format!("the kernel makes no partition of it ({partition} invalid){of}");
            Err(Error::because("make a partition of", object, ErrorKind::WrongState, why))
        }
        _ => Ok(()),
    }
}
