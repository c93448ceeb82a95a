// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the standard library does not offer to a test: signals as the kernel has them, and threads that are cancelled.
#![allow(
    unsafe_code,
    reason = "libc's functions are unsafe to call, and these have no safe peer in the crates at hand"
)]

use std::ffi::{CStr, c_int, c_void};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// `struct kernel_sigaction`; glibc's calls leave out signals 32 and 33.
pub(crate) type Action = [usize; 4];

static OWN_PID: AtomicI32 = AtomicI32::new(0);
static HANDLED: AtomicU64 = AtomicU64::new(0);
static HANDLED_ELSEWHERE: AtomicU64 = AtomicU64::new(0);

const SA_RESTART: usize = 0x1000_0000;

/// Counts; and notes if it runs in another process that shares this memory.
extern "C" fn handler(_signal: c_int) {
    // SAFETY: takes nothing, and may be called in a handler.
    let pid = unsafe { libc::getpid() };
    let own = pid == OWN_PID.load(Ordering::Relaxed);
    if own { &HANDLED } else { &HANDLED_ELSEWHERE }.fetch_add(1, Ordering::Relaxed);
}

/// How often the handler ran in this process, and in others.
pub(crate) fn handled() -> (u64, u64) {
    (HANDLED.load(Ordering::Relaxed), HANDLED_ELSEWHERE.load(Ordering::Relaxed))
}

/// Gives a signal the handler that counts.
pub(crate) fn handle(signal: c_int) {
    // SAFETY: takes nothing.
    OWN_PID.store(unsafe { libc::getpid() }, Ordering::Relaxed);
    // Via a signal that glibc gives a handler and its return path: the kernel wants one with every handler.
    #[allow(clippy::fn_to_numeric_cast_any, reason = "the kernel takes a handler's address")]
    let address = handler as extern "C" fn(c_int) as usize;
    // SAFETY: the handler does no more than a handler may.
    let old = unsafe { libc::signal(libc::SIGURG, address) };
    let mut with_handler = action(libc::SIGURG);
    // Calls that it interrupts are not restarted by the kernel.
    with_handler[1] &= !SA_RESTART;
    // SAFETY: what stood before.
    unsafe { libc::signal(libc::SIGURG, old) };
    set_action(signal, with_handler);
}

pub(crate) fn ignore(signal: c_int) {
    set_action(signal, [libc::SIG_IGN, 0, 0, 0]);
}

/// Children end without a trace, and are not even announced.
pub(crate) fn leave_no_zombies() {
    const SA_NOCLDWAIT: usize = 2;
    set_action(libc::SIGCHLD, [libc::SIG_DFL, SA_NOCLDWAIT, 0, 0]);
}

/// What the kernel does on this signal: handler, flags, return path, mask.
pub(crate) fn action(signal: c_int) -> Action {
    let mut action: Action = [0; 4];
    // SAFETY: the kernel writes 32 bytes at a live local of that size.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, 0, action.as_mut_ptr(), 8) };
    action
}

fn set_action(signal: c_int, action: Action) {
    // SAFETY: the kernel reads 32 bytes at a live local; the handler in it, if any, is the one of this file.
    let done = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), 0, 8) };
    assert_eq!(done, 0, "signal {signal}");
}

pub(crate) fn action_as_text(signal: c_int) -> String {
    format!("{:x?}", action(signal))
}

/// Blocks signals in this thread, real-time ones too.
pub(crate) fn block(signals: &[c_int]) {
    let mask = signals.iter().fold(0_u64, |mask, signal| mask | 1 << (signal - 1));
    // SAFETY: the kernel reads 8 bytes at a live local.
    let done = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, &raw const mask, 0, 8) };
    assert_eq!(done, 0);
}

/// The signals that this thread blocks.
pub(crate) fn mask() -> u64 {
    let mut mask = 0_u64;
    // SAFETY: the kernel writes 8 bytes at a live local.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, 0, &raw mut mask, 8) };
    mask
}

/// Sends a signal to every process of this one's group.
pub(crate) fn signal_group(signal: c_int) {
    // SAFETY: no pointer.
    unsafe { libc::kill(0, signal) };
}

/// The number of this thread.
pub(crate) fn this_thread() -> c_int {
    // SAFETY: takes nothing.
    unsafe { libc::gettid() }
}

/// Sends a signal to one thread of this process.
pub(crate) fn signal_thread(thread: c_int, signal: c_int) {
    // SAFETY: takes nothing.
    let process = unsafe { libc::getpid() };
    // SAFETY: no pointer.
    unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal) };
}

pub(crate) fn set_comm(name: &CStr) {
    // SAFETY: the kernel reads a string that ends with a NUL byte.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

fn prctl(option: c_int) -> c_int {
    // SAFETY: the options given here take no pointer.
    unsafe { libc::prctl(option, 0, 0, 0, 0) }
}

/// Dumpable, keepcaps, securebits, no_new_privs, timer slack, transparent huge pages.
pub(crate) fn process_settings() -> String {
    let options = [
        libc::PR_GET_DUMPABLE,
        libc::PR_GET_KEEPCAPS,
        libc::PR_GET_SECUREBITS,
        libc::PR_GET_NO_NEW_PRIVS,
        libc::PR_GET_TIMERSLACK,
        libc::PR_GET_THP_DISABLE,
    ];
    format!("{:?}", options.map(prctl))
}

/// Unusual values of what [`process_settings`] shows, but for dumpable: an undumpable process may not read its own files
/// in /proc, and a start makes its caller undumpable if at all, not dumpable.
pub(crate) fn set_process_settings() {
    // SAFETY: no pointer.
    unsafe { libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0) };
    // SAFETY: no pointer.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 54_321, 0, 0, 0) };
}

/// A copy of a descriptor at `number` or above, which stays open on exec.
pub(crate) fn inheritable_copy(fd: &OwnedFd, number: c_int) -> OwnedFd {
    // SAFETY: no pointer.
    let copy = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD, number) };
    assert!(copy >= number, "{}", std::io::Error::last_os_error());
    // SAFETY: the kernel has just made this number for us.
    unsafe { OwnedFd::from_raw_fd(copy) }
}

/// Closes what a cancelled thread has left open.
pub(crate) fn close(number: c_int) {
    // SAFETY: its owner is gone: the thread ended without a drop.
    unsafe { libc::close(number) };
}

/// Closes standard descriptors while `body` runs, and puts them back.
pub(crate) fn with_closed<T>(numbers: &[c_int], body: impl FnOnce() -> T) -> T {
    let kept: Vec<_> = numbers.iter().map(|number| (*number, above(*number))).collect();
    for number in numbers {
        // SAFETY: the number is a standard one, of which a copy is kept; nobody prints meanwhile.
        unsafe { libc::close(*number) };
    }
    let answer = body();
    for (number, copy) in kept {
        // SAFETY: both numbers are open or free for us.
        unsafe { libc::dup2(copy.as_raw_fd(), number) };
    }
    answer
}

fn above(number: c_int) -> OwnedFd {
    // SAFETY: no pointer.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 600) };
    assert!(copy >= 600, "{}", std::io::Error::last_os_error());
    // SAFETY: the kernel has just made this number for us.
    unsafe { OwnedFd::from_raw_fd(copy) }
}

/// Reaps one child of this process, whoever started it; waits for one to end. False if there is none.
pub(crate) fn reap_any() -> bool {
    // SAFETY: a null pointer for the status, which nobody wants.
    unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::__WALL) > 0 }
}

type Body = extern "C-unwind" fn(*mut c_void) -> *mut c_void;

unsafe extern "C-unwind" {
    // In this form and not libc's, because a cancelled thread unwinds through them.
    fn pthread_create(thread: *mut libc::pthread_t, attributes: *const c_void, body: Body, arg: *mut c_void) -> c_int;
    fn pthread_cancel(thread: libc::pthread_t) -> c_int;
    fn pthread_testcancel();
}

/// A thread that can be cancelled, and is joined when dropped.
#[derive(Debug)]
pub(crate) struct Thread(libc::pthread_t);

impl Thread {
    /// Starts `body`, which has no state but statics.
    pub(crate) fn start(body: Body) -> Self {
        let mut thread = 0;
        // SAFETY: the place is a live local; the body takes no argument that is used.
        let done = unsafe { pthread_create(&raw mut thread, std::ptr::null(), body, std::ptr::null_mut()) };
        assert_eq!(done, 0);
        Self(thread)
    }

    pub(crate) fn cancel(&self) {
        // SAFETY: the thread is not joined yet.
        assert_eq!(unsafe { pthread_cancel(self.0) }, 0);
    }

    /// Waits for its end; true if it was cancelled.
    pub(crate) fn join(self) -> bool {
        const PTHREAD_CANCELED: isize = -1;
        let mut answer = std::ptr::null_mut::<c_void>();
        // SAFETY: the thread is joined once: this takes it.
        assert_eq!(unsafe { libc::pthread_join(self.0, &raw mut answer) }, 0);
        answer.addr().cast_signed() == PTHREAD_CANCELED
    }
}

/// Ends this thread here if it has been cancelled.
pub(crate) fn end_if_cancelled() {
    // SAFETY: this frame and the test's body have nothing to drop.
    unsafe { pthread_testcancel() };
}
