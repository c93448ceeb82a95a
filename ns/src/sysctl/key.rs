// SPDX-License-Identifier: MIT OR Apache-2.0
//! A key: its spelling, whose it is, its file.

use std::borrow::Cow;
use std::ffi::CString;
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::str::FromStr;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::table::{self, Takes};
use crate::error::{Error, ErrorKind, Object};
use crate::kind::NamespaceKind;
use crate::procfs;

/// A parameter that each namespace of some kind has for itself. See sysctl(8), proc_sys(5).
///
/// Written with dots or with slashes, as sysctl(8) has it: which of both comes first separates, and the other one stands for
/// it within a name. So the interface `eth0.100` is in `net.ipv4.conf.eth0/100.forwarding` and in
/// `net/ipv4/conf/eth0.100/forwarding`. It displays with dots.
///
/// ```
/// use skep_ns::{NamespaceKind, SysctlKey};
///
/// let key: SysctlKey = "net/ipv4/conf/eth0.100/forwarding".parse()?;
/// assert_eq!(key.to_string(), "net.ipv4.conf.eth0/100.forwarding");
/// assert_eq!(key.kind(), NamespaceKind::Net);
/// assert!("kernel.core_pattern".parse::<SysctlKey>().is_err());
/// # Ok::<(), skep_ns::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "String", into = "String")
)]
pub struct SysctlKey {
    /// Below /proc/sys.
    path: Cow<'static, str>,
}

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident = $path:literal;)+) => {
        /// Those that are wanted most.
        impl SysctlKey {
            $($(#[$doc])* pub const $name: Self = Self { path: Cow::Borrowed($path) };)+

            /// The constants above.
            #[cfg(test)]
            pub(super) const NAMED: &[Self] = &[$(Self::$name),+];
        }
    };
}

keys! {
    /// The host name.
    HOSTNAME = "kernel/hostname";
    /// The NIS domain name.
    DOMAINNAME = "kernel/domainname";
    /// The longest message of System V, in bytes.
    MSGMAX = "kernel/msgmax";
    /// The most bytes in a message queue of System V.
    MSGMNB = "kernel/msgmnb";
    /// The most message queues of System V.
    MSGMNI = "kernel/msgmni";
    /// Limits of System V's semaphores: four numbers, in a set, of all, operations of a call, sets.
    SEM = "kernel/sem";
    /// The most shared memory of System V, in pages.
    SHMALL = "kernel/shmall";
    /// The largest segment of System V's shared memory, in bytes.
    SHMMAX = "kernel/shmmax";
    /// The most segments of System V's shared memory.
    SHMMNI = "kernel/shmmni";
    /// 1: a segment of shared memory goes with the last process that has it.
    SHM_RMID_FORCED = "kernel/shm_rmid_forced";
    /// The most messages that a POSIX queue of an ordinary user can be made for.
    MQUEUE_MSG_MAX = "fs/mqueue/msg_max";
    /// The longest message of such a queue, in bytes.
    MQUEUE_MSGSIZE_MAX = "fs/mqueue/msgsize_max";
    /// The most POSIX queues.
    MQUEUE_QUEUES_MAX = "fs/mqueue/queues_max";
    /// The longest backlog of listen(2).
    SOMAXCONN = "net/core/somaxconn";
    /// 1: packets for others are passed on.
    IP_FORWARD = "net/ipv4/ip_forward";
    /// The first and last port of those that are given to who asks for none.
    IP_LOCAL_PORT_RANGE = "net/ipv4/ip_local_port_range";
    /// The first port that takes no privilege.
    IP_UNPRIVILEGED_PORT_START = "net/ipv4/ip_unprivileged_port_start";
    /// The first and last group that may use ping's sockets.
    PING_GROUP_RANGE = "net/ipv4/ping_group_range";
    /// The most user namespaces that a user can have below this one.
    MAX_USER_NAMESPACES = "user/max_user_namespaces";
    /// The most net namespaces.
    MAX_NET_NAMESPACES = "user/max_net_namespaces";
    /// The most pid namespaces.
    MAX_PID_NAMESPACES = "user/max_pid_namespaces";
}

impl SysctlKey {
    /// A key of an interface: `family` is "ipv4" or "ipv6", such as in `net.ipv4.conf.eth0.forwarding`. A dot in the
    /// interface's name is part of it.
    ///
    /// # Errors
    /// `Invalid` for what cannot be a name.
    pub fn of_interface(family: &str, interface: &str, name: &str) -> Result<Self, Error> {
        if [family, interface, name].iter().any(|part| part.contains('/')) {
            let problem = format!("a name of {family:?}, {interface:?}, {name:?} has a slash in it");
            return Err(Error::invalid("parse", Object::Named("sysctl key"), vec![problem]));
        }
        format!("net/{family}/conf/{interface}/{name}").parse()
    }

    /// The kind of namespace that it belongs to.
    #[must_use]
    pub fn kind(&self) -> NamespaceKind {
        // Looked up when it was made.
        table::look_up(&self.path).map_or(NamespaceKind::Net, |(kind, _)| kind)
    }

    /// Its file, as it is called where /proc is the kernel's. [`read`](Self::read) and
    /// [`Sysctls::enter_here`](super::Sysctls::enter_here) make sure of that.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/sys/{}", self.path))
    }

    /// What is wrong with a value for it, as far as the kernel's ranges are known, a sentence each.
    #[must_use]
    pub fn problems_of(&self, value: &str) -> Vec<String> {
        let mut problems = Vec::new();
        if value.chars().any(|at| at.is_control() && at != '\t') {
            problems.push(format!("{self}: the value {value:?} is not one line"));
        }
        let takes = table::look_up(&self.path).map_or(Takes::Line, |(_, takes)| takes);
        let number = |word: &str| {
            let digits = word.strip_prefix('-').unwrap_or(word);
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse::<i128>().ok())?
        };
        let (count, least, most) = match takes {
            Takes::Numbers(count, least, most) => (count, least, most),
            Takes::Span(least, most) => (2, least, most),
            Takes::Name if value.len() > 64 => {
                problems.push(format!("{self}: {} bytes are more than the 64 that the kernel keeps", value.len()));
                return problems;
            }
            Takes::Name | Takes::Line => return problems,
        };
        let numbers: Vec<_> = value.split_whitespace().map(number).collect();
        let good = numbers.iter().all(|number| number.is_some_and(|number| (least..=most).contains(&number)));
        if numbers.len() != count || !good {
            let what = if count == 1 { "a number".to_owned() } else { format!("{count} numbers") };
            problems.push(format!("{self}: {value:?} is not {what} from {least} to {most}"));
        } else if let (Takes::Span(..), [first, last]) = (takes, numbers.as_slice())
            && first > last
        {
            problems.push(format!("{self}: {value:?} ends before it begins"));
        }
        problems
    }

    /// Reads the value that the calling thread's namespace has, without the newline at its end.
    ///
    /// # Errors
    /// `Unsupported` if this kernel, or namespace, has no such key; `WrongState` if what is at /proc, or in the way to the
    /// key, is not the kernel's.
    /// # Kernel
    /// Reads /proc/sys, and follows nothing out of it. See proc_sys(5), sysctl(8).
    pub fn read(&self) -> Result<String, Error> {
        let fd = self.open(OFlags::RDONLY).map_err(|errno| self.error("read", errno.raw_os_error()))?;
        let text = std::io::read_to_string(std::fs::File::from(fd))
            .map_err(|error| self.error("read", error.raw_os_error().unwrap_or_default()))?;
        Ok(text.trim_end_matches('\n').to_owned())
    }

    /// Its file, and no other that somebody has put in its place.
    pub(super) fn open(&self, access: OFlags) -> Result<OwnedFd, Errno> {
        let mut path = vec![c"sys".to_owned()];
        for name in self.path.split('/') {
            // Looked at when it was made: there is no NUL in it.
            path.push(CString::new(name).map_err(|_| Errno::INVAL)?);
        }
        let path: Vec<_> = path.iter().map(CString::as_c_str).collect();
        procfs::open(procfs::root()?.as_fd(), &path, access)
    }

    pub(super) fn error(&self, op: &'static str, errno: i32) -> Error {
        const XDEV: i32 = Errno::XDEV.raw_os_error();
        const LOOP: i32 = Errno::LOOP.raw_os_error();
        let object = || Object::Key(self.to_string());
        if matches!(errno, XDEV | LOOP) {
            return Error::explained(op, object(), ErrorKind::WrongState, errno, procfs::NOT_THE_KERNELS);
        }
        match ErrorKind::of_errno(errno) {
            ErrorKind::NotFound => {
                let why = "this kernel, or this namespace, has no such key";
                Error::explained(op, object(), ErrorKind::Unsupported, errno, why)
            }
            ErrorKind::Denied => Error::os(op, object(), errno).with_hint(match self.kind() {
                NamespaceKind::Net => "it takes CAP_NET_ADMIN in the user namespace that owns the net namespace",
                NamespaceKind::Uts => "it takes CAP_SYS_ADMIN in the user namespace that owns the uts namespace",
                NamespaceKind::Ipc => {
                    "it takes to be root in the user namespace that owns the ipc namespace, or CAP_SYS_RESOURCE"
                }
                _ => "it takes to be root in the user namespace",
            }),
            _ => Error::os(op, object(), errno),
        }
    }
}

impl fmt::Display for SysctlKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&exchanged(&self.path))
    }
}

/// Dots for slashes and slashes for dots.
fn exchanged(text: &str) -> String {
    let other = |at| match at {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    text.chars().map(other).collect()
}

impl FromStr for SysctlKey {
    type Err = Error;

    /// # Errors
    /// `Invalid` for what is no key, and for a key that is not known to be a namespace's: one of the whole machine,
    /// or of a kernel newer than this crate. A column is that of the first character of what cannot be read.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text).map_err(|(column, problem)| {
            let problem = format!("line 1, column {column}: {problem}");
            Error::invalid("parse", Object::Named("sysctl key"), vec![problem])
        })
    }
}

impl SysctlKey {
    /// What is wrong has a column, from 1.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let separator = text.find(['.', '/']).and_then(|at| text.get(at..=at));
        let path = if separator == Some(".") { exchanged(text) } else { text.to_owned() };
        let is_name = |part: &str| {
            !matches!(part, "" | "." | "..")
                && !part.contains(|at: char| at == '=' || at.is_control() || at.is_whitespace())
        };
        let mut column = 1;
        let bad = path.split('/').find_map(|part| {
            let at = column;
            column += part.chars().count() + 1;
            (!is_name(part)).then_some(at)
        });
        if let Some(at) = bad.or(separator.is_none().then_some(1)) {
            return Err((at, format!("{} is not a key, such as kernel.shmmax", crate::words::shown(text))));
        }
        match table::look_up(&path) {
            Some(_) => Ok(Self { path: path.into() }),
            None => Err((
                1,
                format!(
                    "{} is not among the known keys of namespaces: it is the whole machine's, or none",
                    exchanged(&path)
                ),
            )),
        }
    }
}

impl TryFrom<&str> for SysctlKey {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        text.parse()
    }
}

impl TryFrom<String> for SysctlKey {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<SysctlKey> for String {
    fn from(key: SysctlKey) -> Self {
        key.to_string()
    }
}
