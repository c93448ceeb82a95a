// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading: every file once, or again and again by descriptors that are held.
//!
//! The kernel makes the text of such a file whole at a reading from its start, so a reading that does not fill the buffer
//! has all of it: one pread(2) a file.

use std::borrow::Cow;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::Dir;
use rustix::io::{Errno, pread, retry_on_intr};

use super::refill::Refill;
use super::source::{PRESSURES, SOURCES, Source, Target};
use super::{Stat, hugetlb};
use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::group::{Cgroup, Directory};
use crate::layout::{Version, controllers};

/// What the longest file of most machines fits into: `memory.stat`.
const ROOM: usize = 8192;

/// The controllers that statistics are of.
const ALL: [Controller; 8] = [
    Controller::Cpu,
    Controller::Cpuacct,
    Controller::Memory,
    Controller::Pids,
    Controller::Io,
    Controller::Hugetlb,
    Controller::Rdma,
    Controller::Misc,
];

impl Cgroup {
    /// Reads what the group uses: once. Who reads again and again holds a [`StatReader`].
    ///
    /// # Errors
    /// `NotFound` if the group was removed. What the kernel has against reading its files.
    pub fn stat(&self) -> Result<Stat, Error> {
        self.stat_of(ALL)
    }

    /// Reads what the group uses, of some controllers alone; the pressure for processors belongs to `Cpu`, that for memory to
    /// `Memory`, that for devices to `Io`.
    ///
    /// # Errors
    /// Those of [`stat`](Self::stat).
    pub fn stat_of(&self, wanted: impl IntoIterator<Item = Controller>) -> Result<Stat, Error> {
        let mut stat = Stat::default();
        let mut buffer = vec![0; ROOM];
        self.each_file(wanted, |directory, name, target| {
            let Some(file) = open(directory, &name)? else { return Ok(false) };
            match read(file.as_fd(), &mut buffer) {
                Ok(text) => target.fill(&mut stat, &decoded(text)),
                // Of a kernel that does not count it.
                Err(Errno::OPNOTSUPP) => {}
                Err(errno) => return Err(failure(&directory.path().join(&*name), errno)),
            }
            Ok(true)
        })?;
        stat.end();
        Ok(stat)
    }

    /// Holds every file of statistics open, in order to read them again and again.
    ///
    /// # Errors
    /// Those of [`stat`](Self::stat); `Exhausted` without free descriptors: it takes about thirty.
    pub fn stat_reader(&self) -> Result<StatReader, Error> {
        self.stat_reader_of(ALL)
    }

    /// Holds the files of statistics of some controllers open.
    ///
    /// # Errors
    /// Those of [`stat_reader`](Self::stat_reader).
    pub fn stat_reader_of(&self, wanted: impl IntoIterator<Item = Controller>) -> Result<StatReader, Error> {
        let mut files = Vec::new();
        self.each_file(wanted, |directory, name, target| {
            let Some(file) = open(directory, &name)? else { return Ok(false) };
            files.push(Held { file, path: directory.path().join(&*name), target });
            Ok(true)
        })?;
        Ok(StatReader { files, buffer: vec![0; ROOM], stat: Stat::default() })
    }

    /// Every file of statistics that the group may have; the answer of `each` is whether it was there.
    fn each_file(
        &self,
        wanted: impl IntoIterator<Item = Controller>,
        mut each: impl FnMut(&Directory, Cow<'static, str>, Target) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let wanted: Vec<Controller> = wanted.into_iter().collect();
        let v2 = self.v2();
        // What version 2 has in every group, and what this one was given.
        let mut given = vec![Controller::Cpu, Controller::Cpuacct];
        if let Some(v2) = v2 {
            given.extend(controllers(&v2.read("cgroup.controllers")?));
        }
        let home = |controller: Controller| {
            let home = self.of(controller).filter(|_| wanted.contains(&controller));
            home.filter(|home| home.version() == Version::V1 || given.contains(&controller))
        };
        let mut once = None;
        for source in &SOURCES {
            let Some(directory) = home(source.controller).filter(|home| source.is_in(home.version())) else { continue };
            // Of version 2 the count of time and the controller share a file.
            let first = source.names.first().copied();
            if directory.version() == Version::V2 && first == Some("cpu.stat") && first == once {
                continue;
            }
            once = if directory.version() == Version::V2 { first } else { None };
            for name in source.names {
                if each(directory, Cow::Borrowed(name), Target::All(source.fill))? {
                    break;
                }
            }
        }
        for source in PRESSURES.iter().filter(|source| wanted.contains(&source.controller)) {
            if let (Some(v2), [name]) = (v2, source.names) {
                each(v2, Cow::Borrowed(name), Target::All(source.fill))?;
            }
        }
        if let Some(directory) = home(Controller::Hugetlb) {
            for size in page_sizes(directory)? {
                for (end, fill) in hugetlb::FILES {
                    let target = Target::Pages(size.as_str().into(), fill);
                    each(directory, Cow::Owned(format!("hugetlb.{size}.{end}")), target)?;
                }
            }
        }
        Ok(())
    }
}

impl Source {
    fn is_in(&self, version: Version) -> bool {
        self.version.is_none_or(|only| only == version)
    }
}

/// The files of statistics of a group, held open: from [`Cgroup::stat_reader`].
///
/// Reading again takes one system call a file, and memory only when there is something that was not there before: a device,
/// or a text that is longer than all before. A controller that the group is given later is not in it.
///
/// ```no_run
/// use std::time::Duration;
/// use skep_cgroup::Cgroup;
///
/// let web = Cgroup::open("web-1")?;
/// let mut reader = web.stat_reader()?;
/// loop {
///     let stat = reader.read()?;
///     println!("{:?} {:?}", stat.memory.current, stat.cpu.usage);
///     std::thread::sleep(Duration::from_secs(1));
/// }
/// # Ok::<(), skep_cgroup::Error>(())
/// ```
#[derive(Debug)]
pub struct StatReader {
    files: Vec<Held>,
    buffer: Vec<u8>,
    stat: Stat,
}

#[derive(Debug)]
struct Held {
    file: OwnedFd,
    path: PathBuf,
    target: Target,
}

impl StatReader {
    /// Reads all of it again.
    ///
    /// # Errors
    /// `NotFound`, naming the file, if the group was removed or has lost the controller: a new reader tells which. What the
    /// kernel has against reading.
    pub fn read(&mut self) -> Result<&Stat, Error> {
        self.stat.begin();
        for held in &self.files {
            match read(held.file.as_fd(), &mut self.buffer) {
                Ok(text) => held.target.fill(&mut self.stat, &decoded(text)),
                // Of a kernel that does not count it.
                Err(Errno::OPNOTSUPP) => {}
                Err(errno) => return Err(failure(&held.path, errno)),
            }
        }
        self.stat.end();
        Ok(&self.stat)
    }

    /// What was read last; empty before the first reading, in part after one that has failed.
    #[must_use]
    pub fn last(&self) -> &Stat {
        &self.stat
    }
}

/// Opens a file that some kernels do not have.
fn open(directory: &Directory, name: &str) -> Result<Option<OwnedFd>, Error> {
    let out_of_descriptors = |raw| [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error).contains(&raw);
    directory.open_if_there(name).map_err(|error| match error.errno() {
        Some(raw) if out_of_descriptors(raw) => error.with_hint(DESCRIPTORS),
        _ => error,
    })
}

/// What to do where no descriptor is left.
const DESCRIPTORS: &str =
    "raise the limit of open files (RLIMIT_NOFILE), or read the statistics of fewer controllers or groups at a time";

/// All of a file, from its start.
fn read<'a>(file: BorrowedFd<'_>, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], Errno> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        let offset = u64::try_from(filled).unwrap_or(u64::MAX);
        let (wanted, count) = (room.len(), retry_on_intr(|| pread(file, &mut *room, offset))?);
        filled += count;
        if count < wanted {
            break;
        }
        buffer.resize(buffer.len().saturating_mul(2), 0);
    }
    Ok(buffer.get(..filled).unwrap_or_default())
}

fn decoded(text: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(text)
}

fn failure(path: &Path, errno: Errno) -> Error {
    let (object, raw) = (Object::Path(path.to_owned()), errno.raw_os_error());
    match errno {
        Errno::NODEV => {
            let why = "the group was removed, or does not have the controller any more";
            Error::explained("read", object, ErrorKind::NotFound, raw, why)
        }
        _ => Error::os("read", object, raw),
    }
}

/// The sizes of huge pages that the group counts.
fn page_sizes(directory: &Directory) -> Result<Vec<String>, Error> {
    let failed = |errno: Errno| Error::os("list", Object::Group(directory.path().to_owned()), errno.raw_os_error());
    let mut sizes = Vec::new();
    for entry in Dir::read_from(directory.fd()).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let size = CStr::to_str(entry.file_name()).ok().and_then(hugetlb::size_of);
        sizes.extend(size.map(str::to_owned));
    }
    sizes.sort_unstable();
    Ok(sizes)
}
