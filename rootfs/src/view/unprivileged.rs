// SPDX-License-Identifier: MIT OR Apache-2.0
//! The view in a user namespace: a root in memory, and in it what is in "/", one by one.

use std::path::Path;

use super::layer::Fit;
use super::privileged::kept_attributes;
use super::{REFUSED, Seen, TopKind, UNKNOWN, View, is_replaced, said};
use crate::mounts::{Attributes, Bind, Changes, Overlay, Symlink, Tmpfs, is_in_root};
use crate::steps::RootSpec;
use crate::table::{MountInfo, MountTree};

/// Paths of one kind of note.
#[derive(Default)]
struct Told {
    closed: Vec<String>,
    left_out: Vec<String>,
    refused: Vec<String>,
    unknown: Vec<String>,
}

impl View {
    /// A root in memory with what is in "/".
    pub(super) fn fill_memory(&mut self, seen: &Seen, sight: &MountTree<'_>, user_namespace: bool, changes: &Changes) {
        let nosuid = if user_namespace { Attributes::NOSUID } else { Attributes::empty() };
        self.root = RootSpec::tmpfs();
        self.root.attributes = nosuid | Attributes::NODEV;
        let mut told = Told::default();
        for entry in &seen.top {
            let path = Path::new("/").join(&entry.name);
            if is_replaced(&path) {
                continue;
            }
            match &entry.kind {
                _ if !is_in_root(&path) => told.left_out.push(said(&path)),
                TopKind::Other => told.left_out.push(said(&path)),
                TopKind::Link(to) => self.add(Symlink::new(path, to)),
                TopKind::File => {
                    let attributes = kept_attributes(sight.at(&path)) | nosuid;
                    self.add(Bind::new(&path, &path).attributes(attributes).read_only().create_target());
                }
                TopKind::Directory { open: false } => {
                    told.closed.push(said(&path));
                    let empty = Tmpfs::new(path).size(4096).inodes(1).mode(0);
                    self.add(empty.attributes(Attributes::DATA_ONLY).read_only().create_target());
                }
                TopKind::Directory { open: true } => {
                    self.directory(&path, seen, sight, nosuid, changes, &mut told);
                }
            }
        }
        self.note(&told.closed, "empty: this account may not look inside");
        self.note(&told.refused, REFUSED);
        self.note(&told.unknown, UNKNOWN);
        self.note(&told.left_out, "left out: neither file, link nor directory");
        if user_namespace {
            self.notes.push(
                "files of users that the user namespace does not map can be read as on this machine, and not changed"
                    .to_owned(),
            );
        } else {
            self.notes.push(
                "nothing but the top, /run and /tmp can be changed: \"/\" is an overlay in an overlay, and the kernel takes \
                 no third"
                    .to_owned(),
            );
        }
    }

    fn directory(
        &mut self,
        path: &Path,
        seen: &Seen,
        sight: &MountTree<'_>,
        nosuid: Attributes,
        changes: &Changes,
        told: &mut Told,
    ) {
        let here = sight.at(path);
        let attributes = kept_attributes(here) | nosuid;
        let bind = || Bind::new(path, path).attributes(attributes).read_only().create_target();
        let overlay = |share| Overlay::new(path).lower(path).changes(share).attributes(attributes).create_target();
        // Hidden ones among them: what was mounted over must stay covered.
        let below = |mount: &&MountInfo| here.is_some_and(|here| mount.parent == here.id) && mount.is_below(path);
        let fit = here.map_or(Fit::Unknown, MountInfo::fit);
        match (fit, changes.share(path)) {
            _ if seen.no_overlays => self.add(bind()),
            _ if seen.mounts.iter().any(|mount| below(&mount)) => {
                let first = seen.mounts.iter().find(below).map(|mount| said(&mount.target)).unwrap_or_default();
                self.notes.push(format!(
                    "{} is read-only: {first} is mounted below it, and in a user namespace no overlay can lie over that",
                    said(path)
                ));
                self.add(bind());
            }
            // As it is on this machine.
            _ if here.is_some_and(MountInfo::is_read_only) => self.add(bind()),
            (Fit::Good, Some(share)) => self.add(overlay(share)),
            (Fit::Unknown, Some(share)) => {
                told.unknown.push(said(path));
                self.add(overlay(share).or_read_only_bind());
            }
            _ => {
                told.refused.push(said(path));
                self.add(bind());
            }
        }
    }
}
