// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conversations over a real socket pair: the parent's end, and a script in place of the launcher and the child.

use std::io::IoSlice;

use rustix::net::SendAncillaryMessage;

use super::*;

const GO: Frame = Frame::Go { setgroups_denied: false };
const FAILED: Frame = Frame::Failed { at: 7, errno: 13, detail: 0 };
const BROKEN: Broken = Broken::Failed { at: 7, errno: 13, detail: 0 };

/// What the other side does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Say(Frame),
    Hang,
}

fn say(socket: &OwnedFd, bytes: &[u8]) {
    rustix::net::send(socket, bytes, SendFlags::NOSIGNAL).unwrap();
}

/// Plays the script against the parent, which does what it does in a launch, and answers where that ends: the phase, and
/// what broke it.
fn play(script: &[Act]) -> (Phase, Option<Broken>) {
    let (mut wire, far) = ParentWire::new().unwrap();
    let mut far = Some(far);
    for act in script {
        match (act, &far) {
            (Act::Say(frame), Some(socket)) => say(socket, &frame.encode()),
            (Act::Hang, _) => far = None,
            (Act::Say(_), None) => return (wire.phase, None),
        }
        if let Err(broken) = wire.receive() {
            return (wire.phase, Some(broken));
        }
        match wire.phase {
            Phase::Mapping => wire.send(GO).unwrap(),
            Phase::Created => wire.send(Frame::Start).unwrap(),
            _ => {}
        }
        if let Some(socket) = &far {
            let _nothing_said = rustix::net::recv(socket, &mut [0; SIZE], RecvFlags::DONTWAIT);
        }
    }
    (wire.phase, None)
}

#[test]
fn of_all_conversations_that_of_the_chart_alone_gets_to_running() {
    let [born, ready, handed] =
        [Frame::Born { pid: 9, in_cgroup: true }, Frame::Ready, Frame::Handed { at: 7 }].map(Act::Say);
    let chart = [born, ready, Act::Hang];
    // What is handed over, and how often, the plan says, not the wire.
    let with_one = [born, handed, ready, Act::Hang];
    let with_two = [born, handed, handed, ready, Act::Hang];
    let acts = [born, ready, handed, Act::Hang, Act::Say(GO), Act::Say(Frame::Start), Act::Say(FAILED)];
    let one_more = |script: Vec<Act>| acts.map(|act| [&script[..], &[act]].concat());
    let scripts = (0..3).fold(vec![Vec::new()], |scripts, _| scripts.into_iter().flat_map(one_more).collect());
    for script in scripts {
        let (phase, broken) = play(&script);
        let is_whole = script == chart;
        assert_eq!(phase == Phase::Running, is_whole, "{script:?} {phase:?} {broken:?}");
        assert_eq!(
            broken.is_none(),
            is_whole || [&with_one[..], &with_two].iter().any(|whole| whole.starts_with(&script)),
            "{script:?} {phase:?}"
        );
        for script in one_more(script) {
            let (phase, _) = play(&script);
            assert_eq!(phase == Phase::Running, is_whole || script == with_one, "{script:?} {phase:?}");
        }
    }
}

#[test]
fn a_reported_failure_is_known_with_its_step_wherever_it_comes() {
    let before = [Act::Say(Frame::Born { pid: 9, in_cgroup: true }), Act::Say(Frame::Ready)];
    for count in 0..=before.len() {
        let script = [&before[..count], &[Act::Say(FAILED)]].concat();
        assert_eq!(play(&script).1, Some(BROKEN), "{script:?}");
        let script = [&before[..count], &[Act::Hang]].concat();
        assert_eq!(play(&script).1, (count < 2).then_some(Broken::Died), "{script:?}");
    }
}

#[test]
fn what_is_no_frame_is_taken_for_the_death_of_the_other_side() {
    for bytes in [&[0; SIZE][..], &Frame::Born { pid: 9, in_cgroup: true }.encode()[..7], b"x"] {
        let (mut wire, far) = ParentWire::new().unwrap();
        say(&far, bytes);
        assert_eq!(wire.receive().unwrap_err(), Broken::Died, "{bytes:?}");
        assert_eq!(wire.phase, Phase::Launching);
    }
}

#[test]
fn the_parent_is_silent_where_it_is_not_its_turn() {
    let (mut wire, far) = ParentWire::new().unwrap();
    assert_eq!(wire.send(Frame::Start), Err(Broken::Unexpected));
    assert_eq!(wire.send(GO), Err(Broken::Unexpected));
    drop(wire);
    let mut bytes = [0; SIZE];
    assert_eq!(rustix::net::recv(&far, &mut bytes, RecvFlags::empty()).unwrap().0, 0);
}

#[test]
fn what_the_parent_says_arrives_in_order_and_a_deaf_other_side_is_no_signal() {
    let (mut wire, far) = ParentWire::new().unwrap();
    say(&far, &Frame::Born { pid: 9, in_cgroup: true }.encode());
    wire.receive().unwrap();
    wire.send(Frame::Go { setgroups_denied: true }).unwrap();
    let mut bytes = [0; SIZE];
    rustix::net::recv(&far, &mut bytes, RecvFlags::empty()).unwrap();
    assert_eq!(Frame::decode(bytes), Some(Frame::Go { setgroups_denied: true }));
    say(&far, &Frame::Ready.encode());
    wire.receive().unwrap();
    // A failure that was said before the other side went is still heard.
    say(&far, &FAILED.encode());
    drop(far);
    wire.send(Frame::Start).unwrap();
    assert_eq!(wire.receive().unwrap_err(), BROKEN);
}

#[test]
fn two_descriptors_come_along_closed_on_exec() {
    let (mut wire, far) = ParentWire::new().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let fds = [reader.as_fd(), writer.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    let bytes = Frame::Born { pid: 9, in_cgroup: true }.encode();
    rustix::net::sendmsg(&far, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL).unwrap();
    let (received, fds) = wire.receive().unwrap();
    assert_eq!(received, Received::Frame(Frame::Born { pid: 9, in_cgroup: true }));
    assert_eq!(fds.len(), 2);
    for fd in fds {
        assert!(rustix::io::fcntl_getfd(fd).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
    }
}

#[test]
fn a_child_that_died_before_it_was_started_or_read_the_start_is_not_running() {
    for was_sent in [false, true] {
        let (mut wire, far) = ParentWire::new().unwrap();
        say(&far, &Frame::Born { pid: 9, in_cgroup: true }.encode());
        wire.receive().unwrap();
        wire.send(GO).unwrap();
        say(&far, &Frame::Ready.encode());
        wire.receive().unwrap();
        rustix::net::recv(&far, &mut [0; SIZE], RecvFlags::empty()).unwrap();
        if was_sent {
            wire.send(Frame::Start).unwrap();
            drop(far);
        } else {
            drop(far);
            wire.send(Frame::Start).unwrap();
        }
        assert_eq!(wire.receive().unwrap_err(), Broken::Died, "sent: {was_sent}");
    }
}

#[test]
fn what_the_other_end_has_died_of_is_heard_before_anything_is_asked_of_it() {
    let born = || {
        let (mut wire, far) = ParentWire::new().unwrap();
        say(&far, &Frame::Born { pid: 9, in_cgroup: true }.encode());
        wire.receive().unwrap();
        (wire, far)
    };
    let (mut waits, far) = born();
    assert_eq!(waits.reported(), None);
    say(&far, &FAILED.encode());
    drop(far);
    assert_eq!(waits.reported(), Some(BROKEN));
    // An end without a word is told where the next word is due.
    let (mut gone, far) = born();
    drop(far);
    assert_eq!(gone.reported(), None);
}
