// SPDX-License-Identifier: MIT OR Apache-2.0
//! Further programs of a container, and why their ends are the container's business.
//!
//! The first process of a pid namespace has not ended, for the kernel, before every other process of the namespace has been
//! reaped. Further programs are the caller's children: one that nobody has waited for would keep the container from ending
//! for ever. So whoever waits for a container reaps these too; how they ended is kept for their own handles.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use skep_ns::{ExitStatus, PidFd};

/// A further program: shared by its handle and by that of its container.
#[derive(Debug)]
pub(crate) struct Further {
    pub(crate) pid: u32,
    pub(crate) process: PidFd,
    status: Mutex<Option<ExitStatus>>,
}

impl Further {
    pub(super) fn new(pid: u32, process: PidFd) -> Self {
        Self { pid, process, status: Mutex::new(None) }
    }

    /// How it ended, if it has; reaps it then, once, whoever asks. Does not wait.
    pub(crate) fn reap(&self) -> Result<Option<ExitStatus>, skep_ns::Error> {
        let mut status = locked(&self.status);
        if status.is_none() && self.process.has_ended()? {
            *status = Some(self.process.wait()?);
        }
        Ok(*status)
    }

    /// Waits for its end, at most until `end`; answers how it was.
    pub(super) fn wait(&self, end: Option<Instant>) -> Result<Option<ExitStatus>, skep_ns::Error> {
        loop {
            if let Some(status) = self.reap()? {
                return Ok(Some(status));
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return Ok(None);
            }
            pause(&mut [PollFd::new(&self.process, PollFlags::IN)], end);
        }
    }
}

/// All further programs of a container that this process has executed.
#[derive(Debug)]
pub(crate) struct Furthers {
    /// The container, by its first process.
    first: Option<u32>,
    list: Mutex<Vec<Arc<Further>>>,
    /// Readable when there is one more: for who waits for the container already.
    news: OnceLock<Option<OwnedFd>>,
    /// Those who are told of each that comes: a counter, and which there are.
    listeners: Mutex<Vec<Listener>>,
}

/// Somebody who is told of each program, and what was not taken yet.
#[derive(Debug)]
struct Listener {
    counter: Weak<OwnedFd>,
    untold: Vec<Arc<Further>>,
}

/// Those of all containers that there are handles of: of several handles of one container each must reap what was executed
/// by another. A number that is given anew means no more than one list for two containers.
static ALL: Mutex<BTreeMap<u32, Weak<Furthers>>> = Mutex::new(BTreeMap::new());

impl Furthers {
    /// Those of the container of this first process, whichever handle executes them.
    pub(crate) fn of(first: Option<u32>) -> Arc<Self> {
        let new =
            || Arc::new(Self { first, list: Mutex::default(), news: OnceLock::new(), listeners: Mutex::default() });
        let Some(pid) = first else { return new() };
        let mut all = locked(&ALL);
        if let Some(known) = all.get(&pid).and_then(Weak::upgrade) {
            return known;
        }
        let own = new();
        all.insert(pid, Arc::downgrade(&own));
        own
    }

    /// Forgets it if it has ended: there is nothing more to learn of it.
    pub(super) fn let_go(&self, further: &Arc<Further>) {
        if matches!(further.reap(), Ok(Some(_))) {
            locked(&self.list).retain(|each| !Arc::ptr_eq(each, further));
        }
    }

    /// Forgets it as it is: others learn how it ends.
    pub(super) fn leave(&self, further: &Arc<Further>) {
        locked(&self.list).retain(|each| !Arc::ptr_eq(each, further));
    }

    /// Somebody who is told from now on, by a counter that is readable when there is one to be
    /// [taken](Self::take_news); for as long as the counter is kept.
    pub(crate) fn listen(&self) -> Result<Arc<OwnedFd>, Errno> {
        let counter = Arc::new(rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let mut listeners = locked(&self.listeners);
        listeners.retain(|listener| listener.counter.strong_count() > 0);
        listeners.push(Listener { counter: Arc::downgrade(&counter), untold: Vec::new() });
        Ok(counter)
    }

    /// Those that this listener was not told of yet.
    pub(crate) fn take_news(&self, counter: &Arc<OwnedFd>) -> Vec<Arc<Further>> {
        let mut listeners = locked(&self.listeners);
        let found = listeners.iter_mut().find(|listener| listener.counter.as_ptr() == Arc::as_ptr(counter));
        found.map(|listener| std::mem::take(&mut listener.untold)).unwrap_or_default()
    }

    /// Those that run; the others are reaped.
    pub(crate) fn running(&self) -> Result<Vec<Arc<Further>>, skep_ns::Error> {
        self.reap()
    }

    pub(super) fn add(&self, further: Arc<Further>) {
        for listener in locked(&self.listeners).iter_mut() {
            if let Some(counter) = listener.counter.upgrade() {
                listener.untold.push(Arc::clone(&further));
                let _full = rustix::io::write(&counter, &1_u64.to_ne_bytes());
            }
        }
        // What has ended is not kept for a wait that may never come.
        let _failed = self.reap();
        locked(&self.list).push(further);
        if let Some(news) = self.news.get().and_then(Option::as_ref) {
            let _full = rustix::io::write(news, &1_u64.to_ne_bytes());
        }
    }

    /// Waits until the container's first process has ended, at most for `deadline`; answers whether it has. Reaps those that
    /// end meanwhile.
    pub(crate) fn wait_for(&self, first: &PidFd, deadline: Option<Duration>) -> Result<bool, skep_ns::Error> {
        /// How long those are passed over at most that came later, and of which another thread was told.
        const BLIND: Duration = Duration::from_millis(100);
        let end = deadline.and_then(|deadline| Instant::now().checked_add(deadline));
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let news = self.news.get_or_init(|| rustix::event::eventfd(0, flags).ok()).as_ref();
        loop {
            let running = self.reap()?;
            if first.has_ended()? {
                return Ok(true);
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return Ok(false);
            }
            let mut fds = vec![PollFd::new(first, PollFlags::IN)];
            fds.extend(running.iter().map(|further| PollFd::from_borrowed_fd(further.process.as_fd(), PollFlags::IN)));
            fds.extend(news.map(|news| PollFd::new(news, PollFlags::IN)));
            // By the clock too: of several who wait another may have been told of what is new.
            let blind = Instant::now().checked_add(BLIND);
            pause(&mut fds, end.into_iter().chain(blind).min());
            if let Some(news) = news {
                // What it counts is told already: the list is looked at again.
                let _none = rustix::io::read(news, &mut [0; 8]);
            }
        }
    }

    /// Reaps those that have ended, and answers the others.
    fn reap(&self) -> Result<Vec<Arc<Further>>, skep_ns::Error> {
        let mut list = locked(&self.list);
        let mut failure = None;
        // Whom the kernel would not tell of now is asked about again: one that is forgotten keeps the container for ever.
        list.retain(|further| match further.reap() {
            Ok(status) => status.is_none(),
            Err(error) => {
                failure = failure.take().or(Some(error));
                true
            }
        });
        failure.map_or_else(|| Ok(list.clone()), Err)
    }
}

impl Drop for Furthers {
    fn drop(&mut self) {
        let Some(pid) = self.first else { return };
        let mut all = locked(&ALL);
        // Another one may have come into its place already.
        if all.get(&pid).is_some_and(|known| known.strong_count() == 0) {
            all.remove(&pid);
        }
    }
}

/// Waits until one of them is readable, at most until `end`; where the kernel refuses to, as it does without memory and for
/// more descriptors than the limit allows by now, for a moment.
fn pause(fds: &mut [PollFd<'_>], end: Option<Instant>) {
    const MOMENT: Duration = Duration::from_millis(10);
    let left = end.map(|end| end.saturating_duration_since(Instant::now()));
    // Longer than the kernel's clock can tell is for ever.
    let left = left.and_then(|left| Timespec::try_from(left).ok());
    match rustix::event::poll(fds, left.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(_) => std::thread::sleep(MOMENT),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
