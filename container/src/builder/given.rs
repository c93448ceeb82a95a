// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a builder was given beside the description, and what is wrong with it.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FileType, fstat};
use skep_ns::Stdio;

use super::Builder;
use crate::spec::Stream;

impl Builder {
    /// What is wrong with what is not in the description.
    pub(super) fn problems(&self) -> Vec<String> {
        let fds = self.launch.fds.iter().map(|(number, _)| *number).filter(|number| *number < 0);
        let fds = fds.map(|number| format!("fd: {number} cannot be the number of a descriptor"));
        let state_root = self.state_root.iter().filter(|path| !path.is_absolute());
        let state_root = state_root.map(|path| format!("state_root: {path:?} must be an absolute path"));
        let streams = self.streams().filter(|stream| self.is_given(*stream));
        let streams =
            streams.map(|stream| format!("{stream}: is given, and is the terminal too: it can be one of them"));
        fds.chain(state_root).chain(streams).collect()
    }

    /// Streams that are directories: with one a program leaves the root that it is given, by "..", or by its link in /proc
    /// (CVE-2024-21626). One that is given by [`fd`](Self::fd) is given on purpose.
    pub(super) fn ways_out(&self) -> Vec<String> {
        if self.spec.root.is_none() {
            return Vec::new();
        }
        let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
        let inherited = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
        let leads_out = |(stream, inherited): &(Stream, BorrowedFd<'_>)| match self.launch.stdio(*stream) {
            None | Some(Stdio::Inherit) => is_directory(*inherited),
            Some(Stdio::Descriptor(fd)) => is_directory(fd.as_fd()),
            Some(_) => false,
        };
        let found = Stream::ALL.into_iter().zip(inherited).filter(leads_out);
        found
            .map(|(stream, _)| format!("{stream}: is a directory, by which the program could leave its root"))
            .collect()
    }

    /// The standard streams that are the terminal.
    pub(super) fn streams(&self) -> impl Iterator<Item = Stream> {
        self.spec.process.terminal.iter().flat_map(|terminal| &terminal.streams).copied()
    }

    /// Whether the caller has said what this stream is.
    fn is_given(&self, stream: Stream) -> bool {
        self.launch.stdio(stream).is_some() || self.launch.fds.iter().any(|(number, _)| *number == stream.number())
    }
}

fn is_directory(fd: BorrowedFd<'_>) -> bool {
    fstat(fd).is_ok_and(|found| FileType::from_raw_mode(found.st_mode).is_dir())
}
