// SPDX-License-Identifier: MIT OR Apache-2.0
//! listmount(2) and statmount(2), Linux 6.8.
//!
//! Kernel: include/uapi/linux/mount.h, include/uapi/linux/nsfs.h.

use std::os::fd::{AsRawFd, BorrowedFd};

use super::nr;
use crate::floor::Errno;
use crate::floor::sys::syscall;

/// Major and minor number of the device, flags of the file system (`STATMOUNT_SB_BASIC`).
const SB_BASIC: u64 = 0x01;
/// Numbers, attributes, propagation.
const MNT_BASIC: u64 = 0x02;
/// The group that mounts come from.
const PROPAGATE_FROM: u64 = 0x04;
/// Which directory of the file system it is.
pub(crate) const MNT_ROOT: u64 = 0x08;
/// Where it is mounted.
pub(crate) const MNT_POINT: u64 = 0x10;
/// The kind of file system.
pub(crate) const FS_TYPE: u64 = 0x20;
/// Its options, escaped as in mountinfo. Linux 6.11.
pub(crate) const MNT_OPTS: u64 = 0x80;
/// What stands behind the point of "fuse.sshfs". Linux 6.13.
pub(crate) const FS_SUBTYPE: u64 = 0x100;
/// What is mounted; not answered if it is an empty text. Linux 6.13.
pub(crate) const SB_SOURCE: u64 = 0x200;
const ALL: u64 =
    SB_BASIC | MNT_BASIC | PROPAGATE_FROM | MNT_ROOT | MNT_POINT | FS_TYPE | MNT_OPTS | FS_SUBTYPE | SB_SOURCE;

/// `MOUNT_ATTR_IDMAP`.
pub(crate) const MOUNT_ATTR_IDMAP: u64 = 0x0010_0000;

/// `LSMT_ROOT`: what is below the root.
const ROOT: u64 = u64::MAX;

/// Where mounts are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Below the caller's root.
    Own,
    /// Below the top of the mount namespace with this number. Linux 6.11.
    Namespace(u64),
}

/// `struct mnt_id_req`.
#[repr(C)]
struct Request {
    size: u32,
    spare: u32,
    id: u64,
    parameter: u64,
    /// Since Linux 6.11.
    namespace: u64,
}
const _: () = assert!(size_of::<Request>() == 32);

impl Request {
    fn new(scope: Scope, id: u64, parameter: u64) -> Self {
        match scope {
            Scope::Own => Self { size: 24, spare: 0, id, parameter, namespace: 0 },
            Scope::Namespace(namespace) => Self { size: 32, spare: 0, id, parameter, namespace },
        }
    }
}

/// The unique numbers of all mounts, in the order in which they were made.
pub(crate) fn list(scope: Scope) -> Result<Vec<u64>, Errno> {
    const PIECE: usize = 1024;
    let mut ids: Vec<u64> = Vec::new();
    loop {
        let request = Request::new(scope, ROOT, ids.last().copied().unwrap_or_default());
        let mut piece = [0_u64; PIECE];
        let (at, to) = ((&raw const request).expose_provenance(), piece.as_mut_ptr().expose_provenance());
        // SAFETY: the kernel reads request.size bytes, at most 32, of a live struct of that size, and writes at most PIECE
        // numbers to a live array of as many.
        let count = unsafe { syscall(nr::LISTMOUNT, [at, to, PIECE, 0, 0, 0]) }?;
        ids.extend_from_slice(piece.get(..count).unwrap_or_default());
        if count < PIECE {
            return Ok(ids);
        }
    }
}

/// `struct statmount`, as far as it is asked for.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct Head {
    size: u32,
    options: u32,
    mask: u64,
    major: u32,
    minor: u32,
    magic: u64,
    super_flags: u32,
    kind: u32,
    id: u64,
    parent: u64,
    id_old: u32,
    parent_old: u32,
    attributes: u64,
    propagation: u64,
    peers: u64,
    master: u64,
    from: u64,
    root: u32,
    point: u32,
    namespace: u64,
    subtype: u32,
    source: u32,
    rest: [u64; 48],
}
const _: () = assert!(size_of::<Head>() == HEAD);
const HEAD: usize = 512;

/// The numbers of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) id_old: u32,
    pub(crate) parent_old: u32,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) super_flags: u32,
    pub(crate) attributes: u64,
    pub(crate) propagation: u64,
    pub(crate) peers: u64,
    pub(crate) master: u64,
    pub(crate) from: u64,
}

/// What statmount(2) answers: a struct, and texts behind it. Asked again it is overwritten.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Whole words, so that it is aligned.
    words: Vec<u64>,
}

impl Answer {
    pub(crate) fn new() -> Self {
        Self { words: vec![0; 1024] }
    }

    /// Asks for everything of the mount with this unique number.
    pub(crate) fn ask(&mut self, scope: Scope, id: u64) -> Result<(), Errno> {
        const OVERFLOW: Errno = Errno(75);
        /// More than the kernel would write.
        const MOST: usize = 1 << 20;
        loop {
            let request = Request::new(scope, id, ALL);
            let at = (&raw const request).expose_provenance();
            let (to, size) = (self.words.as_mut_ptr().expose_provenance(), size_of_val(self.words.as_slice()));
            // SAFETY: the kernel reads request.size bytes, at most 32, of a live struct of that size, and writes at most as
            // many bytes to the live buffer as it has.
            match unsafe { syscall(nr::STATMOUNT, [at, to, size, 0, 0, 0]) } {
                Err(OVERFLOW) if self.words.len() < MOST => self.words.resize(self.words.len().saturating_mul(4), 0),
                answer => return answer.map(drop),
            }
        }
    }

    fn head(&self) -> &Head {
        // SAFETY: the buffer is larger than the struct from the beginning and never shrinks, is aligned as one of words,
        // and every field is a number, of which all bits are one.
        unsafe { &*self.words.as_ptr().cast::<Head>() }
    }

    /// Whether this was answered.
    pub(crate) fn has(&self, what: u64) -> bool {
        self.head().mask & what != 0
    }

    pub(crate) fn numbers(&self) -> Numbers {
        let head = self.head();
        Numbers {
            id_old: head.id_old,
            parent_old: head.parent_old,
            major: head.major,
            minor: head.minor,
            super_flags: head.super_flags,
            attributes: head.attributes,
            propagation: head.propagation,
            peers: head.peers,
            master: head.master,
            from: head.from,
        }
    }

    /// A text that was asked for; empty if it was not answered.
    pub(crate) fn text(&self, what: u64) -> &[u8] {
        let head = self.head();
        let offset = match what {
            MNT_ROOT => head.root,
            MNT_POINT => head.point,
            FS_TYPE => head.kind,
            MNT_OPTS => head.options,
            FS_SUBTYPE => head.subtype,
            SB_SOURCE => head.source,
            _ => return &[],
        };
        if !self.has(what) {
            return &[];
        }
        let len = size_of_val(self.words.as_slice());
        // SAFETY: the same live memory, as bytes, of which all bits are one.
        let bytes = unsafe { std::slice::from_raw_parts(self.words.as_ptr().cast::<u8>(), len) };
        let start = usize::try_from(offset).ok().and_then(|offset| offset.checked_add(HEAD));
        let text = start.and_then(|start| bytes.get(start..)).unwrap_or_default();
        text.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}

/// Whether a descriptor is one of a mount namespace (`NS_GET_NSTYPE`, Linux 4.11).
pub(crate) fn is_mount_namespace(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    const NS_GET_NSTYPE: usize = 0xb703;
    const CLONE_NEWNS: usize = 0x2_0000;
    const NOTTY: Errno = Errno(25);
    let fd = usize::try_from(fd.as_raw_fd()).unwrap_or_default();
    // SAFETY: the request takes no argument.
    match unsafe { syscall(nr::IOCTL, [fd, NS_GET_NSTYPE, 0, 0, 0, 0]) } {
        Ok(kind) => Ok(kind == CLONE_NEWNS),
        Err(NOTTY | Errno(9)) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// The number of a mount namespace (`NS_GET_MNTNS_ID`, Linux 6.11); `ENOSYS` where it has none.
pub(crate) fn namespace_id(namespace: BorrowedFd<'_>) -> Result<u64, Errno> {
    const NS_GET_MNTNS_ID: usize = 0x8008_b705;
    let mut id = 0_u64;
    let at = (&raw mut id).expose_provenance();
    let fd = usize::try_from(namespace.as_raw_fd()).unwrap_or_default();
    // SAFETY: the kernel writes eight bytes to a live local of that size.
    unsafe { syscall(nr::IOCTL, [fd, NS_GET_MNTNS_ID, at, 0, 0, 0]) }.map_err(|_| Errno::NOSYS)?;
    Ok(id)
}
