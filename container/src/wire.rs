// SPDX-License-Identifier: MIT OR Apache-2.0
//! The wire between the parent and what it launches: 8-byte frames over a socket pair, no pointers, no paths, no text.
//!
//! ```text
//!  parent                        launcher                         child (the program to be)
//!    │  Spawn, execveat            │
//!    ├────────────────────────────►│  reads the plan
//!    │                             │  clone3 (CLONE_PARENT) ───────►│
//!    │◄──── Born(pid) + pidfd ─────┤                                │ joins cgroups of version 1, and a
//!    │                             │                                │ cgroup namespace; waits
//!    │                             ╵ exits                          │
//!    │  joins it to cgroups that are left, writes id maps           │
//!    ├───────────────────────── Go(setgroups denied?) ─────────────►│
//!    │                                                              │ performs its steps; from some of them:
//!    │◄──────────────── Handed(step) + a descriptor ────────────────┤
//!    │◄─────────────────────── Waits(step) ─────────────────────────┤
//!    │  runs hooks                                                  │
//!    ├────────────────────────────  Go ────────────────────────────►│
//!    │◄──────────────────────── Ready ──────────────────────────────┤
//!    ╎  Created                                                     ╎ waits
//!    ├───────────────────────── Start ─────────────────────────────►│
//!    │                                                              │ executes the program
//!    │◄──────────────────────── end of file ────────────────────────┘ (closed on exec)
//! ```
//! A parent that was given a place for it may say `Leave` instead of `Start`, and go; whoever comes to that place has a wire
//! of their own, on which the child begins with `Ready`:
//! ```text
//!  parent                                                         child
//!    ├───────────────────────── Leave ─────────────────────────────►│
//!    │◄──────────────────────── end of file ────────────────────────┤ listens, whatever becomes of the parent
//!  another                                                          │
//!    ├───────────────────────── connects ──────────────────────────►│
//!    │◄──────────────────────── Ready ──────────────────────────────┤ (listens on if who has come goes again)
//!    ├───────────────────────── Start ─────────────────────────────►│
//!    │◄──────────────────────── end of file ────────────────────────┘ (closed on exec)
//! ```
//! In place of any frame of theirs the launcher and the child may say `Failed(step, errno, detail)` and end; where it was a
//! file system that the kernel refused, its context comes along, in which the kernel has noted why. End of file
//! where a frame is due means that the other end has died: the parent undoes what it made, the child exits, so that a
//! parent that is killed leaves nothing. After `Start` it means that the program has been executed, or that the child was
//! killed just then: its status says so.
//!
//! Floor: shared by both rooms; depends on `core` alone.

/// The size of a frame in bytes.
pub const SIZE: usize = 8;

/// The first byte of every frame; its low bits are the version of the protocol.
const MAGIC: u8 = 0xb1;

/// The place in a [`Frame::Failed`] that stands for executing the program. Plans hold fewer steps.
pub const AT_EXEC: u16 = u16::MAX;
/// The place in a [`Frame::Failed`] that stands for making the child.
pub const AT_CLONE: u16 = u16::MAX - 1;
/// The place in a [`Frame::Failed`] that stands for reading the plan.
pub const AT_PLAN: u16 = u16::MAX - 2;
/// The place in a [`Frame::Failed`] that stands for joining cgroups of version 1.
pub const AT_JOIN: u16 = u16::MAX - 3;
/// The place in a [`Frame::Failed`] that stands for joining namespaces: the detail is which.
pub const AT_ENTER: u16 = u16::MAX - 4;
/// The place in a [`Frame::Failed`] that stands for joining those that the child joins by itself.
pub const AT_ENTER_LATE: u16 = u16::MAX - 5;
/// How many steps a plan may hold at most.
pub const STEPS_MAX: u16 = AT_ENTER_LATE;

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// From the launcher: the child exists. Its pidfd comes along.
    Born {
        /// Its number in the launcher's pid namespace.
        pid: u32,
        /// Whether it was born in the cgroup that the launcher was given.
        in_cgroup: bool,
    },
    /// From the parent: ids are mapped, perform your steps; or, to a child that waits amid these, go on.
    Go {
        /// Whether the user namespace denies setgroups(2), so that groups cannot be dropped. Not looked at the second time.
        setgroups_denied: bool,
    },
    /// From the child: what the caller is to have from a step comes along. Once a step at most.
    Handed {
        /// Which step of the plan, counted from 0.
        at: u16,
    },
    /// From the child: something else is to be done before the next step.
    Waits {
        /// Which step of the plan, counted from 0.
        at: u16,
    },
    /// From the child: all steps are performed.
    Ready,
    /// From the parent: execute the program.
    Start,
    /// From the parent: I go; wait for whoever comes.
    Leave {
        /// Whether who comes must be able to look at the child, by which its namespaces are found in a user namespace.
        shown: bool,
    },
    /// From the child, if the plan asks for it: a step is performed, and has taken so long.
    Took {
        /// Which step of the plan, counted from 0.
        at: u16,
        /// Billionths of a second, as many as the number holds.
        nanos: u32,
    },
    /// From the launcher or the child: a step failed, and I end.
    Failed {
        /// Which step of the plan, counted from 0, or one of the `AT_…` places.
        at: u16,
        /// The kernel's error number.
        errno: u16,
        /// What the number alone does not tell: which part of the step, or a [`Detail`] of executing the program.
        detail: u16,
    },
}

/// Why a program could not be executed, as far as the child saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Detail {
    /// Nothing to add.
    None = 0,
    /// There is no such file.
    Absent = 1,
    /// The file is there: its interpreter or loader is absent.
    Interpreter = 2,
    /// It is a directory.
    Directory = 3,
    /// This user has no right to execute it.
    NoPermission = 4,
    /// It, or its interpreter or loader, is absent: which of them was not looked at.
    Unseen = 5,
}

/// Which part of making a terminal failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum TerminalPart {
    /// Finding /dev/pts.
    Place = 1,
    /// What is there is no devpts.
    Devpts = 2,
    /// Opening its ptmx, which makes a terminal.
    Open = 3,
    /// What was opened is not the ptmx of that devpts.
    Ptmx = 4,
    /// Unlocking the program's side.
    Unlock = 5,
    /// Opening the program's side.
    Peer = 6,
    /// Setting its size.
    Size = 7,
    /// Making it the session's.
    Control = 8,
    /// Making it a standard stream.
    Stream = 9,
    /// Handing the other side to the caller, who may have no room for it.
    Hand = 10,
}

impl Frame {
    /// The frame as it travels.
    #[must_use]
    pub const fn encode(self) -> [u8; SIZE] {
        let (kind, at, low, high) = match self {
            Frame::Born { pid, in_cgroup } => (1, in_cgroup as u16, (pid & 0xffff) as u16, (pid >> 16) as u16),
            Frame::Go { setgroups_denied } => (2, 0, setgroups_denied as u16, 0),
            Frame::Ready => (3, 0, 0, 0),
            Frame::Start => (4, 0, 0, 0),
            Frame::Leave { shown } => (9, shown as u16, 0, 0),
            Frame::Failed { at, errno, detail } => (5, at, errno, detail),
            Frame::Handed { at } => (6, at, 0, 0),
            Frame::Waits { at } => (8, at, 0, 0),
            Frame::Took { at, nanos } => (7, at, (nanos & 0xffff) as u16, (nanos >> 16) as u16),
        };
        let ([a, b], [c, d], [e, f]) = (u16::to_le_bytes(at), u16::to_le_bytes(low), u16::to_le_bytes(high));
        [MAGIC, kind, a, b, c, d, e, f]
    }

    /// The frame that travelled; `None` if the bytes are no frame of this version.
    #[must_use]
    pub const fn decode(bytes: [u8; SIZE]) -> Option<Self> {
        let [magic, kind, a, b, c, d, e, f] = bytes;
        if magic != MAGIC {
            return None;
        }
        let (at, low, high) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]), u16::from_le_bytes([e, f]));
        match (kind, at, low, high) {
            (1, born @ (0 | 1), low, high) => {
                Some(Frame::Born { pid: low as u32 | (high as u32) << 16, in_cgroup: born == 1 })
            }
            (2, 0, denied @ (0 | 1), 0) => Some(Frame::Go { setgroups_denied: denied == 1 }),
            (3, 0, 0, 0) => Some(Frame::Ready),
            (4, 0, 0, 0) => Some(Frame::Start),
            (9, shown @ (0 | 1), 0, 0) => Some(Frame::Leave { shown: shown == 1 }),
            (5, at, errno, detail) => Some(Frame::Failed { at, errno, detail }),
            (6, at, 0, 0) => Some(Frame::Handed { at }),
            (8, at, 0, 0) => Some(Frame::Waits { at }),
            (7, at, low, high) => Some(Frame::Took { at, nanos: low as u32 | (high as u32) << 16 }),
            _ => None,
        }
    }
}

impl Detail {
    /// The detail of this number; nothing to add for one that is none.
    #[must_use]
    pub const fn of(number: u16) -> Self {
        match number {
            1 => Detail::Absent,
            2 => Detail::Interpreter,
            3 => Detail::Directory,
            4 => Detail::NoPermission,
            5 => Detail::Unseen,
            _ => Detail::None,
        }
    }
}

impl TerminalPart {
    /// The part of this number.
    #[must_use]
    pub const fn of(number: u16) -> Option<Self> {
        Some(match number {
            1 => TerminalPart::Place,
            2 => TerminalPart::Devpts,
            3 => TerminalPart::Open,
            4 => TerminalPart::Ptmx,
            5 => TerminalPart::Unlock,
            6 => TerminalPart::Peer,
            7 => TerminalPart::Size,
            8 => TerminalPart::Control,
            9 => TerminalPart::Stream,
            10 => TerminalPart::Hand,
            _ => return None,
        })
    }
}

/// Where the parent stands in the chart above: what it waits for next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The launcher was started: `Born` is due.
    Launching,
    /// The child was born and waits for `Go`.
    Mapping,
    /// The child performs its steps: `Ready` is due, or what it hands over before that.
    Preparing,
    /// The child waits amid its steps for another `Go`.
    Waiting,
    /// The child is ready and waits for `Start`.
    Created,
    /// The child executes the program: end of file is due.
    Starting,
    /// The program runs.
    Running,
    /// The child lets go of this wire: end of file is due.
    Leaving,
    /// The child listens for others.
    Left,
}

/// What came over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// A frame.
    Frame(Frame),
    /// End of file: nobody holds the other end any more.
    End,
}

/// Why a launch cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The other end reported a failure.
    Failed {
        /// As in [`Frame::Failed`].
        at: u16,
        /// As in [`Frame::Failed`].
        errno: u16,
        /// As in [`Frame::Failed`].
        detail: u16,
    },
    /// The other end died where a frame was due.
    Died,
    /// The other end said what it must not say here.
    Unexpected,
    /// Somebody stops the other end whenever it goes on.
    Stopped,
    /// The cgroup that the other end is in is frozen.
    Frozen,
    /// It took longer than it was given.
    Late,
}

impl Phase {
    /// What follows from what was received.
    ///
    /// # Errors
    /// The launch is over, and why.
    pub const fn receive(self, received: Received) -> Result<Phase, Broken> {
        match (self, received) {
            (_, Received::Frame(Frame::Failed { at, errno, detail })) => Err(Broken::Failed { at, errno, detail }),
            (Phase::Launching, Received::Frame(Frame::Born { .. })) => Ok(Phase::Mapping),
            (Phase::Preparing, Received::Frame(Frame::Handed { .. } | Frame::Took { .. })) => Ok(self),
            (Phase::Preparing, Received::Frame(Frame::Waits { .. })) => Ok(Phase::Waiting),
            (Phase::Preparing, Received::Frame(Frame::Ready)) => Ok(Phase::Created),
            (Phase::Starting, Received::End) => Ok(Phase::Running),
            (Phase::Leaving, Received::End) => Ok(Phase::Left),
            (_, Received::End) => Err(Broken::Died),
            (_, Received::Frame(_)) => Err(Broken::Unexpected),
        }
    }

    /// The phase after the parent has said `frame`; `None` if it is not its turn to say that.
    #[must_use]
    pub const fn send(self, frame: Frame) -> Option<Phase> {
        match (self, frame) {
            (Phase::Mapping | Phase::Waiting, Frame::Go { .. }) => Some(Phase::Preparing),
            (Phase::Created, Frame::Start) => Some(Phase::Starting),
            (Phase::Created, Frame::Leave { .. }) => Some(Phase::Leaving),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames() -> impl Strategy<Value = Frame> {
        let failed = any::<(u16, u16, u16)>().prop_map(|(at, errno, detail)| Frame::Failed { at, errno, detail });
        let born = any::<(u32, bool)>().prop_map(|(pid, in_cgroup)| Frame::Born { pid, in_cgroup });
        let go = any::<bool>().prop_map(|setgroups_denied| Frame::Go { setgroups_denied });
        let handed = any::<u16>().prop_map(|at| Frame::Handed { at });
        let waits = any::<u16>().prop_map(|at| Frame::Waits { at });
        let leave = any::<bool>().prop_map(|shown| Frame::Leave { shown });
        prop_oneof![born, go, handed, waits, leave, Just(Frame::Ready), Just(Frame::Start), failed]
    }

    proptest! {
        #[test]
        fn every_frame_travels_unchanged(frame in frames()) {
            prop_assert_eq!(Frame::decode(frame.encode()), Some(frame));
        }

        // Every value of each byte is tried in each place: a frame has one form, and what is no frame's form is refused.
        #[test]
        fn what_is_not_the_form_of_a_frame_is_refused(frame in frames(), place in 0..SIZE) {
            for value in 0..=u8::MAX {
                let mut bytes = frame.encode();
                bytes[place] = value;
                prop_assert!(Frame::decode(bytes).is_none_or(|read| read.encode() == bytes), "{bytes:?}");
            }
        }
    }

    #[test]
    fn of_all_first_bytes_and_kinds_nine_are_frames() {
        let pairs = (0..=u8::MAX).flat_map(|magic| (0..=u8::MAX).map(move |kind| (magic, kind)));
        let known = pairs.filter(|(magic, kind)| Frame::decode([*magic, *kind, 0, 0, 0, 0, 0, 0]).is_some());
        assert_eq!(known.collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8, 9].map(|kind| (MAGIC, kind)));
    }

    const PHASES: [Phase; 9] = [
        Phase::Launching,
        Phase::Mapping,
        Phase::Preparing,
        Phase::Waiting,
        Phase::Created,
        Phase::Starting,
        Phase::Running,
        Phase::Leaving,
        Phase::Left,
    ];
    const LEAVE: Frame = Frame::Leave { shown: true };
    const BORN: Frame = Frame::Born { pid: 7, in_cgroup: false };
    const HANDED: Frame = Frame::Handed { at: 7 };
    const WAITS: Frame = Frame::Waits { at: 7 };
    const GO: Frame = Frame::Go { setgroups_denied: false };
    const FAILED: Frame = Frame::Failed { at: 3, errno: 1, detail: 0 };

    #[test]
    fn each_phase_takes_what_the_chart_says_and_nothing_else() {
        for (phase, frame) in PHASES
            .into_iter()
            .flat_map(|phase| [BORN, GO, HANDED, WAITS, LEAVE, Frame::Ready, Frame::Start].map(|frame| (phase, frame)))
        {
            let expected = match (phase, frame) {
                (Phase::Launching, Frame::Born { .. }) => Ok(Phase::Mapping),
                (Phase::Preparing, Frame::Handed { .. }) => Ok(Phase::Preparing),
                (Phase::Preparing, Frame::Waits { .. }) => Ok(Phase::Waiting),
                (Phase::Preparing, Frame::Ready) => Ok(Phase::Created),
                _ => Err(Broken::Unexpected),
            };
            assert_eq!(phase.receive(Received::Frame(frame)), expected, "{phase:?} {frame:?}");
        }
    }

    #[test]
    fn a_part_of_making_a_terminal_is_known_by_its_number() {
        let known = (0..=u16::MAX).filter_map(|number| TerminalPart::of(number).map(|part| (number, part as u16)));
        assert_eq!(known.collect::<Vec<_>>(), (1..=10).map(|number| (number, number)).collect::<Vec<_>>());
    }

    #[test]
    fn a_failure_ends_the_launch_in_every_phase_and_an_end_of_file_in_all_but_the_last() {
        for phase in PHASES {
            let failed = Broken::Failed { at: 3, errno: 1, detail: 0 };
            assert_eq!(phase.receive(Received::Frame(FAILED)), Err(failed), "{phase:?}");
            let expected = match phase {
                Phase::Starting => Ok(Phase::Running),
                Phase::Leaving => Ok(Phase::Left),
                _ => Err(Broken::Died),
            };
            assert_eq!(phase.receive(Received::End), expected, "{phase:?}");
        }
    }

    #[test]
    fn the_parent_speaks_in_three_phases_alone() {
        for (phase, frame) in PHASES.into_iter().flat_map(|phase| {
            [BORN, GO, HANDED, WAITS, LEAVE, Frame::Ready, Frame::Start, FAILED].map(|frame| (phase, frame))
        }) {
            let expected = match (phase, frame) {
                (Phase::Mapping | Phase::Waiting, Frame::Go { .. }) => Some(Phase::Preparing),
                (Phase::Created, Frame::Start) => Some(Phase::Starting),
                (Phase::Created, Frame::Leave { .. }) => Some(Phase::Leaving),
                _ => None,
            };
            assert_eq!(phase.send(frame), expected, "{phase:?} {frame:?}");
        }
    }
}
