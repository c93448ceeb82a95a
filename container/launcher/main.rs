// SPDX-License-Identifier: MIT OR Apache-2.0
//! The launcher: makes a process in new namespaces, has it perform a plan, and executes the program.
//!
//! Floor: a program of its own, without heap, libc, formatting or panics. skep's `build.rs` compiles it together with the
//! floors of the leaves and embeds it; the parent executes it from a sealed memfd with two descriptors beside the
//! program's own, the wire and the plan; a pidfd of the caller, a cgroup to be born in, files to join cgroups of version 1
//! by, a socket to listen on for whoever starts the program, and namespaces to join may be there too. Its environment has
//! their numbers, and of the last what is joined by them, in the bits of setns(2): `wire=3`, `join=7,8`,
//! `enter=9:1073741824`. `src/wire.rs` has the chart of what is said.
#![no_std]
#![no_main]
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects
)]
#![deny(unsafe_code)]
#![allow(dead_code, reason = "step.rs and wire.rs have the parent's half in them too")]
#![allow(unreachable_pub, reason = "a program: nothing of it can be reached from elsewhere")]

mod clone;
mod init;
mod run;
#[path = "../src/plan/step.rs"]
mod step;
mod streams;
mod sys;
mod terminal;
#[path = "../src/wire.rs"]
mod wire;

/// The floors of the leaves, under the names that the library has for them too.
mod floors {
    pub use caps_sec_floor as caps_sec;
    pub use rootfs_floor as rootfs;
}

use ns_floor::Errno;
use ns_floor::process;
use step::Flat;
use sys::{Variables, Wire};
use wire::{AT_CLONE, AT_ENTER, AT_ENTER_LATE, AT_JOIN, AT_PLAN, Frame};

/// What the launcher does; `_start` in `sys/mod.rs` calls it.
fn main(variables: &Variables) -> ! {
    let number = |prefix| variables.after(prefix).and_then(process::number).map(u32::cast_signed);
    let (Some(wire), Some(plan)) = (number(b"wire="), number(b"plan=")) else {
        // Started by hand. There is nobody to report to.
        ns_floor::sys::exit_group(64)
    };
    let wire = Wire::new(wire, number(b"caller="));
    match prepare(&wire, plan) {
        Ok(plan) => {
            enter(&wire, &plan, AT_ENTER, variables.after(b"enter="));
            launch(&wire, &plan, number(b"cgroup="), variables)
        }
        Err(errno) => wire.fail(AT_PLAN, errno),
    }
}

/// Reads the plan. What the caller had open beside it and the program's descriptors is closed already: Spawn did.
fn prepare(wire: &Wire, plan: i32) -> Result<Flat<'static>, Errno> {
    wire.close_on_exec()?;
    let bytes = sys::map(plan)?;
    ns_floor::sys::close(plan);
    let base = bytes.as_ptr().addr() as u64;
    let header = Flat::new(bytes).ok_or(Errno::PROTO)?.header();
    step::relocate(bytes, header.argv, base).ok_or(Errno::PROTO)?;
    step::relocate(bytes, header.envp, base).ok_or(Errno::PROTO)?;
    let plan = Flat::new(bytes).ok_or(Errno::PROTO)?;
    ns_floor::sys::set_name(plan.text(header.name).ok_or(Errno::PROTO)?);
    Ok(plan)
}

/// Makes the child and tells the parent of it; the child goes on in `run.rs`.
///
/// The child has a wire of its own, made here: no copy of the caller, which another thread may make at any moment, can hold
/// its end. So end of file on it means what it says.
fn launch(wire: &Wire, plan: &Flat<'static>, cgroup: Option<i32>, variables: &Variables) -> ! {
    run::fail_on_purpose(wire, plan, AT_CLONE);
    let (parents, childs) = match sys::socket_pair() {
        Ok(pair) => pair,
        Err(errno) => wire.fail(AT_CLONE, errno),
    };
    match clone::sibling(plan.header().clone_flags, cgroup) {
        Ok(clone::Side::Child { late_flags }) => {
            ns_floor::sys::close(parents);
            if let Some(cgroup) = cgroup {
                ns_floor::sys::close(cgroup);
            }
            let wire = wire.replaced_by(childs);
            if let Err(errno) = join(variables.after(b"join=").unwrap_or_default()) {
                wire.fail(AT_JOIN, errno)
            }
            enter(&wire, plan, AT_ENTER_LATE, variables.after(b"late="));
            let listener = variables.after(b"listen=").and_then(process::number).map(u32::cast_signed);
            run::child(&wire, plan, late_flags, listener)
        }
        Ok(clone::Side::Launcher { pid, pidfd, in_cgroup }) => {
            // If the parent is gone, the child finds its wire closed, and ends by itself.
            let _ = wire.send_descriptors(Frame::Born { pid, in_cgroup }, [pidfd, parents]);
            ns_floor::sys::exit_group(0)
        }
        Err(errno) => wire.fail(AT_CLONE, errno),
    }
}

/// Joins namespaces, `FD:KINDS,FD:KINDS`; ends at the first that is refused.
///
/// Who is in them already may trace what comes with a like right: its memory is kept from them before the first, and again
/// after each, since a change of user namespace has the kernel set that anew (`fs.suid_dumpable`).
fn enter(wire: &Wire, plan: &Flat<'static>, place: u16, list: Option<&[u8]>) {
    let Some(list) = list else { return };
    let refuse = |at: usize, errno| wire.fail_in_detail(place, errno, u16::try_from(at).unwrap_or(u16::MAX));
    run::fail_on_purpose(wire, plan, place);
    for (at, entry) in list.split(|byte| *byte == b',').enumerate() {
        let mut numbers = entry.split(|byte| *byte == b':').map(process::number);
        let (Some(Some(fd)), Some(Some(kinds))) = (numbers.next(), numbers.next()) else { refuse(at, Errno::PROTO) };
        let fd = fd.cast_signed();
        let joined = ns_floor::sys::hide_memory()
            .and_then(|()| ns_floor::sys::setns(fd, kinds.into()))
            .and_then(|()| ns_floor::sys::hide_memory());
        if let Err(errno) = joined {
            refuse(at, errno)
        }
        ns_floor::sys::close(fd);
    }
}

/// Joins the calling process, which has one thread, to cgroups by their files, whose numbers these are. The parent could do
/// it as well, but a thread that moves itself alone is spared the wait for a grace period of the kernel's.
fn join(ways: &[u8]) -> Result<(), Errno> {
    for way in ways.split(|byte| *byte == b',') {
        let Some(file) = process::number(way).map(u32::cast_signed) else { continue };
        ns_floor::sys::write(file, b"0")?;
        ns_floor::sys::close(file);
    }
    Ok(())
}
