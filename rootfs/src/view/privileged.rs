// SPDX-License-Identifier: MIT OR Apache-2.0
//! The view that root has: an overlay over each file system, where it is mounted.

use std::path::Path;

use super::layer::Fit;
use super::{REFUSED, Seen, UNKNOWN, View, is_replaced, said};
use crate::mounts::{Attributes, Bind, Changes, Overlay, is_in_root};
use crate::steps::RootSpec;
use crate::table::{MountInfo, MountTree};

/// What of a mount's attributes holds for what lies over it; device nodes never are devices.
pub(super) fn kept_attributes(mount: Option<&MountInfo>) -> Attributes {
    let own = mount.map_or(Attributes::empty(), |mount| mount.attributes);
    (own & (Attributes::NOSUID | Attributes::NOEXEC)) | Attributes::NODEV
}

/// Paths of one kind of note.
#[derive(Default)]
struct Told {
    machine: Vec<String>,
    refused: Vec<String>,
    unknown: Vec<String>,
    files: Vec<String>,
    nameless: Vec<String>,
}

impl View {
    /// An overlay over "/", and one over each mount below it.
    pub(super) fn lie_over_all(&mut self, seen: &Seen, sight: &MountTree<'_>, changes: &Changes) {
        self.root = RootSpec::new("/").changes(changes.share(Path::new("/")).unwrap_or_default());
        self.root.attributes = kept_attributes(sight.top());
        let mut mounts: Vec<&MountInfo> = seen.mounts.iter().filter(|mount| is_taken_over(mount, sight)).collect();
        // What is mounted on something comes behind it.
        mounts.sort_by(|one, other| one.target.cmp(&other.target));
        let mut told = Told::default();
        for mount in mounts {
            self.lie_over(mount, seen, changes, &mut told);
        }
        self.note(&told.files, "read-only: a file, which is mounted there");
        self.note(&told.refused, REFUSED);
        self.note(&told.unknown, UNKNOWN);
        self.note(&told.machine, "left out: no files, but something of the machine");
        self.note(&told.nameless, "left out: its name is more than there is room for");
    }

    fn lie_over(&mut self, mount: &MountInfo, seen: &Seen, changes: &Changes, told: &mut Told) {
        let (target, attributes) = (&mount.target, kept_attributes(Some(mount)));
        let bind = || Bind::new(target, target).without_submounts().attributes(attributes).read_only().create_target();
        let overlay =
            |share| Overlay::new(target).lower(target).changes(share).attributes(kept_attributes(Some(mount)));
        if !is_in_root(target) {
            return told.nameless.push(said(target));
        }
        match (mount.fit(), changes.share(target)) {
            (Fit::Machine, _) => told.machine.push(said(target)),
            (_, None) => told.nameless.push(said(target)),
            _ if seen.files.contains(target) => {
                told.files.push(said(target));
                self.add(bind());
            }
            // As it is on this machine.
            _ if mount.is_read_only() => self.add(bind()),
            (Fit::Bad, _) => {
                told.refused.push(said(target));
                self.add(bind());
            }
            (Fit::Unknown, Some(share)) => {
                told.unknown.push(said(target));
                self.add(overlay(share).or_read_only_bind());
            }
            (Fit::Good, Some(share)) => self.add(overlay(share)),
        }
    }
}

/// Whether a mount is seen, and has no other in its place in a view.
fn is_taken_over(mount: &MountInfo, sight: &MountTree<'_>) -> bool {
    mount.target != Path::new("/") && !is_replaced(&mount.target) && sight.sees(mount)
}
