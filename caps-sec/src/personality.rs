// SPDX-License-Identifier: MIT OR Apache-2.0
//! Personality: what the kernel says the machine is, and how it lays out memory.
//!
//! Man: personality(2). Kernel: include/uapi/linux/personality.h.

use std::fmt;

use crate::error::{Error, ErrorKind, Object};
use crate::floor::{sys, thread};
use crate::nearest::did_you_mean;
use crate::words::flag_words;

bitflags::bitflags! {
    /// The execution domain of a thread, inherited by what it starts. Empty is Linux as it is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
    pub struct Personality: u32 {
        /// uname(2) names the 32-bit machine ("i686" on x86_64).
        #[doc(alias = "PER_LINUX32")]
        const LINUX32 = 0x8;
        /// uname(2) says Linux 2.6.
        const UNAME26 = 0x002_0000;
        /// Addresses are the same in every run.
        const ADDR_NO_RANDOMIZE = 0x004_0000;
        /// Pointers to functions are descriptors.
        const FDPIC_FUNCPTRS = 0x008_0000;
        /// Page 0 is mapped.
        const MMAP_PAGE_ZERO = 0x010_0000;
        /// The old layout of memory.
        const ADDR_COMPAT_LAYOUT = 0x020_0000;
        /// What may be read may be executed.
        const READ_IMPLIES_EXEC = 0x040_0000;
        /// Addresses have 32 bits.
        const ADDR_LIMIT_32BIT = 0x080_0000;
        /// Numbers of inodes have 16 bits.
        const SHORT_INODE = 0x100_0000;
        /// Timers have whole seconds.
        const WHOLE_SECONDS = 0x200_0000;
        /// select(2) leaves its timeout as it is.
        const STICKY_TIMEOUTS = 0x400_0000;
        /// Addresses end at 3 GiB.
        const ADDR_LIMIT_3GB = 0x800_0000;
    }
}

const THREAD: Object = Object::Named("the calling thread");
/// Names of machines with 64 bits, and of such with 32, as LXC and uname(1) write them.
const WIDE: [&str; 8] = ["x86_64", "amd64", "linux64", "aarch64", "arm64", "ppc64le", "riscv64", "s390x"];
const NARROW: [&str; 14] = [
    "i386", "i486", "i586", "i686", "x86", "linux32", "arm", "armhf", "armel", "armv7l", "armv8l", "athlon", "ppc",
    "mips",
];

impl Personality {
    /// That of a machine of this name ("i686", "x86_64", as LXC's `lxc.arch` has them): [`LINUX32`](Self::LINUX32) for one
    /// with 32 bits, else empty.
    ///
    /// # Errors
    /// `Invalid` for a name that is not known, with the nearest that are.
    pub fn of_machine(name: &str) -> Result<Self, Error> {
        let is = |known: &&str| known.eq_ignore_ascii_case(name);
        match (NARROW.iter().any(is), WIDE.iter().any(is)) {
            (true, _) => Ok(Self::LINUX32),
            (_, true) => Ok(Self::empty()),
            _ => {
                let near = did_you_mean(name, WIDE.into_iter().chain(NARROW));
                Err(Error::invalid("parse", Object::Named("machine"), vec![format!("{name:?} is no machine{near}")]))
            }
        }
    }

    /// The calling thread's.
    ///
    /// # Errors
    /// Where a filter forbids personality(2).
    pub fn current() -> Result<Self, Error> {
        let bits =
            sys::personality(u32::MAX).map_err(|errno| Error::os("read the personality of", THREAD, errno.0.into()))?;
        Ok(Self::from_bits_retain(bits))
    }

    /// That of process `pid`, from /proc.
    ///
    /// # Errors
    /// `NotFound` if there is no such process; `Denied` if it may not be traced.
    /// # Privileges
    /// Those to trace the process.
    pub fn of_process(pid: u32) -> Result<Self, Error> {
        const OP: &str = "read the personality of";
        let path = format!("/proc/{pid}/personality");
        let text = std::fs::read_to_string(&path).map_err(|error| Error::io(OP, Object::Pid(pid), &error))?;
        u32::from_str_radix(text.trim(), 16)
            .map(Self::from_bits_retain)
            .map_err(|_| Error::because(OP, Object::Pid(pid), ErrorKind::Unsupported, format!("{path} says {text:?}")))
    }

    /// Gives this, and nothing of the former, to the calling thread. Allocates nothing where it succeeds.
    ///
    /// # Errors
    /// Where a filter forbids personality(2), as Docker's does most of it.
    pub fn enter_thread(self) -> Result<(), Error> {
        thread::personality(self.bits())
            .map_err(|failure| Error::os("set the personality of", THREAD, failure.errno.0.into()))
    }
}

impl fmt::Display for Personality {
    /// "linux", or "linux32, addr_no_randomize".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        flag_words(f, *self, "linux")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_are_those_of_libc() {
        let libcs = [
            ("UNAME26", libc::UNAME26),
            ("ADDR_NO_RANDOMIZE", libc::ADDR_NO_RANDOMIZE),
            ("MMAP_PAGE_ZERO", libc::MMAP_PAGE_ZERO),
            ("ADDR_COMPAT_LAYOUT", libc::ADDR_COMPAT_LAYOUT),
            ("READ_IMPLIES_EXEC", libc::READ_IMPLIES_EXEC),
            ("ADDR_LIMIT_32BIT", libc::ADDR_LIMIT_32BIT),
            ("SHORT_INODE", libc::SHORT_INODE),
            ("WHOLE_SECONDS", libc::WHOLE_SECONDS),
            ("STICKY_TIMEOUTS", libc::STICKY_TIMEOUTS),
            ("ADDR_LIMIT_3GB", libc::ADDR_LIMIT_3GB),
        ];
        for (name, bits) in libcs {
            let ours = Personality::from_name(name).unwrap();
            assert_eq!(i64::from(ours.bits()), i64::from(bits), "{name}");
        }
    }

    #[test]
    fn machines_are_known_by_lxc_s_names_and_others_by_the_nearest() {
        assert_eq!(Personality::of_machine("i686").unwrap(), Personality::LINUX32);
        assert_eq!(Personality::of_machine("AMD64").unwrap(), Personality::empty());
        let error = Personality::of_machine("x86-64").unwrap_err();
        assert_eq!(error.problems(), ["\"x86-64\" is no machine, did you mean x86_64?"]);
        assert_eq!((Personality::LINUX32 | Personality::UNAME26).to_string(), "linux32, uname26");
    }
}
