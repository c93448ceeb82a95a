// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attaching: one program of ours on a group of version 2, replaced in one step.
//!
//! Programs of others stay where they are: the kernel asks all of them, and those of the groups above, and one "no" is
//! enough. Ours is known by its name. It stays on the group until that is removed, whoever has attached it.
//!
//! Kernel: kernel/bpf/cgroup.c, `__cgroup_bpf_attach`.

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;

use super::{DeviceProgram, DeviceRules, Table, foreign, program, refused, v1};
use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::group::{Cgroup, Directory};
use crate::layout::Version;
use crate::programs::ProgramKind;
use crate::sys;

/// What our programs are called.
pub(super) const NAME: &[u8] = b"skep_devices";

const DEVICE: u32 = ProgramKind::Device.number();

const ATTACH: &str = "attach a device program to";
const LIST: &str = "list the device programs of";

/// How often somebody else may change the programs of a group while we do.
const TRIES: usize = 8;

impl Cgroup {
    /// The device programs that are attached to this group, by this crate and by others; those of the groups above are
    /// asked too, and not listed here. A group that version 1 keeps the devices of has none.
    ///
    /// # Errors
    /// `Denied` without the right; `NotFound` if the group was removed.
    /// # Privileges
    /// `CAP_SYS_ADMIN` of the first user namespace.
    #[doc(alias = "BPF_PROG_QUERY")]
    pub fn device_programs(&self) -> Result<Vec<DeviceProgram>, Error> {
        match self.of(Controller::Devices) {
            Some(directory) if directory.version() == Version::V2 => {
                let found = attached(directory)?;
                found.iter().map(|found| look(directory, found)).collect()
            }
            _ => self.held(LIST).map(|_| Vec::new()),
        }
    }

    /// The device rules of this group as they are now, in normal form: read from `devices.list`, or from the program that is
    /// attached. `None` where they cannot be known: version 1 does not tell what is denied where the rest is allowed, and
    /// of several programs, or one that does more than compare numbers, it is not read. What the groups above deny is not
    /// told.
    ///
    /// # Errors
    /// Those of [`device_programs`](Self::device_programs); `Unsupported` if the group has no directory for devices.
    /// # Privileges
    /// Under version 2 `CAP_SYS_ADMIN` of the first user namespace.
    #[doc(alias = "devices.list")]
    pub fn device_rules(&self) -> Result<Option<DeviceRules>, Error> {
        let held = self.held("read the device rules of")?;
        match self.of(Controller::Devices) {
            None => {
                let object = Object::Group(held.path().to_owned());
                let why = "the group has no directory with the devices controller";
                Err(Error::explained("read the device rules of", object, ErrorKind::Unsupported, 0, why))
            }
            Some(directory) if directory.version() == Version::V1 => v1::read(directory),
            Some(_) => Ok(match self.device_programs()?.as_slice() {
                [] => Some(DeviceRules::allow_all()),
                [only] => only.rules.clone(),
                _ => None,
            }),
        }
    }
}

/// Puts a program of these rules on the group, in place of the former one.
pub(crate) fn apply(directory: &Directory, rules: &DeviceRules) -> Result<(), Error> {
    let object = || Object::Group(directory.path().to_owned());
    let Some(insns) = program::compile(&Table::of(rules)) else {
        let why = "devices.rules would make a program that is longer than its jumps reach".to_owned();
        return Err(Error::invalid(ATTACH, object(), vec![why]));
    };
    let new = sys::load(&insns, NAME, None).map_err(|errno| refused::load(&insns, object(), errno))?;
    let failed = |errno| refused::attach(ATTACH, object(), errno);
    for _ in 0..TRIES {
        let ours = ours(directory)?;
        match sys::attach(directory.fd(), new.as_fd(), DEVICE, ours.first().map(AsFd::as_fd)) {
            // Somebody has taken away what was to be replaced.
            Err(Errno::NOENT) if !ours.is_empty() => continue,
            Err(errno) => return Err(failed(errno)),
            Ok(()) => {}
        }
        // Two that were applied at the same moment by two processes; from now on there is one.
        for more in ours.iter().skip(1) {
            match sys::detach(directory.fd(), more.as_fd(), DEVICE) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
        return Ok(());
    }
    let why = "somebody else changes its programs at the same time".to_owned();
    Err(Error::because(ATTACH, object(), ErrorKind::Busy, why))
}

/// The programs that are attached.
fn attached(directory: &Directory) -> Result<Vec<OwnedFd>, Error> {
    let object = || Object::Group(directory.path().to_owned());
    let failed = |errno: Errno| match errno {
        Errno::PERM => {
            let why = "that takes CAP_SYS_ADMIN of the first user namespace";
            Error::explained(LIST, object(), ErrorKind::Denied, errno.raw_os_error(), why)
        }
        _ if directory.is_gone() => refused::attach(LIST, object(), Errno::NODEV),
        _ => Error::os(LIST, object(), errno.raw_os_error()),
    };
    let ids = sys::attached(directory.fd(), DEVICE).map_err(failed)?;
    let opened = ids.into_iter().map(sys::open);
    // One may be taken away meanwhile.
    opened.filter(|opened| !matches!(opened, Err(Errno::NOENT))).map(|opened| opened.map_err(failed)).collect()
}

/// Those of them that are ours.
fn ours(directory: &Directory) -> Result<Vec<OwnedFd>, Error> {
    let mut ours = Vec::new();
    for found in attached(directory)? {
        if look(directory, &found)?.name.as_bytes() == NAME {
            ours.push(found);
        }
    }
    Ok(ours)
}

/// What the kernel tells of a program.
fn look(directory: &Directory, program: &OwnedFd) -> Result<DeviceProgram, Error> {
    let failed = |errno: Errno| Error::os(LIST, Object::Group(directory.path().to_owned()), errno.raw_os_error());
    let info = sys::info(program.as_fd()).map_err(failed)?;
    let insns = sys::instructions(program.as_fd()).map_err(failed)?;
    let name = info.name.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(DeviceProgram {
        id: info.id,
        tag: info.tag,
        name: String::from_utf8_lossy(name).into_owned(),
        rules: program::decompile(&insns).or_else(|| foreign::table(&insns)).map(|table| table.rules()),
    })
}
