// SPDX-License-Identifier: MIT OR Apache-2.0
//! A start in the memory-sharing form: the assembly.
//!
//! Between the clone and the exec the child shares the caller's memory and borrows its time. What runs there is the loop
//! below, in assembly, over a table of raw system calls that was finished before: no profile, sanitizer or coverage tool
//! of the user's build reaches it, it uses no stack, no thread-local storage and no lock.

use std::mem::offset_of;
use std::os::fd::{OwnedFd, RawFd};

use super::mask::SignalMask;
use super::{CLONE_CLEAR_SIGHAND, CLONE_PIDFD, CLONE_VFORK, CLONE_VM, CloneArgs, Extras, SIGCHLD, address, adopt};
use crate::floor::sys::Errno;
use crate::spawn::call::{self, Call, OnError};

/// What the assembly works on.
#[repr(C)]
#[derive(Debug)]
struct Block<'a> {
    clone: CloneArgs,
    first: *const Call<'a>,
    end: *const Call<'a>,
    /// 0 for clone3, 1 for clone.
    form: u64,
    /// Written by the child: the failed call's address, and its error number.
    failed: *const Call<'a>,
    errno: u64,
}
// The assembly takes every offset from here but these: the arguments of clone3, flags first, lie at its beginning.
const _: () = assert!(offset_of!(Block<'_>, clone) == 0 && offset_of!(CloneArgs, flags) == 0);

/// How a start ended on the caller's side.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) pid: u32,
    pub(crate) pidfd: OwnedFd,
    /// The place in the table of the call that failed, and its error number.
    pub(crate) failed: Option<(usize, Errno)>,
}

/// Clones in the memory-sharing vfork form and has the child make the calls of `table`, the last of which is an exec.
///
/// The thread sleeps until the child has executed or ended. Answers an error if the clone itself was refused. What a call
/// points to is borrowed by it, and none changes credentials or waits for another process: see `spawn/call.rs`. Paths may
/// lie on file systems that are slow to answer.
pub(crate) fn vfork_exec(table: &[Call<'_>], extras: Extras<'_>) -> Result<Started, Errno> {
    // The child's loop needs no stack; the kernel is given one, so that nothing could be written over the caller's.
    let mut stack = [0_u128; 64];
    let mut pidfd: RawFd = -1;
    let range = table.as_ptr_range();
    let mut block = Block {
        clone: CloneArgs {
            flags: CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND | CLONE_PIDFD,
            pidfd: address(&raw mut pidfd),
            exit_signal: SIGCHLD,
            stack: address(stack.as_mut_ptr()),
            stack_size: size_of_val(&stack) as u64,
            ..CloneArgs::default()
        },
        first: range.start,
        end: range.end,
        form: 0,
        failed: std::ptr::null(),
        errno: 0,
    };
    extras.add_to(&mut block.clone);
    let mask = SignalMask::block_all();
    // SAFETY: the block and the table live on, and so does what the calls borrow. CLONE_VFORK: this thread sleeps until
    // the child has executed or ended, so that the locals above outlive the child's use of them.
    let mut ret = unsafe { clone_and_perform(&raw mut block) };
    if refused(ret) && extras.is_empty() {
        // clone(2) cannot clear signal handlers; they cannot run while every signal is blocked, and the table resets them.
        block.form = 1;
        block.clone.flags &= !CLONE_CLEAR_SIGHAND;
        // SAFETY: as above.
        ret = unsafe { clone_and_perform(&raw mut block) };
    }
    mask.restore();
    if ret < 0 {
        return Err(Errno(u16::try_from(ret.unsigned_abs()).unwrap_or(u16::MAX)));
    }
    let Block { failed, errno, .. } = block;
    Ok(Started {
        pid: u32::try_from(ret).unwrap_or(0),
        pidfd: adopt(pidfd),
        failed: (!failed.is_null()).then(|| {
            ((failed.addr() - range.start.addr()) / size_of::<Call<'_>>(), Errno(u16::try_from(errno).unwrap_or(0)))
        }),
    })
}

/// Whether clone3 itself is refused: by a kernel before 5.3 or a seccomp filter (some answer EPERM), not for its arguments.
fn refused(ret: isize) -> bool {
    const EPERM: isize = 1;
    const ENOSYS: isize = 38;
    // EINVAL: before 5.5 there is no CLONE_CLEAR_SIGHAND.
    const EINVAL: isize = 22;
    [-ENOSYS, -EPERM, -EINVAL].contains(&ret)
}

/// Clones by `block`; in the child makes the calls of its table and never returns; in the caller answers what the kernel did.
///
/// # Safety
/// The block must be live, its table must be free of calls that wait or change what other threads rely on.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn clone_and_perform(block: *mut Block<'_>) -> isize {
    // The child keeps to rbx, r12, r13 and r14, which a system call leaves alone, and does not touch its stack: valgrind
    // turns the clone into a fork that goes on with the caller's.
    std::arch::naked_asm!(
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "mov rbx, rdi",
        "cmp qword ptr [rbx + {form}], 0",
        "jne 2f",
        // clone3(&block.clone, 88)
        "mov eax, 435",
        "mov esi, {clone_size}",
        "syscall",
        "jmp 3f",
        // clone(flags | exit_signal, stack + size, pidfd, 0, 0)
        "2:",
        "mov eax, 56",
        "mov rdi, [rbx]",
        "or rdi, [rbx + {exit_signal}]",
        "mov rsi, [rbx + {stack}]",
        "add rsi, [rbx + {stack_size}]",
        "mov rdx, [rbx + {pidfd}]",
        "xor r10d, r10d",
        "xor r8d, r8d",
        "syscall",
        "3:",
        "test rax, rax",
        "jz 4f",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "ret",
        // The child.
        "4:",
        "mov r12, [rbx + {first}]",
        "mov r13, [rbx + {end}]",
        "5:",
        "cmp r12, r13",
        "jae 9f",
        "mov rax, [r12]",
        "mov rdi, [r12 + 8]",
        "mov rsi, [r12 + 16]",
        "mov rdx, [r12 + 24]",
        "mov r10, [r12 + 32]",
        "mov r8, [r12 + 40]",
        "mov r9, [r12 + 48]",
        "syscall",
        "cmp rax, -4095",
        "jb 8f",
        "cmp qword ptr [r12 + {on_error}], {go_on}",
        "je 8f",
        "cmp qword ptr [r12 + {on_error}], {close_each}",
        "je 6f",
        "cmp qword ptr [r12 + {on_error}], {go_on_if_unknown}",
        "jne 10f",
        "cmp rax, -2",
        "je 8f",
        "cmp rax, -38",
        "je 8f",
        "10:",
        "neg rax",
        "mov [rbx + {errno}], rax",
        "mov [rbx + {failed}], r12",
        "jmp 9f",
        // close_range was refused: one by one.
        "6:",
        "mov r14, [r12 + 8]",
        "7:",
        "cmp r14, [r12 + 32]",
        "jae 8f",
        "mov eax, 3",
        "mov rdi, r14",
        "syscall",
        "inc r14",
        "jmp 7b",
        "8:",
        "add r12, {call_size}",
        "jmp 5b",
        // exit_group(127)
        "9:",
        "mov eax, 231",
        "mov edi, 127",
        "syscall",
        "ud2",
        form = const offset_of!(Block<'_>, form),
        exit_signal = const offset_of!(Block<'_>, clone.exit_signal),
        stack = const offset_of!(Block<'_>, clone.stack),
        stack_size = const offset_of!(Block<'_>, clone.stack_size),
        pidfd = const offset_of!(Block<'_>, clone.pidfd),
        first = const offset_of!(Block<'_>, first),
        end = const offset_of!(Block<'_>, end),
        failed = const offset_of!(Block<'_>, failed),
        errno = const offset_of!(Block<'_>, errno),
        clone_size = const size_of::<CloneArgs>(),
        call_size = const size_of::<Call<'_>>(),
        on_error = const call::ON_ERROR,
        go_on = const OnError::GoOn as u64,
        close_each = const OnError::CloseEach as u64,
        go_on_if_unknown = const OnError::GoOnIfUnknown as u64,
    )
}

/// Clones by `block`; in the child makes the calls of its table and never returns; in the caller answers what the kernel did.
///
/// # Safety
/// The block must be live, its table must be free of calls that wait or change what other threads rely on.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn clone_and_perform(block: *mut Block<'_>) -> isize {
    // The child keeps to x19 to x22, which a system call leaves alone, and does not touch its stack.
    std::arch::naked_asm!(
        "stp x19, x20, [sp, #-32]!",
        "stp x21, x22, [sp, #16]",
        "mov x19, x0",
        "ldr x9, [x19, #{form}]",
        "cbnz x9, 2f",
        // clone3(&block.clone, 88)
        "mov x8, #435",
        "mov x1, #{clone_size}",
        "svc #0",
        "b 3f",
        // clone(flags | exit_signal, stack + size, pidfd, 0, 0)
        "2:",
        "mov x8, #220",
        "ldr x0, [x19]",
        "ldr x9, [x19, #{exit_signal}]",
        "orr x0, x0, x9",
        "ldr x1, [x19, #{stack}]",
        "ldr x9, [x19, #{stack_size}]",
        "add x1, x1, x9",
        "ldr x2, [x19, #{pidfd}]",
        "mov x3, #0",
        "mov x4, #0",
        "svc #0",
        "3:",
        "cbz x0, 4f",
        "ldp x21, x22, [sp, #16]",
        "ldp x19, x20, [sp], #32",
        "ret",
        // The child.
        "4:",
        "ldr x20, [x19, #{first}]",
        "ldr x21, [x19, #{end}]",
        "5:",
        "cmp x20, x21",
        "b.hs 9f",
        "ldr x8, [x20]",
        "ldp x0, x1, [x20, #8]",
        "ldp x2, x3, [x20, #24]",
        "ldp x4, x5, [x20, #40]",
        "svc #0",
        "cmn x0, #4095",
        "b.lo 8f",
        "ldr x9, [x20, #{on_error}]",
        "cmp x9, #{go_on}",
        "b.eq 8f",
        "cmp x9, #{close_each}",
        "b.eq 6f",
        "cmp x9, #{go_on_if_unknown}",
        "b.ne 10f",
        "cmn x0, #2",
        "b.eq 8f",
        "cmn x0, #38",
        "b.eq 8f",
        "10:",
        "neg x0, x0",
        "str x0, [x19, #{errno}]",
        "str x20, [x19, #{failed}]",
        "b 9f",
        // close_range was refused: one by one.
        "6:",
        "ldr x22, [x20, #8]",
        "7:",
        "ldr x9, [x20, #32]",
        "cmp x22, x9",
        "b.hs 8f",
        "mov x8, #57",
        "mov x0, x22",
        "svc #0",
        "add x22, x22, #1",
        "b 7b",
        "8:",
        "add x20, x20, #{call_size}",
        "b 5b",
        // exit_group(127)
        "9:",
        "mov x8, #94",
        "mov x0, #127",
        "svc #0",
        "brk #1",
        form = const offset_of!(Block<'_>, form),
        exit_signal = const offset_of!(Block<'_>, clone.exit_signal),
        stack = const offset_of!(Block<'_>, clone.stack),
        stack_size = const offset_of!(Block<'_>, clone.stack_size),
        pidfd = const offset_of!(Block<'_>, clone.pidfd),
        first = const offset_of!(Block<'_>, first),
        end = const offset_of!(Block<'_>, end),
        failed = const offset_of!(Block<'_>, failed),
        errno = const offset_of!(Block<'_>, errno),
        clone_size = const size_of::<CloneArgs>(),
        call_size = const size_of::<Call<'_>>(),
        on_error = const call::ON_ERROR,
        go_on = const OnError::GoOn as u64,
        close_each = const OnError::CloseEach as u64,
        go_on_if_unknown = const OnError::GoOnIfUnknown as u64,
    )
}
