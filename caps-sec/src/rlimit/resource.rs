// SPDX-License-Identifier: MIT OR Apache-2.0
//! Resources: the sixteen things that a process can be limited in.
//!
//! Man: getrlimit(2). Kernel: include/uapi/asm-generic/resource.h.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Object};

/// What a resource limit limits; each says its unit.
///
/// Displays as the kernel's name in small letters without its beginning ("nofile"), and parses from that and from
/// "RLIMIT_NOFILE", in any case. With the feature `serde` it is that one word, and both spellings are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// Processor time, in seconds: SIGXCPU at the soft limit and each second after it, SIGKILL at the hard one.
    #[doc(alias = "RLIMIT_CPU")]
    Cpu,
    /// The size of a file that is written, in bytes: SIGXFSZ, or EFBIG.
    #[doc(alias = "RLIMIT_FSIZE")]
    Fsize,
    /// Data: initialised, uninitialised, heap and private writable mappings, in bytes.
    #[doc(alias = "RLIMIT_DATA")]
    Data,
    /// The main thread's stack with arguments and environment, in bytes.
    #[doc(alias = "RLIMIT_STACK")]
    Stack,
    /// The size of a core dump, in bytes; 0 is none. A pipe in `core_pattern` is run all the same, unless it is 1.
    #[doc(alias = "RLIMIT_CORE")]
    Core,
    /// Resident memory, in bytes. Linux does not hold anybody to it.
    #[doc(alias = "RLIMIT_RSS")]
    Rss,
    /// Threads of the process's real user, all over the user namespace; root and some others are exempt.
    #[doc(alias = "RLIMIT_NPROC")]
    Nproc,
    /// One more than the largest descriptor. The sysctl `fs.nr_open` is the most.
    #[doc(alias = "RLIMIT_NOFILE")]
    Nofile,
    /// Locked memory, in bytes.
    #[doc(alias = "RLIMIT_MEMLOCK")]
    Memlock,
    /// Address space, in bytes.
    #[doc(alias = "RLIMIT_AS")]
    As,
    /// Locks and leases of files. Linux does not hold anybody to it.
    #[doc(alias = "RLIMIT_LOCKS")]
    Locks,
    /// Signals that are waiting, of the process's real user.
    #[doc(alias = "RLIMIT_SIGPENDING")]
    Sigpending,
    /// POSIX message queues of the process's real user, in bytes.
    #[doc(alias = "RLIMIT_MSGQUEUE")]
    Msgqueue,
    /// How far the nice value may be lowered: 20 minus it, so 1 to 40.
    #[doc(alias = "RLIMIT_NICE")]
    Nice,
    /// The highest real-time priority.
    #[doc(alias = "RLIMIT_RTPRIO")]
    Rtprio,
    /// Processor time without a blocking call under a real-time scheduler, in microseconds.
    #[doc(alias = "RLIMIT_RTTIME")]
    Rttime,
}

/// Names in the order of the kernel's numbers.
#[rustfmt::skip] // A table.
const NAMES: [(&str, &str); 16] = [
    ("cpu", "RLIMIT_CPU"),
    ("fsize", "RLIMIT_FSIZE"),
    ("data", "RLIMIT_DATA"),
    ("stack", "RLIMIT_STACK"),
    ("core", "RLIMIT_CORE"),
    ("rss", "RLIMIT_RSS"),
    ("nproc", "RLIMIT_NPROC"),
    ("nofile", "RLIMIT_NOFILE"),
    ("memlock", "RLIMIT_MEMLOCK"),
    ("as", "RLIMIT_AS"),
    ("locks", "RLIMIT_LOCKS"),
    ("sigpending", "RLIMIT_SIGPENDING"),
    ("msgqueue", "RLIMIT_MSGQUEUE"),
    ("nice", "RLIMIT_NICE"),
    ("rtprio", "RLIMIT_RTPRIO"),
    ("rttime", "RLIMIT_RTTIME"),
];

impl Resource {
    /// Every resource, in the order of the kernel's numbers.
    pub const ALL: [Self; 16] = [
        Self::Cpu,
        Self::Fsize,
        Self::Data,
        Self::Stack,
        Self::Core,
        Self::Rss,
        Self::Nproc,
        Self::Nofile,
        Self::Memlock,
        Self::As,
        Self::Locks,
        Self::Sigpending,
        Self::Msgqueue,
        Self::Nice,
        Self::Rtprio,
        Self::Rttime,
    ];

    /// The kernel's number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The resource of this number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| resource.number() == number)
    }

    /// Its name in small letters ("nofile"), which LXC and Docker use.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// Its name in the kernel ("RLIMIT_NOFILE"), which OCI uses.
    #[must_use]
    pub fn kernel_name(self) -> &'static str {
        self.names().1
    }

    fn names(self) -> (&'static str, &'static str) {
        NAMES.into_iter().nth(self as usize).unwrap_or_default()
    }

    fn parse(text: &str) -> Option<Self> {
        let same = |resource: &Self| {
            text.eq_ignore_ascii_case(resource.name()) || text.eq_ignore_ascii_case(resource.kernel_name())
        };
        Self::ALL.into_iter().find(same)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Resource {
    type Err = Error;

    /// Reads "nofile" or "RLIMIT_NOFILE", in any case.
    ///
    /// # Errors
    /// `Invalid` for anything else; the cause lists what is known.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Error::invalid("parse", Object::Named("resource"), vec![format!("{text:?} is none of {known}")])
        })
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Resource {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Resource {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format_args!("{text:?} is no resource")))
    }
}
