// SPDX-License-Identifier: MIT OR Apache-2.0
//! Raw files: any control file of a group by its name, under the name of either version.
//!
//! What is known by both versions is translated (`raw/on_v2.rs`, `raw/on_v1.rs`); everything else goes to the file of that
//! name as it is.

mod name;
mod on_v1;
mod on_v2;

#[cfg(test)]
mod tests;

use rustix::fs::{AtFlags, accessat};

use crate::controller::Controller;
use crate::error::{Error, Object};
use crate::group::{Cgroup, Directory};
use crate::layout::Version;
use crate::limits::Key;
use crate::text;
use crate::value::{Bytes, DeviceNumber, Max, shown};
use name::FileName;

/// What version 1 says of memory without a limit: all pages that fit, of 4 KiB.
const UNLIMITED: &str = "9223372036854771712";

/// The limits that are a key of `io.max` in version 2, and a file each in version 1.
const THROTTLES: [Key; 4] = [Key::ReadBytes, Key::WriteBytes, Key::Reads, Key::Writes];

/// Files of the same text under different names, beside [limits](SAME_LIMITS): version 1, version 2.
const RENAMED: [(&str, &str); 5] = [
    ("memory.usage_in_bytes", "memory.current"),
    ("memory.max_usage_in_bytes", "memory.peak"),
    ("cpuset.effective_cpus", "cpuset.cpus.effective"),
    ("cpuset.effective_mems", "cpuset.mems.effective"),
    ("tasks", "cgroup.threads"),
];
const SAME_LIMITS: [Key; 1] = [Key::CpuBurst];

/// Limits that are an amount, and differ in how they write none.
const AMOUNTS: [Key; 4] = [Key::MemoryMax, Key::MemoryLow, Key::HugetlbMax, Key::HugetlbReserved];

/// Amounts in use; a `*` is a size of pages.
const USED: [(&str, &str); 2] =
    [("hugetlb.*.rsvd.usage_in_bytes", "hugetlb.*.rsvd.current"), ("hugetlb.*.usage_in_bytes", "hugetlb.*.current")];

/// The files of a limit: version 1, version 2.
fn files_of(key: Key) -> Option<(&'static str, &'static str)> {
    let row = key.row();
    Some((row.v1?, row.v2?))
}

/// The keys of `io.max`, and the file of version 1 for each.
fn io_max_keys() -> impl Iterator<Item = (&'static str, &'static str)> {
    THROTTLES.into_iter().filter_map(|key| Some((key.word().strip_suffix('=')?, key.row().v1?)))
}

/// The files that say the same: version 1, version 2.
fn renamed() -> impl Iterator<Item = (&'static str, &'static str)> {
    SAME_LIMITS.into_iter().filter_map(files_of).chain(RENAMED)
}

/// The files that hold an amount: version 1, version 2.
fn amounts() -> impl Iterator<Item = (&'static str, &'static str)> {
    AMOUNTS.into_iter().filter_map(files_of).chain(USED)
}

/// The name in `version` of a file of the other.
fn translated(
    mut files: impl Iterator<Item = (&'static str, &'static str)>,
    file: &str,
    version: Version,
) -> Option<String> {
    files.find_map(|(v1, v2)| {
        let (theirs, ours) = if version == Version::V1 { (v2, v1) } else { (v1, v2) };
        let Some((before, after)) = theirs.split_once('*') else { return (theirs == file).then(|| ours.to_owned()) };
        let size = file.strip_prefix(before)?.strip_suffix(after)?;
        (!size.contains('.')).then(|| ours.replace('*', size))
    })
}

impl Cgroup {
    /// Reads a control file of the group, without the line break at its end.
    ///
    /// The name is that of either version. Where the group has the other, a file that both have is translated, and so is its
    /// value: `cpu.shares` is `cpu.weight`, `memory.limit_in_bytes` is `memory.max`, `memory.memsw.limit_in_bytes` is
    /// `memory.max` and `memory.swap.max` together, `cpu.cfs_quota_us` and `cpu.cfs_period_us` are `cpu.max`, the four files
    /// of `blkio.throttle` are `io.max`, `freezer.state` is `cgroup.freeze`; further bursts, soft limits, weights of
    /// devices, effective processors, amounts in use and huge pages.
    ///
    /// # Errors
    /// `Invalid` for what is not the name of a control file; `Unsupported` if the group has no such file and nothing that it
    /// could be translated to; `NotFound` if the group was removed; what the kernel has against reading it. The error names
    /// the file by its path.
    #[doc(alias = "lxc-cgroup")]
    #[doc(alias = "get_cgroup_item")]
    pub fn read(&self, file: &str) -> Result<String, Error> {
        const OP: &str = "read";
        let name = FileName::new(OP, file)?;
        let (home, is_there) = self.raw_home(OP, &name)?;
        if !is_there {
            let translated = match home.version() {
                Version::V1 => on_v1::read(home, file)?,
                Version::V2 => on_v2::read(home, file)?,
            };
            if let Some(text) = translated {
                return Ok(text);
            }
        }
        let mut text = home.read(file)?;
        if text.ends_with('\n') {
            text.pop();
        }
        Ok(text)
    }

    /// Writes a value to a control file of the group, in one write(2). No file is made.
    ///
    /// Names and values are translated as by [`read`](Self::read); what version 1 keeps in several files takes a write each.
    /// No controller is enabled for it: that is what [`apply`](Self::apply) does.
    ///
    /// # Errors
    /// Those of [`read`](Self::read); `Invalid` for a value that cannot be translated, or that the kernel refuses.
    /// # Privileges
    /// Write access to the file.
    #[doc(alias = "lxc-cgroup")]
    #[doc(alias = "set_cgroup_item")]
    pub fn write(&self, file: &str, value: &str) -> Result<(), Error> {
        const OP: &str = "write";
        let name = FileName::new(OP, file)?;
        let (home, is_there) = self.raw_home(OP, &name)?;
        if !is_there {
            let translated = match home.version() {
                Version::V1 => on_v1::write(home, file, value)?,
                Version::V2 => on_v2::write(home, file, value)?,
            };
            if translated.is_some() {
                return Ok(());
            }
        }
        home.write(file, value)
    }

    /// The directory where the file is, or would be, and whether it is.
    fn raw_home(&self, op: &'static str, name: &FileName<'_>) -> Result<(&Directory, bool), Error> {
        let has = |directory: &&Directory| {
            accessat(directory.fd(), name.as_str(), rustix::fs::Access::EXISTS, AtFlags::empty()).is_ok()
        };
        let first = match name.controller() {
            Some(controller) => self.of(controller),
            None if name.as_str() == "cgroup.freeze" => self.of(Controller::Freezer),
            None => None,
        };
        // Pressure is in version 2 whichever has the controller; the files of every group are wherever it is.
        let others = self.v2().into_iter().chain(if name.controller().is_none() { self.all() } else { &[] });
        match first.into_iter().chain(others).find(has) {
            Some(found) => Ok((found, true)),
            None => match first {
                Some(first) => Ok((first, false)),
                None => Ok((self.held(op)?, false)),
            },
        }
    }
}

/// Reads an amount as either version writes it: none is "max" or -1.
fn amount(text: &str) -> Result<Max<Bytes>, Error> {
    if text.trim() == "-1" { Ok(Max::Unlimited) } else { text.parse() }
}

/// What `what` makes of a value that is to be written, with the file in the error.
fn parsed<T>(group: &Directory, file: &str, value: &str, what: Result<T, Error>) -> Result<T, Error> {
    what.map_err(|error| unreadable(group, file, value, error.problems().to_vec()))
}

fn unreadable(group: &Directory, file: &str, value: &str, problems: Vec<String>) -> Error {
    Error::invalid("write", Object::Value { text: value.to_owned(), file: group.path().join(file) }, problems)
}

/// A device and what is said of it: "8:0 1048576".
fn of_device(text: &str) -> Option<(DeviceNumber, &str)> {
    let (device, rest) = text.trim().split_once(char::is_whitespace)?;
    Some((device.parse().ok()?, rest.trim()))
}

/// A whole number, or an error that says so.
fn number(group: &Directory, file: &str, value: &str) -> Result<u64, Error> {
    text::number(value)
        .ok_or_else(|| unreadable(group, file, value, vec![format!("{} is not a whole number", shown(value))]))
}
