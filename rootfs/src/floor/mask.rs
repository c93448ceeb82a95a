// SPDX-License-Identifier: MIT OR Apache-2.0
//! Masked paths: an empty thing over what shall not be seen.
//!
//! Over a file this machine's null device, verified; never the root's own "/dev/null", which may be a link to anything
//! (CVE-2025-31133). Over a directory one empty read-only tmpfs. What comes first of a kind is made, and what comes after it
//! gets a copy of that.

use super::attach::{self, Manner, New, Place, attribute};
use super::dev;
use super::fd::Fd;
use super::room::{Failure, Part, Room};
use super::sys;

const ATTRIBUTES: u32 = attribute::CLOSED;

/// Covers what is at `place`.
pub(super) fn mask(room: &mut Room, place: &Place<'_>) -> Result<(), Failure> {
    let stat = sys::fstat(place.fd.number()).map_err(|errno| Part::Target.failed(errno))?;
    let before = if stat.is_directory() { &room.empty } else { &room.null };
    if before.as_ref().is_some_and(|before| copied(before, place)) {
        return Ok(());
    }
    // Each is kept: a copy can be made of what is attached alone.
    if stat.is_directory() {
        room.empty = attach::file_system(room, New::of(c"tmpfs", c"size=4k,nr_inodes=2,mode=0555"), ATTRIBUTES, place)?;
        return Ok(());
    }
    let null = dev::null().map_err(|errno| Part::Source.failed(errno))?;
    // Not nodev: null shall stay null.
    let manner = Manner { attributes: ATTRIBUTES & !attribute::NODEV, below: 0, recursive: false };
    room.null = attach::bind(room, null.number(), place, manner)?;
    Ok(())
}

/// Covers it with a copy of what covers another one, and has its attributes; answers whether that could be done.
fn copied(before: &Fd, place: &Place<'_>) -> bool {
    sys::open_tree(before.number(), false).and_then(|copy| sys::move_mount(copy.number(), place.fd.number())).is_ok()
}
