// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names: one capability, by number and by name.
//!
//! A [`Cap`] is a number below 64, which is what the kernel's sets have room for. Those of today have names; what a newer
//! kernel adds can be held, kept and dropped by its number.
//!
//! Man: capabilities(7). Kernel: include/uapi/linux/capability.h.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Object};
use crate::nearest::did_you_mean;

/// A capability: one right out of those that root has.
///
/// Displays as the kernel's name in small letters without its beginning ("net_admin"), and parses from that, from
/// "CAP_NET_ADMIN", in any case, and from its number. One that has no name yet is its number. With the feature `serde` it
/// is that text.
///
/// ```
/// use skep_caps_sec::Cap;
///
/// for text in ["net_admin", "NET_ADMIN", "CAP_NET_ADMIN", "12"] {
///     assert_eq!(text.parse::<Cap>()?, Cap::NET_ADMIN);
/// }
/// assert_eq!(Cap::NET_ADMIN.to_string(), "net_admin");
/// # Ok::<(), skep_caps_sec::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cap(u8);

/// Constants, and the table of names in the order of their numbers.
macro_rules! capabilities {
    ($($name:ident $number:literal $word:literal $kernel:literal $about:literal)+) => {
        impl Cap {
            $(
                #[doc = $about]
                #[doc(alias = $kernel)]
                pub const $name: Self = Self($number);
            )+

            /// Every capability that has a name here, in the order of their numbers.
            pub const NAMED: [Self; 41] = [$(Self::$name),+];
        }

        const NAMES: [(&str, &str); 41] = [$(($word, $kernel)),+];
    };
}

#[rustfmt::skip] // A table.
capabilities! {
    CHOWN 0 "chown" "CAP_CHOWN" "Give files to other users and groups."
    DAC_OVERRIDE 1 "dac_override" "CAP_DAC_OVERRIDE" "Read, write and execute files whatever their permissions say."
    DAC_READ_SEARCH 2 "dac_read_search" "CAP_DAC_READ_SEARCH" "Read files and directories whatever their permissions say, and open files by handle: a way out of a root directory."
    FOWNER 3 "fowner" "CAP_FOWNER" "Do what only a file's owner may: its mode, times, attributes."
    FSETID 4 "fsetid" "CAP_FSETID" "Keep the set-user-ID and set-group-ID bits of a file that is changed."
    KILL 5 "kill" "CAP_KILL" "Signal processes of other users."
    SETGID 6 "setgid" "CAP_SETGID" "Take on any group, and write group maps."
    SETUID 7 "setuid" "CAP_SETUID" "Take on any user, and write user maps."
    SETPCAP 8 "setpcap" "CAP_SETPCAP" "Drop capabilities from the bounding set, add inheritable ones, change the securebits."
    LINUX_IMMUTABLE 9 "linux_immutable" "CAP_LINUX_IMMUTABLE" "Make files immutable and append-only, and undo it."
    NET_BIND_SERVICE 10 "net_bind_service" "CAP_NET_BIND_SERVICE" "Listen on ports below 1024."
    NET_BROADCAST 11 "net_broadcast" "CAP_NET_BROADCAST" "Broadcast, and listen to multicasts (the kernel does not use it)."
    NET_ADMIN 12 "net_admin" "CAP_NET_ADMIN" "Configure the network: links, addresses, routes, firewalls."
    NET_RAW 13 "net_raw" "CAP_NET_RAW" "Send and receive raw packets, and take on any address by transparent proxying."
    IPC_LOCK 14 "ipc_lock" "CAP_IPC_LOCK" "Lock memory without limit."
    IPC_OWNER 15 "ipc_owner" "CAP_IPC_OWNER" "Use System V IPC objects whatever their permissions say."
    SYS_MODULE 16 "sys_module" "CAP_SYS_MODULE" "Load and unload kernel modules: everything."
    SYS_RAWIO 17 "sys_rawio" "CAP_SYS_RAWIO" "Reach hardware: ports, /dev/mem, raw disk commands."
    SYS_CHROOT 18 "sys_chroot" "CAP_SYS_CHROOT" "Change the root directory; join mount namespaces together with SYS_ADMIN."
    SYS_PTRACE 19 "sys_ptrace" "CAP_SYS_PTRACE" "Trace any process, and read and write its memory."
    SYS_PACCT 20 "sys_pacct" "CAP_SYS_PACCT" "Switch process accounting on and off."
    SYS_ADMIN 21 "sys_admin" "CAP_SYS_ADMIN" "Mount, make namespaces, and a hundred things more: close to everything."
    SYS_BOOT 22 "sys_boot" "CAP_SYS_BOOT" "Reboot, and load another kernel."
    SYS_NICE 23 "sys_nice" "CAP_SYS_NICE" "Raise priorities, and set schedulers and processors of any process."
    SYS_RESOURCE 24 "sys_resource" "CAP_SYS_RESOURCE" "Pass resource limits, quotas and reserves, and raise hard limits."
    SYS_TIME 25 "sys_time" "CAP_SYS_TIME" "Set the clocks."
    SYS_TTY_CONFIG 26 "sys_tty_config" "CAP_SYS_TTY_CONFIG" "Hang up terminals, and configure virtual ones."
    MKNOD 27 "mknod" "CAP_MKNOD" "Make device files."
    LEASE 28 "lease" "CAP_LEASE" "Take leases on any file."
    AUDIT_WRITE 29 "audit_write" "CAP_AUDIT_WRITE" "Write to the kernel's audit log."
    AUDIT_CONTROL 30 "audit_control" "CAP_AUDIT_CONTROL" "Configure auditing."
    SETFCAP 31 "setfcap" "CAP_SETFCAP" "Give capabilities to files; map user 0 of the parent namespace."
    MAC_OVERRIDE 32 "mac_override" "CAP_MAC_OVERRIDE" "Pass mandatory access control (Smack)."
    MAC_ADMIN 33 "mac_admin" "CAP_MAC_ADMIN" "Configure mandatory access control (Smack, AppArmor)."
    SYSLOG 34 "syslog" "CAP_SYSLOG" "Read and clear the kernel's log, and see kernel addresses."
    WAKE_ALARM 35 "wake_alarm" "CAP_WAKE_ALARM" "Wake the machine by a timer."
    BLOCK_SUSPEND 36 "block_suspend" "CAP_BLOCK_SUSPEND" "Keep the machine from suspending."
    AUDIT_READ 37 "audit_read" "CAP_AUDIT_READ" "Listen to the audit log. Linux 3.16."
    PERFMON 38 "perfmon" "CAP_PERFMON" "Measure performance: perf events, tracing. Linux 5.8."
    BPF 39 "bpf" "CAP_BPF" "Load BPF programs and use their maps. Linux 5.8."
    CHECKPOINT_RESTORE 40 "checkpoint_restore" "CAP_CHECKPOINT_RESTORE" "Checkpoint and restore processes: choose their numbers, read their maps. Linux 5.9."
}

impl Cap {
    /// The capability of this number; `None` from 64 on, for which the kernel's sets have no room.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number < 64 { Some(Self(number)) } else { None }
    }

    /// Its number in the kernel, below 64.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Its name in small letters ("net_admin"); `None` for one that is newer than this crate.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMES.get(usize::from(self.0)).map(|(word, _)| *word)
    }

    /// Its name in the kernel ("CAP_NET_ADMIN"), which OCI uses; `None` for one that is newer than this crate.
    #[must_use]
    pub fn kernel_name(self) -> Option<&'static str> {
        NAMES.get(usize::from(self.0)).map(|(_, kernel)| *kernel)
    }
}

/// Its name, as it is displayed.
impl From<Cap> for String {
    fn from(cap: Cap) -> Self {
        cap.to_string()
    }
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => self.0.fmt(f),
        }
    }
}

impl fmt::Debug for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cap({self})")
    }
}

impl FromStr for Cap {
    type Err = Error;

    /// Reads "net_admin", "NET_ADMIN", "CAP_NET_ADMIN" or "12".
    ///
    /// # Errors
    /// `Invalid` for anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text).ok_or_else(|| {
            let near = Self::near(text);
            let problem = if near.is_empty() {
                format!(
                    "{text:?} is no capability: they are named as in capabilities(7), such as net_admin or CAP_NET_ADMIN, \
                     or numbered from 0 to 63"
                )
            } else {
                format!("{text:?} is no capability{near}")
            };
            Error::invalid("parse", Object::Named("capability"), vec![problem])
        })
    }
}

impl Cap {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::new(text.parse().ok()?);
        }
        let upper = text.to_ascii_uppercase();
        let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
        let known: caps::Capability = format!("CAP_{bare}").parse().ok()?;
        Self::new(known.index())
    }

    /// What a word may have been meant for: the tail of a sentence, or nothing.
    pub(super) fn near(text: &str) -> String {
        let lower = text.to_ascii_lowercase();
        let bare = lower.strip_prefix("cap_").unwrap_or(&lower);
        did_you_mean(bare, NAMES.iter().map(|(word, _)| *word))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Cap {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Cap {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format_args!("{text:?} is no capability")))
    }
}
