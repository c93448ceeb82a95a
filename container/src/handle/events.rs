// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens to a container, one thing after the other, behind one descriptor.
//!
//! Everything that tells by itself is in one epoll: the first process, the files of the cgroup, further programs, and news
//! of these. What version 1 of cgroups does not tell is looked for when a timer says so, which is in the epoll too: so who
//! has an event loop has one descriptor to wait for, whatever the machine is.

use std::collections::VecDeque;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime};
use skep_cgroup::{Cgroup, ErrorKind, Event as GroupEvent, Events as GroupEvents, Watch};
use skep_ns::{ExitStatus, PidFd};

use super::exec::{Further, Furthers};
use super::running::Container;
use crate::error::{Error, Object};

const OP: &str = "watch";

/// Between two looks where nobody tells when to look.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// One thing that has happened to a container: from [`Events`]. Displays as a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// What its cgroup tells: that it was frozen or thawed, that memory was used up, that processes were killed for that,
    /// that a fork was refused.
    Group(GroupEvent),
    /// A further program was executed in it, by whatever handle of this process.
    Executed {
        /// Its number in the caller's pid namespace, to show.
        pid: u32,
    },
    /// A further program that this process has executed in it has ended.
    FurtherEnded {
        /// The number that it had in the caller's pid namespace.
        pid: u32,
        /// How it ended.
        status: ExitStatus,
    },
    /// Its first process has ended: the last of all. [`Container::wait`] says how.
    Ended,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Group(event) => event.fmt(f),
            Event::Executed { pid } => write!(f, "process {pid} was executed in it"),
            Event::FurtherEnded { pid, status } => {
                write!(f, "process {pid}, which was executed in it, ended: {status}")
            }
            Event::Ended => f.write_str("its first process has ended"),
        }
    }
}

/// What happens to a container from when this is made until it ends: [`Container::events`].
///
/// As an iterator it waits for each, and ends after [`Event::Ended`]; [`next_within`](Self::next_within) waits so long. For
/// an event loop it is a descriptor that is readable when [`try_next`](Self::try_next) may have something to say, and
/// perhaps has not. What went there and back again between two looks is told only if it is counted.
///
/// It takes descriptors: up to six beside those of the container's cgroup, and one for each further program that runs.
#[derive(Debug)]
pub struct Events {
    object: Object,
    epoll: OwnedFd,
    first: OwnedFd,
    group: Option<(Cgroup, GroupEvents)>,
    watches: Vec<Watch>,
    timer: Option<OwnedFd>,
    news: Arc<OwnedFd>,
    furthers: Arc<Furthers>,
    running: Vec<Arc<Further>>,
    waiting: VecDeque<Event>,
    is_over: bool,
}

impl Container {
    /// What happens to it from now on: see [`Events`], which does not keep the container, and may be taken to another thread.
    ///
    /// ```
    /// # if !rustix::process::geteuid().is_root() { return Ok(()) }
    /// use skep::{Container, Event};
    /// use skep::ns::{NamespaceKind, Namespaces};
    ///
    /// let container = Container::anonymous()
    ///     .namespaces(Namespaces::new().make([NamespaceKind::Pid]))
    ///     .command("/bin/sleep", ["1000"])
    ///     .kill_on_drop()
    ///     .start()?;
    /// let events = container.events()?;
    /// assert!(container.exec("/bin/true", [""; 0]).output()?.status.success());
    /// container.kill()?;
    /// let told: Vec<Event> = events.collect::<Result<_, _>>()?;
    /// assert!(matches!(told[..], [Event::Executed { .. }, Event::FurtherEnded { .. }, Event::Ended]));
    /// # Ok::<(), skep::Error>(())
    /// ```
    ///
    /// # Errors
    /// `WrongState` for a container that had ended, or was not started, when it was opened; `Exhausted` without free
    /// descriptors; `Denied` to who may not look at its cgroup.
    /// # Kernel
    /// Changes of groups of version 1 are seen within 50 ms; out of memory at once, by `cgroup.event_control`.
    #[doc(alias = "lxc-monitor")]
    pub fn events(&self) -> Result<Events, Error> {
        let first = self.first.demand(OP, || self.object())?;
        Events::of(self, first)
    }
}

impl Events {
    fn of(container: &Container, first: &PidFd) -> Result<Self, Error> {
        let object = container.object();
        let failed = |errno: Errno| Error::os(OP, object.clone(), errno.raw_os_error()).with_hint_of_limits();
        let of_group = |error| Error::of_leaf(OP, object.clone(), error).with_hint_of_limits();
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(failed)?;
        let first = rustix::io::fcntl_dupfd_cloexec(first, 3).map_err(failed)?;
        let furthers = Arc::clone(&container.further);
        let news = furthers.listen().map_err(failed)?;
        let group = container.cgroup()?;
        let watches = group.as_ref().map(watches).transpose().map_err(of_group)?;
        let timer = match &group {
            Some(group) if !group.tells_of_changes() => Some(timer().map_err(failed)?),
            _ => None,
        };
        // After the watches were made: what happens from here on makes one of them ready.
        let group = match group.map(|group| group.events().map(|events| (group, events))).transpose() {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            found => found.map_err(of_group)?,
        };
        // Those that run already are watched, and not told of.
        let running = furthers.running().map_err(|error| Error::of_leaf(OP, object.clone(), error))?;
        let events = Self {
            object: object.clone(),
            epoll,
            first,
            group,
            watches: watches.unwrap_or_default(),
            timer,
            news,
            furthers,
            running,
            waiting: VecDeque::new(),
            is_over: false,
        };
        events.register().map_err(failed)?;
        Ok(events)
    }

    fn register(&self) -> Result<(), Errno> {
        let add = |fd: BorrowedFd<'_>, flags| epoll::add(&self.epoll, fd, EventData::new_u64(0), flags);
        add(self.first.as_fd(), EventFlags::IN)?;
        add(self.news.as_fd(), EventFlags::IN)?;
        for watch in &self.watches {
            let flags = PollFlags::from_bits_retain(watch.poll_events().cast_unsigned());
            add(watch.as_fd(), if flags.contains(PollFlags::PRI) { EventFlags::PRI } else { EventFlags::IN })?;
        }
        if let Some(timer) = &self.timer {
            add(timer.as_fd(), EventFlags::IN)?;
        }
        self.running.iter().try_for_each(|further| add(further.process.as_fd(), EventFlags::IN))
    }

    /// What has happened, if anything has. Does not wait.
    ///
    /// # Errors
    /// What the kernel has against looking; nothing more is told then.
    pub fn try_next(&mut self) -> Result<Option<Event>, Error> {
        self.next_within(Duration::ZERO)
    }

    /// What happens next, at most within `deadline`; `None` if nothing does, and when it [is over](Self::is_over).
    ///
    /// # Errors
    /// As [`try_next`](Self::try_next).
    pub fn next_within(&mut self, deadline: Duration) -> Result<Option<Event>, Error> {
        self.next_until(Instant::now().checked_add(deadline))
    }

    /// Whether the last event was told.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over && self.waiting.is_empty()
    }

    fn next_until(&mut self, end: Option<Instant>) -> Result<Option<Event>, Error> {
        loop {
            if self.waiting.is_empty() && !self.is_over {
                self.look().inspect_err(|_| self.is_over = true)?;
            }
            let event = self.waiting.pop_front();
            if event.is_some() || self.is_over || end.is_some_and(|end| Instant::now() >= end) {
                return Ok(event);
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            match poll(&mut [PollFd::new(&self.epoll, PollFlags::IN)], left.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(self.failure(errno)),
            }
        }
    }

    /// Looks at everything, and keeps what is new.
    fn look(&mut self) -> Result<(), Error> {
        // Asked first: what led to the end is told before it.
        let has_ended = self.has_ended()?;
        // What counts is emptied before what it tells of is looked at: later news makes it ready again.
        for counter in self.timer.iter().chain([&*self.news]) {
            match rustix::io::retry_on_intr(|| rustix::io::read(counter, &mut [0; 8])) {
                Ok(_) | Err(Errno::AGAIN) => {}
                Err(errno) => return Err(self.failure(errno)),
            }
        }
        self.look_at_group()?;
        self.look_at_further()?;
        if has_ended {
            self.waiting.push_back(Event::Ended);
            self.is_over = true;
        }
        Ok(())
    }

    fn has_ended(&self) -> Result<bool, Error> {
        // Those that nobody has waited for would keep it from ending.
        self.furthers.running().map_err(|error| Error::of_leaf(OP, self.object.clone(), error))?;
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let ready = || poll(&mut [PollFd::new(&self.first, PollFlags::IN)], Some(&now));
        rustix::io::retry_on_intr(ready).map(|ready| ready > 0).map_err(|errno| self.failure(errno))
    }

    fn look_at_group(&mut self) -> Result<(), Error> {
        let Some((group, last)) = &mut self.group else { return Ok(()) };
        let reset = self.watches.iter().try_for_each(Watch::reset);
        match reset.and_then(|()| group.events()) {
            Ok(now) => {
                let is_ours = |event: &GroupEvent| !matches!(event, GroupEvent::Populated | GroupEvent::Empty);
                self.waiting.extend(now.since(last).into_iter().filter(is_ours).map(Event::Group));
                *last = now;
            }
            // Removed with the container, by somebody else: its files are ready for ever.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                for watch in self.watches.drain(..) {
                    let _unwatched = epoll::delete(&self.epoll, watch.as_fd());
                }
                (self.group, self.timer) = (None, None);
            }
            Err(error) => return Err(Error::of_leaf(OP, self.object.clone(), error)),
        }
        Ok(())
    }

    fn look_at_further(&mut self) -> Result<(), Error> {
        let mut new = self.furthers.take_news(&self.news);
        self.waiting.extend(new.iter().map(|further| Event::Executed { pid: further.pid }));
        // One that came while this was made is watched already.
        new.retain(|further| !self.running.iter().any(|known| Arc::ptr_eq(known, further)));
        let known = self.running.drain(..).map(|further| (false, further));
        let all: Vec<_> = known.chain(new.into_iter().map(|further| (true, further))).collect();
        for (is_new, further) in all {
            let status = further.reap().map_err(|error| Error::of_leaf(OP, self.object.clone(), error))?;
            match status {
                Some(status) => {
                    let _unwatched = epoll::delete(&self.epoll, &further.process);
                    self.waiting.push_back(Event::FurtherEnded { pid: further.pid, status });
                }
                None => {
                    if is_new {
                        let data = EventData::new_u64(0);
                        epoll::add(&self.epoll, &further.process, data, EventFlags::IN)
                            .map_err(|errno| self.failure(errno).with_hint_of_limits())?;
                    }
                    self.running.push(further);
                }
            }
        }
        Ok(())
    }

    fn failure(&self, errno: Errno) -> Error {
        Error::os(OP, self.object.clone(), errno.raw_os_error())
    }
}

/// Everything of a group that tells by itself.
fn watches(group: &Cgroup) -> Result<Vec<Watch>, skep_cgroup::Error> {
    let mut watches = Vec::new();
    for watch in [group.watch(), group.watch_memory(), group.watch_pids()] {
        match watch {
            Ok(watch) => watches.push(watch),
            // Looked for, or not there at all.
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Denied | ErrorKind::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(watches)
}

fn timer() -> Result<OwnedFd, Errno> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
    let every = Itimerspec { it_interval: LOOK, it_value: LOOK };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &every)?;
    Ok(timer)
}

impl Iterator for Events {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_until(None).transpose()
    }
}

impl AsFd for Events {
    /// Readable when something may have happened.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}
