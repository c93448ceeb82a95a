// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is mounted, and devices.

use std::path::PathBuf;

use skep_rootfs::{Attributes, Bind, CgroupAccess, Device, DeviceKind, IdRange, Idmap, Mount};

use super::super::linux::{Device as OciDevice, Linux};
use super::super::mount::{IdMapping, Mount as OciMount};
use super::super::translate::is_default_of_dev;
use super::{Back, is_at, some};
use crate::spec::Spec;

impl Back {
    pub(super) fn mounts(&mut self, spec: &Spec, linux: &mut Linux) -> Option<Vec<OciMount>> {
        let mut mounts = Vec::new();
        let mut devices = Vec::new();
        for (at, mount) in spec.mounts.mounts.iter().enumerate() {
            let place = format!("mounts[{at}]");
            match mount {
                // What every container has is said by nobody.
                mount if is_default_of_dev(mount) => {}
                Mount::Device(device) => devices.push(self.device(&place, device)),
                mount => mounts.extend(self.mount(&place, mount)),
            }
        }
        linux.devices = some(devices);
        let paths =
            |back: &mut Self, list: &[PathBuf]| some(list.iter().map(|path| back.text("mounts", path)).collect());
        // Who reads the format makes the working directory.
        let is_made = |path: &&PathBuf| spec.process.directory.as_ref() != Some(*path);
        for path in spec.mounts.directories.iter().filter(is_made) {
            self.problem(
                "mounts.directories",
                &format!("the format makes no {path:?}, which is not the working directory"),
            );
        }
        linux.masked_paths = paths(self, &spec.mounts.masked);
        linux.readonly_paths = paths(self, &spec.mounts.read_only);
        some(mounts)
    }

    fn mount(&mut self, place: &str, mount: &Mount) -> Option<OciMount> {
        let destination = self.text(place, mount.target());
        let said = |kind: &str, source: String, options: Vec<String>| OciMount {
            destination: destination.clone(),
            kind: Some(kind.to_owned()),
            source: Some(source),
            options: some(options),
            ..OciMount::default()
        };
        if !mount.creates_target() {
            self.problem(place, "targets that are absent are made by whoever reads the format: say create_target");
        }
        let own = |attributes: Attributes| attributes.to_string().split(',').map(str::to_owned).collect::<Vec<_>>();
        match mount {
            Mount::Dev(dev) if is_at(&dev.target, "/dev") => {
                let options = own(dev.attributes).into_iter().filter(|word| !word.is_empty());
                let size = [format!("size={}", dev.size), "mode=755".to_owned()];
                Some(said("tmpfs", "tmpfs".to_owned(), options.chain(size).collect()))
            }
            Mount::Cgroups(cgroups) => {
                let mut attributes = cgroups.attributes;
                attributes.set(Attributes::READ_ONLY, cgroups.access == CgroupAccess::ReadOnly);
                if cgroups.access == CgroupAccess::Mixed {
                    self.problem(place, "the format has control groups of the container's own alone");
                }
                let options = own(attributes).into_iter().filter(|word| !word.is_empty());
                Some(said("cgroup", "cgroup".to_owned(), options.collect()))
            }
            Mount::Disk(_) => {
                self.problem(place, "the format has no word for a file with a file system in it");
                None
            }
            mount => {
                let Some(words) = mount.words() else {
                    self.problem(place, "the format has no word for it");
                    return None;
                };
                let (kind, source) = match mount {
                    Mount::Bind(bind) => ("bind".to_owned(), self.text(place, &bind.source)),
                    Mount::FileSystem(named) => (named.kind.clone(), self.text(place, &named.source)),
                    Mount::Tmpfs(_) => ("tmpfs".to_owned(), "tmpfs".to_owned()),
                    Mount::Proc(_) => ("proc".to_owned(), "proc".to_owned()),
                    Mount::Sysfs(_) => ("sysfs".to_owned(), "sysfs".to_owned()),
                    Mount::Mqueue(_) => ("mqueue".to_owned(), "mqueue".to_owned()),
                    _ => ("devpts".to_owned(), "devpts".to_owned()),
                };
                let is_ours = |word: &&String| matches!(word.as_str(), "optional" | "relative");
                if let Some(word) = words.iter().find(is_ours) {
                    self.problem(place, &format!("the format has no word for {word:?}"));
                }
                let is_said = |word: &String| {
                    !matches!(word.as_str(), "create" | "create=dir" | "defaults")
                        && !word.starts_with("idmap=")
                        && !word.starts_with("ridmap=")
                };
                let mut made = said(&kind, source, words.into_iter().filter(is_said).collect());
                if let Mount::Bind(bind) = mount {
                    self.ids(place, bind, &mut made);
                }
                Some(made)
            }
        }
    }

    fn ids(&mut self, place: &str, bind: &Bind, made: &mut OciMount) {
        let (users, groups) = match &bind.idmap {
            None => return,
            Some(Idmap::Ranges { users, groups }) => (users, groups),
            Some(_) => return self.problem(place, "the format has ranges of ids alone"),
        };
        let range = |range: &IdRange| IdMapping {
            container_id: range.stored,
            host_id: range.seen,
            size: range.count,
            ..IdMapping::default()
        };
        made.uid_mappings = some(users.iter().map(range).collect());
        made.gid_mappings = some(groups.iter().map(range).collect());
        let word = if bind.idmap_deep { "ridmap" } else { "idmap" };
        made.options.get_or_insert_default().push(word.to_owned());
    }

    fn device(&mut self, place: &str, device: &Device) -> OciDevice {
        let kind = match device.kind {
            DeviceKind::Block => "b",
            DeviceKind::Fifo => "p",
            _ => "c",
        };
        if device.from.as_ref().is_some_and(|from| *from != device.target) {
            self.problem(place, "the format has devices by their numbers alone");
        }
        if device.attributes != Device::character("/", 0, 0).attributes || !device.create {
            self.problem(place, "the format has no options of devices");
        }
        let number = |number: u32| Some(i64::from(number)).filter(|_| device.kind != DeviceKind::Fifo);
        OciDevice {
            path: self.text(place, &device.target),
            kind: kind.to_owned(),
            major: number(device.major),
            minor: number(device.minor),
            file_mode: Some(device.mode),
            uid: Some(device.owner.0),
            gid: Some(device.owner.1),
            ..OciDevice::default()
        }
    }
}
