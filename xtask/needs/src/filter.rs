// SPDX-License-Identifier: MIT OR Apache-2.0
//! The denier's filter: classic BPF that answers the listed calls with an error and allows all others.
//!
//! Own and small on purpose: the library's seccomp compiler is tested with the help of this crate, not the other way.
//! Calls of another architecture (32-bit programs) are allowed: this is a test tool, not a protection.
//! Man: seccomp(2).

use std::io;

use crate::denial::Denials;
use crate::sys;

/// `AUDIT_ARCH_*` of linux/audit.h.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

const LOAD_WORD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K
const NUMBER_AT: u32 = 0; // offsetof(struct seccomp_data, nr)
const ARCHITECTURE_AT: u32 = 4; // offsetof(struct seccomp_data, arch)

/// Denies the listed system calls to this thread and all that it starts.
///
/// Sets `no_new_privs` only where the kernel demands it (without `CAP_SYS_ADMIN`): with it set, newuidmap, which is
/// set-user-ID, could no longer map ids.
///
/// # Errors
/// What the kernel answers: `EINVAL` where it has no seccomp filters.
pub fn deny(denials: &Denials) -> io::Result<()> {
    let program = compile(denials);
    match sys::load_filter(&program) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            rustix::thread::set_no_new_privs(true)?;
            sys::load_filter(&program)
        }
        other => other,
    }
}

fn compile(denials: &Denials) -> Vec<libc::sock_filter> {
    let allow = statement(RETURN, libc::SECCOMP_RET_ALLOW);
    let mut program =
        vec![statement(LOAD_WORD, ARCHITECTURE_AT), jump(ARCHITECTURE, 1, 0), allow, statement(LOAD_WORD, NUMBER_AT)];
    for denial in &denials.0 {
        // A pair each, jumping over its own return: jumps are eight bits wide, and the list may grow.
        program.push(jump(denial.number, 0, 1));
        program.push(statement(RETURN, libc::SECCOMP_RET_ERRNO | denial.errno.unsigned_abs()));
    }
    program.push(allow);
    program
}

fn statement(code: u16, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt: 0, jf: 0, k }
}

fn jump(k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code: JUMP_EQUAL, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel would, for the three instructions it uses.
    fn answer(program: &[libc::sock_filter], architecture: u32, number: u32) -> u32 {
        let (mut at, mut loaded) = (0, 0);
        loop {
            let step = program[at];
            at += 1;
            match (step.code, step.k) {
                (LOAD_WORD, NUMBER_AT) => loaded = number,
                (LOAD_WORD, ARCHITECTURE_AT) => loaded = architecture,
                (JUMP_EQUAL, k) => at += usize::from(if loaded == k { step.jt } else { step.jf }),
                (RETURN, k) => return k,
                other => panic!("an instruction that is not ours: {other:?}"),
            }
        }
    }

    #[test]
    fn listed_calls_are_refused_and_others_allowed() {
        let program = compile(&"clone3,memfd_create=EPERM".parse().unwrap());
        assert_eq!(answer(&program, ARCHITECTURE, 435), libc::SECCOMP_RET_ERRNO | 38);
        let memfd = u32::try_from(libc::SYS_memfd_create).unwrap();
        assert_eq!(answer(&program, ARCHITECTURE, memfd), libc::SECCOMP_RET_ERRNO | 1);
        assert_eq!(answer(&program, ARCHITECTURE, 0), libc::SECCOMP_RET_ALLOW);
        assert_eq!(answer(&program, 0x4000_0003, 435), libc::SECCOMP_RET_ALLOW);
    }
}
