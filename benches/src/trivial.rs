// SPDX-License-Identifier: MIT OR Apache-2.0
//! The least program: exits with 0, without libc.
#![no_std]
#![no_main]

/// Where the kernel begins.
///
/// # Safety
/// Only the kernel may call it.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _start() -> ! {
    #[cfg(target_arch = "x86_64")]
    core::arch::naked_asm!("mov eax, 231", "xor edi, edi", "syscall", "ud2");
    #[cfg(target_arch = "aarch64")]
    core::arch::naked_asm!("mov x8, #94", "mov x0, #0", "svc #0", "brk #1");
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
