// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables asked for by listmount(2) and statmount(2).
//!
//! A mount's line in mountinfo is put together from what statmount tells. Sources and the second half of names such as
//! "fuse.sshfs" it tells since Linux 6.13; without them nothing is answered, and the caller reads.

use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStringExt;

use super::info::{MountInfo, PeerGroups, path, text, unescaped};
use crate::error::{Error, Object};
use crate::floor::Errno;
use crate::mounts::Attributes;
use crate::sys::statmount::{self, Answer, Scope};

impl MountInfo {
    /// What [`of_this_thread`](Self::of_this_thread) answers, asked of the kernel mount by mount: no proc is needed, and no
    /// text read. A mount that is made or goes meanwhile may be in it or not.
    ///
    /// # Errors
    /// `Unsupported` before Linux 6.13, and where a filter refuses the calls.
    /// # Kernel
    /// Linux 6.13: statmount(2) tells sources from then on.
    #[doc(alias = "statmount")]
    #[doc(alias = "listmount")]
    pub fn by_statmount() -> Result<Vec<Self>, Error> {
        all(Scope::Own)
            .map_err(|Errno(errno)| Error::os("list", Object::Named("the mounts of this thread"), errno.into()))
    }
}

/// All mounts of a namespace; `ENOSYS` where the kernel cannot tell, `EINVAL` for what is no mount namespace.
pub(super) fn of_namespace(namespace: BorrowedFd<'_>) -> Result<Vec<MountInfo>, Errno> {
    if !statmount::is_mount_namespace(namespace)? {
        return Err(Errno::INVAL);
    }
    all(Scope::Namespace(statmount::namespace_id(namespace)?))
}

fn all(scope: Scope) -> Result<Vec<MountInfo>, Errno> {
    let ids = statmount::list(scope)?;
    let mut answer = Answer::new();
    let mut mounts = Vec::with_capacity(ids.len());
    let mut sources = false;
    for id in ids {
        match answer.ask(scope, id) {
            Ok(()) => {}
            // It went since it was listed.
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(errno),
        }
        sources |= answer.has(statmount::SB_SOURCE);
        mounts.push(mount(&answer));
    }
    // No source of any mount: the kernel does not know the question.
    if sources { Ok(mounts) } else { Err(Errno::NOSYS) }
}

fn mount(answer: &Answer) -> MountInfo {
    let numbers = answer.numbers();
    let set = |text: &[u8]| OsString::from_vec(text.to_vec());
    let mut kind = answer.text(statmount::FS_TYPE).to_vec();
    if answer.has(statmount::FS_SUBTYPE) {
        kind.push(b'.');
        kind.extend_from_slice(answer.text(statmount::FS_SUBTYPE));
    }
    MountInfo {
        id: numbers.id_old.into(),
        parent: numbers.parent_old.into(),
        device: (numbers.major, numbers.minor),
        root: path(answer.text(statmount::MNT_ROOT).to_vec()),
        target: path(answer.text(statmount::MNT_POINT).to_vec()),
        attributes: attributes(numbers.attributes),
        idmapped: numbers.attributes & statmount::MOUNT_ATTR_IDMAP != 0,
        propagation: propagation(&numbers),
        kind: text(kind),
        source: set(answer.text(statmount::SB_SOURCE)),
        options: OsString::from_vec(options(&numbers, answer.text(statmount::MNT_OPTS))),
    }
}

/// Ours for the kernel's, most of which have its numbers; its relatime is none.
fn attributes(kernel_s: u64) -> Attributes {
    const NOSYMFOLLOW: u64 = 0x20_0000;
    let same = Attributes::all().difference(Attributes::RELATIME | Attributes::NOSYMFOLLOW);
    let set = same.intersection(Attributes::from_bits_truncate(u32::try_from(kernel_s & 0xff).unwrap_or_default()));
    if kernel_s & NOSYMFOLLOW == 0 { set } else { set | Attributes::NOSYMFOLLOW }
}

/// What holds for the file system as mountinfo puts it before its own options, which are still escaped.
fn options(numbers: &statmount::Numbers, own: &[u8]) -> Vec<u8> {
    const FLAGS: [(u32, &[u8]); 4] =
        [(0x10, b",sync"), (0x80, b",dirsync"), (0x40, b",mand"), (0x0200_0000, b",lazytime")];
    const READ_ONLY: u32 = 1;
    let mut options = if numbers.super_flags & READ_ONLY == 0 { b"rw".to_vec() } else { b"ro".to_vec() };
    for (_, word) in FLAGS.into_iter().filter(|(flag, _)| numbers.super_flags & flag != 0) {
        options.extend_from_slice(word);
    }
    if !own.is_empty() {
        options.push(b',');
        options.extend_from_slice(&unescaped(own));
    }
    options
}

fn propagation(numbers: &statmount::Numbers) -> PeerGroups {
    const MS_UNBINDABLE: u64 = 1 << 17;
    const MS_SLAVE: u64 = 1 << 19;
    const MS_SHARED: u64 = 1 << 20;
    let group = |flag, id| (numbers.propagation & flag != 0).then_some(id);
    let master = group(MS_SLAVE, numbers.master);
    PeerGroups {
        shared: group(MS_SHARED, numbers.peers),
        master,
        from: master.and(Some(numbers.from)).filter(|from| *from != 0 && Some(*from) != master),
        unbindable: numbers.propagation & MS_UNBINDABLE != 0,
    }
}
