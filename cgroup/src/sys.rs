// SPDX-License-Identifier: MIT OR Apache-2.0
//! What rustix lacks: bpf(2), by which programs are loaded, attached to groups, and looked at, and the other end of a
//! socket, which it takes to have a number here.
//!
//! Man: bpf(2), unix(7). Kernel: include/uapi/linux/bpf.h, `union bpf_attr`.
#![allow(unsafe_code, reason = "the door of this crate to bpf(2) and getsockopt(2)")]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc;
use rustix::io::Errno;

use crate::devices::Insn;

/// Who is at the other end of a socket: for one that has been connected, who listened there.
#[cfg(feature = "systemd")]
pub(crate) struct Peer {
    /// 0 of a pid namespace that does not reach ours.
    pub(crate) pid: i32,
    pub(crate) uid: u32,
}

/// `SO_PEERCRED`.
#[cfg(feature = "systemd")]
pub(crate) fn peer(socket: BorrowedFd<'_>) -> Result<Peer, Errno> {
    let mut found = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = libc::socklen_t::try_from(size_of::<libc::ucred>()).map_err(|_| Errno::INVAL)?;
    // SAFETY: the kernel writes no more than the length says, which is that of the value, and any bytes are one.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut found).cast(),
            &raw mut length,
        )
    };
    match answer {
        0 => Ok(Peer { pid: found.pid, uid: found.uid }),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}

/// A command, and what it takes.
///
/// # Safety
/// It begins as the kernel's structure of the command does; what its addresses point to is alive for the call, and as long
/// as the lengths beside them say.
unsafe trait Command: Copy {
    const NUMBER: libc::c_long;
}

/// `union bpf_attr` has 168 bytes in Linux 6.18.
const ROOM: usize = 40;

/// A command with room behind it: what newer kernels have there is none to us, and what they answer there does no harm.
#[repr(C)]
struct Roomy<C> {
    attr: C,
    /// Words as small as those before it, so that there is no gap: the kernel wants zeros there.
    room: [u32; ROOM],
}

/// How often a load is tried again that a signal has interrupted.
const TRIES: usize = 5;

const PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const F_ALLOW_MULTI: u32 = 1 << 1;
const F_REPLACE: u32 = 1 << 2;

/// The most programs of a sort that a group can have (`BPF_CGROUP_MAX_PROGS`).
const MOST_ATTACHED: usize = 64;

/// `BPF_PROG_LOAD`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct Load {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
}
const _: () = assert!(size_of::<Load>() == 72);

// SAFETY: `load` alone makes one, of slices that outlive the call, with their lengths.
unsafe impl Command for Load {
    const NUMBER: libc::c_long = 5;
}

/// `BPF_PROG_ATTACH`; `BPF_PROG_DETACH` takes the same.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct Attach {
    target_fd: u32,
    attach_bpf_fd: u32,
    attach_type: u32,
    attach_flags: u32,
    replace_bpf_fd: u32,
}
const _: () = assert!(size_of::<Attach>() == 20);

// SAFETY: it holds no address.
unsafe impl Command for Attach {
    const NUMBER: libc::c_long = 8;
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct Detach(Attach);

// SAFETY: it holds no address.
unsafe impl Command for Detach {
    const NUMBER: libc::c_long = 9;
}

/// `BPF_PROG_GET_FD_BY_ID`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct Open {
    id: u32,
    next_id: u32,
    open_flags: u32,
}
const _: () = assert!(size_of::<Open>() == 12);

// SAFETY: it holds no address.
unsafe impl Command for Open {
    const NUMBER: libc::c_long = 13;
}

/// `BPF_OBJ_GET_INFO_BY_FD`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct GetInfo {
    bpf_fd: u32,
    info_len: u32,
    info: u64,
}
const _: () = assert!(size_of::<GetInfo>() == 16);

// SAFETY: `info` alone makes one, of a local that outlives the call, with its size.
unsafe impl Command for GetInfo {
    const NUMBER: libc::c_long = 15;
}

/// `BPF_PROG_QUERY`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct Query {
    target_fd: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    prog_ids: u64,
    prog_cnt: u32,
    reserved: u32,
}
const _: () = assert!(size_of::<Query>() == 32);

// SAFETY: `attached` alone makes one, of a local that outlives the call, with its length.
unsafe impl Command for Query {
    const NUMBER: libc::c_long = 16;
}

/// What the kernel tells of a program: the beginning of `struct bpf_prog_info`, as Linux 4.15 had it.
#[repr(C)]
#[derive(Debug, Clone, Default)]
pub(crate) struct Info {
    kind: u32,
    pub(crate) id: u32,
    pub(crate) tag: [u8; 8],
    jited_prog_len: u32,
    xlated_prog_len: u32,
    jited_prog_insns: u64,
    xlated_prog_insns: u64,
    load_time: u64,
    created_by_uid: u32,
    nr_map_ids: u32,
    map_ids: u64,
    pub(crate) name: [u8; 16],
}
const _: () = assert!(size_of::<Info>() == 80);

/// Makes the call.
fn bpf<C: Command>(attr: &mut C) -> Result<i32, Errno> {
    let mut roomy = Roomy { attr: *attr, room: [0; ROOM] };
    const { assert!(size_of::<Roomy<C>>() == size_of::<C>() + ROOM * 4) };
    let size = libc::c_ulong::try_from(size_of_val(&roomy)).unwrap_or_default();
    // SAFETY: the kernel reads that many bytes at a live local of that size, and writes within its own structure, which is
    // no longer than that; what the command points to is vouched for by it.
    let ret = unsafe { libc::syscall(libc::SYS_bpf, C::NUMBER, std::ptr::from_mut(&mut roomy), size) };
    *attr = roomy.attr;
    if ret == -1 {
        return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO));
    }
    i32::try_from(ret).map_err(|_| Errno::IO)
}

/// The call whose answer is a new descriptor.
fn bpf_fd<C: Command>(attr: &mut C) -> Result<OwnedFd, Errno> {
    let fd = bpf(attr)?;
    // SAFETY: the commands that end here answer a new descriptor, which nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A descriptor as bpf(2) takes it.
fn number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

/// Where the kernel reads or writes.
fn address<T>(pointer: *const T) -> u64 {
    u64::try_from(pointer.expose_provenance()).unwrap_or_default()
}

fn length(length: usize) -> Result<u32, Errno> {
    u32::try_from(length).map_err(|_| Errno::TOOBIG)
}

/// Loads a program for devices; with a log the verifier writes into it what it thinks.
pub(crate) fn load(program: &[Insn], name: &[u8], log: Option<&mut [u8]>) -> Result<OwnedFd, Errno> {
    let mut prog_name = [0; 16];
    // The last stays 0.
    prog_name.iter_mut().take(15).zip(name).for_each(|(to, from)| *to = *from);
    let mut attr = Load {
        prog_type: PROG_TYPE_CGROUP_DEVICE,
        insn_cnt: length(program.len())?,
        insns: address(program.as_ptr()),
        license: address(c"Dual MIT/GPL".as_ptr()),
        prog_name,
        ..Load::default()
    };
    if let Some(log) = log {
        attr.log_level = 1;
        attr.log_size = length(log.len())?;
        attr.log_buf = address(log.as_mut_ptr());
    }
    for _ in 1..TRIES {
        match bpf_fd(&mut attr) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            loaded => return loaded,
        }
    }
    bpf_fd(&mut attr)
}

/// Attaches a program beside others of the group, or in the place of one.
pub(crate) fn attach(
    group: BorrowedFd<'_>,
    program: BorrowedFd<'_>,
    kind: u32,
    replaced: Option<BorrowedFd<'_>>,
) -> Result<(), Errno> {
    let attach_flags = F_ALLOW_MULTI | replaced.map_or(0, |_| F_REPLACE);
    let replace_bpf_fd = replaced.map_or(0, number);
    let (target_fd, attach_bpf_fd) = (number(group), number(program));
    bpf(&mut Attach { target_fd, attach_bpf_fd, attach_type: kind, attach_flags, replace_bpf_fd }).map(drop)
}

/// Takes a program from the group.
pub(crate) fn detach(group: BorrowedFd<'_>, program: BorrowedFd<'_>, kind: u32) -> Result<(), Errno> {
    let (target_fd, attach_bpf_fd) = (number(group), number(program));
    bpf(&mut Detach(Attach { target_fd, attach_bpf_fd, attach_type: kind, ..Attach::default() })).map(drop)
}

/// The numbers of the programs of this kind that are attached to this very group.
pub(crate) fn attached(group: BorrowedFd<'_>, kind: u32) -> Result<Vec<u32>, Errno> {
    let mut ids = vec![0_u32; MOST_ATTACHED];
    let mut attr = Query {
        target_fd: number(group),
        attach_type: kind,
        prog_ids: address(ids.as_mut_ptr()),
        prog_cnt: length(ids.len())?,
        ..Query::default()
    };
    bpf(&mut attr)?;
    ids.truncate(usize::try_from(attr.prog_cnt).unwrap_or_default());
    Ok(ids)
}

/// The program of this number.
pub(crate) fn open(id: u32) -> Result<OwnedFd, Errno> {
    bpf_fd(&mut Open { id, ..Open::default() })
}

/// What the kernel tells of a program.
pub(crate) fn info(program: BorrowedFd<'_>) -> Result<Info, Errno> {
    let mut info = Info::default();
    fill(program, &mut info)?;
    Ok(info)
}

/// The instructions of a program, as the verifier has left them; none where the kernel does not tell them.
pub(crate) fn instructions(program: BorrowedFd<'_>) -> Result<Vec<Insn>, Errno> {
    let length = info(program)?.xlated_prog_len;
    let mut insns = vec![Insn::default(); usize::try_from(length).unwrap_or_default() / size_of::<Insn>()];
    let mut info = Info { xlated_prog_len: length, xlated_prog_insns: address(insns.as_mut_ptr()), ..Info::default() };
    fill(program, &mut info)?;
    // Without the right to see them the address comes back as none.
    if info.xlated_prog_insns == 0 {
        insns.clear();
    }
    Ok(insns)
}

/// Has the kernel fill in what it tells of a program; the buffers that `info` names belong to the caller, and are no
/// shorter than it says.
fn fill(program: BorrowedFd<'_>, info: &mut Info) -> Result<(), Errno> {
    let info_len = length(size_of::<Info>())?;
    bpf(&mut GetInfo { bpf_fd: number(program), info_len, info: address(std::ptr::from_mut(info)) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of linux/bpf.h; libc has none of them.
    #[test]
    fn a_bad_descriptor_is_what_the_kernel_says_to_every_command() {
        let null = std::fs::File::open("/dev/null").unwrap();
        let fd = std::os::fd::AsFd::as_fd(&null);
        // Nobody is let through without the right; who has it is told that this is no group and no program.
        for answer in [attach(fd, fd, 6, None), detach(fd, fd, 6), attached(fd, 6).map(drop), info(fd).map(drop)] {
            assert!(matches!(answer, Err(Errno::BADF | Errno::INVAL | Errno::PERM | Errno::NOSYS)), "{answer:?}");
        }
    }
}
