// SPDX-License-Identifier: MIT OR Apache-2.0
//! The steps as a finished list, for a child that somebody else makes.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::pipe::{PipeFlags, pipe_with};

use super::own::Half;
use super::{NewNamespaces, OwnUser, not_made};
use crate::detached::line_in_words;
use crate::error::{Error, Object};
use crate::floor::{Errno, Room, sys};
use crate::steps::{Steps, Stop, Trees};

/// What [`Steps::prepare`] answers: steps to be performed by a child, in namespaces that it makes for itself.
///
/// Any number of children, one after another or at a time, may perform them. Where [something had to be made
/// first](Steps::need_preparing) it is one child: what was attached once cannot be attached again (`EINVAL`).
///
/// ```
/// use std::os::unix::process::CommandExt;
/// use std::process::Command;
/// use skep_rootfs::{Mounts, NewNamespaces, Setting, Steps, Tmpfs};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // An empty /tmp for a program, as an ordinary account.
/// let setting = Setting { user_namespace: true, ..Setting::default() };
/// let steps = Steps::new(None, &Mounts::new().add(Tmpfs::new("/tmp")), setting);
/// let prepared = steps.prepare(NewNamespaces::UserAndMounts { uid: 0, gid: 0 })?;
/// let mut command = Command::new("ls");
/// let there = prepared.clone();
/// // SAFETY: apply() makes system calls and nothing else: it allocates nothing and takes no lock.
/// unsafe { command.arg("/tmp").pre_exec(move || there.apply()) };
/// match command.output() {
///     Ok(output) => assert!(output.stdout.is_empty()),
///     // Some machines refuse user namespaces to ordinary accounts.
///     Err(error) => println!("{}", prepared.explain(error)),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The steps, and what was made for them: it must stay open.
    trees: Arc<Trees>,
    way: Way,
    /// What stopped the child: it writes, we read.
    told: Arc<(OwnedFd, OwnedFd)>,
}

#[derive(Debug, Clone)]
enum Way {
    Mounts,
    User(Arc<OwnUser>),
    Here,
}

/// What is told of a stop: its numbers, and the beginning of what the kernel has noted. Less than a pipe takes at once.
const RECORD: usize = 256;
/// How much of that are its numbers.
const STOP: usize = 8;

/// Beyond the steps: the namespaces, the maps of ids.
const MAKE: u16 = u16::MAX;
const MAP: u16 = u16::MAX - 1;

/// What is said where the child may not open its own maps.
const OTHER_USER: &str =
    "a child that Command::uid or gid has made another user may not map ids: have the account start it";

impl Prepared {
    pub(super) fn new(steps: &Steps, new: NewNamespaces) -> Result<Self, Error> {
        let way = match new {
            NewNamespaces::Mounts => Way::Mounts,
            NewNamespaces::UserAndMounts { uid, gid } => Way::User(Arc::new(OwnUser::new(uid, gid))),
            NewNamespaces::None => Way::Here,
        };
        let told = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)
            .map_err(|errno| Error::os("make", Object::Named("a pipe"), errno.raw_os_error()))?;
        let trees = Arc::new(steps.make_trees()?);
        Ok(Self { trees, way, told: Arc::new(told) })
    }

    /// Makes the namespaces and performs the steps, on the **calling thread**: for the closure of `CommandExt::pre_exec`,
    /// which runs in the child.
    ///
    /// `Command` does its own part first: what `uid` and `gid` have made of the child no longer has the rights to mount
    /// (`EPERM`), nor to map the ids of a user namespace that it makes (`EACCES`), for the kernel lets others look into it no
    /// more: start such a program by the account itself, or with setpriv(1). The directory of `current_dir` is left for "/" where the root changes.
    /// The way of mounts to the outside is cut before anything is mounted: what is mounted outside later is still seen, where
    /// it is shared, and what is unmounted there goes here too.
    ///
    /// It allocates nothing, takes no lock and calls no function of libc.
    ///
    /// # Errors
    /// The kernel's error number, which is all that std passes on: [`explain`](Self::explain) has the rest of it.
    /// # Privileges
    /// `CAP_SYS_ADMIN`, but for [`NewNamespaces::UserAndMounts`].
    /// # Kernel
    /// As [`Steps::enter_mounts`]. See unshare(2).
    pub fn apply(&self) -> io::Result<()> {
        let mut room = Room::new();
        self.perform(&mut room).map_err(|stop| {
            let mut bytes = [0; RECORD];
            let words = [stop.step.to_ne_bytes(), stop.part.to_ne_bytes()];
            let all = words.into_iter().flatten().chain(stop.errno.to_ne_bytes());
            for (slot, byte) in bytes.iter_mut().zip(all) {
                *slot = byte;
            }
            // The first line that the kernel has noted of a refusal, as far as there is room.
            if let (Some(fs), Some(rest)) = (&room.refused, bytes.get_mut(STOP..))
                && let mut line = [0; 1024]
                && let Ok(len) = sys::read(fs.number(), &mut line)
            {
                for (slot, byte) in rest.iter_mut().zip(line.iter().take(len)) {
                    *slot = *byte;
                }
            }
            // It is lost where nobody has read the last 250 of them.
            let _ = rustix::io::write(&self.told.1, &bytes);
            io::Error::from_raw_os_error(stop.errno)
        })
    }

    fn perform(&self, room: &mut Room) -> Result<(), Stop> {
        let stop = |step, Errno(errno)| Stop { step, part: 0, errno: errno.into() };
        match &self.way {
            Way::Mounts => sys::unshare_mounts().map_err(|errno| stop(MAKE, errno))?,
            Way::User(user) => user.enter().map_err(|(half, errno)| match half {
                Half::Make => stop(MAKE, errno),
                Half::Map => stop(MAP, errno),
            })?,
            Way::Here => {}
        }
        self.trees.steps().perform(room)
    }

    /// Why a start failed: the step that stopped the child, in its words; or `error` itself, if none did.
    ///
    /// Of several children that were stopped it is the first that was not asked for yet.
    #[must_use]
    pub fn explain(&self, error: io::Error) -> Error {
        let mut bytes = [0; RECORD];
        let told = rustix::io::read(&self.told.0, &mut bytes);
        if told != Ok(bytes.len()) {
            return Error::os("start", Object::Named("the program"), error.raw_os_error().unwrap_or_default());
        }
        let [a, b, c, d, e, f, g, h, line @ ..] = bytes;
        let stop = Stop {
            step: u16::from_ne_bytes([a, b]),
            part: u16::from_ne_bytes([c, d]),
            errno: i32::from_ne_bytes([e, f, g, h]),
        };
        let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
        match stop.step {
            MAKE => not_made("new namespaces", stop.errno, !matches!(self.way, Way::User(_))),
            MAP => {
                let error = Error::os("map", Object::Named("the ids of a new user namespace"), stop.errno);
                if stop.errno == i32::from(Errno::ACCES.0) { error.with_hint(OTHER_USER) } else { error }
            }
            _ => self.trees.steps().error_with_log(stop, &line_in_words(line)),
        }
    }
}
