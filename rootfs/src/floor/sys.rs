// SPDX-License-Identifier: MIT OR Apache-2.0
//! Raw system calls: the floor's only door to the kernel.
#![allow(unsafe_code, reason = "the door: nothing else in the floor is unsafe")]
#![allow(clippy::missing_errors_doc, reason = "every function answers the kernel's error number and nothing else")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "arguments and answers are registers: the kernel takes the low half of one where it wants 32 bits"
)]

use core::arch::asm;
use core::ffi::CStr;

/// The kernel's error number, positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub u16);

/// System call numbers.
pub mod nr {
    #![allow(missing_docs, reason = "the kernel's names")]
    #[cfg(target_arch = "x86_64")]
    pub const MOUNT: usize = 165;
    #[cfg(target_arch = "aarch64")]
    pub const MOUNT: usize = 40;
}

/// mount(2): a null pointer for what is `None`.
pub fn mount(source: Option<&CStr>, target: &CStr, kind: Option<&CStr>, flags: usize) -> Result<(), Errno> {
    let pointer = |text: Option<&CStr>| text.map_or(0, |text| text.as_ptr().expose_provenance());
    let args = [pointer(source), pointer(Some(target)), pointer(kind), flags, 0];
    // SAFETY: the kernel reads live strings that end in NUL, or takes the null pointers that mount(2) allows.
    unsafe { syscall(nr::MOUNT, args) }
}

/// Makes system call `number` with five arguments.
///
/// # Safety
/// The arguments must be what the kernel demands of this call.
unsafe fn syscall(number: usize, args: [usize; 5]) -> Result<(), Errno> {
    let [a, b, c, d, e] = args;
    let ret: isize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the kernel's calling convention on x86_64: it changes rax, rcx and r11 alone; the caller vouches for the rest.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => ret, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
             in("r8") e, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the kernel's calling convention on aarch64: it changes x0 alone; the caller vouches for the rest.
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") a as isize => ret, in("x1") b, in("x2") c, in("x3") d,
             in("x4") e, options(nostack));
    }
    match ret {
        -4095..=-1 => Err(Errno(ret.unsigned_abs() as u16)),
        _ => Ok(()),
    }
}
