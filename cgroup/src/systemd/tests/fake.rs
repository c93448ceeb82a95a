// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bus with a manager on it that says what a test wants it to say.

use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::systemd::Systemd;
use crate::systemd::dbus::{Kind, Message, Value};
use crate::systemd::manager::{MANAGER, PATH};

pub(super) const JOB: &str = "/org/freedesktop/systemd1/job/7";
const SYSTEMD: &str = ":1.5";

/// What the fake does when it has heard a call.
pub(super) enum Act {
    Say(Message),
    Bytes(Vec<u8>),
    /// Over and over, until nobody listens.
    Flood(Message),
    Close,
}

pub(super) struct Fake {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Message>>>,
    given: Arc<Mutex<Vec<OwnedFd>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    /// One that lets everybody in; `play` answers, or has the ordinary answer given.
    pub(super) fn new(play: impl FnMut(&Message) -> Option<Vec<Act>> + Send + 'static) -> Self {
        Self::introduced(&[&[("AUTH EXTERNAL", "DATA"), ("DATA", "OK 5cef")]], play)
    }

    /// One that answers these lines so, at each connection those of the next list.
    pub(super) fn introduced(
        introductions: &'static [&'static [(&'static str, &'static str)]],
        play: impl FnMut(&Message) -> Option<Vec<Act>> + Send + 'static,
    ) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", needs::token(), COUNT.fetch_add(1, Ordering::SeqCst));
        Self::listening(SocketAddr::from_abstract_name(name).unwrap(), introductions, play)
    }

    /// One at this path, as a manager is there.
    pub(super) fn at(
        path: std::path::PathBuf,
        play: impl FnMut(&Message) -> Option<Vec<Act>> + Send + 'static,
    ) -> Self {
        let address = SocketAddr::from_pathname(path).unwrap();
        Self::listening(address, &[&[("AUTH EXTERNAL", "DATA"), ("DATA", "OK 5cef")]], play)
    }

    fn listening(
        address: SocketAddr,
        introductions: &'static [&'static [(&'static str, &'static str)]],
        mut play: impl FnMut(&Message) -> Option<Vec<Act>> + Send + 'static,
    ) -> Self {
        let listener = UnixListener::bind_addr(&address).unwrap();
        let (heard, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let given = Arc::new(Mutex::new(Vec::new()));
        let (ears, end, hands) = (Arc::clone(&heard), Arc::clone(&over), Arc::clone(&given));
        let thread = std::thread::spawn(move || {
            for (stream, lines) in listener.incoming().zip(introductions.iter().cycle()) {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                // Whoever hangs up has heard enough.
                let _ended = serve(&stream.unwrap(), lines, &mut play, &ears, &hands);
            }
        });
        Self { address, heard, given, over, thread: Some(thread) }
    }

    pub(super) fn systemd(&self) -> Systemd {
        let name = self.address.as_abstract_name().unwrap();
        Systemd::at(&format!("unix:abstract={}", String::from_utf8_lossy(name))).unwrap()
    }

    /// The calls so far, by their names.
    pub(super) fn members(&self) -> Vec<String> {
        self.heard.lock().unwrap().iter().map(|call| call.member.clone().unwrap()).collect()
    }

    /// The descriptors that came so far.
    pub(super) fn given(&self) -> Vec<OwnedFd> {
        std::mem::take(&mut *self.given.lock().unwrap())
    }

    /// What the last call of this name had in it.
    pub(super) fn body(&self, member: &str) -> Vec<Value> {
        let heard = self.heard.lock().unwrap();
        heard.iter().rev().find(|call| call.member.as_deref() == Some(member)).unwrap().values().unwrap()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _woken = UnixStream::connect_addr(&self.address);
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

fn serve(
    mut stream: &UnixStream,
    lines: &[(&str, &str)],
    play: &mut impl FnMut(&Message) -> Option<Vec<Act>>,
    heard: &Mutex<Vec<Message>>,
    given: &Mutex<Vec<OwnedFd>>,
) -> std::io::Result<()> {
    let mut zero = [1];
    stream.read_exact(&mut zero)?;
    assert_eq!(zero, [0]);
    // All that is said before anything is answered: a message that comes together with the end of it is heard too late by
    // systemd itself.
    for (expected, _) in lines {
        let line = line(stream)?;
        assert!(line.starts_with(expected), "{line:?} is not {expected:?}");
    }
    assert_eq!(line(stream)?, "BEGIN");
    for (_, answer) in lines {
        stream.write_all(format!("{answer}\r\n").as_bytes())?;
    }
    if !lines.iter().any(|(_, answer)| answer.starts_with("OK")) {
        return Ok(());
    }
    loop {
        let mut bytes = vec![0; 16];
        take(stream, &mut bytes, given)?;
        let length = Message::length(bytes.first_chunk().unwrap()).unwrap();
        bytes.resize(length, 0);
        stream.read_exact(&mut bytes[16..])?;
        let call = Message::decode(&bytes).unwrap();
        heard.lock().unwrap().push(call.clone());
        for act in play(&call).unwrap_or_else(|| ordinary(&call)) {
            match act {
                Act::Say(message) => stream.write_all(&message.encode(99))?,
                Act::Bytes(bytes) => stream.write_all(&bytes)?,
                Act::Flood(message) => loop {
                    stream.write_all(&message.encode(99))?;
                },
                Act::Close => return Ok(()),
            }
        }
    }
}

/// Reads the beginning of a message, and takes the descriptors that come with it.
fn take(mut stream: &UnixStream, bytes: &mut [u8], given: &Mutex<Vec<OwnedFd>>) -> std::io::Result<()> {
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
    let mut with = RecvAncillaryBuffer::new(&mut room);
    let read = recvmsg(stream, &mut [IoSliceMut::new(bytes)], &mut with, RecvFlags::empty())?.bytes;
    for message in with.drain() {
        match message {
            RecvAncillaryMessage::ScmRights(descriptors) => given.lock().unwrap().extend(descriptors),
            _ => panic!("something else came with a message"),
        }
    }
    match read {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => stream.read_exact(&mut bytes[read..]),
    }
}

fn line(mut stream: &UnixStream) -> std::io::Result<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        line.extend(byte);
    }
    Ok(String::from_utf8(line).unwrap().trim_end().to_owned())
}

pub(super) fn is(call: &Message, member: &str) -> bool {
    call.member.as_deref() == Some(member)
}

pub(super) fn answer(call: &Message, body: &[Value]) -> Act {
    Act::Say(Message {
        answers: Some(call.serial),
        sender: Some(SYSTEMD.to_owned()),
        ..Message::new(Kind::Return, body)
    })
}

pub(super) fn refuse(call: &Message, error: &str, text: &str) -> Act {
    Act::Say(Message {
        answers: Some(call.serial),
        error: Some(error.to_owned()),
        ..Message::new(Kind::Error, &[Value::text(text)])
    })
}

/// The end of a job.
pub(super) fn removed(job: &str, result: &str) -> Message {
    let body = [Value::U32(7), Value::Path(job.to_owned()), Value::text("web.scope"), Value::text(result)];
    Message {
        path: Some(PATH.to_owned()),
        interface: Some(MANAGER.to_owned()),
        member: Some("JobRemoved".to_owned()),
        sender: Some(SYSTEMD.to_owned()),
        ..Message::new(Kind::Signal, &body)
    }
}

pub(super) fn job(call: &Message) -> Act {
    answer(call, &[Value::Path(JOB.to_owned())])
}

/// What systemd 252 answers where all is well.
fn ordinary(call: &Message) -> Vec<Act> {
    match call.member.as_deref().unwrap() {
        "Hello" => vec![answer(call, &[Value::text(":1.9")])],
        "Get" => vec![answer(call, &[Value::text("252.39-1~deb12u1").variant()])],
        "GetAll" => vec![answer(call, &[state("active", "running", "success")])],
        "StartTransientUnit" | "StopUnit" => vec![job(call), Act::Say(removed(JOB, "done"))],
        _ => vec![answer(call, &[])],
    }
}

/// Properties of a unit, and one that nobody here knows.
pub(super) fn state(active: &str, sub: &str, result: &str) -> Value {
    let text = |name: &str, text: &str| Value::Entry(Box::new((Value::text(name), Value::text(text).variant())));
    let odd = Value::Array("(sasbt)".to_owned(), Vec::new());
    let odd = Value::Entry(Box::new((Value::text("ExecStart"), odd.variant())));
    let entries = vec![
        text("LoadState", "loaded"),
        odd,
        text("ActiveState", active),
        text("SubState", sub),
        text("Result", result),
        text("ControlGroup", "/system.slice/web.scope"),
        Value::Entry(Box::new((Value::text("Delegate"), Value::Flag(true).variant()))),
    ];
    Value::Array("{sv}".to_owned(), entries)
}
