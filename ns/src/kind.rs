// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kinds: the eight sorts of namespace, and sets of them as the kernel's flag bits.
//!
//! A [`NamespaceKind`] is one of them, with its names and numbers; [`NamespaceFlags`] is a set, in the bits that clone3,
//! unshare and setns take. Neither knows what this machine allows.
//!
//! Man: namespaces(7). Kernel: include/uapi/linux/sched.h.

use std::ffi::CStr;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Object};
use crate::words::{shown, words};

/// A sort of namespace: one aspect of the machine of which a process can have its own view.
///
/// Displays as one word ("mount"), and parses from three spellings: that word, the name in `/proc/PID/ns` ("mnt") and the
/// kernel's flag ("CLONE_NEWNS"); "network" is understood too. With the feature `serde` it is that one word, and every
/// spelling is read.
///
/// See namespaces(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum NamespaceKind {
    /// Mount points: what is in the file system. See mount_namespaces(7).
    #[doc(alias = "CLONE_NEWNS")]
    #[cfg_attr(feature = "serde", serde(alias = "mnt", alias = "CLONE_NEWNS"))]
    Mount,
    /// Host name and NIS domain name. See uts_namespaces(7).
    #[doc(alias = "CLONE_NEWUTS")]
    #[cfg_attr(feature = "serde", serde(alias = "CLONE_NEWUTS"))]
    Uts,
    /// System V IPC objects and POSIX message queues. See ipc_namespaces(7).
    #[doc(alias = "CLONE_NEWIPC")]
    #[cfg_attr(feature = "serde", serde(alias = "CLONE_NEWIPC"))]
    Ipc,
    /// Process numbers. See pid_namespaces(7).
    #[doc(alias = "CLONE_NEWPID")]
    #[cfg_attr(feature = "serde", serde(alias = "CLONE_NEWPID"))]
    Pid,
    /// Network devices, addresses, routes, ports. See network_namespaces(7).
    #[doc(alias = "CLONE_NEWNET")]
    #[cfg_attr(feature = "serde", serde(alias = "network", alias = "CLONE_NEWNET"))]
    Net,
    /// User and group ids, and capabilities. See user_namespaces(7).
    #[doc(alias = "CLONE_NEWUSER")]
    #[cfg_attr(feature = "serde", serde(alias = "CLONE_NEWUSER"))]
    User,
    /// The root of the cgroup hierarchies as seen from inside. See cgroup_namespaces(7).
    #[doc(alias = "CLONE_NEWCGROUP")]
    #[cfg_attr(feature = "serde", serde(alias = "CLONE_NEWCGROUP"))]
    Cgroup,
    /// Offsets of the boot-time and monotonic clocks. See time_namespaces(7).
    #[doc(alias = "CLONE_NEWTIME")]
    #[cfg_attr(feature = "serde", serde(alias = "CLONE_NEWTIME"))]
    Time,
}

/// All there is to know about a kind without asking the kernel.
struct Facts {
    word: &'static str,
    proc_name: &'static str,
    flag_name: &'static str,
    flag: NamespaceFlags,
    first_kernel: (u16, u16),
}

impl NamespaceKind {
    /// Every kind.
    pub const ALL: [Self; 8] =
        [Self::Mount, Self::Uts, Self::Ipc, Self::Pid, Self::Net, Self::User, Self::Cgroup, Self::Time];

    /// The bit that clone3(2), unshare(2) and setns(2) know the kind by.
    ///
    /// Clone(2), the older call, cannot express that of [`Time`](Self::Time).
    #[must_use]
    pub const fn clone_flag(self) -> u64 {
        self.facts().flag.bits()
    }

    /// The name of its link in `/proc/PID/ns`, such as "mnt".
    #[must_use]
    pub const fn proc_name(self) -> &'static str {
        self.facts().proc_name
    }

    /// The same, for the kernel.
    pub(crate) const fn proc_c_name(self) -> &'static CStr {
        match self {
            Self::Mount => c"mnt",
            Self::Uts => c"uts",
            Self::Ipc => c"ipc",
            Self::Pid => c"pid",
            Self::Net => c"net",
            Self::User => c"user",
            Self::Cgroup => c"cgroup",
            Self::Time => c"time",
        }
    }

    /// The first kernel that has the kind, as major and minor number; it may still be configured out.
    ///
    /// For the kinds of the 2.6 series the minor number is 6, whichever of its releases it was.
    #[must_use]
    pub const fn first_kernel(self) -> (u16, u16) {
        self.facts().first_kernel
    }

    /// Whether one of them is always inside of another: pid and user namespaces are.
    #[must_use]
    pub const fn nests(self) -> bool {
        matches!(self, Self::Pid | Self::User)
    }

    #[rustfmt::skip] // A table.
    const fn facts(self) -> Facts {
        const fn row(word: &'static str, proc_name: &'static str, flag_name: &'static str, flag: NamespaceFlags, first_kernel: (u16, u16)) -> Facts {
            Facts { word, proc_name, flag_name, flag, first_kernel }
        }
        match self {
            Self::Mount => row("mount", "mnt", "CLONE_NEWNS", NamespaceFlags::MOUNT, (2, 4)),
            Self::Uts => row("uts", "uts", "CLONE_NEWUTS", NamespaceFlags::UTS, (2, 6)),
            Self::Ipc => row("ipc", "ipc", "CLONE_NEWIPC", NamespaceFlags::IPC, (2, 6)),
            Self::Pid => row("pid", "pid", "CLONE_NEWPID", NamespaceFlags::PID, (2, 6)),
            Self::Net => row("net", "net", "CLONE_NEWNET", NamespaceFlags::NET, (2, 6)),
            Self::User => row("user", "user", "CLONE_NEWUSER", NamespaceFlags::USER, (3, 8)),
            Self::Cgroup => row("cgroup", "cgroup", "CLONE_NEWCGROUP", NamespaceFlags::CGROUP, (4, 6)),
            Self::Time => row("time", "time", "CLONE_NEWTIME", NamespaceFlags::TIME, (5, 6)),
        }
    }
}

impl fmt::Display for NamespaceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.facts().word)
    }
}

impl FromStr for NamespaceKind {
    type Err = Error;

    /// Reads "mount", "mnt" or "CLONE_NEWNS", in exactly that case.
    ///
    /// # Errors
    /// `Invalid` for anything else; the cause lists what is known, and is always of line 1, column 1.
    fn from_str(text: &str) -> Result<Self, Error> {
        let named = |kind: &Self| {
            let Facts { word, proc_name, flag_name, .. } = kind.facts();
            text == word || text == proc_name || text == flag_name || (text == "network" && *kind == Self::Net)
        };
        Self::ALL.into_iter().find(named).ok_or_else(|| {
            let problem = format!("line 1, column 1: {}", unknown(text));
            Error::invalid("parse", Object::Named("namespace kind"), vec![problem])
        })
    }
}

fn unknown(word: &str) -> String {
    let known: Vec<_> = NamespaceKind::ALL.iter().map(|kind| kind.to_string()).collect();
    format!("{} is none of {}", shown(word), known.join(", "))
}

bitflags::bitflags! {
    /// A set of namespace kinds, in the bits of clone3(2).
    ///
    /// Bits of clone3 that are not a namespace are not part of it. Displays as "mount,pid", and parses from that and from
    /// "CLONE_NEWNS|CLONE_NEWPID". With the feature `serde` it is "MOUNT | PID". See clone(2), namespaces(7).
    ///
    /// ```
    /// use skep_ns::NamespaceFlags;
    ///
    /// let flags: NamespaceFlags = "CLONE_NEWNS|CLONE_NEWPID".parse()?;
    /// assert_eq!(flags, "mnt,pid".parse()?);
    /// assert_eq!(flags.to_string(), "mount,pid");
    /// # Ok::<(), skep_ns::Error>(())
    /// ```
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
    pub struct NamespaceFlags: u64 {
        /// [`NamespaceKind::Mount`].
        #[doc(alias = "CLONE_NEWNS")]
        const MOUNT = 0x0002_0000;
        /// [`NamespaceKind::Uts`].
        #[doc(alias = "CLONE_NEWUTS")]
        const UTS = 0x0400_0000;
        /// [`NamespaceKind::Ipc`].
        #[doc(alias = "CLONE_NEWIPC")]
        const IPC = 0x0800_0000;
        /// [`NamespaceKind::Pid`].
        #[doc(alias = "CLONE_NEWPID")]
        const PID = 0x2000_0000;
        /// [`NamespaceKind::Net`].
        #[doc(alias = "CLONE_NEWNET")]
        const NET = 0x4000_0000;
        /// [`NamespaceKind::User`].
        #[doc(alias = "CLONE_NEWUSER")]
        const USER = 0x1000_0000;
        /// [`NamespaceKind::Cgroup`].
        #[doc(alias = "CLONE_NEWCGROUP")]
        const CGROUP = 0x0200_0000;
        /// [`NamespaceKind::Time`].
        #[doc(alias = "CLONE_NEWTIME")]
        const TIME = 0x0000_0080;
        // No `const _ = !0`: all() has to be every namespace, not every bit.
    }
}

impl NamespaceFlags {
    /// The kinds in the set, in the order of [`NamespaceKind::ALL`].
    pub fn kinds(self) -> impl Iterator<Item = NamespaceKind> {
        NamespaceKind::ALL.into_iter().filter(move |kind| self.contains(Self::from(*kind)))
    }
}

impl fmt::Display for NamespaceFlags {
    /// The kinds, separated by commas: "mount,pid". Nothing for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = self.kinds().map(|kind| kind.facts().word).collect();
        f.pad(&kinds.join(","))
    }
}

impl FromStr for NamespaceFlags {
    type Err = Error;

    /// Reads kinds in any spelling of [`NamespaceKind`], separated by commas, bars or blanks: "mnt,pid",
    /// "CLONE_NEWNS|CLONE_NEWPID". Blanks alone are no kinds; a kind may be there twice.
    ///
    /// # Errors
    /// `Invalid`, with a problem for each word that is none, naming line and column.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut flags = Self::empty();
        let mut problems = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let mut column = 1;
            // Between two commas has to be something; blanks are not looked at so closely.
            let is_list = line.contains([',', '|']);
            for part in line.split([',', '|']) {
                let mut empty = is_list;
                for (at, word) in words(part, column) {
                    empty = false;
                    match word.parse::<NamespaceKind>() {
                        Ok(kind) => flags |= kind.into(),
                        Err(_) => problems.push(format!("line {number}, column {at}: {}", unknown(word))),
                    }
                }
                if empty {
                    problems.push(format!("line {number}, column {column}: a kind is missing"));
                }
                column += part.chars().count() + 1;
            }
        }
        if problems.is_empty() {
            Ok(flags)
        } else {
            Err(Error::invalid("parse", Object::Named("namespace kinds"), problems))
        }
    }
}

impl From<NamespaceKind> for NamespaceFlags {
    fn from(kind: NamespaceKind) -> Self {
        kind.facts().flag
    }
}

impl FromIterator<NamespaceKind> for NamespaceFlags {
    fn from_iter<I: IntoIterator<Item = NamespaceKind>>(kinds: I) -> Self {
        kinds.into_iter().map(Self::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn the_bits_are_those_of_libc() {
        use NamespaceKind::{Cgroup, Ipc, Mount, Net, Pid, Time, User, Uts};
        let libc_says = [
            (Mount, libc::CLONE_NEWNS),
            (Uts, libc::CLONE_NEWUTS),
            (Ipc, libc::CLONE_NEWIPC),
            (Pid, libc::CLONE_NEWPID),
            (Net, libc::CLONE_NEWNET),
            (User, libc::CLONE_NEWUSER),
            (Cgroup, libc::CLONE_NEWCGROUP),
            (Time, libc::CLONE_NEWTIME),
        ];
        assert_eq!(libc_says.map(|(kind, _)| kind), NamespaceKind::ALL);
        for (kind, flag) in libc_says {
            assert_eq!(kind.clone_flag(), u64::try_from(flag).unwrap(), "{kind}");
        }
        let every = libc_says.iter().fold(0, |all, (_, flag)| all | flag);
        assert_eq!(NamespaceFlags::all().bits(), u64::try_from(every).unwrap());
    }

    #[test]
    fn every_spelling_of_every_kind_is_understood() {
        for kind in NamespaceKind::ALL {
            for spelling in [kind.facts().word, kind.proc_name(), kind.facts().flag_name] {
                assert_eq!(spelling.parse::<NamespaceKind>().unwrap(), kind, "{spelling}");
            }
            assert_eq!(kind.to_string().parse::<NamespaceKind>().unwrap(), kind);
        }
        assert_eq!("CLONE_NEWNS".parse::<NamespaceKind>().unwrap(), NamespaceKind::Mount);
        assert_eq!("mnt".parse::<NamespaceKind>().unwrap(), NamespaceKind::Mount);
        assert_eq!("network".parse::<NamespaceKind>().unwrap(), NamespaceKind::Net);
    }

    #[test]
    fn the_kernel_is_told_the_name_that_people_are() {
        for kind in NamespaceKind::ALL {
            assert_eq!(kind.proc_c_name().to_str(), Ok(kind.proc_name()));
        }
    }

    #[test]
    fn an_unknown_word_is_answered_with_the_known_ones() {
        for text in ["", "Mount", "mounts", "mnt ", "pid_for_children", "CLONE_NEWCHAOS"] {
            let error = text.parse::<NamespaceKind>().unwrap_err();
            assert_eq!(error.to_string(), "cannot parse namespace kind");
            let cause = error.source().unwrap().to_string();
            assert_eq!(
                cause,
                format!("line 1, column 1: {text:?} is none of mount, uts, ipc, pid, net, user, cgroup, time")
            );
        }
    }

    #[test]
    fn proc_names_are_those_of_this_kernel() {
        for kind in NamespaceKind::ALL {
            // Every supported kernel has all eight (the last, time, came with 5.6).
            let target = std::fs::read_link(format!("/proc/self/ns/{}", kind.proc_name())).unwrap();
            assert!(target.to_string_lossy().starts_with(&format!("{}:[", kind.proc_name())), "{target:?}");
        }
    }

    #[test]
    fn kinds_and_flags_are_two_forms_of_one_set() {
        let some = [NamespaceKind::Net, NamespaceKind::Mount];
        let flags: NamespaceFlags = some.into_iter().collect();
        assert_eq!(flags, NamespaceFlags::MOUNT | NamespaceFlags::NET);
        assert_eq!(flags.kinds().collect::<Vec<_>>(), [NamespaceKind::Mount, NamespaceKind::Net]);
        assert_eq!(NamespaceFlags::all().kinds().collect::<Vec<_>>(), NamespaceKind::ALL);
    }

    #[test]
    fn every_set_of_flags_survives_its_text_in_either_spelling() {
        for bits in 0..256_u32 {
            let kinds = (0..).zip(NamespaceKind::ALL).filter(|(at, _)| bits & (1 << at) != 0).map(|(_, kind)| kind);
            let flags: NamespaceFlags = kinds.clone().collect();
            assert_eq!(flags.to_string().parse::<NamespaceFlags>().unwrap(), flags);
            let kernel: Vec<_> = kinds.map(|kind| kind.facts().flag_name).collect();
            for between in ["|", " | ", ",", "\n"] {
                assert_eq!(kernel.join(between).parse::<NamespaceFlags>().unwrap(), flags);
            }
        }
    }

    #[test]
    fn every_bad_word_of_a_set_is_named_with_its_place() {
        let error = "mnt, pod\n net | |x".parse::<NamespaceFlags>().unwrap_err();
        let known = "is none of mount, uts, ipc, pid, net, user, cgroup, time";
        let said = [
            format!("line 1, column 6: \"pod\" {known}"),
            "line 2, column 7: a kind is missing".to_owned(),
            format!("line 2, column 9: \"x\" {known}"),
        ];
        assert_eq!(error.problems(), said);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_reads_what_from_str_reads_and_writes_the_word() {
        for kind in NamespaceKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.facts().word);
            for spelling in [kind.facts().word, kind.proc_name(), kind.facts().flag_name] {
                assert_eq!(serde_json::from_value::<NamespaceKind>(spelling.into()).unwrap(), kind);
            }
        }
        assert_eq!(serde_json::from_value::<NamespaceKind>("network".into()).unwrap(), NamespaceKind::Net);
        let flags = NamespaceFlags::PID | NamespaceFlags::MOUNT;
        assert_eq!(serde_json::to_value(flags).unwrap(), "MOUNT | PID");
        assert_eq!(serde_json::from_value::<NamespaceFlags>("MOUNT | PID".into()).unwrap(), flags);
    }
}
