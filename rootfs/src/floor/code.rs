// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words in which a step travels.
//!
//! ```text
//!             0  1        2       3           4      5     6
//! ReceiveOnly 1
//! Root        2  path     attributes
//! Mount       3  kind     source  target      options attr. flags
//! Bind        4  source   target  attributes  flags  below
//! Dev         5  target   options attributes  make   bind
//! Mask        6  target
//! ReadOnly    7  target   alone
//! ReadOnlyRoot 8
//! Pivot       9
//! RootTmpfs  10  options  attributes
//! RootOverlay 11 path     lowers  where       attr.  flags options
//! Overlay    12  target   lowers  where       attr.  flags options
//! Symlink    13  to       target
//! Memory     14  options
//! LetGo      15
//! Top        16
//! Attach     17  tree     what    target      make
//! Propagate  18  target   how
//! ChrootAlone 19
//! Owner      20  uid      gid
//! Directory  21  target
//! ```
//! Texts travel as offsets. What is not named is 0, and a word that is nothing of ours is no step.

use core::ffi::CStr;

use super::attach::{New, attribute};
use super::mount::{HOW, REC};
use super::overlay::{Changes, Layers};
use super::step::{BindFlags, Step};

/// Words of a step: its kind and six operands, numbers or offsets of texts.
pub const WORDS: usize = 7;

const MAKE: u32 = 1;
const OR_BIND: u32 = 2;
const USER: u32 = 4;
const IN_MEMORY: u32 = 8;
const KEPT: u32 = 16;

/// Of a mount: it is made if it can be.
const OPTIONAL: u32 = 2;

/// What an overlay is made of, as words: the lower directories, where changes go, what else, and its options.
fn words_of(layers: Layers<'_>, keep: &mut impl FnMut(&CStr) -> u32) -> (u32, u32, u32, u32) {
    let user = if layers.user { USER } else { 0 };
    let (lowers, options) = (keep(layers.lowers), keep(layers.options));
    match layers.changes {
        Changes::None => (lowers, 0, user, options),
        Changes::InMemory => (lowers, 0, user | IN_MEMORY, options),
        Changes::Kept(path) => (lowers, keep(path), user | KEPT, options),
    }
}

/// The same backwards.
fn layers_of<'a>(words: (u32, u32, u32, u32), text: &impl Fn(u32) -> Option<&'a CStr>) -> Option<Layers<'a>> {
    let (lowers, place, flags, options) = words;
    let changes = match (flags & (IN_MEMORY | KEPT), place) {
        (0, 0) => Changes::None,
        (IN_MEMORY, 0) => Changes::InMemory,
        (KEPT, path) => Changes::Kept(text(path)?),
        _ => return None,
    };
    Some(Layers { lowers: text(lowers)?, changes, user: flags & USER != 0, options: text(options)? })
}

impl BindFlags {
    const fn word(self) -> u32 {
        let Self { recursive, inside, optional, make, instead } = self;
        recursive as u32 | (inside as u32) << 1 | (optional as u32) << 2 | (make as u32) << 3 | (instead as u32) << 4
    }

    fn of(word: u32) -> Option<Self> {
        let bit = |mask: u32| word & mask != 0;
        let flags = Self { recursive: bit(1), inside: bit(2), optional: bit(4), make: bit(8), instead: bit(16) };
        (word < 32).then_some(flags)
    }
}

fn attributes_of(word: u32) -> Option<u32> {
    (word & !attribute::ALL == 0).then_some(word)
}

/// A word of what is set and what is taken away.
fn change_of(word: u32) -> Option<u32> {
    let known = attribute::ALL | attribute::REMOVABLE << attribute::REMOVED;
    (word & !known == 0).then_some(word)
}

fn how_of(word: u32) -> Option<u32> {
    (HOW.contains(&(word & !REC))).then_some(word)
}

const fn bool_of(word: u32) -> Option<bool> {
    match word {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

impl<'a> Step<'a> {
    /// The step as words; `keep` answers where it has put a text.
    pub fn encode(&self, keep: &mut impl FnMut(&CStr) -> u32) -> [u32; WORDS] {
        match *self {
            Step::ReceiveOnly => [1, 0, 0, 0, 0, 0, 0],
            Step::Owner { uid, gid } => [20, uid, gid, 0, 0, 0, 0],
            Step::Root { path, attributes } => [2, keep(path), attributes, 0, 0, 0, 0],
            Step::Mount { new: New { kind, source, options }, target, attributes, make, optional } => {
                let flags = if make { MAKE } else { 0 } | if optional { OPTIONAL } else { 0 };
                [3, keep(kind), keep(source), keep(target), keep(options), attributes, flags]
            }
            Step::Bind { source, target, attributes, below, flags } => {
                [4, keep(source), keep(target), attributes, flags.word(), below, 0]
            }
            Step::Attach { tree, what, target, make } => {
                [17, tree.cast_unsigned(), keep(what), keep(target), make as u32, 0, 0]
            }
            Step::Propagate { target, how } => [18, keep(target), how, 0, 0, 0, 0],
            Step::Dev { target, options, attributes, make, bind } => {
                [5, keep(target), keep(options), attributes, make as u32, bind as u32, 0]
            }
            Step::Mask { target } => [6, keep(target), 0, 0, 0, 0, 0],
            Step::ReadOnly { target, alone } => [7, keep(target), alone as u32, 0, 0, 0, 0],
            Step::ReadOnlyRoot => [8, 0, 0, 0, 0, 0, 0],
            Step::Pivot => [9, 0, 0, 0, 0, 0, 0],
            Step::ChrootAlone => [19, 0, 0, 0, 0, 0, 0],
            Step::RootTmpfs { options, attributes } => [10, keep(options), attributes, 0, 0, 0, 0],
            Step::RootOverlay { path, layers, attributes } => {
                let (lowers, place, flags, options) = words_of(layers, keep);
                [11, keep(path), lowers, place, attributes, flags, options]
            }
            Step::Overlay { target, layers, attributes, make, or_bind } => {
                let (lowers, place, flags, options) = words_of(layers, keep);
                let flags = flags | if make { MAKE } else { 0 } | if or_bind { OR_BIND } else { 0 };
                [12, keep(target), lowers, place, attributes, flags, options]
            }
            Step::Symlink { to, target } => [13, keep(to), keep(target), 0, 0, 0, 0],
            Step::Directory { target } => [21, keep(target), 0, 0, 0, 0, 0],
            Step::Memory { options } => [14, keep(options), 0, 0, 0, 0, 0],
            Step::LetGo => [15, 0, 0, 0, 0, 0, 0],
            Step::Top => [16, 0, 0, 0, 0, 0, 0],
        }
    }

    /// The step that these words are; `text` answers what is kept at an offset. `None` for what is no step.
    pub fn decode(words: [u32; WORDS], text: &impl Fn(u32) -> Option<&'a CStr>) -> Option<Self> {
        Some(match words {
            [1, 0, 0, 0, 0, 0, 0] => Step::ReceiveOnly,
            [2, path, attributes, 0, 0, 0, 0] => {
                Step::Root { path: text(path)?, attributes: attributes_of(attributes)? }
            }
            [3, kind, source, target, options, attributes, flags] if flags < 4 => Step::Mount {
                new: New { kind: text(kind)?, source: text(source)?, options: text(options)? },
                target: text(target)?,
                attributes: attributes_of(attributes)?,
                make: flags & MAKE != 0,
                optional: flags & OPTIONAL != 0,
            },
            [17, tree, what, target, make, 0, 0] => Step::Attach {
                tree: tree.cast_signed(),
                what: text(what)?,
                target: text(target)?,
                make: bool_of(make)?,
            },
            [18, target, how, 0, 0, 0, 0] => Step::Propagate { target: text(target)?, how: how_of(how)? },
            [4, source, target, attributes, flags, below, 0] => Step::Bind {
                source: text(source)?,
                target: text(target)?,
                attributes: change_of(attributes)?,
                below: change_of(below)?,
                flags: BindFlags::of(flags)?,
            },
            [5, target, options, attributes, make, bind, 0] => Step::Dev {
                target: text(target)?,
                options: text(options)?,
                attributes: attributes_of(attributes)?,
                make: bool_of(make)?,
                bind: bool_of(bind)?,
            },
            [6, target, 0, 0, 0, 0, 0] => Step::Mask { target: text(target)? },
            [7, target, alone, 0, 0, 0, 0] => Step::ReadOnly { target: text(target)?, alone: bool_of(alone)? },
            [8, 0, 0, 0, 0, 0, 0] => Step::ReadOnlyRoot,
            [9, 0, 0, 0, 0, 0, 0] => Step::Pivot,
            [19, 0, 0, 0, 0, 0, 0] => Step::ChrootAlone,
            [10, options, attributes, 0, 0, 0, 0] => {
                Step::RootTmpfs { options: text(options)?, attributes: attributes_of(attributes)? }
            }
            [11, path, lowers, place, attributes, flags, options] if flags < 32 && flags & (MAKE | OR_BIND) == 0 => {
                let layers = layers_of((lowers, place, flags, options), text)?;
                Step::RootOverlay { path: text(path)?, layers, attributes: attributes_of(attributes)? }
            }
            [12, target, lowers, place, attributes, flags, options] if flags < 32 => Step::Overlay {
                target: text(target)?,
                layers: layers_of((lowers, place, flags, options), text)?,
                attributes: attributes_of(attributes)?,
                make: flags & MAKE != 0,
                or_bind: flags & OR_BIND != 0,
            },
            [13, to, target, 0, 0, 0, 0] => Step::Symlink { to: text(to)?, target: text(target)? },
            [14, options, 0, 0, 0, 0, 0] => Step::Memory { options: text(options)? },
            [15, 0, 0, 0, 0, 0, 0] => Step::LetGo,
            [16, 0, 0, 0, 0, 0, 0] => Step::Top,
            [20, uid, gid, 0, 0, 0, 0] => Step::Owner { uid, gid },
            [21, target, 0, 0, 0, 0, 0] => Step::Directory { target: text(target)? },
            _ => return None,
        })
    }
}
