// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounts and devices for a container that runs.

use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use serde::{Deserialize, Serialize};
use skep_cgroup::{Cgroup, DeviceAccess, DeviceKind, DeviceRules, Devices, ErrorKind as CgroupErrorKind, Limits};
use skep_ns::NamespaceKind;
use skep_rootfs::{Attached, Bind, MountNamespace};

use super::running::Container;
use crate::error::{Error, ErrorKind};
use crate::parent::is_own;

const ADD: &str = "add a device to";
const REMOVE: &str = "remove a device from";

/// A device that was added to a container: what it takes to remove it, also by another program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AddedDevice {
    /// Where it is.
    pub mount: Attached,
    /// Which device it is, and what may be done with it.
    pub device: Devices,
    /// What of that might not be done before, and may not be again when it is removed; `None` if all might.
    pub allowed: Option<Devices>,
}

impl Container {
    /// Has a file or directory of this machine appear in it from now on: at once, for all its processes, and those that are
    /// executed in it later. Not in mount namespaces that its processes have made for themselves.
    ///
    /// Answers `None` where the source is absent and that is [optional](Bind::optional).
    /// [`spec`](Self::spec) goes on saying how it was made.
    ///
    /// ```no_run
    /// use skep::Container;
    /// use skep::rootfs::Bind;
    ///
    /// let web = Container::open("web")?;
    /// if let Some(pages) = web.mount(&Bind::new("/srv/pages", "/var/www").read_only().create_target())? {
    ///     web.unmount(&pages)?;
    /// }
    /// # Ok::<(), skep::Error>(())
    /// ```
    /// # Errors
    /// As [`MountNamespace::attach`]; `WrongState` if it does not run, or shares the mounts of its maker or of the caller.
    /// # Privileges
    /// As [`MountNamespace`].
    /// # Kernel
    /// Linux 5.12. See mount_namespaces(7).
    #[doc(alias = "mount_injection")]
    pub fn mount(&self, bind: &Bind) -> Result<Option<Attached>, Error> {
        const OP: &str = "mount into";
        self.mounts(OP)?.attach(bind).map_err(|error| Error::of_leaf(OP, self.object(), error))
    }

    /// Unmounts what was [mounted](Self::mount), with what is mounted below it by now: exactly that, or nothing. Programs that
    /// have something of it open keep that.
    ///
    /// # Errors
    /// As [`MountNamespace::remove`]; `WrongState` if it does not run.
    /// # Privileges
    /// As [`MountNamespace`].
    pub fn unmount(&self, attached: &Attached) -> Result<(), Error> {
        const OP: &str = "unmount from";
        self.mounts(OP)?.remove(attached).map_err(|error| Error::of_leaf(OP, self.object(), error))
    }

    /// Has a device of this machine appear in it, at an absolute path inside where a file is made for it if none is there, and
    /// allows this access to it where its cgroup limits that. The node is this machine's own, with its owner and its mode.
    ///
    /// ```no_run
    /// use skep::Container;
    /// use skep::cgroup::DeviceAccess;
    ///
    /// let build = Container::open("build")?;
    /// let fuse = build.add_device("/dev/fuse", "/dev/fuse", DeviceAccess::READ | DeviceAccess::WRITE)?;
    /// build.remove_device(&fuse)?;
    /// # Ok::<(), skep::Error>(())
    /// ```
    /// Of a device that is added twice the second is told to be allowed as far as the first is not, so who
    /// [removes](Self::remove_device) the first takes that from the second too.
    ///
    /// # Errors
    /// `Invalid` for what is no device; `Busy` while another process changes or deletes it; `WrongState` if it does not run, shares the mounts of its maker, or what its cgroup
    /// allows cannot be known; else as [`mount`](Self::mount) and [`limit`](Self::limit). Nothing is changed then.
    /// # Privileges
    /// As [`MountNamespace`], and write access to its cgroup; under version 2 `CAP_SYS_ADMIN` for device rules.
    pub fn add_device(
        &self,
        source: impl AsRef<Path>,
        target: impl Into<PathBuf>,
        access: DeviceAccess,
    ) -> Result<AddedDevice, Error> {
        let source = source.as_ref();
        let invalid = |problem: String| Error::invalid(ADD, self.object(), vec![problem]);
        let failed = |error| Error::of_leaf(ADD, self.object(), error);
        if access.is_empty() {
            return Err(invalid(
                "no access is to be allowed: name some of reading, writing and making nodes".to_owned(),
            ));
        }
        let mounts = self.mounts(ADD)?;
        let bind = Bind::new(source, target).create_target();
        // Of what will be attached: what is at its path may be another device by then.
        let tree = bind.detached().map_err(failed)?.ok_or_else(|| invalid(format!("{source:?} is absent")))?;
        let found = rustix::fs::fstat(&tree)
            .map_err(|errno| Error::os(ADD, self.object(), errno.raw_os_error()).with_hint_of_limits())?;
        let kind = match FileType::from_raw_mode(found.st_mode) {
            FileType::CharacterDevice => DeviceKind::Char,
            FileType::BlockDevice => DeviceKind::Block,
            _ => return Err(invalid(format!("{source:?} is no device"))),
        };
        let (major, minor) = (rustix::fs::major(found.st_rdev), rustix::fs::minor(found.st_rdev));
        let device = Devices { kind: Some(kind), major: Some(major), minor: Some(minor), access };
        let _alone = self.changing(ADD)?;
        let limited = self.device_rules(ADD)?.and_then(|(group, rules)| {
            let lacking = access & !rules.allowed(kind, major, minor);
            (!lacking.is_empty()).then(|| (group, rules, device.access(lacking)))
        });
        if let Some((group, rules, lacking)) = &limited {
            self.apply_devices(ADD, group, rules.clone().allow(*lacking))?;
        }
        let failed = match mounts.attach_tree(tree, &bind.target, true) {
            Ok(mount) => {
                return Ok(AddedDevice { mount, device, allowed: limited.map(|(.., lacking)| lacking) });
            }
            Err(error) => failed(error),
        };
        match limited.map(|(group, rules, _)| self.apply_devices(ADD, &group, rules)) {
            Some(Err(error)) => Err(failed.with_hint(format!("its use stays allowed: {}", crate::Report(&error)))),
            Some(Ok(())) | None => Err(failed),
        }
    }

    /// Removes a device that was [added](Self::add_device), and allows no more of it than before. Programs that have it open
    /// keep it.
    ///
    /// What was allowed for it is taken back first, and stays taken back: whoever is master in the container may cover the
    /// device, and keeps nothing by that.
    ///
    /// # Errors
    /// As [`limit`](Self::limit): nothing is changed then, and it can be used still. As [`unmount`](Self::unmount): then it is
    /// to be seen still, and can be opened no more than before it was added; it may be removed again. `Busy` and `WrongState`
    /// as for [`add_device`](Self::add_device).
    /// # Privileges
    /// As [`add_device`](Self::add_device).
    pub fn remove_device(&self, device: &AddedDevice) -> Result<(), Error> {
        let _alone = self.changing(REMOVE)?;
        let mounts = self.mounts(REMOVE)?;
        if let (Some(allowed), Some((group, rules))) = (device.allowed, self.device_rules(REMOVE)?) {
            self.apply_devices(REMOVE, &group, rules.deny(allowed))?;
        }
        mounts.remove(&device.mount).map_err(|error| Error::of_leaf(REMOVE, self.object(), error))
    }

    /// Its mounts, if they are not those of its maker.
    fn mounts(&self, op: &'static str) -> Result<MountNamespace, Error> {
        if !self.spec().is_some_and(|spec| spec.is_in(NamespaceKind::Mount)) {
            let why = "it has no mount namespace of its own: it would be seen by the whole machine".to_owned();
            return Err(Error::because(op, self.object(), ErrorKind::WrongState, why));
        }
        let namespace = self.namespace(NamespaceKind::Mount)?;
        if is_own(&namespace) {
            let why = "it is in the caller's own mount namespace: it would be seen there by everybody".to_owned();
            return Err(Error::because(op, self.object(), ErrorKind::WrongState, why));
        }
        MountNamespace::of_namespace(namespace).map_err(|error| Error::of_leaf(op, self.object(), error))
    }

    /// Which devices it may use, and the group that says so; `None` if nothing does.
    fn device_rules(&self, op: &'static str) -> Result<Option<(Cgroup, DeviceRules)>, Error> {
        let Some(group) = self.cgroup()? else { return Ok(None) };
        let described = self.spec().and_then(|spec| spec.resources.limits.devices.clone());
        match group.device_rules() {
            Ok(Some(rules)) if rules.normal() == DeviceRules::allow_all() => Ok(None),
            Ok(Some(rules)) => Ok(Some((group, rules))),
            // Version 1 does not tell what is denied where the rest is allowed, and others may have programs of their own.
            Ok(None) => match described {
                Some(rules) => Ok(Some((group, rules))),
                None => {
                    let why = "which devices its cgroup allows cannot be known".to_owned();
                    let hint = "say all that it may use, by Container::limit";
                    Err(Error::because(op, self.object(), ErrorKind::WrongState, why).with_hint(hint))
                }
            },
            Err(error) if error.kind() == CgroupErrorKind::Unsupported => Ok(None),
            // Who may not ask could not limit it either.
            Err(error) if error.kind() == CgroupErrorKind::Denied && described.is_none() => Ok(None),
            Err(error) => Err(Error::of_leaf(op, self.object(), error)),
        }
    }

    fn apply_devices(&self, op: &'static str, group: &Cgroup, rules: DeviceRules) -> Result<(), Error> {
        self.apply(op, group, &Limits::new().devices(rules.normal()))
    }
}
