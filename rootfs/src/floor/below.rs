// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attributes of all that is mounted below a place, one mount at a time: what `mount_setattr` does in one call since
//! Linux 5.12.
//!
//! Which mounts there are is read in mountinfo, and each is looked for at its path. What is found there must be that mount
//! by its number. If it is another of them, that covers it, and nobody sees it; anything else is a name that was moved
//! meanwhile, and everything is read again. In the end all are set, or the step fails: none is left as it was in silence,
//! but what lies beyond a directory that nobody of the user namespace can enter, as Docker's own lie for who is not root.
//!
//! Man: proc_pid_mountinfo(5).

use super::attach;
use super::fd::Fd;
use super::owner::OVERFLOW;
use super::resolve::{self, Links};
use super::room::{Failure, Part, Room};
use super::sys::{self, Errno};
use super::text::Text;

/// How often mountinfo is read until every mount was found.
const PASSES: u32 = 16;

/// How many mounts there may be; no more are set, and the step fails.
const MOST: usize = 1024;

/// Sets attributes of `top`, which is attached, and of all that is mounted below it.
pub(super) fn remount(room: &mut Room, top: &Fd, attributes: u32) -> Result<(), Failure> {
    attach::remount(room, top, attributes)?;
    let id = sys::mount_id(top.number()).map_err(failed)?;
    let mut tree = Tree { top, id, above: Text::new(), ids: [0; MOST], len: 0 };
    tree.add(id)?;
    for _ in 0..PASSES {
        if tree.pass(room, attributes)? {
            return Ok(());
        }
    }
    Err(failed(Errno::STALE))
}

const fn failed(errno: Errno) -> Failure {
    Part::Attributes.failed(errno)
}

/// The mounts that are at and below a place.
struct Tree<'a> {
    top: &'a Fd,
    id: u64,
    /// The path of the top, as mountinfo has it.
    above: Text,
    ids: [u64; MOST],
    len: usize,
}

/// What is asked for of a line of mountinfo.
struct Line {
    id: u64,
    parent: u64,
    path: Text,
}

impl Tree<'_> {
    fn has(&self, id: u64) -> bool {
        self.ids.iter().take(self.len).any(|known| *known == id)
    }

    fn add(&mut self, id: u64) -> Result<(), Failure> {
        if !self.has(id) {
            *self.ids.get_mut(self.len).ok_or(failed(Errno::TOOBIG))? = id;
            self.len = self.len.saturating_add(1);
        }
        Ok(())
    }

    /// Reads mountinfo once, in which a mount comes before what is mounted on it; answers whether all were set.
    fn pass(&mut self, room: &mut Room, attributes: u32) -> Result<bool, Failure> {
        let info = room.mountinfo().map_err(|errno| Part::Links.failed(errno))?;
        let mut all = true;
        let mut buffer = [0; 1024];
        let (mut field, mut escaped, mut digits) = (0_u32, 0_u8, 0_u32);
        let mut line = Line { id: 0, parent: 0, path: Text::new() };
        loop {
            let len = sys::read(info.number(), &mut buffer).map_err(failed)?;
            if len == 0 {
                return Ok(all);
            }
            for byte in buffer.iter().take(len) {
                let digit = byte.wrapping_sub(b'0');
                match (*byte, field) {
                    (b'\n', _) => {
                        all &= self.set(room, &line, attributes)?;
                        line = Line { id: 0, parent: 0, path: Text::new() };
                        field = 0;
                    }
                    (b' ', _) => field = field.saturating_add(1),
                    (_, 0) => line.id = line.id.wrapping_mul(10).wrapping_add(digit.into()),
                    (_, 1) => line.parent = line.parent.wrapping_mul(10).wrapping_add(digit.into()),
                    // A blank, and what else would end a field, is written in three octal digits.
                    (b'\\', 4) => (escaped, digits) = (0, 3),
                    (_, 4) if digits > 0 => {
                        escaped = escaped.wrapping_mul(8).wrapping_add(digit);
                        digits = digits.saturating_sub(1);
                        if digits == 0 {
                            line.path.push(&[escaped]).map_err(failed)?;
                        }
                    }
                    (byte, 4) => line.path.push(&[byte]).map_err(failed)?,
                    _ => {}
                }
            }
        }
    }

    /// Sets the mount of this line, if it is one of ours; answers whether it is in order.
    fn set(&mut self, room: &mut Room, line: &Line, attributes: u32) -> Result<bool, Failure> {
        if line.id == self.id {
            self.above = Text::of(line.path.bytes()).map_err(failed)?;
            return Ok(true);
        }
        if !self.has(line.parent) {
            return Ok(true);
        }
        self.add(line.id)?;
        let Some(path) = line.path.bytes().strip_prefix(self.above.bytes()) else { return Ok(false) };
        let (found, is_barred) = self.find(path).map_err(failed)?;
        if is_barred {
            return if is_barred_to_all(&found)? { Ok(true) } else { Err(failed(Errno::ACCES)) };
        }
        let id = sys::mount_id(found.number()).map_err(failed)?;
        if id == line.id {
            return attach::remount(room, &found, attributes).map(|()| true);
        }
        Ok(id != line.parent && self.has(id))
    }

    /// What is at a path below the top, or at the longest piece of it that is there; and whether that is a directory that
    /// may not be entered.
    fn find(&self, mut path: &[u8]) -> Result<(Fd, bool), Errno> {
        let mut is_barred = false;
        loop {
            let text = Text::of(if path.is_empty() { b"." } else { path })?;
            match resolve::place(self.top.number(), text.as_c_str(), Links::Refuse) {
                Err(errno @ (Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCES)) if !path.is_empty() => {
                    is_barred = errno == Errno::ACCES;
                    let name = path.iter().rev().take_while(|byte| **byte != b'/').count();
                    let end = path.len().saturating_sub(name).saturating_sub(1);
                    path = path.get(..end).unwrap_or_default();
                }
                answer => return answer.map(|found| (found, is_barred)),
            }
        }
    }
}

/// Whether a directory that may not be entered is barred to all of the user namespace: its owner and group have no ids in
/// it, so that no capability and no change of ids helps, and others may not enter.
fn is_barred_to_all(directory: &Fd) -> Result<bool, Failure> {
    let stat = sys::fstat(directory.number()).map_err(failed)?;
    Ok(stat.uid == OVERFLOW && stat.gid == OVERFLOW && stat.mode & 1 == 0)
}
