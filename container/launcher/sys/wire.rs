// SPDX-License-Identifier: MIT OR Apache-2.0
//! The child's and the launcher's end of the wire.

use ns_floor::Errno;
use ns_floor::sys::{exit_group, nr, syscall};

use crate::wire::{Frame, SIZE};

/// The child's and the launcher's end of the wire.
#[derive(Debug)]
pub struct Wire {
    socket: i32,
    /// A pidfd of the caller, where it could give one: a copy of the caller may hold the other end of the wire for longer
    /// than the caller itself lives.
    caller: Option<i32>,
}

const SOCK_CLOEXEC: usize = 0o200_0000;

/// A hundredth of a second.
fn pause() {
    let mut time = [0_u64, 10_000_000];
    let time = (&raw mut time).expose_provenance();
    // SAFETY: the kernel reads one struct timespec at a live local, and writes what is left into it where it does that;
    // null pointers stand for no descriptors and an unchanged signal mask.
    let _ = unsafe { syscall(nr::PPOLL, [0, 0, time, 0, 0, 0]) };
}

/// A frame in place of a signal when the parent is gone.
const MSG_NOSIGNAL: usize = 0x4000;

impl Wire {
    /// The wire under descriptor `socket`, of the caller that `caller` is a pidfd of.
    pub const fn new(socket: i32, caller: Option<i32>) -> Self {
        Self { socket, caller }
    }

    /// The wire under another descriptor, this one closed.
    pub fn replaced_by(&self, socket: i32) -> Self {
        ns_floor::sys::close(self.socket);
        Self { socket, caller: self.caller }
    }

    /// Has the kernel close the wire when the program is executed.
    pub fn close_on_exec(&self) -> Result<(), Errno> {
        const F_SETFD: usize = 2;
        const FD_CLOEXEC: usize = 1;
        for fd in [Some(self.socket), self.caller].into_iter().flatten() {
            // SAFETY: no pointer.
            unsafe { syscall(nr::FCNTL, [fd as usize, F_SETFD, FD_CLOEXEC, 0, 0, 0]) }?;
        }
        Ok(())
    }

    /// Sends a frame. A parent that is gone is noticed when its answer is waited for.
    pub fn send(&self, frame: Frame) {
        let _ = self.send_with(frame, &mut []);
    }

    /// Sends a frame and two descriptors with it.
    pub fn send_descriptors(&self, frame: Frame, fds: [i32; 2]) -> Result<(), Errno> {
        self.send_with(frame, &mut [Control::of(size_of::<Control>(), fds)])
    }

    /// Sends a frame and a descriptor with it.
    pub fn send_descriptor(&self, frame: Frame, fd: i32) -> Result<(), Errno> {
        /// Without the second descriptor, in whose place is padding.
        const SIZE_OF_ONE: usize = 20;
        self.send_with(frame, &mut [Control::of(SIZE_OF_ONE, [fd, -1])])
    }

    fn send_with(&self, frame: Frame, control: &mut [Control]) -> Result<(), Errno> {
        let bytes = frame.encode();
        let data = Vector { base: bytes.as_ptr().expose_provenance(), size: SIZE };
        let message = Message {
            name: 0,
            name_size: 0,
            data: (&raw const data).expose_provenance(),
            data_count: 1,
            control: if control.is_empty() { 0 } else { control.as_mut_ptr().expose_provenance() },
            control_size: size_of_val(control),
            flags: 0,
        };
        let message = (&raw const message).expose_provenance();
        loop {
            // SAFETY: the header, the vector, the bytes and the control message are live locals of the sizes given.
            match unsafe { syscall(nr::SENDMSG, [self.socket as usize, message, MSG_NOSIGNAL, 0, 0, 0]) } {
                Err(Errno::INTR) => {}
                done => return done.map(drop),
            }
        }
    }

    /// Waits for a frame. End of file, or what is no frame, means that the parent is gone: so is this process then.
    pub fn receive(&self) -> Frame {
        self.wait();
        match self.hear() {
            Some(frame) => frame,
            None => exit_group(1),
        }
    }

    /// The next frame, unless it is none, or the end of file.
    fn hear(&self) -> Option<Frame> {
        let mut bytes = [0; SIZE];
        let at = bytes.as_mut_ptr().expose_provenance();
        loop {
            // SAFETY: the kernel writes at most SIZE bytes into a live local of that size.
            match unsafe { syscall(nr::RECVFROM, [self.socket as usize, at, SIZE, 0, 0, 0]) } {
                Err(Errno::INTR) => {}
                Ok(SIZE) => return Frame::decode(bytes),
                _ => return None,
            }
        }
    }

    /// Lets go of the caller, and waits for whoever comes to the socket `listener` and has it start, however many come and
    /// go again before. Answers the wire to that one.
    pub fn left(&self, listener: i32) -> Self {
        for fd in [Some(self.socket), self.caller].into_iter().flatten() {
            ns_floor::sys::close(fd);
        }
        loop {
            // SAFETY: null pointers: nothing is asked of who comes.
            match unsafe { syscall(nr::ACCEPT4, [listener as usize, 0, 0, SOCK_CLOEXEC, 0, 0]) } {
                Ok(socket) => {
                    let wire = Self { socket: socket as i32, caller: None };
                    wire.send(Frame::Ready);
                    if let Some(Frame::Start) = wire.hear() {
                        ns_floor::sys::close(listener);
                        return wire;
                    }
                    ns_floor::sys::close(wire.socket);
                }
                // The machine has no room for a socket: it is asked for again, which must not keep a processor busy.
                Err(_) => pause(),
            }
        }
    }

    /// Waits until the parent has spoken or closed the wire. Ends when the caller has ended, whoever holds the wire then.
    fn wait(&self) {
        const POLLIN: i16 = 1;
        let Some(caller) = self.caller else { return };
        let mut fds =
            [Poll { fd: self.socket, events: POLLIN, found: 0 }, Poll { fd: caller, events: POLLIN, found: 0 }];
        loop {
            let args = [fds.as_mut_ptr().expose_provenance(), fds.len(), 0, 0, 0, 0];
            // SAFETY: the kernel reads and writes two struct pollfd at a live local; null pointers stand for no deadline
            // and an unchanged signal mask.
            match unsafe { syscall(nr::PPOLL, args) } {
                Err(Errno::INTR) => {}
                Ok(_) if matches!(fds, [_, Poll { found: 1.., .. }]) => exit_group(1),
                _ => return,
            }
        }
    }

    /// Reports that the step at `at` failed, and ends.
    pub fn fail(&self, at: u16, errno: Errno) -> ! {
        self.fail_in_detail(at, errno, 0)
    }

    /// Its descriptor: for who closes it without a word, since another process speaks from here on.
    pub const fn socket(&self) -> i32 {
        self.socket
    }

    /// Reports that the step at `at` failed, and which part of it or why, and ends.
    pub fn fail_in_detail(&self, at: u16, errno: Errno, detail: u16) -> ! {
        self.fail_with(at, errno, detail, None)
    }

    /// The same, and hands over what the kernel has noted the reason in: the parent has room to read it.
    pub fn fail_with(&self, at: u16, errno: Errno, detail: u16, log: Option<i32>) -> ! {
        let frame = Frame::Failed { at, errno: errno.0, detail };
        match log {
            Some(log) if self.send_descriptor(frame, log).is_ok() => {}
            _ => self.send(frame),
        }
        exit_group(1)
    }
}

/// `struct pollfd`.
#[repr(C)]
struct Poll {
    fd: i32,
    events: i16,
    found: i16,
}

/// `struct iovec`.
#[repr(C)]
struct Vector {
    base: usize,
    size: usize,
}

/// `struct user_msghdr`, include/linux/socket.h.
#[repr(C)]
struct Message {
    name: usize,
    name_size: u32,
    data: usize,
    data_count: usize,
    control: usize,
    control_size: usize,
    flags: u32,
}
const _: () = assert!(size_of::<Message>() == 56);

/// `struct cmsghdr` with two descriptors, or one and padding.
#[repr(C)]
struct Control {
    size: usize,
    level: i32,
    kind: i32,
    fds: [i32; 2],
}
const _: () = assert!(size_of::<Control>() == 24);

impl Control {
    const fn of(size: usize, fds: [i32; 2]) -> Self {
        const SOL_SOCKET: i32 = 1;
        const SCM_RIGHTS: i32 = 1;
        Self { size, level: SOL_SOCKET, kind: SCM_RIGHTS, fds }
    }
}
