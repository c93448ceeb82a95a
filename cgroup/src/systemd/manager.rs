// SPDX-License-Identifier: MIT OR Apache-2.0
//! The manager: a conversation with systemd, over a bus or face to face.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::dbus::{Addresses, Connection, Deadline, Kind, Message, Trouble, Value};

pub(super) const NAME: &str = "org.freedesktop.systemd1";
pub(super) const PATH: &str = "/org/freedesktop/systemd1";
pub(super) const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";

/// A bus tells whoever asks of the end of jobs.
const RULE: &str = "type='signal',sender='org.freedesktop.systemd1',path='/org/freedesktop/systemd1',\
                    interface='org.freedesktop.systemd1.Manager',member='JobRemoved'";

/// The most ends of jobs that are remembered: one of them is ours, and comes near the answer to our request.
const REMEMBERED: usize = 4096;
/// The longest path of a job, and the longest result: systemd's own have a fifth of that.
const LONGEST: usize = 256;

/// Who is at the other end of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Peer {
    /// A bus, and systemd is one of those on it.
    Bus,
    /// systemd itself.
    Manager,
}

/// A job that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Removed {
    job: String,
    result: String,
}

/// A conversation.
#[derive(Debug)]
pub(super) struct Manager {
    connection: Connection,
    peer: Peer,
    /// Who on the bus has answered as systemd: nobody else's signals count.
    owner: Option<String>,
    removed: Vec<Removed>,
}

impl Manager {
    /// Goes to the first of the addresses where somebody is; or says of each why not. With `descriptors`, asks whether it
    /// takes some.
    pub(super) fn open(
        places: &[(Peer, Addresses)],
        descriptors: bool,
        deadline: Deadline,
    ) -> Result<Self, Vec<(String, Trouble)>> {
        let mut refusals = Vec::new();
        for (peer, addresses) in places {
            for address in &addresses.0 {
                match Self::open_one(*peer, Connection::open(address, descriptors, deadline), deadline) {
                    Ok(manager) => return Ok(manager),
                    Err(trouble) => refusals.push((address.to_string(), trouble)),
                }
            }
        }
        Err(refusals)
    }

    fn open_one(peer: Peer, opened: Result<Connection, Trouble>, deadline: Deadline) -> Result<Self, Trouble> {
        let mut manager = Self { connection: opened?, peer, owner: None, removed: Vec::new() };
        if peer == Peer::Bus {
            manager.ask(&Message::call(BUS, BUS_PATH, BUS, "Hello", &[]), deadline)?;
        }
        Ok(manager)
    }

    /// Sees to it that the end of no job is missed from here on. systemd sends face to face in any case.
    pub(super) fn listen(&mut self, deadline: Deadline) -> Result<(), Trouble> {
        if self.peer == Peer::Bus {
            self.ask(&Message::call(BUS, BUS_PATH, BUS, "AddMatch", &[Value::text(RULE)]), deadline)?;
            let answer = self.ask(&Message::call(NAME, PATH, MANAGER, "Subscribe", &[]), deadline)?;
            self.owner = answer.sender;
        }
        Ok(())
    }

    /// Asks something of systemd.
    pub(super) fn call(&mut self, member: &str, body: &[Value], deadline: Deadline) -> Result<Vec<Value>, Trouble> {
        Ok(self.ask(&Message::call(NAME, PATH, MANAGER, member, body), deadline)?.values()?)
    }

    /// Says something to systemd, and hears no answer: for who has no time left.
    pub(super) fn tell(&mut self, member: &str, body: &[Value]) {
        let now = Deadline::after(Duration::ZERO);
        let _sent = self.connection.send(&Message::call(NAME, PATH, MANAGER, member, body), now);
    }

    /// Who is at the other end.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Asks for something that is a job, with descriptors, and waits for its end; the answer is its result.
    pub(super) fn job(
        &mut self,
        member: &str,
        body: &[Value],
        descriptors: &[BorrowedFd<'_>],
        deadline: Deadline,
    ) -> Result<String, Trouble> {
        self.listen(deadline)?;
        self.removed.clear();
        let answer =
            self.ask_with(&Message::call(NAME, PATH, MANAGER, member, body), descriptors, deadline)?.values()?;
        let [Value::Path(job)] = answer.as_slice() else {
            return Err(Trouble::Malformed("the answer is not the path of a job"));
        };
        loop {
            if let Some(found) = self.removed.iter().find(|removed| removed.job == *job) {
                return Ok(found.result.clone());
            }
            let message = self.connection.next(deadline)?;
            self.hear(&message);
        }
    }

    /// A property of an object.
    pub(super) fn property(
        &mut self,
        path: &str,
        interface: &str,
        name: &str,
        deadline: Deadline,
    ) -> Result<Value, Trouble> {
        let body = [Value::text(interface), Value::text(name)];
        let mut answer = self.ask(&Message::call(NAME, path, PROPERTIES, "Get", &body), deadline)?.values()?;
        match (answer.pop(), answer.is_empty()) {
            (Some(Value::Variant(value)), true) => Ok(*value),
            _ => Err(Trouble::Malformed("the answer is not a property")),
        }
    }

    /// Every property of an interface of an object.
    pub(super) fn properties(
        &mut self,
        path: &str,
        interface: &str,
        deadline: Deadline,
    ) -> Result<Vec<(String, Value)>, Trouble> {
        let call = Message::call(NAME, path, PROPERTIES, "GetAll", &[Value::text(interface)]);
        let mut answer = self.ask(&call, deadline)?.values()?;
        let Some(Value::Array(_, entries)) = answer.pop() else {
            return Err(Trouble::Malformed("the answer is not properties"));
        };
        let entry = |entry| match entry {
            Value::Entry(entry) => match *entry {
                (Value::Text(name), Value::Variant(value)) => Some((name, *value)),
                _ => None,
            },
            _ => None,
        };
        Ok(entries.into_iter().filter_map(entry).collect())
    }

    /// Sends a call, and waits for the answer to it.
    fn ask(&mut self, call: &Message, deadline: Deadline) -> Result<Message, Trouble> {
        let serial = self.connection.send(call, deadline)?;
        self.answer(serial, deadline)
    }

    fn ask_with(
        &mut self,
        call: &Message,
        descriptors: &[BorrowedFd<'_>],
        deadline: Deadline,
    ) -> Result<Message, Trouble> {
        let count = u32::try_from(descriptors.len()).unwrap_or(u32::MAX);
        let call = Message { descriptors: count, ..call.clone() };
        let serial = self.connection.send_with(&call, descriptors, deadline)?;
        self.answer(serial, deadline)
    }

    fn answer(&mut self, serial: u32, deadline: Deadline) -> Result<Message, Trouble> {
        loop {
            let message = self.connection.next(deadline)?;
            match message.kind {
                Kind::Return if message.answers == Some(serial) => return Ok(message),
                Kind::Error if message.answers == Some(serial) => {
                    // The text is the first value, if it has one.
                    let text = message.values().ok().and_then(|values| values.first()?.as_text().map(str::to_owned));
                    return Err(Trouble::Refused(message.error.unwrap_or_default(), text.unwrap_or_default()));
                }
                _ => self.hear(&message),
            }
        }
    }

    /// Remembers the end of a job; nothing else that is said to all is of interest.
    fn hear(&mut self, message: &Message) {
        let is_it = message.kind == Kind::Signal
            && message.interface.as_deref() == Some(MANAGER)
            && message.member.as_deref() == Some("JobRemoved")
            && message.path.as_deref() == Some(PATH)
            && (self.peer == Peer::Manager || (self.owner.is_some() && self.owner == message.sender));
        let Some(values) = is_it.then(|| message.values().ok()).flatten() else { return };
        if let [Value::U32(_), Value::Path(job), Value::Text(_), Value::Text(result)] = values.as_slice() {
            if job.len() > LONGEST || result.len() > LONGEST {
                return;
            }
            if self.removed.len() >= REMEMBERED {
                self.removed.remove(0);
            }
            self.removed.push(Removed { job: job.clone(), result: result.clone() });
        }
    }
}
