// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which descriptors the program gets, and under which numbers.

use std::fs::File;
use std::io::{PipeReader, PipeWriter};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;

use super::child::Pipes;
use crate::error::{Error, Object};
use crate::sys;

/// What a standard descriptor of the program is.
#[derive(Debug)]
#[non_exhaustive]
pub enum Stdio {
    /// The caller's own; /dev/null where the caller's is closed.
    Inherit,
    /// /dev/null.
    Null,
    /// A pipe, whose other end the [`Child`](super::Child) holds.
    Piped,
    /// A descriptor of the caller's choice.
    Descriptor(OwnedFd),
}

impl From<OwnedFd> for Stdio {
    fn from(fd: OwnedFd) -> Self {
        Self::Descriptor(fd)
    }
}

impl From<File> for Stdio {
    fn from(file: File) -> Self {
        Self::Descriptor(file.into())
    }
}

impl From<PipeReader> for Stdio {
    fn from(pipe: PipeReader) -> Self {
        Self::Descriptor(pipe.into())
    }
}

impl From<PipeWriter> for Stdio {
    fn from(pipe: PipeWriter) -> Self {
        Self::Descriptor(pipe.into())
    }
}

/// Descriptors and the numbers they go to.
#[derive(Debug, Default)]
pub(super) struct Placement {
    /// Source, target.
    moves: Vec<(RawFd, i32)>,
    /// What is kept open for the sources until the child has run.
    held: Vec<OwnedFd>,
    pipes: Pipes,
}

impl Placement {
    /// Source and target of each, free of tangles after [`untangle`](Self::untangle).
    pub(super) fn moves(&self) -> &[(RawFd, i32)] {
        &self.moves
    }

    pub(super) fn into_pipes(self) -> Pipes {
        self.pipes
    }

    /// The descriptor goes to `number`. The caller keeps it open until the child has run.
    pub(super) fn give(&mut self, number: i32, fd: &OwnedFd) {
        self.moves.push((fd.as_raw_fd(), number));
    }

    /// Prepares the standard descriptor `number`.
    pub(super) fn stdio(&mut self, number: i32, stdio: &Stdio, open: &[bool; 3]) -> Result<(), Error> {
        let is_open = usize::try_from(number).ok().and_then(|number| open.get(number)).copied().unwrap_or(false);
        match stdio {
            Stdio::Inherit if is_open => self.moves.push((number, number)),
            Stdio::Inherit | Stdio::Null => {
                let flags = OFlags::RDWR | OFlags::CLOEXEC;
                let null = rustix::fs::open("/dev/null", flags, Mode::empty())
                    .map_err(|errno| with_hint(errno, "open", Object::Path("/dev/null".into())))?;
                self.hold(number, null);
            }
            Stdio::Piped => {
                let (read, write) =
                    rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(|errno| descriptors(errno, "pipe"))?;
                // The program gets the one end, the caller keeps the other.
                match number {
                    0 => {
                        self.pipes.stdin = Some(write.into());
                        self.hold(number, read);
                    }
                    1 => {
                        self.pipes.stdout = Some(read.into());
                        self.hold(number, write);
                    }
                    _ => {
                        self.pipes.stderr = Some(read.into());
                        self.hold(number, write);
                    }
                }
            }
            Stdio::Descriptor(fd) => self.give(number, fd),
        }
        Ok(())
    }

    fn hold(&mut self, number: i32, fd: OwnedFd) {
        self.moves.push((fd.as_raw_fd(), number));
        self.held.push(fd);
    }

    /// A copy of `fd` that no move overwrites, closed on exec whatever the original is.
    pub(super) fn out_of_the_way(&mut self, fd: &OwnedFd) -> Result<RawFd, Error> {
        let copy = self.copy_aside(fd.as_raw_fd())?;
        let number = copy.as_raw_fd();
        self.held.push(copy);
        Ok(number)
    }

    /// Copies every source that another's move would overwrite to a number that nothing is moved to, so that the order of
    /// the moves does not matter.
    pub(super) fn untangle(&mut self) -> Result<(), Error> {
        for at in 0..self.moves.len() {
            let Some((source, target)) = self.moves.get(at).copied() else { continue };
            if source == target || !self.is_target(source) {
                continue;
            }
            let copy = self.copy_aside(source)?;
            if let Some(entry) = self.moves.get_mut(at) {
                entry.0 = copy.as_raw_fd();
            }
            self.held.push(copy);
        }
        Ok(())
    }

    /// A copy of `fd` that no move overwrites, and that nobody holds but the caller.
    pub(super) fn copy_aside(&self, fd: RawFd) -> Result<OwnedFd, Error> {
        // Not simply above the highest target: that may be the last number there is.
        let mut in_the_way = Vec::new();
        loop {
            let copy = copy_above(fd, 2)?;
            if !self.is_target(copy.as_raw_fd()) {
                return Ok(copy);
            }
            in_the_way.push(copy);
        }
    }

    fn is_target(&self, number: RawFd) -> bool {
        self.moves.iter().any(|(_, target)| *target == number)
    }
}

fn copy_above(fd: RawFd, number: i32) -> Result<OwnedFd, Error> {
    sys::copy_above(fd, number)
        .map_err(|errno| descriptors(Errno::from_raw_os_error(errno.0.into()), "copy of a descriptor"))
}

/// A descriptor could not be made.
fn descriptors(errno: Errno, what: &'static str) -> Error {
    with_hint(errno, "make", Object::Named(what))
}

fn with_hint(errno: Errno, op: &'static str, object: Object) -> Error {
    let error = Error::os(op, object, errno.raw_os_error());
    match errno {
        // INVAL: even the number 3 is above the limit.
        Errno::MFILE | Errno::INVAL => {
            error.with_hint("the limit on open descriptors of this process is reached (ulimit -n)")
        }
        Errno::NFILE => error.with_hint("the machine's limit on open files is reached (sysctl fs.file-max)"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// What lies under each number after the moves, one after the other, in a table where each number has its own file.
    fn perform(moves: &[(RawFd, i32)], mut table: BTreeMap<i32, i32>) -> BTreeMap<i32, i32> {
        for (source, target) in moves {
            let file = table.get(source).copied().unwrap();
            table.insert(*target, file);
        }
        table
    }

    proptest! {
        #[test]
        fn untangled_moves_bring_every_file_to_its_number(targets in Just((0..8).collect::<Vec<usize>>()).prop_shuffle()) {
            let files: Vec<OwnedFd> = (0..8).map(|_| File::open("/dev/null").unwrap().into()).collect();
            let numbers: Vec<RawFd> = files.iter().map(AsRawFd::as_raw_fd).collect();
            let mut placement = Placement::default();
            // Half of the files go to each other's numbers, the others stay where they are and are in nobody's way.
            for (file, target) in files.iter().zip(&targets).take(4) {
                placement.give(numbers[*target], file);
            }
            placement.untangle().unwrap();
            // A copy is the same file as its source.
            let mut table: BTreeMap<i32, i32> = numbers.iter().map(|number| (*number, *number)).collect();
            for ((source, _), file) in placement.moves().iter().zip(&files) {
                table.insert(*source, file.as_raw_fd());
            }
            let after = perform(placement.moves(), table);
            for (file, target) in files.iter().zip(&targets).take(4) {
                prop_assert_eq!(after.get(&numbers[*target]), Some(&file.as_raw_fd()));
            }
        }
    }

    #[test]
    fn a_source_that_nothing_is_moved_to_is_not_copied() {
        let file = OwnedFd::from(File::open("/dev/null").unwrap());
        let mut placement = Placement::default();
        placement.give(file.as_raw_fd(), &file);
        placement.give(700, &file);
        placement.untangle().unwrap();
        assert_eq!(placement.moves().last(), Some(&(placement.held.first().map_or(-1, AsRawFd::as_raw_fd), 700)));
        let mut placement = Placement::default();
        placement.give(700, &file);
        placement.untangle().unwrap();
        assert_eq!((placement.moves(), placement.held.len()), (&[(file.as_raw_fd(), 700)][..], 0));
    }
}
