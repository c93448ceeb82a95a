// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices: those that every container has, and those that are said.

use std::path::{Path, PathBuf};

use skep_ns::NamespaceKind;
use skep_rootfs::{Attributes, Dev, Device, Mount, Symlink};

use super::super::linux::Device as OciDevice;
use super::{Walk, key, part};

/// What every container has by the specification.
const DEFAULT: [(&str, u32, u32); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];
const LINKS: [(&str, &str); 5] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/ptmx", "pts/ptmx"),
];

impl Walk<'_> {
    pub(super) fn devices(&mut self) {
        self.default_devices();
        let devices = self.config.linux.as_ref().and_then(|linux| linux.devices.as_deref()).unwrap_or_default();
        let mut seen: Vec<&str> = Vec::new();
        for (at, device) in devices.iter().enumerate() {
            let place = part("linux.devices", at);
            if seen.contains(&device.path.as_str()) {
                self.found.problem(&key(&place, "path"), format!("{:?} is in the list already", device.path));
            }
            seen.push(&device.path);
            if device.path == "/dev/ptmx" {
                // An engine that gives a container all of this machine's devices names it too.
                self.found.note(&place, "/dev/ptmx is the container's own, which its /dev/pts has");
                continue;
            }
            if let Some(made) = self.device(&place, device) {
                self.spec.mounts.mounts.push(made.into());
            }
        }
    }

    fn default_devices(&mut self) {
        let is_dev = |mount: &&mut Mount| plain(mount.target()) == Path::new("/dev");
        match self.spec.mounts.mounts.iter_mut().rfind(is_dev) {
            // Whoever brings a /dev along has it as it is.
            Some(Mount::Bind(_)) => return,
            Some(mount) => {
                if let Some(dev) = minimal(mount) {
                    *mount = dev.into();
                    return;
                }
            }
            None => {}
        }
        for (path, major, minor) in DEFAULT {
            let device = Device::character(path, major, minor).mode(0o666);
            let device = self.bound(device);
            self.spec.mounts.mounts.push(device.into());
        }
        for (path, to) in LINKS {
            self.spec.mounts.mounts.push(Symlink::new(path, to).into());
        }
    }

    /// In a user namespace the machine's own device of that path: none can be made there.
    fn bound(&self, device: Device) -> Device {
        if self.has(NamespaceKind::User) {
            let path = device.target.clone();
            return device.bind_from(path);
        }
        device
    }

    fn device(&mut self, place: &str, said: &OciDevice) -> Option<Device> {
        let has_path = self.found.absolute(&key(place, "path"), &said.path);
        let number = |number: Option<i64>| number.map(u32::try_from).and_then(Result::ok);
        let numbers = number(said.major).zip(number(said.minor));
        let made = match (said.kind.as_str(), numbers) {
            ("p", _) => Device::fifo(&said.path),
            ("c" | "u", Some((major, minor))) => self.bound(Device::character(&said.path, major, minor)),
            ("b", Some((major, minor))) => self.bound(Device::block(&said.path, major, minor)),
            ("c" | "u" | "b", None) => {
                self.found.problem(place, "major and minor are required of what is no pipe, from 0 on");
                return None;
            }
            (other, _) => {
                self.found.problem(&key(place, "type"), format!("{other:?} is none: c, u, b or p"));
                return None;
            }
        };
        if made.major > 4095 || made.minor > 0xf_ffff {
            self.found
                .problem(place, format!("{}:{}: the kernel's numbers end at 4095:1048575", made.major, made.minor));
        }
        if said.kind == "p" && said.major.or(said.minor).is_some_and(|number| number != 0) {
            self.found.note(place, "major and minor say nothing of a pipe");
        }
        // Some write the kind of the file too.
        let mode = said.file_mode.unwrap_or(0o666);
        if mode & 0o7000 != 0 {
            self.found.unsupported(&key(place, "fileMode"), format!("{mode} has bits of permissions beyond 0777"));
        }
        let made = made.mode(mode & 0o777).owner(said.uid.unwrap_or_default(), said.gid.unwrap_or_default());
        has_path.then_some(made)
    }
}

/// Whether it is what every container has in /dev, wherever that comes from.
pub(in super::super) fn is_default_of_dev(mount: &Mount) -> bool {
    match mount {
        Mount::Symlink(link) => {
            LINKS.into_iter().any(|(path, to)| link.target == Path::new(path) && link.to == Path::new(to))
        }
        Mount::Device(device) => DEFAULT.into_iter().any(|(path, major, minor)| {
            let made = Device::character(path, major, minor).mode(0o666);
            *device == made || *device == made.bind_from(path)
        }),
        _ => false,
    }
}

/// The path without doubled slashes, dots and a slash at its end.
fn plain(path: &Path) -> PathBuf {
    path.components().collect()
}

/// A tmpfs on /dev as the minimal /dev of this library, if that is the same: it knows whether devices can be made.
fn minimal(mount: &Mount) -> Option<Dev> {
    let Mount::Tmpfs(tmpfs) = mount else { return None };
    let plain = tmpfs.mode == Some(0o755) && tmpfs.inodes.is_none() && !tmpfs.copy_up;
    let devices = !tmpfs.attributes.contains(Attributes::NODEV);
    let size = tmpfs.size.filter(|_| plain && devices)?;
    Some(Dev::new("/dev").size(size).attributes(tmpfs.attributes).create_target())
}
