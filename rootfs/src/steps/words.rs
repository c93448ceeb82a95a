// SPDX-License-Identifier: MIT OR Apache-2.0
//! A step in words, and the right that it takes.

use std::ffi::CStr;
use std::fmt;

use crate::floor::attach::attribute::REMOVED;
use crate::floor::dev::ENTRIES;
use crate::floor::{Changes, Layers, New, Part, Step};
use crate::mounts::{Attributes, Propagation};

impl Step<'_> {
    /// What is done: "mount", "bind".
    pub(crate) const fn verb(&self) -> &'static str {
        match self {
            Step::ReceiveOnly => "cut",
            Step::Top => "make",
            Step::Root { .. } | Step::RootTmpfs { .. } | Step::RootOverlay { .. } => "take",
            Step::Mount { .. } | Step::Overlay { .. } => "mount",
            Step::Bind { .. } => "bind",
            Step::Attach { .. } => "attach",
            Step::Propagate { .. } => "make",
            Step::Dev { .. } | Step::ReadOnly { .. } | Step::ReadOnlyRoot => "make",
            Step::Symlink { .. } | Step::Directory { .. } => "make",
            Step::Memory { .. } => "set",
            Step::Owner { .. } => "give",
            Step::LetGo => "let",
            Step::Mask { .. } => "mask",
            Step::Pivot => "move",
            Step::ChrootAlone => "change",
        }
    }

    /// What it is done to, behind the verb.
    pub(crate) fn object(&self) -> String {
        match *self {
            Step::ReceiveOnly => "the way of mounts to the outside".to_owned(),
            Step::Top => "sure that nothing is mounted above the root or on it".to_owned(),
            Step::Owner { uid, gid } => format!("user {uid} and group {gid} what is made"),
            Step::Root { path, attributes } => {
                format!("{} as the root{}", quoted(path), in_brackets(attributes_in_words(attributes)))
            }
            Step::RootTmpfs { options, attributes } => {
                let notes = options_in_words(options).chain(attributes_in_words(attributes));
                format!("an empty tmpfs as the root{}", in_brackets(notes))
            }
            Step::RootOverlay { path, layers, attributes } => {
                let notes = changes_in_words(layers).into_iter().chain(attributes_in_words(attributes));
                format!("an overlay over {} as the root{}", quoted(path), in_brackets(notes))
            }
            Step::Overlay { target, layers, attributes, or_bind, .. } => {
                let or_bind = or_bind.then(|| "or a read-only bind where the kernel refuses that".to_owned());
                let notes = changes_in_words(layers).into_iter().chain(attributes_in_words(attributes)).chain(or_bind);
                let lowers: Vec<String> = lowers(layers.lowers).iter().map(|lower| format!("{lower:?}")).collect();
                format!("an overlay over {} on {}{}", lowers.join(", "), quoted(target), in_brackets(notes))
            }
            Step::Symlink { to, target } => format!("the link {} to {}", quoted(target), quoted(to)),
            Step::Directory { target } => format!("the directory {} if it is absent", quoted(target)),
            Step::Memory { options } => {
                format!("memory aside for what is changed{}", in_brackets(options_in_words(options)))
            }
            Step::LetGo => "nothing but overlays see that memory".to_owned(),
            Step::Mount { new: New { kind, source, options }, target, attributes, optional, .. } => {
                let optional = optional.then(|| "if it can be made".to_owned());
                let notes =
                    optional.into_iter().chain(options_in_words(options)).chain(attributes_in_words(attributes));
                let of = match source.to_bytes() {
                    b"" | b"none" => String::new(),
                    own if own == kind.to_bytes() => String::new(),
                    _ => format!(" of {}", quoted(source)),
                };
                format!("{}{of} on {}{}", kind.to_string_lossy(), quoted(target), in_brackets(notes))
            }
            Step::Attach { what, target, .. } => format!("{} to {}", what.to_string_lossy(), quoted(target)),
            Step::Propagate { target, how } => {
                format!("what is mounted on {} {}", quoted(target), Propagation::word_of(how))
            }
            Step::Bind { source, target, attributes, below, flags } => {
                let instead = flags.instead.then_some("in place of a new one, which this user namespace may not have");
                let alone = (!flags.recursive).then_some("without what is mounted below it");
                let on_top = flags.recursive && attributes != 0;
                let on_top = on_top.then_some(match below {
                    0 => "what is mounted below it is as it was",
                    _ => "what is mounted below it only in part",
                });
                let inside = flags.inside.then_some("in the root");
                let optional = flags.optional.then_some("if it is there");
                let notes = [instead, inside, alone, optional].into_iter().flatten().map(str::to_owned);
                let (top, below) = (attributes_in_words(attributes), attributes_in_words(below));
                let notes = notes.chain(below).chain(top).chain(on_top.map(str::to_owned));
                format!("{} to {}{}", quoted(source), quoted(target), in_brackets(notes))
            }
            Step::Dev { target, options, attributes, bind, .. } => {
                let devices = if bind { "this machine's devices" } else { "devices" }.to_owned();
                let notes = options_in_words(options).chain(attributes_in_words(attributes)).chain([devices]);
                format!("a minimal {}{}", quoted(target), in_brackets(notes))
            }
            Step::Mask { target } => quoted(target),
            Step::ReadOnly { target, alone: false } => format!("{} read-only", quoted(target)),
            Step::ReadOnly { target, alone: true } => {
                format!("{} read-only, without what is mounted below it", quoted(target))
            }
            Step::ReadOnlyRoot => "the root read-only".to_owned(),
            Step::Pivot => "into the root, and leave nothing of the old one".to_owned(),
            Step::ChrootAlone => {
                "to the root by chroot(2) alone, which keeps nobody in who has CAP_SYS_CHROOT or something open outside"
                    .to_owned()
            }
        }
    }

    /// The capability that it takes, over the user namespace that owns the mount namespace.
    #[must_use]
    pub fn right(&self) -> Option<&'static str> {
        Some(match self {
            Step::Dev { bind: false, .. } => "CAP_SYS_ADMIN, CAP_MKNOD",
            Step::ChrootAlone => "CAP_SYS_CHROOT",
            Step::Directory { .. } => return None,
            Step::Owner { .. } => "CAP_SETUID, CAP_SETGID",
            _ => "CAP_SYS_ADMIN",
        })
    }

    /// Which half of the step `part` is, in words: `its source "/srv"`; `None` for the step as a whole.
    #[must_use]
    pub fn part(&self, part: u16) -> Option<String> {
        let entry = usize::from(part).checked_sub(usize::from(Part::Entry as u16));
        if let Some(name) = entry.and_then(|at| ENTRIES.get(at)) {
            return Some(format!("its entry {}", quoted(name)));
        }
        let lower = usize::from(part).checked_sub(usize::from(Part::Lower as u16));
        if let (Some(at), Step::RootOverlay { layers, .. } | Step::Overlay { layers, .. }) = (lower, self) {
            return lowers(layers.lowers).get(at).map(|lower| format!("its lower directory {lower:?}"));
        }
        Some(match part {
            number if number == Part::Source as u16 => match self {
                Step::Bind { source, .. } => format!("its source {}", quoted(source)),
                Step::Root { path, .. } | Step::RootOverlay { path, .. } => format!("the directory {}", quoted(path)),
                _ => "this machine's \"/dev/null\"".to_owned(),
            },
            number if number == Part::Target as u16 => match self.target() {
                Some(target) => format!("its target {}", quoted(target)),
                None => "the root".to_owned(),
            },
            number if number == Part::Create as u16 => match self.target() {
                // It is the whole of it.
                Some(_) if matches!(self, Step::Directory { .. }) => return None,
                Some(target) => format!("making its target {}", quoted(target)),
                None => "making its target".to_owned(),
            },
            number if number == Part::Make as u16 => match self {
                Step::Root { .. } | Step::Bind { .. } | Step::ReadOnly { .. } => "copying the mount".to_owned(),
                _ => "making the file system".to_owned(),
            },
            number if number == Part::Reveal as u16 => "a new view of the machine".to_owned(),
            number if number == Part::Attach as u16 => match self {
                Step::Pivot => "changing places with the old root".to_owned(),
                _ => "attaching it".to_owned(),
            },
            number if number == Part::Attributes as u16 => "its attributes".to_owned(),
            number if number == Part::Links as u16 => {
                "\"/proc/thread-self/fd\", which older mount calls need".to_owned()
            }
            number if number == Part::Changes as u16 => match self {
                Step::RootOverlay { layers: Layers { changes: Changes::Kept(path), .. }, .. }
                | Step::Overlay { layers: Layers { changes: Changes::Kept(path), .. }, .. } => {
                    format!("{}, where changes are kept", quoted(path))
                }
                _ => "the memory that changes are kept in".to_owned(),
            },
            number if number == Part::Leave as u16 => "leaving the old root".to_owned(),
            number if number == Part::Top as u16 => "the top of the mount namespace".to_owned(),
            _ => return None,
        })
    }

    /// Where in the root.
    pub(super) const fn target(&self) -> Option<&CStr> {
        match self {
            Step::Mount { target, .. }
            | Step::Bind { target, .. }
            | Step::Attach { target, .. }
            | Step::Propagate { target, .. }
            | Step::Dev { target, .. }
            | Step::Overlay { target, .. }
            | Step::Symlink { target, .. }
            | Step::Directory { target }
            | Step::Mask { target }
            | Step::ReadOnly { target, .. } => Some(target),
            Step::ReceiveOnly | Step::Top | Step::Root { .. } | Step::RootTmpfs { .. } | Step::RootOverlay { .. } => {
                None
            }
            Step::ReadOnlyRoot | Step::Pivot | Step::ChrootAlone | Step::Memory { .. } | Step::LetGo => None,
            Step::Owner { .. } => None,
        }
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb(), self.object())
    }
}

pub(super) fn quoted(text: &CStr) -> String {
    format!("{:?}", text.to_string_lossy())
}

/// The paths of an overlay's lower directories.
fn lowers(joined: &CStr) -> Vec<String> {
    let mut paths = vec![Vec::new()];
    let mut bytes = joined.to_bytes().iter();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b':' => {
                paths.push(Vec::new());
                continue;
            }
            b'\\' => bytes.next(),
            byte => Some(byte),
        };
        if let Some(path) = paths.last_mut() {
            path.extend(byte);
        }
    }
    paths.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect()
}

/// Where what is changed goes.
fn changes_in_words(layers: Layers<'_>) -> Option<String> {
    Some(match layers.changes {
        Changes::None => "nothing can be changed".to_owned(),
        Changes::InMemory => "changes in memory".to_owned(),
        Changes::Kept(path) => format!("changes in {}", quoted(path)),
    })
}

fn in_brackets(notes: impl Iterator<Item = String>) -> String {
    let notes = notes.collect::<Vec<_>>().join(", ");
    if notes.is_empty() { notes } else { format!(" ({notes})") }
}

fn attributes_in_words(attributes: u32) -> impl Iterator<Item = String> {
    let set = Attributes::from_bits_truncate(attributes).words().map(|word| match word {
        "ro" => "read-only".to_owned(),
        word => word.to_owned(),
    });
    let cleared = Attributes::from_bits_truncate(attributes >> REMOVED).words().map(|word| match word {
        "ro" => "writable".to_owned(),
        word => format!("not {word}"),
    });
    set.chain(cleared)
}

/// The kernel's options as a person would say them.
fn options_in_words(options: &CStr) -> impl Iterator<Item = String> {
    let options = options.to_string_lossy().into_owned();
    let words: Vec<String> = options.split(',').filter_map(option_in_words).collect();
    words.into_iter()
}

fn option_in_words(option: &str) -> Option<String> {
    let (key, value) = option.split_once('=').unwrap_or((option, ""));
    Some(match (key, value) {
        ("", _) => return None,
        // Always so since Linux 4.7.
        ("newinstance", _) => return None,
        ("size", bytes) => format!("size {}", bytes.parse().map_or_else(|_| bytes.to_owned(), bytes_in_words)),
        ("nr_inodes", count) => format!("{count} inodes"),
        ("mode", mode) => format!("mode {mode}"),
        ("ptmxmode", mode) => format!("ptmx {mode}"),
        ("gid", gid) => format!("group {gid}"),
        ("max", count) => format!("at most {count}"),
        ("hidepid", "1") => "others' processes without details".to_owned(),
        ("hidepid", "2") => "others' processes hidden".to_owned(),
        ("hidepid", "4") => "processes that may not be traced hidden".to_owned(),
        ("subset", "pid") => "processes alone".to_owned(),
        _ => option.to_owned(),
    })
}

/// Bytes in the largest unit that leaves no rest.
fn bytes_in_words(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.into_iter().find(|(shift, _)| bytes != 0 && bytes.trailing_zeros() >= *shift);
    unit.map_or_else(|| format!("{bytes} bytes"), |(shift, name)| format!("{} {name}", bytes >> shift))
}
