// SPDX-License-Identifier: MIT OR Apache-2.0
//! A step of a plan, and the flat form in which a plan travels: offsets, no pointers.
//!
//! ```text
//!  header   20 words of 4 bytes: magic, version, size, clone flags (2), name, offset and count of each table, where to
//!           fail on purpose (3), whether to tell how long steps take, whether to look why an exec failed
//!  text     strings that end in NUL, and bytes whose number their step tells; the tables after it begin at a multiple of 8
//!  steps    8 words each: whose, kind, six operands (numbers, or offsets of strings and bytes)
//!  programs 1 word each: offset of a path to try
//!  argv     8 bytes each: offset of a string; ends in 0. Turned into pointers in place by the launcher.
//!  envp     as argv
//! ```
//! Numbers are in the machine's own order: a plan never leaves the machine, nor the program that was built with its launcher.
//!
//! Floor: shared by both rooms; depends on `core` alone.

use core::ffi::CStr;

use crate::floors::{caps_sec, rootfs};

/// "skep" as a number.
pub const MAGIC: u32 = 0x736b_6570;
/// The version of the flat form.
pub const VERSION: u32 = 11;
/// Words of the header.
pub const HEADER_WORDS: usize = 20;
/// The file below /proc by which the clocks of the time namespace that one will be in are set.
pub const CLOCKS: &CStr = c"self/timens_offsets";
/// Words of a step.
pub const STEP_WORDS: usize = 8;

/// One thing that the child does to become what the plan describes.
///
/// What belongs to a leaf is a step of that leaf's floor, and stays one: its words, its rights and its failures are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A step of skep-rootfs: what is seen on disk.
    Disk(rootfs::Step<'a>),
    /// A step of skep-caps-sec: what may be done.
    Right(caps_sec::Step<'a>),
    /// Set the host name.
    Hostname {
        /// The name, at most 64 bytes.
        name: &'a CStr,
    },
    /// Set the NIS domain name.
    Domainname {
        /// The name, at most 64 bytes.
        name: &'a CStr,
    },
    /// Bring the loopback interface up.
    Loopback,
    /// Keep this machine's /proc at hand, wherever the root directory will be, or let go of it.
    Proc {
        /// Whether it is kept.
        held: bool,
    },
    /// Act as root of the user namespace, who else may not turn its switches; ids are changed for good later.
    Root,
    /// Set a switch of a namespace's, through the /proc that is at hand.
    Sysctl {
        /// Its path below /proc.
        path: &'a CStr,
        /// Its value.
        value: &'a CStr,
    },
    /// Make more namespaces, after everything that must be done outside of them.
    Unshare {
        /// `CLONE_NEW*`.
        flags: u64,
    },
    /// Become a user and group of the user namespace.
    Become {
        /// User, inside.
        uid: u32,
        /// Group, inside.
        gid: u32,
        /// Whether the supplementary groups are dropped, unless the user namespace denies setgroups(2).
        drop_groups: bool,
    },
    /// Be in these further groups of the user namespace, and no others.
    Groups {
        /// Their numbers, 4 bytes each.
        list: &'a [u8],
    },
    /// Die when the thread that made the container ends.
    DieWithCaller {
        /// The signal to die by.
        signal: u32,
    },
    /// Stay as init, and go on in a process of its own.
    Init {
        /// Whether the program leads a process group of its own, apart from the init's: it can be stopped then, which the
        /// caller learns by a descriptor that is handed over.
        own_group: bool,
        /// Whether the init is shown to who may look at it: by which its namespaces are found in a user namespace.
        shown: bool,
        /// The standard streams that are the session's terminal, whose foreground that group is: bit n for descriptor n.
        terminal: u32,
    },
    /// Wait for the parent between two steps.
    Wait {
        /// Whether it runs hooks meanwhile; else it looks at the namespaces that these will join.
        hooks: bool,
    },
    /// Lead a session without a terminal.
    Session,
    /// Filter the system calls, and hand over the listener of those that the filter asks about.
    Supervise {
        /// `struct sock_filter`, 8 bytes each.
        program: &'a [u8],
        /// `SECCOMP_FILTER_FLAG_*`.
        flags: u32,
    },
    /// Set the mask of permissions for new files.
    Umask {
        /// The bits to leave out.
        mask: u32,
    },
    /// Put the container's own null device in place of this machine's, for streams that are it.
    Null,
    /// Enter the working directory.
    Directory {
        /// An absolute path.
        path: &'a CStr,
    },
    /// Make a terminal of the devpts at /dev/pts the session's and the program's, and hand its other side over.
    Terminal {
        /// The standard streams that are it: bit n for descriptor n.
        streams: u32,
        /// Its size in characters; 0 by 0 leaves it unset.
        rows: u16,
        /// As `rows`.
        columns: u16,
    },
}

/// Where strings and bytes are kept while a plan is flattened: answers their offset.
pub trait Texts {
    /// Keeps `text` and answers where.
    fn keep(&mut self, text: &CStr) -> u32;

    /// Keeps `bytes`, which end where their step says, and answers where.
    fn keep_bytes(&mut self, bytes: &[u8]) -> u32;
}

/// Whose a step is: the first word of its flat form.
const DISK: u32 = 1;
const RIGHT: u32 = 2;
const OURS: u32 = 3;

impl<'a> Step<'a> {
    /// Whether the caller is handed a descriptor by it.
    #[must_use]
    pub const fn hands_over(&self) -> bool {
        matches!(self, Step::Terminal { .. } | Step::Supervise { .. } | Step::Init { own_group: true, .. })
    }

    /// The step as words.
    pub fn encode(&self, texts: &mut impl Texts) -> [u32; STEP_WORDS] {
        let mut keep = |text: &CStr| texts.keep(text);
        let (whose, [a, b, c, d, e, f, g]) = match *self {
            Step::Disk(step) => (DISK, step.encode(&mut keep)),
            Step::Right(step) => (RIGHT, step.encode(&mut |bytes: &[u8]| texts.keep_bytes(bytes))),
            Step::Hostname { name } => (OURS, [1, keep(name), 0, 0, 0, 0, 0]),
            Step::Domainname { name } => (OURS, [16, keep(name), 0, 0, 0, 0, 0]),
            Step::Loopback => (OURS, [2, 0, 0, 0, 0, 0, 0]),
            Step::Unshare { flags } => (OURS, [3, low(flags), high(flags), 0, 0, 0, 0]),
            Step::Become { uid, gid, drop_groups } => (OURS, [4, uid, gid, drop_groups as u32, 0, 0, 0]),
            Step::DieWithCaller { signal } => (OURS, [5, signal, 0, 0, 0, 0, 0]),
            Step::Init { own_group, shown, terminal } => {
                (OURS, [6, own_group as u32 | (shown as u32) << 1, terminal, 0, 0, 0, 0])
            }
            Step::Session => (OURS, [7, 0, 0, 0, 0, 0, 0]),
            Step::Wait { hooks } => (OURS, [18, hooks as u32, 0, 0, 0, 0, 0]),
            Step::Umask { mask } => (OURS, [8, mask, 0, 0, 0, 0, 0]),
            Step::Directory { path } => (OURS, [9, keep(path), 0, 0, 0, 0, 0]),
            Step::Terminal { streams, rows, columns } => (OURS, [10, streams, rows as u32, columns as u32, 0, 0, 0]),
            Step::Null => (OURS, [11, 0, 0, 0, 0, 0, 0]),
            Step::Groups { list } => {
                // What is longer than a plan can be is refused with the plan.
                let length = u32::try_from(list.len()).unwrap_or(u32::MAX);
                (OURS, [15, texts.keep_bytes(list), length, 0, 0, 0, 0])
            }
            Step::Supervise { program, flags } => {
                let length = u32::try_from(program.len()).unwrap_or(u32::MAX);
                (OURS, [17, texts.keep_bytes(program), length, flags, 0, 0, 0])
            }
            Step::Proc { held } => (OURS, [12, held as u32, 0, 0, 0, 0, 0]),
            Step::Root => (OURS, [13, 0, 0, 0, 0, 0, 0]),
            Step::Sysctl { path, value } => {
                let path = keep(path);
                (OURS, [14, path, keep(value), 0, 0, 0, 0])
            }
        };
        [whose, a, b, c, d, e, f, g]
    }

    fn decode(words: [u32; STEP_WORDS], flat: &Flat<'a>) -> Option<Self> {
        let [whose, kind, a, b, c, d, e, f] = words;
        let text = |offset: u32| flat.text(offset);
        let bytes = |offset: u32, length: u32| flat.bytes(offset, length);
        Some(match (whose, kind) {
            (DISK, _) => Step::Disk(rootfs::Step::decode([kind, a, b, c, d, e, f], &text)?),
            (RIGHT, _) => Step::Right(caps_sec::Step::decode([kind, a, b, c, d, e, f], &bytes)?),
            (OURS, 1) => Step::Hostname { name: flat.text(a)? },
            (OURS, 2) => Step::Loopback,
            (OURS, 3) => Step::Unshare { flags: join(a, b) },
            (OURS, 4) => Step::Become { uid: a, gid: b, drop_groups: c != 0 },
            (OURS, 5) => Step::DieWithCaller { signal: a },
            (OURS, 6) => Step::Init { own_group: a & 1 != 0, shown: a & 2 != 0, terminal: b },
            (OURS, 7) => Step::Session,
            (OURS, 8) => Step::Umask { mask: a },
            (OURS, 9) => Step::Directory { path: flat.text(a)? },
            (OURS, 10) => Step::Terminal { streams: a, rows: u16::try_from(b).ok()?, columns: u16::try_from(c).ok()? },
            (OURS, 11) => Step::Null,
            (OURS, 12) => Step::Proc { held: a != 0 },
            (OURS, 13) => Step::Root,
            (OURS, 15) => Step::Groups { list: flat.bytes(a, b)? },
            (OURS, 16) => Step::Domainname { name: flat.text(a)? },
            (OURS, 14) => Step::Sysctl { path: flat.text(a)?, value: flat.text(b)? },
            (OURS, 17) => Step::Supervise { program: flat.bytes(a, b)?, flags: c },
            (OURS, 18) => Step::Wait { hooks: a != 0 },
            _ => return None,
        })
    }
}

/// The low word of a number of two.
#[must_use]
pub const fn low(number: u64) -> u32 {
    (number & 0xffff_ffff) as u32
}

/// The high word of a number of two.
#[must_use]
pub const fn high(number: u64) -> u32 {
    (number >> 32) as u32
}

const fn join(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}

/// A table of the flat form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Where it begins, in bytes from the plan's beginning.
    pub offset: u32,
    /// How many entries it has.
    pub count: u32,
}

/// The header of a flat plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The size of the whole plan in bytes.
    pub size: u32,
    /// The namespaces that the child is cloned into, `CLONE_NEW*`.
    pub clone_flags: u64,
    /// Offset of the name that `ps` shows during the set-up.
    pub name: u32,
    /// What the child performs.
    pub steps: Span,
    /// Paths of the program, to be tried in order.
    pub programs: Span,
    /// The program's arguments, without the closing null.
    pub argv: Span,
    /// The program's environment, without the closing null.
    pub envp: Span,
    /// A step that fails without being tried, and the error number that it fails with: how tests see every step fail.
    pub fail: Option<(u16, u16)>,
    /// Whether the child tells how long each step has taken.
    pub profile: bool,
    /// Whether the child does nothing to find out why an exec has failed: a supervisor would be asked about it.
    pub blind: bool,
}

impl Header {
    /// The header as words.
    #[must_use]
    pub const fn encode(&self) -> [u32; HEADER_WORDS] {
        let Header { size, clone_flags, name, steps, programs, argv, envp, fail, profile, blind } = *self;
        let (fails, at, errno) = match fail {
            Some((at, errno)) => (1, at as u32, errno as u32),
            None => (0, 0, 0),
        };
        [
            MAGIC,
            VERSION,
            size,
            low(clone_flags),
            high(clone_flags),
            name,
            steps.offset,
            steps.count,
            programs.offset,
            programs.count,
            argv.offset,
            argv.count,
            envp.offset,
            envp.count,
            fails,
            at,
            errno,
            profile as u32,
            blind as u32,
            0,
        ]
    }
}

/// A flat plan as it was received. Nothing in it is believed: every offset is checked when it is followed.
#[derive(Debug, Clone, Copy)]
pub struct Flat<'a> {
    bytes: &'a [u8],
    header: Header,
}

impl<'a> Flat<'a> {
    /// Reads the header; `None` if the bytes are no plan of this version, or cut off.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let at = |index: usize| word(bytes, index.checked_mul(4)?);
        let span = |index: usize| Some(Span { offset: at(index)?, count: at(index.checked_add(1)?)? });
        if at(0)? != MAGIC || at(1)? != VERSION || at(2)? as usize != bytes.len() {
            return None;
        }
        let header = Header {
            size: at(2)?,
            clone_flags: join(at(3)?, at(4)?),
            name: at(5)?,
            steps: span(6)?,
            programs: span(8)?,
            argv: span(10)?,
            envp: span(12)?,
            fail: match (at(14)?, u16::try_from(at(15)?), u16::try_from(at(16)?)) {
                (1, Ok(step), Ok(errno)) => Some((step, errno)),
                _ => None,
            },
            profile: at(17)? != 0,
            blind: at(18)? != 0,
        };
        Some(Self { bytes, header })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> Header {
        self.header
    }

    /// Where the plan lies in memory.
    #[must_use]
    pub fn address(&self) -> usize {
        self.bytes.as_ptr().expose_provenance()
    }

    /// The string at `offset`.
    #[must_use]
    pub fn text(&self, offset: u32) -> Option<&'a CStr> {
        CStr::from_bytes_until_nul(self.bytes.get(offset as usize..)?).ok()
    }

    /// The `length` bytes at `offset`.
    #[must_use]
    pub fn bytes(&self, offset: u32, length: u32) -> Option<&'a [u8]> {
        let (start, length) = (offset as usize, length as usize);
        self.bytes.get(start..start.checked_add(length)?)
    }

    /// Step number `index`; `None` past the end and for what is no step.
    #[must_use]
    pub fn step(&self, index: u16) -> Option<Step<'a>> {
        if u32::from(index) >= self.header.steps.count {
            return None;
        }
        let start = (self.header.steps.offset as usize).checked_add(usize::from(index).checked_mul(STEP_WORDS * 4)?)?;
        let mut words = [0; STEP_WORDS];
        for (number, slot) in words.iter_mut().enumerate() {
            *slot = word(self.bytes, start.checked_add(number.checked_mul(4)?)?)?;
        }
        Step::decode(words, self)
    }

    /// Path number `index` of the program.
    #[must_use]
    pub fn program(&self, index: u32) -> Option<&'a CStr> {
        if index >= self.header.programs.count {
            return None;
        }
        let start = (self.header.programs.offset as usize).checked_add((index as usize).checked_mul(4)?)?;
        self.text(word(self.bytes, start)?)
    }
}

/// Turns a table of offsets into one of pointers for a plan that lies at address `base`: `argv` and `envp` in place.
///
/// Answers `None` for a table that is not within the plan, or does not end in 0, or points out of it.
#[must_use]
pub fn relocate(bytes: &mut [u8], table: Span, base: u64) -> Option<()> {
    let size = bytes.len() as u64;
    let mut at = table.offset as usize;
    for _ in 0..table.count {
        let slot = bytes.get_mut(at..at.checked_add(8)?)?.first_chunk_mut::<8>()?;
        let offset = u64::from_ne_bytes(*slot);
        if offset == 0 || offset >= size {
            return None;
        }
        *slot = base.checked_add(offset)?.to_ne_bytes();
        at = at.checked_add(8)?;
    }
    let end = bytes.get(at..at.checked_add(8)?)?.first_chunk::<8>()?;
    (u64::from_ne_bytes(*end) == 0).then_some(())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?.first_chunk::<4>()?;
    Some(u32::from_ne_bytes(*bytes))
}
