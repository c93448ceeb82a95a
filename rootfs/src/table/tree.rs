// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tree that the mounts of a table are: what is on what, and what lies over it.

use std::collections::HashMap;
use std::path::Path;

use super::MountInfo;

/// The mounts of a table as a tree.
///
/// ```
/// use std::path::Path;
/// use skep_rootfs::{MountInfo, MountTree};
///
/// let mounts = MountInfo::of_this_thread()?;
/// let tree = MountTree::new(&mounts);
/// let proc = tree.at(Path::new("/proc/self/status")).unwrap();
/// assert_eq!(proc.kind, "proc");
/// # Ok::<(), skep_rootfs::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MountTree<'a> {
    mounts: &'a [MountInfo],
    top: Option<&'a MountInfo>,
    ids: HashMap<u64, &'a MountInfo>,
    on: HashMap<(u64, &'a Path), &'a MountInfo>,
}

impl<'a> MountTree<'a> {
    /// The tree of these mounts, which are one table.
    #[must_use]
    pub fn new(mounts: &'a [MountInfo]) -> Self {
        let ids: HashMap<u64, &MountInfo> = mounts.iter().map(|mount| (mount.id, mount)).collect();
        // The root of whoever asked: its parent is out of sight. What else is at "/" lies over it, and nobody gets there.
        let is_top = |mount: &&MountInfo| mount.target == Path::new("/") && !has_parent(&ids, mount);
        let top = mounts.iter().find(is_top);
        // Of two on one place the later is tucked under nothing.
        let on = mounts.iter().map(|mount| ((mount.parent, mount.target.as_path()), mount)).collect();
        Self { mounts, top, ids, on }
    }

    /// The mount that is "/" for whoever asked; `None` where that is no mount, in a chroot(2).
    #[must_use]
    pub fn top(&self) -> Option<&'a MountInfo> {
        self.top
    }

    /// The mount with this number.
    #[must_use]
    pub fn by_id(&self, id: u64) -> Option<&'a MountInfo> {
        self.ids.get(&id).copied()
    }

    /// The mount that this one is mounted on, if it can be seen.
    #[must_use]
    pub fn parent(&self, mount: &MountInfo) -> Option<&'a MountInfo> {
        has_parent(&self.ids, mount).then(|| self.by_id(mount.parent)).flatten()
    }

    /// What is mounted on this mount itself, in the order of the table.
    pub fn children(&self, mount: &MountInfo) -> impl Iterator<Item = &'a MountInfo> {
        let id = mount.id;
        self.mounts.iter().filter(move |child| child.parent == id && child.id != id)
    }

    /// What lies over this mount at its own target, if something does: nobody gets to it by its path.
    #[must_use]
    pub fn over(&self, mount: &MountInfo) -> Option<&'a MountInfo> {
        self.on.get(&(mount.id, mount.target.as_path())).copied().filter(|over| over.id != mount.id)
    }

    /// The mount that a path leads to, as if it had no links: the one on top, where several lie over one another. `None`
    /// where it leads to what is no mount, in a chroot(2).
    #[must_use]
    pub fn at(&self, path: &Path) -> Option<&'a MountInfo> {
        // Without a top the first mount on the way is one whose parent cannot be seen.
        let mut here = self.top;
        let mut prefixes: Vec<&Path> = path.ancestors().filter(|prefix| *prefix != Path::new("/")).collect();
        prefixes.reverse();
        for prefix in prefixes {
            here = here.or_else(|| self.first_at(prefix));
            // A chain that leads back to itself is no kernel's: it ends after as many as there are.
            for _ in 0..self.mounts.len() {
                let Some(next) = here.and_then(|here| self.on.get(&(here.id, prefix))) else { break };
                here = Some(next);
            }
        }
        here
    }

    /// The mount at this path whose parent cannot be seen.
    fn first_at(&self, path: &Path) -> Option<&'a MountInfo> {
        self.mounts.iter().find(|mount| mount.target == path && !has_parent(&self.ids, mount))
    }

    /// Whether a mount is what its target leads to: nothing hides it.
    #[must_use]
    pub fn sees(&self, mount: &MountInfo) -> bool {
        self.at(&mount.target).is_some_and(|found| found.id == mount.id)
    }

    /// Every mount whose target is below `path`, hidden ones too, in the order of the table. Not those at `path`.
    pub fn below(&self, path: &'a Path) -> impl Iterator<Item = &'a MountInfo> {
        self.mounts.iter().filter(move |mount| mount.is_below(path))
    }

    /// The members of a group of peers that can be seen: what is mounted in one appears in all.
    pub fn peers(&self, group: u64) -> impl Iterator<Item = &'a MountInfo> {
        self.mounts.iter().filter(move |mount| mount.propagation.shared == Some(group))
    }

    /// Those that hear of mounts from a group of peers, and do not tell it.
    pub fn followers(&self, group: u64) -> impl Iterator<Item = &'a MountInfo> {
        self.mounts.iter().filter(move |mount| mount.propagation.master == Some(group))
    }
}

/// Whether the mount that this one is on is another, and in the table.
fn has_parent(ids: &HashMap<u64, &MountInfo>, mount: &MountInfo) -> bool {
    mount.parent != mount.id && ids.contains_key(&mount.parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(lines: &[&str]) -> Vec<MountInfo> {
        MountInfo::parse_all(lines.join("\n").as_bytes()).unwrap()
    }

    #[test]
    fn what_is_mounted_over_something_is_on_top_of_it() {
        let mounts = table(&[
            "10 1 8:1 / / rw shared:1 - ext4 a rw",
            "11 10 8:2 / /a rw shared:2 - ext4 b rw",
            "12 11 8:3 / /a/b rw shared:2 - ext4 c rw",
            "13 11 8:4 / /a rw master:2 - ext4 d rw",
            "14 10 8:5 / /ab rw - ext4 e rw",
        ]);
        let tree = MountTree::new(&mounts);
        let at = |path: &str| tree.at(Path::new(path)).map(|mount| mount.id);
        assert_eq!([at("/"), at("/a"), at("/a/b/c"), at("/ab"), at("/abc")], [10, 13, 13, 14, 10].map(Some));
        let mount = |id| tree.by_id(id).unwrap();
        assert_eq!((tree.over(mount(11)).unwrap().id, tree.over(mount(13))), (13, None));
        assert!(tree.sees(mount(13)) && !tree.sees(mount(11)) && !tree.sees(mount(12)));
        let ids = |found: &mut dyn Iterator<Item = &MountInfo>| found.map(|mount| mount.id).collect::<Vec<_>>();
        assert_eq!(ids(&mut tree.children(mount(11))), [12, 13]);
        assert_eq!(ids(&mut tree.below(Path::new("/a"))), [12]);
        assert_eq!(ids(&mut tree.peers(2)), [11, 12]);
        assert_eq!(ids(&mut tree.followers(2)), [13]);
        assert_eq!((tree.parent(mount(12)).unwrap().id, tree.parent(mount(10))), (11, None));
    }

    #[test]
    fn without_a_top_only_what_is_below_a_mount_is_found() {
        let mounts = table(&["20 7 8:1 / /a rw - ext4 a rw", "21 20 8:2 / /a/b rw - ext4 b rw"]);
        let tree = MountTree::new(&mounts);
        let at = |path: &str| tree.at(Path::new(path)).map(|mount| mount.id);
        assert_eq!([at("/"), at("/x"), at("/a/x"), at("/a/b")], [None, None, Some(20), Some(21)]);
        assert!(tree.top().is_none());
    }

    #[test]
    fn a_table_that_bites_its_tail_ends() {
        let mounts = table(&["1 1 0:1 / / rw - a a rw", "2 3 0:1 / /a rw - a a rw", "3 2 0:1 / /a rw - a a rw"]);
        let tree = MountTree::new(&mounts);
        assert_eq!(tree.at(Path::new("/a/b")).map(|mount| mount.id), Some(1));
        assert_eq!(tree.children(tree.by_id(1).unwrap()).count(), 0);
    }
}
