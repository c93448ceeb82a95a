// SPDX-License-Identifier: MIT OR Apache-2.0
//! The network namespace that the ends of cables were put into, found again by whoever removes them.
//!
//! It has a number, which another may get once it has ended: harmless, since a link is known again by more than where it is.
//! That it has ended is taken for true only where everybody who may hold it was looked at: processes with their threads,
//! descriptors and mounts. A socket that was kept open in it is not seen; what it keeps are links that go with the
//! container's own network namespace all the same.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use skep_ns::{Namespace, NamespaceId, NamespaceKind};

use super::record::{boot, pid_namespace};

/// The kernel's number of the first pid namespace of a machine (`PROC_PID_INIT_INO`), from which all processes are seen.
const INITIAL: u64 = 0xEFFF_FFFC;

/// A network namespace, and from where it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Home {
    /// The boot that it was of.
    boot: String,
    /// Which one it is in that boot.
    namespace: NamespaceId,
    /// The pid namespace of who has put something there, by the kernel's number of it.
    pid_namespace: u64,
}

/// Where it is now, as far as that can be known here.
#[derive(Debug)]
pub(crate) enum Whereabouts {
    /// It is the calling thread's own.
    Here,
    /// It is another, and this is it.
    There(Namespace),
    /// It has ended, and all that was in it.
    Gone,
    /// It cannot be known, or not be come by, and why.
    Unknown(String),
}

impl Home {
    /// That of the calling thread; `None` where there is no /proc to say so.
    pub(crate) fn here() -> Option<Self> {
        Some(Self { boot: boot()?, namespace: own()?, pid_namespace: pid_namespace()? })
    }

    /// Looks for it.
    pub(crate) fn find(&self) -> Whereabouts {
        let unknown = |why: &str| {
            let namespace = self.namespace;
            Whereabouts::Unknown(format!("its link is in the network namespace {namespace}, not the caller's: {why}"))
        };
        match boot() {
            Some(boot) if boot != self.boot => return Whereabouts::Gone,
            Some(_) => {}
            None => return unknown("the caller has no /proc to find that by"),
        }
        if own() == Some(self.namespace) {
            return Whereabouts::Here;
        }
        let mut search =
            Search { wanted: self.namespace, text: self.namespace.to_string(), is_met: false, is_whole: true };
        match search.processes() {
            Some(namespace) => Whereabouts::There(namespace),
            None if search.is_met => unknown("the caller may not open that"),
            None if !search.is_whole => unknown("whether that is still there is not for the caller to see"),
            None if ![Some(INITIAL), Some(self.pid_namespace)].contains(&pid_namespace()) => {
                unknown("whether that is still there cannot be seen from the caller's pid namespace")
            }
            None => Whereabouts::Gone,
        }
    }
}

/// The calling thread's network namespace.
fn own() -> Option<NamespaceId> {
    Namespace::of_this_thread(NamespaceKind::Net).and_then(|own| own.id()).ok()
}

/// A search of /proc for who holds a namespace.
struct Search {
    wanted: NamespaceId,
    /// The same, as links and mount tables have it.
    text: String,
    /// Whether somebody holds it, whether or not it could be opened.
    is_met: bool,
    /// Whether everybody was looked at.
    is_whole: bool,
}

impl Search {
    fn processes(&mut self) -> Option<Namespace> {
        // A /proc of another pid namespace shows others.
        let own = std::process::id().to_string();
        self.is_whole &= fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == own.as_str());
        let is_number = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit))
        };
        let processes = self.seen(entries(Path::new("/proc"))).unwrap_or_default();
        processes.into_iter().filter(is_number).find_map(|process| self.process(&process))
    }

    /// By one of a process' threads, of its descriptors, or of what is mounted for it.
    fn process(&mut self, process: &Path) -> Option<Namespace> {
        let tasks = self.seen(entries(&process.join("task"))).unwrap_or_default();
        let descriptors = || entries(&process.join("fd"));
        if let Some(found) = tasks.iter().find_map(|task| self.link(&task.join("ns/net"))) {
            return Some(found);
        }
        let descriptors = self.seen(descriptors()).unwrap_or_default();
        if let Some(found) = descriptors.iter().find_map(|descriptor| self.link(descriptor)) {
            return Some(found);
        }
        // Bytes: a mount point may have any.
        let table = self.seen(fs::read(process.join("mountinfo"))).unwrap_or_default();
        let lines = table.split(|byte| *byte == b'\n');
        let mut pins = lines.filter_map(|line| {
            let mut fields = line.split(|byte| *byte == b' ').skip(3);
            (fields.next()? == self.text.as_bytes()).then(|| fields.next()).flatten()
        });
        let pin = pins.next()?;
        self.is_met = true;
        // Only as the caller sees it: a path through what others have mounted leads anywhere.
        self.opened(Path::new(std::str::from_utf8(pin).ok()?))
    }

    /// By a link of /proc, if it leads there.
    fn link(&mut self, link: &Path) -> Option<Namespace> {
        let text = self.seen(fs::read_link(link))?;
        if text.as_os_str() != self.text.as_str() {
            return None;
        }
        self.is_met = true;
        self.opened(link)
    }

    /// What this path leads to, looked at when it is held: the number may be another process' by now.
    fn opened(&self, path: &Path) -> Option<Namespace> {
        Namespace::open(path).ok().filter(|found| found.id().is_ok_and(|id| id == self.wanted))
    }

    /// What could be read. What has ended meanwhile holds nothing.
    fn seen<T>(&mut self, read: io::Result<T>) -> Option<T> {
        const GONE: [i32; 2] = [Errno::SRCH.raw_os_error(), Errno::INVAL.raw_os_error()];
        let is_gone = |error: &io::Error| {
            error.kind() == io::ErrorKind::NotFound || error.raw_os_error().is_some_and(|errno| GONE.contains(&errno))
        };
        read.inspect_err(|error| self.is_whole &= is_gone(error)).ok()
    }
}

fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_links_were_put_is_found_or_known_to_be_gone() {
        let home = Home::here().unwrap();
        assert_eq!(serde_json::from_slice::<Home>(&serde_json::to_vec(&home).unwrap()).unwrap(), home);
        assert!(matches!(home.find(), Whereabouts::Here));
        let earlier = Home { boot: "another".to_owned(), ..home };
        assert!(matches!(earlier.find(), Whereabouts::Gone));
    }
}
