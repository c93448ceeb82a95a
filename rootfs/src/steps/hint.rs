// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hints: what to do about a failed step, where we are sure.

use std::ffi::CStr;

use nix::errno::Errno;

use crate::floor::resolve::Links;
use crate::floor::{Part, Step};

impl Step<'_> {
    /// What to do about it, where that is certain.
    #[must_use]
    pub fn hint(&self, part: u16, errno: i32) -> Option<&'static str> {
        let is = |known: Part| known as u16 == part;
        let is_target = is(Part::Target) || is(Part::Create);
        Some(match (Errno::from_raw(errno), self) {
            (Errno::EXDEV, Step::Top) => {
                "this process is in a chroot, or something is mounted over its \"/\": a root of its own would have a way \
                 out; run it outside of the chroot"
            }
            (Errno::EOVERFLOW, _) => {
                "who performs the steps has no id in the user namespace: Setting::owner names one that has"
            }
            (Errno::ENOSYS, _) if is(Part::Attributes) => {
                "attributes of all that is mounted below need mount_setattr (Linux 5.12), or statx that knows mounts (5.8); \
                 a filter may refuse both"
            }
            (Errno::EACCES, _) if is(Part::Attributes) => {
                "something is mounted below a directory that this account may not enter, and others of the user namespace \
                 might: only mount_setattr (Linux 5.12) sets its attributes"
            }
            (Errno::EINVAL, Step::Owner { .. }) => "the user namespace maps no such ids",
            (Errno::EINVAL, Step::ReceiveOnly) => "this process is in a chroot: \"/\" is a directory and no mount",
            (Errno::ENOTDIR | Errno::ELOOP, Step::Root { .. } | Step::RootOverlay { .. }) if is(Part::Source) => {
                crate::root::NO_DIRECTORY
            }
            (Errno::ELOOP, _) if is_target && self.target().is_some_and(refuses_links) => crate::root::NO_LINKS,
            (Errno::ELOOP, _) if is_target && self.target().is_some() => crate::root::NOT_FOLLOWED,
            (Errno::ENOTDIR, _) if is(Part::Create) => {
                "something on its way is no directory, or a link that leads nowhere"
            }
            (Errno::ENODEV, Step::Overlay { .. } | Step::RootOverlay { .. }) if is(Part::Make) => {
                "this kernel has no overlays: the module \"overlay\" is not loaded"
            }
            (Errno::ELOOP, Step::Overlay { .. } | Step::RootOverlay { .. }) if is(Part::Make) => {
                "a lower directory may be neither in another one nor in where changes are kept"
            }
            (Errno::EPERM, Step::Overlay { layers, .. } | Step::RootOverlay { layers, .. })
                if is(Part::Make) && layers.user =>
            {
                "an overlay in a user namespace needs Linux 5.11"
            }
            (Errno::EPERM, Step::Overlay { .. } | Step::RootOverlay { .. }) if is(Part::Changes) => {
                "the directory must belong to who makes the mounts"
            }
            (Errno::EEXIST, Step::Symlink { .. }) if is(Part::Create) => "something else is there already",
            (Errno::ENOTDIR, Step::Mount { .. } | Step::Dev { .. } | Step::Overlay { .. }) if is_target => {
                "it must be a directory"
            }
            (Errno::ENOENT, Step::Mount { .. } | Step::Dev { .. } | Step::Bind { .. } | Step::Overlay { .. })
                if is(Part::Target) =>
            {
                "make it, or ask for it to be made: create_target()"
            }
            (Errno::ENOENT, Step::Bind { .. }) if is(Part::Source) => "if it need not be there: optional()",
            (Errno::ENOTDIR, Step::Bind { .. }) if is(Part::Attach) => {
                "a directory can be bound to a directory alone, a file to a file"
            }
            (Errno::EPERM, Step::Mount { new, .. }) if is(Part::Reveal) && [c"proc", c"sysfs"].contains(&new.kind) => {
                "a user namespace may mount this only where it already sees one of which nothing is covered; inside \
                 Docker and the like it does not"
            }
            (Errno::EINVAL, Step::Bind { .. }) if is(Part::Make) => {
                "in a user namespace a bind must take along what is mounted below its source"
            }
            (Errno::EBADF, Step::Attach { .. }) => {
                "it is made before the other steps are performed: Steps::make_trees()"
            }
            (Errno::EINVAL, Step::Attach { .. }) if is(Part::Attach) => {
                "what was made before the steps is good for one time: prepare() again"
            }
            (Errno::EINVAL, Step::Propagate { .. }) => "it must be a mount, not a directory of one",
            (Errno::ENODEV, Step::Mount { .. }) if is(Part::Make) => {
                "the kernel knows no such file system: a module may have to be loaded, or /proc/filesystems has its name"
            }
            (Errno::ENOSPC, _) if is(Part::Attach) || is(Part::Make) => {
                "the limit on mounts in a namespace may be reached: fs.mount-max"
            }
            _ => return None,
        })
    }
}

fn refuses_links(target: &CStr) -> bool {
    Links::for_target(target) == Links::Refuse
}
