// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes: what happens to a group, one thing after the other, until a deadline.
//!
//! Everything that the kernel tells of is watched, and after each notice the group is looked at: the difference to the look
//! before is what has happened. What version 1 does not tell of is looked for a few times a second.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};

use super::Cgroup;
use super::watch::{OP, Watch};
use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::events::{Event, Events};
use crate::layout::Version;

/// Between two looks where nobody tells us when to look.
const LOOK: Duration = Duration::from_millis(50);

impl Cgroup {
    /// Whether the kernel tells of everything in its [events](Self::events) by [watches](Self::watch), of the group itself, of
    /// its memory and of its forks. Where it does not, as under version 1, one has to look from time to time.
    #[must_use]
    pub fn tells_of_changes(&self) -> bool {
        let tells = |controller| self.of(controller).is_none_or(|found| found.version() == Version::V2);
        let held = self.held(OP).is_ok_and(|held| held.version() == Version::V2);
        held && tells(Controller::Memory) && tells(Controller::Pids)
    }

    /// What happens to the group from now on, for as long as `deadline`: see [`Changes`].
    ///
    /// # Errors
    /// `NotFound` if the group was removed; `Exhausted` without free descriptors, of which it takes up to four; what the
    /// kernel has against reading the files.
    pub fn changes(&self, deadline: Duration) -> Result<Changes<'_>, Error> {
        self.held(OP)?;
        let every = if self.tells_of_changes() { None } else { Some(LOOK) };
        let mut watches = Vec::new();
        for watch in [self.watch(), self.watch_memory(), self.watch_pids()] {
            match watch {
                Ok(watch) => watches.push(watch),
                // Looked for, or not there at all.
                Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Denied) => {}
                Err(error) => return Err(error),
            }
        }
        // After the watches were made: what happens from here on makes one of them ready.
        let last = self.events()?;
        let end = Instant::now().checked_add(deadline);
        Ok(Changes { group: self, watches, every, last, waiting: VecDeque::new(), end, over: false })
    }
}

/// What happens to a group, one [`Event`] after the other, from [`Cgroup::changes`]. It ends with the deadline, or when the
/// group was removed.
///
/// The kernel tells of many changes in 10 ms once, and wakes nobody for the removal of a group that was empty already. Of
/// memory and processes under version 1, and of what freezes there, it tells little: a look every 50 ms sees to that.
///
/// ```no_run
/// use std::time::Duration;
/// use skep_cgroup::{Cgroup, Event};
///
/// let web = Cgroup::open("web-1")?;
/// for event in web.changes(Duration::MAX)? {
///     match event? {
///         Event::OomKill(count) => println!("{count} killed"),
///         Event::Empty => break,
///         other => println!("{other}"),
///     }
/// }
/// # Ok::<(), skep_cgroup::Error>(())
/// ```
#[derive(Debug)]
pub struct Changes<'a> {
    group: &'a Cgroup,
    watches: Vec<Watch>,
    every: Option<Duration>,
    last: Events,
    waiting: VecDeque<Event>,
    end: Option<Instant>,
    over: bool,
}

impl Changes<'_> {
    /// The last look at the group.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.last
    }

    /// Waits for a notice, or until it is time to look; false at the end of the time.
    fn wait(&self) -> Result<bool, Error> {
        let mut fds: Vec<PollFd<'_>> =
            self.watches.iter().map(|watch| PollFd::from_borrowed_fd(watch.as_fd(), watch.flags())).collect();
        let begin = Instant::now();
        let end = match self.every.and_then(|every| begin.checked_add(every)) {
            Some(look) => Some(self.end.map_or(look, |end| end.min(look))),
            None => self.end,
        };
        let ready = retry_on_intr(|| {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            poll(&mut fds, left.as_ref())
        });
        match ready {
            Ok(0) if self.end.is_some_and(|end| Instant::now() >= end) => Ok(false),
            Ok(_) => Ok(true),
            Err(errno) => Err(self.failure(errno)),
        }
    }

    /// Looks at the group; what has happened waits to be told.
    fn look(&mut self) -> Result<(), Error> {
        // First: what happens after the look makes them ready again.
        self.watches.iter().try_for_each(Watch::reset)?;
        let now = self.group.events()?;
        self.waiting.extend(now.since(&self.last));
        self.last = now;
        Ok(())
    }

    fn failure(&self, errno: Errno) -> Error {
        let path = self.group.directories().next().unwrap_or(std::path::Path::new(""));
        Error::os(OP, Object::Group(path.to_owned()), errno.raw_os_error())
    }
}

impl Iterator for Changes<'_> {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(Ok(event));
            }
            if self.over {
                return None;
            }
            let looked = self.wait().and_then(|in_time| {
                // A last look: what happened just before the end is told.
                self.over = !in_time;
                self.look()
            });
            match looked {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    self.over = true;
                    self.waiting.extend(self.last.populated.then_some(Event::Empty));
                    self.waiting.push_back(Event::Removed);
                }
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
            }
        }
    }
}
