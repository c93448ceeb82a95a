// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sockets: requests to the kernel, and its answers.
//!
//! A netlink socket belongs to the net namespace of the thread that opened it, for good, whoever uses it afterwards: so
//! [`Socket::open_in`] opens it on a thread that ends with that. A request carries a number which its answers repeat; what has
//! another one is the late answer to a request that was given up, and is passed over. What does not come from the kernel
//! (any process may send to any netlink socket) is too.
//!
//! Man: netlink(7). Kernel: Documentation/userspace-api/netlink/intro.rst.

mod reply;
#[cfg(test)]
mod tests;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recvfrom, sendto, socket_with};

use super::message::{HEADER, Message, Messages, Received, flags};
use crate::enter::Join;
use crate::error::{Error, Object};
use crate::sys::netlink::{NetlinkOption, set};

pub(crate) use reply::Refusal;
use reply::{Answer, answer};

/// What is spoken on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// `NETLINK_ROUTE`: links, addresses, routes.
    Route,
    /// `NETLINK_NETFILTER`: nf_tables.
    Netfilter,
}

/// How often a list is read anew that has changed while it was read, before that is an error.
const TRIES: usize = 100;

/// What a datagram may take at first: the kernel makes those of a list no longer than 32 KiB.
const ROOM: usize = 64 * 1024;

/// A netlink socket, for any thread.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    sequence: u32,
    /// The datagram that was received last.
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens a socket in the calling thread's net namespace.
    pub(crate) fn open(family: Family) -> Result<Self, Error> {
        let failed = |errno: Errno| Error::os("open", Object::Named("a netlink socket"), errno.raw_os_error());
        let protocol = match family {
            Family::Route => None,
            Family::Netfilter => Some(NETFILTER),
        };
        let fd =
            socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol).map_err(failed)?;
        for option in [NetlinkOption::CapAck, NetlinkOption::ExtAck, NetlinkOption::StrictCheck] {
            // Each makes answers better, and none is needed.
            let _refused = set(fd.as_fd(), option, 1);
        }
        Ok(Self { fd, state: Mutex::new(State { sequence: 0, buffer: Vec::new() }) })
    }

    /// Opens a socket in the net namespace that `namespace` is an open file of, by a thread that ends with that.
    pub(crate) fn open_in(family: Family, namespace: BorrowedFd<'_>) -> Result<Self, Error> {
        inside(namespace, || Self::open(family))?
    }

    /// Asks for something to be done.
    pub(crate) fn request(&self, message: &Message) -> Result<(), Refusal> {
        self.ask(message, |_| ())
    }

    /// Asks for something that is told in some messages, given to `each`.
    pub(crate) fn ask(&self, message: &Message, mut each: impl FnMut(&Received<'_>)) -> Result<(), Refusal> {
        let mut state = self.locked();
        let number = state.sent(self.fd.as_fd(), &[(message, flags::ACK)])?;
        loop {
            state.receive(self.fd.as_fd(), RecvFlags::empty())?;
            for received in Messages(&state.buffer).filter(|received| received.sequence == number) {
                match answer(&received) {
                    None => each(&received),
                    Some(Answer::Done) => return Ok(()),
                    Some(Answer::Refused(told)) => return Err(told.refusal(message, 0)),
                }
            }
        }
    }

    /// Lists what `decode` makes of each message. A list that has changed while it was read is read anew.
    pub(crate) fn dump<T>(
        &self,
        message: &Message,
        mut decode: impl FnMut(&Received<'_>) -> Option<T>,
    ) -> Result<Vec<T>, Refusal> {
        let mut state = self.locked();
        let mut found = Vec::new();
        for _ in 0..TRIES {
            found.clear();
            if self.dump_once(&mut state, message, |received| found.extend(decode(received)))? {
                return Ok(found);
            }
        }
        Err(Refusal::unsteady(TRIES))
    }

    /// Whether nothing has changed meanwhile.
    fn dump_once(
        &self,
        state: &mut State,
        message: &Message,
        mut each: impl FnMut(&Received<'_>),
    ) -> Result<bool, Refusal> {
        let number = state.sent(self.fd.as_fd(), &[(message, flags::DUMP)])?;
        let mut steady = true;
        loop {
            state.receive(self.fd.as_fd(), RecvFlags::empty())?;
            for received in Messages(&state.buffer).filter(|received| received.sequence == number) {
                steady &= received.flags & flags::DUMP_INTR == 0;
                match answer(&received) {
                    None => each(&received),
                    Some(Answer::Done) => return Ok(steady),
                    Some(Answer::Refused(told)) if told.is_interruption() => return Ok(false),
                    Some(Answer::Refused(told)) => return Err(told.refusal(message, 0)),
                }
            }
        }
    }

    /// Sends all at once. The kernel does one after the other; what `NETLINK_ROUTE` refuses does not keep it from doing the
    /// next, so this is for what is independent, or is undone as a whole. The first refusal is answered, with its place.
    pub(crate) fn batch(&self, messages: &[Message]) -> Result<(), Refusal> {
        // Only the last has to be acknowledged: the refused ones are answered in any case, and before it.
        let Some((last, others)) = messages.split_last() else { return Ok(()) };
        let mut all: Vec<(&Message, u16)> = others.iter().map(|message| (message, 0)).collect();
        all.push((last, flags::ACK));
        self.exchange(&all, 0)
    }

    /// Sends all at once between `begin` and `end`, which makes them one transaction of `NETLINK_NETFILTER`: all of them
    /// are done, or none. The place in the refusal counts from the first between them.
    pub(crate) fn transaction(&self, begin: &Message, messages: &[Message], end: &Message) -> Result<(), Refusal> {
        let Some((last, others)) = messages.split_last() else { return Ok(()) };
        let mut all = vec![(begin, 0)];
        all.extend(others.iter().map(|message| (message, 0)));
        all.extend([(last, flags::ACK), (end, 0)]);
        self.exchange(&all, 1)
    }

    /// Sends a transaction without anything in it: whether it would have been taken.
    ///
    /// A kernel before Linux 6.10 answers `begin` and `end` with refusals alone, whatever is asked for. It has done all that
    /// it does when it has taken the datagram, and its answer is there by then or never.
    pub(crate) fn empty_transaction(&self, begin: &Message, end: &Message) -> Result<(), Refusal> {
        let mut state = self.locked();
        let number = state.sent(self.fd.as_fd(), &[(begin, 0), (end, 0)])?;
        loop {
            match state.receive(self.fd.as_fd(), RecvFlags::DONTWAIT) {
                Ok(()) => {}
                Err(nothing) if nothing.would_block() => return Ok(()),
                Err(refusal) => return Err(refusal),
            }
            for received in Messages(&state.buffer).filter(|received| received.sequence == number) {
                if let Some(Answer::Refused(told)) = answer(&received) {
                    return Err(told.refusal(begin, 0));
                }
            }
        }
    }

    /// Sends messages of which one wants an answer, and hears all answers up to that one. Messages before `first` and after
    /// the one that wants an answer frame the others: a refusal of those is of all.
    fn exchange(&self, messages: &[(&Message, u16)], first: usize) -> Result<(), Refusal> {
        let mut state = self.locked();
        let begin = state.sent(self.fd.as_fd(), messages)?;
        let asked = messages.iter().position(|(_, flags)| *flags != 0).unwrap_or_default();
        let mut refusal: Option<(usize, Refusal)> = None;
        let mut wait = RecvFlags::empty();
        let mut answered = false;
        while !answered {
            match state.receive(self.fd.as_fd(), wait) {
                Ok(()) => {}
                // The whole was refused before its parts were looked at.
                Err(refused) if refused.would_block() && refusal.is_some() => break,
                Err(refused) => return Err(refused),
            }
            for received in Messages(&state.buffer) {
                let place = usize::try_from(received.sequence.wrapping_sub(begin)).unwrap_or(usize::MAX);
                let Some((message, _)) = messages.get(place) else { continue };
                if let Some(Answer::Refused(told)) = answer(&received) {
                    let refused = told.refusal(message, place.saturating_sub(first));
                    if refusal.as_ref().is_none_or(|(earlier, _)| place < *earlier) {
                        refusal = Some((place, refused));
                    }
                    if place < first || place > asked {
                        wait = RecvFlags::DONTWAIT;
                    }
                }
                answered |= place == asked;
            }
        }
        refusal.map_or(Ok(()), |(_, refusal)| Err(refusal))
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        // A decoder that panicked has left a number and a buffer, of which both are good for the next.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl State {
    /// Sends messages in one datagram, and answers the number of the first.
    fn sent(&mut self, fd: BorrowedFd<'_>, messages: &[(&Message, u16)]) -> Result<u32, Refusal> {
        let begin = self.sequence.wrapping_add(1);
        let mut out = Vec::new();
        for (message, more) in messages {
            self.sequence = self.sequence.wrapping_add(1);
            message.write_to(&mut out, flags::REQUEST | more, self.sequence).map_err(Refusal::overlong)?;
        }
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::io::retry_on_intr(|| sendto(fd, &out, SendFlags::empty(), &kernel)).map_err(Refusal::os)?;
        Ok(begin)
    }

    /// Receives a datagram of the kernel into the buffer.
    fn receive(&mut self, fd: BorrowedFd<'_>, wait: RecvFlags) -> Result<(), Refusal> {
        receive(fd, &mut self.buffer, wait).map_err(Refusal::os)
    }
}

/// Whether a message is an answer; what it says is put into words.
#[cfg(any(test, fuzzing))]
pub(crate) fn answer_in(received: &Received<'_>) -> bool {
    let told = answer(received);
    if let Some(Answer::Refused(told)) = &told {
        let _words = told.clone().refusal(&Message::new(0, 0, &[]), 0).error("read", Object::Named("bytes"));
    }
    told.is_some()
}

/// Receives the next datagram of the kernel, whatever its length, into `buffer`, whose length is the datagram's then.
pub(crate) fn receive(fd: BorrowedFd<'_>, buffer: &mut Vec<u8>, wait: RecvFlags) -> Result<(), Errno> {
    let peek = wait | RecvFlags::PEEK | RecvFlags::TRUNC;
    loop {
        let room = buffer.capacity().max(ROOM);
        buffer.resize(room, 0);
        let looked = rustix::io::retry_on_intr(|| recvfrom(fd, buffer.as_mut_slice(), peek));
        let (_, length, sender) = match looked {
            Ok(looked) => looked,
            Err(errno) => {
                buffer.clear();
                return Err(errno);
            }
        };
        if length > room {
            buffer.reserve(length);
            continue;
        }
        // It has been copied: what is left to do is to take it off the queue.
        rustix::io::retry_on_intr(|| recvfrom(fd, &mut [0_u8; 0][..], RecvFlags::DONTWAIT | RecvFlags::TRUNC))?;
        let kernel = sender.and_then(|sender| SocketAddrNetlink::try_from(sender).ok());
        if kernel.is_some_and(|sender| sender.pid() == 0) && length >= HEADER {
            buffer.truncate(length);
            return Ok(());
        }
    }
}

/// Runs `work` in the net namespace that `namespace` is an open file of, on a thread that ends with it.
pub(crate) fn inside<T: Send>(namespace: BorrowedFd<'_>, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
    use std::os::fd::AsRawFd;
    let object = || Object::Descriptor(namespace.as_raw_fd());
    let copy = namespace.try_clone_to_owned();
    let copy = copy.map_err(|error| Error::os("copy", object(), error.raw_os_error().unwrap_or_default()))?;
    let done = Join::new().namespace(copy).run(work)?;
    Ok(done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}
