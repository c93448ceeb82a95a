// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong with the descriptors that a launch was given.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, fstat};
use skep_ns::Stdio;

use super::Launch;
use crate::spec::{Spec, Stream, TerminalSpec};

impl Launch {
    /// Gives the program a descriptor under this number, in place of an earlier one.
    pub(crate) fn give(&mut self, number: i32, fd: OwnedFd) {
        self.fds.retain(|(taken, _)| *taken != number);
        self.fds.push((number, fd));
    }

    /// What is wrong with them, beside this terminal.
    pub(crate) fn problems(&self, terminal: Option<&TerminalSpec>) -> Vec<String> {
        let fds = self.fds.iter().map(|(number, _)| *number).filter(|number| *number < 0);
        let fds = fds.map(|number| format!("fd: {number} cannot be the number of a descriptor"));
        let streams = terminal.iter().flat_map(|terminal| &terminal.streams).filter(|stream| self.is_given(**stream));
        let streams =
            streams.map(|stream| format!("{stream}: is given, and is the terminal too: it can be one of them"));
        fds.chain(streams).collect()
    }

    /// Streams that are directories: with one a program leaves the root that it is given, by "..", or by its link in /proc
    /// (CVE-2024-21626). One that is given by its number is given on purpose.
    pub(crate) fn ways_out(&self, has_root: bool) -> Vec<String> {
        if !has_root {
            return Vec::new();
        }
        let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
        let inherited = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
        let leads_out = |(stream, inherited): &(Stream, BorrowedFd<'_>)| match self.stdio(*stream) {
            None | Some(Stdio::Inherit) => is_directory(*inherited),
            Some(Stdio::Descriptor(fd)) => is_directory(fd.as_fd()),
            Some(_) => false,
        };
        let found = Stream::ALL.into_iter().zip(inherited).filter(leads_out);
        found
            .map(|(stream, _)| format!("{stream}: is a directory, by which the program could leave its root"))
            .collect()
    }

    /// An installed launcher that processes of the container could change. The init that stays of it, and a first process that
    /// waits to be started, are not hidden from who made its user namespace, nor from root in there: /proc/1/exe leads to the
    /// file, wherever that is.
    pub(crate) fn changeable_launcher(&self, spec: &Spec) -> Option<String> {
        let (path, map) = self.launcher.as_ref().filter(|_| spec.init || self.is_left).zip(spec.id_map())?;
        let owner = rustix::fs::stat(path).ok()?.st_uid;
        let inside = map.inside_uid(owner)?;
        let stays = if spec.init { "the init stays" } else { "its first process waits" };
        Some(format!(
            "launcher: {path:?} belongs to user {owner}, who is {inside} in the container: {stays}, and by way of \
             /proc/1/exe that user could change the file; it must be that of a user who is not in the container"
        ))
    }

    /// Whether the caller has said what this stream is.
    fn is_given(&self, stream: Stream) -> bool {
        self.stdio(stream).is_some() || self.fds.iter().any(|(number, _)| *number == stream.number())
    }
}

fn is_directory(fd: BorrowedFd<'_>) -> bool {
    fstat(fd).is_ok_and(|found| FileType::from_raw_mode(found.st_mode).is_dir())
}
