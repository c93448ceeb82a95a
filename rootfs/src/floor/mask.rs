// SPDX-License-Identifier: MIT OR Apache-2.0
//! Masked paths: an empty thing over what shall not be seen.
//!
//! Over a file this machine's null device, verified; never the root's own "/dev/null", which may be a link to anything
//! (CVE-2025-31133). Over a directory one empty read-only tmpfs, of which every further directory gets a copy.

use super::attach::{self, Manner, New, Place, attribute};
use super::dev;
use super::room::{Failure, Part, Room};
use super::sys;

const ATTRIBUTES: u32 = attribute::CLOSED;

/// Covers what is at `place`.
pub(super) fn mask(room: &mut Room, place: &Place<'_>) -> Result<(), Failure> {
    let stat = sys::fstat(place.fd.number()).map_err(|errno| Part::Target.failed(errno))?;
    if !stat.is_directory() {
        let null = dev::null().map_err(|errno| Part::Source.failed(errno))?;
        // Not nodev: null shall stay null.
        let manner = Manner { attributes: ATTRIBUTES & !attribute::NODEV, below: 0, recursive: false };
        return attach::bind(room, null.number(), place, manner).map(drop);
    }
    if let Some(empty) = &room.empty
        && let Ok(copy) = sys::open_tree(empty.number(), false)
        && sys::move_mount(copy.number(), place.fd.number()).is_ok()
    {
        return Ok(());
    }
    // Each is kept: a copy can be made of what is attached alone.
    room.empty = attach::file_system(room, New::of(c"tmpfs", c"size=4k,nr_inodes=2,mode=0555"), ATTRIBUTES, place)?;
    Ok(())
}
